// Samples as lanes, backward: the gradients of input, weights and thresholds, tile by tile of the input.
//
// At an input pixel a tap brings back Σ over outputs of weight·grad: to the input where it lies above the tap's
// threshold, to the threshold where it does not. Both gradients come of one pass, and that of the weights is summed up
// beside it, while the tile is in the cache. A task takes some tiles and blocks of samples (one partial sum), a group,
// and a run of its channels. Way is how the weights' gradients are summed: conv_weight_grad.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "conv_padded_taps.h"
#include "conv_sample_plan.h"
#include "conv_sample_sums.h"
#include "conv_tiling.h"
#include "conv_weight_grad.h"
#include "scratch.h"

namespace rectifiers {

template <class S, class Way>
class SampleBackward {
 public:
  SampleBackward(
      const SamplePlan<S>& plan, const Way& way, const Operands<S>& in, const S* grad, const Gradients<S>& out)
      : plan_(plan),
        way_(way),
        g_(plan.g),
        in_(in),
        grad_(grad),
        out_(out),
        x_(Images<const S>{in.x, g_.channels, g_.in, in.channels_last}),
        grads_(Images<const S>{grad, g_.outputs, g_.out}),
        grad_x_(Images<S>{out.x, g_.channels, g_.in, in.channels_last}),
        tiling_(1, g_.in, plan.tile_pixels(2 * plan.channels + plan.outputs), 1),
        partials_(split_partials(plan, tiling_)),
        runs_(split_channels(plan, partials_.parts)),
        tap_ranges_(plan.taps, std::max<int64_t>(1, kSampleTerms / plan.outputs)),
        thresholds_(plan.tap_major(in.threshold)),
        weights_(pack(plan, runs_, in.weight)),
        sums_(plan, partials_.parts) {}

  void run() const {
    for_tasks(partials_.parts * g_.groups * runs_.parts, [&](int64_t begin, int64_t end) {
      Memory memory;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t run = task % runs_.parts, other = task / runs_.parts;
        differentiate(task_of(other / g_.groups, other % g_.groups, run), memory);
      }
    });
    const std::vector<double> padded = PaddedTaps<S>(plan_).backward(grad_, out_.bias);
    sums_.collect_weights(in_, padded, out_.weight);
    sums_.collect_thresholds(in_, padded, out_.threshold);
  }

 private:
  static constexpr int64_t kBandPixels = 16;  // whose outputs' gradients all taps go over in turn

  struct Task {
    int64_t partial, group;
    int64_t first, channels;  // of the group
    S* weight_sums;           // of these channels: channel, tap, output
    S* threshold_sums;        // of the group: tap, channel, sample
  };

  // A tile of a block of samples: pixel, channel or output, sample.
  struct Staged {
    const PixelPairs& pairs;
    const S *x, *grads;
    S* grad_x;
  };

  // Of one thread: what neighbouring tasks share is kept from one to the next.
  struct Memory {
    Buffer<S> x, grad_x, grads, arranged_grads;
    std::optional<PixelPairs> pairs;
    int64_t pairs_of = -1, grads_of = -1;
  };

  static Split split_partials(const SamplePlan<S>& plan, const Tiling& tiling) {
    const int64_t items = plan.sample_blocks * tiling.count();
    const int64_t most = most_partials(plan.g.outputs * plan.channels * plan.taps * int64_t(sizeof(S)));
    return {items, (items + most - 1) / most};
  }

  // Runs of channels, so that there are tasks enough even if partial sums are few.
  static Split split_channels(const SamplePlan<S>& plan, int64_t partials) {
    const int64_t block = plan.kernels.input_grad_channels;
    const int64_t most = std::min(kMostPartials / partials, (plan.channels + block - 1) / block);
    return {plan.channels, (plan.channels + most - 1) / most};
  }

  static std::vector<S> pack(const SamplePlan<S>& plan, const Split& runs, const S* weight) {
    const Split whole(plan.outputs, plan.outputs);
    const auto at = [&](int64_t group, int64_t tap, int64_t o, int64_t c) {
      return weight[plan.weight_at(group, o, c, tap)];
    };
    return plan.pack(runs, plan.kernels.input_grad_channels, whole, at);
  }

  Task task_of(int64_t partial, int64_t group, int64_t run) const {
    const int64_t first = runs_.begin(run);
    return {
        .partial = partial,
        .group = group,
        .first = first,
        .channels = runs_.size(run),
        .weight_sums = sums_.weights(partial, group * plan_.channels + first),
        .threshold_sums = sums_.thresholds(partial, group),
    };
  }

  void differentiate(const Task& task, Memory& memory) const {
    const int64_t samples = plan_.kernels.samples;
    std::fill_n(task.weight_sums, task.channels * plan_.outputs * plan_.taps, S(0));
    for (int64_t tap = 0; tap < plan_.taps; ++tap) {
      S* const of_tap = task.threshold_sums + (tap * plan_.channels + task.first) * samples;
      std::fill_n(of_tap, task.channels * samples, S(0));
    }
    const int64_t first = partials_.begin(task.partial);
    for (int64_t item = first; item < first + partials_.size(task.partial); ++item) {
      differentiate_tile(task, item % plan_.sample_blocks, item / plan_.sample_blocks, memory);
    }
  }

  void differentiate_tile(const Task& task, int64_t sample_block, int64_t tile, Memory& memory) const {
    if (memory.pairs_of != tile) memory.pairs = PixelPairs::of_input_tile(g_, tiling_[tile]);
    memory.pairs_of = tile;
    const PixelPairs& pairs = *memory.pairs;
    const int64_t pixels = pairs.mine().pixels(), grad_pixels = pairs.others().pixels();
    const int64_t pitch = plan_.pitch(task.channels), grad_pitch = plan_.pitch(plan_.outputs);
    const Part part = {sample_block, task.group * plan_.channels + task.first, task.channels};
    S* const x = memory.x.at_least(pixels * pitch);
    S* const grad_x = memory.grad_x.at_least(pixels * pitch);
    S* const grads = memory.grads.at_least(grad_pixels * grad_pitch);
    S* const arranged = memory.arranged_grads.at_least(grad_pixels * plan_.outputs * plan_.kernels.samples);
    plan_.interleave(x_, part, pairs.mine(), x, pitch);
    const int64_t grads_of = (tile * plan_.sample_blocks + sample_block) * g_.groups + task.group;
    if (memory.grads_of != grads_of) {
      const Part outputs = {sample_block, task.group * plan_.outputs, plan_.outputs};
      plan_.interleave(grads_, outputs, pairs.others(), grads, grad_pitch);
      way_.arrange(grads, grad_pixels, grad_pitch, arranged);
    }
    memory.grads_of = grads_of;
    way_.add({
        .pairs = pairs,
        .channels = task.channels,
        .x = x,
        .x_pitch = pitch,
        .spare = grad_x,
        .grad = arranged,
        .thresholds = thresholds_.data() + task.group * plan_.taps * plan_.channels + task.first,
        .sums = task.weight_sums,
    });
    differentiate_input(task, {pairs, x, grads, grad_x});
    plan_.deinterleave(grad_x, pitch, part, pairs.mine(), grad_x_);
  }

  void differentiate_input(const Task& task, const Staged& staged) const {
    const int64_t pixels = staged.pairs.mine().pixels();
    const Split blocks(task.channels, plan_.kernels.input_grad_channels);
    for (int64_t block = 0; block < blocks.parts; ++block) {
      // The weights of a range of taps stay in the first-level cache while a band goes over them, and the gradients of
      // the band in the second-level one while all taps go over it.
      for (int64_t band = 0; band < pixels; band += kBandPixels) {
        for (int64_t range = 0; range < tap_ranges_.parts; ++range) {
          for (int64_t pixel = band; pixel < std::min(band + kBandPixels, pixels); ++pixel) {
            differentiate_pixel(task, staged, blocks.begin(block), blocks.size(block), range, pixel);
          }
        }
      }
    }
  }

  // For a block of the task's channels and a range of taps.
  void differentiate_pixel(
      const Task& task, const Staged& staged, int64_t first, int64_t channels, int64_t range, int64_t pixel) const {
    const int64_t samples = plan_.kernels.samples, c = task.first + first;
    const int64_t at = pixel * plan_.pitch(task.channels) + first * samples;
    const int64_t tap = tap_ranges_.begin(range), end = tap + tap_ranges_.size(range);
    const int64_t group_rows = task.group * plan_.taps * plan_.channels;
    plan_.kernels.input_grad(
        channels,
        {
            .taps = staged.pairs.taps(pixel, tap, end),
            .accumulate = range > 0,
            .outputs = plan_.outputs,
            .grad = staged.grads,
            .grad_pitch = plan_.pitch(plan_.outputs),
            .x = staged.x + at,
            .thresholds = thresholds_.data() + group_rows + c,
            .threshold_pitch = plan_.channels,
            .weights = weights_.data() + (group_rows + c * plan_.taps) * plan_.outputs,
            .grad_x = staged.grad_x + at,
            .threshold_sums = task.threshold_sums + c * samples,
        });
  }

  const SamplePlan<S>& plan_;
  const Way& way_;
  const Geometry& g_;
  Operands<S> in_;
  const S* grad_;
  Gradients<S> out_;
  Images<const S> x_, grads_;
  Images<S> grad_x_;
  Tiling tiling_;
  Split partials_;             // of all pairs of a tile and a block of samples
  Split runs_;                 // of a group's channels
  Split tap_ranges_;
  std::vector<S> thresholds_;  // group, tap, channel
  std::vector<S> weights_;
  SampleSums<S> sums_;
};

}  // namespace rectifiers
