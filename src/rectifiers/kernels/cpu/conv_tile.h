// The micro-kernels of the panel path: im2col with thresholds, the product of matrices, and the way back.
#pragma once

#include "conv_border.h"
#include "conv_gemm.h"
#include "conv_im2col.h"
#include "conv_sums.h"
#include "conv_vector.h"

namespace {

template <class S>
constexpr rectifiers::Convolution<S> convolution() {
  return {
      .lanes = Vector<S>::lanes,
      .rows = kRows<S>,
      .multiply = multiply<S>,
      .pad = pad<S>,
      .unpad = unpad<S>,
      .im2col = im2col<S>,
      .col2im = col2im<S>,
      .sum = sum_vectors<S>,
      .transpose = transpose<S>,
  };
}

}  // namespace
