// The border between the driver, compiled once, and the formulas, compiled once per instruction set.
//
// The driver cuts a tensor into blocks; a formula maps one block. A block's axes: n elements; its coefficients and the sums
// of their gradients are rows × columns, a row per coefficient, a column for the whole block or one per element. Nothing
// here may turn into a function of its own: the linker would keep one copy of it, compiled for an instruction set that
// the machine may lack.
#pragma once

#include <cstdint>
#include <type_traits>

#include "conv_border.h"
#include "pooled_conv_kernels.h"

namespace rectifiers {

// Elements per block where it is widened to float in buffers, or where coefficients vary over it.
constexpr int64_t kBlock = 4096;

constexpr int64_t kMostRows = 512;  // coefficients per unit

// Coefficients of a block, or the sums of their gradients: one row per coefficient. A row is a single value in a
// uniform block, and one value per element in a varying block.
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

// What sums of the coefficients' gradients grow in. Those of a uniform block are double. A column of a varying block has
// few elements, which are added in S; the driver adds the rest in double.
template <class S, bool varying>
using Sum = std::conditional_t<varying, S, double>;

// `saved` is what the forward pass kept; `sums` grow by the block's share of the coefficients' gradients.
template <class S, bool varying>
using Backward = void (*)(
    int64_t n,
    const S* grad,
    const S* saved,
    S* grad_x,
    Rows<const S> coefficients,
    Rows<Sum<S, varying>> sums,
    Counts counts);

// The same for kTogether varying blocks, `period` elements apart, that share coefficients and sums.
constexpr int64_t kTogether = 4;

template <class S>
using Together = void (*)(
    int64_t n,
    int64_t period,
    const S* grad,
    const S* saved,
    S* grad_x,
    Rows<const S> coefficients,
    Rows<S> sums);

enum Kind { kUniform, kVarying };

// A formula with an output per element.
template <class S>
struct Elementwise {
  Forward<S> forward[2];  // by Kind
  Backward<S, false> uniform_backward;
  Backward<S, true> varying_backward;
  Together<S> together_backward = nullptr;  // where one pays
};

// A formula with two outputs per element, its phases: runs of n elements one after the other. The negative phase stands
// `gap` behind the positive one; of several runs, it is n.
template <class S>
struct Doubling {
  void (*forward)(int64_t runs, int64_t n, const S* x, S* y, int64_t gap);
  void (*backward)(int64_t runs, int64_t n, const S* grad, const S* y, S* grad_x, int64_t gap);
};

constexpr int64_t kMostColumns = 128;

// A formula of all numbers along an axis, with the coefficients of a layer. The n numbers of a row are consecutive, those of a
// column stand `stride` apart, with up to kMostColumns columns side by side. `sums` grow as those of `Backward`.
template <class S>
struct Normalising {
  void (*row)(int64_t n, const S* x, S* y, const S* coefficients);
  void (*row_backward)(int64_t n, const S* grad, const S* x, S* grad_x, const S* coefficients, double* sums);
  void (*columns)(int64_t n, int64_t columns, int64_t stride, const S* x, S* y, const S* coefficients);
  void (*columns_backward)(
      int64_t n,
      int64_t columns,
      int64_t stride,
      const S* grad,
      const S* x,
      S* grad_x,
      const S* coefficients,
      double* sums);
};

// Slopes between two bounds, drawn by a seed.
struct Draw {
  double lower, upper;
  uint64_t seed;
};

// All formulas in one precision; a formula whose operator takes an option has as many variants as that has values.
template <class S>
struct Formulas {
#define VARIANT(code, ...) +1
#define FORMULA(name, parameters, option, traits, variants) Elementwise<S> name[0 variants];
#define DOUBLING(name, ...) Doubling<S> name;
#define NORMALISING(name, count, code) Normalising<S> name;
#include "formulas.def"
  // Adds sums to others, and sets them to zero.
  void (*add_up)(int64_t n, S* sums, double* to);
  void (*draw_slopes)(int64_t begin, int64_t n, const S* sign, const S* from, S* to, const Draw& draw);
  Convolution<S> convolution;
  SampleTile<S> samples;
};

// Half-precision storage: 16 bits in memory, float in the formulas.
struct Half {
  void (*widen)(int64_t n, const uint16_t* from, float* to);
  void (*narrow)(int64_t n, const float* from, uint16_t* to);
};

// A function whose derivative is told from its output and a byte per element, its side.
struct Gated {
  void (*forward)(int64_t n, const float* x, float* y, uint8_t* side);
  void (*backward)(int64_t n, const float* grad, const float* y, const uint8_t* side, float* grad_x);
};

struct Kernels {
  Formulas<float> single;
  Formulas<double> twice;
  Half bfloat16, float16;
  PooledConvolution pooled;
  Gated gates[2];
};

// Those for the best that the processor has; see isa.cpp.
const Kernels& best_kernels();
const Kernels& baseline_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

}  // namespace rectifiers
