// The threshold convolution's operators: which path serves a call, in which type. README.md tells how both work.
#include <optional>
#include <tuple>

#include "block.h"
#include "conv_call.h"
#include "conv_panels.h"
#include "conv_samples.h"

namespace rectifiers {
namespace {

template <class S>
const S* data(const Tensor& tensor) {
  return static_cast<const S*>(tensor.const_data_ptr());
}

template <class S>
S* mutable_data(const Tensor& tensor) {
  return static_cast<S*>(tensor.mutable_data_ptr());
}

template <class S>
Operands<S> operands(const ConvCall& call) {
  return {.x = data<S>(call.x), .weight = data<S>(call.weight), .threshold = data<S>(call.threshold)};
}

// Calls body(convolver) with that of one of the two paths.
template <class S, class Body>
void convolve(const ConvCall& call, const Stems<S>& stems, bool by_samples, const Body& body) {
  if (by_samples) return body(SampleConvolver<S>(call.geometry, stems.samples, stems.convolution));
  body(PanelConvolver<S>(call.geometry, stems.convolution));
}

template <class S>
void run_forward(const ConvCall& call, const Stems<S>& stems, const std::optional<Tensor>& bias, const Tensor& y) {
  const bool by_samples = SampleConvolver<S>::suits(call.geometry, stems.samples);
  convolve(call, stems, by_samples, [&](const auto& convolver) {
    convolver.forward(operands<S>(call), bias ? data<S>(*bias) : nullptr, mutable_data<S>(y));
  });
}

template <class S>
void run_backward(const ConvCall& call, const Stems<S>& stems, const Tensor& grad, const Tensor (&gradients)[4]) {
  const Gradients<S> out = {
      .x = mutable_data<S>(gradients[0]),
      .weight = mutable_data<S>(gradients[1]),
      .threshold = mutable_data<S>(gradients[2]),
      .bias = mutable_data<S>(gradients[3]),
  };
  const bool by_samples = SampleConvolver<S>::suits_backward(call.geometry, stems.samples);
  convolve(call, stems, by_samples, [&](const auto& convolver) {
    convolver.backward(operands<S>(call), data<S>(grad), out);
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
  const ConvCall call(x, weight, threshold, stride, padding, dilation, groups);
  const Tensor y = empty_ordered(call.output_sizes(), false, call.dtype);
  if (bias) {
    STD_TORCH_CHECK(bias->numel() == call.geometry.outputs, "rectifiers: expected a bias per output channel");
    bias = to_compute(*bias, call.dtype);
  }
  if (y.numel()) {
    call.is_double() ? run_forward(call, best_kernels().twice, bias, y)
                     : run_forward(call, best_kernels().single, bias, y);
  }
  return to_return(y, call.channels_last, dtype_of(x));
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
  const ConvCall call(x, weight, threshold, stride, padding, dilation, groups);
  STD_TORCH_CHECK(sizes_of(grad) == call.output_sizes(), "rectifiers: expected a gradient of the shape of the output");
  const Tensor upstream = to_compute(grad, call.dtype);
  Tensor gradients[] = {
      empty_ordered(sizes_of(x), false, call.dtype),
      empty_ordered(sizes_of(weight), false, call.dtype),
      empty_ordered(sizes_of(threshold), false, call.dtype),
      empty_ordered({call.geometry.outputs}, false, call.dtype),
  };
  if (grad.numel() && x.numel()) {
    call.is_double() ? run_backward(call, best_kernels().twice, upstream, gradients)
                     : run_backward(call, best_kernels().single, upstream, gradients);
  } else {
    for (Tensor& gradient : gradients) torch::stable::zero_(gradient);
  }
  return {
      to_return(gradients[0], call.channels_last, dtype_of(x)),
      to_return(gradients[1], false, dtype_of(weight)),
      to_return(gradients[2], false, dtype_of(threshold)),
      to_return(gradients[3], false, dtype_of(weight)),
  };
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, m) {
  m.impl("conv_threshold", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_forward", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_backward", TORCH_BOX(&rectifiers::conv_threshold_backward));
}
