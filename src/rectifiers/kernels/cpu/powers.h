// Sums of a gradient times powers of the input: what coefficients of a polynomial of the third degree learn from.
#pragma once

#include "pointwise.h"

namespace {

// Of one element, or their sums.
template <class S>
struct Products {
  S none, first, second, third;
};

template <class S>
Products<S> products(S grad, S x) {
  const S first = grad * x, second = first * x;
  return {grad, first, second, second * x};
}

// Sums over a row in lanes, few numbers in S before the rest is added in double; of the input, or of what is above zero.
template <bool above, class S>
Products<double> row_products(int64_t n, const S* grad, const S* x) {
  double none[kLanes] = {}, first[kLanes] = {}, second[kLanes] = {}, third[kLanes] = {};
  int64_t at = 0;
  for (; at + kLanes <= n;) {
    S nones[kLanes] = {}, firsts[kLanes] = {}, seconds[kLanes] = {}, thirds[kLanes] = {};
    for (int64_t k = 0; k < kFew && at + kLanes <= n; ++k, at += kLanes) {
#pragma omp simd
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const Products<S> found = products(grad[at + lane], above ? relu(x[at + lane]) : x[at + lane]);
        nones[lane] += found.none;
        firsts[lane] += found.first;
        seconds[lane] += found.second;
        thirds[lane] += found.third;
      }
    }
#pragma omp simd
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      none[lane] += nones[lane];
      first[lane] += firsts[lane];
      second[lane] += seconds[lane];
      third[lane] += thirds[lane];
    }
  }
  Products<double> sums = {sum_of_lanes(none), sum_of_lanes(first), sum_of_lanes(second), sum_of_lanes(third)};
  for (; at < n; ++at) {
    const Products<S> found = products(grad[at], above ? relu(x[at]) : x[at]);
    sums = {sums.none + found.none, sums.first + found.first, sums.second + found.second, sums.third + found.third};
  }
  return sums;
}

}  // namespace
