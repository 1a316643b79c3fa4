// A convolution over one tile of its outputs: thresholds, products of matrices, and what turns one into the other.
//
// A panel has a row per channel and tap and a column per output pixel. Its rows are the channels of the input, shifted
// by the tap and thresholded; only the panel of a tile exists, never that of the whole input.
#pragma once

#include <utility>

#include "block.h"

namespace {

using rectifiers::Product;
using rectifiers::Runs;

template <class S>
struct Vector {
  typedef S Whole __attribute__((vector_size(RECTIFIERS_VECTOR_BYTES)));
  typedef S Loose __attribute__((vector_size(RECTIFIERS_VECTOR_BYTES), aligned(sizeof(S)), may_alias));
  static constexpr int lanes = RECTIFIERS_VECTOR_BYTES / sizeof(S);
};

#define RECTIFIERS_LOAD(from) (*reinterpret_cast<const typename Vector<S>::Loose*>(from))
#define RECTIFIERS_STORE(to) (*reinterpret_cast<typename Vector<S>::Loose*>(to))

// Rows of the largest block of a product: with two columns its sums nearly fill the registers.
template <class S>
constexpr int kRows = sizeof(S) > sizeof(float) ? 4 : RECTIFIERS_VECTOR_BYTES == 64 ? 14 : 6;

// c += a·b for a few rows and one or two vectors of columns, with all sums in registers.
template <class S, bool packed, int columns, int rows>
void multiply_block(
    int64_t depth, const S* a, int64_t a_row, const S* b, int64_t b_step, S* c, int64_t c_row) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  V sums[rows][columns];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < columns; ++j) sums[i][j] = RECTIFIERS_LOAD(c + i * c_row + j * lanes);
  }
  for (int64_t k = 0; k < depth; ++k) {
    V right[columns];
#pragma GCC unroll 2
    for (int j = 0; j < columns; ++j) right[j] = RECTIFIERS_LOAD(b + j * lanes);
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
    for (int j = 0; j < columns; ++j) RECTIFIERS_STORE(c + i * c_row + j * lanes) = sums[i][j];
  }
}

template <class S>
using Multiply = void (*)(int64_t, const S*, int64_t, const S*, int64_t, S*, int64_t);

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
      multiply(p.depth, a, p.a_row, b, p.b_step, p.c + first * p.c_row + column, p.c_row);
    }
  }
}

template <class S>
void multiply(const Product<S>& p) {
  p.a_row ? multiply_as<S, false>(p) : multiply_as<S, true>(p);
}

// One row of a panel. Whole vectors are written: what overruns a run is overwritten by the next one.
template <class S>
void lift(const Runs& runs, const S* from, S floor, S* to) {
  using V = typename Vector<S>::Whole;
  constexpr int64_t lanes = Vector<S>::lanes;
  const V floors = floor - V{};
  const auto vector = [&](const S* x, S* y) {
    const V seen = RECTIFIERS_LOAD(x);
    RECTIFIERS_STORE(y) = floors > seen ? floors : seen;  // a NaN in x passes
  };
  for (int64_t run = 0; run < runs.count; ++run) {
    const S* const x = from + runs.starts[run];
    S* const y = to + run * runs.length;
    for (int64_t i = 0; i < runs.length; i += lanes) vector(x + i, y + i);
  }
}

template <class S, class V>
S across(const V& vector) {
  S sum = 0;
  for (int lane = 0; lane < Vector<S>::lanes; ++lane) sum += vector[lane];
  return sum;
}

// Sends one row of a panel's gradient where its values came from: to the input, or to the threshold, whose share is
// returned.
template <class S>
S route(const Runs& runs, const S* grad, const S* from, S floor, S* to) {
  using V = typename Vector<S>::Whole;
  constexpr int64_t lanes = Vector<S>::lanes;
  const V floors = floor - V{}, zero = {};
  V places, caught = {};
  for (int lane = 0; lane < lanes; ++lane) places[lane] = lane;
  const int64_t tail = runs.length % lanes, whole = runs.length - tail;
  const auto inside = places < (S(tail) - V{});
  const auto vector = [&](V g, int64_t at) {
    const auto below = RECTIFIERS_LOAD(from + at) <= floors;
    caught += below ? g : zero;
    RECTIFIERS_STORE(to + at) += below ? zero : g;
  };
  for (int64_t run = 0; run < runs.count; ++run) {
    const S* const g = grad + run * runs.length;
    const int64_t start = runs.starts[run];
    for (int64_t i = 0; i < whole; i += lanes) vector(RECTIFIERS_LOAD(g + i), start + i);
    if (tail) vector(inside ? V(RECTIFIERS_LOAD(g + whole)) : zero, start + whole);
  }
  return across<S>(caught);
}

// The sum of a whole number of vectors.
template <class S>
S total(int64_t n, const S* from) {
  typename Vector<S>::Whole sum = {};
  for (int64_t i = 0; i < n; i += Vector<S>::lanes) sum += RECTIFIERS_LOAD(from + i);
  return across<S>(sum);
}

// A square of vectors, transposed: halves are interleaved once per bit of the lane's number.
template <class S>
void transpose(const S* from, int64_t from_row, S* to, int64_t to_row) {
  using V = typename Vector<S>::Whole;
  using Index = decltype(V{} < V{});
  constexpr int lanes = Vector<S>::lanes, half = lanes / 2;
  V square[lanes], next[lanes];
  Index low, high;
  for (int i = 0; i < lanes; ++i) {
    low[i] = i / 2 + i % 2 * lanes;
    high[i] = low[i] + half;
    square[i] = RECTIFIERS_LOAD(from + i * from_row);
  }
  for (int size = lanes; size > 1; size /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
      next[2 * i] = __builtin_shuffle(square[i], square[i + half], low);
      next[2 * i + 1] = __builtin_shuffle(square[i], square[i + half], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) square[i] = next[i];
  }
  for (int i = 0; i < lanes; ++i) RECTIFIERS_STORE(to + i * to_row) = square[i];
}

template <class S>
constexpr rectifiers::Convolution<S> convolution() {
  return {Vector<S>::lanes, kRows<S>, multiply<S>, lift<S>, route<S>, total<S>, transpose<S>};
}

}  // namespace
