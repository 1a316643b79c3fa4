// A formula of all numbers along an axis, applied to tensors: a number of the output depends on the whole line that it is in.
//
// Axes in memory: outer × line × inner. With nothing inside, a line is consecutive: a row. Otherwise lines stand side by side:
// columns. The parameter has its coefficients for the whole layer.
#pragma once

#include "elementwise.h"

namespace rectifiers {

// The cut of a tensor into blocks, a row or some columns, and of these into tasks; by the shape alone.
struct Lines {
  int64_t outer, line, inner, columns, tiles, pack;

  explicit Lines(const Layout& layout)
      : outer(layout.outer), line(layout.units), inner(layout.inner), columns(std::min(inner, columns_for(line))),
        tiles((inner + columns - 1) / columns), pack(std::max<int64_t>(1, kGrain / (line * columns))) {}

  int64_t blocks() const { return outer * tiles; }
  int64_t tasks() const { return (blocks() + pack - 1) / pack; }

  // Calls body(task, begin, width) for every block: where it begins, and how many lines it has.
  template <class Body>
  void parallel(const Body& body) const {
    torch::stable::parallel_for(0, tasks(), 1, [&](int64_t first, int64_t last) {
      for (int64_t task = first; task < last; ++task) {
        for (int64_t block = task * pack; block < std::min((task + 1) * pack, blocks()); ++block) {
          const int64_t column = block % tiles * columns;
          body(task, block / tiles * line * inner + column, std::min(columns, inner - column));
        }
      }
    });
  }

 private:
  // As many as stay in the nearest cache, and whole lines of it at least.
  static int64_t columns_for(int64_t line) {
    constexpr int64_t numbers = 4096, least = 32;
    return std::clamp(numbers / line / 16 * 16, least, kMostColumns);
  }
};

// A block in memory or, widened, in a buffer in which its columns stand side by side.
template <class S>
struct Block {
  const Lines& lines;
  const Memory<S>& memory;
  int64_t begin, width;

  int64_t stride() const { return memory.half ? width : lines.inner; }

  const S* load(std::vector<S>& buffer) const {
    if (!memory.half) return memory.load(begin, 0, nullptr);
    if (lines.inner == 1) return memory.load(begin, lines.line, sized(buffer));
    for (int64_t k = 0; k < lines.line; ++k) memory.load(begin + k * lines.inner, width, sized(buffer) + k * width);
    return buffer.data();
  }

  S* room(std::vector<S>& buffer) const { return memory.room(begin, memory.half ? sized(buffer) : nullptr); }

  void store(const std::vector<S>& buffer) const {
    if (!memory.half) return;
    if (lines.inner == 1) return memory.store(begin, lines.line, buffer.data());
    for (int64_t k = 0; k < lines.line; ++k) memory.store(begin + k * lines.inner, width, buffer.data() + k * width);
  }

 private:
  S* sized(std::vector<S>& buffer) const {
    buffer.resize(lines.line * lines.columns);
    return buffer.data();
  }
};

template <class S>
std::vector<S> coefficients_of(const Parameter& parameter) {
  const std::vector<double> values = parameter.coefficients();
  return {values.begin(), values.end()};
}

template <class S>
void forward_into(const Normalising<S>& formula, const Tensor& x, const Tensor& y, const Lines& lines, const Parameter& a) {
  const Memory<S> in = memory<S>(x, false), out = memory<S>(y, true);
  const std::vector<S> c = coefficients_of<S>(a);
  lines.parallel([&](int64_t, int64_t begin, int64_t width) {
    std::vector<S> read, written;
    const Block<S> from = {lines, in, begin, width}, to = {lines, out, begin, width};
    if (lines.inner == 1) {
      formula.row(lines.line, from.load(read), to.room(written), c.data());
    } else {
      formula.columns(lines.line, width, from.stride(), from.load(read), to.room(written), c.data());
    }
    to.store(written);
  });
}

template <class S>
std::vector<double> backward_into(
    const Normalising<S>& formula,
    const Tensor& grad,
    const Tensor& x,
    const Tensor& grad_x,
    const Lines& lines,
    const Parameter& a) {
  const Memory<S> up = memory<S>(grad, false), in = memory<S>(x, false), out = memory<S>(grad_x, true);
  const std::vector<S> c = coefficients_of<S>(a);
  const int64_t rows = a.rows();
  std::vector<double> partial(lines.tasks() * rows, 0.0), sums(rows, 0.0);
  lines.parallel([&](int64_t task, int64_t begin, int64_t width) {
    std::vector<S> ups, read, written;
    const Block<S> above = {lines, up, begin, width}, from = {lines, in, begin, width}, to = {lines, out, begin, width};
    double* const into = partial.data() + task * rows;
    if (lines.inner == 1) {
      formula.row_backward(lines.line, above.load(ups), from.load(read), to.room(written), c.data(), into);
    } else {
      formula.columns_backward(
          lines.line, width, from.stride(), above.load(ups), from.load(read), to.room(written), c.data(), into);
    }
    to.store(written);
  });
  for (int64_t task = 0; task < lines.tasks(); ++task) {
    for (int64_t row = 0; row < rows; ++row) sums[row] += partial[task * rows + row];
  }
  return sums;
}

inline Parameter layer_parameter(const Argument& argument, int64_t count) {
  Parameter parameter(argument.tensor, argument.coefficients);
  STD_TORCH_CHECK(
      parameter.rows() == count && parameter.units() == 1,
      "rectifiers: expected ", count, " coefficients of a layer, got ", parameter.rows(), " of ", parameter.units(),
      " units");
  return parameter;
}

inline Tensor forward(
    const Normalising<float>& single,
    const Normalising<double>& twice,
    const Tensor& x,
    const Argument& argument,
    int64_t count,
    int64_t dim) {
  check_input(x, dim);
  STD_TORCH_CHECK(dim >= 0, "rectifiers: expected a dimension, got ", dim);
  const Parameter a = layer_parameter(argument, count);
  const Tensor ready = dense(x, kLayer), y = empty_as(ready);
  if (!y.numel()) return y;
  const Lines lines(layout_of(Shape(ready), dim));
  is_double(x) ? forward_into(twice, ready, y, lines, a) : forward_into(single, ready, y, lines, a);
  return y;
}

// The gradients of the input and of the coefficients.
inline std::tuple<Tensor, Tensor> backward(
    const Normalising<float>& single,
    const Normalising<double>& twice,
    const Tensor& grad,
    const Tensor& x,
    const Argument& argument,
    int64_t count,
    int64_t dim) {
  check_input(x, dim);
  check_input(grad, dim);
  STD_TORCH_CHECK(dim >= 0, "rectifiers: expected a dimension, got ", dim);
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(x)) && dtype_of(grad) == dtype_of(x),
      "rectifiers: expected a gradient of the shape and dtype of the input");
  const Parameter a = layer_parameter(argument, count);
  const Tensor ready = dense(x, kLayer), grad_x = empty_as(ready);
  std::vector<double> sums(count, 0.0);
  if (ready.numel()) {
    const Tensor aligned = laid_out_like(grad, ready);
    const Lines lines(layout_of(Shape(ready), dim));
    sums = is_double(x) ? backward_into(twice, aligned, ready, grad_x, lines, a)
                        : backward_into(single, aligned, ready, grad_x, lines, a);
  }
  return {grad_x, a.gradient({1, 1, x.numel(), {}}, sums.data(), false)};
}

}  // namespace rectifiers
