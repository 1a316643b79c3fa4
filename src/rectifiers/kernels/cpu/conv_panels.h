// The panel path: the convolution as products of matrices, tile by tile. README.md tells how.
#pragma once

#include "conv_panel_forward.h"
#include "conv_panel_input_grad.h"
#include "conv_panel_plan.h"
#include "conv_panel_weight_grad.h"

namespace rectifiers {

template <class S>
class PanelConvolver {
 public:
  PanelConvolver(const Geometry& g, const Convolution<S>& kernels) : plan_(g, kernels) {}

  void forward(const Operands<S>& in, const S* bias, S* y) const { PanelForward<S>(plan_, in, bias, y).run(); }

  void backward(const Operands<S>& in, const S* grad, const Gradients<S>& out) const {
    PanelInputGrad<S>(plan_, in, grad, out).run();
    PanelWeightGrad<S>(plan_, in, grad, out).run();
  }

 private:
  PanelPlan<S> plan_;
};

}  // namespace rectifiers
