// The border between the convolution's driver, compiled once, and its tile, compiled once per instruction set.
//
// As in block.h, nothing here may turn into a function of its own.
#pragma once

#include <cstdint>

namespace rectifiers {

// `total` things in as few parts as there can be of `most`, of sizes as equal as can be.
struct Split {
  int64_t parts, least, larger;

  __attribute__((always_inline)) Split(int64_t total, int64_t most)
      : parts((total + most - 1) / most), least(parts ? total / parts : 0), larger(parts ? total % parts : 0) {}

  __attribute__((always_inline)) int64_t size(int64_t part) const { return least + (part < larger); }
  __attribute__((always_inline)) int64_t begin(int64_t part) const {
    return part * least + (part < larger ? part : larger);
  }
};

// c += a·b. The columns are a whole number of vectors, taken in pairs that stand `b_pair` apart. With `a_row` of zero,
// `a` is packed: block after block of rows, as Split makes them, each with all its rows side by side.
template <class S>
struct Product {
  int64_t rows, columns, depth;
  const S* a;
  int64_t a_row;
  const S* b;
  int64_t b_step, b_pair;
  S* c;
  int64_t c_row;
};

// Equally long pieces of memory that make up a row of a panel.
struct Runs {
  int64_t count, length;
  const int64_t* starts;
};

template <class S>
struct Convolution {
  int64_t lanes, rows;
  void (*multiply)(const Product<S>& product);
  void (*lift)(const Runs& runs, const S* from, S floor, S* to);
  S (*route)(const Runs& runs, const S* grad, const S* from, S floor, S* to);
  S (*total)(int64_t n, const S* from);
  void (*transpose)(const S* from, int64_t from_row, S* to, int64_t to_row);
};

}  // namespace rectifiers
