// A convolution with samples as the lanes of vectors: one output, input or weight at a time, nothing staged.
//
// Values stand pixel by pixel, channel by channel, `samples` of them side by side. A tap that falls outside of the
// input is simply not in the list of taps.
#pragma once

#include <utility>

#include "conv_vector.h"

namespace {

using rectifiers::Links;
using rectifiers::Pull;
using rectifiers::Push;
using rectifiers::Correlate;

// Samples side by side: as many as fill the widest vectors there are.
template <class S>
constexpr int kSamples = 64 / sizeof(S);

// Vectors that hold them, and the largest blocks whose sums stay in registers.
constexpr int kParts = 64 / kBytes;
constexpr int kPull = kBytes == 64 ? 28 : kBytes == 32 ? 6 : 3;
constexpr int kPush = kBytes == 64 ? 14 : kBytes == 32 ? 6 : 3;
constexpr int kChannels = kBytes == 64 ? 4 : 2;
constexpr int kOutputs = kBytes == 64 ? 6 : 4;

template <class V>
inline __attribute__((always_inline)) V larger(const V& floor, const V& value) {
  return floor > value ? floor : value;  // a NaN in the value passes
}

// Adds to a pixel of some outputs the sum over its taps and some channels of weight·max(value, floor).
template <class S, int rows>
void pull_block(const Pull<S>& p) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  V sums[rows][kParts] = {};
  for (int64_t i = 0; i < p.links.count; ++i) {
    const S* x = p.x + p.links.place[i] * p.x_pixel;
    const S* floors = p.floors + p.links.tap[i] * p.floors_tap;
    const S* weights = p.weights + p.links.tap[i] * p.channels * rows;
    for (int64_t c = 0; c < p.channels; ++c) {
      const V floor = floors[c] - V{};
      V seen[kParts];
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) seen[part] = larger(floor, load<S>(x + part * lanes));
#pragma GCC unroll 32
      for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
        for (int part = 0; part < kParts; ++part) sums[row][part] += weights[row] * seen[part];
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

// The gradient of a pixel of some channels, out of those of the outputs that saw it; what a threshold caught is added
// to its sums instead.
template <class S, int rows>
void push_block(const Push<S>& p) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  const S* const x = p.x;
  const V zero = {};
  V found[rows][kParts] = {};
  if (p.add) {
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        found[row][part] = load<S>(p.grad_x + row * kSamples<S> + part * lanes);
      }
    }
  }
  for (int64_t i = 0; i < p.links.count; ++i) {
    const S* grad = p.grad + p.links.place[i] * p.grad_pixel;
    const S* weights = p.weights + p.links.tap[i] * p.outputs * rows;
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
    const S* const floors = p.floors + p.links.tap[i] * p.floors_tap;
    S* const caught = p.caught + p.links.tap[i] * p.floors_tap * kSamples<S>;
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
      const V floor = floors[row] - V{};
#pragma GCC unroll 4
      for (int part = 0; part < kParts; ++part) {
        const int at = row * kSamples<S> + part * lanes;
        const auto below = load<S>(x + at) <= floor;
        store<S>(caught + at, load<S>(caught + at) + (below ? sums[row][part] : zero));
        found[row][part] = below ? found[row][part] : found[row][part] + sums[row][part];
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      store<S>(p.grad_x + row * kSamples<S> + part * lanes, found[row][part]);
    }
  }
}

// Adds to the gradients of one tap's weights between some channels and some outputs, sample by sample.
template <class S, int channels, int outputs>
void correlate_block(const Correlate<S>& p) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  for (int part = 0; part < kParts; ++part) {
    V sums[outputs][channels] = {}, floors[channels];
#pragma GCC unroll 4
    for (int c = 0; c < channels; ++c) floors[c] = p.floors[c] - V{};
    for (int64_t i = 0; i < p.count; ++i) {
      const S* const x = p.x + p.from[i] * p.x_pixel + part * lanes;
      const S* const grad = p.grad + p.to[i] * p.grad_pixel + part * lanes;
      V seen[channels];
#pragma GCC unroll 4
      for (int c = 0; c < channels; ++c) seen[c] = larger(floors[c], load<S>(x + c * kSamples<S>));
#pragma GCC unroll 6
      for (int o = 0; o < outputs; ++o) {
        const V right = load<S>(grad + o * kSamples<S>);
#pragma GCC unroll 4
        for (int c = 0; c < channels; ++c) sums[o][c] += right * seen[c];
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

// The sum over the samples of each of n elements; there are whole squares of both.
template <class S>
void fold_samples(int64_t n, const S* from, S* to) {
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
    store<S>(to + at, fold<S>(square));
  }
}

template <class S>
struct PullBlocks {
  using Block = void (*)(const Pull<S>&);

  template <int... rows>
  static Block pick(int64_t wanted, std::integer_sequence<int, rows...>) {
    static constexpr Block all[] = {pull_block<S, rows + 1>...};
    return all[wanted - 1];
  }
};

template <class S>
struct PushBlocks {
  using Block = void (*)(const Push<S>&);

  template <int... rows>
  static Block pick(int64_t wanted, std::integer_sequence<int, rows...>) {
    static constexpr Block all[] = {push_block<S, rows + 1>...};
    return all[wanted - 1];
  }
};

template <class S>
struct CorrelateBlocks {
  using Block = void (*)(const Correlate<S>&);

  template <int... sizes>
  static Block pick(int64_t channels, int64_t outputs, std::integer_sequence<int, sizes...>) {
    static constexpr Block all[] = {correlate_block<S, sizes % kChannels + 1, sizes / kChannels + 1>...};
    return all[(outputs - 1) * kChannels + channels - 1];
  }
};

template <class S>
void pull(int64_t rows, const Pull<S>& p) {
  PullBlocks<S>::pick(rows, std::make_integer_sequence<int, kPull>())(p);
}

template <class S>
void push(int64_t rows, const Push<S>& p) {
  PushBlocks<S>::pick(rows, std::make_integer_sequence<int, kPush>())(p);
}

template <class S>
void correlate(int64_t channels, int64_t outputs, const Correlate<S>& p) {
  CorrelateBlocks<S>::pick(channels, outputs, std::make_integer_sequence<int, kChannels * kOutputs>())(p);
}

// The sum of n elements; every so many are added up on their own.
template <class S>
double sum(int64_t n, const S* from) {
  constexpr int lanes = Vector<S>::lanes, run = 64;
  double total = 0;
  int64_t at = 0;
  for (; at + lanes <= n;) {
    typename Vector<S>::Whole vector = {};
    for (int i = 0; i < run && at + lanes <= n; ++i, at += lanes) vector += load<S>(from + at);
    total += across<S>(vector);
  }
  for (; at < n; ++at) total += from[at];
  return total;
}

// Copies n elements, and fetches as many of what comes `next`. A loop without the fetching would turn into a string
// instruction, which takes longer to start than a row to be copied.
template <class S>
void copy(int64_t n, const S* from, S* to, const S* next) {
  constexpr int lanes = Vector<S>::lanes;
  int64_t at = 0;
  for (; at + lanes <= n; at += lanes) {
    __builtin_prefetch(next + at);
    store<S>(to + at, load<S>(from + at));
  }
  for (; at < n; ++at) to[at] = from[at];
}

// How many samples ahead of a copy memory is fetched.
constexpr int kSoon = 4;

// Samples stand so far apart, often by a power of two, that reading all of them abreast would drive their lines out of
// the cache before the next elements are read. They take a rest here, one after the other.
template <class S>
struct Stage {
  static constexpr int64_t length = 128, pitch = length + 64 / sizeof(S);
  S rows[kSamples<S> * pitch];

  // Turns squares of it to or from pixels; the last one may overlap the one before.
  template <class Turn>
  static void squares(int64_t n, const Turn& turn) {
    constexpr int lanes = Vector<S>::lanes;
    for (int64_t at = 0; at < n; at += lanes) {
      const int64_t first = at + lanes <= n ? at : n - lanes;
      for (int lane = 0; lane < kSamples<S>; lane += lanes) turn(first, lane);
    }
  }
};

// Puts n elements of several samples side by side; lanes without a sample get zeros. What is read next stands `ahead`.
template <class S>
void gather(int64_t n, int64_t samples, const S* from, int64_t sample, S* to, int64_t step, int64_t ahead) {
  Stage<S> stage;
  for (int64_t size; n > 0; n -= size, from += size, to += size * step) {
    size = n < stage.length ? n : stage.length;
    for (int64_t i = 0; i < kSamples<S>; ++i) {
      S* const row = stage.rows + i * stage.pitch;
      const S* const next = from + (i + kSoon) % kSamples<S> * sample + (i + kSoon < kSamples<S> ? 0 : ahead);
      if (i < samples) {
        copy(size, from + i * sample, row, next);
      } else {
        for (int64_t at = 0; at < size; ++at) row[at] = S(0);
      }
    }
    if (size >= Vector<S>::lanes) {
      stage.squares(size, [&](int64_t at, int lane) {
        transpose(stage.rows + lane * stage.pitch + at, stage.pitch, to + at * step + lane, step);
      });
    } else {
      for (int64_t at = 0; at < size; ++at) {
        for (int i = 0; i < kSamples<S>; ++i) to[at * step + i] = stage.rows[i * stage.pitch + at];
      }
    }
  }
}

// The other way.
template <class S>
void scatter(int64_t n, int64_t samples, const S* from, int64_t step, S* to, int64_t sample) {
  Stage<S> stage;
  for (int64_t size; n > 0; n -= size, to += size, from += size * step) {
    size = n < stage.length ? n : stage.length;
    if (size >= Vector<S>::lanes) {
      stage.squares(size, [&](int64_t at, int lane) {
        transpose(from + at * step + lane, step, stage.rows + lane * stage.pitch + at, stage.pitch);
      });
    } else {
      for (int64_t at = 0; at < size; ++at) {
        for (int i = 0; i < kSamples<S>; ++i) stage.rows[i * stage.pitch + at] = from[at * step + i];
      }
    }
    for (int64_t i = 0; i < samples; ++i) {
      const S* const next = to + (i + kSoon) % samples * sample + (i + kSoon < samples ? 0 : size);
      copy(size, stage.rows + i * stage.pitch, to + i * sample, next);
    }
  }
}

template <class S>
constexpr rectifiers::SampleTile<S> sample_tile() {
  return {kSamples<S>, kPull, kPush, kChannels, kOutputs, pull<S>, push<S>, correlate<S>, fold_samples<S>,
          sum<S>, gather<S>, scatter<S>};
}

}  // namespace
