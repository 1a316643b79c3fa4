// The micro-kernels of the sample path: samples as the lanes of vectors, one pixel at a time.
#pragma once

#include "conv_border.h"
#include "conv_interleave.h"
#include "conv_pixel_blocks.h"
#include "conv_sums.h"

namespace {

template <class S>
constexpr rectifiers::SampleTile<S> sample_tile() {
  return {
      .samples = kSamples<S>,
      .forward_outputs = kForwardOutputs,
      .input_grad_channels = kInputGradChannels,
      .weight_grad_channels = kWeightGradChannels,
      .weight_grad_outputs = kWeightGradOutputs,
      .forward = forward_outputs<S>,
      .input_grad = input_grad_channels<S>,
      .weight_grad = weight_grad_square<S>,
      .sum_samples = sum_samples<S>,
      .sum = sum<S>,
      .interleave = interleave<S>,
      .deinterleave = deinterleave<S>,
  };
}

}  // namespace
