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

// c = a·b, or c += a·b. The columns are a whole number of vectors, taken in pairs that stand `b_pair` apart. With `a_row` of zero,
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
  bool add;
};

// Equally long lines of a padded piece of a tensor, one behind the other.
struct Lines {
  int64_t count;
  const int64_t* from;      // where each stands in the tensor, or -1 for one of padding
  int64_t pitch;            // length with padding
  int64_t left, length;     // place and number of the elements from the tensor
  int64_t end;              // number of elements of the tensor
  int64_t ahead;            // how far behind a line stands the one that will be read next
};

// Equally long pieces of memory that make up a row of a panel.
struct Runs {
  int64_t count, length;
  const int64_t* starts;
};

// What one pixel of the output sees, or who sees one of the input: a tap and the place of a pixel each.
struct Links {
  int64_t count;
  const int32_t *tap, *place;
};

// What some channels add to a pixel of some outputs. `weights`: tap, channel, output; `floors`: tap, channel.
template <class S>
struct Pull {
  Links links;
  int64_t channels;
  const S* x;
  int64_t x_pixel;
  const S* floors;
  int64_t floors_tap;
  const S* weights;
  S* y;
};

// The gradient of a pixel of some channels, or what it still lacks. `weights`: tap, output, channel; `caught` are the
// thresholds' sums.
template <class S>
struct Push {
  Links links;
  bool add;
  int64_t outputs;
  const S* grad;
  int64_t grad_pixel;
  const S* x;
  const S *floors, *weights;
  int64_t floors_tap;
  S *grad_x, *caught;
};

// The gradients of one tap's weights, over `count` pairs of pixels. `sums`: output, channel, sample.
template <class S>
struct Correlate {
  int64_t count;
  const int32_t *from, *to;
  const S* x;
  int64_t x_pixel;
  const S* grad;
  int64_t grad_pixel;
  const S* floors;
  S* sums;
};

template <class S>
struct SampleTile {
  int64_t samples;
  int64_t pulled, pushed, channels, outputs;  // the largest blocks
  void (*pull)(int64_t outputs, const Pull<S>& pull);
  void (*push)(int64_t channels, const Push<S>& push);
  void (*correlate)(int64_t channels, int64_t outputs, const Correlate<S>& correlate);
  void (*fold)(int64_t n, const S* from, S* to);
  double (*total)(int64_t n, const S* from);
  void (*gather)(int64_t n, int64_t samples, const S* from, int64_t sample, S* to, int64_t step, int64_t ahead);
  void (*scatter)(int64_t n, int64_t samples, const S* from, int64_t step, S* to, int64_t sample);
};

template <class S>
struct Convolution {
  int64_t lanes, rows;
  void (*multiply)(const Product<S>& product);
  void (*pad)(const Lines& lines, const S* from, S* to);
  void (*unpad)(const Lines& lines, const S* from, S* to);
  void (*lift)(const Runs& runs, const S* from, S floor, S* to);
  S (*route)(const Runs& runs, const S* grad, const S* from, S floor, S* to);
  S (*total)(int64_t n, const S* from);
  void (*transpose)(const S* from, int64_t from_row, S* to, int64_t to_row);
};

}  // namespace rectifiers
