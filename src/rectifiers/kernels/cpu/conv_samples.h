// The convolution with samples as the lanes of vectors, pixel by pixel: for batches that fill the lanes.
//
// A tap that falls into the padding costs nothing there: what it sees is the same for all samples, so its share is
// added once. Boxes, tasks and the order of all sums follow from the shapes alone, so the number of threads changes
// no bit.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "conv_geometry.h"
#include "scratch.h"

namespace rectifiers {

// Pixels of a plane, as far as one task needs them; numbered in the order of the tensor.
struct Region {
  int64_t begin[3], size[3];

  int64_t pixels() const { return size[0] * size[1] * size[2]; }
  int32_t number(const int64_t (&at)[3]) const {
    return static_cast<int32_t>(((at[0] - begin[0]) * size[1] + at[1] - begin[1]) * size[2] + at[2] - begin[2]);
  }
};

// Pairs of pixels of the output and the input that a tap brings together, seen from a box of one or the other.
class Pairs {
 public:
  // Those of a box of the output.
  static Pairs seen(const Geometry& g, const Box& box) {
    const auto see = [&](int axis, int64_t out, int64_t tap, int64_t* in) {
      *in = out * g.stride[axis] - g.before[axis] + tap * g.dilation[axis];
      return *in >= 0 && *in < g.in[axis];
    };
    return Pairs(g, box, g.out, g.in, see);
  }

  // Those of a box of the input.
  static Pairs seeing(const Geometry& g, const Box& box) {
    const auto see = [&](int axis, int64_t in, int64_t tap, int64_t* out) {
      const int64_t ahead = in + g.before[axis] - tap * g.dilation[axis];
      *out = ahead / g.stride[axis];
      return ahead >= 0 && ahead % g.stride[axis] == 0 && *out < g.out[axis];
    };
    return Pairs(g, box, g.in, g.out, see);
  }

  const Region& mine() const { return mine_; }
  const Region& theirs() const { return theirs_; }

  // The taps of one of the box's pixels.
  Links links(int64_t pixel) const {
    const int64_t first = first_[pixel];
    return {first_[pixel + 1] - first, tap_.data() + first, place_.data() + first};
  }

  // Those of them from one tap on and before another.
  Links links(int64_t pixel, int32_t from, int32_t to) const {
    const auto begin = tap_.begin() + first_[pixel], end = tap_.begin() + first_[pixel + 1];
    const auto first = std::lower_bound(begin, end, from), last = std::lower_bound(first, end, to);
    const int64_t at = first - tap_.begin();
    return {last - first, tap_.data() + at, place_.data() + at};
  }

  // All pixels of the box that one tap brings together with another, and those others.
  const std::vector<int32_t>& from(int64_t tap) const { return from_[tap]; }
  const std::vector<int32_t>& to(int64_t tap) const { return to_[tap]; }

 private:
  template <class See>
  Pairs(const Geometry& g, const Box& box, const int64_t (&own)[3], const int64_t (&other)[3], const See& see) {
    for (int axis = 0; axis < 3; ++axis) {
      mine_.begin[axis] = box.begin[axis + 1];
      mine_.size[axis] = box.size[axis + 1];
      int64_t least = other[axis], most = -1, place;
      for (int64_t at = mine_.begin[axis]; at < mine_.begin[axis] + mine_.size[axis]; ++at) {
        for (int64_t tap = 0; tap < g.kernel[axis]; ++tap) {
          if (!see(axis, at, tap, &place)) continue;
          least = std::min(least, place);
          most = std::max(most, place);
        }
      }
      // Whole axes stay whole, so that what they hold is one piece of memory.
      const bool whole = mine_.size[axis] == own[axis];
      theirs_.begin[axis] = whole ? 0 : least;
      theirs_.size[axis] = whole ? other[axis] : std::max<int64_t>(0, most + 1 - least);
    }
    int64_t at[3], place[3];
    first_.push_back(0);
    from_.resize(g.taps());
    to_.resize(g.taps());
    for (int64_t pixel = 0; pixel < mine_.pixels(); ++pixel) {
      at[2] = mine_.begin[2] + pixel % mine_.size[2];
      at[1] = mine_.begin[1] + pixel / mine_.size[2] % mine_.size[1];
      at[0] = mine_.begin[0] + pixel / mine_.size[2] / mine_.size[1];
      for (int64_t d = 0; d < g.kernel[0]; ++d) {
        if (!see(0, at[0], d, &place[0])) continue;
        for (int64_t h = 0; h < g.kernel[1]; ++h) {
          if (!see(1, at[1], h, &place[1])) continue;
          for (int64_t w = 0; w < g.kernel[2]; ++w) {
            if (!see(2, at[2], w, &place[2])) continue;
            const int64_t tap = (d * g.kernel[1] + h) * g.kernel[2] + w;
            tap_.push_back(static_cast<int32_t>(tap));
            place_.push_back(theirs_.number(place));
            from_[tap].push_back(static_cast<int32_t>(pixel));
            to_[tap].push_back(place_.back());
          }
        }
      }
      first_.push_back(tap_.size());
    }
  }

  Region mine_, theirs_;
  std::vector<int64_t> first_;
  std::vector<int32_t> tap_, place_;
  std::vector<std::vector<int32_t>> from_, to_;
};

// Calls body(first pixel in the plane, first pixel in the region, n) for every piece of memory of a region.
template <class Body>
void each_run(const Region& region, const int64_t (&sizes)[3], const Body& body) {
  int64_t count[] = {region.size[0], region.size[1]}, length = region.size[2];
  for (int axis = 1; axis >= 0 && region.size[axis + 1] == sizes[axis + 1]; --axis) {
    length *= count[axis];
    count[axis] = std::min<int64_t>(count[axis], 1);
  }
  for (int64_t d = 0; length && d < count[0]; ++d) {
    for (int64_t h = 0; h < count[1]; ++h) {
      const int64_t line = (region.begin[0] + d) * sizes[1] + region.begin[1] + h;
      body(line * sizes[2] + region.begin[2], (d * count[1] + h) * length, length);
    }
  }
}

template <class S>
class SampleConvolver {
 public:
  SampleConvolver(const Geometry& g, const SampleTile<S>& tile, const Convolution<S>& panels)
      : g_(g),
        tile_(tile),
        panels_(panels),
        channels_(g.channels_per_group()),
        outputs_(g.outputs_per_group()),
        taps_(g.taps()),
        lots_((g.batch + tile.samples - 1) / tile.samples) {}

  // Whether this is the faster way: few lanes stay empty, and several taps share the work of filling them.
  static bool suits(const Geometry& g, const SampleTile<S>& tile) {
    const int64_t lanes = (g.batch + tile.samples - 1) / tile.samples * tile.samples;
    return 4 * g.batch >= 3 * lanes && g.taps() > 1;
  }

  // Backward, panels multiply faster; they lose it where outputs are few, or where many taps see padding.
  static bool suits_backward(const Geometry& g, const SampleTile<S>& tile) {
    return suits(g, tile) && (g.outputs_per_group() < 32 || g.inside() < 0.9);
  }

  void forward(const S* x, const S* weight, const S* threshold, const S* bias, S* y) const {
    const Split whole(outputs_, outputs_), blocks(outputs_, tile_.pulled);
    const Split chunks(channels_, std::max<int64_t>(1, kTerms / taps_));
    const std::vector<S> floors = tap_by_tap(threshold), unseen = outside(weight, threshold);
    const std::vector<S> packed =
        pack(whole, tile_.pulled, chunks, [&](int64_t group, int64_t tap, int64_t c, int64_t o) {
          return weight[((group * outputs_ + o) * channels_ + c) * taps_ + tap];
        });
    const Boxes boxes(1, g_.out, pixels_within(chunks.size(0) + outputs_), 1);
    each_task(boxes.count() * g_.groups * lots_, [&](int64_t begin, int64_t end) {
      Buffer<S> frames, results;
      std::optional<Pairs> pairs;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t lot = task % lots_, group = task / lots_ % g_.groups, box = task / lots_ / g_.groups;
        if (task == begin || task % (lots_ * g_.groups) == 0) pairs = Pairs::seen(g_, boxes[box]);
        const int64_t pixels = pairs->mine().pixels(), y_pixel = pitch(outputs_);
        S* const frame = frames.at_least(pairs->theirs().pixels() * pitch(chunks.size(0)));
        S* const found = results.at_least(pixels * y_pixel);
        for (int64_t pixel = 0; pixel < pixels; ++pixel) {
          start(pairs->links(pixel), group, bias, unseen.data(), found + pixel * y_pixel);
        }
        for (int64_t chunk = 0; chunk < chunks.parts; ++chunk) {
          const int64_t c = chunks.begin(chunk), channels = chunks.size(chunk), x_pixel = pitch(channels);
          gather(x, g_.channels, g_.in, lot, group * channels_ + c, channels, pairs->theirs(), frame, x_pixel);
          // The weights of a block stay in the first-level cache while all pixels go over them.
          for (int64_t block = 0; block < blocks.parts; ++block) {
            const int64_t first = blocks.begin(block), rows = blocks.size(block);
            for (int64_t pixel = 0; pixel < pixels; ++pixel) {
              tile_.pull(
                  rows,
                  {pairs->links(pixel),
                   channels,
                   frame,
                   x_pixel,
                   floors.data() + group * taps_ * channels_ + c,
                   channels_,
                   packed.data() + ((group * outputs_ + first) * channels_ + c * rows) * taps_,
                   found + pixel * y_pixel + first * tile_.samples});
            }
          }
        }
        scatter(found, y_pixel, outputs_, pairs->mine(), g_.out, lot, group * outputs_, g_.outputs, y);
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
    const Boxes boxes(1, g_.in, pixels_within(2 * channels_ + outputs_), 1);
    const int64_t items = lots_ * boxes.count(), rows = taps_ * channels_, size = g_.outputs * rows;
    const int64_t most = most_shares(size * int64_t(sizeof(S)));
    const Split shares(items, (items + most - 1) / most);
    // A task takes a run of the channels, so that there are tasks enough even if shares are few.
    const int64_t most_runs = std::min(kShares / shares.parts, (channels_ + tile_.pushed - 1) / tile_.pushed);
    const Split runs(channels_, (channels_ + most_runs - 1) / most_runs);
    const Split ranges(taps_, std::max<int64_t>(1, kTerms / outputs_));
    const std::vector<S> floors = tap_by_tap(threshold);
    const Split whole(outputs_, outputs_), output_blocks(outputs_, tile_.outputs);
    const std::vector<S> packed =
        pack(runs, tile_.pushed, whole, [&](int64_t group, int64_t tap, int64_t o, int64_t c) {
          return weight[((group * outputs_ + o) * channels_ + c) * taps_ + tap];
        });
    // Of every share: the gradients of the weights, and of the thresholds what each lane caught.
    const std::unique_ptr<S[]> weights(new S[shares.parts * size]);
    const std::unique_ptr<S[]> caught(new S[shares.parts * g_.groups * rows * tile_.samples]);
    each_task(shares.parts * g_.groups * runs.parts, [&](int64_t begin, int64_t end) {
      Buffer<S> frames, results, gradients, ordered;
      // What neighbouring tasks often share.
      std::optional<Pairs> pairs;
      int64_t box_of_pairs = -1, source_of_gradients = -1;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t run = task % runs.parts, group = task / runs.parts % g_.groups;
        const int64_t share = task / runs.parts / g_.groups, first = runs.begin(run), channels = runs.size(run);
        const int64_t x_pixel = pitch(channels), grad_pixel = pitch(outputs_);
        const Split blocks(channels, tile_.pushed), channel_blocks(channels, tile_.channels);
        S* const sums = weights.get() + share * size + (group * channels_ + first) * outputs_ * taps_;
        S* const lanes = caught.get() + (share * g_.groups + group) * rows * tile_.samples;
        std::fill_n(sums, channels * outputs_ * taps_, S(0));
        for (int64_t tap = 0; tap < taps_; ++tap) {
          std::fill_n(lanes + (tap * channels_ + first) * tile_.samples, channels * tile_.samples, S(0));
        }
        for (int64_t item = shares.begin(share); item < shares.begin(share) + shares.size(share); ++item) {
          const int64_t lot = item % lots_, box = item / lots_;
          if (box_of_pairs != box) pairs = Pairs::seeing(g_, boxes[box]);
          box_of_pairs = box;
          const int64_t pixels = pairs->mine().pixels(), grad_pixels = pairs->theirs().pixels();
          S* const frame = frames.at_least(pixels * x_pixel);
          S* const found = results.at_least(pixels * x_pixel);
          S* const grads = gradients.at_least(grad_pixels * grad_pixel);
          S* const ordered_grads = ordered.at_least(grad_pixels * outputs_ * tile_.samples);
          gather(x, g_.channels, g_.in, lot, group * channels_ + first, channels, pairs->mine(), frame, x_pixel);
          if (source_of_gradients != item * g_.groups + group) {
            gather(grad, g_.outputs, g_.out, lot, group * outputs_, outputs_, pairs->theirs(), grads, grad_pixel);
            if (multiplies()) {
              turn(grads, grad_pixels, grad_pixel, ordered_grads);
            } else {
              regroup(grads, grad_pixels, grad_pixel, output_blocks, ordered_grads);
            }
          }
          source_of_gradients = item * g_.groups + group;
          const S* const floors_of = floors.data() + group * rows + first;
          if (multiplies()) {
            multiply(*pairs, channels, frame, x_pixel, ordered_grads, floors_of, sums);
          } else {
            S* const blocked = found;  // as long as nothing else is in it
            regroup(frame, pixels, x_pixel, channel_blocks, blocked);
            correlate(*pairs, channel_blocks, blocked, output_blocks, ordered_grads, floors_of, sums);
          }
          for (int64_t block = 0; block < blocks.parts; ++block) {
            const int64_t at = blocks.begin(block) * tile_.samples, c = first + blocks.begin(block);
            // The weights of a range of taps stay in the first-level cache while a band goes over them, and the
            // gradients of the band in the second-level one while all taps go over it.
            for (int64_t band = 0; band < pixels; band += kBand) {
              for (int64_t range = 0; range < ranges.parts; ++range) {
                const int32_t tap = ranges.begin(range), next = tap + ranges.size(range);
                for (int64_t pixel = band; pixel < std::min(band + kBand, pixels); ++pixel) {
                  tile_.push(
                      blocks.size(block),
                      {pairs->links(pixel, tap, next),
                       range > 0,
                       outputs_,
                       grads,
                       grad_pixel,
                       frame + pixel * x_pixel + at,
                       floors.data() + group * rows + c,
                       packed.data() + group * outputs_ * rows + c * taps_ * outputs_,
                       channels_,
                       found + pixel * x_pixel + at,
                       lanes + c * tile_.samples});
                }
              }
            }
          }
          scatter(found, x_pixel, channels, pairs->mine(), g_.in, lot, group * channels_ + first, g_.channels, grad_x);
        }
      }
    });
    const std::vector<double> unseen = outside(grad, grad_bias);
    collect(unseen, weights.get(), shares.parts, threshold, grad_weight);
    collect_caught(unseen, caught.get(), shares.parts, weight, threshold, grad_threshold);
  }

 private:
  static constexpr int64_t kTerms = 160;           // products that are summed up before others are added
  static constexpr int64_t kTileBytes = 2 << 20;   // memory that a task goes over again and again
  static constexpr int64_t kPixels = 128;          // over which a gradient of the weights stays in registers
  static constexpr int64_t kBand = 16;             // pixels whose outputs' gradients all taps go over in turn

  template <class Body>
  static void each_task(int64_t tasks, const Body& body) {
    torch::stable::parallel_for(0, tasks, 1, body);
  }

  // From one pixel to the next: an odd number of cache lines, so that pixels do not compete for the same places.
  int64_t pitch(int64_t channels) const { return (channels | 1) * tile_.samples; }
  int64_t samples(int64_t lot) const { return std::min(tile_.samples, g_.batch - lot * tile_.samples); }
  int64_t pixels_within(int64_t channels) const {
    const int64_t most = kTileBytes / int64_t(sizeof(S)) / (channels * tile_.samples);
    return std::min<int64_t>(std::max<int64_t>(most, 16), 1024);
  }
  S outside(S floor) const { return floor > 0 ? floor : 0; }

  // Thresholds or the like from channel by channel to tap by tap, within each group.
  std::vector<S> tap_by_tap(const S* threshold) const {
    std::vector<S> turned(g_.channels * taps_);
    for (int64_t c = 0; c < g_.channels; ++c) {
      const int64_t group = c / channels_;
      for (int64_t tap = 0; tap < taps_; ++tap) {
        turned[(group * taps_ + tap) * channels_ + c % channels_] = threshold[c * taps_ + tap];
      }
    }
    return turned;
  }

  // Weights in the order in which runs of outputs or channels read them, block after block of at most `most` rows: a
  // chunk of the other, tap, one of the chunk, row.
  template <class Weight>
  std::vector<S> pack(const Split& runs, int64_t most, const Split& chunks, const Weight& weight) const {
    std::vector<S> packed(g_.outputs * channels_ * taps_);
    const int64_t rows = runs.begin(runs.parts), depth = chunks.begin(chunks.parts);
    each_task(g_.groups * runs.parts * chunks.parts, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t chunk = task % chunks.parts, run = task / chunks.parts % runs.parts;
        const int64_t group = task / chunks.parts / runs.parts;
        const int64_t first = chunks.begin(chunk), last = first + chunks.size(chunk);
        const Split blocks(runs.size(run), most);
        for (int64_t block = 0; block < blocks.parts; ++block) {
          const int64_t row = runs.begin(run) + blocks.begin(block), size = blocks.size(block);
          S* to = packed.data() + ((group * rows + row) * depth + first * size) * taps_;
          for (int64_t tap = 0; tap < taps_; ++tap) {
            for (int64_t k = first; k < last; ++k) {
              for (int64_t i = 0; i < size; ++i) *to++ = weight(group, tap, k, row + i);
            }
          }
        }
      }
    });
    return packed;
  }

  // What each tap adds to each output where it sees padding: tap, output.
  std::vector<S> outside(const S* weight, const S* threshold) const {
    std::vector<S> sums(taps_ * g_.outputs);
    each_task(g_.outputs, [&](int64_t begin, int64_t end) {
      std::vector<double> of(taps_);
      for (int64_t o = begin; o < end; ++o) {
        std::fill(of.begin(), of.end(), 0.0);
        const S* const floors = threshold + o / outputs_ * channels_ * taps_;
        for (int64_t i = 0; i < channels_ * taps_; ++i) {
          of[i % taps_] += double(weight[o * channels_ * taps_ + i]) * outside(floors[i]);
        }
        for (int64_t tap = 0; tap < taps_; ++tap) sums[tap * g_.outputs + o] = static_cast<S>(of[tap]);
      }
    });
    return sums;
  }

  // Calls body(tap) for every tap that a pixel does not have.
  template <class Body>
  void each_missing(const Links& links, const Body& body) const {
    for (int64_t tap = 0, next = 0; tap < taps_; ++tap) {
      if (next < links.count && links.tap[next] == tap) {
        ++next;
      } else {
        body(tap);
      }
    }
  }

  // What a pixel's outputs are before any of its taps is added.
  void start(const Links& links, int64_t group, const S* bias, const S* unseen, S* to) const {
    for (int64_t o = group * outputs_; o < (group + 1) * outputs_; ++o, to += tile_.samples) {
      S sum = bias ? bias[o] : S(0);
      if (links.count < taps_) each_missing(links, [&](int64_t tap) { sum += unseen[tap * g_.outputs + o]; });
      std::fill_n(to, tile_.samples, sum);
    }
  }

  // A region of some channels of a lot of samples, into pixels of `pixel` elements.
  void gather(
      const S* x,
      int64_t all,
      const int64_t (&sizes)[3],
      int64_t lot,
      int64_t first,
      int64_t channels,
      const Region& region,
      S* to,
      int64_t pixel) const {
    const int64_t plane = sizes[0] * sizes[1] * sizes[2];
    each_run(region, sizes, [&](int64_t place, int64_t at, int64_t n) {
      for (int64_t c = 0; c < channels; ++c) {
        const S* const from = x + (lot * tile_.samples * all + first + c) * plane + place;
        tile_.gather(n, samples(lot), from, all * plane, to + at * pixel + c * tile_.samples, pixel, plane);
      }
    });
  }

  // The other way.
  void scatter(
      const S* from,
      int64_t pixel,
      int64_t channels,
      const Region& region,
      const int64_t (&sizes)[3],
      int64_t lot,
      int64_t first,
      int64_t all,
      S* to) const {
    const int64_t plane = sizes[0] * sizes[1] * sizes[2];
    each_run(region, sizes, [&](int64_t place, int64_t at, int64_t n) {
      for (int64_t c = 0; c < channels; ++c) {
        S* const into = to + (lot * tile_.samples * all + first + c) * plane + place;
        tile_.scatter(n, samples(lot), from + at * pixel + c * tile_.samples, pixel, into, all * plane);
      }
    });
  }

  // Pixels of all channels, turned into blocks of a few channels of all pixels.
  void regroup(const S* from, int64_t pixels, int64_t pixel_size, const Split& blocks, S* to) const {
    for (int64_t block = 0; block < blocks.parts; ++block) {
      const int64_t size = blocks.size(block) * tile_.samples;
      for (int64_t pixel = 0; pixel < pixels; ++pixel, to += size) {
        std::copy_n(from + pixel * pixel_size + blocks.begin(block) * tile_.samples, size, to);
      }
    }
  }

  // Whether the gradients of the weights are products of matrices, whose lanes are outputs.
  bool multiplies() const { return outputs_ >= 2 * panels_.lanes && outputs_ % panels_.lanes == 0; }

  // Pixels of all outputs, turned into rows of outputs, one per sample and pixel; two vectors of a row stand together.
  void turn(const S* from, int64_t pixels, int64_t pixel_size, S* to) const {
    const int64_t lanes = panels_.lanes;
    for (int64_t o = 0; o < outputs_; o += lanes) {
      const int64_t step = std::min(2 * lanes, outputs_ - o / (2 * lanes) * 2 * lanes);
      S* const pair = to + o / (2 * lanes) * 2 * lanes * pixels * tile_.samples + o % (2 * lanes);
      for (int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (int64_t i = 0; i < tile_.samples; i += lanes) {
          const S* const square = from + pixel * pixel_size + o * tile_.samples + i;
          panels_.transpose(square, tile_.samples, pair + (pixel * tile_.samples + i) * step, step);
        }
      }
    }
  }

  // Adds to the gradients of the weights of some channels: channel, tap, output.
  void multiply(
      const Pairs& pairs,
      int64_t channels,
      const S* x,
      int64_t x_pixel,
      const S* grad,
      const S* floors,
      S* sums) const {
    const int64_t lanes = panels_.lanes, most = kTerms / tile_.samples, width = (most | 1) * tile_.samples;
    const int64_t paired = outputs_ / (2 * lanes) * 2 * lanes, samples = pairs.theirs().pixels() * tile_.samples;
    const Split blocks(channels, panels_.rows);
    std::vector<S> panel(panels_.rows * width);
    std::vector<int64_t> starts;
    for (int64_t tap = 0; tap < taps_; ++tap) {
      const auto &from = pairs.from(tap), &to = pairs.to(tap);
      starts.clear();
      for (const int32_t pixel : from) starts.push_back(pixel * x_pixel);
      for (int64_t first = 0, last = 0, count = from.size(); first < count; first = last) {
        for (last = first + 1; last < count && last < first + most && to[last] == to[last - 1] + 1;) ++last;
        const int64_t depth = (last - first) * tile_.samples, place = to[first] * tile_.samples;
        for (int64_t block = 0; block < blocks.parts; ++block) {
          const int64_t c = blocks.begin(block), size = blocks.size(block);
          for (int64_t i = 0; i < size; ++i) {
            panels_.lift(
                {last - first, tile_.samples, starts.data() + first},
                x + (c + i) * tile_.samples,
                floors[tap * channels_ + c + i],
                panel.data() + i * width);
          }
          S* const into = sums + (c * taps_ + tap) * outputs_;
          const auto product = [&](int64_t o, int64_t columns, int64_t step) {
            const S* const right = grad + o * samples + place * step;
            panels_.multiply(
                {size,
                 columns,
                 depth,
                 panel.data(),
                 width,
                 right,
                 step,
                 step * samples,
                 into + o,
                 taps_ * outputs_,
                 true});
          };
          product(0, paired, 2 * lanes);
          if (paired < outputs_) product(paired, lanes, lanes);
        }
      }
    }
  }

  // The same for outputs that are too few for lanes, or leave some of them empty.
  void correlate(
      const Pairs& pairs,
      const Split& channel_blocks,
      const S* x,
      const Split& output_blocks,
      const S* grad,
      const S* floors,
      S* sums) const {
    const int64_t largest = tile_.channels * tile_.outputs * taps_ + tile_.samples;
    std::vector<S> samples(largest * tile_.samples), totals(largest);
    // What a band needs stays in the first-level cache while all taps go over it.
    const int64_t bands = Split(pairs.mine().pixels(), kPixels).parts;
    for (int64_t i = 0; i < channel_blocks.parts; ++i) {
      const int64_t c = channel_blocks.begin(i), channels = channel_blocks.size(i);
      for (int64_t j = 0; j < output_blocks.parts; ++j) {
        const int64_t o = output_blocks.begin(j), outputs = output_blocks.size(j), count = channels * outputs;
        std::fill(samples.begin(), samples.end(), S(0));
        for (int64_t band = 0; band < bands; ++band) {
          for (int64_t tap = 0; tap < taps_; ++tap) {
            const int64_t all = pairs.from(tap).size();
            const int64_t begin = all * band / bands, end = all * (band + 1) / bands;
            tile_.correlate(
                channels,
                outputs,
                {end - begin,
                 pairs.from(tap).data() + begin,
                 pairs.to(tap).data() + begin,
                 x + pairs.mine().pixels() * c * tile_.samples,
                 channels * tile_.samples,
                 grad + pairs.theirs().pixels() * o * tile_.samples,
                 outputs * tile_.samples,
                 floors + tap * channels_ + c,
                 samples.data() + tap * count * tile_.samples});
          }
        }
        tile_.fold(count * taps_, samples.data(), totals.data());
        const S* total = totals.data();
        for (int64_t tap = 0; tap < taps_; ++tap) {
          for (int64_t at = o; at < o + outputs; ++at) {
            for (int64_t k = c; k < c + channels; ++k) sums[(k * taps_ + tap) * outputs_ + at] += *total++;
          }
        }
      }
    }
  }

  // Adds the shares up, in their order, and what the taps see of padding.
  void collect(
      const std::vector<double>& unseen,
      const S* weights,
      int64_t shares,
      const S* threshold,
      S* grad_weight) const {
    const int64_t row = taps_ * outputs_;
    each_task(g_.channels, [&](int64_t begin, int64_t end) {
      std::vector<S> sums(row);
      for (int64_t c = begin; c < end; ++c) {
        std::fill(sums.begin(), sums.end(), S(0));
        for (int64_t share = 0; share < shares; ++share) {
          const S* const from = weights + (share * g_.channels + c) * row;
          for (int64_t at = 0; at < row; ++at) sums[at] += from[at];
        }
        for (int64_t o = 0; o < outputs_; ++o) {
          const int64_t output = c / channels_ * outputs_ + o;
          S* const to = grad_weight + (output * channels_ + c % channels_) * taps_;
          for (int64_t tap = 0; tap < taps_; ++tap) {
            const double padding = unseen[tap * g_.outputs + output] * outside(threshold[c * taps_ + tap]);
            to[tap] = sums[tap * outputs_ + o] + static_cast<S>(padding);
          }
        }
      }
    });
  }

  // The same for the gradients of the thresholds, of whose shares each lane has its own.
  void collect_caught(
      const std::vector<double>& unseen,
      const S* caught,
      int64_t shares,
      const S* weight,
      const S* threshold,
      S* grad_threshold) const {
    each_task(g_.channels, [&](int64_t begin, int64_t end) {
      std::vector<double> padding(taps_);
      for (int64_t c = begin; c < end; ++c) {
        const int64_t group = c / channels_;
        std::fill(padding.begin(), padding.end(), 0.0);
        for (int64_t o = group * outputs_; o < (group + 1) * outputs_; ++o) {
          const S* const from = weight + (o * channels_ + c % channels_) * taps_;
          for (int64_t tap = 0; tap < taps_; ++tap) padding[tap] += unseen[tap * g_.outputs + o] * from[tap];
        }
        for (int64_t tap = 0; tap < taps_; ++tap) {
          double sum = threshold[c * taps_ + tap] >= 0 ? padding[tap] : 0;
          for (int64_t share = 0; share < shares; ++share) {
            const int64_t row = ((share * g_.groups + group) * taps_ + tap) * channels_ + c % channels_;
            for (int64_t i = 0; i < tile_.samples; ++i) sum += caught[row * tile_.samples + i];
          }
          grad_threshold[c * taps_ + tap] = static_cast<S>(sum);
        }
      }
    });
  }

  // The gradient of the bias; returns, per tap and output, the sum of the gradients of pixels whose tap sees padding.
  std::vector<double> outside(const S* grad, S* grad_bias) const {
    const Boxes boxes(1, g_.out, kPixels, 1);
    std::vector<std::vector<int64_t>> missing(taps_);
    for (int64_t box = 0, first = 0; box < boxes.count(); ++box) {
      const Pairs pairs = Pairs::seen(g_, boxes[box]);
      for (int64_t pixel = 0; pixel < pairs.mine().pixels(); ++pixel, ++first) {
        each_missing(pairs.links(pixel), [&](int64_t tap) { missing[tap].push_back(first); });
      }
    }
    std::vector<double> sums(taps_ * g_.outputs, 0.0);
    each_task(g_.outputs, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        double total = 0;
        for (int64_t n = 0; n < g_.batch; ++n) {
          const S* const plane = grad + (n * g_.outputs + o) * g_.pixels();
          total += tile_.total(g_.pixels(), plane);
          for (int64_t tap = 0; tap < taps_; ++tap) {
            for (const int64_t pixel : missing[tap]) sums[tap * g_.outputs + o] += plane[pixel];
          }
        }
        grad_bias[o] = static_cast<S>(total);
      }
    });
    return sums;
  }

  const Geometry& g_;
  const SampleTile<S>& tile_;
  const Convolution<S>& panels_;
  int64_t channels_, outputs_;  // of a group
  int64_t taps_;
  int64_t lots_;  // of samples that fill the lanes
};

}  // namespace rectifiers
