// Powers brought to a mean square of one, and summed. Coefficients: a constant, and one for each of three powers.
//
// With m_k the mean of x^2k over the n numbers that belong together, r_k = 1/√(m_k + ε), and G_k the sum of g·x^k:
//
//   y      = a_0 + Σ a_k·r_k·x^k
//   ∂a_k   = r_k·G_k, and ∂a_0 = G_0
//   ∂x     = g·Σ k·a_k·r_k·x^(k-1) − Σ k·a_k·r_k³·G_k·x^(2k-1) / n
#pragma once

#include <math.h>

#include "powers.h"

namespace {

constexpr double kLeastSquare = 1e-6;  // ε; kernels/poly_norm.py has the same

// What is summed over the numbers that belong together.
template <class S>
struct Squares {
  S second, fourth, sixth;
};

template <class S>
Squares<S> squares(S x) {
  const S square = x * x, fourth = square * square;
  return {square, fourth, square * fourth};
}

// Of the powers of one row or column: a_k·r_k.
template <class S>
struct Scales {
  S first, second, third;
};

inline double scale(double sum, int64_t n) { return 1 / ::sqrt(sum / static_cast<double>(n) + kLeastSquare); }

template <class S>
S norm_value(S x, S constant, Scales<S> c) {
  return constant + x * (c.first + x * (c.second + x * c.third));
}

// `back`: k·a_k·r_k³·G_k / n.
template <class S>
S norm_gradient(S grad, S x, Scales<S> c, Scales<S> back) {
  const S square = x * x;
  const S through = c.first + x * (2 * c.second + 3 * x * c.third);
  return grad * through - x * (back.first + square * (back.second + square * back.third));
}

// Sums over a row in lanes, few numbers in S before the rest is added in double.
template <class S>
Squares<double> row_squares(int64_t n, const S* x) {
  double second[kLanes] = {}, fourth[kLanes] = {}, sixth[kLanes] = {};
  int64_t at = 0;
  for (; at + kLanes <= n;) {
    S seconds[kLanes] = {}, fourths[kLanes] = {}, sixths[kLanes] = {};
    for (int64_t k = 0; k < kFew && at + kLanes <= n; ++k, at += kLanes) {
#pragma omp simd
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const Squares<S> found = squares(x[at + lane]);
        seconds[lane] += found.second;
        fourths[lane] += found.fourth;
        sixths[lane] += found.sixth;
      }
    }
#pragma omp simd
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      second[lane] += seconds[lane];
      fourth[lane] += fourths[lane];
      sixth[lane] += sixths[lane];
    }
  }
  Squares<double> sums = {sum_of_lanes(second), sum_of_lanes(fourth), sum_of_lanes(sixth)};
  for (; at < n; ++at) {
    const Squares<S> found = squares(x[at]);
    sums = {sums.second + found.second, sums.fourth + found.fourth, sums.sixth + found.sixth};
  }
  return sums;
}

template <class S>
void norm_row(int64_t n, const S* x, S* y, const S* a) {
  const Squares<double> sums = row_squares(n, x);
  const Scales<S> c = {
      static_cast<S>(a[1] * scale(sums.second, n)),
      static_cast<S>(a[2] * scale(sums.fourth, n)),
      static_cast<S>(a[3] * scale(sums.sixth, n))};
  const S constant = a[0];
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = norm_value(x[i], constant, c);
}

// What a row's or a column's sums make of the coefficients: the scales of the powers, what comes back through them, and the
// coefficients' gradients.
template <class S>
struct Shares {
  Scales<S> c, back;
  Products<double> gradients;
};

template <class S>
Shares<S> shares(int64_t n, const S* a, const Squares<double>& squares, const Products<double>& products) {
  const double first = scale(squares.second, n), second = scale(squares.fourth, n), third = scale(squares.sixth, n);
  const double ones = a[1] * first, twos = a[2] * second, threes = a[3] * third, each = 1 / static_cast<double>(n);
  const Products<double> gradients = {
      products.none, first * products.first, second * products.second, third * products.third};
  return {
      {static_cast<S>(ones), static_cast<S>(twos), static_cast<S>(threes)},
      {static_cast<S>(ones * first * gradients.first * each),
       static_cast<S>(2 * twos * second * gradients.second * each),
       static_cast<S>(3 * threes * third * gradients.third * each)},
      gradients};
}

template <class S>
void norm_row_backward(int64_t n, const S* grad, const S* x, S* grad_x, const S* a, double* sums) {
  const Shares<S> found = shares(n, a, row_squares(n, x), row_products<false>(n, grad, x));
  sums[0] += found.gradients.none;
  sums[1] += found.gradients.first;
  sums[2] += found.gradients.second;
  sums[3] += found.gradients.third;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) grad_x[i] = norm_gradient(grad[i], x[i], found.c, found.back);
}

// Columns side by side, whose n numbers stand `stride` apart.
using rectifiers::kMostColumns;

template <class S>
void columns_squares(int64_t n, int64_t columns, int64_t stride, const S* x, double (*sums)[kMostColumns]) {
  for (int64_t at = 0; at < n; at += kFew) {
    const int64_t few = n - at < kFew ? n - at : kFew;
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) {
      S second = 0, fourth = 0, sixth = 0;
      for (int64_t k = 0; k < few; ++k) {
        const Squares<S> found = squares(x[(at + k) * stride + i]);
        second += found.second;
        fourth += found.fourth;
        sixth += found.sixth;
      }
      sums[0][i] += second;
      sums[1][i] += fourth;
      sums[2][i] += sixth;
    }
  }
}

template <class S>
void columns_products(
    int64_t n, int64_t columns, int64_t stride, const S* grad, const S* x, double (*sums)[kMostColumns]) {
  for (int64_t at = 0; at < n; at += kFew) {
    const int64_t few = n - at < kFew ? n - at : kFew;
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) {
      S none = 0, first = 0, second = 0, third = 0;
      for (int64_t k = 0; k < few; ++k) {
        const int64_t place = (at + k) * stride + i;
        const Products<S> found = products(grad[place], x[place]);
        none += found.none;
        first += found.first;
        second += found.second;
        third += found.third;
      }
      sums[0][i] += none;
      sums[1][i] += first;
      sums[2][i] += second;
      sums[3][i] += third;
    }
  }
}

template <class S>
void norm_columns(int64_t n, int64_t columns, int64_t stride, const S* x, S* y, const S* a) {
  double sums[3][kMostColumns] = {};
  columns_squares(n, columns, stride, x, sums);
  S first[kMostColumns], second[kMostColumns], third[kMostColumns];
#pragma omp simd
  for (int64_t i = 0; i < columns; ++i) {
    first[i] = static_cast<S>(a[1] * scale(sums[0][i], n));
    second[i] = static_cast<S>(a[2] * scale(sums[1][i], n));
    third[i] = static_cast<S>(a[3] * scale(sums[2][i], n));
  }
  const S constant = a[0];
  for (int64_t k = 0; k < n; ++k) {
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) {
      y[k * stride + i] = norm_value(x[k * stride + i], constant, Scales<S>{first[i], second[i], third[i]});
    }
  }
}

template <class S>
void norm_columns_backward(
    int64_t n, int64_t columns, int64_t stride, const S* grad, const S* x, S* grad_x, const S* a, double* sums) {
  double square_sums[3][kMostColumns] = {}, product_sums[4][kMostColumns] = {};
  columns_squares(n, columns, stride, x, square_sums);
  columns_products(n, columns, stride, grad, x, product_sums);
  S first[kMostColumns], second[kMostColumns], third[kMostColumns];
  S first_back[kMostColumns], second_back[kMostColumns], third_back[kMostColumns];
  double none = 0, firsts = 0, seconds = 0, thirds = 0;
#pragma omp simd reduction(+ : none, firsts, seconds, thirds)
  for (int64_t i = 0; i < columns; ++i) {
    const Shares<S> found = shares(
        n,
        a,
        {square_sums[0][i], square_sums[1][i], square_sums[2][i]},
        {product_sums[0][i], product_sums[1][i], product_sums[2][i], product_sums[3][i]});
    none += found.gradients.none;
    firsts += found.gradients.first;
    seconds += found.gradients.second;
    thirds += found.gradients.third;
    first[i] = found.c.first, second[i] = found.c.second, third[i] = found.c.third;
    first_back[i] = found.back.first, second_back[i] = found.back.second, third_back[i] = found.back.third;
  }
  sums[0] += none;
  sums[1] += firsts;
  sums[2] += seconds;
  sums[3] += thirds;
  for (int64_t k = 0; k < n; ++k) {
#pragma omp simd
    for (int64_t i = 0; i < columns; ++i) {
      const int64_t place = k * stride + i;
      grad_x[place] = norm_gradient(
          grad[place],
          x[place],
          Scales<S>{first[i], second[i], third[i]},
          Scales<S>{first_back[i], second_back[i], third_back[i]});
    }
  }
}

template <class S>
constexpr rectifiers::Normalising<S> poly_norm() {
  return {norm_row<S>, norm_row_backward<S>, norm_columns<S>, norm_columns_backward<S>};
}

}  // namespace
