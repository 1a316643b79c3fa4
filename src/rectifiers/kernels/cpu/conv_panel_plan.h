// What the three products of the panel path share: tiles, chunks of channels, memory, packing, im2col.
//
// P pixels of a tile, O outputs of a group, K taps; C channels of a chunk. A panel is CK × P, and
//
//     forward     y (O × P)      += weight (O × CK) · panel (CK × P)
//     input       back (CK × P)   = weightᵀ (CK × O) · grad (O × P), which col2im adds to the input's gradient
//     weight      ∂wᵀ (CK × O)   += panel (CK × P) · gradᵀ (P × O)
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "conv_border.h"
#include "conv_geometry.h"
#include "conv_input_tile.h"
#include "conv_tasks.h"
#include "conv_tiling.h"

namespace rectifiers {

constexpr int64_t kTilePixels = 1024;  // P at most, if lines are shorter
constexpr int64_t kPanelRows = 160;    // at most, if a channel has fewer taps

template <class S>
struct PanelPlan {
  PanelPlan(const Geometry& g, const Convolution<S>& kernels)
      : g(g),
        kernels(kernels),
        tiling(g.batch, g.out, kTilePixels, kernels.lanes),
        chunks(g.channels_per_group(), std::max<int64_t>(1, kPanelRows / g.taps())),
        rows(chunks.largest() * g.taps()) {
    // An odd number of vectors, so that the rows of a column do not compete for the same places of the cache.
    const int64_t vectors = whole_vectors(tiling.most_pixels()) / kernels.lanes + 1;
    pitch = (vectors + 1 - vectors % 2) * kernels.lanes;
  }

  const Geometry& g;
  const Convolution<S>& kernels;
  Tiling tiling;
  Split chunks;   // of a group's channels
  int64_t rows;   // of the largest panel
  int64_t pitch;  // from row to row of a panel, and of whatever else has a column per pixel

  // n elements, filled up to whole vectors.
  int64_t whole_vectors(int64_t n) const { return (n + kernels.lanes - 1) / kernels.lanes * kernels.lanes; }
  // Elements that micro-kernels may write beyond the end.
  int64_t slack() const { return 4 * kernels.lanes; }
  int64_t chunk_rows(int64_t chunk) const { return chunks.size(chunk) * g.taps(); }
  int64_t first_channel(int64_t group, int64_t chunk) const {
    return group * g.channels_per_group() + chunks.begin(chunk);
  }
  // Where the packed weights of a chunk begin.
  int64_t packed_begin(int64_t group, int64_t chunk) const {
    return g.outputs_per_group() * first_channel(group, chunk) * g.taps();
  }

  // Weights (O × CK) of each group and chunk, packed as the left matrix of a product.
  std::unique_ptr<S[]> pack_weights(const S* weight) const {
    return pack_chunks(weight, [&](const S* from, int64_t rows, S* to) {
      pack(from, g.depth(), 1, g.outputs_per_group(), rows, to);
    });
  }

  // The same, transposed (CK × O).
  std::unique_ptr<S[]> pack_transposed_weights(const S* weight) const {
    return pack_chunks(weight, [&](const S* from, int64_t rows, S* to) {
      pack(from, 1, g.depth(), rows, g.outputs_per_group(), to);
    });
  }

  // Reads a chunk's channels into an input tile and makes a panel of it.
  void im2col(
      const Operands<S>& in,
      const Tile& tile,
      int64_t group,
      int64_t chunk,
      S* input,
      S* panel,
      std::vector<int64_t>& starts) const {
    const InputTile input_tile(g, tile);
    const Runs runs = input_tile.runs(tile, starts);
    const int64_t first = first_channel(group, chunk), taps = g.taps();
    for (int64_t c = 0; c < chunks.size(chunk); ++c) {
      S* const plane = input + c * input_tile.plane();
      input_tile.read(kernels, in.x, first + c, plane);
      for (int64_t tap = 0; tap < taps; ++tap) {
        const S threshold = in.threshold[(first + c) * taps + tap];
        kernels.im2col(runs, plane + input_tile.offset(tap), threshold, panel + (c * taps + tap) * pitch);
      }
    }
  }

  // The gradient of a group's outputs on a tile (O × P), filled up with zeros to whole vectors.
  void read_grad(const S* grad, const Tile& tile, int64_t group, S* to) const {
    for (int64_t o = 0; o < g.outputs_per_group(); ++o) {
      S* const row = to + o * pitch;
      each_run(tile, group * g.outputs_per_group() + o, [&](int64_t in_tensor, int64_t in_tile, int64_t n) {
        std::copy_n(grad + in_tensor, n, row + in_tile);
      });
      std::fill(row + tile.pixels(), row + whole_vectors(tile.pixels()), S(0));
    }
  }

  // Calls body(place in the tensor, place in the tile, n) for each piece of a tile's pixels that is one in the tensor.
  template <class Body>
  void each_run(const Tile& tile, int64_t output, const Body& body) const {
    const int64_t n = tile.pixels() / tile.size[0];
    const int64_t first = (tile.begin[1] * g.out[1] + tile.begin[2]) * g.out[2] + tile.begin[3];
    for (int64_t i = 0; i < tile.size[0]; ++i) {
      body(((tile.begin[0] + i) * g.outputs + output) * g.out_pixels() + first, i * n, n);
    }
  }

 private:
  // Calls pack_one(its weights, rows of its panel, where to) for every chunk.
  template <class Pack>
  std::unique_ptr<S[]> pack_chunks(const S* weight, const Pack& pack_one) const {
    std::unique_ptr<S[]> packed(new S[g.outputs * g.depth()]);
    for_tasks(g.groups * chunks.parts, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t group = task / chunks.parts, chunk = task % chunks.parts;
        const S* const from = weight + group * g.outputs_per_group() * g.depth() + chunks.begin(chunk) * g.taps();
        pack_one(from, chunk_rows(chunk), packed.get() + packed_begin(group, chunk));
      }
    });
    return packed;
  }

  // A matrix in the order in which the micro-kernel reads it: register block after register block of rows.
  void pack(const S* from, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t columns, S* to) const {
    const Split blocks(rows, kernels.rows);
    for (int64_t block = 0; block < blocks.parts; ++block) {
      const S* const first = from + blocks.begin(block) * row_stride;
      const int64_t size = blocks.size(block);
      for (int64_t column = 0; column < columns; ++column) {
        for (int64_t i = 0; i < size; ++i) *to++ = first[i * row_stride + column * column_stride];
      }
    }
  }
};

}  // namespace rectifiers
