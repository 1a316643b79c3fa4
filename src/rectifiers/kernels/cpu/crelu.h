// Both phases of the input: runs of n elements, whose negative phase stands `gap` behind the positive one. Runs follow one
// another; of several, each is whole, and `gap` is n.
#pragma once

#include "conv_vector.h"
#include "pointwise.h"

namespace {

// Short runs are done in whole vectors, which reach over into what comes next: that is written later, and read for nothing.
// The last ones, where a vector would reach beyond the block, are done exactly, as long ones are.
template <class S, class Whole, class Exact>
inline __attribute__((always_inline)) void over_runs(int64_t runs, int64_t n, const Whole& whole, const Exact& exact) {
  constexpr int64_t lanes = Vector<S>::lanes;
  const int64_t width = (n + lanes - 1) / lanes * lanes;
  int64_t r = 0;
  if (n < 4 * lanes) {
    for (; r * n + width <= runs * n && r + 1 < runs; ++r) whole(r, width);
  }
  for (; r < runs; ++r) exact(r);
}

template <class S>
void crelu_forward(int64_t runs, int64_t n, const S* x, S* y, int64_t gap) {
  using V = typename Vector<S>::Whole;
  over_runs<S>(
      runs,
      n,
      [=](int64_t r, int64_t width) __attribute__((always_inline)) {
        constexpr int64_t lanes = Vector<S>::lanes;
        const S* const from = x + r * n;
        S *const positive = y + 2 * r * gap, *const negative = positive + gap;
        const V zero = V{};
        for (int64_t i = 0; i < width; i += lanes) {
          const V value = load<S>(from + i);
          store<S>(positive + i, value <= 0 ? zero : value);
        }
        for (int64_t i = 0; i < width; i += lanes) {
          const V value = load<S>(from + i);
          store<S>(negative + i, value >= 0 ? zero : -value);
        }
      },
      [=](int64_t r) {
        const S* const from = x + r * n;
        S *const positive = y + 2 * r * gap, *const negative = positive + gap;
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) {
          positive[i] = relu(from[i]);
          negative[i] = relu(-from[i]);
        }
      });
}

// Which phase was open is read off the output, which the next layer keeps anyway; the input would be kept for this alone.
template <class S>
void crelu_backward(int64_t runs, int64_t n, const S* grad, const S* y, S* grad_x, int64_t gap) {
  using V = typename Vector<S>::Whole;
  over_runs<S>(
      runs,
      n,
      [=](int64_t r, int64_t width) __attribute__((always_inline)) {
        const V zero = V{};
        for (int64_t i = 0; i < width; i += Vector<S>::lanes) {
          const int64_t positive = 2 * r * gap + i, negative = positive + gap;
          const V opened = load<S>(y + positive) <= 0 ? zero : load<S>(grad + positive);
          store<S>(grad_x + r * n + i, opened - (load<S>(y + negative) <= 0 ? zero : load<S>(grad + negative)));
        }
      },
      [=](int64_t r) {
        const S *const positive = y + 2 * r * gap, *const negative = positive + gap;
        const S *const grad_positive = grad + 2 * r * gap, *const grad_negative = grad_positive + gap;
        S* const to = grad_x + r * n;
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) {
          to[i] = (positive[i] <= 0 ? 0 : grad_positive[i]) - (negative[i] <= 0 ? 0 : grad_negative[i]);
        }
      });
}

}  // namespace
