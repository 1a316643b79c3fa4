// A convolution over one tile of its outputs: thresholds, products of matrices, and what turns one into the other.
//
// A panel has a row per channel and tap and a column per output pixel. Its rows are the channels of the input, shifted
// by the tap and thresholded; only the panel of a tile exists, never that of the whole input.
#pragma once

#include <utility>

#include "conv_vector.h"

namespace {

using rectifiers::Lines;
using rectifiers::Product;
using rectifiers::Runs;

// Rows of the largest block of a product: with two columns its sums nearly fill the registers.
template <class S>
constexpr int kRows = sizeof(S) > sizeof(float) ? 4 : kBytes == 64 ? 14 : 6;

// c (+)= a·b for a few rows and one or two vectors of columns, with all sums in registers.
template <class S, bool packed, int columns, int rows>
void multiply_block(
    int64_t depth, const S* a, int64_t a_row, const S* b, int64_t b_step, S* c, int64_t c_row, bool add) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  V sums[rows][columns];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < columns; ++j) sums[i][j] = V{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    V right[columns];
#pragma GCC unroll 2
    for (int j = 0; j < columns; ++j) right[j] = load<S>(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const S left = packed ? a[i] : a[i * a_row];
#pragma GCC unroll 2
      for (int j = 0; j < columns; ++j) sums[i][j] += left * right[j];
    }
    a += packed ? rows : 1;
    b += b_step;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < columns; ++j) {
      S* const to = c + i * c_row + j * lanes;
      // Only now: short sums added up lose fewer digits than a long one.
      if (add) sums[i][j] += load<S>(to);
      store<S>(to, sums[i][j]);
    }
  }
}

template <class S>
using Multiply = void (*)(int64_t, const S*, int64_t, const S*, int64_t, S*, int64_t, bool);

template <class S, bool packed, int columns>
struct Blocks {
  template <int... rows>
  static Multiply<S> pick(int64_t wanted, std::integer_sequence<int, rows...>) {
    static constexpr Multiply<S> all[] = {multiply_block<S, packed, columns, rows + 1>...};
    return all[wanted - 1];
  }
};

template <class S, bool packed>
void multiply_as(const Product<S>& p) {
  constexpr int64_t lanes = Vector<S>::lanes;
  using Sizes = std::make_integer_sequence<int, kRows<S>>;
  const rectifiers::Split split(p.rows, kRows<S>);
  for (int64_t column = 0; column < p.columns; column += 2 * lanes) {
    const bool wide = p.columns - column > lanes;
    const S* const b = p.b + column / (2 * lanes) * p.b_pair;
    for (int64_t i = 0; i < split.parts; ++i) {
      const int64_t first = split.begin(i), rows = split.size(i);
      const S* const a = p.a + first * (packed ? p.depth : p.a_row);
      const Multiply<S> multiply =
          wide ? Blocks<S, packed, 2>::pick(rows, Sizes()) : Blocks<S, packed, 1>::pick(rows, Sizes());
      multiply(p.depth, a, p.a_row, b, p.b_step, p.c + first * p.c_row + column, p.c_row, p.add);
    }
  }
}

template <class S>
void multiply(const Product<S>& p) {
  p.a_row ? multiply_as<S, false>(p) : multiply_as<S, true>(p);
}

// Lines with zeros around them. What overruns a line is overwritten by the next one.
template <class S>
void pad(const Lines& lines, const S* from, S* to) {
  using V = typename Vector<S>::Whole;
  constexpr int64_t lanes = Vector<S>::lanes;
  for (int64_t line = 0; line < lines.count; ++line, to += lines.pitch) {
    for (int64_t i = 0; i < lines.pitch; i += lanes) store<S>(to + i, V{});
    if (lines.from[line] < 0) continue;
    const S* const x = from + lines.from[line];
    S* const y = to + lines.left;
    // Lines are too short for the processor to foresee the next channel's.
    for (int64_t i = 0; i < lines.length; i += 64 / sizeof(S)) __builtin_prefetch(x + lines.ahead + i);
    int64_t i = 0;
    for (; i < lines.length && lines.from[line] + i + lanes <= lines.end; i += lanes) {
      store<S>(y + i, load<S>(x + i));
    }
    for (; i < lines.length; ++i) y[i] = x[i];
    for (i = lines.left + lines.length; i < lines.pitch; ++i) to[i] = 0;
  }
}

// The other way, without the zeros; no more than the lines is written.
template <class S>
void unpad(const Lines& lines, const S* from, S* to) {
  constexpr int64_t lanes = Vector<S>::lanes;
  for (int64_t line = 0; line < lines.count; ++line, from += lines.pitch) {
    if (lines.from[line] < 0) continue;
    const S* const x = from + lines.left;
    S* const y = to + lines.from[line];
    int64_t i = 0;
    for (; i + lanes <= lines.length; i += lanes) store<S>(y + i, load<S>(x + i));
    for (; i < lines.length; ++i) y[i] = x[i];
  }
}

// One row of a panel. Whole vectors are written: what overruns a run is overwritten by the next one.
template <class S, int bytes>
void lift_by(const Runs& runs, const S* from, S floor, S* to) {
  using V = typename Vector<S, bytes>::Whole;
  constexpr int64_t lanes = Vector<S, bytes>::lanes;
  const V floors = floor - V{};
  for (int64_t run = 0; run < runs.count; ++run) {
    const S* const x = from + runs.starts[run];
    S* const y = to + run * runs.length;
    for (int64_t i = 0; i < runs.length; i += lanes) {
      const V seen = load<S, bytes>(x + i);
      store<S, bytes>(y + i, floors > seen ? floors : seen);  // a NaN in x passes
    }
  }
}

// Sends one row of a panel's gradient where its values came from: to the input, or to the threshold, whose share is
// returned.
template <class S, int bytes>
S route_by(const Runs& runs, const S* grad, const S* from, S floor, S* to) {
  using V = typename Vector<S, bytes>::Whole;
  constexpr int64_t lanes = Vector<S, bytes>::lanes;
  const V floors = floor - V{}, zero = {};
  V places, caught = {};
  for (int lane = 0; lane < lanes; ++lane) places[lane] = lane;
  const int64_t tail = runs.length % lanes, whole = runs.length - tail;
  const auto inside = places < (S(tail) - V{});
  const auto vector = [&](V g, int64_t at) {
    const auto below = load<S, bytes>(from + at) <= floors;
    caught += below ? g : zero;
    store<S, bytes>(to + at, load<S, bytes>(to + at) + (below ? zero : g));
  };
  for (int64_t run = 0; run < runs.count; ++run) {
    const S* const g = grad + run * runs.length;
    const int64_t start = runs.starts[run];
    for (int64_t i = 0; i < whole; i += lanes) vector(load<S, bytes>(g + i), start + i);
    if (tail) vector(inside ? load<S, bytes>(g + whole) : zero, start + whole);
  }
  return across<S>(caught);
}

// Half a vector serves where no run would fill more.
template <class S>
bool is_narrow(const Runs& runs) {
  return runs.length <= Vector<S>::lanes / 2;
}

template <class S>
void lift(const Runs& runs, const S* from, S floor, S* to) {
  is_narrow<S>(runs) ? lift_by<S, kBytes / 2>(runs, from, floor, to) : lift_by<S, kBytes>(runs, from, floor, to);
}

template <class S>
S route(const Runs& runs, const S* grad, const S* from, S floor, S* to) {
  return is_narrow<S>(runs) ? route_by<S, kBytes / 2>(runs, grad, from, floor, to)
                            : route_by<S, kBytes>(runs, grad, from, floor, to);
}

// The sum of a whole number of vectors.
template <class S>
S total(int64_t n, const S* from) {
  typename Vector<S>::Whole sum = {};
  for (int64_t i = 0; i < n; i += Vector<S>::lanes) sum += load<S>(from + i);
  return across<S>(sum);
}

template <class S>
constexpr rectifiers::Convolution<S> convolution() {
  return {Vector<S>::lanes, kRows<S>, multiply<S>, pad<S>, unpad<S>, lift<S>, route<S>, total<S>, transpose<S>};
}

}  // namespace
