// One call of an operator: its arguments checked, laid out and in the type that is computed in.
#pragma once

#include <cstdint>
#include <vector>

#include "conv_geometry.h"
#include "tensor.h"

namespace rectifiers {

inline bool is_floating(int32_t dtype) {
  return dtype == aoti_torch_dtype_float32() || dtype == aoti_torch_dtype_float64() ||
         dtype == aoti_torch_dtype_bfloat16() || dtype == aoti_torch_dtype_float16();
}

// Half precision is computed in float.
inline int32_t compute_dtype(int32_t dtype) {
  return dtype == aoti_torch_dtype_float64() ? dtype : aoti_torch_dtype_float32();
}

inline bool is_channels_last(const Shape& shape) {
  if (shape.rank < 4) return false;
  int64_t expected = 1;
  const auto fits = [&](int64_t dim) {
    const bool found = shape.sizes[dim] == 1 || shape.strides[dim] == expected;
    expected *= shape.sizes[dim];
    return found;
  };
  bool all = fits(1);
  for (int64_t dim = shape.rank - 1; dim >= 2; --dim) all = all && fits(dim);
  return all && fits(0);
}

inline Tensor empty_ordered(const std::vector<int64_t>& sizes, bool channels_last, int32_t dtype) {
  const int64_t rank = sizes.size();
  std::vector<int64_t> strides(rank);
  int64_t next = 1;
  const auto place = [&](int64_t dim) {
    strides[dim] = next;
    next *= std::max<int64_t>(sizes[dim], 1);
  };
  if (channels_last) place(1);
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    if (!channels_last || dim > 1) place(dim);
  }
  if (channels_last) place(0);
  return empty(rank, sizes.data(), strides.data(), dtype);
}

inline std::vector<int64_t> sizes_of(const Tensor& tensor) {
  const Shape shape(tensor);
  return {shape.sizes, shape.sizes + shape.rank};
}

// An argument as it is computed with: contiguous, of dtype `dtype`.
inline Tensor to_compute(const Tensor& tensor, int32_t dtype) {
  STD_TORCH_CHECK(
      tensor.is_cpu() && is_floating(dtype_of(tensor)), "rectifiers: expected floating-point tensors on the CPU");
  if (dtype_of(tensor) == dtype && tensor.is_contiguous()) return tensor;
  Tensor copy = empty_ordered(sizes_of(tensor), false, dtype);
  torch::stable::copy_(copy, tensor);
  return copy;
}

// A result as the caller gets it; `ordered` says that its memory has that order already.
inline Tensor to_return(const Tensor& result, bool channels_last, int32_t dtype, bool ordered = false) {
  if (dtype_of(result) == dtype && (ordered || !channels_last)) return result;
  Tensor copy = empty_ordered(sizes_of(result), channels_last, dtype);
  torch::stable::copy_(copy, result);
  return copy;
}

struct ConvCall {
  int32_t dtype;  // that is computed in
  bool channels_last;
  Tensor x, weight, threshold;
  Geometry geometry;
  bool in_place = false;  // whether x, and what is like it, stay channels_last

  ConvCall(
      const Tensor& x,
      const Tensor& weight,
      const Tensor& threshold,
      const std::vector<int64_t>& stride,
      const std::vector<int64_t>& padding,
      const std::vector<int64_t>& dilation,
      int64_t groups)
      : dtype(compute_dtype(dtype_of(x))),
        channels_last(!x.is_contiguous() && is_channels_last(Shape(x))),
        x(x),
        weight(to_compute(weight, dtype)),
        threshold(to_compute(threshold, dtype)),
        geometry(check(Shape(x), Shape(weight), Shape(threshold), stride, padding, dilation, groups)) {}

  // Makes the input ready for one of the two paths: that by samples reads it where it lies.
  void get_ready(bool by_samples) {
    in_place = by_samples && channels_last && dtype_of(x) == dtype;
    if (!in_place) x = to_compute(x, dtype);
  }

  bool is_double() const { return dtype == aoti_torch_dtype_float64(); }

  // N × O × … of the output, with as many axes as the caller has.
  std::vector<int64_t> output_sizes() const {
    std::vector<int64_t> sizes = {geometry.batch, geometry.outputs};
    for (int64_t axis = 5 - Shape(x).rank; axis < 3; ++axis) sizes.push_back(geometry.out[axis]);
    return sizes;
  }

 private:
  static Geometry check(
      const Shape& x,
      const Shape& weight,
      const Shape& threshold,
      const std::vector<int64_t>& stride,
      const std::vector<int64_t>& padding,
      const std::vector<int64_t>& dilation,
      int64_t groups) {
    const int64_t axes = x.rank - 2;
    STD_TORCH_CHECK(
        axes >= 1 && axes <= 3 && weight.rank == x.rank && threshold.rank == x.rank - 1,
        "rectifiers: expected an input and a weight of 3 to 5 dimensions and a threshold of one less");
    const int64_t given[] = {int64_t(stride.size()), int64_t(padding.size()), int64_t(dilation.size())};
    STD_TORCH_CHECK(
        given[0] == axes && given[1] == 2 * axes && given[2] == axes,
        "rectifiers: expected a stride, two paddings and a dilation per axis");
    STD_TORCH_CHECK(
        groups > 0 && weight.sizes[0] % groups == 0 && weight.sizes[1] * groups == x.sizes[1] &&
            threshold.sizes[0] == x.sizes[1],
        "rectifiers: expected channels that fit the groups");
    for (int64_t axis = 0; axis < axes; ++axis) {
      STD_TORCH_CHECK(
          stride[axis] > 0 && dilation[axis] > 0 && padding[2 * axis] >= 0 && padding[2 * axis + 1] >= 0 &&
              threshold.sizes[axis + 1] == weight.sizes[axis + 2] && weight.sizes[axis + 2] > 0,
          "rectifiers: expected positive strides and dilations, and thresholds for the weight's taps");
    }
    return Geometry(x, weight, stride, padding, dilation, groups);
  }
};

}  // namespace rectifiers
