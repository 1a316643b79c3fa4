// What the passes of the sample path share: blocks of samples, the layout of pixels, and the packing of weights.
//
// N batch, K taps, V samples side by side. A block of V samples of some channels of a region stands in memory as
//
//     pixel 0: channel 0: v v … v   channel 1: v v … v   …   (a gap, if channels are even)
//     pixel 1: channel 0: v v … v   …
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "conv_border.h"
#include "conv_geometry.h"
#include "conv_pixel_pairs.h"
#include "conv_tasks.h"

namespace rectifiers {

constexpr int64_t kSampleTerms = 160;  // products that are summed up before others are added

// A tensor N × channels × image, or with the channels of a pixel side by side.
template <class T>
struct Images {
  T* data;
  int64_t channels;
  const int64_t (&sizes)[3];
  bool channels_last = false;

  int64_t pixels() const { return sizes[0] * sizes[1] * sizes[2]; }
};

// Some channels of a block of samples.
struct Part {
  int64_t sample_block, first_channel, channels;
};

template <class S>
struct SamplePlan {
  SamplePlan(const Geometry& g, const SampleTile<S>& kernels)
      : g(g),
        kernels(kernels),
        channels(g.channels_per_group()),
        outputs(g.outputs_per_group()),
        taps(g.taps()),
        sample_blocks((g.batch + kernels.samples - 1) / kernels.samples) {}

  const Geometry& g;
  const SampleTile<S>& kernels;
  int64_t channels, outputs;  // of a group
  int64_t taps;
  int64_t sample_blocks;

  // From pixel to pixel: an odd number of cache lines, so that pixels do not compete for the same places.
  int64_t pitch(int64_t channels) const { return (channels | 1) * kernels.samples; }

  // Pixels of a tile that has so many channels of input and output.
  int64_t tile_pixels(int64_t channels) const {
    constexpr int64_t kTileBytes = 2 << 20;  // what a task goes over again and again
    const int64_t most = kTileBytes / int64_t(sizeof(S)) / (channels * kernels.samples);
    return std::min<int64_t>(std::max<int64_t>(most, 16), 1024);
  }

  // A part of a tensor into the layout above.
  void interleave(const Images<const S>& from, const Part& part, const Region& region, S* to, int64_t pitch) const {
    each_run(from, part, region, [&](const S* x, int64_t pixel, int64_t c, int64_t n) {
      S* const into = to + pixel * pitch + c * kernels.samples;
      const int64_t from_one = from.channels_last ? kernels.samples : pitch;
      const int64_t next = from.channels_last ? from.channels : from.pixels();
      kernels.interleave(n, samples(part), x, from.channels * from.pixels(), into, from_one, next);
    });
  }

  // And back again.
  void deinterleave(const S* from, int64_t pitch, const Part& part, const Region& region, const Images<S>& to) const {
    each_run(to, part, region, [&](S* x, int64_t pixel, int64_t c, int64_t n) {
      const S* const of = from + pixel * pitch + c * kernels.samples;
      const int64_t from_one = to.channels_last ? kernels.samples : pitch;
      kernels.deinterleave(n, samples(part), of, from_one, x, to.channels * to.pixels());
    });
  }

  // Thresholds (C × K) as group, tap, channel.
  std::vector<S> tap_major(const S* threshold) const {
    std::vector<S> turned(g.channels * taps);
    for (int64_t c = 0; c < g.channels; ++c) {
      const int64_t group = c / channels;
      for (int64_t tap = 0; tap < taps; ++tap) {
        turned[(group * taps + tap) * channels + c % channels] = threshold[c * taps + tap];
      }
    }
    return turned;
  }

  // Weights in the order in which register blocks read them. Rows, which go into register blocks of at most `most`, are
  // outputs forward and channels backward; the depth, over which is summed, is the other. `rows` and `depth` say how
  // they are split among tasks or chunks. Order: group, register block, chunk of the depth, tap, one of the depth, row.
  template <class Weight>
  std::vector<S> pack(const Split& rows, int64_t most, const Split& depth, const Weight& weight) const {
    std::vector<S> packed(g.outputs * channels * taps);
    const int64_t all_rows = rows.begin(rows.parts), all_depth = depth.begin(depth.parts);
    for_tasks(g.groups * rows.parts * depth.parts, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t chunk = task % depth.parts, part = task / depth.parts % rows.parts;
        const int64_t group = task / depth.parts / rows.parts;
        const int64_t first = depth.begin(chunk), last = first + depth.size(chunk);
        const Split blocks(rows.size(part), most);
        for (int64_t block = 0; block < blocks.parts; ++block) {
          const int64_t row = rows.begin(part) + blocks.begin(block), size = blocks.size(block);
          S* to = packed.data() + ((group * all_rows + row) * all_depth + first * size) * taps;
          for (int64_t tap = 0; tap < taps; ++tap) {
            for (int64_t k = first; k < last; ++k) {
              for (int64_t i = 0; i < size; ++i) *to++ = weight(group, tap, k, row + i);
            }
          }
        }
      }
    });
    return packed;
  }

  // The place of a weight in the caller's order.
  int64_t weight_at(int64_t group, int64_t output, int64_t channel, int64_t tap) const {
    return ((group * outputs + output) * channels + channel) * taps + tap;
  }

 private:
  int64_t samples(const Part& part) const {
    return std::min(kernels.samples, g.batch - part.sample_block * kernels.samples);
  }

  // Calls body(where in the tensor, pixel of the region, channel of the part, n) for every piece of memory: n pixels of a
  // channel, or all channels of a pixel.
  template <class T, class Body>
  void each_run(const Images<T>& images, const Part& part, const Region& region, const Body& body) const {
    const int64_t plane = images.pixels();
    T* const sample = images.data + part.sample_block * kernels.samples * images.channels * plane;
    T* const first = sample + part.first_channel * (images.channels_last ? 1 : plane);
    region.each_run(images.sizes, [&](int64_t in_image, int64_t in_region, int64_t n) {
      if (images.channels_last) {
        for (int64_t i = 0; i < n; ++i) {
          body(first + (in_image + i) * images.channels, in_region + i, int64_t(0), part.channels);
        }
        return;
      }
      for (int64_t c = 0; c < part.channels; ++c) body(first + c * plane + in_image, in_region, c, n);
    });
  }
};

}  // namespace rectifiers
