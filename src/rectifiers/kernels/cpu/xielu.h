// The integral of a slope. Rows: how fast it rises above zero, and below.
#pragma once

#include "exponential.h"
#include "pointwise.h"

namespace {

struct Xielu {
  template <class S>
  static S value(S x, S positive, S negative) {
    const S half = S(0.5);
    return x > 0 ? x * (positive * x + half) : negative * expm1_below(x > 0 ? 0 : x) + (half - negative) * x;
  }

  template <class S>
  static Gradient<S> gradient(S grad, S x, S positive, S negative) {
    const S half = S(0.5);
    const bool above = x > 0;
    const S below = expm1_below(above ? 0 : x);
    return {
        grad * (above ? 2 * positive * x + half : negative * below + half),
        above ? grad * x * x : 0,
        above ? 0 : grad * (below - x)};
  }
};

}  // namespace
