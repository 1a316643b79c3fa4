// The formulas for what every processor of this architecture has.
#include <math.h>

#include "block.h"
#include "kernels.inc"

namespace rectifiers {

const Kernels& baseline_kernels() { return kernels; }

}  // namespace rectifiers
