// The sample path: the convolution with samples as the lanes of vectors, pixel by pixel. README.md tells how.
#pragma once

#include "conv_sample_backward.h"
#include "conv_sample_forward.h"
#include "conv_sample_plan.h"
#include "conv_weight_blocks.h"
#include "conv_weight_products.h"

namespace rectifiers {

template <class S>
class SampleConvolver {
 public:
  SampleConvolver(const Geometry& g, const SampleTile<S>& kernels, const Convolution<S>& panel_kernels)
      : plan_(g, kernels), panel_kernels_(panel_kernels) {}

  // Whether this is the faster way: few lanes stay empty, and several taps share the work of filling them.
  static bool suits(const Geometry& g, const SampleTile<S>& kernels) {
    const int64_t lanes = (g.batch + kernels.samples - 1) / kernels.samples * kernels.samples;
    return 4 * g.batch >= 3 * lanes && g.taps() > 1;
  }

  // Backward, panels multiply faster; they lose it where outputs are few, or where many taps read padding.
  static bool suits_backward(const Geometry& g, const SampleTile<S>& kernels) {
    return suits(g, kernels) && (g.outputs_per_group() < 32 || g.share_of_reads() < 0.95);
  }

  void forward(const Operands<S>& in, const S* bias, S* y) const { SampleForward<S>(plan_, in, bias, y).run(); }

  void backward(const Operands<S>& in, const S* grad, const Gradients<S>& out) const {
    if (WeightProducts<S>::suits(plan_, panel_kernels_)) {
      backward_by(WeightProducts<S>(plan_, panel_kernels_), in, grad, out);
    } else {
      backward_by(WeightBlocks<S>(plan_), in, grad, out);
    }
  }

 private:
  template <class Way>
  void backward_by(const Way& way, const Operands<S>& in, const S* grad, const Gradients<S>& out) const {
    SampleBackward<S, Way>(plan_, way, in, grad, out).run();
  }

  SamplePlan<S> plan_;
  const Convolution<S>& panel_kernels_;
};

}  // namespace rectifiers
