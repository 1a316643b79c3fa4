// The operators of random slopes.
#include "driver.h"
#include "elementwise.h"

namespace rectifiers {
namespace {

// `sign` says which elements are below zero; the slopes multiply `from`, which lies in memory as it does. Elements are
// counted in the order of memory.
template <class S>
Tensor multiply(const Tensor& sign, const Tensor& from, const Draw& draw) {
  const Tensor to = empty_as(sign);
  const int64_t total = Shape(sign).numel(), blocks = (total + kBlock - 1) / kBlock;
  const Memory<S> signs = memory<S>(sign, false), in = memory<S>(from, false), out = memory<S>(to, true);
  torch::stable::parallel_for(0, blocks, kGrain / kBlock, [&](int64_t first, int64_t last) {
    S a[kBlock], b[kBlock], c[kBlock];
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kBlock, n = std::min(kBlock, total - begin);
      const S* const read = in.load(begin, n, a);
      formulas<S>().draw_slopes(
          begin, n, in.data == signs.data ? read : signs.load(begin, n, b), read, out.room(begin, c), draw);
      out.store(begin, n, c);
    }
  });
  return to;
}

Tensor multiply(const Tensor& sign, const Tensor& from, double lower, double upper, int64_t seed) {
  const Draw draw = {lower, upper, static_cast<uint64_t>(seed)};
  return is_double(sign) ? multiply<double>(sign, from, draw) : multiply<float>(sign, from, draw);
}

Tensor random_slopes_forward(Tensor x, double lower, double upper, int64_t seed) {
  check_input(x, kLayer);
  const Tensor ready = dense(x, kLayer);
  return multiply(ready, ready, lower, upper, seed);
}

// Input and output of a call have the same signs, so either can be `saved`.
Tensor random_slopes_backward(Tensor grad, Tensor saved, double lower, double upper, int64_t seed) {
  check_input(saved, kLayer);
  check_input(grad, kLayer);
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(saved)) && dtype_of(grad) == dtype_of(saved),
      "rectifiers: expected a gradient of the shape and dtype of what was saved");
  const Tensor ready = dense(saved, kLayer);
  return multiply(ready, laid_out_like(grad, ready), lower, upper, seed);
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, library) {
  library.impl("random_slopes", TORCH_BOX(&rectifiers::random_slopes_forward));
  library.impl("random_slopes_forward", TORCH_BOX(&rectifiers::random_slopes_forward));
  library.impl("random_slopes_backward", TORCH_BOX(&rectifiers::random_slopes_backward));
}
