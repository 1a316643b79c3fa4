// What one tile of the sample path gives to the gradients of the weights: the arguments of its two ways.
//
// conv_weight_products.h is for outputs that fill vectors, conv_weight_blocks.h for others.
#pragma once

#include <cstdint>

#include "conv_pixel_pairs.h"

namespace rectifiers {

template <class S>
struct WeightGradTile {
  const PixelPairs& pairs;  // of a tile of the input
  int64_t channels;         // that a task takes
  S* x;                     // pixel, channel, sample
  int64_t x_pitch;
  S* spare;                 // as large as x
  const S* grad;            // as the way in question arranged it
  const S* thresholds;      // tap, channel of the group
  S* sums;                  // channel, tap, output
};

}  // namespace rectifiers
