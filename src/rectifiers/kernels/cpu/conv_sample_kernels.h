// What the sample path asks of its micro-kernels: their arguments, and the table that each instruction set fills.
//
// Values stand pixel by pixel, channel by channel, as many samples side by side as fill the widest vectors.
//
// As in block.h, nothing here may turn into a function of its own.
#pragma once

#include <cstdint>

namespace rectifiers {

// The taps that a pixel has, in rising order, and the pixel that each leads to; those that lead into padding are left
// out.
struct Taps {
  int64_t count;
  const int32_t *tap, *pixel;
};

// Adds to one output pixel, for a block of outputs, what some channels give it.
template <class S>
struct ForwardBlock {
  Taps taps;
  int64_t channels;
  const S* x;
  int64_t x_pitch;          // from pixel to pixel
  const S* thresholds;      // tap, channel
  int64_t threshold_pitch;  // from tap to tap
  const S* weights;         // tap, channel, output of the block
  S* y;
};

// The gradient of one input pixel for a block of channels, or what it still lacks.
template <class S>
struct InputGradBlock {
  Taps taps;
  bool accumulate;
  int64_t outputs;
  const S* grad;
  int64_t grad_pitch;
  const S* x;
  const S* thresholds;
  int64_t threshold_pitch;
  const S* weights;         // tap, output, channel of the block
  S* grad_x;
  S* threshold_sums;        // tap, channel, sample: what goes to the threshold and not to the input
};

// Adds to the gradients of one tap's weights, for a block of channels and outputs, what `count` pairs of pixels give.
template <class S>
struct WeightGradBlock {
  int64_t count;
  const int32_t *x_pixels, *grad_pixels;
  const S* x;
  int64_t x_pitch;
  const S* grad;
  int64_t grad_pitch;
  const S* thresholds;
  S* sums;                  // output, channel, sample
};

template <class S>
struct SampleTile {
  int64_t samples;                                // that stand side by side in a pixel
  int64_t forward_outputs, input_grad_channels;   // of the largest register blocks
  int64_t weight_grad_channels, weight_grad_outputs;
  void (*forward)(int64_t outputs, const ForwardBlock<S>& block);
  void (*input_grad)(int64_t channels, const InputGradBlock<S>& block);
  void (*weight_grad)(int64_t channels, int64_t outputs, const WeightGradBlock<S>& block);
  // Sums over the samples of each of n elements.
  void (*sum_samples)(int64_t n, const S* from, S* to);
  double (*sum)(int64_t n, const S* from);
  // n elements of several samples, `stride` apart, side by side, `pitch` from element to element; and back again.
  void (*interleave)(int64_t n, int64_t samples, const S* from, int64_t stride, S* to, int64_t pitch, int64_t next);
  void (*deinterleave)(int64_t n, int64_t samples, const S* from, int64_t pitch, S* to, int64_t stride);
};

}  // namespace rectifiers
