// Panels, forward: y (O × P) = bias + Σ over chunks of weight (O × CK) · panel (CK × P), tile by tile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "conv_panel_plan.h"
#include "scratch.h"

namespace rectifiers {

template <class S>
class PanelForward {
 public:
  PanelForward(const PanelPlan<S>& plan, const Operands<S>& in, const S* bias, S* y)
      : plan_(plan), g_(plan.g), in_(in), bias_(bias), y_(y), weights_(plan.pack_weights(in.weight)) {}

  // A task is a tile.
  void run() const {
    for_tasks(plan_.tiling.count(), [&](int64_t begin, int64_t end) {
      Memory memory(plan_);
      for (int64_t task = begin; task < end; ++task) {
        const Tile tile = plan_.tiling[task];
        for (int64_t group = 0; group < g_.groups; ++group) convolve(tile, group, memory);
      }
    });
  }

 private:
  struct Memory {
    Scratch<S> scratch;
    S *input, *panel, *sums;
    std::vector<int64_t> starts;

    explicit Memory(const PanelPlan<S>& plan) : Memory(plan, input_size(plan), plan.g.outputs_per_group()) {}

   private:
    Memory(const PanelPlan<S>& plan, int64_t input_size, int64_t outputs)
        : scratch(Scratch<S>::round(input_size) + (plan.rows + outputs) * plan.pitch + 2 * plan.slack()),
          input(scratch.take(input_size)),
          panel(scratch.take(plan.rows * plan.pitch)),
          sums(scratch.take(outputs * plan.pitch)) {}

    static int64_t input_size(const PanelPlan<S>& plan) {
      return InputTile(plan.g, plan.tiling[0]).plane() * plan.chunks.largest() + plan.slack();
    }
  };

  void convolve(const Tile& tile, int64_t group, Memory& memory) const {
    const int64_t outputs = g_.outputs_per_group(), pixels = plan_.whole_vectors(tile.pixels());
    for (int64_t o = 0; o < outputs; ++o) {
      std::fill_n(memory.sums + o * plan_.pitch, pixels, bias_ ? bias_[group * outputs + o] : S(0));
    }
    for (int64_t chunk = 0; chunk < plan_.chunks.parts; ++chunk) {
      plan_.im2col(in_, tile, group, chunk, memory.input, memory.panel, memory.starts);
      plan_.kernels.multiply({
          .rows = outputs,
          .columns = pixels,
          .depth = plan_.chunk_rows(chunk),
          .a = weights_.get() + plan_.packed_begin(group, chunk),
          .a_stride = 0,
          .b = memory.panel,
          .b_stride = plan_.pitch,
          .b_pair = 2 * plan_.kernels.lanes,
          .c = memory.sums,
          .c_stride = plan_.pitch,
          .accumulate = true,
      });
    }
    for (int64_t o = 0; o < outputs; ++o) {
      plan_.each_run(tile, group * outputs + o, [&](int64_t in_tensor, int64_t in_tile, int64_t n) {
        std::copy_n(memory.sums + o * plan_.pitch + in_tile, n, y_ + in_tensor);
      });
    }
  }

  const PanelPlan<S>& plan_;
  const Geometry& g_;
  Operands<S> in_;
  const S* bias_;
  S* y_;
  std::unique_ptr<S[]> weights_;
};

}  // namespace rectifiers
