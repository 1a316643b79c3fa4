// Runs a formula that goes over its elements several times on strips that stay in the first-level cache.
#pragma once

#include "block.h"

namespace {

template <class S, bool varying, int64_t strip, rectifiers::Forward<S> formula>
void forward_strips(int64_t n, const S* x, S* y, rectifiers::Rows<const S> c, rectifiers::Counts counts) {
  for (int64_t at = 0; at < n; at += strip) {
    const int64_t column = varying ? at : 0, size = n - at < strip ? n - at : strip;
    formula(size, x + at, y + at, {c.data + column, c.stride}, counts);
  }
}

template <class S, bool varying, int64_t strip, rectifiers::Backward<S, varying> formula>
void backward_strips(
    int64_t n,
    const S* grad,
    const S* x,
    S* grad_x,
    rectifiers::Rows<const S> c,
    rectifiers::Rows<rectifiers::Sum<S, varying>> sums,
    rectifiers::Counts counts) {
  for (int64_t at = 0; at < n; at += strip) {
    const int64_t column = varying ? at : 0, size = n - at < strip ? n - at : strip;
    formula(
        size,
        grad + at,
        x + at,
        grad_x + at,
        {c.data + column, c.stride},
        {sums.data + column, sums.stride},
        counts);
  }
}

}  // namespace
