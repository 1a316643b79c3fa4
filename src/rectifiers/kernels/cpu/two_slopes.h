// Two slopes meeting at zero. Rows: the slope below zero, the slope above.
#pragma once

#include "pointwise.h"

namespace {

struct TwoSlopes {
  template <class S>
  static S value(S x, S negative, S positive) {
    return x * (x < 0 ? negative : positive);
  }

  // With positive slopes the output has the sign of the input, so either can be `saved`; the slopes' gradients then
  // come out multiplied by the slopes, which the driver takes back once per slope.
  template <class S>
  static Gradient<S> gradient(S grad, S saved, S negative, S positive) {
    const bool below = saved < 0;
    return {grad * (below ? negative : positive), below ? grad * saved : 0, below ? 0 : grad * saved};
  }
};

}  // namespace
