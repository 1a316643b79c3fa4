// Sine and cosine together: vectorised float for |t| up to kNear, the C library's beyond and for double.
#pragma once

#include <math.h>

#include <cstdint>

namespace {

constexpr float kNear = 2e4f;

template <class S>
struct SineCosine {
  S sine, cosine;
};

// The argument as a double, for the product of two floats is exact in it, and rounded to a float. Taking multiples of
// π/2 away in double costs 1e-11 at most; which multiple may be decided in float, at the price of leaving up to 0.8
// instead of π/4. Polynomials fitted over that in the largest relative error, 4e-9, do the rest.
inline SineCosine<float> near_sine_cosine(double t, float rounded) {
  // Adding and subtracting 3·2^22 rounds to the nearest whole number without an instruction that SSE2 lacks.
  constexpr float round = 12582912.0f;
  constexpr double half_pi = 1.5707963267948966;
  const float turns = (rounded * static_cast<float>(1 / half_pi) + round) - round;
  const int32_t quadrant = static_cast<int32_t>(turns);
  const float r = static_cast<float>(t - static_cast<double>(turns) * half_pi), z = r * r;
  const float s = r + r * z * (-0.16666654f + z * (0.00833209f + z * -0.00019505239f));
  const float c = 1 - 0.5f * z + z * z * (0.041666646f + z * (-0.0013887251f + z * 2.4424922e-05f));
  const bool swap = quadrant & 1;
  const float sine = swap ? c : s, cosine = swap ? s : c;
  return {quadrant & 2 ? -sine : sine, (quadrant + 1) & 2 ? -cosine : cosine};
}

inline SineCosine<float> far_sine_cosine(double t) {
  return {static_cast<float>(::sin(t)), static_cast<float>(::cos(t))};
}

inline SineCosine<double> far_sine_cosine_double(double t) { return {::sin(t), ::cos(t)}; }

}  // namespace
