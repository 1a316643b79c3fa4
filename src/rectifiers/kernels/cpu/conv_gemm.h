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

// One register block: of the product's rows the first few, of its columns one or two vectors.
template <class S, bool packed, int vectors>
struct MultiplyBlock {
  template <int rows>
  static void run(const Product<S>& p) {
    using V = typename Vector<S>::Whole;
    constexpr int lanes = Vector<S>::lanes;
    const S *a = p.a, *b = p.b;
    const int64_t a_stride = p.a_stride, b_stride = p.b_stride;
    V sums[rows][vectors];
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) sums[i][j] = V{};
    }
    for (int64_t k = p.depth; k > 0; --k) {
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
    S* const c = p.c;
    const int64_t c_stride = p.c_stride;
    const bool accumulate = p.accumulate;
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
};

// All register blocks of one or two vectors' columns.
template <class S, bool packed, int vectors>
void multiply_columns(const Product<S>& p, int64_t column) {
  const rectifiers::Split blocks(p.rows, kRows<S>);
  Product<S> block = p;
  block.b = p.b + column / (2 * Vector<S>::lanes) * p.b_pair;
  for (int64_t i = 0; i < blocks.parts; ++i) {
    const int64_t first = blocks.begin(i);
    block.a = p.a + first * (packed ? p.depth : p.a_stride);
    block.c = p.c + first * p.c_stride + column;
    run_sized<MultiplyBlock<S, packed, vectors>, kRows<S>>(blocks.size(i), block);
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
