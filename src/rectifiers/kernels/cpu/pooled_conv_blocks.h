// The micro-kernels of the convolution with max-pooling after it.
#pragma once

#include <utility>

#include "conv_sized.h"
#include "conv_vector.h"
#include "pooled_conv_kernels.h"

namespace {

using rectifiers::kPooledSamples;
using rectifiers::WindowBlock;
using rectifiers::WonInputs;
using rectifiers::WonWeights;

using Floats = Vector<float>::Whole;
using Places = decltype(Floats{} < Floats{});
typedef int8_t Bytes __attribute__((vector_size(kBytes / sizeof(float))));

constexpr int kWonLanes = Vector<float>::lanes;
// The largest register blocks whose sums stay in registers.
constexpr int kWindowOutputs = kBytes == 64 ? 6 : 2;
constexpr int kWonVectors = kBytes == 64 ? 25 : 10;
// Products that are summed up before others are added: those of so many windows of all samples.
constexpr int kWindowsAtATime = 10;

struct WindowBlocks {
  template <int outputs>
  static void run(const WindowBlock& p) {
    for (int lane = 0; lane < kPooledSamples; lane += kWonLanes) {
      Floats totals[outputs][4];
      for (int o = 0; o < outputs; ++o) {
        for (int pixel = 0; pixel < 4; ++pixel) totals[o][pixel] = p.bias[o] - Floats{};
      }
      const float* weights = p.weights;
      for (int64_t first = 0; first < p.rows; first += p.rows_at_a_time) {
        const int64_t last = first + p.rows_at_a_time < p.rows ? first + p.rows_at_a_time : p.rows;
        Floats sums[outputs][4] = {};
        for (int64_t row = first; row < last; ++row) {
          const float* x = p.x + row * p.x_row + lane;
          const float *const right = x + p.channels * kPooledSamples, *const below = x + p.x_row;
          const int64_t to_right = right - x, to_below = below - x;
          for (int64_t i = 0; i < p.row; ++i, x += kPooledSamples, weights += outputs) {
            const Floats seen[4] = {
                load<float>(x), load<float>(x + to_right), load<float>(x + to_below), load<float>(x + to_below + to_right)};
#pragma GCC unroll 8
            for (int o = 0; o < outputs; ++o) {
              const float weight = weights[o];
#pragma GCC unroll 4
              for (int pixel = 0; pixel < 4; ++pixel) sums[o][pixel] += weight * seen[pixel];
            }
          }
        }
#pragma GCC unroll 8
        for (int o = 0; o < outputs; ++o) {
#pragma GCC unroll 4
          for (int pixel = 0; pixel < 4; ++pixel) totals[o][pixel] += sums[o][pixel];
        }
      }
      for (int o = 0; o < outputs; ++o) {
        Floats most = totals[o][0];
        Places place = {};
#pragma GCC unroll 4
        for (int pixel = 1; pixel < 4; ++pixel) {
          const Floats value = totals[o][pixel];
          const Places won = (value > most) | (value != value);  // the first of equals; a NaN passes
          most = won ? value : most;
          place = won ? Places{} + pixel : place;
        }
        store<float>(p.y + o * kPooledSamples + lane, most);
        write(p.places + o * kPooledSamples + lane, __builtin_convertvector(place, Bytes));
      }
    }
  }
};

// Calls Block::run<rows, vectors>(arguments) for the number of vectors given.
template <class Block, int rows, class Arguments, int... vectors>
void run_rows(int64_t size, const Arguments& arguments, std::integer_sequence<int, vectors...>) {
  using Run = void (*)(const Arguments&);
  static constexpr Run all[] = {Block::template run<rows, vectors + 1>...};
  all[size - 1](arguments);
}

// The same for 1, 3 or 5 rows.
template <class Block, class Arguments>
void run_block(int64_t rows, int64_t vectors, const Arguments& arguments) {
  if (rows == 5) return run_rows<Block, 5>(vectors, arguments, std::make_integer_sequence<int, kWonVectors / 5>());
  if (rows == 3) return run_rows<Block, 3>(vectors, arguments, std::make_integer_sequence<int, kWonVectors / 3>());
  run_rows<Block, 1>(vectors, arguments, std::make_integer_sequence<int, kWonVectors>());
}

struct WeightBlocks {
  template <int rows, int vectors>
  static void run(const WonWeights& p) {
    for (int64_t first = 0; first < p.windows; first += kWindowsAtATime) {
      const int64_t last = first + kWindowsAtATime < p.windows ? first + kWindowsAtATime : p.windows;
      Floats sums[rows][vectors] = {};
      for (int64_t window = first; window < last; ++window) {
        const float* const grad = p.grad + window * p.window;
        const uint8_t* const places = p.places + window * p.window;
        const int32_t first_pixel = static_cast<int32_t>(
            window / p.windows_of_a_row * 2 * p.x_row + window % p.windows_of_a_row * 2 * p.x_pixel);
        const int32_t x_row = static_cast<int32_t>(p.x_row), x_pixel = static_cast<int32_t>(p.x_pixel);
        const int32_t x_sample = static_cast<int32_t>(p.x_sample);
        int32_t offsets[kPooledSamples];
#pragma omp simd
        for (int32_t i = 0; i < kPooledSamples; ++i) {
          offsets[i] = first_pixel + i * x_sample + (places[i] >> 1) * x_row + (places[i] & 1) * x_pixel;
        }
        for (int64_t i = 0; i < p.samples; ++i) {
          const float* const x = p.x + offsets[i];
          const Floats right = grad[i] - Floats{};
#pragma GCC unroll 8
          for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 32
            for (int at = 0; at < vectors; ++at) sums[row][at] += right * load<float>(x + row * p.x_row + at * kWonLanes);
          }
        }
      }
#pragma GCC unroll 8
      for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 32
        for (int at = 0; at < vectors; ++at) {
          float* const to = p.sums + row * p.sums_row + at * kWonLanes;
          store<float>(to, load<float>(to) + sums[row][at]);
        }
      }
    }
  }
};

struct InputBlocks {
  template <int rows, int vectors>
  static void run(const WonInputs& p) {
    Floats sums[rows][vectors];
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 32
      for (int at = 0; at < vectors; ++at) sums[row][at] = load<float>(p.grad_x + row * p.x_row + at * kWonLanes);
    }
    for (int64_t i = 0; i < p.outputs; ++i) {
      const float* const weights = p.weights + p.output[i] * p.weights_output;
      const Floats grad = p.grad[i] - Floats{};
#pragma GCC unroll 8
      for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 32
        for (int at = 0; at < vectors; ++at) {
          sums[row][at] += grad * load<float>(weights + row * p.weights_row + at * kWonLanes);
        }
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 32
      for (int at = 0; at < vectors; ++at) store<float>(p.grad_x + row * p.x_row + at * kWonLanes, sums[row][at]);
    }
  }
};

inline void window_outputs(int64_t outputs, const WindowBlock& p) { run_sized<WindowBlocks, kWindowOutputs>(outputs, p); }

inline void won_weights(int64_t rows, int64_t vectors, const WonWeights& p) {
  run_block<WeightBlocks>(rows, vectors, p);
}

inline void won_inputs(int64_t rows, int64_t vectors, const WonInputs& p) { run_block<InputBlocks>(rows, vectors, p); }

inline void sum_windows(int64_t windows, int64_t outputs, const float* grad, double* sums) {
  for (int64_t o = 0; o < outputs; ++o) {
    for (int lane = 0; lane < kPooledSamples; lane += kWonLanes) {
      for (int64_t first = 0; first < windows; first += kWindowsAtATime) {
        Floats sum = {};
        for (int64_t window = first; window < windows && window < first + kWindowsAtATime; ++window) {
          sum += load<float>(grad + (window * outputs + o) * kPooledSamples + lane);
        }
        sums[o] += horizontal_sum<float>(sum);
      }
    }
  }
}

constexpr rectifiers::PooledConvolution pooled_convolution() {
  return {
      .lanes = kWonLanes,
      .most_outputs = kWindowOutputs,
      .most_vectors = kWonVectors,
      .window = window_outputs,
      .weights = won_weights,
      .inputs = won_inputs,
      .sum = sum_windows,
  };
}

}  // namespace
