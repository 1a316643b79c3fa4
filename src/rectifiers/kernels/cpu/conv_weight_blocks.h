// Samples as lanes, gradients of the weights by register blocks of channels × outputs whose lanes are samples.
//
// For outputs that are too few for lanes, or leave some of them empty.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_sample_plan.h"
#include "conv_weight_grad.h"

namespace rectifiers {

template <class S>
class WeightBlocks {
 public:
  explicit WeightBlocks(const SamplePlan<S>& plan)
      : plan_(plan), output_blocks_(plan.outputs, plan.kernels.weight_grad_outputs) {}

  // The gradient of a tile, as blocks of a few outputs of all pixels.
  void arrange(const S* grad, int64_t pixels, int64_t pitch, S* to) const {
    regroup(grad, pixels, pitch, output_blocks_, to);
  }

  void add(const WeightGradTile<S>& tile) const {
    const Split channel_blocks(tile.channels, plan_.kernels.weight_grad_channels);
    regroup(tile.x, tile.pairs.mine().pixels(), tile.x_pitch, channel_blocks, tile.spare);
    // There are whole squares of vectors, so that the sums over samples can be read from transposed ones.
    const int64_t largest = plan_.kernels.weight_grad_channels * plan_.kernels.weight_grad_outputs * plan_.taps +
                            plan_.kernels.samples;
    Sums sums{std::vector<S>(largest * plan_.kernels.samples), std::vector<S>(largest)};
    for (int64_t i = 0; i < channel_blocks.parts; ++i) {
      for (int64_t j = 0; j < output_blocks_.parts; ++j) {
        add_block(
            tile,
            {channel_blocks.begin(i), channel_blocks.size(i), output_blocks_.begin(j), output_blocks_.size(j)},
            sums);
      }
    }
  }

 private:
  static constexpr int64_t kBandPixels = 128;  // what they need stays in the first-level cache

  struct Sums {
    std::vector<S> samples, totals;  // of all taps: output, channel, and in `samples` sample
  };

  struct Block {
    int64_t channel, channels, output, outputs;
  };

  void add_block(const WeightGradTile<S>& tile, const Block& block, Sums& sums) const {
    const int64_t samples = plan_.kernels.samples, count = block.channels * block.outputs;
    const int64_t bands = Split(tile.pairs.mine().pixels(), kBandPixels).parts;
    std::fill(sums.samples.begin(), sums.samples.end(), S(0));
    for (int64_t band = 0; band < bands; ++band) {
      for (int64_t tap = 0; tap < plan_.taps; ++tap) {
        const auto &x_pixels = tile.pairs.mine_of(tap), &grad_pixels = tile.pairs.others_of(tap);
        const int64_t all = x_pixels.size(), begin = all * band / bands, end = all * (band + 1) / bands;
        plan_.kernels.weight_grad(
            block.channels,
            block.outputs,
            {
                .count = end - begin,
                .x_pixels = x_pixels.data() + begin,
                .grad_pixels = grad_pixels.data() + begin,
                .x = tile.spare + tile.pairs.mine().pixels() * block.channel * samples,
                .x_pitch = block.channels * samples,
                .grad = tile.grad + tile.pairs.others().pixels() * block.output * samples,
                .grad_pitch = block.outputs * samples,
                .thresholds = tile.thresholds + tap * plan_.channels + block.channel,
                .sums = sums.samples.data() + tap * count * samples,
            });
      }
    }
    plan_.kernels.sum_samples(count * plan_.taps, sums.samples.data(), sums.totals.data());
    const S* total = sums.totals.data();
    for (int64_t tap = 0; tap < plan_.taps; ++tap) {
      for (int64_t o = block.output; o < block.output + block.outputs; ++o) {
        for (int64_t c = block.channel; c < block.channel + block.channels; ++c) {
          tile.sums[(c * plan_.taps + tap) * plan_.outputs + o] += *total++;
        }
      }
    }
  }

  // Pixels of all channels, as blocks of a few channels of all pixels.
  void regroup(const S* from, int64_t pixels, int64_t pitch, const Split& blocks, S* to) const {
    for (int64_t block = 0; block < blocks.parts; ++block) {
      const int64_t size = blocks.size(block) * plan_.kernels.samples;
      for (int64_t pixel = 0; pixel < pixels; ++pixel, to += size) {
        std::copy_n(from + pixel * pitch + blocks.begin(block) * plan_.kernels.samples, size, to);
      }
    }
  }

  const SamplePlan<S>& plan_;
  Split output_blocks_;
};

}  // namespace rectifiers
