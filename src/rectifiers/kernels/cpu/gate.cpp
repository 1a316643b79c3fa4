// The operators of gates: which 0 is SiLU, 1 is GELU. In float; what else there is, PyTorch's own functions do.
#include "elementwise.h"

namespace rectifiers {
namespace {

const Gated& gate_of(const Tensor& x, int64_t which) {
  check_input(x, kLayer);
  STD_TORCH_CHECK(dtype_of(x) == aoti_torch_dtype_float32(), "rectifiers: expected float32");
  STD_TORCH_CHECK(which == 0 || which == 1, "rectifiers: expected gate 0 or 1, got ", which);
  return best_kernels().gates[which];
}

// Calls body(begin, n) for blocks of elements, in the order of memory.
template <class Body>
void over_blocks(int64_t total, const Body& body) {
  const int64_t blocks = (total + kBlock - 1) / kBlock;
  torch::stable::parallel_for(0, blocks, kGrain / kBlock, [&](int64_t first, int64_t last) {
    const int64_t begin = first * kBlock;
    body(begin, std::min(last * kBlock, total) - begin);
  });
}

std::tuple<Tensor, Tensor> gate_forward(Tensor x, int64_t which) {
  const Gated& gate = gate_of(x, which);
  const Tensor ready = dense(x, kLayer), y = empty_as(ready);
  const int64_t total = Shape(ready).numel(), one = 1;
  const Tensor side = empty(1, &total, &one, aoti_torch_dtype_uint8());
  const float* const from = static_cast<const float*>(ready.const_data_ptr());
  float* const to = static_cast<float*>(y.mutable_data_ptr());
  uint8_t* const sides = static_cast<uint8_t*>(side.mutable_data_ptr());
  over_blocks(total, [&](int64_t at, int64_t n) { gate.forward(n, from + at, to + at, sides + at); });
  return {y, side};
}

Tensor gate_backward(Tensor grad, Tensor y, Tensor side, int64_t which) {
  const Gated& gate = gate_of(y, which);
  check_input(grad, kLayer);
  const Tensor ready = dense(y, kLayer);
  const int64_t total = Shape(ready).numel();
  STD_TORCH_CHECK(
      same_sizes(Shape(grad), Shape(y)) && dtype_of(grad) == dtype_of(y),
      "rectifiers: expected a gradient of the shape and dtype of the output");
  STD_TORCH_CHECK(
      side.is_cpu() && dtype_of(side) == aoti_torch_dtype_uint8() && side.dim() == 1 && side.size(0) == total &&
          side.is_contiguous(),
      "rectifiers: expected a byte per element of the output");
  const Tensor aligned = laid_out_like(grad, ready), grad_x = empty_as(ready);
  const float* const up = static_cast<const float*>(aligned.const_data_ptr());
  const float* const from = static_cast<const float*>(ready.const_data_ptr());
  const uint8_t* const sides = static_cast<const uint8_t*>(side.const_data_ptr());
  float* const to = static_cast<float*>(grad_x.mutable_data_ptr());
  over_blocks(total, [&](int64_t at, int64_t n) { gate.backward(n, up + at, from + at, sides + at, to + at); });
  return grad_x;
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, library) {
  library.impl("gate", TORCH_BOX(&rectifiers::gate_forward));
  library.impl("gate_forward", TORCH_BOX(&rectifiers::gate_forward));
  library.impl("gate_backward", TORCH_BOX(&rectifiers::gate_backward));
}
