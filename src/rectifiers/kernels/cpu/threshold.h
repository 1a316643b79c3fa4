// A learned floor. Row: the floor.
#pragma once

#include "pointwise.h"

namespace {

struct Threshold {
  template <class S>
  static S value(S x, S theta, S) {
    return x <= theta ? theta : x;
  }

  // The output is at the floor exactly where the input was at or below it, so either can be `saved`.
  template <class S>
  static Gradient<S> gradient(S grad, S saved, S theta, S) {
    const bool floored = saved <= theta;
    return {floored ? 0 : grad, floored ? grad : 0, 0};
  }
};

}  // namespace
