// A formula with two outputs per element, applied to tensors: the outputs, its phases, stand side by side along an axis.
//
// Axes in memory: outer × run in, outer × 2 × run out; `run` is the axis with all that is inside of it.
#pragma once

#include <numeric>

#include "elementwise.h"

namespace rectifiers {

// `run` consecutive elements of the input make `run` of each phase of the output.
struct Halves {
  int64_t outer, run;
};

inline Halves halves_of(const Tensor& y, int64_t dim) {
  const Shape shape(y);
  const std::vector<int64_t> order = memory_order(shape);
  const size_t at = std::find(order.begin(), order.end(), dim) - order.begin();
  return {sizes_between(shape, order, 0, at), sizes_between(shape, order, at, order.size()) / 2};
}

// An empty tensor of the memory order of `x`, which is dense, with another number of elements in `dim`.
inline Tensor empty_resized(const Tensor& x, int64_t dim, int64_t size) {
  const Shape shape(x);
  std::vector<int64_t> order(shape.rank), sizes(shape.sizes, shape.sizes + shape.rank), strides(shape.rank);
  std::iota(order.begin(), order.end(), 0);
  if (!x.is_contiguous()) {
    std::stable_sort(
        order.begin(), order.end(), [&](int64_t a, int64_t b) { return shape.strides[a] > shape.strides[b]; });
  }
  sizes[dim] = size;
  int64_t next = 1;
  for (auto other = order.rbegin(); other != order.rend(); ++other) {
    strides[*other] = next;
    next *= std::max<int64_t>(sizes[*other], 1);
  }
  return empty(shape.rank, sizes.data(), strides.data(), dtype_of(x));
}

// Calls body(x, positive, n): the places of n elements in the input and in the positive phase; the negative one
// stands `run` behind.
template <class Body>
void over_halves(const Halves& halves, const Body& body) {
  const int64_t segments = (halves.run + kBlock - 1) / kBlock;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::min(halves.run, kBlock));
  torch::stable::parallel_for(0, halves.outer * segments, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t outer = task / segments, from = task % segments * kBlock;
      body(outer * halves.run + from, 2 * outer * halves.run + from, std::min(kBlock, halves.run - from));
    }
  });
}

template <class S>
void forward_into(const Doubling<S>& formula, const Tensor& x, const Tensor& y, const Halves& halves) {
  const Memory<S> in = memory<S>(x, false), out = memory<S>(y, true);
  over_halves(halves, [&](int64_t from, int64_t positive, int64_t n) {
    S a[kBlock], b[kBlock], c[kBlock];
    const int64_t negative = positive + halves.run;
    formula.forward(n, in.load(from, n, a), out.room(positive, b), out.room(negative, c));
    out.store(positive, n, b);
    out.store(negative, n, c);
  });
}

template <class S>
void backward_into(
    const Doubling<S>& formula, const Tensor& grad, const Tensor& y, const Tensor& grad_x, const Halves& halves) {
  const Memory<S> g = memory<S>(grad, false), out = memory<S>(y, false), into = memory<S>(grad_x, true);
  over_halves(halves, [&](int64_t to, int64_t positive, int64_t n) {
    S a[kBlock], b[kBlock], c[kBlock], d[kBlock], e[kBlock];
    const int64_t negative = positive + halves.run;
    formula.backward(
        n,
        g.load(positive, n, a),
        g.load(negative, n, b),
        out.load(positive, n, c),
        out.load(negative, n, d),
        into.room(to, e));
    into.store(to, n, e);
  });
}

inline Tensor forward(
    const Doubling<float>& single, const Doubling<double>& twice, const Tensor& x, int64_t dim) {
  check_input(x, dim);
  STD_TORCH_CHECK(dim >= 0, "rectifiers: expected a dimension, got ", dim);
  // A dimension of one element has no place of its own in memory, save in a contiguous tensor.
  const Tensor ready = is_dense(Shape(x)) && x.size(dim) != 1 ? x : rectifiers::contiguous(x);
  const Tensor y = empty_resized(ready, dim, 2 * x.size(dim));
  if (!y.numel()) return y;
  is_double(x) ? forward_into(twice, ready, y, halves_of(y, dim)) : forward_into(single, ready, y, halves_of(y, dim));
  return y;
}

// The gradient of the input; the output was saved.
inline Tensor backward(
    const Doubling<float>& single, const Doubling<double>& twice, const Tensor& grad, const Tensor& y, int64_t dim) {
  check_input(y, dim);
  STD_TORCH_CHECK(dim >= 0 && y.size(dim) % 2 == 0, "rectifiers: expected two phases in dimension ", dim);
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(y)) && dtype_of(grad) == dtype_of(y) && grad.is_cpu(),
      "rectifiers: expected a gradient of the shape and dtype of the output");
  const Tensor ready = dense(y, kLayer), aligned = laid_out_like(grad, ready);
  const Tensor grad_x = empty_resized(ready, dim, y.size(dim) / 2);
  if (!y.numel()) return grad_x;
  const Halves halves = halves_of(ready, dim);
  is_double(y) ? backward_into(twice, aligned, ready, grad_x, halves) : backward_into(single, aligned, ready, grad_x, halves);
  return grad_x;
}

}  // namespace rectifiers
