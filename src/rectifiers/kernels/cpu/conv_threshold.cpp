// Convolution of thresholded inputs: the operators.
#include <optional>
#include <tuple>

#include "block.h"
#include "conv_panels.h"
#include "conv_samples.h"

namespace rectifiers {
namespace {

bool known(int32_t dtype) {
  return dtype == aoti_torch_dtype_float32() || dtype == aoti_torch_dtype_float64() ||
         dtype == aoti_torch_dtype_bfloat16() || dtype == aoti_torch_dtype_float16();
}

// The type that is computed in.
int32_t computed(int32_t dtype) {
  return dtype == aoti_torch_dtype_float64() ? dtype : aoti_torch_dtype_float32();
}

bool is_channels_last(const Shape& shape) {
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

Tensor empty_ordered(const std::vector<int64_t>& sizes, bool channels_last, int32_t dtype) {
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

std::vector<int64_t> sizes_of(const Tensor& tensor) {
  const Shape shape(tensor);
  return {shape.sizes, shape.sizes + shape.rank};
}

// Contiguous, in the type that is computed in.
Tensor prepared(const Tensor& tensor, int32_t dtype) {
  STD_TORCH_CHECK(tensor.is_cpu() && known(dtype_of(tensor)), "rectifiers: expected floating-point tensors on the CPU");
  if (dtype_of(tensor) == dtype && tensor.is_contiguous()) return tensor;
  Tensor copy = empty_ordered(sizes_of(tensor), false, dtype);
  torch::stable::copy_(copy, tensor);
  return copy;
}

Tensor finished(const Tensor& result, bool channels_last, int32_t dtype) {
  if (dtype_of(result) == dtype && !channels_last) return result;
  Tensor copy = empty_ordered(sizes_of(result), channels_last, dtype);
  torch::stable::copy_(copy, result);
  return copy;
}

// The arguments of one call, checked and ready to be computed with.
struct Call {
  int32_t dtype;
  bool channels_last;
  Tensor x, weight, threshold;
  Geometry geometry;

  Call(
      const Tensor& x,
      const Tensor& weight,
      const Tensor& threshold,
      const std::vector<int64_t>& stride,
      const std::vector<int64_t>& padding,
      const std::vector<int64_t>& dilation,
      int64_t groups)
      : dtype(computed(dtype_of(x))),
        channels_last(!x.is_contiguous() && is_channels_last(Shape(x))),
        x(prepared(x, dtype)),
        weight(prepared(weight, dtype)),
        threshold(prepared(threshold, dtype)),
        geometry(checked(Shape(x), Shape(weight), Shape(threshold), stride, padding, dilation, groups)) {}

  bool is_double() const { return dtype == aoti_torch_dtype_float64(); }

  std::vector<int64_t> sizes() const {
    std::vector<int64_t> sizes = {geometry.batch, geometry.outputs};
    for (int64_t axis = 5 - Shape(x).rank; axis < 3; ++axis) sizes.push_back(geometry.out[axis]);
    return sizes;
  }

 private:
  static Geometry checked(
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

template <class S>
const S* data(const Tensor& tensor) {
  return static_cast<const S*>(tensor.const_data_ptr());
}

template <class S>
S* room(const Tensor& tensor) {
  return static_cast<S*>(tensor.mutable_data_ptr());
}

// Calls body(convolver) with one of the two.
template <class S, class Body>
void convolve(const Call& call, const Stems<S>& stems, bool by_samples, const Body& body) {
  if (by_samples) return body(SampleConvolver<S>(call.geometry, stems.samples, stems.convolution));
  body(PanelConvolver<S>(call.geometry, stems.convolution));
}

template <class S>
void run(const Call& call, const Stems<S>& stems, const std::optional<Tensor>& bias, const Tensor& y) {
  convolve(call, stems, SampleConvolver<S>::suits(call.geometry, stems.samples), [&](const auto& convolver) {
    convolver.forward(
        data<S>(call.x),
        data<S>(call.weight),
        data<S>(call.threshold),
        bias ? data<S>(*bias) : nullptr,
        room<S>(y));
  });
}

template <class S>
void run(const Call& call, const Stems<S>& stems, const Tensor& grad, const Tensor (&gradients)[4]) {
  convolve(call, stems, SampleConvolver<S>::suits_backward(call.geometry, stems.samples), [&](const auto& convolver) {
    convolver.backward(
        data<S>(grad),
        data<S>(call.x),
        data<S>(call.weight),
        data<S>(call.threshold),
        room<S>(gradients[0]),
        room<S>(gradients[1]),
        room<S>(gradients[2]),
        room<S>(gradients[3]));
  });
}

Tensor conv_threshold(
    Tensor x,
    Tensor weight,
    Tensor threshold,
    std::optional<Tensor> bias,
    std::vector<int64_t> stride,
    std::vector<int64_t> padding,
    std::vector<int64_t> dilation,
    int64_t groups) {
  const Call call(x, weight, threshold, stride, padding, dilation, groups);
  const Tensor y = empty_ordered(call.sizes(), false, call.dtype);
  if (bias) {
    STD_TORCH_CHECK(bias->numel() == call.geometry.outputs, "rectifiers: expected a bias per output channel");
    bias = prepared(*bias, call.dtype);
  }
  if (y.numel()) {
    call.is_double() ? run(call, best_kernels().twice, bias, y)
                     : run(call, best_kernels().single, bias, y);
  }
  return finished(y, call.channels_last, dtype_of(x));
}

std::tuple<Tensor, Tensor, Tensor, Tensor> conv_threshold_backward(
    Tensor grad,
    Tensor x,
    Tensor weight,
    Tensor threshold,
    std::vector<int64_t> stride,
    std::vector<int64_t> padding,
    std::vector<int64_t> dilation,
    int64_t groups) {
  const Call call(x, weight, threshold, stride, padding, dilation, groups);
  STD_TORCH_CHECK(sizes_of(grad) == call.sizes(), "rectifiers: expected a gradient of the shape of the output");
  const Tensor upstream = prepared(grad, call.dtype);
  Tensor gradients[] = {
      empty_ordered(sizes_of(x), false, call.dtype),
      empty_ordered(sizes_of(weight), false, call.dtype),
      empty_ordered(sizes_of(threshold), false, call.dtype),
      empty_ordered({call.geometry.outputs}, false, call.dtype),
  };
  if (grad.numel() && x.numel()) {
    call.is_double() ? run(call, best_kernels().twice, upstream, gradients)
                     : run(call, best_kernels().single, upstream, gradients);
  } else {
    for (Tensor& gradient : gradients) torch::stable::zero_(gradient);
  }
  return {
      finished(gradients[0], call.channels_last, dtype_of(x)),
      finished(gradients[1], false, dtype_of(weight)),
      finished(gradients[2], false, dtype_of(threshold)),
      finished(gradients[3], false, dtype_of(weight)),
  };
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, m) {
  m.impl("conv_threshold", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_forward", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_backward", TORCH_BOX(&rectifiers::conv_threshold_backward));
}
