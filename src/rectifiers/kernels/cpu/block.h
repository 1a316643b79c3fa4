// The border between the driver, compiled once, and the formulas, compiled once per instruction set.
//
// The driver cuts a tensor into blocks; a formula maps one block. A block's axes: n elements; its coefficients and the sums
// of their gradients are rows × columns, a row per coefficient, a column for the whole block or one per element. Nothing here may turn into a function of its own:
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

// A formula with an output per element.
template <class S>
struct Elementwise {
  Forward<S> forward[2];  // by Kind
  Backward<S> backward[2];
};

// A formula with two outputs per element, its phases.
template <class S>
struct Doubling {
  void (*forward)(int64_t n, const S* x, S* positive, S* negative);
  void (*backward)(
      int64_t n, const S* grad_positive, const S* grad_negative, const S* positive, const S* negative, S* grad_x);
};

// All formulas in one precision; a formula whose operator takes an option has as many variants as that has values.
template <class S>
struct Formulas {
#define VARIANT(code, ...) +1
#define FORMULA(name, parameters, option, traits, variants) Elementwise<S> name[0 variants];
#define DOUBLING(name, ...) Doubling<S> name;
#include "formulas.def"
  Convolution<S> convolution;
  SampleTile<S> samples;
};

// Half-precision storage: 16 bits in memory, float in the formulas.
struct Half {
  void (*widen)(int64_t n, const uint16_t* from, float* to);
  void (*narrow)(int64_t n, const float* from, uint16_t* to);
};

struct Kernels {
  Formulas<float> single;
  Formulas<double> twice;
  Half bfloat16, float16;
};

// Those for the best that the processor has; see isa.cpp.
const Kernels& best_kernels();
const Kernels& baseline_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

}  // namespace rectifiers
