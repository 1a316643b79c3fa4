// Sums over memory, each in an order that follows from its length alone.
#pragma once

#include "conv_vector.h"

namespace {

// The sum of a whole number of vectors.
template <class S>
S sum_vectors(int64_t n, const S* from) {
  typename Vector<S>::Whole sum = {};
  for (int64_t i = 0; i < n; i += Vector<S>::lanes) sum += load<S>(from + i);
  return horizontal_sum<S>(sum);
}

// The sum of n elements; every so many are added up on their own.
template <class S>
double sum(int64_t n, const S* from) {
  constexpr int lanes = Vector<S>::lanes, run = 64;
  double total = 0;
  int64_t at = 0;
  for (; at + lanes <= n;) {
    typename Vector<S>::Whole vector = {};
    for (int i = 0; i < run && at + lanes <= n; ++i, at += lanes) vector += load<S>(from + at);
    total += horizontal_sum<S>(vector);
  }
  for (; at < n; ++at) total += from[at];
  return total;
}

}  // namespace
