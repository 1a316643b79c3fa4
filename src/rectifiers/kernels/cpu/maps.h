// What makes a coefficient of a parameter's value.
#pragma once

#include <cmath>

namespace rectifiers {

// The coefficient of a value, and its derivative.
struct Map {
  double (*value)(double);
  double (*derivative)(double);
};

constexpr Map kIdentity = {[](double v) { return v; }, [](double) { return 1.0; }};
constexpr Map kAbsolute = {
    [](double v) { return std::fabs(v); },
    [](double v) { return v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0; },
};
// The bounds are those of kernels/two_slopes.py, which a test compares with these, and are compared as float32 rounds
// them, as there. No gradient outside; a NaN passes.
constexpr Map kClamp = {
    [](double v) { return static_cast<float>(v) < 0.01f ? 0.01 : static_cast<float>(v) > 0.99f ? 0.99 : v; },
    [](double v) { return static_cast<float>(v) >= 0.01f && static_cast<float>(v) <= 0.99f ? 1.0 : 0.0; },
};
constexpr Map kSigmoid = {
    [](double v) { return 1 / (1 + std::exp(-v)); },
    [](double v) {
      const double s = 1 / (1 + std::exp(-v));
      return s * (1 - s);
    },
};
constexpr Map kOnePlusSigmoid = {[](double v) { return 1 + kSigmoid.value(v); }, kSigmoid.derivative};
// As PyTorch's: the identity from 20 on.
constexpr Map kSoftplus = {
    [](double v) { return v > 20 ? v : std::log1p(std::exp(v)); },
    [](double v) { return v > 20 ? 1.0 : kSigmoid.value(v); },
};
constexpr Map kHalfPlusSoftplus = {[](double v) { return 0.5 + kSoftplus.value(v); }, kSoftplus.derivative};

// Of a parameter: how its values become coefficients, and whether its first axis counts them.
struct Coefficients {
  const Map& map;
  bool listed;
};

constexpr Coefficients single(const Map& map) { return {map, false}; }
constexpr Coefficients listed(const Map& map) { return {map, true}; }

}  // namespace rectifiers
