// What the convolution with max-pooling after it asks of its micro-kernels: their arguments, and the table that each
// instruction set fills.
//
// As in block.h, nothing here may turn into a function of its own.
#pragma once

#include <cstdint>

namespace rectifiers {

// Samples side by side.
constexpr int64_t kPooledSamples = 16;

// The outputs of one window, the larger of its 2 × 2 pixels and which one that is, for a block of outputs.
struct WindowBlock {
  int64_t rows, row;       // of the kernel; and values in one of them, over its taps and channels
  int64_t rows_at_a_time;  // whose products are summed up before others are added
  int64_t channels;
  const float* x;          // the window's first: pixel, channel, sample
  int64_t x_row;           // from row to row
  const float* weights;    // row of the kernel, tap, channel, output of the block
  const float* bias;
  float* y;                // output, sample
  uint8_t* places;
};

// Adds to some rows of one output's weights, in pieces of whole vectors, what the pixels that won give them.
struct WonWeights {
  int64_t windows, windows_of_a_row, samples;
  const float* x;         // sample, row, pixel, channel
  int64_t x_sample, x_row, x_pixel;
  const float* grad;      // window, output, sample; the first one is of the output that is meant
  const uint8_t* places;  // the same
  int64_t window;         // from window to window of both
  float* sums;            // row, taps and channels
  int64_t sums_row;
};

// Adds to the gradients of the pixels that one won pixel read, over some outputs, in pieces of whole vectors.
struct WonInputs {
  int64_t outputs;
  const int32_t* output;  // which
  const float* grad;      // of each
  const float* weights;   // output, row, taps and channels
  int64_t weights_output, weights_row;
  float* grad_x;
  int64_t x_row;
};

struct PooledConvolution {
  int64_t lanes;             // of a vector
  int64_t most_outputs;      // of a block
  int64_t most_vectors;      // of a block of weights or inputs: rows × vectors in each
  void (*window)(int64_t outputs, const WindowBlock& block);
  void (*weights)(int64_t rows, int64_t vectors, const WonWeights& block);
  void (*inputs)(int64_t rows, int64_t vectors, const WonInputs& block);
  // Adds the sums over windows and samples of the gradient of each output.
  void (*sum)(int64_t windows, int64_t outputs, const float* grad, double* sums);
};

}  // namespace rectifiers
