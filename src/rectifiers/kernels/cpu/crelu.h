// Both phases of the input.
#pragma once

#include "pointwise.h"

namespace {

template <class S>
void crelu_forward(int64_t n, const S* x, S* positive, S* negative) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    positive[i] = relu(x[i]);
    negative[i] = relu(-x[i]);
  }
}

// Which phase was open is read off the output, which the next layer keeps anyway; the input would be kept for this alone.
template <class S>
void crelu_backward(
    int64_t n, const S* grad_positive, const S* grad_negative, const S* positive, const S* negative, S* grad_x) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    grad_x[i] = (positive[i] <= 0 ? 0 : grad_positive[i]) - (negative[i] <= 0 ? 0 : grad_negative[i]);
  }
}

}  // namespace
