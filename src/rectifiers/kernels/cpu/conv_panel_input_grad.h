// Panels, gradients of input and thresholds: weightᵀ (CK × O) · grad (O × P) is the panel's gradient. col2im sends it
// row by row to the input or, where an input does not exceed the row's threshold, to that threshold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "conv_panel_plan.h"
#include "scratch.h"

namespace rectifiers {

template <class S>
class PanelInputGrad {
 public:
  PanelInputGrad(const PanelPlan<S>& plan, const Operands<S>& in, const S* grad, const Gradients<S>& out)
      : plan_(plan),
        g_(plan.g),
        in_(in),
        grad_(grad),
        out_(out),
        weights_(plan.pack_transposed_weights(in.weight)),
        sample_blocks_((g_.batch + plan.tiling.samples() - 1) / plan.tiling.samples()),
        threshold_rows_(g_.channels * g_.taps()),
        threshold_sums_(new S[sample_blocks_ * threshold_rows_]) {}

  // A task is a chunk of channels in the samples of a tile: nobody else adds to their gradient.
  void run() const {
    const int64_t chunks = g_.groups * plan_.chunks.parts;
    for_tasks(sample_blocks_ * chunks, [&](int64_t begin, int64_t end) {
      Memory memory(plan_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t chunk = task % chunks;
        differentiate(task / chunks, chunk / plan_.chunks.parts, chunk % plan_.chunks.parts, memory);
      }
    });
    sum_thresholds();
  }

 private:
  struct Memory {
    Scratch<S> scratch;
    S *input, *input_grad, *panel, *grads;
    int64_t grads_of = -1;  // what `grads` holds: neighbouring tasks often share it
    std::vector<int64_t> starts;

    explicit Memory(const PanelPlan<S>& plan) : Memory(plan, input_size(plan), plan.g.outputs_per_group()) {}

   private:
    Memory(const PanelPlan<S>& plan, int64_t input_size, int64_t outputs)
        : scratch(2 * Scratch<S>::round(input_size) + (plan.rows + outputs) * plan.pitch + 2 * plan.slack()),
          input(scratch.take(input_size)),
          input_grad(scratch.take(input_size)),
          panel(scratch.take(plan.rows * plan.pitch)),
          grads(scratch.take(outputs * plan.pitch)) {}

    static int64_t input_size(const PanelPlan<S>& plan) {
      return InputTile(plan.g, 0, plan.tiling.samples()).plane() * plan.chunks.largest() + plan.slack();
    }
  };

  void differentiate(int64_t sample_block, int64_t group, int64_t chunk, Memory& memory) const {
    const int64_t first = plan_.first_channel(group, chunk), channels = plan_.chunks.size(chunk);
    const int64_t sample = sample_block * plan_.tiling.samples(), tiles = plan_.tiling.per_sample();
    const InputTile input_tile(g_, sample, std::min(plan_.tiling.samples(), g_.batch - sample));
    const int64_t plane = input_tile.plane();
    std::fill_n(memory.input_grad, channels * plane, S(0));
    for (int64_t c = 0; c < channels; ++c) {
      input_tile.read(plan_.kernels, in_.x, first + c, memory.input + c * plane);
    }
    S* const threshold_sums = threshold_sums_.get() + sample_block * threshold_rows_ + first * g_.taps();
    std::fill_n(threshold_sums, channels * g_.taps(), S(0));
    for (int64_t index = sample_block * tiles; index < (sample_block + 1) * tiles; ++index) {
      multiply(index, group, chunk, memory);
      col2im(plan_.tiling[index], first, channels, input_tile, memory, threshold_sums);
    }
    for (int64_t c = 0; c < channels; ++c) {
      input_tile.write(plan_.kernels, memory.input_grad + c * plane, first + c, out_.x);
    }
  }

  // The gradient of a tile's panel.
  void multiply(int64_t index, int64_t group, int64_t chunk, Memory& memory) const {
    const Tile tile = plan_.tiling[index];
    const int64_t grads_of = index * g_.groups + group;
    if (memory.grads_of != grads_of) plan_.read_grad(grad_, tile, group, memory.grads);
    memory.grads_of = grads_of;
    plan_.kernels.multiply({
        .rows = plan_.chunk_rows(chunk),
        .columns = plan_.whole_vectors(tile.pixels()),
        .depth = g_.outputs_per_group(),
        .a = weights_.get() + plan_.packed_begin(group, chunk),
        .a_stride = 0,
        .b = memory.grads,
        .b_stride = plan_.pitch,
        .b_pair = 2 * plan_.kernels.lanes,
        .c = memory.panel,
        .c_stride = plan_.pitch,
        .accumulate = false,
    });
  }

  // Sends it where its values came from.
  void col2im(
      const Tile& tile,
      int64_t first,
      int64_t channels,
      const InputTile& input_tile,
      Memory& memory,
      S* threshold_sums) const {
    const int64_t taps = g_.taps();
    const Runs runs = input_tile.runs(tile, memory.starts);
    for (int64_t row = 0; row < channels * taps; ++row) {
      const int64_t offset = row / taps * input_tile.plane() + input_tile.offset(row % taps);
      threshold_sums[row] += plan_.kernels.col2im(
          runs,
          memory.panel + row * plan_.pitch,
          memory.input + offset,
          in_.threshold[first * taps + row],
          memory.input_grad + offset);
    }
  }

  void sum_thresholds() const {
    std::vector<double> sums(threshold_rows_, 0.0);
    for (int64_t block = 0; block < sample_blocks_; ++block) {
      for (int64_t row = 0; row < threshold_rows_; ++row) {
        sums[row] += threshold_sums_[block * threshold_rows_ + row];
      }
    }
    std::copy(sums.begin(), sums.end(), out_.threshold);
  }

  const PanelPlan<S>& plan_;
  const Geometry& g_;
  Operands<S> in_;
  const S* grad_;
  Gradients<S> out_;
  std::unique_ptr<S[]> weights_;
  int64_t sample_blocks_, threshold_rows_;
  std::unique_ptr<S[]> threshold_sums_;  // sample block, channel, tap
};

}  // namespace rectifiers
