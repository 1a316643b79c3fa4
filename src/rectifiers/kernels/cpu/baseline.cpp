// The formulas for what every processor of this architecture has.
#include <math.h>

#include <utility>

#include "block.h"

#define RECTIFIERS_VECTOR_BYTES 16
#include "kernels.inc"

namespace rectifiers {

const Kernels& baseline_kernels() { return kernels; }

}  // namespace rectifiers
