// The convolution as products of matrices, tile by tile: a panel has a row per channel and tap and a column per pixel.
//
// Tiles, tasks and the order of all sums follow from the shapes alone, so the number of threads changes no bit.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "conv_geometry.h"
#include "scratch.h"

namespace rectifiers {

constexpr int64_t kPixels = 1024;        // output pixels of a tile, at most if its lines are shorter
constexpr int64_t kDepth = 160;          // rows of a panel, at most if a channel has fewer taps
constexpr int64_t kTerms = 192;          // pixels whose products are summed up before others are added

// The left matrix of a product in the order in which its blocks of rows read it.
template <class S>
void pack(const S* from, int64_t row, int64_t step, int64_t rows, int64_t depth, int64_t most, S* to) {
  const Split split(rows, most);
  for (int64_t part = 0; part < split.parts; ++part) {
    const S* const block = from + split.begin(part) * row;
    const int64_t size = split.size(part);
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t i = 0; i < size; ++i) *to++ = block[i * row + k * step];
    }
  }
}

template <class S>
class PanelConvolver {
 public:
  PanelConvolver(const Geometry& g, const Convolution<S>& tile)
      : g_(g),
        tile_(tile),
        boxes_(g, kPixels, tile.lanes),
        chunks_(g.channels_per_group(), std::max<int64_t>(1, kDepth / g.taps())),
        depth_((chunks_.least + (chunks_.larger > 0)) * g.taps()),
        columns_(vectors(g.outputs_per_group())) {
    // An odd number of vectors, so that the rows of a column do not compete for the same places of the cache.
    const int64_t count = vectors(boxes_.largest()) / tile.lanes + 1;
    width_ = (count + 1 - count % 2) * tile.lanes;
  }

  void forward(const S* x, const S* weight, const S* threshold, const S* bias, S* y) const {
    const int64_t outputs = g_.outputs_per_group();
    const std::unique_ptr<S[]> packed = pack_weights(
        weight, [&](const S* from, int64_t rows, S* to) { pack(from, g_.depth(), 1, outputs, rows, tile_.rows, to); });
    const int64_t frame_size = Frame(g_, boxes_[0]).plane() * largest_chunk() + slack();
    each_task(boxes_.count(), [&](int64_t begin, int64_t end) {
      Scratch<S> scratch(Scratch<S>::round(frame_size) + (depth_ + outputs) * width_ + 2 * slack());
      S* const frame = scratch.take(frame_size);
      S* const panel = scratch.take(depth_ * width_);
      S* const sums = scratch.take(outputs * width_);
      std::vector<int64_t> starts;
      for (int64_t task = begin; task < end; ++task) {
        const Box box = boxes_[task];
        for (int64_t group = 0; group < g_.groups; ++group) {
          for (int64_t o = 0; o < outputs; ++o) {
            std::fill_n(sums + o * width_, vectors(box.pixels()), bias ? bias[group * outputs + o] : S(0));
          }
          for (int64_t chunk = 0; chunk < chunks_.parts; ++chunk) {
            make_panel(x, threshold, box, group, chunk, frame, panel, starts);
            tile_.multiply(
                {outputs,
                 vectors(box.pixels()),
                 chunks_.size(chunk) * g_.taps(),
                 packed.get() + weights_before(group, chunk),
                 0,
                 panel,
                 width_,
                 2 * tile_.lanes,
                 sums,
                 width_,
                 true});
          }
          for (int64_t o = 0; o < outputs; ++o) {
            each_piece(box, group * outputs + o, [&](int64_t place, int64_t from, int64_t n) {
              std::copy_n(sums + o * width_ + from, n, y + place);
            });
          }
        }
      }
    });
  }

  void backward(
      const S* grad,
      const S* x,
      const S* weight,
      const S* threshold,
      S* grad_x,
      S* grad_weight,
      S* grad_threshold,
      S* grad_bias) const {
    backward_input(grad, x, weight, threshold, grad_x, grad_threshold);
    backward_weight(grad, x, threshold, grad_weight, grad_bias);
  }

 private:
  int64_t vectors(int64_t n) const { return (n + tile_.lanes - 1) / tile_.lanes * tile_.lanes; }
  int64_t slack() const { return 4 * tile_.lanes; }
  int64_t largest_chunk() const { return chunks_.least + (chunks_.larger > 0); }
  int64_t first_channel(int64_t group, int64_t chunk) const {
    return group * g_.channels_per_group() + chunks_.begin(chunk);
  }
  int64_t weights_before(int64_t group, int64_t chunk) const {
    return g_.outputs_per_group() * first_channel(group, chunk) * g_.taps();
  }

  template <class Body>
  static void each_task(int64_t tasks, const Body& body) {
    torch::stable::parallel_for(0, tasks, 1, body);
  }

  template <class Pack>
  std::unique_ptr<S[]> pack_weights(const S* weight, const Pack& pack) const {
    std::unique_ptr<S[]> packed(new S[g_.outputs * g_.depth()]);
    each_task(g_.groups * chunks_.parts, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t group = task / chunks_.parts, chunk = task % chunks_.parts;
        const S* const from =
            weight + group * g_.outputs_per_group() * g_.depth() + chunks_.begin(chunk) * g_.taps();
        pack(from, chunks_.size(chunk) * g_.taps(), packed.get() + weights_before(group, chunk));
      }
    });
    return packed;
  }

  void make_panel(
      const S* x,
      const S* threshold,
      const Box& box,
      int64_t group,
      int64_t chunk,
      S* frame,
      S* panel,
      std::vector<int64_t>& starts) const {
    const Frame view(g_, box);
    view.starts(box, starts);
    const Runs runs = runs_of(box, starts);
    const int64_t first = first_channel(group, chunk), taps = g_.taps();
    for (int64_t c = 0; c < chunks_.size(chunk); ++c) {
      S* const plane = frame + c * view.plane();
      view.read(tile_, x, first + c, plane);
      for (int64_t tap = 0; tap < taps; ++tap) {
        tile_.lift(runs, plane + view.tap(tap), threshold[(first + c) * taps + tap], panel + (c * taps + tap) * width_);
      }
    }
  }

  static Runs runs_of(const Box& box, const std::vector<int64_t>& starts) {
    return {static_cast<int64_t>(starts.size()), box.size[3], starts.data()};
  }

  // Calls body(place in the tensor, place in the box, n) for each piece of a box's pixels that is one in the tensor.
  template <class Body>
  void each_piece(const Box& box, int64_t output, const Body& body) const {
    const int64_t n = box.pixels() / box.size[0];
    const int64_t first = (box.begin[1] * g_.out[1] + box.begin[2]) * g_.out[2] + box.begin[3];
    for (int64_t i = 0; i < box.size[0]; ++i) {
      body(((box.begin[0] + i) * g_.outputs + output) * g_.pixels() + first, i * n, n);
    }
  }

  // The gradient of a group's outputs on a box, a row each, filled up with zeros.
  void read_grad(const S* grad, const Box& box, int64_t group, S* to) const {
    for (int64_t o = 0; o < g_.outputs_per_group(); ++o) {
      S* const row = to + o * width_;
      each_piece(box, group * g_.outputs_per_group() + o, [&](int64_t place, int64_t at, int64_t n) {
        std::copy_n(grad + place, n, row + at);
      });
      std::fill(row + box.pixels(), row + vectors(box.pixels()), S(0));
    }
  }

  // A task takes a few channels of a few samples: nobody else adds to their gradient.
  void backward_input(
      const S* grad, const S* x, const S* weight, const S* threshold, S* grad_x, S* grad_threshold) const {
    const int64_t outputs = g_.outputs_per_group(), taps = g_.taps(), rows = g_.channels * taps;
    const std::unique_ptr<S[]> packed = pack_weights(
        weight, [&](const S* from, int64_t rows, S* to) { pack(from, 1, g_.depth(), rows, outputs, tile_.rows, to); });
    const int64_t sample_groups = (g_.batch + boxes_.samples() - 1) / boxes_.samples();
    const int64_t chunks = g_.groups * chunks_.parts;
    const std::unique_ptr<S[]> caught(new S[sample_groups * rows]);
    const int64_t frame_size = Frame(g_, 0, boxes_.samples()).plane() * largest_chunk() + slack();
    each_task(sample_groups * chunks, [&](int64_t begin, int64_t end) {
      Scratch<S> scratch(2 * Scratch<S>::round(frame_size) + (depth_ + outputs) * width_ + 2 * slack());
      S* const frame = scratch.take(frame_size);
      S* const grad_frame = scratch.take(frame_size);
      S* const panel = scratch.take(depth_ * width_);
      S* const grads = scratch.take(outputs * width_);
      int64_t held = -1;  // what `grads` is of: neighbouring tasks often share it
      std::vector<int64_t> starts;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t at = task / chunks, group = task % chunks / chunks_.parts, chunk = task % chunks_.parts;
        const int64_t first = first_channel(group, chunk), size = chunks_.size(chunk);
        const int64_t sample = at * boxes_.samples();
        const Frame view(g_, sample, std::min(boxes_.samples(), g_.batch - sample));
        S* const mine = caught.get() + at * rows + first * taps;
        std::fill_n(mine, size * taps, S(0));
        std::fill_n(grad_frame, size * view.plane(), S(0));
        for (int64_t c = 0; c < size; ++c) view.read(tile_, x, first + c, frame + c * view.plane());
        for (int64_t index = at * boxes_.per_sample(); index < (at + 1) * boxes_.per_sample(); ++index) {
          const Box box = boxes_[index];
          view.starts(box, starts);
          const Runs runs = runs_of(box, starts);
          if (held != index * g_.groups + group) read_grad(grad, box, group, grads);
          held = index * g_.groups + group;
          tile_.multiply(
              {size * taps,
               vectors(box.pixels()),
               outputs,
               packed.get() + weights_before(group, chunk),
               0,
               grads,
               width_,
               2 * tile_.lanes,
               panel,
               width_,
               false});
          for (int64_t row = 0; row < size * taps; ++row) {
            const int64_t offset = row / taps * view.plane() + view.tap(row % taps);
            mine[row] += tile_.route(
                runs, panel + row * width_, frame + offset, threshold[first * taps + row], grad_frame + offset);
          }
        }
        for (int64_t c = 0; c < size; ++c) view.write(tile_, grad_frame + c * view.plane(), first + c, grad_x);
      }
    });
    std::vector<double> sums(rows, 0.0);
    for (int64_t at = 0; at < sample_groups; ++at) {
      for (int64_t row = 0; row < rows; ++row) sums[row] += caught[at * rows + row];
    }
    std::copy(sums.begin(), sums.end(), grad_threshold);
  }

  // A task takes a few panels' rows of a share of the boxes; each share's sums stand apart until the end.
  void backward_weight(const S* grad, const S* x, const S* threshold, S* grad_weight, S* grad_bias) const {
    const int64_t outputs = g_.outputs_per_group(), taps = g_.taps(), depth = g_.depth(), lanes = tile_.lanes;
    const int64_t bytes = g_.groups * depth * columns_ * sizeof(S);
    const Split shares(
        boxes_.count(),
        (boxes_.count() + most_shares(bytes) - 1) / most_shares(bytes));
    const Split runs_of_chunks(chunks_.parts, std::max<int64_t>(1, chunks_.parts * shares.parts / kShares));
    const std::unique_ptr<S[]> partial(new S[shares.parts * g_.groups * depth * columns_]);
    const std::unique_ptr<double[]> bias_partial(new double[shares.parts * g_.outputs]);
    const int64_t frame_size = Frame(g_, boxes_[0]).plane() * largest_chunk() + slack();
    each_task(shares.parts * g_.groups * runs_of_chunks.parts, [&](int64_t begin, int64_t end) {
      Scratch<S> scratch(
          Scratch<S>::round(frame_size) + (depth_ + 2 * columns_) * width_ + 2 * lanes * width_ + 4 * slack());
      S* const frame = scratch.take(frame_size);
      S* const panel = scratch.take(depth_ * width_);
      S* const grads = scratch.take(columns_ * width_);
      S* const turned = scratch.take((columns_ + lanes) * width_);
      std::vector<int64_t> starts;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t share = task % shares.parts, other = task / shares.parts;
        const int64_t group = other % g_.groups, run = other / g_.groups;
        S* const sums = partial.get() + (share * g_.groups + group) * depth * columns_;
        double* const bias_sums = bias_partial.get() + share * g_.outputs + group * outputs;
        const int64_t from = runs_of_chunks.begin(run), to = from + runs_of_chunks.size(run);
        std::fill(
            sums + chunks_.begin(from) * taps * columns_, sums + chunks_.begin(to) * taps * columns_, S(0));
        if (run == 0) std::fill_n(bias_sums, outputs, 0.0);
        for (int64_t index = shares.begin(share); index < shares.begin(share) + shares.size(share); ++index) {
          const Box box = boxes_[index];
          const int64_t pixels = vectors(box.pixels());
          read_grad(grad, box, group, grads);
          for (int64_t o = 0; run == 0 && o < outputs; ++o) bias_sums[o] += tile_.total(pixels, grads + o * width_);
          for (int64_t o = 0; o < columns_; o += lanes) {
            S* const pair = turned + o / (2 * lanes) * 2 * lanes * pixels + o % (2 * lanes);
            for (int64_t p = 0; p < pixels; p += lanes) {
              tile_.transpose(grads + o * width_ + p, width_, pair + p * 2 * lanes, 2 * lanes);
            }
          }
          for (int64_t chunk = from; chunk < to; ++chunk) {
            make_panel(x, threshold, box, group, chunk, frame, panel, starts);
            for (int64_t p = 0; p < box.pixels(); p += kTerms) {
              tile_.multiply(
                  {chunks_.size(chunk) * taps,
                   columns_,
                   std::min(kTerms, box.pixels() - p),
                   panel + p,
                   width_,
                   turned + p * 2 * lanes,
                   2 * lanes,
                   2 * lanes * pixels,
                   sums + chunks_.begin(chunk) * taps * columns_,
                   columns_,
                   true});
            }
          }
        }
      }
    });
    collect(partial.get(), shares.parts, grad_weight);
    for (int64_t o = 0; o < g_.outputs; ++o) {
      double sum = 0;
      for (int64_t share = 0; share < shares.parts; ++share) sum += bias_partial[share * g_.outputs + o];
      grad_bias[o] = static_cast<S>(sum);
    }
  }

  // Adds the shares up, in their order, and turns the sums into the order of the weights.
  void collect(const S* partial, int64_t shares, S* grad_weight) const {
    const int64_t outputs = g_.outputs_per_group(), depth = g_.depth();
    constexpr int64_t kRow = 16;
    const int64_t blocks = (depth + kRow - 1) / kRow;
    each_task(g_.groups * blocks, [&](int64_t begin, int64_t end) {
      std::vector<S> sums(kRow * columns_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t group = task / blocks, first = task % blocks * kRow, rows = std::min(kRow, depth - first);
        std::fill(sums.begin(), sums.end(), S(0));
        for (int64_t share = 0; share < shares; ++share) {
          const S* const from = partial + ((share * g_.groups + group) * depth + first) * columns_;
          for (int64_t i = 0; i < rows * columns_; ++i) sums[i] += from[i];
        }
        for (int64_t o = 0; o < outputs; ++o) {
          S* const to = grad_weight + (group * outputs + o) * depth + first;
          for (int64_t i = 0; i < rows; ++i) to[i] = sums[i * columns_ + o];
        }
      }
    });
  }

  const Geometry& g_;
  const Convolution<S>& tile_;
  Boxes boxes_;
  Split chunks_;     // of a group's channels
  int64_t depth_;    // rows of the largest panel
  int64_t columns_;  // a group's outputs, in whole vectors
  int64_t width_;    // from one row of a panel to the next
};

}  // namespace rectifiers
