// Where a convolution's taps find their inputs. Spatial axes are always three; what is missing has size 1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_border.h"
#include "tensor.h"

namespace rectifiers {

struct Geometry {
  int64_t batch, channels, outputs, groups;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3], after[3];

  Geometry(
      const Shape& x,
      const Shape& weight,
      const std::vector<int64_t>& strides,
      const std::vector<int64_t>& padding,
      const std::vector<int64_t>& dilations,
      int64_t groups)
      : batch(x.sizes[0]), channels(x.sizes[1]), outputs(weight.sizes[0]), groups(groups) {
    const int64_t missing = 5 - x.rank;
    for (int64_t axis = 0; axis < 3; ++axis) {
      const int64_t at = axis - missing;
      const bool there = at >= 0;
      in[axis] = there ? x.sizes[at + 2] : 1;
      kernel[axis] = there ? weight.sizes[at + 2] : 1;
      stride[axis] = there ? strides[at] : 1;
      dilation[axis] = there ? dilations[at] : 1;
      before[axis] = there ? padding[2 * at] : 0;
      after[axis] = there ? padding[2 * at + 1] : 0;
      const int64_t room = in[axis] + before[axis] + after[axis] - (kernel[axis] - 1) * dilation[axis];
      STD_TORCH_CHECK(room > 0, "rectifiers: the kernel is larger than the padded input");
      out[axis] = (room - 1) / stride[axis] + 1;
    }
  }

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t inputs() const { return in[0] * in[1] * in[2]; }
  int64_t pixels() const { return out[0] * out[1] * out[2]; }
  int64_t channels_per_group() const { return channels / groups; }
  int64_t outputs_per_group() const { return outputs / groups; }
  // The share of taps that see the input, and not padding.
  double inside() const {
    double share = 1;
    for (int axis = 0; axis < 3; ++axis) {
      int64_t seen = 0;
      for (int64_t at = 0; at < out[axis] * kernel[axis]; ++at) {
        const int64_t place = at / kernel[axis] * stride[axis] - before[axis] + at % kernel[axis] * dilation[axis];
        seen += place >= 0 && place < in[axis];
      }
      share *= double(seen) / double(out[axis] * kernel[axis]);
    }
    return share;
  }
  // Rows of a group's panel.
  int64_t depth() const { return channels_per_group() * taps(); }
};

constexpr int64_t kShares = 16;           // tasks that each sum up a gradient of the weights, at most
constexpr int64_t kShareBytes = 12 << 20;  // memory for their sums

inline int64_t most_shares(int64_t bytes) {
  return std::min(kShares, std::max<int64_t>(2, kShareBytes / std::max<int64_t>(bytes, 1)));
}

// Output pixels of one tile: samples, then the three axes.
struct Box {
  int64_t begin[4], size[4];

  int64_t pixels() const { return size[0] * size[1] * size[2] * size[3]; }
  int64_t lines() const { return size[0] * size[1] * size[2]; }
};

// The cut of all output pixels into boxes of similar size. A box takes more than one of an axis only if it takes all
// of the axes inside, so that its pixels are in the order of the tensor's.
class Boxes {
 public:
  Boxes(const Geometry& g, int64_t most, int64_t lanes)
      : Boxes(g.batch, g.out, most, lanes) {}

  Boxes(int64_t samples, const int64_t (&sizes)[3], int64_t most, int64_t lanes)
      : total_{samples, sizes[0], sizes[1], sizes[2]}, size_{1, 1, 1, 1} {
    int64_t inner = 1;
    for (int64_t axis = 3; axis >= 0; --axis) {
      size_[axis] = best(total_[axis], inner, most, lanes);
      inner *= size_[axis];
      if (size_[axis] < total_[axis]) break;
    }
    for (int64_t axis = 0; axis < 4; ++axis) count_[axis] = (total_[axis] + size_[axis] - 1) / size_[axis];
  }

  int64_t count() const { return count_[0] * per_sample(); }
  // Boxes that share their samples stand together.
  int64_t per_sample() const { return count_[1] * count_[2] * count_[3]; }
  int64_t samples() const { return size_[0]; }
  int64_t largest() const { return size_[0] * size_[1] * size_[2] * size_[3]; }

  Box operator[](int64_t index) const {
    Box box;
    for (int64_t axis = 3; axis >= 0; --axis) {
      box.begin[axis] = index % count_[axis] * size_[axis];
      box.size[axis] = std::min(size_[axis], total_[axis] - box.begin[axis]);
      index /= count_[axis];
    }
    return box;
  }

 private:
  // The size that leaves the fewest lanes of vectors empty; the smallest of these, so that boxes are much of a size.
  static int64_t best(int64_t total, int64_t inner, int64_t most, int64_t lanes) {
    const auto vectors = [&](int64_t length) { return (length * inner + lanes - 1) / lanes; };
    int64_t chosen = 1, least = INT64_MAX;
    for (int64_t size = 1; size <= total && (size == 1 || size * inner <= most); ++size) {
      // Every box is worth a vector: small ones have more of everything that is done once per box.
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

// A padded piece of the input. A line of it is kept by phases of the stride, so that whatever the stride, neighbouring
// pixels of the output find their inputs side by side.
class Frame {
 public:
  // What a box needs.
  Frame(const Geometry& g, const Box& box) : g_(g), sample_(box.begin[0]), samples_(box.size[0]) {
    for (int64_t axis = 0; axis < 3; ++axis) {
      first_[axis] = box.begin[axis + 1] * g.stride[axis] - g.before[axis];
      size_[axis] = (box.size[axis + 1] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis] + 1;
    }
    measure();
  }

  // Everything of some samples.
  Frame(const Geometry& g, int64_t sample, int64_t samples) : g_(g), sample_(sample), samples_(samples) {
    for (int64_t axis = 0; axis < 3; ++axis) {
      first_[axis] = -g.before[axis];
      size_[axis] = g.in[axis] + g.before[axis] + g.after[axis];
    }
    measure();
  }

  // Elements of a channel.
  int64_t plane() const { return samples_ * sample_size_; }

  int64_t tap(int64_t index) const {
    const int64_t w = index % g_.kernel[2] * g_.dilation[2];
    const int64_t h = index / g_.kernel[2] % g_.kernel[1] * g_.dilation[1];
    const int64_t d = index / g_.kernel[2] / g_.kernel[1] * g_.dilation[0];
    return (d * size_[1] + h) * pitch_ + w % g_.stride[2] * phase_ + w / g_.stride[2];
  }

  // Where the first tap of each of the box's lines starts.
  void starts(const Box& box, std::vector<int64_t>& into) const {
    into.clear();
    for (int64_t n = 0; n < box.size[0]; ++n) {
      for (int64_t d = 0; d < box.size[1]; ++d) {
        for (int64_t h = 0; h < box.size[2]; ++h) {
          const int64_t row[] = {at(box, 0) + d * g_.stride[0], at(box, 1) + h * g_.stride[1]};
          into.push_back(
              (box.begin[0] + n - sample_) * sample_size_ + (row[0] * size_[1] + row[1]) * pitch_ +
              at(box, 2) / g_.stride[2]);
        }
      }
    }
  }

  // One channel of the input, with zeros around it.
  template <class S>
  void read(const Convolution<S>& tile, const S* x, int64_t channel, S* to) const {
    if (g_.stride[2] == 1) return tile.pad(lines(channel), x + channel * g_.inputs(), to);
    std::fill(to, to + plane(), S(0));
    each_element(channel, [&](int64_t from, int64_t at) { to[at] = x[from]; });
  }

  // The other way, without what stands around.
  template <class S>
  void write(const Convolution<S>& tile, const S* from, int64_t channel, S* x) const {
    if (g_.stride[2] == 1) return tile.unpad(lines(channel), from, x + channel * g_.inputs());
    each_element(channel, [&](int64_t to, int64_t at) { x[to] = from[at]; });
  }

 private:
  void measure() {
    phase_ = (size_[2] + g_.stride[2] - 1) / g_.stride[2];
    pitch_ = phase_ * g_.stride[2];
    sample_size_ = size_[0] * size_[1] * pitch_;
    left_ = std::max<int64_t>(0, -first_[2]);
    length_ = std::max<int64_t>(0, std::min(first_[2] + size_[2], g_.in[2]) - (first_[2] + left_));
    for (int64_t n = sample_; n < sample_ + samples_; ++n) {
      for (int64_t d = first_[0]; d < first_[0] + size_[0]; ++d) {
        for (int64_t h = first_[1]; h < first_[1] + size_[1]; ++h) {
          const bool inside = length_ && d >= 0 && d < g_.in[0] && h >= 0 && h < g_.in[1];
          const int64_t row = (n * g_.channels * g_.in[0] + d) * g_.in[1] + h;
          from_.push_back(inside ? row * g_.in[2] + first_[2] + left_ : -1);
        }
      }
    }
  }

  int64_t at(const Box& box, int64_t axis) const {
    return box.begin[axis + 1] * g_.stride[axis] - g_.before[axis] - first_[axis];
  }

  Lines lines(int64_t channel) const {
    const int64_t end = (g_.batch * g_.channels - channel) * g_.inputs();
    return {int64_t(from_.size()), from_.data(), pitch_, left_, length_, end, g_.inputs()};
  }

  template <class Body>
  void each_element(int64_t channel, const Body& body) const {
    for (size_t line = 0; line < from_.size(); ++line) {
      if (from_[line] < 0) continue;
      for (int64_t i = 0, w = left_; i < length_; ++i, ++w) {
        body(channel * g_.inputs() + from_[line] + i, line * pitch_ + w % g_.stride[2] * phase_ + w / g_.stride[2]);
      }
    }
  }

  const Geometry& g_;
  int64_t sample_, samples_;
  int64_t first_[3], size_[3];
  int64_t phase_, pitch_, sample_size_;
  int64_t left_, length_;      // of what a line has from the tensor
  std::vector<int64_t> from_;  // where the lines of the first channel stand in the tensor, or -1
};

}  // namespace rectifiers
