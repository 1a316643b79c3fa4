// Samples as lanes, forward: every output pixel sums weight·max(x, threshold) over its taps and channels.
//
// Loops, from the outside: tile, group and block of V samples (a task); chunk of channels; register block of outputs;
// pixel; and within the micro-kernel tap, channel, output, V samples.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "conv_padded_taps.h"
#include "conv_sample_plan.h"
#include "conv_tiling.h"
#include "scratch.h"

namespace rectifiers {

template <class S>
class SampleForward {
 public:
  SampleForward(const SamplePlan<S>& plan, const Operands<S>& in, const S* bias, S* y)
      : plan_(plan),
        g_(plan.g),
        x_(Images<const S>{in.x, g_.channels, g_.in, in.channels_last}),
        y_(Images<S>{y, g_.outputs, g_.out, in.channels_last}),
        bias_(bias),
        chunks_(plan.channels, std::max<int64_t>(1, kSampleTerms / plan.taps)),
        blocks_(plan.outputs, plan.kernels.forward_outputs),
        tiling_(1, g_.out, plan.tile_pixels(chunks_.largest() + plan.outputs), 1),
        padded_taps_(plan),
        padding_(padded_taps_.forward(in.weight, in.threshold)),
        thresholds_(plan.tap_major(in.threshold)),
        weights_(pack(plan, chunks_, in.weight)) {}

  // A task is a block of samples of a group in a tile.
  void run() const {
    const int64_t per_tile = plan_.sample_blocks * g_.groups;
    for_tasks(tiling_.count() * per_tile, [&](int64_t begin, int64_t end) {
      Memory memory;
      for (int64_t task = begin; task < end; ++task) {
        if (task == begin || task % per_tile == 0) {
          memory.pairs = PixelPairs::of_output_tile(g_, tiling_[task / per_tile]);
        }
        convolve(task % plan_.sample_blocks, task / plan_.sample_blocks % g_.groups, memory);
      }
    });
  }

 private:
  struct Memory {
    Buffer<S> input, output;
    std::optional<PixelPairs> pairs;
  };

  static std::vector<S> pack(const SamplePlan<S>& plan, const Split& chunks, const S* weight) {
    const Split whole(plan.outputs, plan.outputs);
    const auto at = [&](int64_t group, int64_t tap, int64_t c, int64_t o) {
      return weight[plan.weight_at(group, o, c, tap)];
    };
    return plan.pack(whole, plan.kernels.forward_outputs, chunks, at);
  }

  void convolve(int64_t sample_block, int64_t group, Memory& memory) const {
    const PixelPairs& pairs = *memory.pairs;
    const int64_t y_pitch = plan_.pitch(plan_.outputs);
    S* const x = memory.input.at_least(pairs.others().pixels() * plan_.pitch(chunks_.largest()));
    S* const y = memory.output.at_least(pairs.mine().pixels() * y_pitch);
    for (int64_t pixel = 0; pixel < pairs.mine().pixels(); ++pixel) {
      start(pairs.taps(pixel), group, y + pixel * y_pitch);
    }
    for (int64_t chunk = 0; chunk < chunks_.parts; ++chunk) {
      const Part part = {sample_block, group * plan_.channels + chunks_.begin(chunk), chunks_.size(chunk)};
      plan_.interleave(x_, part, pairs.others(), x, plan_.pitch(part.channels));
      add(pairs, group, chunk, x, y);
    }
    plan_.deinterleave(y, y_pitch, {sample_block, group * plan_.outputs, plan_.outputs}, pairs.mine(), y_);
  }

  // Bias and padding: what a pixel's outputs are before any of its taps is added.
  void start(const Taps& taps, int64_t group, S* y) const {
    const int64_t samples = plan_.kernels.samples;
    for (int64_t o = group * plan_.outputs; o < (group + 1) * plan_.outputs; ++o, y += samples) {
      S sum = bias_ ? bias_[o] : S(0);
      if (taps.count < plan_.taps) {
        padded_taps_.each_padded(taps, [&](int64_t tap) { sum += padding_[tap * g_.outputs + o]; });
      }
      std::fill_n(y, samples, sum);
    }
  }

  // What a chunk of channels gives.
  void add(const PixelPairs& pairs, int64_t group, int64_t chunk, const S* x, S* y) const {
    const int64_t first = chunks_.begin(chunk), channels = chunks_.size(chunk), y_pitch = plan_.pitch(plan_.outputs);
    // The weights of a block stay in the first-level cache while all pixels go over them.
    for (int64_t block = 0; block < blocks_.parts; ++block) {
      const int64_t o = blocks_.begin(block), outputs = blocks_.size(block);
      for (int64_t pixel = 0; pixel < pairs.mine().pixels(); ++pixel) {
        plan_.kernels.forward(
            outputs,
            {
                .taps = pairs.taps(pixel),
                .channels = channels,
                .x = x,
                .x_pitch = plan_.pitch(channels),
                .thresholds = thresholds_.data() + group * plan_.taps * plan_.channels + first,
                .threshold_pitch = plan_.channels,
                .weights = weights_.data() +
                           ((group * plan_.outputs + o) * plan_.channels + first * outputs) * plan_.taps,
                .y = y + pixel * y_pitch + o * plan_.kernels.samples,
            });
      }
    }
  }

  const SamplePlan<S>& plan_;
  const Geometry& g_;
  Images<const S> x_;
  Images<S> y_;
  const S* bias_;
  Split chunks_;  // of a group's channels
  Split blocks_;  // of a group's outputs
  Tiling tiling_;
  PaddedTaps<S> padded_taps_;
  std::vector<S> padding_;     // tap, output
  std::vector<S> thresholds_;  // group, tap, channel
  std::vector<S> weights_;
};

}  // namespace rectifiers
