// A quotient of polynomials. Rows: numerator from power 0, then denominator from power 1, in form A its absolute values.
//
// Form A divides by 1 + Σ_k |b_k|·|x|^k, form B by 1 + |Σ_k b_k·x^k|. Any degree; at PAU's own, 5 and 4, coefficients and
// sums stay in registers.
#pragma once

#include "conv_vector.h"
#include "pointwise.h"

namespace {

// A number of coefficients that is only known when run.
constexpr int kAny = 0;

// The coefficients of a block as they meet the elements from i on: the same in all lanes, or a lane each. V is a vector,
// or S itself for what is left over.
template <class V, class S, bool varying, int most>
class Meeting {
 public:
  Meeting(Rows<const S> c, int64_t rows) : c_(c) {
    if constexpr (!varying && most != kAny) {
      for (int64_t k = 0; k < rows; ++k) held_[k] = V{} + c.data[k * c.stride];
    }
  }

  V operator()(int64_t k, int64_t i) const {
    if constexpr (varying) {
      return read<V>(c_.data + k * c_.stride + i);
    } else if constexpr (most != kAny) {
      return held_[k];
    } else {
      return V{} + c_.data[k * c_.stride];
    }
  }

 private:
  Rows<const S> c_;
  V held_[most == kAny ? 1 : most];
};

// A polynomial of degree count − 1, and its derivative.
template <class V>
struct Polynomial {
  V value, slope;
};

template <class V, class C>
inline __attribute__((always_inline)) Polynomial<V> horner(V x, const C& c, int64_t row, int64_t count, int64_t i) {
  V value = c(row + count - 1, i), slope = V{};
#pragma GCC unroll 8
  for (int64_t k = count - 2; k >= 0; --k) {
    slope = slope * x + value;
    value = value * x + c(row + k, i);
  }
  return {value, slope};
}

template <bool absolute, class V>
V base(V x) {
  return absolute ? (x < 0 ? -x : x) : x;
}

template <class V, class S, bool absolute, class C>
inline __attribute__((always_inline)) void rational_value(
    int64_t i, const S* x, S* y, const C& c, int64_t first, int64_t second) {
  const V at = read<V>(x + i), b = base<absolute>(at);
  const V d = horner<V>(b, c, first, second, i).value * b;
  write(y + i, horner<V>(at, c, 0, first, i).value / (S(1) + (d < 0 ? -d : d)));
}

// Calls add(k, share) with the elements' shares of the gradient of every coefficient.
template <class V, class S, bool absolute, class C, class Add>
inline __attribute__((always_inline)) void rational_gradient(
    int64_t i, const S* grad, const S* x, S* grad_x, const C& c, int64_t first, int64_t second, const Add& add) {
  const V at = read<V>(x + i), b = base<absolute>(at), zero = V{};
  const Polynomial<V> p = horner<V>(at, c, 0, first, i), q = horner<V>(b, c, first, second, i);
  const V d = q.value * b, quotient = S(1) / (S(1) + (d < 0 ? -d : d));
  const V up = read<V>(grad + i) * quotient, share = up * (p.value * quotient);
  const V down = d > 0 ? -share : d < 0 ? share : zero;
  V d_slope = q.value + q.slope * b;
  if (absolute) d_slope = at > 0 ? d_slope : at < 0 ? -d_slope : zero;
  write(grad_x + i, V(up * p.slope + down * d_slope));
  V power = up;
  add(0, power);
#pragma GCC unroll 8
  for (int64_t k = 1; k < first; ++k) add(k, power *= at);
  power = down;
#pragma GCC unroll 8
  for (int64_t k = 0; k < second; ++k) add(first + k, power *= b);
}

template <class S, bool absolute, bool varying, int numerator, int denominator>
void rational_forward(int64_t n, const S* x, S* y, Rows<const S> c, Counts counts) {
  using V = typename Vector<S>::Whole;
  constexpr int64_t lanes = Vector<S>::lanes;
  constexpr int most = numerator + denominator;
  const int64_t first = numerator == kAny ? counts.first : numerator;
  const int64_t second = denominator == kAny ? counts.second : denominator;
  const Meeting<V, S, varying, most> whole(c, first + second);
  const Meeting<S, S, varying, most> single(c, first + second);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) rational_value<V, S, absolute>(i, x, y, whole, first, second);
  for (; i < n; ++i) rational_value<S, S, absolute>(i, x, y, single, first, second);
}

template <class S, bool absolute, bool varying, int numerator, int denominator>
void rational_backward(
    int64_t n, const S* grad, const S* x, S* grad_x, Rows<const S> c, Rows<Sum<S, varying>> sums, Counts counts) {
  using V = typename Vector<S>::Whole;
  constexpr int64_t lanes = Vector<S>::lanes, few = 16 * lanes;
  constexpr int most = numerator + denominator;
  const int64_t first = numerator == kAny ? counts.first : numerator;
  const int64_t second = denominator == kAny ? counts.second : denominator, rows = first + second;
  const Meeting<V, S, varying, most> whole(c, rows);
  const Meeting<S, S, varying, most> single(c, rows);
  const auto keep = [&](int64_t i) {
    return [&sums, i](int64_t k, auto share) {
      using Share = decltype(share);
      Sum<S, varying>* const to = sums.data + k * sums.stride;
      if constexpr (varying) {
        write(to + i, Share(read<Share>(to + i) + share));
      } else {
        to[0] += share;
      }
    };
  };
  int64_t i = 0;
  if constexpr (varying) {
    for (; i + lanes <= n; i += lanes) {
      rational_gradient<V, S, absolute>(i, grad, x, grad_x, whole, first, second, keep(i));
    }
  } else {
    while (i + lanes <= n) {
      // Room for whole squares of vectors.
      V held[most == kAny ? rectifiers::kMostRows : (most + lanes - 1) / lanes * lanes];
      const int64_t squares = (rows + lanes - 1) / lanes;
      for (int64_t k = 0; k < squares * lanes; ++k) held[k] = V{};
      const int64_t end = n - i < few ? n : i + few;
      for (; i + lanes <= end; i += lanes) {
        rational_gradient<V, S, absolute>(
            i, grad, x, grad_x, whole, first, second, [&held](int64_t k, V share) { held[k] += share; });
      }
      for (int64_t square = 0; square < squares; ++square) {
        const V totals = horizontal_sums<S>(held + square * lanes);
        for (int64_t lane = 0, k = square * lanes; lane < lanes && k < rows; ++lane, ++k) {
          sums.data[k * sums.stride] += totals[lane];
        }
      }
    }
  }
  for (; i < n; ++i) rational_gradient<S, S, absolute>(i, grad, x, grad_x, single, first, second, keep(i));
}

template <class S, bool absolute, bool varying>
void rational_forward_any(int64_t n, const S* x, S* y, Rows<const S> c, Counts counts) {
  const bool usual = counts.first == 6 && counts.second == 4;
  (usual ? rational_forward<S, absolute, varying, 6, 4> : rational_forward<S, absolute, varying, kAny, kAny>)(
      n, x, y, c, counts);
}

template <class S, bool absolute, bool varying>
void rational_backward_any(
    int64_t n, const S* grad, const S* x, S* grad_x, Rows<const S> c, Rows<Sum<S, varying>> sums, Counts counts) {
  const bool usual = counts.first == 6 && counts.second == 4;
  (usual ? rational_backward<S, absolute, varying, 6, 4> : rational_backward<S, absolute, varying, kAny, kAny>)(
      n, grad, x, grad_x, c, sums, counts);
}

template <class S, bool absolute>
constexpr rectifiers::Elementwise<S> rational() {
  return {
      {rational_forward_any<S, absolute, false>, rational_forward_any<S, absolute, true>},
      rational_backward_any<S, absolute, false>,
      rational_backward_any<S, absolute, true>,
  };
}

}  // namespace
