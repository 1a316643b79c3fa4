// The formulas for AVX2 and FMA. System headers come first: what they define must not depend on the instruction set.
#include <math.h>

#include <utility>

#include "block.h"

#define RECTIFIERS_VECTOR_BYTES 32

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#endif

#include "kernels.inc"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace rectifiers {

const Kernels& avx2_kernels() { return kernels; }

}  // namespace rectifiers
