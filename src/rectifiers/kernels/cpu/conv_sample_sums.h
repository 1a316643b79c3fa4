// Samples as lanes: the partial sums of the gradients of weights and thresholds, and how they become the gradients.
//
// C channels, O outputs of a group, K taps, V samples side by side.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "conv_padded_taps.h"
#include "conv_sample_plan.h"
#include "scratch.h"

namespace rectifiers {

template <class S>
class SampleSums {
 public:
  SampleSums(const SamplePlan<S>& plan, int64_t parts)
      : plan_(plan),
        g_(plan.g),
        parts_(parts),
        weights_(aligned<S>(parts * g_.channels * plan.taps * plan.outputs)),
        thresholds_(aligned<S>(parts * g_.channels * plan.taps * plan.kernels.samples)) {}

  // From a channel on: channel, tap, output.
  S* weights(int64_t part, int64_t channel) const {
    return weights_.get() + (part * g_.channels + channel) * plan_.taps * plan_.outputs;
  }

  // Of a group: tap, channel, sample.
  S* thresholds(int64_t part, int64_t group) const {
    return thresholds_.get() + (part * g_.groups + group) * plan_.taps * plan_.channels * plan_.kernels.samples;
  }

  // Adds the parts up, in their order, and what the taps see of padding. `padded`: what PaddedTaps::backward returns.
  void collect_weights(const Operands<S>& in, const std::vector<double>& padded, S* grad_weight) const {
    const int64_t row = plan_.taps * plan_.outputs;
    for_tasks(g_.channels, [&](int64_t begin, int64_t end) {
      std::vector<S> sums(row);
      for (int64_t c = begin; c < end; ++c) {
        std::fill(sums.begin(), sums.end(), S(0));
        for (int64_t part = 0; part < parts_; ++part) {
          const S* const from = weights(part, c);
          for (int64_t at = 0; at < row; ++at) sums[at] += from[at];
        }
        const int64_t group = c / plan_.channels;
        for (int64_t o = 0; o < plan_.outputs; ++o) {
          S* const to = grad_weight + plan_.weight_at(group, o, c % plan_.channels, 0);
          for (int64_t tap = 0; tap < plan_.taps; ++tap) {
            const double padding = padded[tap * g_.outputs + group * plan_.outputs + o] *
                                   PaddedTaps<S>::value(in.threshold[c * plan_.taps + tap]);
            to[tap] = sums[tap * plan_.outputs + o] + static_cast<S>(padding);
          }
        }
      }
    });
  }

  // The same for the thresholds, of whose gradients each sample's lane has its own sum.
  void collect_thresholds(const Operands<S>& in, const std::vector<double>& padded, S* grad_threshold) const {
    const int64_t samples = plan_.kernels.samples;
    for_tasks(g_.channels, [&](int64_t begin, int64_t end) {
      std::vector<double> padding(plan_.taps);
      for (int64_t c = begin; c < end; ++c) {
        const int64_t group = c / plan_.channels, channel = c % plan_.channels;
        std::fill(padding.begin(), padding.end(), 0.0);
        for (int64_t o = 0; o < plan_.outputs; ++o) {
          const S* const from = in.weight + plan_.weight_at(group, o, channel, 0);
          for (int64_t tap = 0; tap < plan_.taps; ++tap) {
            padding[tap] += padded[tap * g_.outputs + group * plan_.outputs + o] * from[tap];
          }
        }
        for (int64_t tap = 0; tap < plan_.taps; ++tap) {
          double sum = in.threshold[c * plan_.taps + tap] >= 0 ? padding[tap] : 0;
          for (int64_t part = 0; part < parts_; ++part) {
            const S* const lanes = thresholds(part, group) + (tap * plan_.channels + channel) * samples;
            for (int64_t i = 0; i < samples; ++i) sum += lanes[i];
          }
          grad_threshold[c * plan_.taps + tap] = static_cast<S>(sum);
        }
      }
    });
  }

 private:
  const SamplePlan<S>& plan_;
  const Geometry& g_;
  int64_t parts_;
  std::unique_ptr<S[], Free> weights_, thresholds_;
};

}  // namespace rectifiers
