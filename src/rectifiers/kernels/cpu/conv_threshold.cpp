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
  return {
      .x = data<S>(call.x),
      .weight = data<S>(call.weight),
      .threshold = data<S>(call.threshold),
      .channels_last = call.in_place,
  };
}

// Calls body(convolver) with that of one of the two paths.
template <class S, class Body>
void convolve(const ConvCall& call, const Formulas<S>& formulas, bool by_samples, const Body& body) {
  if (by_samples) return body(SampleConvolver<S>(call.geometry, formulas.samples, formulas.convolution));
  body(PanelConvolver<S>(call.geometry, formulas.convolution));
}

template <class S>
Tensor forward(ConvCall& call, const Formulas<S>& formulas, const std::optional<Tensor>& bias) {
  const bool by_samples = SampleConvolver<S>::suits(call.geometry, formulas.samples);
  call.get_ready(by_samples);
  const Tensor y = empty_ordered(call.output_sizes(), call.in_place, call.dtype);
  if (y.numel()) {
    convolve(call, formulas, by_samples, [&](const auto& convolver) {
      convolver.forward(operands<S>(call), bias ? data<S>(*bias) : nullptr, mutable_data<S>(y));
    });
  }
  return y;
}

using All = std::tuple<Tensor, Tensor, Tensor, Tensor>;

// Gradients of input, weight, threshold and bias.
template <class S>
All backward(ConvCall& call, const Formulas<S>& formulas, const Tensor& grad) {
  // Where the input has no pixels, all taps read padding: panels go over the output's pixels, samples over the input's.
  const bool by_samples =
      call.x.numel() && SampleConvolver<S>::suits_backward(call.geometry, formulas.samples);
  call.get_ready(by_samples);
  Tensor gradients[] = {
      empty_ordered(sizes_of(call.x), call.in_place, call.dtype),
      empty_ordered(sizes_of(call.weight), false, call.dtype),
      empty_ordered(sizes_of(call.threshold), false, call.dtype),
      empty_ordered({call.geometry.outputs}, false, call.dtype),
  };
  const Gradients<S> out = {
      .x = mutable_data<S>(gradients[0]),
      .weight = mutable_data<S>(gradients[1]),
      .threshold = mutable_data<S>(gradients[2]),
      .bias = mutable_data<S>(gradients[3]),
  };
  if (grad.numel() && call.geometry.channels) {
    convolve(call, formulas, by_samples, [&](const auto& convolver) {
      convolver.backward(operands<S>(call), data<S>(grad), out);
    });
  } else {
    for (Tensor& gradient : gradients) torch::stable::zero_(gradient);
  }
  return {gradients[0], gradients[1], gradients[2], gradients[3]};
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
  ConvCall call(x, weight, threshold, stride, padding, dilation, groups);
  if (bias) {
    STD_TORCH_CHECK(bias->numel() == call.geometry.outputs, "rectifiers: expected a bias per output channel");
    bias = to_compute(*bias, call.dtype);
  }
  const Tensor y =
      call.is_double() ? forward(call, best_kernels().twice, bias) : forward(call, best_kernels().single, bias);
  return to_return(y, call.channels_last, dtype_of(x), call.in_place);
}

All conv_threshold_backward(
    Tensor grad,
    Tensor x,
    Tensor weight,
    Tensor threshold,
    std::vector<int64_t> stride,
    std::vector<int64_t> padding,
    std::vector<int64_t> dilation,
    int64_t groups) {
  ConvCall call(x, weight, threshold, stride, padding, dilation, groups);
  STD_TORCH_CHECK(sizes_of(grad) == call.output_sizes(), "rectifiers: expected a gradient of the shape of the output");
  const Tensor upstream = to_compute(grad, call.dtype);
  const auto [grad_x, grad_weight, grad_threshold, grad_bias] =
      call.is_double() ? backward(call, best_kernels().twice, upstream)
                       : backward(call, best_kernels().single, upstream);
  return {
      to_return(grad_x, call.channels_last, dtype_of(x), call.in_place),
      to_return(grad_weight, false, dtype_of(weight)),
      to_return(grad_threshold, false, dtype_of(threshold)),
      to_return(grad_bias, false, dtype_of(weight)),
  };
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, m) {
  m.impl("conv_threshold", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_forward", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_backward", TORCH_BOX(&rectifiers::conv_threshold_backward));
}
