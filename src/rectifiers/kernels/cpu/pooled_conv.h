// A convolution with max-pooling of 2 × 2 pixels after it, in one pass: what both passes share.
//
// Shapes: x is N × C × H × W, weight O × C × KH × KW, y N × O × OH × OW with OH = ⌊(H + 2·padding − KH + 1) / 2⌋. A window
// is a pixel of y; its place says which of its four pixels won, 0 1 | 2 3. Samples go in blocks of V = kPooledSamples.
#pragma once

#include <algorithm>
#include <cstdint>

#include "block.h"
#include "conv_call.h"
#include "conv_split.h"
#include "tensor.h"

namespace rectifiers {

// A tensor N × channels × height × width in memory, with channels either outermost or innermost.
struct Pictures {
  int64_t batch, channels, height, width;
  bool channels_last;

  Pictures(const Shape& shape, bool channels_last)
      : batch(shape.sizes[0]),
        channels(shape.sizes[1]),
        height(shape.sizes[2]),
        width(shape.sizes[3]),
        channels_last(channels_last) {}

  int64_t pixels() const { return height * width; }
  int64_t sample() const { return channels * pixels(); }

  // Calls body(where in a sample, row, column, channel, n) for runs of n elements that stand side by side in memory:
  // pixels of a channel, or channels of neighbouring pixels.
  template <class Body>
  void each_row(const Body& body) const {
    for (int64_t row = 0; row < height; ++row) {
      if (channels_last) {
        body(row * width * channels, row, int64_t(0), width * channels);
      } else {
        for (int64_t c = 0; c < channels; ++c) body(c * pixels() + row * width, row, c, width);
      }
    }
  }
};

// Whether channels are innermost; of tensors that are both, those that say so by the stride of their one channel.
inline bool has_channels_last(const Tensor& tensor) {
  const Shape shape(tensor);
  return is_channels_last(shape) && (!tensor.is_contiguous() || shape.strides[1] == 1);
}

struct PooledCall {
  Tensor x;
  Pictures in, out;
  int64_t kernel_height, kernel_width, padding;

  PooledCall(const Tensor& given, const Tensor& weight, int64_t padding)
      : x(check(given, weight, padding)),
        in(Shape(x), has_channels_last(x)),
        out(in),
        kernel_height(Shape(weight).sizes[2]),
        kernel_width(Shape(weight).sizes[3]),
        padding(padding) {
    out.channels = Shape(weight).sizes[0];
    out.height = (tile_height() - kernel_height + 1) / 2;
    out.width = (tile_width() - kernel_width + 1) / 2;
    STD_TORCH_CHECK(out.height > 0 && out.width > 0, "rectifiers: the kernel and a window are larger than the padded input");
  }

  // Of the input with its padding.
  int64_t tile_height() const { return in.height + 2 * padding; }
  int64_t tile_width() const { return in.width + 2 * padding; }
  int64_t windows() const { return out.pixels(); }
  int64_t taps() const { return kernel_height * kernel_width; }
  int64_t blocks() const { return (in.batch + kPooledSamples - 1) / kPooledSamples; }
  int64_t samples(int64_t block) const { return std::min(kPooledSamples, in.batch - block * kPooledSamples); }
  std::vector<int64_t> output_sizes() const { return {out.batch, out.channels, out.height, out.width}; }
  // Gradients and places of a block of samples.
  int64_t block_outputs() const { return windows() * out.channels * kPooledSamples; }

 private:
  static Tensor check(const Tensor& x, const Tensor& weight, int64_t padding) {
    const Shape input(x), kernel(weight);
    const int32_t wanted = aoti_torch_dtype_float32();
    STD_TORCH_CHECK(
        x.is_cpu() && weight.is_cpu() && dtype_of(x) == wanted && dtype_of(weight) == wanted,
        "rectifiers: expected float32 on the CPU");
    STD_TORCH_CHECK(
        input.rank == 4 && kernel.rank == 4 && kernel.sizes[1] == input.sizes[1] && input.numel() && kernel.numel() &&
            padding >= 0,
        "rectifiers: expected an input and a weight of 4 dimensions with the same channels, neither empty, and a padding");
    if (x.is_contiguous() || is_channels_last(input)) return x;
    return rectifiers::contiguous(x);
  }
};

// Samples side by side, and back again.
inline const SampleTile<float>& sample_tile() { return best_kernels().single.samples; }

// A block of samples of `pictures` into a tile with margins: pixel, channel, sample.
inline void interleave_tile(
    const Pictures& pictures, const float* data, int64_t samples, int64_t margin, int64_t tile_width, float* tile) {
  const int64_t pixel = pictures.channels * kPooledSamples;
  pictures.each_row([&](int64_t at, int64_t row, int64_t channel, int64_t n) {
    float* const to = tile + ((row + margin) * tile_width + margin) * pixel + channel * kPooledSamples;
    const int64_t pitch = pictures.channels_last ? kPooledSamples : pixel;
    sample_tile().interleave(n, samples, data + at, pictures.sample(), to, pitch, n);
  });
}

inline void deinterleave_tile(const float* tile, int64_t samples, const Pictures& pictures, float* data) {
  const int64_t pixel = pictures.channels * kPooledSamples;
  pictures.each_row([&](int64_t at, int64_t row, int64_t channel, int64_t n) {
    const float* const from = tile + row * pictures.width * pixel + channel * kPooledSamples;
    const int64_t pitch = pictures.channels_last ? kPooledSamples : pixel;
    sample_tile().deinterleave(n, samples, from, pitch, data + at, pictures.sample());
  });
}

}  // namespace rectifiers
