// x times a gate that opens with x, SiLU and GELU, and the derivative from the output.
//
// Both functions fall to one minimum, at (x₀, y₀), and rise from there. So t = ±√(y − y₀) with the sign of x − x₀ says where
// the input was, and the derivative is a smooth function of t. Right of the minimum it is a quotient of two polynomials; left of
// it such a quotient times y, which takes care of the long tail. Fitted in the largest error: 2e-7 on the right, 2e-6 (SiLU) and
// 1e-5 (GELU) on the left. The side takes a byte per element, and next to the minimum, where y has no digits left for t, the
// byte says where the input was.
#pragma once

#include "exponential.h"
#include "pointwise.h"

namespace {

constexpr float kNearMinimum = 0.006f;         // distances of x from x₀ that the byte itself tells
constexpr float kSteps = 127 / kNearMinimum;   // bytes per unit there
constexpr uint8_t kLeft = 0, kRight = 255;
// Beyond it, an element is taken for it: the gate stays where a float has no smaller numbers, and a product with more than
// this would come back from zero.
constexpr float kFarthest = -1e4f;

template <int degree>
float polynomial(const float (&c)[degree], float u) {
  float sum = c[degree - 1];
#pragma GCC unroll 16
  for (int k = degree - 2; k >= 0; --k) sum = sum * u + c[k];
  return sum;
}

struct Silu {
  static constexpr float minimum = -1.278464542761074f, least = -0.27846454276107385f, curvature = 0.2178117057198f;
  static constexpr float bend = 0.146648796996947f;
  static constexpr float farthest_left = 0.5276973961040945f, farthest_right = 4.27533206530457f;
  static constexpr float left_over[] = {0.476090318f, -0.33691807f, -0.517730768f, 0.33810293f, 0.0428396274f};
  static constexpr float left_under[] = {1.0f, -1.50228732f, 0.23353281f, 0.270695299f, 0.000697255354f};
  static constexpr float right_over[] = {1.04207319f, 2.07207862f, 5.24963754f, 5.84621231f, 1.51611873f,
                                         -1.39331996f, -3.65191636f, -2.82655843f, -0.457500655f};
  static constexpr float right_under[] = {1.0f, 2.22587259f, 5.20350308f, 5.26174396f, 2.61190445f,
                                          -2.01697663f, -3.8748804f, -2.43349627f, -0.580849033f};

  static float gate(float x) {
    const float small = exp_below(x > 0 ? -x : x);
    return (x > 0 ? 1 : small) / (1 + small);
  }
};

struct Gelu {
  static constexpr float minimum = -0.7517915246935645f, least = -0.16997120747990369f, curvature = 0.431493992314047f;
  static constexpr float bend = 0.388284982990552f;
  static constexpr float farthest_left = 0.41227564501307257f, farthest_right = 2.381170112158581f;
  static constexpr float left_over[] = {0.982520939f, -0.920944958f, -0.833125641f, 0.830312273f, -0.12475563f,
                                        0.074436066f, -0.040455337f, 0.0166376475f, 0.0164650742f};
  static constexpr float left_under[] = {1.0f, -1.92882635f, 0.929092484f};
  static constexpr float right_over[] = {1.12838547f, -2.58327975f, 2.72782206f, 2.174564f, -4.47025963f,
                                         2.73652484f, 1.03964226f, -1.67715677f, 0.225062164f};
  static constexpr float right_under[] = {1.0f, -2.3371426f, 3.78823415f, -2.04601605f, 0.979389858f,
                                          0.520932705f, -0.287657743f, -0.129818379f, -0.186618198f};
  // exp(z²/2)·Φ(−z) for z from 0 to 14.
  static constexpr float tail_over[] = {0.500000003f, 0.437244792f, 0.182457349f, 0.0403710579f, 0.00407739204f};
  static constexpr float tail_under[] = {1.0f, 1.67237454f, 1.199272f, 0.467417283f, 0.101202047f, 0.0102203774f};

  static float gate(float x) {
    const float z = x > 0 ? x : -x, within = z > 14 ? 14 : z;
    const float tail = exp_below(-0.5f * within * within) * polynomial(tail_over, within) / polynomial(tail_under, within);
    return x > 0 ? 1 - tail : tail;
  }
};

template <class Gate>
void gate_forward(int64_t n, const float* x, float* y, uint8_t* side) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float from = x[i] - Gate::minimum;
    const bool near = from < kNearMinimum && from > -kNearMinimum;
    y[i] = (x[i] < kFarthest ? kFarthest : x[i]) * Gate::gate(x[i]);
    const int32_t step = static_cast<int32_t>((near ? from : 0.0f) * kSteps + 128);
    side[i] = static_cast<uint8_t>(near ? step : from < 0 ? kLeft : kRight);
  }
}

template <class Gate>
float gate_slope(float y, int32_t side) {
  const float above = y - Gate::least, root = __builtin_sqrtf(above < 0 ? 0 : above);
  // Both sides as fractions of −1 to 1, of what was fitted.
  const float u = (root > Gate::farthest_right ? Gate::farthest_right : root) * (2 / Gate::farthest_right) - 1;
  const float v = (root > Gate::farthest_left ? Gate::farthest_left : root) * (2 / Gate::farthest_left) - 1;
  const bool left = side == kLeft;
  const float over = left ? y * polynomial(Gate::left_over, v) : polynomial(Gate::right_over, u);
  const float under = left ? polynomial(Gate::left_under, v) : polynomial(Gate::right_under, u);
  const float from = (static_cast<float>(side) - 127.5f) * (1 / kSteps);
  return left || side == kRight ? over / under : from * (Gate::curvature + from * Gate::bend);
}

template <class Gate>
void gate_backward(int64_t n, const float* grad, const float* y, const uint8_t* side, float* grad_x) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) grad_x[i] = grad[i] * gate_slope<Gate>(y[i], side[i]);
}

template <class Gate>
constexpr rectifiers::Gated gated() {
  return {gate_forward<Gate>, gate_backward<Gate>};
}

}  // namespace
