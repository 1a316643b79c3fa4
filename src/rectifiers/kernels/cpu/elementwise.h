// A formula with an output per element, applied to tensors.
//
// Axes of a tensor in memory: outer × units × inner (layout.h). `axis` is the dimension that the units lie along, kLayer for
// a single unit, kElement for those of a sample.
#pragma once

#include "parameter.h"

namespace rectifiers {

// A formula whose option, if it has one, is chosen.
struct Variant {
  const Elementwise<float>& single;
  const Elementwise<double>& twice;
  bool paired;
};

struct Argument {
  const Tensor& tensor;
  const Coefficients& coefficients;
};

inline void check_input(const Tensor& x, int64_t axis) {
  const int32_t dtype = dtype_of(x);
  STD_TORCH_CHECK(x.is_cpu(), "rectifiers: expected an input on the CPU");
  STD_TORCH_CHECK(
      dtype == aoti_torch_dtype_float32() || dtype == aoti_torch_dtype_float64() ||
          dtype == aoti_torch_dtype_bfloat16() || dtype == aoti_torch_dtype_float16(),
      "rectifiers: expected float32, float64, bfloat16 or float16");
  STD_TORCH_CHECK(
      axis >= kElement && axis < std::max<int64_t>(x.dim(), 0),
      "rectifiers: expected an axis of a tensor of ", x.dim(), " dimensions, -1 or -2, got ", axis);
}

inline bool is_double(const Tensor& x) { return dtype_of(x) == aoti_torch_dtype_float64(); }

// `x` itself if it is dense, and a sample in one piece where parameters need that; a copy that is otherwise.
inline Tensor dense(const Tensor& x, int64_t axis) {
  // Asked first, for what follows allocates memory, and nearly all tensors are.
  if (x.is_contiguous()) return x;
  const Shape shape(x);
  const bool ready = is_dense(shape);
  if (axis == kElement && shape.rank && shape.sizes[0] != 1) {
    return ready && x.numel() && memory_order(shape).front() == 0 ? x : rectifiers::contiguous(x);
  }
  return ready ? x : torch::stable::clone(x);
}

template <class S>
Memory<S> memory(const Tensor& tensor, bool written) {
  const int32_t dtype = dtype_of(tensor);
  const Half* half = dtype == aoti_torch_dtype_bfloat16()  ? &best_kernels().bfloat16
                     : dtype == aoti_torch_dtype_float16() ? &best_kernels().float16
                                                           : nullptr;
  void* data = written ? tensor.mutable_data_ptr() : const_cast<void*>(tensor.const_data_ptr());
  return {static_cast<char*>(data), half};
}

template <class S>
int32_t dtype_of_compute() {
  return sizeof(S) == sizeof(float) ? aoti_torch_dtype_float32() : aoti_torch_dtype_float64();
}

// A formula with the parameters of one call; S is the type that it computes in.
template <class S>
struct Application {
  const Elementwise<S>& formula;
  const std::vector<Parameter>& parameters;
  Layout layout;
  Counts counts;
  Plan plan;
  std::vector<S> table;

  Application(const Tensor& x, int64_t axis, const Elementwise<S>& formula, const std::vector<Parameter>& parameters)
      : formula(formula),
        parameters(parameters),
        layout(layout_of(Shape(x), axis)),
        counts{parameters[0].rows(), parameters.size() > 1 ? parameters[1].rows() : 0},
        plan(layout, counts.first + counts.second, dtype_of(x) != dtype_of_compute<S>()),
        table((counts.first + counts.second) * plan.period()) {
    int64_t row = 0;
    for (const Parameter& parameter : parameters) {
      STD_TORCH_CHECK(
          parameter.units() == 1 || parameter.units() == layout.units,
          "rectifiers: expected a parameter for 1 or ", layout.units, " units, got one for ", parameter.units());
      parameter.tabulate(plan, layout, row, table.data());
      row += parameter.rows();
    }
  }

  Tensor forward(const Tensor& x) const {
    const Tensor y = empty_as(x);
    run_forward<S>(plan, formula.forward[plan.kind()], memory<S>(x, false), memory<S>(y, true), table.data(), counts);
    return y;
  }

  std::vector<Tensor> backward(const Tensor& grad, const Tensor& saved, bool scaled) const {
    std::vector<Tensor> gradients;
    gradients.reserve(1 + parameters.size());
    gradients.push_back(empty_as(saved));
    const std::vector<double> sums = run_backward<S>(
        plan,
        formula,
        memory<S>(grad, false),
        memory<S>(saved, false),
        memory<S>(gradients[0], true),
        table.data(),
        counts);
    const double* row = sums.data();
    for (const Parameter& parameter : parameters) {
      gradients.push_back(parameter.gradient(layout, row, scaled));
      row += parameter.rows() * layout.units;
    }
    return gradients;
  }
};

inline std::vector<Parameter> collect(const Variant& variant, std::initializer_list<Argument> arguments) {
  std::vector<Parameter> parameters;
  parameters.reserve(arguments.size());
  int64_t rows = 0;
  for (const Argument& argument : arguments) {
    rows += parameters.emplace_back(argument.tensor, argument.coefficients).rows();
    STD_TORCH_CHECK(
        !variant.paired || parameters.back().rows() == parameters.front().rows(),
        "rectifiers: expected as many coefficients in all parameters, got ", parameters.front().rows(), " and ",
        parameters.back().rows());
  }
  STD_TORCH_CHECK(rows > 0 && rows <= kMostRows, "rectifiers: expected 1 to ", kMostRows, " coefficients, got ", rows);
  return parameters;
}

inline Tensor forward(
    const Variant& variant, const Tensor& x, std::initializer_list<Argument> arguments, int64_t axis) {
  check_input(x, axis);
  const std::vector<Parameter> parameters = collect(variant, arguments);
  const Tensor ready = dense(x, axis);
  if (!ready.numel()) return empty_as(ready);
  return is_double(x) ? Application<double>(ready, axis, variant.twice, parameters).forward(ready)
                      : Application<float>(ready, axis, variant.single, parameters).forward(ready);
}

// The gradients of the input and of the parameters. `inverted`: the output was saved for the input, and the parameters'
// sums come out multiplied by the coefficients.
inline std::vector<Tensor> backward(
    const Variant& variant,
    const Tensor& grad,
    const Tensor& saved,
    std::initializer_list<Argument> arguments,
    int64_t axis,
    bool inverted) {
  check_input(saved, axis);
  check_input(grad, axis);
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(saved)) && dtype_of(grad) == dtype_of(saved),
      "rectifiers: expected a gradient of the shape and dtype of what was saved");
  const std::vector<Parameter> parameters = collect(variant, arguments);
  const Tensor ready = dense(saved, axis);
  if (!ready.numel()) {
    std::vector<Tensor> gradients = {empty_as(ready)};
    for (const Argument& argument : arguments) {
      gradients.push_back(empty_as(rectifiers::contiguous(argument.tensor)));
      torch::stable::zero_(gradients.back());
    }
    return gradients;
  }
  const Tensor aligned = laid_out_like(grad, ready);
  return is_double(saved)
      ? Application<double>(ready, axis, variant.twice, parameters).backward(aligned, ready, inverted)
      : Application<float>(ready, axis, variant.single, parameters).backward(aligned, ready, inverted);
}

// Whether all coefficients are so far above zero that the input can be told from the output.
inline bool invertible(std::initializer_list<Argument> arguments) {
  constexpr double least = 1.0 / 1024;
  for (const Argument& argument : arguments) {
    for (const double coefficient : Parameter(argument.tensor, argument.coefficients).coefficients()) {
      if (!(coefficient >= least && coefficient <= 1 / least)) return false;
    }
  }
  return true;
}

}  // namespace rectifiers
