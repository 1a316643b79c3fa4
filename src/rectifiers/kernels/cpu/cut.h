// Zero up to a bound, the identity beyond. Row: the bound, which is not negative, and whose gradient is zero.
#pragma once

#include "pointwise.h"

namespace {

struct Cut {
  template <class S>
  static S value(S x, S bound, S) {
    return x <= bound ? 0 : x;
  }

  // The output is up to the bound exactly where the input was, so either can be `saved`.
  template <class S>
  static Gradient<S> gradient(S grad, S saved, S bound, S) {
    return {saved <= bound ? 0 : grad, 0, 0};
  }
};

}  // namespace
