// Which instruction set's kernels are taken.
#include <cstdlib>
#include <cstring>

#include "block.h"

namespace rectifiers {
namespace {

enum class Isa { kBaseline, kAvx2, kAvx512 };

// What the processor has, or less if PyTorch's own variable ATEN_CPU_CAPABILITY asks for less.
Isa best_isa() {
#if defined(__x86_64__)
  const char* asked = std::getenv("ATEN_CPU_CAPABILITY");
  // What else it may say, PyTorch ignores too.
  const bool most = !asked || std::strcmp(asked, "avx2");
  if (asked && !std::strcmp(asked, "default")) return Isa::kBaseline;
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (most && avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Isa::kAvx512;
  }
  if (avx2) return Isa::kAvx2;
#endif
  return Isa::kBaseline;
}

Isa isa() {
  static const Isa best = best_isa();
  return best;
}

}  // namespace

const Kernels& best_kernels() {
  static const Kernels& best =
      isa() == Isa::kAvx512 ? avx512_kernels() : isa() == Isa::kAvx2 ? avx2_kernels() : baseline_kernels();
  return best;
}

}  // namespace rectifiers

extern "C" __attribute__((visibility("default"))) const char* rectifiers_instruction_set() {
  using rectifiers::Isa;
  const Isa isa = rectifiers::isa();
  return isa == Isa::kAvx512 ? "AVX-512" : isa == Isa::kAvx2 ? "AVX2" : "baseline";
}
