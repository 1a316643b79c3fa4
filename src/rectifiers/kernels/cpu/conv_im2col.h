// im2col and its reverse: from a padded input tile to the rows of a panel, thresholded on the way, and back.
#pragma once

#include "conv_border.h"
#include "conv_vector.h"

namespace {

using rectifiers::PaddedLines;
using rectifiers::Runs;

// Lines with zeros around them. What overruns a line is overwritten by the next one.
template <class S>
void pad(const PaddedLines& lines, const S* x, S* padded) {
  using V = typename Vector<S>::Whole;
  constexpr int64_t lanes = Vector<S>::lanes;
  for (int64_t line = 0; line < lines.count; ++line, padded += lines.pitch) {
    for (int64_t i = 0; i < lines.pitch; i += lanes) store<S>(padded + i, V{});
    if (lines.source[line] < 0) continue;
    const S* const from = x + lines.source[line];
    S* const to = padded + lines.left;
    // Lines are too short for the processor to foresee the next channel's.
    for (int64_t i = 0; i < lines.length; i += 64 / sizeof(S)) __builtin_prefetch(from + lines.prefetch + i);
    int64_t i = 0;
    for (; i < lines.length && lines.source[line] + i + lanes <= lines.end; i += lanes) {
      store<S>(to + i, load<S>(from + i));
    }
    for (; i < lines.length; ++i) to[i] = from[i];
    for (i = lines.left + lines.length; i < lines.pitch; ++i) padded[i] = 0;
  }
}

// The lines without the zeros around them; nothing beside them is written.
template <class S>
void unpad(const PaddedLines& lines, const S* padded, S* x) {
  constexpr int64_t lanes = Vector<S>::lanes;
  for (int64_t line = 0; line < lines.count; ++line, padded += lines.pitch) {
    if (lines.source[line] < 0) continue;
    const S* const from = padded + lines.left;
    S* const to = x + lines.source[line];
    int64_t i = 0;
    for (; i + lanes <= lines.length; i += lanes) store<S>(to + i, load<S>(from + i));
    for (; i < lines.length; ++i) to[i] = from[i];
  }
}

// Whole vectors are written: what overruns a run is overwritten by the next one.
template <class S, int bytes>
void im2col_by(const Runs& runs, const S* x, S threshold, S* row) {
  using V = typename Vector<S, bytes>::Whole;
  constexpr int64_t lanes = Vector<S, bytes>::lanes;
  const V floors = threshold - V{};
  for (int64_t run = 0; run < runs.count; ++run) {
    const S* const from = x + runs.starts[run];
    S* const to = row + run * runs.length;
    for (int64_t i = 0; i < runs.length; i += lanes) {
      const V value = load<S, bytes>(from + i);
      store<S, bytes>(to + i, floors > value ? floors : value);  // a NaN in x passes
    }
  }
}

template <class S, int bytes>
S col2im_by(const Runs& runs, const S* row, const S* x, S threshold, S* grad_x) {
  using V = typename Vector<S, bytes>::Whole;
  constexpr int64_t lanes = Vector<S, bytes>::lanes;
  const V floors = threshold - V{}, zero = {};
  V numbers, threshold_sums = {};
  for (int lane = 0; lane < lanes; ++lane) numbers[lane] = lane;
  const int64_t tail = runs.length % lanes, whole = runs.length - tail;
  const auto inside = numbers < (S(tail) - V{});
  const auto add = [&](V grad, int64_t at) {
    const auto below = load<S, bytes>(x + at) <= floors;
    threshold_sums += below ? grad : zero;
    store<S, bytes>(grad_x + at, load<S, bytes>(grad_x + at) + (below ? zero : grad));
  };
  for (int64_t run = 0; run < runs.count; ++run) {
    const S* const grad = row + run * runs.length;
    const int64_t start = runs.starts[run];
    for (int64_t i = 0; i < whole; i += lanes) add(load<S, bytes>(grad + i), start + i);
    if (tail) add(inside ? load<S, bytes>(grad + whole) : zero, start + whole);
  }
  return horizontal_sum<S>(threshold_sums);
}

// Half a vector serves where no run would fill more.
template <class S>
bool is_narrow(const Runs& runs) {
  return runs.length <= Vector<S>::lanes / 2;
}

template <class S>
void im2col(const Runs& runs, const S* x, S threshold, S* row) {
  is_narrow<S>(runs) ? im2col_by<S, kBytes / 2>(runs, x, threshold, row)
                     : im2col_by<S, kBytes>(runs, x, threshold, row);
}

template <class S>
S col2im(const Runs& runs, const S* row, const S* x, S threshold, S* grad_x) {
  return is_narrow<S>(runs) ? col2im_by<S, kBytes / 2>(runs, row, x, threshold, grad_x)
                            : col2im_by<S, kBytes>(runs, row, x, threshold, grad_x);
}

}  // namespace
