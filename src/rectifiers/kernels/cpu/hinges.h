// ReLU and hinges that open to the left. Rows: S slopes, then S places.
#pragma once

#include "pointwise.h"
#include "strips.h"

namespace {

template <class S, bool varying>
void hinges_forward(int64_t n, const S* x, S* y, Rows<const S> c, Counts counts) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = relu(x[i]);
  for (int64_t hinge = 0; hinge < counts.first; ++hinge) {
    const S *slope = c.data + hinge * c.stride, *place = c.data + (counts.first + hinge) * c.stride;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] += slope[varying ? i : 0] * relu(place[varying ? i : 0] - x[i]);
  }
}

template <class S, bool varying>
void hinges_backward(
    int64_t n, const S* grad, const S* x, S* grad_x, Rows<const S> c, Rows<Sum<S, varying>> sums, Counts counts) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) grad_x[i] = x[i] <= 0 ? 0 : grad[i];
  for (int64_t hinge = 0; hinge < counts.first; ++hinge) {
    const int64_t other = counts.first + hinge;
    const S *slope = c.data + hinge * c.stride, *place = c.data + other * c.stride;
    Sum<S, varying>*slope_sums = sums.data + hinge * sums.stride, *place_sums = sums.data + other * sums.stride;
    if constexpr (varying) {
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) {
        const S open = place[i] - x[i], share = open <= 0 ? 0 : grad[i] * slope[i];
        grad_x[i] -= share;
        slope_sums[i] += open <= 0 ? 0 : grad[i] * open;
        place_sums[i] += share;
      }
    } else {
      const S a = slope[0], b = place[0];
      double slope_sum = 0, place_sum = 0;
#pragma omp simd reduction(+ : slope_sum, place_sum)
      for (int64_t i = 0; i < n; ++i) {
        const S open = b - x[i], share = open <= 0 ? 0 : grad[i] * a;
        grad_x[i] -= share;
        slope_sum += open <= 0 ? 0 : grad[i] * open;
        place_sum += share;
      }
      slope_sums[0] += slope_sum;
      place_sums[0] += place_sum;
    }
  }
}

template <class S>
constexpr rectifiers::Elementwise<S> hinges() {
  constexpr int64_t strip = 4096;
  return {
      {forward_strips<S, false, strip, hinges_forward<S, false>>,
       forward_strips<S, true, strip, hinges_forward<S, true>>},
      backward_strips<S, false, strip, hinges_backward<S, false>>,
      backward_strips<S, true, strip, hinges_backward<S, true>>,
  };
}

}  // namespace
