// The operators, on PyTorch's stable ABI: one library serves every PyTorch from 2.10 on.
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <tuple>

#include "parameter.h"

namespace rectifiers {
namespace {

enum class Isa { kBaseline, kAvx2, kAvx512 };

// What the processor has, or less if PyTorch's own variable ATEN_CPU_CAPABILITY asks for less.
Isa best_isa() {
#if defined(__x86_64__)
  const char* asked = std::getenv("ATEN_CPU_CAPABILITY");
  const bool most = !asked || !*asked || !std::strcmp(asked, "avx512");
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

const Kernels& kernels() {
  static const Kernels& best =
      isa() == Isa::kAvx512 ? avx512_kernels() : isa() == Isa::kAvx2 ? avx2_kernels() : baseline_kernels();
  return best;
}

Tensor dense(const Tensor& x, int64_t axis) {
  const Shape shape(x);
  const bool ready = is_dense(shape);
  if (axis == kElement && shape.rank && shape.sizes[0] != 1) {
    return ready && x.numel() && memory_order(shape).front() == 0 ? x : rectifiers::contiguous(x);
  }
  return ready ? x : torch::stable::clone(x);
}

template <class S>
Memory<S> memory(const Tensor& tensor, bool written) {
  const int32_t dtype = dtype_of(tensor);
  const Half* half = dtype == aoti_torch_dtype_bfloat16()  ? &kernels().bfloat16
                     : dtype == aoti_torch_dtype_float16() ? &kernels().float16
                                                           : nullptr;
  void* data = written ? tensor.mutable_data_ptr() : const_cast<void*>(tensor.const_data_ptr());
  return {static_cast<char*>(data), half};
}

template <class S>
int32_t dtype_of_compute() {
  return sizeof(S) == sizeof(float) ? aoti_torch_dtype_float32() : aoti_torch_dtype_float64();
}

// One stem with the parameters of one call; S is the type that it computes in.
template <class S>
struct Application {
  const Stem<S>& stem;
  const std::vector<Parameter>& parameters;
  Layout layout;
  Counts counts;
  Plan plan;
  std::vector<S> table;

  Application(const Tensor& x, int64_t axis, const Stem<S>& stem, const std::vector<Parameter>& parameters)
      : stem(stem),
        parameters(parameters),
        layout(layout_of(Shape(x), axis)),
        counts{parameters[0].rows(), parameters.size() > 1 ? parameters[1].rows() : 0},
        plan(layout, counts.first + counts.second, dtype_of(x) != dtype_of_compute<S>()),
        table((counts.first + counts.second) * plan.period()) {
    int64_t row = 0;
    for (const Parameter& parameter : parameters) {
      STD_TORCH_CHECK(
          parameter.units() == 1 || parameter.units() == layout.units,
          "rectifiers: expected a parameter for 1 or ", layout.units, " units, got one for ", parameter.units());
      parameter.tabulate(plan, layout, row, table.data());
      row += parameter.rows();
    }
  }

  Tensor forward(const Tensor& x) const {
    const Tensor y = empty_as(x);
    run_forward<S>(plan, stem.forward[plan.kind()], memory<S>(x, false), memory<S>(y, true), table.data(), counts);
    return y;
  }

  std::vector<Tensor> backward(const Tensor& grad, const Tensor& saved, bool scaled) const {
    std::vector<Tensor> gradients = {empty_as(saved)};
    const std::vector<double> sums = run_backward<S>(
        plan,
        stem.backward[plan.kind()],
        memory<S>(grad, false),
        memory<S>(saved, false),
        memory<S>(gradients[0], true),
        table.data(),
        counts);
    const double* row = sums.data();
    for (const Parameter& parameter : parameters) {
      gradients.push_back(parameter.gradient(layout, row, scaled));
      row += parameter.rows() * layout.units;
    }
    return gradients;
  }
};

void check_input(const Tensor& x, int64_t axis) {
  const int32_t dtype = dtype_of(x);
  STD_TORCH_CHECK(x.is_cpu(), "rectifiers: expected an input on the CPU");
  STD_TORCH_CHECK(
      dtype == aoti_torch_dtype_float32() || dtype == aoti_torch_dtype_float64() ||
          dtype == aoti_torch_dtype_bfloat16() || dtype == aoti_torch_dtype_float16(),
      "rectifiers: expected float32, float64, bfloat16 or float16");
  STD_TORCH_CHECK(
      axis >= kElement && axis < std::max<int64_t>(x.dim(), 0),
      "rectifiers: expected an axis of a tensor of ", x.dim(), " dimensions, -1 or -2, got ", axis);
}

bool is_double(const Tensor& x) { return dtype_of(x) == aoti_torch_dtype_float64(); }

struct Argument {
  const Tensor& tensor;
  const Map& map;
  bool listed;
};

std::vector<Parameter> collect(std::initializer_list<Argument> arguments) {
  std::vector<Parameter> parameters;
  for (const Argument& argument : arguments) {
    parameters.emplace_back(argument.tensor, argument.map, argument.listed, kernels());
  }
  int64_t rows = 0;
  for (const Parameter& parameter : parameters) rows += parameter.rows();
  STD_TORCH_CHECK(rows > 0 && rows <= kMostRows, "rectifiers: expected 1 to ", kMostRows, " coefficients, got ", rows);
  return parameters;
}

using Member = Stem<float> Stems<float>::*;
using DoubleMember = Stem<double> Stems<double>::*;

Tensor forward(
    const Tensor& x,
    int64_t axis,
    Member single,
    DoubleMember twice,
    std::initializer_list<Argument> arguments) {
  check_input(x, axis);
  const std::vector<Parameter> parameters = collect(arguments);
  const Tensor ready = dense(x, axis);
  if (!ready.numel()) return empty_as(ready);
  if (is_double(x)) return Application<double>(ready, axis, kernels().twice.*twice, parameters).forward(ready);
  return Application<float>(ready, axis, kernels().single.*single, parameters).forward(ready);
}

std::vector<Tensor> backward(
    const Tensor& grad,
    const Tensor& saved,
    int64_t axis,
    bool scaled,
    Member single,
    DoubleMember twice,
    std::initializer_list<Argument> arguments) {
  check_input(saved, axis);
  check_input(grad, axis);
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(saved)) && dtype_of(grad) == dtype_of(saved),
      "rectifiers: expected a gradient of the shape and dtype of what was saved");
  const std::vector<Parameter> parameters = collect(arguments);
  const Tensor ready = dense(saved, axis);
  if (!ready.numel()) {
    std::vector<Tensor> gradients = {empty_as(ready)};
    for (const Argument& argument : arguments) {
      gradients.push_back(empty_as(rectifiers::contiguous(argument.tensor)));
      torch::stable::zero_(gradients.back());
    }
    return gradients;
  }
  const Tensor aligned = laid_out_like(grad, ready);
  if (is_double(saved)) {
    return Application<double>(ready, axis, kernels().twice.*twice, parameters).backward(aligned, ready, scaled);
  }
  return Application<float>(ready, axis, kernels().single.*single, parameters).backward(aligned, ready, scaled);
}

using Two = std::tuple<Tensor, Tensor>;
using Three = std::tuple<Tensor, Tensor, Tensor>;

Two two(const std::vector<Tensor>& tensors) { return {tensors[0], tensors[1]}; }
Three three(const std::vector<Tensor>& tensors) { return {tensors[0], tensors[1], tensors[2]}; }

// How two slopes come from their parameters; the numbers stand in kernels/two_slopes.py.
enum Slopes { kPlain, kAttention, kAmplified };

const Map& below(int64_t slopes) { return slopes == kPlain ? kIdentity : kClamp; }
const Map& above(int64_t slopes) {
  return slopes == kPlain ? kIdentity : slopes == kAttention ? kSigmoid : kOnePlusSigmoid;
}

#define STEM(name) &Stems<float>::name, &Stems<double>::name

Tensor two_slopes(Tensor x, Tensor negative, Tensor positive, int64_t slopes, int64_t axis) {
  return forward(x, axis, STEM(two_slopes), {{negative, below(slopes), false}, {positive, above(slopes), false}});
}

Three two_slopes_backward(
    Tensor grad, Tensor saved, Tensor negative, Tensor positive, int64_t slopes, int64_t axis, bool inverted) {
  return three(backward(
      grad,
      saved,
      axis,
      inverted,
      STEM(two_slopes),
      {{negative, below(slopes), false}, {positive, above(slopes), false}}));
}

// Whether both slopes are so far above zero that the input can be told from the output.
bool two_slopes_invertible(Tensor negative, Tensor positive, int64_t slopes) {
  constexpr double least = 1.0 / 1024;
  for (const Argument& argument :
       {Argument{negative, below(slopes), false}, Argument{positive, above(slopes), false}}) {
    for (const double value : Parameter(argument.tensor, argument.map, false, kernels()).values()) {
      const double slope = argument.map.value(value);
      if (!(slope >= least && slope <= 1 / least)) return false;
    }
  }
  return true;
}

Tensor threshold(Tensor x, Tensor theta, int64_t axis) {
  return forward(x, axis, STEM(threshold), {{theta, kIdentity, false}});
}

Two threshold_backward(Tensor grad, Tensor saved, Tensor theta, int64_t axis) {
  return two(backward(grad, saved, axis, false, STEM(threshold), {{theta, kIdentity, false}}));
}

Tensor wave(Tensor x, Tensor alpha, Tensor beta, int64_t axis) {
  return forward(x, axis, STEM(wave), {{alpha, kIdentity, false}, {beta, kIdentity, false}});
}

Three wave_backward(Tensor grad, Tensor x, Tensor alpha, Tensor beta, int64_t axis) {
  return three(backward(grad, x, axis, false, STEM(wave), {{alpha, kIdentity, false}, {beta, kIdentity, false}}));
}

Tensor wave_below(Tensor x, Tensor epsilon, int64_t axis) {
  return forward(x, axis, STEM(wave_below), {{epsilon, kIdentity, false}});
}

Two wave_below_backward(Tensor grad, Tensor x, Tensor epsilon, int64_t axis) {
  return two(backward(grad, x, axis, false, STEM(wave_below), {{epsilon, kIdentity, false}}));
}

Tensor hinges(Tensor x, Tensor a, Tensor b, int64_t axis) {
  STD_TORCH_CHECK(a.size(0) == b.size(0), "rectifiers: expected as many slopes as places");
  return forward(x, axis, STEM(hinges), {{a, kIdentity, true}, {b, kIdentity, true}});
}

Three hinges_backward(Tensor grad, Tensor x, Tensor a, Tensor b, int64_t axis) {
  STD_TORCH_CHECK(a.size(0) == b.size(0), "rectifiers: expected as many slopes as places");
  return three(backward(grad, x, axis, false, STEM(hinges), {{a, kIdentity, true}, {b, kIdentity, true}}));
}

Tensor rational(Tensor x, Tensor numerator, Tensor denominator, bool absolute, int64_t axis) {
  if (absolute) {
    return forward(x, axis, STEM(rational_a), {{numerator, kIdentity, true}, {denominator, kAbsolute, true}});
  }
  return forward(x, axis, STEM(rational_b), {{numerator, kIdentity, true}, {denominator, kIdentity, true}});
}

Three rational_backward(
    Tensor grad, Tensor x, Tensor numerator, Tensor denominator, bool absolute, int64_t axis) {
  if (absolute) {
    return three(backward(
        grad, x, axis, false, STEM(rational_a), {{numerator, kIdentity, true}, {denominator, kAbsolute, true}}));
  }
  return three(backward(
      grad, x, axis, false, STEM(rational_b), {{numerator, kIdentity, true}, {denominator, kIdentity, true}}));
}

// CReLU: `run` consecutive elements of the input make `run` of each phase of the output.
struct Halves {
  int64_t outer, run;
};

Halves halves_of(const Tensor& y, int64_t dim) {
  const Shape shape(y);
  const std::vector<int64_t> order = memory_order(shape);
  const size_t at = std::find(order.begin(), order.end(), dim) - order.begin();
  return {sizes_between(shape, order, 0, at), sizes_between(shape, order, at, order.size()) / 2};
}

// An empty tensor of the memory order of `x`, which is dense, with another number of elements in `dim`.
Tensor empty_resized(const Tensor& x, int64_t dim, int64_t size) {
  const Shape shape(x);
  std::vector<int64_t> order(shape.rank), sizes(shape.sizes, shape.sizes + shape.rank), strides(shape.rank);
  std::iota(order.begin(), order.end(), 0);
  if (!x.is_contiguous()) {
    std::stable_sort(
        order.begin(), order.end(), [&](int64_t a, int64_t b) { return shape.strides[a] > shape.strides[b]; });
  }
  sizes[dim] = size;
  int64_t next = 1;
  for (auto other = order.rbegin(); other != order.rend(); ++other) {
    strides[*other] = next;
    next *= std::max<int64_t>(sizes[*other], 1);
  }
  return empty(shape.rank, sizes.data(), strides.data(), dtype_of(x));
}

// Calls body(x, positive, n): the places of n elements in the input and in the positive phase; the negative one
// stands `run` behind.
template <class Body>
void over_halves(const Halves& halves, const Body& body) {
  const int64_t segments = (halves.run + kBlock - 1) / kBlock;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::min(halves.run, kBlock));
  torch::stable::parallel_for(0, halves.outer * segments, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t outer = task / segments, from = task % segments * kBlock;
      body(outer * halves.run + from, 2 * outer * halves.run + from, std::min(kBlock, halves.run - from));
    }
  });
}

template <class S>
void crelu_into(const Tensor& x, const Tensor& y, const Halves& halves, const Phases<S>& phases) {
  const Memory<S> in = memory<S>(x, false), out = memory<S>(y, true);
  over_halves(halves, [&](int64_t from, int64_t positive, int64_t n) {
    S a[kBlock], b[kBlock], c[kBlock];
    const int64_t negative = positive + halves.run;
    phases.forward(n, in.load(from, n, a), out.room(positive, b), out.room(negative, c));
    out.store(positive, n, b);
    out.store(negative, n, c);
  });
}

template <class S>
void crelu_backward_into(
    const Tensor& grad, const Tensor& y, const Tensor& grad_x, const Halves& halves, const Phases<S>& phases) {
  const Memory<S> g = memory<S>(grad, false), out = memory<S>(y, false), into = memory<S>(grad_x, true);
  over_halves(halves, [&](int64_t to, int64_t positive, int64_t n) {
    S a[kBlock], b[kBlock], c[kBlock], d[kBlock], e[kBlock];
    const int64_t negative = positive + halves.run;
    phases.backward(
        n,
        g.load(positive, n, a),
        g.load(negative, n, b),
        out.load(positive, n, c),
        out.load(negative, n, d),
        into.room(to, e));
    into.store(to, n, e);
  });
}

Tensor crelu(Tensor x, int64_t dim) {
  check_input(x, dim);
  STD_TORCH_CHECK(dim >= 0, "rectifiers: expected a dimension, got ", dim);
  // A dimension of one element has no place of its own in memory, save in a contiguous tensor.
  const Tensor ready = is_dense(Shape(x)) && x.size(dim) != 1 ? x : rectifiers::contiguous(x);
  const Tensor y = empty_resized(ready, dim, 2 * x.size(dim));
  if (!y.numel()) return y;
  if (is_double(x)) {
    crelu_into<double>(ready, y, halves_of(y, dim), kernels().twice.crelu);
  } else {
    crelu_into<float>(ready, y, halves_of(y, dim), kernels().single.crelu);
  }
  return y;
}

Tensor crelu_backward(Tensor grad, Tensor y, int64_t dim) {
  check_input(y, dim);
  STD_TORCH_CHECK(dim >= 0 && y.size(dim) % 2 == 0, "rectifiers: expected two phases in dimension ", dim);
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(y)) && dtype_of(grad) == dtype_of(y) && grad.is_cpu(),
      "rectifiers: expected a gradient of the shape and dtype of the output");
  const Tensor ready = dense(y, kLayer), aligned = laid_out_like(grad, ready);
  const Tensor grad_x = empty_resized(ready, dim, y.size(dim) / 2);
  if (!y.numel()) return grad_x;
  if (is_double(y)) {
    crelu_backward_into<double>(aligned, ready, grad_x, halves_of(ready, dim), kernels().twice.crelu);
  } else {
    crelu_backward_into<float>(aligned, ready, grad_x, halves_of(ready, dim), kernels().single.crelu);
  }
  return grad_x;
}

}  // namespace

const Kernels& best_kernels() { return kernels(); }

}  // namespace rectifiers

extern "C" __attribute__((visibility("default"))) const char* rectifiers_instruction_set() {
  using rectifiers::Isa;
  const Isa isa = rectifiers::isa();
  return isa == Isa::kAvx512 ? "AVX-512" : isa == Isa::kAvx2 ? "AVX2" : "baseline";
}

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, m) {
  m.impl("two_slopes", TORCH_BOX(&rectifiers::two_slopes));
  m.impl("two_slopes_forward", TORCH_BOX(&rectifiers::two_slopes));
  m.impl("two_slopes_backward", TORCH_BOX(&rectifiers::two_slopes_backward));
  m.impl("two_slopes_invertible", TORCH_BOX(&rectifiers::two_slopes_invertible));
  m.impl("threshold", TORCH_BOX(&rectifiers::threshold));
  m.impl("threshold_forward", TORCH_BOX(&rectifiers::threshold));
  m.impl("threshold_backward", TORCH_BOX(&rectifiers::threshold_backward));
  m.impl("wave", TORCH_BOX(&rectifiers::wave));
  m.impl("wave_forward", TORCH_BOX(&rectifiers::wave));
  m.impl("wave_backward", TORCH_BOX(&rectifiers::wave_backward));
  m.impl("wave_below", TORCH_BOX(&rectifiers::wave_below));
  m.impl("wave_below_forward", TORCH_BOX(&rectifiers::wave_below));
  m.impl("wave_below_backward", TORCH_BOX(&rectifiers::wave_below_backward));
  m.impl("hinges", TORCH_BOX(&rectifiers::hinges));
  m.impl("hinges_forward", TORCH_BOX(&rectifiers::hinges));
  m.impl("hinges_backward", TORCH_BOX(&rectifiers::hinges_backward));
  m.impl("rational", TORCH_BOX(&rectifiers::rational));
  m.impl("rational_forward", TORCH_BOX(&rectifiers::rational));
  m.impl("rational_backward", TORCH_BOX(&rectifiers::rational_backward));
  m.impl("crelu", TORCH_BOX(&rectifiers::crelu));
  m.impl("crelu_forward", TORCH_BOX(&rectifiers::crelu));
  m.impl("crelu_backward", TORCH_BOX(&rectifiers::crelu_backward));
}
