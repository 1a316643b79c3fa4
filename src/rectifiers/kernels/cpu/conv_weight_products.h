// Samples as lanes, gradients of the weights as products of matrices whose columns are outputs.
//
// For every tap: panel (channels × pixels·V) · grad (pixels·V × O), where a panel's row is max(x, threshold).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_sample_plan.h"
#include "conv_weight_grad.h"
#include "scratch.h"

namespace rectifiers {

template <class S>
class WeightProducts {
 public:
  WeightProducts(const SamplePlan<S>& plan, const Convolution<S>& kernels) : plan_(plan), kernels_(kernels) {}

  // Whether outputs fill vectors, and enough of them.
  static bool suits(const SamplePlan<S>& plan, const Convolution<S>& kernels) {
    return plan.outputs >= 2 * kernels.lanes && plan.outputs % kernels.lanes == 0;
  }

  // The gradient of a tile (pixel, output, sample), transposed: a row of outputs per pixel and sample; two vectors of a
  // row stand together.
  void arrange(const S* grad, int64_t pixels, int64_t pitch, S* to) const {
    const int64_t lanes = kernels_.lanes, samples = plan_.kernels.samples;
    for (int64_t o = 0; o < plan_.outputs; o += lanes) {
      const int64_t pair = o / (2 * lanes) * 2 * lanes, stride = std::min(2 * lanes, plan_.outputs - pair);
      S* const into = to + pair * pixels * samples + o % (2 * lanes);
      for (int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (int64_t i = 0; i < samples; i += lanes) {
          const S* const square = grad + pixel * pitch + o * samples + i;
          kernels_.transpose(square, samples, into + (pixel * samples + i) * stride, stride);
        }
      }
    }
  }

  void add(const WeightGradTile<S>& tile) const {
    const int64_t most = kSampleTerms / plan_.kernels.samples;
    const int64_t pitch = (most | 1) * plan_.kernels.samples;
    Panel panel{most, pitch, aligned<S>(kernels_.rows * pitch), {}};
    for (int64_t tap = 0; tap < plan_.taps; ++tap) {
      const auto &x_pixels = tile.pairs.mine_of(tap), &grad_pixels = tile.pairs.others_of(tap);
      panel.starts.clear();
      for (const int32_t pixel : x_pixels) panel.starts.push_back(pixel * tile.x_pitch);
      // The rows of the gradient must stand one after the other.
      const int64_t count = x_pixels.size();
      for (int64_t first = 0, last = 0; first < count; first = last) {
        for (last = first + 1; last < count && last < first + most; ++last) {
          if (grad_pixels[last] != grad_pixels[last - 1] + 1) break;
        }
        add_run(tile, tap, first, last - first, grad_pixels[first], panel);
      }
    }
  }

 private:
  struct Panel {
    int64_t most;   // pixels
    int64_t pitch;  // from row to row
    std::unique_ptr<S[], Free> values;
    std::vector<int64_t> starts;
  };

  // Some pixels of a tap, whose gradients begin at a pixel.
  void add_run(
      const WeightGradTile<S>& tile, int64_t tap, int64_t first, int64_t pixels, int64_t grad_pixel, Panel& panel)
      const {
    const int64_t samples = plan_.kernels.samples;
    const Runs runs = {.count = pixels, .length = samples, .starts = panel.starts.data() + first};
    const Split blocks(tile.channels, kernels_.rows);
    for (int64_t block = 0; block < blocks.parts; ++block) {
      const int64_t c = blocks.begin(block), rows = blocks.size(block);
      for (int64_t i = 0; i < rows; ++i) {
        const S threshold = tile.thresholds[tap * plan_.channels + c + i];
        kernels_.im2col(runs, tile.x + (c + i) * samples, threshold, panel.values.get() + i * panel.pitch);
      }
      multiply(tile, tap, c, rows, pixels * samples, grad_pixel * samples, panel);
    }
  }

  void multiply(
      const WeightGradTile<S>& tile,
      int64_t tap,
      int64_t channel,
      int64_t rows,
      int64_t depth,
      int64_t grad_row,
      const Panel& panel) const {
    const int64_t lanes = kernels_.lanes, paired = plan_.outputs / (2 * lanes) * 2 * lanes;
    const int64_t all_rows = tile.pairs.others().pixels() * plan_.kernels.samples;
    const auto multiply = [&](int64_t o, int64_t columns, int64_t stride) {
      kernels_.multiply({
          .rows = rows,
          .columns = columns,
          .depth = depth,
          .a = panel.values.get(),
          .a_stride = panel.pitch,
          .b = tile.grad + o * all_rows + grad_row * stride,
          .b_stride = stride,
          .b_pair = stride * all_rows,
          .c = tile.sums + (channel * plan_.taps + tap) * plan_.outputs + o,
          .c_stride = plan_.taps * plan_.outputs,
          .accumulate = true,
      });
    };
    multiply(0, paired, 2 * lanes);
    if (paired < plan_.outputs) multiply(paired, lanes, lanes);
  }

  const SamplePlan<S>& plan_;
  const Convolution<S>& kernels_;
};

}  // namespace rectifiers
