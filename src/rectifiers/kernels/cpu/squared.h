// ReLU, squared. Row: its scale.
#pragma once

#include "pointwise.h"

namespace {

struct Squared {
  template <class S>
  static S value(S x, S scale, S) {
    const S above = relu(x);
    return scale * above * above;
  }

  template <class S>
  static Gradient<S> gradient(S grad, S x, S scale, S) {
    const S above = relu(x);
    return {2 * scale * grad * above, grad * above * above, 0};
  }
};

}  // namespace
