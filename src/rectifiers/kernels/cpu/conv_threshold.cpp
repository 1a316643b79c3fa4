// Convolution of thresholded inputs, forward and backward, as products of matrices tile by tile.
//
// Tiles, tasks and the order of all sums follow from the shapes alone, so the number of threads changes no bit.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <tuple>

#include "block.h"
#include "conv_geometry.h"

namespace rectifiers {
namespace {

constexpr int64_t kPixels = 384;         // output pixels of a tile, at most if its lines are shorter
constexpr int64_t kDepth = 160;          // rows of a panel, at most if a channel has fewer taps
constexpr int64_t kParts = 16;           // tasks that each sum up a gradient of the weights, at most
constexpr int64_t kPartBytes = 8 << 20;  // memory for their sums

// Memory of a task, from which pieces are taken; all zeros at first.
template <class S>
class Scratch {
 public:
  explicit Scratch(int64_t size) : memory_(static_cast<S*>(std::calloc(size * sizeof(S) + kLine, 1))), next_(memory_.get()) {
    if (!memory_) throw std::bad_alloc();
    next_ += (kLine - reinterpret_cast<uintptr_t>(next_) % kLine) % kLine / sizeof(S);
  }

  S* take(int64_t size) {
    S* const taken = next_;
    next_ += round(size);
    return taken;
  }

  static int64_t round(int64_t size) { return (size * int64_t(sizeof(S)) + kLine - 1) / kLine * kLine / sizeof(S); }

 private:
  static constexpr int64_t kLine = 64;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<S, Free> memory_;
  S* next_;
};

// The left matrix of a product in the order in which its blocks of rows read it.
template <class S>
void pack(const S* from, int64_t row, int64_t step, int64_t rows, int64_t depth, int64_t most, S* to) {
  const Split split(rows, most);
  for (int64_t part = 0; part < split.parts; ++part) {
    const S* const block = from + split.begin(part) * row;
    const int64_t size = split.size(part);
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t i = 0; i < size; ++i) *to++ = block[i * row + k * step];
    }
  }
}

template <class S>
class Convolver {
 public:
  Convolver(const Geometry& g, const Convolution<S>& tile)
      : g_(g),
        tile_(tile),
        boxes_(g, kPixels, tile.lanes),
        chunks_(g.channels_per_group(), std::max<int64_t>(1, kDepth / g.taps())),
        depth_((chunks_.least + (chunks_.larger > 0)) * g.taps()),
        columns_(vectors(g.outputs_per_group())) {
    // An odd number of vectors, so that the rows of a column do not compete for the same places of the cache.
    const int64_t count = vectors(boxes_.largest()) / tile.lanes + 1;
    width_ = (count + 1 - count % 2) * tile.lanes;
  }

  void forward(const S* x, const S* weight, const S* threshold, const S* bias, S* y) const {
    const int64_t outputs = g_.outputs_per_group();
    const std::unique_ptr<S[]> packed = pack_weights(
        weight, [&](const S* from, int64_t rows, S* to) { pack(from, g_.depth(), 1, outputs, rows, tile_.rows, to); });
    const int64_t frame_size = Frame(g_, boxes_[0]).plane() * largest_chunk() + slack();
    each_task(boxes_.count(), [&](int64_t begin, int64_t end) {
      Scratch<S> scratch(Scratch<S>::round(frame_size) + (depth_ + outputs) * width_ + 2 * slack());
      S* const frame = scratch.take(frame_size);
      S* const panel = scratch.take(depth_ * width_);
      S* const sums = scratch.take(outputs * width_);
      std::vector<int64_t> starts;
      for (int64_t task = begin; task < end; ++task) {
        const Box box = boxes_[task];
        for (int64_t group = 0; group < g_.groups; ++group) {
          for (int64_t o = 0; o < outputs; ++o) {
            std::fill_n(sums + o * width_, vectors(box.pixels()), bias ? bias[group * outputs + o] : S(0));
          }
          for (int64_t chunk = 0; chunk < chunks_.parts; ++chunk) {
            make_panel(x, threshold, box, group, chunk, frame, panel, starts);
            tile_.multiply(
                {outputs,
                 vectors(box.pixels()),
                 chunks_.size(chunk) * g_.taps(),
                 packed.get() + weights_before(group, chunk),
                 0,
                 panel,
                 width_,
                 2 * tile_.lanes,
                 sums,
                 width_});
          }
          for (int64_t o = 0; o < outputs; ++o) {
            each_piece(box, group * outputs + o, [&](int64_t place, int64_t from, int64_t n) {
              std::copy_n(sums + o * width_ + from, n, y + place);
            });
          }
        }
      }
    });
  }

  void backward(
      const S* grad,
      const S* x,
      const S* weight,
      const S* threshold,
      S* grad_x,
      S* grad_weight,
      S* grad_threshold,
      S* grad_bias) const {
    backward_input(grad, x, weight, threshold, grad_x, grad_threshold);
    backward_weight(grad, x, threshold, grad_weight, grad_bias);
  }

 private:
  int64_t vectors(int64_t n) const { return (n + tile_.lanes - 1) / tile_.lanes * tile_.lanes; }
  int64_t slack() const { return 4 * tile_.lanes; }
  int64_t largest_chunk() const { return chunks_.least + (chunks_.larger > 0); }
  int64_t first_channel(int64_t group, int64_t chunk) const {
    return group * g_.channels_per_group() + chunks_.begin(chunk);
  }
  int64_t weights_before(int64_t group, int64_t chunk) const {
    return g_.outputs_per_group() * first_channel(group, chunk) * g_.taps();
  }

  template <class Body>
  static void each_task(int64_t tasks, const Body& body) {
    torch::stable::parallel_for(0, tasks, 1, body);
  }

  template <class Pack>
  std::unique_ptr<S[]> pack_weights(const S* weight, const Pack& pack) const {
    std::unique_ptr<S[]> packed(new S[g_.outputs * g_.depth()]);
    each_task(g_.groups * chunks_.parts, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t group = task / chunks_.parts, chunk = task % chunks_.parts;
        const S* const from =
            weight + group * g_.outputs_per_group() * g_.depth() + chunks_.begin(chunk) * g_.taps();
        pack(from, chunks_.size(chunk) * g_.taps(), packed.get() + weights_before(group, chunk));
      }
    });
    return packed;
  }

  void make_panel(
      const S* x,
      const S* threshold,
      const Box& box,
      int64_t group,
      int64_t chunk,
      S* frame,
      S* panel,
      std::vector<int64_t>& starts) const {
    const Frame view(g_, box);
    view.starts(box, starts);
    const Runs runs = runs_of(box, starts);
    const int64_t first = first_channel(group, chunk), taps = g_.taps();
    for (int64_t c = 0; c < chunks_.size(chunk); ++c) {
      S* const plane = frame + c * view.plane();
      view.read(x, first + c, plane);
      for (int64_t tap = 0; tap < taps; ++tap) {
        tile_.lift(runs, plane + view.tap(tap), threshold[(first + c) * taps + tap], panel + (c * taps + tap) * width_);
      }
    }
  }

  static Runs runs_of(const Box& box, const std::vector<int64_t>& starts) {
    return {static_cast<int64_t>(starts.size()), box.size[3], starts.data()};
  }

  // Calls body(place in the tensor, place in the box, n) for each piece of a box's pixels that is one in the tensor.
  template <class Body>
  void each_piece(const Box& box, int64_t output, const Body& body) const {
    const int64_t n = box.pixels() / box.size[0];
    const int64_t first = (box.begin[1] * g_.out[1] + box.begin[2]) * g_.out[2] + box.begin[3];
    for (int64_t i = 0; i < box.size[0]; ++i) {
      body(((box.begin[0] + i) * g_.outputs + output) * g_.pixels() + first, i * n, n);
    }
  }

  // The gradient of a group's outputs on a box, a row each, filled up with zeros.
  void read_grad(const S* grad, const Box& box, int64_t group, S* to) const {
    for (int64_t o = 0; o < g_.outputs_per_group(); ++o) {
      S* const row = to + o * width_;
      each_piece(box, group * g_.outputs_per_group() + o, [&](int64_t place, int64_t at, int64_t n) {
        std::copy_n(grad + place, n, row + at);
      });
      std::fill(row + box.pixels(), row + vectors(box.pixels()), S(0));
    }
  }

  // A task takes a few channels of a few samples: nobody else adds to their gradient.
  void backward_input(
      const S* grad, const S* x, const S* weight, const S* threshold, S* grad_x, S* grad_threshold) const {
    const int64_t outputs = g_.outputs_per_group(), taps = g_.taps(), rows = g_.channels * taps;
    const std::unique_ptr<S[]> packed = pack_weights(
        weight, [&](const S* from, int64_t rows, S* to) { pack(from, 1, g_.depth(), rows, outputs, tile_.rows, to); });
    const int64_t sample_groups = (g_.batch + boxes_.samples() - 1) / boxes_.samples();
    const int64_t chunks = g_.groups * chunks_.parts;
    const std::unique_ptr<S[]> caught(new S[sample_groups * rows]);
    const int64_t frame_size = Frame(g_, 0, boxes_.samples()).plane() * largest_chunk() + slack();
    each_task(sample_groups * chunks, [&](int64_t begin, int64_t end) {
      Scratch<S> scratch(2 * Scratch<S>::round(frame_size) + (depth_ + outputs) * width_ + 2 * slack());
      S* const frame = scratch.take(frame_size);
      S* const grad_frame = scratch.take(frame_size);
      S* const panel = scratch.take(depth_ * width_);
      S* const grads = scratch.take(outputs * width_);
      std::vector<int64_t> starts;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t at = task / chunks, group = task % chunks / chunks_.parts, chunk = task % chunks_.parts;
        const int64_t first = first_channel(group, chunk), size = chunks_.size(chunk);
        const int64_t sample = at * boxes_.samples();
        const Frame view(g_, sample, std::min(boxes_.samples(), g_.batch - sample));
        S* const mine = caught.get() + at * rows + first * taps;
        std::fill_n(mine, size * taps, S(0));
        std::fill_n(grad_frame, size * view.plane(), S(0));
        for (int64_t c = 0; c < size; ++c) view.read(x, first + c, frame + c * view.plane());
        for (int64_t index = at * boxes_.per_sample(); index < (at + 1) * boxes_.per_sample(); ++index) {
          const Box box = boxes_[index];
          view.starts(box, starts);
          const Runs runs = runs_of(box, starts);
          read_grad(grad, box, group, grads);
          for (int64_t row = 0; row < size * taps; ++row) {
            std::fill_n(panel + row * width_, vectors(box.pixels()), S(0));
          }
          tile_.multiply(
              {size * taps,
               vectors(box.pixels()),
               outputs,
               packed.get() + weights_before(group, chunk),
               0,
               grads,
               width_,
               2 * tile_.lanes,
               panel,
               width_});
          for (int64_t row = 0; row < size * taps; ++row) {
            const int64_t offset = row / taps * view.plane() + view.tap(row % taps);
            mine[row] += tile_.route(
                runs, panel + row * width_, frame + offset, threshold[first * taps + row], grad_frame + offset);
          }
        }
        for (int64_t c = 0; c < size; ++c) view.write(grad_frame + c * view.plane(), first + c, grad_x);
      }
    });
    std::vector<double> sums(rows, 0.0);
    for (int64_t at = 0; at < sample_groups; ++at) {
      for (int64_t row = 0; row < rows; ++row) sums[row] += caught[at * rows + row];
    }
    std::copy(sums.begin(), sums.end(), grad_threshold);
  }

  // A task takes a few panels' rows of a share of the boxes; each share's sums stand apart until the end.
  void backward_weight(const S* grad, const S* x, const S* threshold, S* grad_weight, S* grad_bias) const {
    const int64_t outputs = g_.outputs_per_group(), taps = g_.taps(), depth = g_.depth(), lanes = tile_.lanes;
    const int64_t bytes = g_.groups * depth * columns_ * sizeof(S);
    const Split shares(
        boxes_.count(),
        (boxes_.count() + parts_within(bytes) - 1) / parts_within(bytes));
    const Split runs_of_chunks(chunks_.parts, std::max<int64_t>(1, chunks_.parts * shares.parts / kParts));
    const std::unique_ptr<S[]> partial(new S[shares.parts * g_.groups * depth * columns_]);
    const std::unique_ptr<double[]> bias_partial(new double[shares.parts * g_.outputs]);
    const int64_t frame_size = Frame(g_, boxes_[0]).plane() * largest_chunk() + slack();
    each_task(shares.parts * g_.groups * runs_of_chunks.parts, [&](int64_t begin, int64_t end) {
      Scratch<S> scratch(
          Scratch<S>::round(frame_size) + (depth_ + 2 * columns_) * width_ + 2 * lanes * width_ + 4 * slack());
      S* const frame = scratch.take(frame_size);
      S* const panel = scratch.take(depth_ * width_);
      S* const grads = scratch.take(columns_ * width_);
      S* const turned = scratch.take((columns_ + lanes) * width_);
      std::vector<int64_t> starts;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t share = task % shares.parts, other = task / shares.parts;
        const int64_t group = other % g_.groups, run = other / g_.groups;
        S* const sums = partial.get() + (share * g_.groups + group) * depth * columns_;
        double* const bias_sums = bias_partial.get() + share * g_.outputs + group * outputs;
        const int64_t from = runs_of_chunks.begin(run), to = from + runs_of_chunks.size(run);
        std::fill(
            sums + chunks_.begin(from) * taps * columns_, sums + chunks_.begin(to) * taps * columns_, S(0));
        if (run == 0) std::fill_n(bias_sums, outputs, 0.0);
        for (int64_t index = shares.begin(share); index < shares.begin(share) + shares.size(share); ++index) {
          const Box box = boxes_[index];
          const int64_t pixels = vectors(box.pixels());
          read_grad(grad, box, group, grads);
          for (int64_t o = 0; run == 0 && o < outputs; ++o) bias_sums[o] += tile_.total(pixels, grads + o * width_);
          for (int64_t o = 0; o < columns_; o += lanes) {
            S* const pair = turned + o / (2 * lanes) * 2 * lanes * pixels + o % (2 * lanes);
            for (int64_t p = 0; p < pixels; p += lanes) {
              tile_.transpose(grads + o * width_ + p, width_, pair + p * 2 * lanes, 2 * lanes);
            }
          }
          for (int64_t chunk = from; chunk < to; ++chunk) {
            make_panel(x, threshold, box, group, chunk, frame, panel, starts);
            tile_.multiply(
                {chunks_.size(chunk) * taps,
                 columns_,
                 box.pixels(),
                 panel,
                 width_,
                 turned,
                 2 * lanes,
                 2 * lanes * pixels,
                 sums + chunks_.begin(chunk) * taps * columns_,
                 columns_});
          }
        }
      }
    });
    collect(partial.get(), shares.parts, grad_weight);
    for (int64_t o = 0; o < g_.outputs; ++o) {
      double sum = 0;
      for (int64_t share = 0; share < shares.parts; ++share) sum += bias_partial[share * g_.outputs + o];
      grad_bias[o] = static_cast<S>(sum);
    }
  }

  static int64_t parts_within(int64_t bytes) {
    return std::min(kParts, std::max<int64_t>(2, kPartBytes / std::max<int64_t>(bytes, 1)));
  }

  // Adds the shares up, in their order, and turns the sums into the order of the weights.
  void collect(const S* partial, int64_t shares, S* grad_weight) const {
    const int64_t outputs = g_.outputs_per_group(), depth = g_.depth();
    constexpr int64_t kRow = 16;
    const int64_t blocks = (depth + kRow - 1) / kRow;
    each_task(g_.groups * blocks, [&](int64_t begin, int64_t end) {
      std::vector<S> sums(kRow * columns_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t group = task / blocks, first = task % blocks * kRow, rows = std::min(kRow, depth - first);
        std::fill(sums.begin(), sums.end(), S(0));
        for (int64_t share = 0; share < shares; ++share) {
          const S* const from = partial + ((share * g_.groups + group) * depth + first) * columns_;
          for (int64_t i = 0; i < rows * columns_; ++i) sums[i] += from[i];
        }
        for (int64_t o = 0; o < outputs; ++o) {
          S* const to = grad_weight + (group * outputs + o) * depth + first;
          for (int64_t i = 0; i < rows; ++i) to[i] = sums[i * columns_ + o];
        }
      }
    });
  }

  const Geometry& g_;
  const Convolution<S>& tile_;
  Boxes boxes_;
  Split chunks_;     // of a group's channels
  int64_t depth_;    // rows of the largest panel
  int64_t columns_;  // a group's outputs, in whole vectors
  int64_t width_;    // from one row of a panel to the next
};

bool known(int32_t dtype) {
  return dtype == aoti_torch_dtype_float32() || dtype == aoti_torch_dtype_float64() ||
         dtype == aoti_torch_dtype_bfloat16() || dtype == aoti_torch_dtype_float16();
}

// The type that is computed in.
int32_t computed(int32_t dtype) {
  return dtype == aoti_torch_dtype_float64() ? dtype : aoti_torch_dtype_float32();
}

bool is_channels_last(const Shape& shape) {
  if (shape.rank < 4) return false;
  int64_t expected = 1;
  const auto fits = [&](int64_t dim) {
    const bool found = shape.sizes[dim] == 1 || shape.strides[dim] == expected;
    expected *= shape.sizes[dim];
    return found;
  };
  bool all = fits(1);
  for (int64_t dim = shape.rank - 1; dim >= 2; --dim) all = all && fits(dim);
  return all && fits(0);
}

Tensor empty_ordered(const std::vector<int64_t>& sizes, bool channels_last, int32_t dtype) {
  const int64_t rank = sizes.size();
  std::vector<int64_t> strides(rank);
  int64_t next = 1;
  const auto place = [&](int64_t dim) {
    strides[dim] = next;
    next *= std::max<int64_t>(sizes[dim], 1);
  };
  if (channels_last) place(1);
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    if (!channels_last || dim > 1) place(dim);
  }
  if (channels_last) place(0);
  return empty(rank, sizes.data(), strides.data(), dtype);
}

std::vector<int64_t> sizes_of(const Tensor& tensor) {
  const Shape shape(tensor);
  return {shape.sizes, shape.sizes + shape.rank};
}

// Contiguous, in the type that is computed in.
Tensor prepared(const Tensor& tensor, int32_t dtype) {
  STD_TORCH_CHECK(tensor.is_cpu() && known(dtype_of(tensor)), "rectifiers: expected floating-point tensors on the CPU");
  if (dtype_of(tensor) == dtype && tensor.is_contiguous()) return tensor;
  Tensor copy = empty_ordered(sizes_of(tensor), false, dtype);
  torch::stable::copy_(copy, tensor);
  return copy;
}

Tensor finished(const Tensor& result, bool channels_last, int32_t dtype) {
  if (dtype_of(result) == dtype && !channels_last) return result;
  Tensor copy = empty_ordered(sizes_of(result), channels_last, dtype);
  torch::stable::copy_(copy, result);
  return copy;
}

// The arguments of one call, checked and ready to be computed with.
struct Call {
  int32_t dtype;
  bool channels_last;
  Tensor x, weight, threshold;
  Geometry geometry;

  Call(
      const Tensor& x,
      const Tensor& weight,
      const Tensor& threshold,
      const std::vector<int64_t>& stride,
      const std::vector<int64_t>& padding,
      const std::vector<int64_t>& dilation,
      int64_t groups)
      : dtype(computed(dtype_of(x))),
        channels_last(!x.is_contiguous() && is_channels_last(Shape(x))),
        x(prepared(x, dtype)),
        weight(prepared(weight, dtype)),
        threshold(prepared(threshold, dtype)),
        geometry(checked(Shape(x), Shape(weight), Shape(threshold), stride, padding, dilation, groups)) {}

  bool is_double() const { return dtype == aoti_torch_dtype_float64(); }

  std::vector<int64_t> sizes() const {
    std::vector<int64_t> sizes = {geometry.batch, geometry.outputs};
    for (int64_t axis = 5 - Shape(x).rank; axis < 3; ++axis) sizes.push_back(geometry.out[axis]);
    return sizes;
  }

 private:
  static Geometry checked(
      const Shape& x,
      const Shape& weight,
      const Shape& threshold,
      const std::vector<int64_t>& stride,
      const std::vector<int64_t>& padding,
      const std::vector<int64_t>& dilation,
      int64_t groups) {
    const int64_t axes = x.rank - 2;
    STD_TORCH_CHECK(
        axes >= 1 && axes <= 3 && weight.rank == x.rank && threshold.rank == x.rank - 1,
        "rectifiers: expected an input and a weight of 3 to 5 dimensions and a threshold of one less");
    const int64_t given[] = {int64_t(stride.size()), int64_t(padding.size()), int64_t(dilation.size())};
    STD_TORCH_CHECK(
        given[0] == axes && given[1] == 2 * axes && given[2] == axes,
        "rectifiers: expected a stride, two paddings and a dilation per axis");
    STD_TORCH_CHECK(
        groups > 0 && weight.sizes[0] % groups == 0 && weight.sizes[1] * groups == x.sizes[1] &&
            threshold.sizes[0] == x.sizes[1],
        "rectifiers: expected channels that fit the groups");
    for (int64_t axis = 0; axis < axes; ++axis) {
      STD_TORCH_CHECK(
          stride[axis] > 0 && dilation[axis] > 0 && padding[2 * axis] >= 0 && padding[2 * axis + 1] >= 0 &&
              threshold.sizes[axis + 1] == weight.sizes[axis + 2] && weight.sizes[axis + 2] > 0,
          "rectifiers: expected positive strides and dilations, and thresholds for the weight's taps");
    }
    return Geometry(x, weight, stride, padding, dilation, groups);
  }
};

template <class S>
const S* data(const Tensor& tensor) {
  return static_cast<const S*>(tensor.const_data_ptr());
}

template <class S>
S* room(const Tensor& tensor) {
  return static_cast<S*>(tensor.mutable_data_ptr());
}

template <class S>
void run(const Call& call, const Convolution<S>& tile, const std::optional<Tensor>& bias, const Tensor& y) {
  Convolver<S>(call.geometry, tile)
      .forward(
          data<S>(call.x),
          data<S>(call.weight),
          data<S>(call.threshold),
          bias ? data<S>(*bias) : nullptr,
          room<S>(y));
}

template <class S>
void run(const Call& call, const Convolution<S>& tile, const Tensor& grad, const Tensor (&gradients)[4]) {
  Convolver<S>(call.geometry, tile)
      .backward(
          data<S>(grad),
          data<S>(call.x),
          data<S>(call.weight),
          data<S>(call.threshold),
          room<S>(gradients[0]),
          room<S>(gradients[1]),
          room<S>(gradients[2]),
          room<S>(gradients[3]));
}

Tensor conv_threshold(
    Tensor x,
    Tensor weight,
    Tensor threshold,
    std::optional<Tensor> bias,
    std::vector<int64_t> stride,
    std::vector<int64_t> padding,
    std::vector<int64_t> dilation,
    int64_t groups) {
  const Call call(x, weight, threshold, stride, padding, dilation, groups);
  const Tensor y = empty_ordered(call.sizes(), false, call.dtype);
  if (bias) {
    STD_TORCH_CHECK(bias->numel() == call.geometry.outputs, "rectifiers: expected a bias per output channel");
    bias = prepared(*bias, call.dtype);
  }
  if (y.numel()) {
    call.is_double() ? run<double>(call, best_kernels().twice.convolution, bias, y)
                     : run<float>(call, best_kernels().single.convolution, bias, y);
  }
  return finished(y, call.channels_last, dtype_of(x));
}

std::tuple<Tensor, Tensor, Tensor, Tensor> conv_threshold_backward(
    Tensor grad,
    Tensor x,
    Tensor weight,
    Tensor threshold,
    std::vector<int64_t> stride,
    std::vector<int64_t> padding,
    std::vector<int64_t> dilation,
    int64_t groups) {
  const Call call(x, weight, threshold, stride, padding, dilation, groups);
  STD_TORCH_CHECK(sizes_of(grad) == call.sizes(), "rectifiers: expected a gradient of the shape of the output");
  const Tensor upstream = prepared(grad, call.dtype);
  Tensor gradients[] = {
      empty_ordered(sizes_of(x), false, call.dtype),
      empty_ordered(sizes_of(weight), false, call.dtype),
      empty_ordered(sizes_of(threshold), false, call.dtype),
      empty_ordered({call.geometry.outputs}, false, call.dtype),
  };
  if (grad.numel() && x.numel()) {
    call.is_double() ? run<double>(call, best_kernels().twice.convolution, upstream, gradients)
                     : run<float>(call, best_kernels().single.convolution, upstream, gradients);
  } else {
    for (Tensor& gradient : gradients) torch::stable::zero_(gradient);
  }
  return {
      finished(gradients[0], call.channels_last, dtype_of(x)),
      finished(gradients[1], false, dtype_of(weight)),
      finished(gradients[2], false, dtype_of(threshold)),
      finished(gradients[3], false, dtype_of(weight)),
  };
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, m) {
  m.impl("conv_threshold", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_forward", TORCH_BOX(&rectifiers::conv_threshold));
  m.impl("conv_threshold_backward", TORCH_BOX(&rectifiers::conv_threshold_backward));
}
