// What the kernels need of PyTorch's tensors, through its stable ABI alone.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <vector>

// PyTorch 2.10 has the macro under its older name, whose errors say less.
#ifndef STABLE_TORCH_ERROR_CODE_CHECK
#define STABLE_TORCH_ERROR_CODE_CHECK TORCH_ERROR_CODE_CHECK
#endif

namespace rectifiers {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// A view of a tensor's sizes and strides; valid as long as the tensor.
struct Shape {
  int64_t rank;
  int64_t *sizes, *strides;

  explicit Shape(const Tensor& tensor) : rank(tensor.dim()) {
    STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_sizes(tensor.get(), &sizes));
    STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_strides(tensor.get(), &strides));
  }

  int64_t numel() const {
    int64_t product = 1;
    for (int64_t dim = 0; dim < rank; ++dim) product *= sizes[dim];
    return product;
  }
};

inline int32_t dtype_of(const Tensor& tensor) {
  int32_t dtype;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(tensor.get(), &dtype));
  return dtype;
}

inline Tensor empty(int64_t rank, const int64_t* sizes, const int64_t* strides, int32_t dtype) {
  AtenTensorHandle handle;
  STABLE_TORCH_ERROR_CODE_CHECK(
      aoti_torch_empty_strided(rank, sizes, strides, dtype, aoti_torch_device_type_cpu(), 0, &handle));
  return Tensor(handle);
}

inline Tensor empty_as(const Tensor& tensor) {
  const Shape shape(tensor);
  return empty(shape.rank, shape.sizes, shape.strides, dtype_of(tensor));
}

inline Tensor contiguous(const Tensor& tensor) {
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

inline bool same_sizes(const Shape& a, const Shape& b) {
  if (a.rank != b.rank) return false;
  for (int64_t dim = 0; dim < a.rank; ++dim) {
    if (a.sizes[dim] != b.sizes[dim]) return false;
  }
  return true;
}

inline bool same_places(const Shape& a, const Shape& b) {
  for (int64_t dim = 0; dim < a.rank; ++dim) {
    if (a.sizes[dim] != 1 && a.strides[dim] != b.strides[dim]) return false;
  }
  return true;
}

// `tensor` in the memory order of `model`, which is dense.
inline Tensor laid_out_like(const Tensor& tensor, const Tensor& model) {
  if (same_places(Shape(tensor), Shape(model))) return tensor;
  Tensor copy = empty_as(model);
  torch::stable::copy_(copy, tensor);
  return copy;
}

}  // namespace rectifiers
