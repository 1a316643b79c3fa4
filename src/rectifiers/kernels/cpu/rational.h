// A quotient of polynomials. Rows: numerator from power 0, then denominator from power 1, in form A its absolute values.
//
// Form A divides by 1 + Σ_k |b_k|·|x|^k, form B by 1 + |Σ_k b_k·x^k|. Any degree: each power is one sweep over a block.
#pragma once

#include "pointwise.h"
#include "strips.h"

namespace {

// Short, for six temporaries.
constexpr int64_t kStrip = 512;

template <bool absolute, class S>
S base(S x) {
  return absolute && x < 0 ? -x : x;
}

template <class S>
S sign(S x) {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

// The polynomial with `count` coefficients from `row` on, and its derivative if `slope` is given, by Horner's rule.
template <bool absolute, class S, bool varying>
void horner(int64_t n, const S* x, Rows<const S> c, int64_t row, int64_t count, S* value, S* slope) {
  const S* top = c.data + (row + count - 1) * c.stride;
  for (int64_t i = 0; i < n; ++i) value[i] = top[varying ? i : 0];
  if (slope) {
    for (int64_t i = 0; i < n; ++i) slope[i] = 0;
  }
  for (int64_t k = count - 2; k >= 0; --k) {
    const S* next = c.data + (row + k) * c.stride;
    if (slope) {
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) slope[i] = slope[i] * base<absolute>(x[i]) + value[i];
    }
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) value[i] = value[i] * base<absolute>(x[i]) + next[varying ? i : 0];
  }
}

template <class S, bool absolute, bool varying>
void rational_forward(int64_t n, const S* x, S* y, Rows<const S> c, Counts counts) {
  S p[kStrip], q[kStrip];
  horner<false, S, varying>(n, x, c, 0, counts.first, p, nullptr);
  horner<absolute, S, varying>(n, x, c, counts.first, counts.second, q, nullptr);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const S d = q[i] * base<absolute>(x[i]);
    y[i] = p[i] / (1 + (d < 0 ? -d : d));
  }
}

// Adds Σ weight·power to a row of sums; the next power is ready afterwards.
template <bool absolute, class S, bool varying>
void accumulate(int64_t n, const S* weight, const S* x, S* power, double* sums) {
  if constexpr (varying) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      sums[i] += weight[i] * power[i];
      power[i] *= base<absolute>(x[i]);
    }
  } else {
    // Four by four in S, the rest in double: nearly as exact as all in double, and nearly as fast as none.
    const int64_t quarter = n / 4;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < quarter; ++i) {
      const int64_t j = i + quarter, k = j + quarter, l = k + quarter;
      sum += (weight[i] * power[i] + weight[j] * power[j]) + (weight[k] * power[k] + weight[l] * power[l]);
    }
    for (int64_t i = 4 * quarter; i < n; ++i) sum += weight[i] * power[i];
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) power[i] *= base<absolute>(x[i]);
    sums[0] += sum;
  }
}

template <class S, bool absolute, bool varying>
void rational_backward(
    int64_t n, const S* grad, const S* x, S* grad_x, Rows<const S> c, Rows<double> sums, Counts counts) {
  S p[kStrip], p_slope[kStrip], q[kStrip], q_slope[kStrip];
  horner<false, S, varying>(n, x, c, 0, counts.first, p, p_slope);
  horner<absolute, S, varying>(n, x, c, counts.first, counts.second, q, q_slope);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const S b = base<absolute>(x[i]), d = q[i] * b, quotient = 1 / (1 + (d < 0 ? -d : d));
    const S up = grad[i] * quotient, down = -up * (p[i] * quotient) * sign(d);
    const S d_slope = (q[i] + q_slope[i] * b) * (absolute ? sign(x[i]) : 1);
    grad_x[i] = up * p_slope[i] + down * d_slope;
    p[i] = up;
    q[i] = down;
  }
  S* power = p_slope;
  for (int64_t i = 0; i < n; ++i) power[i] = 1;
  for (int64_t k = 0; k < counts.first; ++k) {
    accumulate<false, S, varying>(n, p, x, power, sums.data + k * sums.stride);
  }
  for (int64_t i = 0; i < n; ++i) power[i] = base<absolute>(x[i]);
  for (int64_t k = 0; k < counts.second; ++k) {
    accumulate<absolute, S, varying>(n, q, x, power, sums.data + (counts.first + k) * sums.stride);
  }
}

template <class S, bool absolute>
constexpr rectifiers::Elementwise<S> rational() {
  return {
      {forward_strips<S, false, kStrip, rational_forward<S, absolute, false>>,
       forward_strips<S, true, kStrip, rational_forward<S, absolute, true>>},
      {backward_strips<S, false, kStrip, rational_backward<S, absolute, false>>,
       backward_strips<S, true, kStrip, rational_backward<S, absolute, true>>},
  };
}

}  // namespace
