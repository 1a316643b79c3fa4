// A slope drawn at random for every element below zero: the blocks, compiled once per instruction set.
//
// Philox4x32-10 (Salmon et al., 2011) makes numbers of a counter and a key, so that any element's can be had at any time, by
// any thread, and again for the derivative. Sixteen counters, side by side in lanes, make the numbers of 64 elements: the
// first words those of the first sixteen, and so on.
#pragma once

#include "block.h"

namespace {

using rectifiers::Draw;

constexpr int64_t kWords = 4, kCounters = 16, kDrawn = kWords * kCounters;

inline void philox(uint64_t seed, uint64_t counter, uint32_t (&words)[kWords][kCounters]) {
#pragma omp simd
  for (int64_t lane = 0; lane < kCounters; ++lane) {
    const uint64_t count = counter + lane;
    uint32_t a = static_cast<uint32_t>(count), b = static_cast<uint32_t>(count >> 32), c = 0, d = 0;
    uint32_t first = static_cast<uint32_t>(seed), second = static_cast<uint32_t>(seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const uint64_t left = uint64_t(0xD2511F53u) * a, right = uint64_t(0xCD9E8D57u) * c;
      a = static_cast<uint32_t>(right >> 32) ^ b ^ first;
      b = static_cast<uint32_t>(right);
      c = static_cast<uint32_t>(left >> 32) ^ d ^ second;
      d = static_cast<uint32_t>(left);
      first += 0x9E3779B9u;
      second += 0xBB67AE85u;
    }
    words[0][lane] = a;
    words[1][lane] = b;
    words[2][lane] = c;
    words[3][lane] = d;
  }
}

// Multiplies what is below zero where `sign` is by the slopes of the elements from `begin` on, a multiple of kDrawn.
template <class S>
void draw_slopes(int64_t begin, int64_t n, const S* sign, const S* from, S* to, const Draw& draw) {
  const S lower = static_cast<S>(draw.lower), width = static_cast<S>((draw.upper - draw.lower) / (1 << 24));
  for (int64_t at = 0; at < n; at += kDrawn) {
    uint32_t words[kWords][kCounters];
    philox(draw.seed, static_cast<uint64_t>(begin + at) / kWords, words);
    const uint32_t* const drawn = &words[0][0];
    const auto apply = [&](int64_t i) {
      // 24 bits: as many as a float tells apart below 1.
      const S slope = lower + width * static_cast<S>(static_cast<int32_t>(drawn[i] >> 8));
      to[at + i] = from[at + i] * (sign[at + i] < 0 ? slope : 1);
    };
    if (n - at >= kDrawn) {
#pragma omp simd
      for (int64_t i = 0; i < kDrawn; ++i) apply(i);
    } else {
      for (int64_t i = 0; i < n - at; ++i) apply(i);
    }
  }
}

}  // namespace
