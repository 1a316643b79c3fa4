// The operators of a convolution with max-pooling of 2 × 2 pixels after it. README.md tells how.
#include "pooled_conv.h"

#include <optional>
#include <tuple>
#include <vector>

#include "conv_tasks.h"
#include "pooled_conv_backward.h"
#include "scratch.h"

namespace rectifiers {
namespace {

constexpr int64_t kWindowTerms = 160;  // products that are summed up before others are added

// The weights in the order in which blocks of outputs read them: row, tap, channel, output of the block.
std::vector<float> pack(const PooledCall& call, const Split& blocks, const float* weight) {
  std::vector<float> packed;
  packed.reserve(call.out.channels * call.in.channels * call.taps());
  for (int64_t block = 0; block < blocks.parts; ++block) {
    for (int64_t tap = 0; tap < call.taps(); ++tap) {
      for (int64_t c = 0; c < call.in.channels; ++c) {
        for (int64_t o = blocks.begin(block); o < blocks.begin(block) + blocks.size(block); ++o) {
          packed.push_back(weight[(o * call.in.channels + c) * call.taps() + tap]);
        }
      }
    }
  }
  return packed;
}

std::tuple<Tensor, Tensor> pooled_conv_forward(
    Tensor x, Tensor weight, std::optional<Tensor> bias, int64_t padding) {
  const PooledCall call(x, weight, padding);
  const PooledConvolution& kernels = best_kernels().pooled;
  const Tensor y = empty_ordered(call.output_sizes(), call.in.channels_last, dtype_of(x));
  const Tensor places = empty_ordered(
      {call.blocks(), call.windows(), call.out.channels, kPooledSamples}, false, aoti_torch_dtype_uint8());
  const Tensor weights_there = rectifiers::contiguous(weight);
  const Split blocks(call.out.channels, kernels.most_outputs);
  const std::vector<float> weights =
      pack(call, blocks, static_cast<const float*>(weights_there.const_data_ptr()));
  std::vector<float> biases(call.out.channels);
  if (bias) {
    const Tensor there = rectifiers::contiguous(*bias);
    STD_TORCH_CHECK(
        dtype_of(there) == dtype_of(x) && Shape(there).numel() == call.out.channels,
        "rectifiers: expected a bias for each output, in float32");
    std::copy_n(static_cast<const float*>(there.const_data_ptr()), biases.size(), biases.data());
  }
  const float* const from = static_cast<const float*>(call.x.const_data_ptr());
  float* const to = static_cast<float*>(y.mutable_data_ptr());
  uint8_t* const places_to = static_cast<uint8_t*>(places.mutable_data_ptr());
  const int64_t pixel = call.in.channels * kPooledSamples, row = call.tile_width() * pixel;
  for_tasks(call.blocks(), [&](int64_t begin, int64_t end) {
    Scratch<float> memory(Scratch<float>::round(call.tile_height() * row) + Scratch<float>::round(call.block_outputs()));
    float* const tile = memory.take(call.tile_height() * row);
    float* const outputs = memory.take(call.block_outputs());
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task * kPooledSamples;
      interleave_tile(call.in, from + first * call.in.sample(), call.samples(task), padding, call.tile_width(), tile);
      for (int64_t window = 0; window < call.windows(); ++window) {
        const int64_t at_row = window / call.out.width * 2, at = window % call.out.width * 2;
        for (int64_t block = 0; block < blocks.parts; ++block) {
          const int64_t o = blocks.begin(block), to_output = (window * call.out.channels + o) * kPooledSamples;
          kernels.window(
              blocks.size(block),
              {
                  .rows = call.kernel_height,
                  .row = call.kernel_width * call.in.channels,
                  .rows_at_a_time =
                      std::max<int64_t>(1, kWindowTerms / (call.kernel_width * call.in.channels)),
                  .channels = call.in.channels,
                  .x = tile + at_row * row + at * pixel,
                  .x_row = row,
                  .weights = weights.data() + o * call.in.channels * call.taps(),
                  .bias = biases.data() + o,
                  .y = outputs + to_output,
                  .places = places_to + task * call.block_outputs() + to_output,
              });
        }
      }
      deinterleave_tile(outputs, call.samples(task), call.out, to + first * call.out.sample());
    }
  });
  return {y, places};
}

// Whether all are those of a window's pixels.
bool are_places(int64_t n, const uint8_t* places) {
  uint8_t bits = 0;
  for (int64_t i = 0; i < n; ++i) bits |= places[i];
  return bits < 4;
}

std::tuple<Tensor, Tensor, Tensor> pooled_conv_backward(
    Tensor grad, Tensor x, Tensor weight, Tensor places, int64_t padding, bool needs_input) {
  const PooledCall call(x, weight, padding);
  STD_TORCH_CHECK(
      sizes_of(grad) == call.output_sizes() && dtype_of(grad) == dtype_of(x),
      "rectifiers: expected a gradient of the shape and dtype of the output");
  const std::vector<int64_t> expected = {call.blocks(), call.windows(), call.out.channels, kPooledSamples};
  STD_TORCH_CHECK(
      sizes_of(places) == expected && dtype_of(places) == aoti_torch_dtype_uint8() && places.is_contiguous() &&
          are_places(call.blocks() * call.block_outputs(), static_cast<const uint8_t*>(places.const_data_ptr())),
      "rectifiers: expected the places that the forward pass gave");
  Tensor upstream = empty_ordered(call.output_sizes(), call.in.channels_last, dtype_of(x));
  upstream = laid_out_like(grad, upstream);
  const Tensor weight_there = rectifiers::contiguous(weight);
  const Tensor grad_x = needs_input ? empty_ordered(sizes_of(x), call.in.channels_last, dtype_of(x))
                                    : empty_ordered({0}, false, dtype_of(x));
  const Tensor grad_weight = empty_ordered(sizes_of(weight), false, dtype_of(x));
  const Tensor grad_bias = empty_ordered({call.out.channels}, false, dtype_of(x));
  PooledBackward(
      call,
      {
          .grad = static_cast<const float*>(upstream.const_data_ptr()),
          .x = static_cast<const float*>(call.x.const_data_ptr()),
          .weight = static_cast<const float*>(weight_there.const_data_ptr()),
          .places = static_cast<const uint8_t*>(places.const_data_ptr()),
      },
      {
          .x = needs_input ? static_cast<float*>(grad_x.mutable_data_ptr()) : nullptr,
          .weight = static_cast<float*>(grad_weight.mutable_data_ptr()),
          .bias = static_cast<float*>(grad_bias.mutable_data_ptr()),
      })
      .run();
  return {grad_x, grad_weight, grad_bias};
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, library) {
  library.impl("pooled_conv", TORCH_BOX(&rectifiers::pooled_conv_forward));
  library.impl("pooled_conv_forward", TORCH_BOX(&rectifiers::pooled_conv_forward));
  library.impl("pooled_conv_backward", TORCH_BOX(&rectifiers::pooled_conv_backward));
}
