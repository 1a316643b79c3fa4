// What the panel path asks of its micro-kernels: their arguments, and the table that each instruction set fills.
//
// V lanes of a vector. A panel is K·C × P: a row per channel and tap, a column per output pixel of a tile.
//
// As in block.h, nothing here may turn into a function of its own.
#pragma once

#include <cstdint>

namespace rectifiers {

// c = a·b or c += a·b, with a: rows × depth, b: depth × columns, c: rows × columns.
template <class S>
struct Product {
  int64_t rows, columns, depth;
  const S* a;
  int64_t a_stride;      // from row to row; 0 if packed: register block after register block, column by column in each
  const S* b;
  int64_t b_stride;      // from row to row
  int64_t b_pair;        // from one pair of vectors in a row to the next; columns are a whole number of vectors
  S* c;
  int64_t c_stride;
  bool accumulate;
};

// Equally long lines of a padded piece of a tensor, one after the other.
struct PaddedLines {
  int64_t count;
  const int64_t* source;  // where each stands in the tensor, or -1 for one of padding alone
  int64_t pitch;          // from line to line, padding included
  int64_t left, length;   // where in a line the elements of the tensor begin, and how many they are
  int64_t end;            // elements of the tensor
  int64_t prefetch;       // how far behind a line the one stands that will be read next
};

// Where the pixels of a tile find one tap's inputs: equally long runs, which make up a row of the panel.
struct Runs {
  int64_t count, length;
  const int64_t* starts;
};

template <class S>
struct Convolution {
  int64_t lanes;  // V
  int64_t rows;   // of the largest register block of a product
  void (*multiply)(const Product<S>& product);
  void (*pad)(const PaddedLines& lines, const S* x, S* padded);
  void (*unpad)(const PaddedLines& lines, const S* padded, S* x);
  // A row of a panel: max(x, threshold).
  void (*im2col)(const Runs& runs, const S* x, S threshold, S* row);
  // A row of a panel's gradient, added to where its inputs stand; returns what belongs to the threshold instead.
  S (*col2im)(const Runs& runs, const S* row, const S* x, S threshold, S* grad_x);
  S (*sum)(int64_t n, const S* from);
  void (*transpose)(const S* from, int64_t from_stride, S* to, int64_t to_stride);
};

}  // namespace rectifiers
