// Vectors of the full length of the instruction set, V lanes, for what loops leave to chance.
#pragma once

#include "block.h"

namespace {

constexpr int kBytes = RECTIFIERS_VECTOR_BYTES;

template <class S, int bytes = kBytes>
struct Vector {
  typedef S Whole __attribute__((vector_size(bytes)));
  typedef S Loose __attribute__((vector_size(bytes), aligned(sizeof(S)), may_alias));
  static constexpr int lanes = bytes / sizeof(S);
};

template <class S, int bytes = kBytes>
inline __attribute__((always_inline)) typename Vector<S, bytes>::Whole load(const S* from) {
  return *reinterpret_cast<const typename Vector<S, bytes>::Loose*>(from);
}

template <class S, int bytes = kBytes>
inline __attribute__((always_inline)) void store(S* to, const typename Vector<S, bytes>::Whole& vector) {
  *reinterpret_cast<typename Vector<S, bytes>::Loose*>(to) = vector;
}

// The same for a vector or a single number V, which stands in for one where a loop ends.
template <class V, class S>
inline __attribute__((always_inline)) V read(const S* from) {
  V found;
  __builtin_memcpy(&found, from, sizeof(V));
  return found;
}

template <class V, class S>
inline __attribute__((always_inline)) void write(S* to, const V& found) {
  __builtin_memcpy(to, &found, sizeof(V));
}

template <class S, class V>
S horizontal_sum(const V& vector) {
  S sum = 0;
  for (size_t lane = 0; lane < sizeof(V) / sizeof(S); ++lane) sum += vector[lane];
  return sum;
}

#if defined(__clang__)

// A square of vectors, transposed.
template <class S>
void transpose(const S* from, int64_t from_row, S* to, int64_t to_row) {
  for (int i = 0; i < Vector<S>::lanes; ++i) {
    for (int j = 0; j < Vector<S>::lanes; ++j) to[j * to_row + i] = from[i * from_row + j];
  }
}

// The sums of as many vectors as they have lanes.
template <class S>
typename Vector<S>::Whole horizontal_sums(typename Vector<S>::Whole* vectors) {
  typename Vector<S>::Whole sums;
  for (int i = 0; i < Vector<S>::lanes; ++i) sums[i] = horizontal_sum<S>(vectors[i]);
  return sums;
}

#else

// The same with GCC's shuffles, which Clang lacks: halves are interleaved once per bit of the lane's number.
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
    square[i] = load<S>(from + i * from_row);
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
  for (int i = 0; i < lanes; ++i) store<S>(to + i * to_row, square[i]);
}

// The sums of as many vectors as they have lanes: every step adds halves and leaves half as many vectors.
template <class S>
typename Vector<S>::Whole horizontal_sums(typename Vector<S>::Whole* vectors) {
  using V = typename Vector<S>::Whole;
  using Index = decltype(V{} < V{});
  constexpr int lanes = Vector<S>::lanes, half = lanes / 2;
  Index low, high;
  for (int i = 0; i < lanes; ++i) {
    low[i] = i / 2 + i % 2 * lanes;
    high[i] = low[i] + half;
  }
#pragma GCC unroll 4
  for (int size = half; size > 0; size /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < size; ++i) {
      const V one = vectors[i], other = vectors[i + size];
      vectors[i] = __builtin_shuffle(one, other, low) + __builtin_shuffle(one, other, high);
    }
  }
  return vectors[0];
}

#endif

}  // namespace
