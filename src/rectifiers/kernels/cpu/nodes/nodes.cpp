// Nodes of the graph in C++: a call with a derivative and no Python in it.
//
// PyTorch's stable ABI knows no nodes, so these stand in a library of their own that serves one version of PyTorch. They call
// the operators of the other, and do what the node in kernels/elementwise.py does, to the bit; that one serves where this
// library cannot be had.
#include <memory>

#include "call.h"
#include "node.h"

namespace {

template <size_t parameters>
struct Kernel : c10::OperatorKernel {
  explicit Kernel(Formula formula) : formula(std::move(formula)) {}

  void operator()(const c10::OperatorHandle&, c10::DispatchKeySet, Stack* stack) {
    Node<parameters>::call(formula, *stack);
  }

  const Formula formula;
};

template <size_t parameters>
void implement(torch::Library& library, const std::string& name) {
  library.impl(
      (name + "_node").c_str(),
      torch::CppFunction::makeFromBoxedFunctor(std::make_unique<Kernel<parameters>>(find_formula(name, parameters))));
}

}  // namespace

TORCH_LIBRARY_IMPL(rectifiers, AutogradCPU, library) {
#define FORMULA(name, parameters, option, traits, variants) implement<parameters>(library, #name);
#define DOUBLING(name, ...) implement<0>(library, #name);
#define NORMALISING(name, ...) implement<1>(library, #name);
#include "../formulas.def"
}
