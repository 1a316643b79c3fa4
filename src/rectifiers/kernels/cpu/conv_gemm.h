// The micro-kernel of the products of matrices: a register block of c, rows × one or two vectors.
#pragma once

#include "conv_border.h"
#include "conv_sized.h"
#include "conv_vector.h"

namespace {

using rectifiers::Product;

// Rows of the largest register block: with two vectors of columns its sums nearly fill the registers.
template <class S>
constexpr int kRows = sizeof(S) > sizeof(float) ? 4 : kBytes == 64 ? 14 : 6;

template <class S, bool packed, int vectors, int rows>
void multiply_block(
    int64_t depth, const S* a, int64_t a_stride, const S* b, int64_t b_stride, S* c, int64_t c_stride, bool accumulate) {
  using V = typename Vector<S>::Whole;
  constexpr int lanes = Vector<S>::lanes;
  V sums[rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) sums[i][j] = V{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    V right[vectors];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) right[j] = load<S>(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const S left = packed ? a[i] : a[i * a_stride];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) sums[i][j] += left * right[j];
    }
    a += packed ? rows : 1;
    b += b_stride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) {
      S* const to = c + i * c_stride + j * lanes;
      // Only now: short sums added up lose fewer digits than a long one.
      if (accumulate) sums[i][j] += load<S>(to);
      store<S>(to, sums[i][j]);
    }
  }
}

// All register blocks of two vectors' columns, or of one.
template <class S, bool packed, int vectors>
void multiply_columns(const Product<S>& p, int64_t column) {
  const rectifiers::Split blocks(p.rows, kRows<S>);
  const S* const b = p.b + column / (2 * Vector<S>::lanes) * p.b_pair;
  for (int64_t i = 0; i < blocks.parts; ++i) {
    const int64_t first = blocks.begin(i);
    const S* const a = p.a + first * (packed ? p.depth : p.a_stride);
    S* const c = p.c + first * p.c_stride + column;
    call_sized<kRows<S>>(blocks.size(i), [&](auto rows) {
      multiply_block<S, packed, vectors, decltype(rows)::value>(
          p.depth, a, p.a_stride, b, p.b_stride, c, p.c_stride, p.accumulate);
    });
  }
}

template <class S, bool packed>
void multiply_as(const Product<S>& p) {
  constexpr int64_t lanes = Vector<S>::lanes;
  for (int64_t column = 0; column < p.columns; column += 2 * lanes) {
    const bool two = p.columns - column > lanes;
    two ? multiply_columns<S, packed, 2>(p, column) : multiply_columns<S, packed, 1>(p, column);
  }
}

template <class S>
void multiply(const Product<S>& p) {
  p.a_stride ? multiply_as<S, false>(p) : multiply_as<S, true>(p);
}

}  // namespace
