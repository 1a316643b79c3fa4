// The micro-kernels of the sample path: a register block at one pixel, forward and for both gradients.
//
// Values stand pixel by pixel, channel by channel, kSamples samples side by side: kParts vectors of them.
#pragma once

#include "conv_border.h"
#include "conv_sized.h"
#include "conv_vector.h"

namespace {

using rectifiers::ForwardBlock;
using rectifiers::InputGradBlock;
using rectifiers::WeightGradBlock;

// Samples side by side: as many as fill the widest vectors there are.
template <class S>
constexpr int kSamples = 64 / sizeof(S);
constexpr int kParts = 64 / kBytes;

// The largest register blocks whose sums stay in registers.
constexpr int kForwardOutputs = kBytes == 64 ? 28 : kBytes == 32 ? 6 : 3;
constexpr int kInputGradChannels = kBytes == 64 ? 14 : kBytes == 32 ? 6 : 3;
constexpr int kWeightGradChannels = kBytes == 64 ? 4 : 2;
constexpr int kWeightGradOutputs = kBytes == 64 ? 6 : 4;

template <class V>
inline __attribute__((always_inline)) V larger(const V& floor, const V& value) {
  return floor > value ? floor : value;  // a NaN in the value passes
}

// y[o] += Σ over taps and channels of weight·max(x, threshold).
template <class S>
struct ForwardBlocks {
  template <int rows>
  static void run(const ForwardBlock<S>& p) {
    using V = typename Vector<S>::Whole;
    constexpr int lanes = Vector<S>::lanes;
    V sums[rows][kParts] = {};
    for (int64_t i = 0; i < p.taps.count; ++i) {
      const S* x = p.x + p.taps.pixel[i] * p.x_pitch;
      const S* thresholds = p.thresholds + p.taps.tap[i] * p.threshold_pitch;
      const S* weights = p.weights + p.taps.tap[i] * p.channels * rows;
      for (int64_t c = 0; c < p.channels; ++c) {
        const V floor = thresholds[c] - V{};
        V values[kParts];
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) values[part] = larger(floor, load<S>(x + part * lanes));
#pragma GCC unroll 32
        for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
          for (int part = 0; part < kParts; ++part) sums[row][part] += weights[row] * values[part];
        }
        x += kSamples<S>;
        weights += rows;
      }
    }
    // Short sums added up lose fewer digits than a long one.
#pragma GCC unroll 32
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        S* const to = p.y + row * kSamples<S> + part * lanes;
        store<S>(to, sums[row][part] + load<S>(to));
      }
    }
  }
};

// grad_x[c] (+)= Σ over taps of Σ over outputs of weight·grad where x > threshold; elsewhere the inner sum goes to the
// threshold's own.
template <class S>
struct InputGradBlocks {
  template <int rows>
  static void run(const InputGradBlock<S>& p) {
    using V = typename Vector<S>::Whole;
    constexpr int lanes = Vector<S>::lanes;
    const S* const x = p.x;
    const V zero = {};
    V totals[rows][kParts] = {};
    if (p.accumulate) {
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) {
          totals[row][part] = load<S>(p.grad_x + row * kSamples<S> + part * lanes);
        }
      }
    }
    for (int64_t i = 0; i < p.taps.count; ++i) {
      const S* grad = p.grad + p.taps.pixel[i] * p.grad_pitch;
      const S* weights = p.weights + p.taps.tap[i] * p.outputs * rows;
      V sums[rows][kParts] = {};
      for (int64_t o = 0; o < p.outputs; ++o) {
        V right[kParts];
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) right[part] = load<S>(grad + part * lanes);
#pragma GCC unroll 16
        for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
          for (int part = 0; part < kParts; ++part) sums[row][part] += weights[row] * right[part];
        }
        grad += kSamples<S>;
        weights += rows;
      }
      const S* const thresholds = p.thresholds + p.taps.tap[i] * p.threshold_pitch;
      S* const threshold_sums = p.threshold_sums + p.taps.tap[i] * p.threshold_pitch * kSamples<S>;
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
        const V floor = thresholds[row] - V{};
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) {
          const int at = row * kSamples<S> + part * lanes;
          const auto below = load<S>(x + at) <= floor;
          store<S>(threshold_sums + at, load<S>(threshold_sums + at) + (below ? sums[row][part] : zero));
          totals[row][part] = below ? totals[row][part] : totals[row][part] + sums[row][part];
        }
      }
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        store<S>(p.grad_x + row * kSamples<S> + part * lanes, totals[row][part]);
      }
    }
  }
};

// sums[o][c] += Σ over pairs of pixels of grad[o]·max(x[c], threshold[c]), sample by sample.
template <class S>
struct WeightGradBlocks {
  template <int size>
  static void run(const WeightGradBlock<S>& p) {
    constexpr int channels = (size - 1) % kWeightGradChannels + 1, outputs = (size - 1) / kWeightGradChannels + 1;
    using V = typename Vector<S>::Whole;
    constexpr int lanes = Vector<S>::lanes;
    for (int part = 0; part < kParts; ++part) {
      V sums[outputs][channels] = {}, floors[channels];
#pragma GCC unroll 4
      for (int c = 0; c < channels; ++c) floors[c] = p.thresholds[c] - V{};
      for (int64_t i = 0; i < p.count; ++i) {
        const S* const x = p.x + p.x_pixels[i] * p.x_pitch + part * lanes;
        const S* const grad = p.grad + p.grad_pixels[i] * p.grad_pitch + part * lanes;
        V values[channels];
#pragma GCC unroll 4
        for (int c = 0; c < channels; ++c) values[c] = larger(floors[c], load<S>(x + c * kSamples<S>));
#pragma GCC unroll 6
        for (int o = 0; o < outputs; ++o) {
          const V right = load<S>(grad + o * kSamples<S>);
#pragma GCC unroll 4
          for (int c = 0; c < channels; ++c) sums[o][c] += right * values[c];
        }
      }
#pragma GCC unroll 6
      for (int o = 0; o < outputs; ++o) {
#pragma GCC unroll 4
        for (int c = 0; c < channels; ++c) {
          S* const to = p.sums + (o * channels + c) * kSamples<S> + part * lanes;
          store<S>(to, sums[o][c] + load<S>(to));
        }
      }
    }
  }
};

// The sum over the samples of each of n elements; there are whole squares of both.
template <class S>
void sum_samples(int64_t n, const S* from, S* to) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  for (int64_t at = 0; at < n; at += lanes, from += lanes * kSamples<S>) {
    V square[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) square[i] = load<S>(from + i * kSamples<S>);
    for (int part = 1; part < kParts; ++part) {
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) square[i] += load<S>(from + i * kSamples<S> + part * lanes);
    }
    store<S>(to + at, horizontal_sums<S>(square));
  }
}

template <class S>
void forward_outputs(int64_t outputs, const ForwardBlock<S>& p) {
  run_sized<ForwardBlocks<S>, kForwardOutputs>(outputs, p);
}

template <class S>
void input_grad_channels(int64_t channels, const InputGradBlock<S>& p) {
  run_sized<InputGradBlocks<S>, kInputGradChannels>(channels, p);
}

template <class S>
void weight_grad_square(int64_t channels, int64_t outputs, const WeightGradBlock<S>& p) {
  constexpr int most = kWeightGradChannels * kWeightGradOutputs;
  run_sized<WeightGradBlocks<S>, most>((outputs - 1) * kWeightGradChannels + channels, p);
}

}  // namespace
