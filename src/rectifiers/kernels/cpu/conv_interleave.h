// Between (sample, channel, pixel) of a tensor and (pixel, channel, sample) of the sample path.
#pragma once

#include "conv_pixel_blocks.h"
#include "conv_vector.h"

namespace {

// Copies n elements, and fetches as many of what is needed `soon`. A loop without the fetching would turn into a string
// instruction, which takes longer to start than a row to be copied.
template <class S>
void copy(int64_t n, const S* from, S* to, const S* soon) {
  constexpr int lanes = Vector<S>::lanes;
  int64_t at = 0;
  for (; at + lanes <= n; at += lanes) {
    __builtin_prefetch(soon + at);
    store<S>(to + at, load<S>(from + at));
  }
  for (; at < n; ++at) to[at] = from[at];
}

// How many samples ahead of a copy memory is fetched.
constexpr int kSoon = 4;

// Samples stand so far apart, often by a power of two, that reading all of them abreast would drive their lines out of
// the cache before the next elements are read. They are copied here one after the other, and turned from here.
template <class S>
struct Stage {
  static constexpr int64_t length = 128, pitch = length + 64 / sizeof(S);
  S rows[kSamples<S> * pitch];

  // Calls turn(first element, first lane) for its squares of vectors; the last one may overlap the one before.
  template <class Turn>
  static void each_square(int64_t n, const Turn& turn) {
    constexpr int lanes = Vector<S>::lanes;
    for (int64_t at = 0; at < n; at += lanes) {
      const int64_t first = at + lanes <= n ? at : n - lanes;
      for (int lane = 0; lane < kSamples<S>; lane += lanes) turn(first, lane);
    }
  }
};

// Puts n elements of several samples side by side; lanes without a sample get zeros. What is read after the last
// element stands `next` behind the first.
template <class S>
void interleave(int64_t n, int64_t samples, const S* from, int64_t stride, S* to, int64_t pitch, int64_t next) {
  Stage<S> stage;
  for (int64_t size; n > 0; n -= size, from += size, to += size * pitch) {
    size = n < stage.length ? n : stage.length;
    for (int64_t i = 0; i < kSamples<S>; ++i) {
      S* const row = stage.rows + i * stage.pitch;
      const S* const soon = from + (i + kSoon) % kSamples<S> * stride + (i + kSoon < kSamples<S> ? 0 : next);
      if (i < samples) {
        copy(size, from + i * stride, row, soon);
      } else {
        for (int64_t at = 0; at < size; ++at) row[at] = S(0);
      }
    }
    if (size >= Vector<S>::lanes) {
      stage.each_square(size, [&](int64_t at, int lane) {
        transpose(stage.rows + lane * stage.pitch + at, stage.pitch, to + at * pitch + lane, pitch);
      });
    } else {
      for (int64_t at = 0; at < size; ++at) {
        for (int i = 0; i < kSamples<S>; ++i) to[at * pitch + i] = stage.rows[i * stage.pitch + at];
      }
    }
  }
}

// Takes n elements of several samples apart again.
template <class S>
void deinterleave(int64_t n, int64_t samples, const S* from, int64_t pitch, S* to, int64_t stride) {
  Stage<S> stage;
  for (int64_t size; n > 0; n -= size, to += size, from += size * pitch) {
    size = n < stage.length ? n : stage.length;
    if (size >= Vector<S>::lanes) {
      stage.each_square(size, [&](int64_t at, int lane) {
        transpose(from + at * pitch + lane, pitch, stage.rows + lane * stage.pitch + at, stage.pitch);
      });
    } else {
      for (int64_t at = 0; at < size; ++at) {
        for (int i = 0; i < kSamples<S>; ++i) stage.rows[i * stage.pitch + at] = from[at * pitch + i];
      }
    }
    for (int64_t i = 0; i < samples; ++i) {
      const S* const soon = to + (i + kSoon) % samples * stride + (i + kSoon < samples ? 0 : size);
      copy(size, stage.rows + i * stage.pitch, to + i * stride, soon);
    }
  }
}

}  // namespace
