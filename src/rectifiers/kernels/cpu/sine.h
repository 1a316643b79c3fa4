// Sine and cosine together: vectorised float for |t| up to kNear, the C library's beyond and for double.
#pragma once

#include <math.h>

#include <cstdint>

namespace {

constexpr double kNear = 1e5;

template <class S>
struct SineCosine {
  S sine, cosine;
};

// The argument is a double: the product of two floats is exact in it, and taking multiples of π/2 away costs 1e-11 at
// most. What is left, in [−π/4, π/4], goes to polynomials fitted in the largest relative error, 4e-9.
inline SineCosine<float> near_sine_cosine(double t) {
  // Adding and subtracting 3·2^51 rounds to the nearest whole number without an instruction that SSE2 lacks.
  constexpr double round = 6755399441055744.0, half_pi = 1.5707963267948966;
  const double turns = (t * (1 / half_pi) + round) - round;
  const int32_t quadrant = static_cast<int32_t>(turns);
  const float r = static_cast<float>(t - turns * half_pi), z = r * r;
  const float s = r + r * z * (-0.16666655f + z * (0.008332178f + z * -0.00019517266f));
  const float c = 1 - 0.5f * z + z * z * (0.041666646f + z * (-0.0013887368f + z * 2.4438414e-05f));
  const bool swap = quadrant & 1;
  const float sine = swap ? c : s, cosine = swap ? s : c;
  return {quadrant & 2 ? -sine : sine, (quadrant + 1) & 2 ? -cosine : cosine};
}

inline SineCosine<float> far_sine_cosine(double t) {
  return {static_cast<float>(::sin(t)), static_cast<float>(::cos(t))};
}

inline SineCosine<double> far_sine_cosine_double(double t) { return {::sin(t), ::cos(t)}; }

}  // namespace
