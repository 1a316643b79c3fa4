// The cut of an image's pixels into tiles.
#pragma once

#include <algorithm>
#include <cstdint>

namespace rectifiers {

// Pixels of one tile: samples, then the three axes.
struct Tile {
  int64_t begin[4], size[4];

  int64_t pixels() const { return size[0] * size[1] * size[2] * size[3]; }
};

// All tiles, of similar size. A tile takes more than one of an axis only if it takes all of the axes inside, so that
// its pixels are in the order of the tensor's.
class Tiling {
 public:
  Tiling(int64_t samples, const int64_t (&sizes)[3], int64_t most_pixels, int64_t lanes)
      : total_{samples, sizes[0], sizes[1], sizes[2]}, size_{1, 1, 1, 1} {
    int64_t inner = 1;
    for (int64_t axis = 3; axis >= 0; --axis) {
      size_[axis] = best_size(total_[axis], inner, most_pixels, lanes);
      inner *= size_[axis];
      if (size_[axis] < total_[axis]) break;
    }
    for (int64_t axis = 0; axis < 4; ++axis) count_[axis] = (total_[axis] + size_[axis] - 1) / size_[axis];
  }

  int64_t count() const { return count_[0] * per_sample(); }
  // Tiles that share their samples stand together.
  int64_t per_sample() const { return count_[1] * count_[2] * count_[3]; }
  // Samples of a tile.
  int64_t samples() const { return size_[0]; }
  int64_t most_pixels() const { return size_[0] * size_[1] * size_[2] * size_[3]; }

  Tile operator[](int64_t index) const {
    Tile tile;
    for (int64_t axis = 3; axis >= 0; --axis) {
      tile.begin[axis] = index % count_[axis] * size_[axis];
      tile.size[axis] = std::min(size_[axis], total_[axis] - tile.begin[axis]);
      index /= count_[axis];
    }
    return tile;
  }

 private:
  // The size that leaves the fewest lanes of vectors empty; the smallest of these, so that tiles are much of a size.
  static int64_t best_size(int64_t total, int64_t inner, int64_t most_pixels, int64_t lanes) {
    const auto vectors = [&](int64_t length) { return (length * inner + lanes - 1) / lanes; };
    int64_t chosen = 1, least = INT64_MAX;
    for (int64_t size = 1; size <= total && (size == 1 || size * inner <= most_pixels); ++size) {
      // Every tile is worth a vector: small ones have more of everything that is done once per tile.
      const int64_t whole = total / size, rest = total % size;
      const int64_t cost = whole * (vectors(size) + 1) + (rest ? vectors(rest) + 1 : 0);
      if (cost < least) {
        chosen = size;
        least = cost;
      }
    }
    return chosen;
  }

  int64_t total_[4], size_[4], count_[4];
};

}  // namespace rectifiers
