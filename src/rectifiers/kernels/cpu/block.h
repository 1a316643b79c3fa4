// The border between the driver, compiled once, and the formulas, compiled once per instruction set.
//
// The driver cuts a tensor into blocks; a formula maps one block. Nothing here may turn into a function of its own:
// the linker would keep one copy of it, compiled for an instruction set that the machine may lack.
#pragma once

#include <cstdint>

#include "conv_border.h"

namespace rectifiers {

// Elements per block where it is widened to float in buffers, or where coefficients vary over it.
constexpr int64_t kBlock = 4096;

// Coefficients of a block, or the sums of their gradients: one row per coefficient. A row is a single value in a
// uniform block, and one value per element in a varying block. Sums are double: the summands are as exact as float
// makes them, and adding many millions of them costs no more.
template <class S>
struct Rows {
  S* data;
  int64_t stride;
};

// How many rows belong to the first and to the second parameter.
struct Counts {
  int64_t first;
  int64_t second;
};

template <class S>
using Forward = void (*)(int64_t n, const S* x, S* y, Rows<const S> coefficients, Counts counts);

// `saved` is what the forward pass kept; `sums` grow by the block's share of the coefficients' gradients.
template <class S>
using Backward = void (*)(
    int64_t n, const S* grad, const S* saved, S* grad_x, Rows<const S> coefficients, Rows<double> sums, Counts counts);

enum Kind { kUniform, kVarying };

template <class S>
struct Stem {
  Forward<S> forward[2];
  Backward<S> backward[2];
};

template <class S>
struct Phases {
  void (*forward)(int64_t n, const S* x, S* positive, S* negative);
  void (*backward)(
      int64_t n, const S* grad_positive, const S* grad_negative, const S* positive, const S* negative, S* grad_x);
};

template <class S>
struct Stems {
  Stem<S> two_slopes, threshold, wave, wave_below, hinges, rational_a, rational_b;
  Phases<S> crelu;
  Convolution<S> convolution;
  SampleTile<S> samples;
};

// Half-precision storage: 16 bits in memory, float in the formulas.
struct Half {
  void (*widen)(int64_t n, const uint16_t* from, float* to);
  void (*narrow)(int64_t n, const float* from, uint16_t* to);
};

struct Kernels {
  Stems<float> single;
  Stems<double> twice;
  Half bfloat16, float16;
};

// The best that the processor has.
const Kernels& best_kernels();
const Kernels& baseline_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

}  // namespace rectifiers
