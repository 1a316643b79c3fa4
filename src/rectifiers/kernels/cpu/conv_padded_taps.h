// Taps that read padding, on the sample path.
//
// Such a tap sees max(0, threshold) whatever the sample, so that its share is worked out once for all of them.
//
// O outputs, K taps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_sample_plan.h"

namespace rectifiers {

template <class S>
class PaddedTaps {
 public:
  explicit PaddedTaps(const SamplePlan<S>& plan) : plan_(plan), g_(plan.g) {}

  static S value(S threshold) { return threshold > 0 ? threshold : 0; }

  // What each tap adds to each output: K × O.
  std::vector<S> forward(const S* weight, const S* threshold) const {
    const int64_t depth = g_.depth(), taps = plan_.taps;
    std::vector<S> sums(taps * g_.outputs);
    for_tasks(g_.outputs, [&](int64_t begin, int64_t end) {
      std::vector<double> sums_of_output(taps);
      for (int64_t o = begin; o < end; ++o) {
        std::fill(sums_of_output.begin(), sums_of_output.end(), 0.0);
        const S* const thresholds = threshold + o / plan_.outputs * depth;
        for (int64_t i = 0; i < depth; ++i) {
          sums_of_output[i % taps] += double(weight[o * depth + i]) * value(thresholds[i]);
        }
        for (int64_t tap = 0; tap < taps; ++tap) sums[tap * g_.outputs + o] = static_cast<S>(sums_of_output[tap]);
      }
    });
    return sums;
  }

  // The gradient of the bias; returns, K × O, the sums of the gradients of those outputs whose tap reads padding.
  std::vector<double> backward(const S* grad, S* grad_bias) const {
    const std::vector<std::vector<int64_t>> pixels = padded_pixels();
    std::vector<double> sums(plan_.taps * g_.outputs, 0.0);
    for_tasks(g_.outputs, [&](int64_t begin, int64_t end) {
      std::vector<double> totals(end - begin, 0.0);
      // Outputs inside samples: in the order of memory.
      for (int64_t n = 0; n < g_.batch; ++n) {
        for (int64_t o = begin; o < end; ++o) {
          const S* const plane = grad + (n * g_.outputs + o) * g_.out_pixels();
          totals[o - begin] += plan_.kernels.sum(g_.out_pixels(), plane);
          for (int64_t tap = 0; tap < plan_.taps; ++tap) {
            double& sum = sums[tap * g_.outputs + o];
            for (const int64_t pixel : pixels[tap]) sum += plane[pixel];
          }
        }
      }
      for (int64_t o = begin; o < end; ++o) grad_bias[o] = static_cast<S>(totals[o - begin]);
    });
    return sums;
  }

  // Calls body(tap) for every tap that is not in a pixel's list.
  template <class Body>
  void each_padded(const Taps& taps, const Body& body) const {
    for (int64_t tap = 0, next = 0; tap < plan_.taps; ++tap) {
      if (next < taps.count && taps.tap[next] == tap) {
        ++next;
      } else {
        body(tap);
      }
    }
  }

 private:
  // Of each tap the output pixels at which it reads padding.
  std::vector<std::vector<int64_t>> padded_pixels() const {
    constexpr int64_t kTilePixels = 128;
    const Tiling tiling(1, g_.out, kTilePixels, 1);
    std::vector<std::vector<int64_t>> pixels(plan_.taps);
    for (int64_t tile = 0, number = 0; tile < tiling.count(); ++tile) {
      const PixelPairs pairs = PixelPairs::of_output_tile(g_, tiling[tile]);
      for (int64_t pixel = 0; pixel < pairs.mine().pixels(); ++pixel, ++number) {
        each_padded(pairs.taps(pixel), [&](int64_t tap) { pixels[tap].push_back(number); });
      }
    }
    return pixels;
  }

  const SamplePlan<S>& plan_;
  const Geometry& g_;
};

}  // namespace rectifiers
