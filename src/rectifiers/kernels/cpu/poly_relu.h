// A polynomial of ReLU, of the third degree. Rows: its coefficients, from the constant on.
#pragma once

#include "powers.h"
#include "strips.h"

namespace {

template <class S>
struct Cubic {
  S constant, first, second, third;
};

template <class S, bool varying>
Cubic<S> cubic(Rows<const S> c, int64_t i) {
  const int64_t column = varying ? i : 0;
  return {c.data[column], c.data[c.stride + column], c.data[2 * c.stride + column], c.data[3 * c.stride + column]};
}

template <class S>
S cubic_value(S above, Cubic<S> c) {
  return c.constant + above * (c.first + above * (c.second + above * c.third));
}

template <class S>
S cubic_gradient(S grad, S x, Cubic<S> c) {
  return x <= 0 ? 0 : grad * (c.first + x * (2 * c.second + x * (3 * c.third)));
}

template <class S, bool varying>
void poly_relu_forward(int64_t n, const S* x, S* y, Rows<const S> c, Counts) {
  const Cubic<S> all = cubic<S, false>(c, 0);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = cubic_value(relu(x[i]), varying ? cubic<S, varying>(c, i) : all);
}

template <class S, bool varying>
void poly_relu_backward(
    int64_t n, const S* grad, const S* x, S* grad_x, Rows<const S> c, Rows<Sum<S, varying>> sums, Counts) {
  if constexpr (varying) {
    S *const constant = sums.data, *const first = constant + sums.stride;
    S *const second = first + sums.stride, *const third = second + sums.stride;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const Products<S> found = products(grad[i], relu(x[i]));
      grad_x[i] = cubic_gradient(grad[i], x[i], cubic<S, true>(c, i));
      constant[i] += found.none;
      first[i] += found.first;
      second[i] += found.second;
      third[i] += found.third;
    }
  } else {
    const Products<double> found = row_products<true>(n, grad, x);
    const Cubic<S> all = cubic<S, false>(c, 0);
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) grad_x[i] = cubic_gradient(grad[i], x[i], all);
    sums.data[0] += found.none;
    sums.data[sums.stride] += found.first;
    sums.data[2 * sums.stride] += found.second;
    sums.data[3 * sums.stride] += found.third;
  }
}

template <class S>
constexpr rectifiers::Elementwise<S> poly_relu() {
  constexpr int64_t strip = 4096;
  return {
      {poly_relu_forward<S, false>, poly_relu_forward<S, true>},
      backward_strips<S, false, strip, poly_relu_backward<S, false>>,
      backward_strips<S, true, strip, poly_relu_backward<S, true>>,
  };
}

}  // namespace
