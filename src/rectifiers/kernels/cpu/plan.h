// The cut of a tensor into tasks for PyTorch's threads, and of these into blocks.
//
// Axes in memory: outer × units × inner (layout.h). Where units change within a block, a period of whole samples
// repeats over the tensor; a column is an element of it, and has coefficients of its own.
#pragma once

#include <algorithm>

#include "block.h"
#include "layout.h"

namespace rectifiers {

constexpr int64_t kLongest = 65536;   // elements of the longest block: where one ends, memory waits
constexpr int64_t kParts = 16;        // blocks that a long run is cut into, for the threads to share
constexpr int64_t kGrain = 32768;     // elements worth another thread, as PyTorch has it
constexpr int64_t kShortest = 64;     // runs of one unit shorter than this are treated as varying
constexpr int64_t kTable = 24576;     // bytes of a varying block's coefficients and sums: they stay in the nearest cache
constexpr int64_t kAligned = 16;      // samples of a period are a multiple of it, so that blocks are whole vectors
constexpr int64_t kRepeats = 64;      // repeats of a period in a varying task, at least

// The cut of a layout into tasks.
//
// Long runs of one unit are cut into segments, in which the coefficients are uniform. Shorter runs make a block each, and
// a task has samples of them, or a part of the units of one. The shortest are cut into tiles of a period, over which the
// coefficients vary: as many samples as fit into one tile, or one.
class Plan {
 public:
  Plan(const Layout& layout, int64_t rows, bool widened)
      : layout_(layout), rows_(rows), total_(layout.numel()), varying_(layout.units > 1 && layout.inner < kShortest) {
    if (varying_) {
      const int64_t sample = layout.units * layout.inner;
      // Per element and row a coefficient, of four bytes as a rule, and a sum of eight.
      tile_ = std::min({kBlock, total_, std::max<int64_t>(64, kTable / (rows * 12))});
      int64_t samples = std::max<int64_t>(1, tile_ / sample);
      if (samples > kAligned) samples -= samples % kAligned;
      period_ = sample * samples;
      tile_ = std::min(tile_, period_);
      tiles_ = (period_ + tile_ - 1) / tile_;
      repeats_ = (total_ + period_ - 1) / period_;
      chunk_ = std::max(kRepeats, kGrain / tile_);
      tasks_ = tiles_ * ((repeats_ + chunk_ - 1) / chunk_);
      grain_ = 1;
    } else {
      period_ = layout.units;
      const int64_t part = (layout.inner / kParts + kBlock - 1) / kBlock * kBlock;
      segment_ = widened ? kBlock : std::min(std::max(part, kBlock), kLongest);
      segments_ = (layout.inner + segment_ - 1) / segment_;
      if (segments_ == 1) {
        part_ = std::clamp<int64_t>(kGrain / layout.inner, 1, layout.units);
        parts_ = (layout.units + part_ - 1) / part_;
        samples_ = std::max<int64_t>(1, kGrain / (layout.units * layout.inner));
        tasks_ = (layout.outer + samples_ - 1) / samples_ * parts_;
        grain_ = std::max<int64_t>(1, kGrain / (samples_ * part_ * layout.inner));
      } else {
        tasks_ = layout.outer * layout.units * segments_;
        grain_ = std::max<int64_t>(1, kGrain / segment_);
      }
    }
  }

  Kind kind() const { return varying_ ? kVarying : kUniform; }
  // Columns of the table of coefficients.
  int64_t period() const { return period_; }

  // Calls body(column, unit) for some columns, in their order.
  template <class Body>
  void each_column(int64_t begin, int64_t end, const Body& body) const {
    if (!varying_) {
      for (int64_t column = begin; column < end; ++column) body(column, column);
      return;
    }
    int64_t unit = begin / layout_.inner % layout_.units, left = layout_.inner - begin % layout_.inner;
    for (int64_t column = begin; column < end; ++column) {
      body(column, unit);
      if (--left) continue;
      left = layout_.inner;
      if (++unit == layout_.units) unit = 0;
    }
  }

  // Calls block(begin, n, column, place) for every block of a task; its sums stand at `place` in each of the task's rows.
  template <class Block>
  void run(int64_t task, const Block& block) const {
    if (varying_) {
      const int64_t column = task % tiles_ * tile_, first = task / tiles_ * chunk_;
      const int64_t last = std::min(first + chunk_, repeats_), width = std::min(tile_, period_ - column);
      for (int64_t repeat = first; repeat < last; ++repeat) {
        const int64_t begin = repeat * period_ + column, n = std::min(width, total_ - begin);
        if (n > 0) block(begin, n, column, 0);
      }
    } else if (samples_) {
      const int64_t first = task % parts_ * part_, end = std::min(first + part_, layout_.units);
      const int64_t from = task / parts_ * samples_, last = std::min(from + samples_, layout_.outer);
      for (int64_t sample = from; sample < last; ++sample) {
        int64_t begin = (sample * layout_.units + first) * layout_.inner;
        for (int64_t unit = first; unit < end; ++unit, begin += layout_.inner) {
          block(begin, layout_.inner, unit, unit - first);
        }
      }
    } else {
      const int64_t run = task / segments_, from = task % segments_ * segment_;
      block(run * layout_.inner + from, std::min(segment_, layout_.inner - from), run % layout_.units, 0);
    }
  }

  // As `run` for a varying plan, but several(begin, n, column) takes kTogether whole repeats of a tile at once.
  template <class Several, class Block>
  void run_together(int64_t task, const Several& several, const Block& block) const {
    const int64_t column = task % tiles_ * tile_, first = task / tiles_ * chunk_;
    const int64_t last = std::min(first + chunk_, repeats_), width = std::min(tile_, period_ - column);
    int64_t repeat = first;
    for (; repeat + kTogether <= last; repeat += kTogether) {
      const int64_t begin = repeat * period_ + column;
      if (begin + (kTogether - 1) * period_ + width > total_) break;
      several(begin, width, column);
    }
    for (; repeat < last; ++repeat) {
      const int64_t begin = repeat * period_ + column, n = std::min(width, total_ - begin);
      if (n > 0) block(begin, n, column, 0);
    }
  }

  template <class Body>
  void parallel(const Body& body) const {
    torch::stable::parallel_for(0, tasks_, grain_, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) body(task);
    });
  }

  // Sums that one task makes: a row per coefficient, a column per element of its tile, or per unit that it has.
  int64_t width() const { return varying_ ? tile_ : samples_ ? part_ : 1; }

  // Adds the tasks' sums up, in the order of the tasks: a row per coefficient, a column per unit.
  std::vector<double> total(const double* partial) const {
    std::vector<double> sums(rows_ * layout_.units, 0.0);
    const int64_t width = this->width();
    for (int64_t task = 0; task < tasks_; ++task) {
      const int64_t begin = varying_   ? task % tiles_ * tile_
                            : samples_ ? task % parts_ * part_
                                       : task / segments_ % layout_.units;
      const int64_t end = std::min(begin + width, period_);
      for (int64_t row = 0; row < rows_; ++row) {
        const double* const from = partial + (task * rows_ + row) * width;
        double* const to = sums.data() + row * layout_.units;
        each_column(begin, end, [&](int64_t column, int64_t unit) { to[unit] += from[column - begin]; });
      }
    }
    return sums;
  }

  int64_t partials() const { return tasks_ * rows_ * width(); }

 private:
  const Layout& layout_;
  int64_t rows_, total_;
  bool varying_;
  int64_t period_, tasks_, grain_;
  int64_t tile_ = 0, tiles_ = 0, repeats_ = 0, chunk_ = 0, segment_ = 0, segments_ = 1;
  int64_t samples_ = 0, part_ = 0, parts_ = 0;
};

}  // namespace rectifiers
