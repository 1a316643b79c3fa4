// Formulas of an element and at most two coefficients, as loops over blocks.
#pragma once

#include "block.h"

namespace {

using rectifiers::Counts;
using rectifiers::Rows;

// The gradients of the input and of the two coefficients.
template <class S>
struct Gradient {
  S x, first, second;
};

template <class S>
S relu(S x) {
  return x <= 0 ? 0 : x;  // a NaN passes
}

template <class Formula, class S, int rows, bool varying>
void pointwise_forward(int64_t n, const S* x, S* y, Rows<const S> c, Counts) {
  const S *first = c.data, *second = c.data + (rows - 1) * c.stride;
  const S a = first[0], b = second[0];
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = Formula::value(x[i], varying ? first[i] : a, varying ? second[i] : b);
}

template <class Formula, class S, int rows, bool varying>
void pointwise_backward(
    int64_t n, const S* grad, const S* saved, S* grad_x, Rows<const S> c, Rows<double> sums, Counts) {
  const S *first = c.data, *second = c.data + (rows - 1) * c.stride;
  double *first_sums = sums.data, *second_sums = sums.data + (rows - 1) * sums.stride;
  if constexpr (varying) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const Gradient<S> found = Formula::gradient(grad[i], saved[i], first[i], second[i]);
      grad_x[i] = found.x;
      first_sums[i] += found.first;
      if constexpr (rows == 2) second_sums[i] += found.second;
    }
  } else {
    const S a = first[0], b = second[0];
    double first_sum = 0, second_sum = 0;
#pragma omp simd reduction(+ : first_sum, second_sum)
    for (int64_t i = 0; i < n; ++i) {
      const Gradient<S> found = Formula::gradient(grad[i], saved[i], a, b);
      grad_x[i] = found.x;
      first_sum += found.first;
      second_sum += found.second;
    }
    first_sums[0] += first_sum;
    if constexpr (rows == 2) second_sums[0] += second_sum;
  }
}

template <class Formula, class S, int rows>
constexpr rectifiers::Elementwise<S> pointwise() {
  return {
      {pointwise_forward<Formula, S, rows, false>, pointwise_forward<Formula, S, rows, true>},
      {pointwise_backward<Formula, S, rows, false>, pointwise_backward<Formula, S, rows, true>},
  };
}

}  // namespace
