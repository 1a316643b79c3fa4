// Sine and cosine together: vectorised float for |t| up to kNear, the C library's beyond and for double.
#pragma once

#include <math.h>

#include <cstdint>

namespace {

constexpr float kNear = 2e4f;
constexpr bool kFused = RECTIFIERS_VECTOR_BYTES > 16;  // products and sums are fused by one instruction

template <class S>
struct SineCosine {
  S sine, cosine;
};

inline int32_t bits(float value) {
  int32_t result;
  __builtin_memcpy(&result, &value, sizeof(result));
  return result;
}

inline float with_bits(uint32_t bits) {
  float result;
  __builtin_memcpy(&result, &bits, sizeof(result));
  return result;
}

// The argument t = x·β less the multiple of π nearest to it. The product and the subtraction leave no more than two
// roundings behind: what a float cannot hold of t comes from a fused product, or everything is done in double.
inline float rest_of_half_turns(float x, float beta, float rounded, float turns) {
  constexpr double pi = 3.141592653589793;
  if constexpr (kFused) {
    constexpr float high = static_cast<float>(pi), low = static_cast<float>(pi - high);
    const float left = __builtin_fmaf(x, beta, -rounded);
    return __builtin_fmaf(-turns, high, rounded) + __builtin_fmaf(-turns, low, left);
  } else {
    const double t = static_cast<double>(x) * static_cast<double>(beta);
    return static_cast<float>(t - static_cast<double>(turns) * pi);
  }
}

// Of x·β, up to kNear. Polynomials fitted over a little more than ±π/2 in the largest error, 2e-8, do the rest.
inline SineCosine<float> near_sine_cosine(float x, float beta) {
  // Adding and subtracting 3·2^22 rounds to the nearest whole number without an instruction that SSE2 lacks.
  constexpr float round = 12582912.0f;
  constexpr float per_half_turn = 0.3183098861837907f;
  const float t = x * beta, shifted = t * per_half_turn + round, turns = shifted - round;
  const float r = rest_of_half_turns(x, beta, t, turns), z = r * r;
  const float s = r + r * z * (-0.1666666f + z * (0.0083330628f + z * (-0.00019809358f + z * 2.605209e-06f)));
  const float c = 1 + z * (-0.5f + z * (0.04166664f + z * (-0.0013888398f + z * (2.4761588e-05f + z * -2.6071589e-07f))));
  // The last bit of what was rounded tells odd turns, which change the sign.
  const uint32_t sign = static_cast<uint32_t>(bits(shifted)) << 31;
  return {with_bits(bits(s) ^ sign), with_bits(bits(c) ^ sign)};
}

template <class S>
SineCosine<S> far_sine_cosine(double t) {
  return {static_cast<S>(::sin(t)), static_cast<S>(::cos(t))};
}

}  // namespace
