// The input tile of the panel path: what a tile of the output reads, halo included, with zeros where that is padding.
//
// A line is kept by phases of the stride, so that whatever the stride, neighbouring pixels of the output find their
// inputs side by side. For stride 2, a line of eight:
//
//     in the tensor   0 1 2 3 4 5 6 7
//     in the tile     0 2 4 6 | 1 3 5 7
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_border.h"
#include "conv_geometry.h"
#include "conv_tiling.h"

namespace rectifiers {

class InputTile {
 public:
  // What a tile of the output reads.
  InputTile(const Geometry& g, const Tile& tile) : g_(g), sample_(tile.begin[0]), samples_(tile.size[0]) {
    for (int64_t axis = 0; axis < 3; ++axis) {
      first_[axis] = tile.begin[axis + 1] * g.stride[axis] - g.pad_before[axis];
      size_[axis] = (tile.size[axis + 1] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis] + 1;
    }
    lay_out();
  }

  // Everything of some samples.
  InputTile(const Geometry& g, int64_t sample, int64_t samples) : g_(g), sample_(sample), samples_(samples) {
    for (int64_t axis = 0; axis < 3; ++axis) {
      first_[axis] = -g.pad_before[axis];
      size_[axis] = g.in[axis] + g.pad_before[axis] + g.pad_after[axis];
    }
    lay_out();
  }

  // Elements of a channel.
  int64_t plane() const { return samples_ * sample_size_; }

  // How far behind its first tap a pixel finds another.
  int64_t offset(int64_t tap) const {
    const int64_t w = tap % g_.kernel[2] * g_.dilation[2];
    const int64_t h = tap / g_.kernel[2] % g_.kernel[1] * g_.dilation[1];
    const int64_t d = tap / g_.kernel[2] / g_.kernel[1] * g_.dilation[0];
    return (d * size_[1] + h) * pitch_ + w % g_.stride[2] * phase_ + w / g_.stride[2];
  }

  // Where the lines of a tile of the output find their first tap: one run per line.
  Runs runs(const Tile& tile, std::vector<int64_t>& starts) const {
    starts.clear();
    for (int64_t n = 0; n < tile.size[0]; ++n) {
      for (int64_t d = 0; d < tile.size[1]; ++d) {
        for (int64_t h = 0; h < tile.size[2]; ++h) {
          const int64_t plane = begin(tile, 0) + d * g_.stride[0], line = begin(tile, 1) + h * g_.stride[1];
          starts.push_back(
              (tile.begin[0] + n - sample_) * sample_size_ + (plane * size_[1] + line) * pitch_ +
              begin(tile, 2) / g_.stride[2]);
        }
      }
    }
    return {.count = int64_t(starts.size()), .length = tile.size[3], .starts = starts.data()};
  }

  // One channel of the input, with zeros around it.
  template <class S>
  void read(const Convolution<S>& kernels, const S* x, int64_t channel, S* to) const {
    if (g_.stride[2] == 1) return kernels.pad(lines(channel), x + channel * g_.in_pixels(), to);
    std::fill(to, to + plane(), S(0));
    each_element(channel, [&](int64_t in_tensor, int64_t in_tile) { to[in_tile] = x[in_tensor]; });
  }

  // One channel back to the input, without the zeros around it.
  template <class S>
  void write(const Convolution<S>& kernels, const S* from, int64_t channel, S* x) const {
    if (g_.stride[2] == 1) return kernels.unpad(lines(channel), from, x + channel * g_.in_pixels());
    each_element(channel, [&](int64_t in_tensor, int64_t in_tile) { x[in_tensor] = from[in_tile]; });
  }

 private:
  void lay_out() {
    phase_ = (size_[2] + g_.stride[2] - 1) / g_.stride[2];
    pitch_ = phase_ * g_.stride[2];
    sample_size_ = size_[0] * size_[1] * pitch_;
    left_ = std::max<int64_t>(0, -first_[2]);
    length_ = std::max<int64_t>(0, std::min(first_[2] + size_[2], g_.in[2]) - (first_[2] + left_));
    for (int64_t n = sample_; n < sample_ + samples_; ++n) {
      for (int64_t d = first_[0]; d < first_[0] + size_[0]; ++d) {
        for (int64_t h = first_[1]; h < first_[1] + size_[1]; ++h) {
          const bool inside = length_ && d >= 0 && d < g_.in[0] && h >= 0 && h < g_.in[1];
          const int64_t line = (n * g_.channels * g_.in[0] + d) * g_.in[1] + h;
          source_.push_back(inside ? line * g_.in[2] + first_[2] + left_ : -1);
        }
      }
    }
  }

  // Where in this tile a tile of the output begins.
  int64_t begin(const Tile& tile, int64_t axis) const {
    return tile.begin[axis + 1] * g_.stride[axis] - g_.pad_before[axis] - first_[axis];
  }

  PaddedLines lines(int64_t channel) const {
    return {
        .count = int64_t(source_.size()),
        .source = source_.data(),
        .pitch = pitch_,
        .left = left_,
        .length = length_,
        .end = (g_.batch * g_.channels - channel) * g_.in_pixels(),
        .prefetch = g_.in_pixels(),
    };
  }

  // Calls body(place in the tensor, place in the tile) for every element that is not padding.
  template <class Body>
  void each_element(int64_t channel, const Body& body) const {
    for (size_t line = 0; line < source_.size(); ++line) {
      if (source_[line] < 0) continue;
      for (int64_t i = 0, w = left_; i < length_; ++i, ++w) {
        body(
            channel * g_.in_pixels() + source_[line] + i,
            line * pitch_ + w % g_.stride[2] * phase_ + w / g_.stride[2]);
      }
    }
  }

  const Geometry& g_;
  int64_t sample_, samples_;
  int64_t first_[3], size_[3];    // in the input, which begins at 0; padding stands before and behind
  int64_t phase_, pitch_;         // elements of a line in one phase of the stride, and in all
  int64_t sample_size_;
  int64_t left_, length_;         // of a line: zeros on the left, and elements from the tensor
  std::vector<int64_t> source_;   // where the lines of the first channel stand in the tensor, or -1
};

}  // namespace rectifiers
