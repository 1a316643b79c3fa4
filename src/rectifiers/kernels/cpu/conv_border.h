// The border between the convolution's driver, compiled once, and its micro-kernels, compiled once per instruction set.
//
// The driver cuts the work, lays out memory and threads it; a micro-kernel does what fits into registers.
#pragma once

#include "conv_panel_kernels.h"
#include "conv_sample_kernels.h"
#include "conv_split.h"
