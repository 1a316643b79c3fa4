// The gradients of a convolution with max-pooling after it. One of a window's four pixels won and has all of its
// gradient, so a quarter of a convolution's products is left: those of the pixels that won, each sample and output having
// its own. Lanes are therefore taps and channels of the input, which every pixel reads as a few runs of memory.
//
//     ∂w[o, row, tap·channel] += g · x[won pixel + row, tap·channel]
//     ∂x[won pixel + row, tap·channel] += g · w[o, row, tap·channel]
#pragma once

#include <vector>

#include "conv_tasks.h"
#include "pooled_conv.h"
#include "scratch.h"

namespace rectifiers {

struct PooledOperands {
  const float *grad, *x, *weight;
  const uint8_t* places;
};

struct PooledGradients {
  float *x, *weight, *bias;  // x may be missing
};

class PooledBackward {
 public:
  PooledBackward(const PooledCall& call, const PooledOperands& in, const PooledGradients& out)
      : call_(call),
        in_(in),
        out_(out),
        kernels_(best_kernels().pooled),
        pixel_(pitch(call, kernels_.lanes)),
        x_row_(call.tile_width() * pixel_),
        x_sample_((call.tile_height() * x_row_ + kernels_.lanes - 1) / kernels_.lanes * kernels_.lanes),
        vectors_((call.kernel_width * pixel_ + kernels_.lanes - 1) / kernels_.lanes),
        weights_row_(vectors_ * kernels_.lanes),
        pieces_(vectors_, kernels_.most_vectors),
        rows_(call.kernel_height, rows_at_a_time(call.kernel_height, kernels_.most_vectors / pieces_.largest())),
        parts_(call.blocks(), (call.blocks() + kMostPartials - 1) / kMostPartials),
        weights_(out.x ? spread(in.weight) : std::vector<float>()) {}

  void run() const {
    const int64_t size = call_.out.channels * call_.kernel_height * weights_row_;
    std::vector<float> weight_sums(parts_.parts * size);
    std::vector<double> bias_sums(parts_.parts * call_.out.channels);
    for_tasks(parts_.parts, [&](int64_t begin, int64_t end) {
      Scratch<float> memory(
          Scratch<float>::round(kPooledSamples * x_sample_ + kSlack) + Scratch<float>::round(call_.block_outputs()) +
          Scratch<float>::round(x_sample_ + kSlack));
      float* const x = memory.take(kPooledSamples * x_sample_ + kSlack);
      float* const grad = memory.take(call_.block_outputs());
      float* const grad_x = memory.take(x_sample_ + kSlack);
      for (int64_t part = begin; part < end; ++part) {
        for (int64_t block = parts_.begin(part); block < parts_.begin(part) + parts_.size(part); ++block) {
          const int64_t first = block * kPooledSamples;
          interleave_tile(
              call_.out, in_.grad + first * call_.out.sample(), call_.samples(block), 0, call_.out.width, grad);
          spread_input(block, x);
          add_weights(block, x, grad, weight_sums.data() + part * size);
          kernels_.sum(call_.windows(), call_.out.channels, grad, bias_sums.data() + part * call_.out.channels);
          if (out_.x) add_inputs(block, grad, grad_x);
        }
      }
    });
    collect(size, weight_sums, bias_sums);
  }

 private:
  static constexpr int64_t kSlack = 64;  // what the last vectors may reach beyond the last pixel

  // From pixel to pixel of a tile. Channels fill vectors, unless a few pixels fit into one; loads that cross the lines of
  // the cache take twice the time.
  static int64_t pitch(const PooledCall& call, int64_t lanes) {
    const auto vectors = [&](int64_t n) { return (n + lanes - 1) / lanes; };
    const int64_t filled = vectors(call.in.channels);
    const bool dense = 2 * vectors(call.kernel_width * call.in.channels) <= call.kernel_width * filled;
    return dense ? call.in.channels : filled * lanes;
  }

  // There are register blocks of five rows, of three, and of one.
  static int64_t rows_at_a_time(int64_t rows, int64_t most) {
    return rows % 5 == 0 && most >= 5 ? 5 : rows % 3 == 0 && most >= 3 ? 3 : 1;
  }

  // The weights as output, row, taps and channels, at the pitch of pixels.
  std::vector<float> spread(const float* weight) const {
    std::vector<float> to(call_.out.channels * call_.kernel_height * weights_row_);
    each_weight([&](int64_t from, int64_t at) { to[at] = weight[from]; });
    return to;
  }

  // Calls body(where in the caller's weights, where in those that are spread).
  template <class Body>
  void each_weight(const Body& body) const {
    int64_t from = 0;
    for (int64_t o = 0; o < call_.out.channels; ++o) {
      for (int64_t c = 0; c < call_.in.channels; ++c) {
        for (int64_t row = 0; row < call_.kernel_height; ++row) {
          for (int64_t tap = 0; tap < call_.kernel_width; ++tap) {
            body(from++, (o * call_.kernel_height + row) * weights_row_ + tap * pixel_ + c);
          }
        }
      }
    }
  }

  // Calls body(first row, rows, first vector, vectors) for pieces of the kernel that fit into registers.
  template <class Body>
  void each_piece(const Body& body) const {
    for (int64_t rows = 0; rows < rows_.parts; ++rows) {
      for (int64_t piece = 0; piece < pieces_.parts; ++piece) {
        body(rows_.begin(rows), rows_.size(rows), pieces_.begin(piece) * kernels_.lanes, pieces_.size(piece));
      }
    }
  }

  // Calls body(where in a sample, where in a tile, pixels) for the lines of a picture, channels last, or for single
  // channels of them.
  void spread_input(int64_t block, float* tiles) const {
    const Pictures& in = call_.in;
    const int64_t margin = call_.padding * (x_row_ + pixel_);
    for (int64_t i = 0; i < call_.samples(block); ++i) {
      const float* const from = in_.x + (block * kPooledSamples + i) * in.sample();
      float* const to = tiles + i * x_sample_ + margin;
      in.each_row([&](int64_t at, int64_t row, int64_t channel, int64_t n) {
        float* const line = to + row * x_row_ + channel;
        if (!in.channels_last) {
          for (int64_t j = 0; j < n; ++j) line[j * pixel_] = from[at + j];
        } else if (pixel_ == in.channels) {
          std::copy_n(from + at, n, line);
        } else {
          // Whole pixels at their pitch. What stands behind a pixel's channels meets only sums that nobody reads.
          for (int64_t j = 0; j < in.width; ++j) {
            const int64_t left = in.sample() - at - j * in.channels;
            std::copy_n(from + at + j * in.channels, left < pixel_ ? in.channels : pixel_, line + j * pixel_);
          }
        }
      });
    }
  }

  void gather_input(const float* tile, float* to) const {
    const Pictures& in = call_.in;
    const float* const from = tile + call_.padding * (x_row_ + pixel_);
    in.each_row([&](int64_t at, int64_t row, int64_t channel, int64_t n) {
      const float* const line = from + row * x_row_ + channel;
      if (!in.channels_last) {
        for (int64_t j = 0; j < n; ++j) to[at + j] = line[j * pixel_];
      } else {
        for (int64_t j = 0; j < in.width; ++j) std::copy_n(line + j * pixel_, in.channels, to + at + j * in.channels);
      }
    });
  }

  void add_weights(int64_t block, const float* x, const float* grad, float* sums) const {
    const uint8_t* const places = in_.places + block * call_.block_outputs();
    for (int64_t o = 0; o < call_.out.channels; ++o) {
      each_piece([&](int64_t row, int64_t rows, int64_t at, int64_t vectors) {
        kernels_.weights(
            rows,
            vectors,
            {
                .windows = call_.windows(),
                .windows_of_a_row = call_.out.width,
                .samples = call_.samples(block),
                .x = x + row * x_row_ + at,
                .x_sample = x_sample_,
                .x_row = x_row_,
                .x_pixel = pixel_,
                .grad = grad + o * kPooledSamples,
                .places = places + o * kPooledSamples,
                .window = call_.out.channels * kPooledSamples,
                .sums = sums + (o * call_.kernel_height + row) * weights_row_ + at,
                .sums_row = weights_row_,
            });
      });
    }
  }

  void add_inputs(int64_t block, const float* grad, float* tile) const {
    const int64_t outputs = call_.out.channels;
    std::vector<int32_t> output(4 * outputs);
    std::vector<float> won(4 * outputs);
    for (int64_t i = 0; i < call_.samples(block); ++i) {
      std::fill_n(tile, x_sample_ + kSlack, 0.0f);
      for (int64_t window = 0; window < call_.windows(); ++window) {
        const float* const of = grad + window * outputs * kPooledSamples + i;
        const uint8_t* const places = in_.places + block * call_.block_outputs() + window * outputs * kPooledSamples + i;
        // By the pixel that won, so that what it read stays in registers for all of its outputs.
        int64_t counts[4] = {};
        for (int64_t o = 0; o < outputs; ++o) {
          const int64_t place = places[o * kPooledSamples], at = place * outputs + counts[place]++;
          output[at] = static_cast<int32_t>(o);
          won[at] = of[o * kPooledSamples];
        }
        const int64_t first = window / call_.out.width * 2 * x_row_ + window % call_.out.width * 2 * pixel_;
        for (int64_t place = 0; place < 4; ++place) {
          if (!counts[place]) continue;
          each_piece([&](int64_t row, int64_t rows, int64_t at, int64_t vectors) {
            kernels_.inputs(
                rows,
                vectors,
                {
                    .outputs = counts[place],
                    .output = output.data() + place * outputs,
                    .grad = won.data() + place * outputs,
                    .weights = weights_.data() + row * weights_row_ + at,
                    .weights_output = call_.kernel_height * weights_row_,
                    .weights_row = weights_row_,
                    .grad_x = tile + first + (place / 2 + row) * x_row_ + place % 2 * pixel_ + at,
                    .x_row = x_row_,
                });
          });
        }
      }
      gather_input(tile, out_.x + (block * kPooledSamples + i) * call_.in.sample());
    }
  }

  void collect(int64_t size, const std::vector<float>& weight_sums, const std::vector<double>& bias_sums) const {
    each_weight([&](int64_t to, int64_t at) {
      double sum = 0;
      for (int64_t part = 0; part < parts_.parts; ++part) sum += weight_sums[part * size + at];
      out_.weight[to] = static_cast<float>(sum);
    });
    for (int64_t o = 0; o < call_.out.channels; ++o) {
      double sum = 0;
      for (int64_t part = 0; part < parts_.parts; ++part) sum += bias_sums[part * call_.out.channels + o];
      out_.bias[o] = static_cast<float>(sum);
    }
  }

  const PooledCall& call_;
  PooledOperands in_;
  PooledGradients out_;
  const PooledConvolution& kernels_;
  int64_t pixel_, x_row_, x_sample_;     // from one to the next
  int64_t vectors_, weights_row_;        // of a row of the kernel
  Split pieces_, rows_, parts_;
  std::vector<float> weights_;
};

}  // namespace rectifiers
