// Panels, gradients of weights and bias: panel (CK × P) · gradᵀ (P × O), summed over all tiles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "conv_panel_plan.h"
#include "scratch.h"

namespace rectifiers {

constexpr int64_t kPanelTerms = 192;  // pixels whose products are summed up before others are added

template <class S>
class PanelWeightGrad {
 public:
  PanelWeightGrad(const PanelPlan<S>& plan, const Operands<S>& in, const S* grad, const Gradients<S>& out)
      : plan_(plan),
        g_(plan.g),
        in_(in),
        grad_(grad),
        out_(out),
        columns_(plan.whole_vectors(g_.outputs_per_group())),
        partials_(tiles_of_partials(plan, columns_)),
        runs_(plan.chunks.parts, std::max<int64_t>(1, plan.chunks.parts * partials_.parts / kMostPartials)),
        weight_sums_(new S[partials_.parts * g_.groups * g_.depth() * columns_]),
        bias_sums_(new double[partials_.parts * g_.outputs]) {}

  // A task is a run of chunks in the tiles of one partial sum.
  void run() const {
    for_tasks(partials_.parts * g_.groups * runs_.parts, [&](int64_t begin, int64_t end) {
      Memory memory(plan_, columns_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t partial = task % partials_.parts, other = task / partials_.parts;
        differentiate(partial, other % g_.groups, other / g_.groups, memory);
      }
    });
    collect_weights();
    collect_bias();
  }

 private:
  struct Memory {
    Scratch<S> scratch;
    S *input, *panel, *grads, *transposed;
    std::vector<int64_t> starts;

    Memory(const PanelPlan<S>& plan, int64_t columns) : Memory(plan, columns, input_size(plan), plan.kernels.lanes) {}

   private:
    Memory(const PanelPlan<S>& plan, int64_t columns, int64_t input_size, int64_t lanes)
        : scratch(
              Scratch<S>::round(input_size) + (plan.rows + 2 * columns + 2 * lanes) * plan.pitch + 4 * plan.slack()),
          input(scratch.take(input_size)),
          panel(scratch.take(plan.rows * plan.pitch)),
          grads(scratch.take(columns * plan.pitch)),
          transposed(scratch.take((columns + lanes) * plan.pitch)) {}

    static int64_t input_size(const PanelPlan<S>& plan) {
      return InputTile(plan.g, plan.tiling[0]).plane() * plan.chunks.largest() + plan.slack();
    }
  };

  static Split tiles_of_partials(const PanelPlan<S>& plan, int64_t columns) {
    const int64_t most = most_partials(plan.g.groups * plan.g.depth() * columns * int64_t(sizeof(S)));
    return {plan.tiling.count(), (plan.tiling.count() + most - 1) / most};
  }

  void differentiate(int64_t partial, int64_t group, int64_t run, Memory& memory) const {
    const int64_t outputs = g_.outputs_per_group(), chunk = runs_.begin(run), end = chunk + runs_.size(run);
    S* const sums = weight_sums_.get() + (partial * g_.groups + group) * g_.depth() * columns_;
    const int64_t row = plan_.chunks.begin(chunk) * g_.taps(), end_row = plan_.chunks.begin(end) * g_.taps();
    std::fill(sums + row * columns_, sums + end_row * columns_, S(0));
    // The bias needs no panel; the first run of chunks takes it along.
    double* const bias_sums = run == 0 ? bias_sums_.get() + partial * g_.outputs + group * outputs : nullptr;
    if (bias_sums) std::fill_n(bias_sums, outputs, 0.0);
    const int64_t first = partials_.begin(partial);
    for (int64_t index = first; index < first + partials_.size(partial); ++index) {
      const Tile tile = plan_.tiling[index];
      const int64_t pixels = plan_.whole_vectors(tile.pixels());
      plan_.read_grad(grad_, tile, group, memory.grads);
      for (int64_t o = 0; bias_sums && o < outputs; ++o) {
        bias_sums[o] += plan_.kernels.sum(pixels, memory.grads + o * plan_.pitch);
      }
      transpose(pixels, memory);
      for (int64_t at = chunk; at < end; ++at) {
        plan_.im2col(in_, tile, group, at, memory.input, memory.panel, memory.starts);
        multiply(tile, at, memory, sums + plan_.chunks.begin(at) * g_.taps() * columns_);
      }
    }
  }

  // grad (O × P) as the right matrix of a product (P × O); two vectors of a row stand together.
  void transpose(int64_t pixels, Memory& memory) const {
    const int64_t lanes = plan_.kernels.lanes;
    for (int64_t o = 0; o < columns_; o += lanes) {
      S* const pair = memory.transposed + o / (2 * lanes) * 2 * lanes * pixels + o % (2 * lanes);
      for (int64_t p = 0; p < pixels; p += lanes) {
        const S* const square = memory.grads + o * plan_.pitch + p;
        plan_.kernels.transpose(square, plan_.pitch, pair + p * 2 * lanes, 2 * lanes);
      }
    }
  }

  void multiply(const Tile& tile, int64_t chunk, Memory& memory, S* sums) const {
    const int64_t lanes = plan_.kernels.lanes;
    for (int64_t p = 0; p < tile.pixels(); p += kPanelTerms) {
      plan_.kernels.multiply({
          .rows = plan_.chunk_rows(chunk),
          .columns = columns_,
          .depth = std::min(kPanelTerms, tile.pixels() - p),
          .a = memory.panel + p,
          .a_stride = plan_.pitch,
          .b = memory.transposed + p * 2 * lanes,
          .b_stride = 2 * lanes,
          .b_pair = 2 * lanes * plan_.whole_vectors(tile.pixels()),
          .c = sums,
          .c_stride = columns_,
          .accumulate = true,
      });
    }
  }

  // Adds the partial sums up, in their order, and turns them (CK × O) into the order of the weights (O × CK).
  void collect_weights() const {
    const int64_t outputs = g_.outputs_per_group(), depth = g_.depth();
    constexpr int64_t kRows = 16;
    const int64_t blocks = (depth + kRows - 1) / kRows;
    for_tasks(g_.groups * blocks, [&](int64_t begin, int64_t end) {
      std::vector<S> sums(kRows * columns_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t group = task / blocks, first = task % blocks * kRows, rows = std::min(kRows, depth - first);
        std::fill(sums.begin(), sums.end(), S(0));
        for (int64_t partial = 0; partial < partials_.parts; ++partial) {
          const S* const from = weight_sums_.get() + ((partial * g_.groups + group) * depth + first) * columns_;
          for (int64_t i = 0; i < rows * columns_; ++i) sums[i] += from[i];
        }
        for (int64_t o = 0; o < outputs; ++o) {
          S* const to = out_.weight + (group * outputs + o) * depth + first;
          for (int64_t i = 0; i < rows; ++i) to[i] = sums[i * columns_ + o];
        }
      }
    });
  }

  void collect_bias() const {
    for (int64_t o = 0; o < g_.outputs; ++o) {
      double sum = 0;
      for (int64_t partial = 0; partial < partials_.parts; ++partial) sum += bias_sums_[partial * g_.outputs + o];
      out_.bias[o] = static_cast<S>(sum);
    }
  }

  const PanelPlan<S>& plan_;
  const Geometry& g_;
  Operands<S> in_;
  const S* grad_;
  Gradients<S> out_;
  int64_t columns_;                    // a group's outputs, in whole vectors
  Split partials_;                     // of all tiles
  Split runs_;                         // of a group's chunks, so that there are tasks enough if partial sums are few
  std::unique_ptr<S[]> weight_sums_;   // partial sum, group, channel, tap, output
  std::unique_ptr<double[]> bias_sums_;  // partial sum, output
};

}  // namespace rectifiers
