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

// Calls body(outer, from, runs, n) for every block: some whole runs, or the part of a long one that begins at `from`.
template <class Body>
void over_halves(const Halves& halves, const Body& body) {
  const int64_t pack = std::max<int64_t>(1, kBlock / halves.run), segments = (halves.run + kBlock - 1) / kBlock;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::min(pack * halves.run, kBlock));
  const int64_t blocks = (halves.outer + pack - 1) / pack * segments;
  torch::stable::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t outer = task / segments * pack, from = task % segments * kBlock;
      body(outer, from, std::min(pack, halves.outer - outer), std::min(kBlock, halves.run - from));
    }
  });
}

// The phases of a block, in memory or in a buffer in which they stand side by side.
template <class S>
struct Phases {
  Memory<S> memory;
  int64_t runs, n, positive, run;

  int64_t gap() const { return memory.half ? n : run; }

  const S* load(S* buffer) const {
    if (runs > 1 || !memory.half) return memory.load(positive, 2 * runs * n, buffer);
    memory.load(positive, n, buffer);
    memory.load(positive + run, n, buffer + n);
    return buffer;
  }

  void store(const S* from) const {
    if (runs > 1) return memory.store(positive, 2 * runs * n, from);
    memory.store(positive, n, from);
    memory.store(positive + run, n, from + n);
  }
};

template <class S>
void forward_into(const Doubling<S>& formula, const Tensor& x, const Tensor& y, const Halves& halves) {
  const Memory<S> in = memory<S>(x, false), out = memory<S>(y, true);
  over_halves(halves, [&](int64_t outer, int64_t from, int64_t runs, int64_t n) {
    S a[kBlock], b[2 * kBlock];
    const Phases<S> phases = {out, runs, n, 2 * outer * halves.run + from, halves.run};
    formula.forward(runs, n, in.load(outer * halves.run + from, runs * n, a), out.room(phases.positive, b), phases.gap());
    phases.store(b);
  });
}

template <class S>
void backward_into(
    const Doubling<S>& formula, const Tensor& grad, const Tensor& y, const Tensor& grad_x, const Halves& halves) {
  const Memory<S> g = memory<S>(grad, false), out = memory<S>(y, false), into = memory<S>(grad_x, true);
  over_halves(halves, [&](int64_t outer, int64_t from, int64_t runs, int64_t n) {
    S a[2 * kBlock], b[2 * kBlock], c[kBlock];
    const int64_t positive = 2 * outer * halves.run + from, at = outer * halves.run + from;
    const Phases<S> grads = {g, runs, n, positive, halves.run}, saved = {out, runs, n, positive, halves.run};
    formula.backward(runs, n, grads.load(a), saved.load(b), into.room(at, c), saved.gap());
    into.store(at, runs * n, c);
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
