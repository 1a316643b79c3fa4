// Sizes of a convolution, and where a tap finds its input.
//
// Shapes: x is N × C × D × H × W, weight O × C/G × KD × KH × KW, threshold C × KD × KH × KW, y N × O × OD × OH × OW, in
// G groups; K = KD·KH·KW taps. Spatial axes are always three; those that
// the caller does not have come first, of size 1.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor.h"

namespace rectifiers {

struct Geometry {
  int64_t batch, channels, outputs, groups;  // N, C, O, G
  int64_t in[3], out[3], kernel[3];          // (D, H, W), (OD, OH, OW), (KD, KH, KW)
  int64_t stride[3], dilation[3], pad_before[3], pad_after[3];

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
      pad_before[axis] = there ? padding[2 * at] : 0;
      pad_after[axis] = there ? padding[2 * at + 1] : 0;
      const int64_t room = in[axis] + pad_before[axis] + pad_after[axis] - (kernel[axis] - 1) * dilation[axis];
      STD_TORCH_CHECK(room > 0, "rectifiers: the kernel is larger than the padded input");
      out[axis] = (room - 1) / stride[axis] + 1;
    }
  }

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  int64_t channels_per_group() const { return channels / groups; }
  int64_t outputs_per_group() const { return outputs / groups; }
  // Weights of one output, and rows of the panel of a whole group: C/G·K.
  int64_t depth() const { return channels_per_group() * taps(); }

  // Whether a tap of an output reads the input, and not padding; if so, `input` is where.
  bool reads(int axis, int64_t output, int64_t tap, int64_t* input) const {
    *input = output * stride[axis] - pad_before[axis] + tap * dilation[axis];
    return *input >= 0 && *input < in[axis];
  }

  // Whether an output reads an input by a tap; if so, `output` is which.
  bool is_read(int axis, int64_t input, int64_t tap, int64_t* output) const {
    const int64_t from_start = input + pad_before[axis] - tap * dilation[axis];
    *output = from_start / stride[axis];
    return from_start >= 0 && from_start % stride[axis] == 0 && *output < out[axis];
  }

  // The share of taps that read the input, and not padding.
  double share_of_reads() const {
    double share = 1;
    for (int axis = 0; axis < 3; ++axis) {
      int64_t reads_of_axis = 0, input;
      for (int64_t at = 0; at < out[axis] * kernel[axis]; ++at) {
        reads_of_axis += reads(axis, at / kernel[axis], at % kernel[axis], &input);
      }
      share *= double(reads_of_axis) / double(out[axis] * kernel[axis]);
    }
    return share;
  }
};

// What a convolution reads, contiguous and in the type that is computed in; of x, channels may be innermost, which only the
// sample path reads and writes so.
template <class S>
struct Operands {
  const S *x, *weight, *threshold;
  bool channels_last;
};

// Where the gradients of all operands, and of the bias, go; that of x in its own order.
template <class S>
struct Gradients {
  S *x, *weight, *threshold, *bias;
};

}  // namespace rectifiers
