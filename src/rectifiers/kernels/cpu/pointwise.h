// Formulas of an element and at most two coefficients, as loops over blocks.
#pragma once

#include <type_traits>

#include "block.h"

namespace {

using rectifiers::Counts;
using rectifiers::Rows;
using rectifiers::Sum;

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

// Summands that are added in S before the rest is added in double, side by side in lanes: nearly as exact as all in
// double, and nearly as fast as none.
constexpr int64_t kFew = 8, kLanes = 16;

// By halves: one lane after the other, each would wait for the one before.
inline double sum_of_lanes(double* lanes) {
#pragma GCC unroll 4
  for (int64_t half = kLanes / 2; half; half /= 2) {
#pragma omp simd
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

// Whether a formula serves elements up to a `limit` alone; its `reach` says how far one goes.
template <class Formula, class = void>
constexpr bool kLimited = false;
template <class Formula>
constexpr bool kLimited<Formula, std::void_t<decltype(&Formula::limit)>> = true;

template <class Formula, class S>
int32_t farther(int32_t reached, S saved, S a, S b) {
  if constexpr (kLimited<Formula>) {
    const int32_t reach = Formula::reach(saved, a, b);
    return reach > reached ? reach : reached;
  } else {
    return reached;
  }
}

// Whether the formula served all elements. Where it did not, nothing was added to `sums`.
template <class Formula, class S, int rows>
bool uniform_backward_within(
    int64_t n, const S* grad, const S* saved, S* grad_x, Rows<const S> c, Rows<double> sums) {
  const S a = c.data[0], b = c.data[(rows - 1) * c.stride];
  double first_lanes[kLanes] = {}, second_lanes[kLanes] = {};
  int32_t reached[kLanes] = {};
  int64_t at = 0;
  // A short block is not worth a second kind of sum.
  const int64_t last = n < 2 * kFew * kLanes ? 0 : n;
  for (; at + kFew * kLanes <= last; at += kFew * kLanes) {
#pragma omp simd
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      S first_sum = 0, second_sum = 0;
      int32_t far = reached[lane];
#pragma GCC unroll 8
      for (int64_t k = 0; k < kFew; ++k) {
        const int64_t i = at + k * kLanes + lane;
        const Gradient<S> found = Formula::gradient(grad[i], saved[i], a, b);
        far = farther<Formula>(far, saved[i], a, b);
        grad_x[i] = found.x;
        first_sum += found.first;
        second_sum += found.second;
      }
      first_lanes[lane] += first_sum;
      second_lanes[lane] += second_sum;
      reached[lane] = far;
    }
  }
  if (at + kLanes <= n) {
    S first_few[kLanes] = {}, second_few[kLanes] = {};
    for (; at + kLanes <= n; at += kLanes) {
#pragma omp simd
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const Gradient<S> found = Formula::gradient(grad[at + lane], saved[at + lane], a, b);
        reached[lane] = farther<Formula>(reached[lane], saved[at + lane], a, b);
        grad_x[at + lane] = found.x;
        first_few[lane] += found.first;
        second_few[lane] += found.second;
      }
    }
#pragma omp simd
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      first_lanes[lane] += first_few[lane];
      second_lanes[lane] += second_few[lane];
    }
  }
  double first_sum = 0, second_sum = 0;
  int32_t most = 0;
  // Asked first, for such a loop adds up as many sums as a vector holds, even over nothing.
  if (at < n) {
#pragma omp simd reduction(+ : first_sum, second_sum) reduction(max : most)
    for (int64_t i = at; i < n; ++i) {
      const Gradient<S> found = Formula::gradient(grad[i], saved[i], a, b);
      most = farther<Formula>(most, saved[i], a, b);
      grad_x[i] = found.x;
      first_sum += found.first;
      second_sum += found.second;
    }
  }
  if constexpr (kLimited<Formula>) {
    for (const int32_t reach : reached) most = reach > most ? reach : most;
    if (most > Formula::limit()) return false;
  }
  sums.data[0] += first_sum + sum_of_lanes(first_lanes);
  if constexpr (rows == 2) sums.data[sums.stride] += second_sum + sum_of_lanes(second_lanes);
  return true;
}

template <class S>
void add_up(int64_t n, S* sums, double* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    to[i] += sums[i];
    sums[i] = 0;
  }
}

template <class Formula, class S, int rows>
void varying_backward(int64_t n, const S* grad, const S* saved, S* grad_x, Rows<const S> c, Rows<S> sums, Counts) {
  const S *first = c.data, *second = c.data + (rows - 1) * c.stride;
  S *first_sums = sums.data, *second_sums = sums.data + (rows - 1) * sums.stride;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const Gradient<S> found = Formula::gradient(grad[i], saved[i], first[i], second[i]);
    grad_x[i] = found.x;
    first_sums[i] += found.first;
    if constexpr (rows == 2) second_sums[i] += found.second;
  }
}

// Coefficients and sums are loaded and stored once for all.
template <class Formula, class S, int rows>
void together_backward(
    int64_t n, int64_t period, const S* grad, const S* saved, S* grad_x, Rows<const S> c, Rows<S> sums) {
  const S *first = c.data, *second = c.data + (rows - 1) * c.stride;
  S *first_sums = sums.data, *second_sums = sums.data + (rows - 1) * sums.stride;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const S a = first[i], b = second[i];
    S first_sum = 0, second_sum = 0;
#pragma GCC unroll 4
    for (int64_t k = 0; k < rectifiers::kTogether; ++k) {
      const int64_t at = k * period + i;
      const Gradient<S> found = Formula::gradient(grad[at], saved[at], a, b);
      grad_x[at] = found.x;
      first_sum += found.first;
      second_sum += found.second;
    }
    first_sums[i] += first_sum;
    if constexpr (rows == 2) second_sums[i] += second_sum;
  }
}

template <class Formula, class S, int rows, bool varying>
void pointwise_backward(
    int64_t n, const S* grad, const S* saved, S* grad_x, Rows<const S> c, Rows<Sum<S, varying>> sums, Counts counts) {
  if constexpr (varying) {
    varying_backward<Formula, S, rows>(n, grad, saved, grad_x, c, sums, counts);
  } else {
    uniform_backward_within<Formula, S, rows>(n, grad, saved, grad_x, c, sums);
  }
}

template <class Formula, class S, int rows>
constexpr rectifiers::Elementwise<S> pointwise() {
  return {
      {pointwise_forward<Formula, S, rows, false>, pointwise_forward<Formula, S, rows, true>},
      pointwise_backward<Formula, S, rows, false>,
      pointwise_backward<Formula, S, rows, true>,
      together_backward<Formula, S, rows>,
  };
}

}  // namespace
