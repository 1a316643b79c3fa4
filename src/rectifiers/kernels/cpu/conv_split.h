// Work cut into parts of nearly equal size.
//
// As in block.h, nothing here may turn into a function of its own.
#pragma once

#include <cstdint>

namespace rectifiers {

// `total` things in as few parts as possible, at most `most` in each, of sizes as equal as can be, larger ones first.
struct Split {
  int64_t parts, least, larger;

  __attribute__((always_inline)) Split(int64_t total, int64_t most)
      : parts((total + most - 1) / most), least(parts ? total / parts : 0), larger(parts ? total % parts : 0) {}

  __attribute__((always_inline)) int64_t size(int64_t part) const { return least + (part < larger); }
  __attribute__((always_inline)) int64_t largest() const { return size(0); }
  __attribute__((always_inline)) int64_t begin(int64_t part) const {
    return part * least + (part < larger ? part : larger);
  }
};

}  // namespace rectifiers
