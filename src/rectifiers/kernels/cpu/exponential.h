// exp(x) and exp(x) − 1 for x up to 0: vectorised for float, the C library's for double.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

namespace {

// 2^k for whole numbers that a float's exponent holds.
inline float power_of_two(int32_t k) {
  const uint32_t bits = static_cast<uint32_t>(k + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}

// exp(x) = power·(1 + rest).
struct Exponential {
  float power, rest;
};

// A multiple of log 2 is taken away, and a polynomial of what is left, fitted in the largest relative error, does the rest.
// A NaN passes.
inline Exponential exponential(float t) {
  // Adding and subtracting 3·2^22 rounds to the nearest whole number without an instruction that SSE2 lacks.
  constexpr float round = 12582912.0f;
  constexpr float high = 0.693359375f, low = -2.12194440e-4f;  // of log 2; products of k and `high` are exact
  const float k = (t * 1.44269504f + round) - round;
  const float r = (t - k * high) - k * low;
  const float rest = r + r * r * (0.49999998f + r * (0.16666539f + r * (0.04166722f + r * (0.00836718f + r * 0.00138824f))));
  return {power_of_two(static_cast<int32_t>(k)), rest};
}

// Below -20 the result rounds to -1.
inline float expm1_below(float x) {
  const Exponential e = exponential(x < -20.0f ? -20.0f : x);
  return e.power * e.rest + (e.power - 1);
}

// Below -87 a float has fewer digits, and the result stays where it is.
inline float exp_below(float x) {
  const Exponential e = exponential(x < -87.0f ? -87.0f : x);
  return e.power * e.rest + e.power;
}

inline double expm1_below(double x) { return ::expm1(x); }

}  // namespace
