// Which pixels of the output read which pixels of the input, by which taps. Taps that read padding are in no list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_border.h"
#include "conv_geometry.h"
#include "conv_tiling.h"

namespace rectifiers {

// A box of an image's pixels, numbered in the order of the tensor.
struct Region {
  int64_t begin[3], size[3];

  int64_t pixels() const { return size[0] * size[1] * size[2]; }
  int32_t number(const int64_t (&at)[3]) const {
    return static_cast<int32_t>(((at[0] - begin[0]) * size[1] + at[1] - begin[1]) * size[2] + at[2] - begin[2]);
  }

  // Calls body(first pixel in the image, first pixel in the region, n) for every piece of memory.
  template <class Body>
  void each_run(const int64_t (&image)[3], const Body& body) const {
    int64_t count[] = {size[0], size[1]}, length = size[2];
    for (int axis = 1; axis >= 0 && size[axis + 1] == image[axis + 1]; --axis) {
      length *= count[axis];
      count[axis] = std::min<int64_t>(count[axis], 1);
    }
    for (int64_t d = 0; length && d < count[0]; ++d) {
      for (int64_t h = 0; h < count[1]; ++h) {
        const int64_t line = (begin[0] + d) * image[1] + begin[1] + h;
        body(line * image[2] + begin[2], (d * count[1] + h) * length, length);
      }
    }
  }
};

// The pairs of a tile of the output and what it reads, or of a tile of the input and what reads it.
class PixelPairs {
 public:
  static PixelPairs of_output_tile(const Geometry& g, const Tile& tile) {
    const auto pairs = [&](int axis, int64_t output, int64_t tap, int64_t* input) {
      return g.reads(axis, output, tap, input);
    };
    return PixelPairs(g, tile, g.out, g.in, pairs);
  }

  static PixelPairs of_input_tile(const Geometry& g, const Tile& tile) {
    const auto pairs = [&](int axis, int64_t input, int64_t tap, int64_t* output) {
      return g.is_read(axis, input, tap, output);
    };
    return PixelPairs(g, tile, g.in, g.out, pairs);
  }

  // The tile's pixels, and the others' as far as they are needed.
  const Region& mine() const { return mine_; }
  const Region& others() const { return others_; }

  // The taps of one of the tile's pixels.
  Taps taps(int64_t pixel) const { return taps_within(first_[pixel], first_[pixel + 1]); }

  // Those of them from `begin` on and before `end`.
  Taps taps(int64_t pixel, int64_t begin, int64_t end) const {
    const auto first = tap_.begin() + first_[pixel], last = tap_.begin() + first_[pixel + 1];
    const auto from = std::lower_bound(first, last, begin), to = std::lower_bound(from, last, end);
    return taps_within(from - tap_.begin(), to - tap_.begin());
  }

  // All of the tile's pixels that have a tap, and beside each the pixel that it leads to.
  const std::vector<int32_t>& mine_of(int64_t tap) const { return mine_of_[tap]; }
  const std::vector<int32_t>& others_of(int64_t tap) const { return others_of_[tap]; }

 private:
  template <class Find>
  PixelPairs(
      const Geometry& g, const Tile& tile, const int64_t (&own)[3], const int64_t (&other)[3], const Find& find)
      : mine_of_(g.taps()), others_of_(g.taps()) {
    for (int axis = 0; axis < 3; ++axis) bound(g, tile, axis, own[axis], other[axis], find);
    first_.push_back(0);
    for (int64_t pixel = 0; pixel < mine_.pixels(); ++pixel) {
      pair(g, pixel, find);
      first_.push_back(tap_.size());
    }
  }

  // Both regions on one axis.
  template <class Find>
  void bound(const Geometry& g, const Tile& tile, int axis, int64_t own, int64_t other, const Find& find) {
    mine_.begin[axis] = tile.begin[axis + 1];
    mine_.size[axis] = tile.size[axis + 1];
    int64_t least = other, most = -1, place;
    for (int64_t at = mine_.begin[axis]; at < mine_.begin[axis] + mine_.size[axis]; ++at) {
      for (int64_t tap = 0; tap < g.kernel[axis]; ++tap) {
        if (!find(axis, at, tap, &place)) continue;
        least = std::min(least, place);
        most = std::max(most, place);
      }
    }
    // Whole axes stay whole, so that what they hold is one piece of memory.
    const bool whole = mine_.size[axis] == own;
    others_.begin[axis] = whole ? 0 : least;
    others_.size[axis] = whole ? other : std::max<int64_t>(0, most + 1 - least);
  }

  // All taps of one pixel.
  template <class Find>
  void pair(const Geometry& g, int64_t pixel, const Find& find) {
    const int64_t w_at = mine_.begin[2] + pixel % mine_.size[2];
    const int64_t h_at = mine_.begin[1] + pixel / mine_.size[2] % mine_.size[1];
    const int64_t d_at = mine_.begin[0] + pixel / mine_.size[2] / mine_.size[1];
    int64_t place[3];
    for (int64_t d = 0; d < g.kernel[0]; ++d) {
      if (!find(0, d_at, d, &place[0])) continue;
      for (int64_t h = 0; h < g.kernel[1]; ++h) {
        if (!find(1, h_at, h, &place[1])) continue;
        for (int64_t w = 0; w < g.kernel[2]; ++w) {
          if (!find(2, w_at, w, &place[2])) continue;
          const int64_t tap = (d * g.kernel[1] + h) * g.kernel[2] + w;
          tap_.push_back(static_cast<int32_t>(tap));
          other_.push_back(others_.number(place));
          mine_of_[tap].push_back(static_cast<int32_t>(pixel));
          others_of_[tap].push_back(other_.back());
        }
      }
    }
  }

  Taps taps_within(int64_t begin, int64_t end) const {
    return {.count = end - begin, .tap = tap_.data() + begin, .pixel = other_.data() + begin};
  }

  Region mine_, others_;
  std::vector<int64_t> first_;        // where the taps of each pixel begin, and where the last ends
  std::vector<int32_t> tap_, other_;  // pixel after pixel
  std::vector<std::vector<int32_t>> mine_of_, others_of_;
};

}  // namespace rectifiers
