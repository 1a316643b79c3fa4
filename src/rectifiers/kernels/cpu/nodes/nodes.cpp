// Nodes of the graph in C++: a call with a derivative and no Python in it.
//
// PyTorch's stable ABI knows no nodes, so these stand in a library of their own that serves one version of PyTorch. They call
// the operators of the other, and do what the node in kernels/elementwise.py does, to the bit; that one serves where this
// library cannot be had.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using torch::jit::Stack;

// What the derivative is computed from; kernels/elementwise.py numbers it alike.
enum Keeps : int64_t { kInput = 0, kOutput = 1, kAskParameters = 2 };

// The operators of a formula. `composite` is the reference's gradients, in Python.
struct Formula {
  c10::OperatorHandle forward, backward, composite;
  std::optional<c10::OperatorHandle> invertible;
  size_t options;  // 0 or 1
};

// What a call has beside tensors.
struct Settings {
  c10::IValue option;
  int64_t axis;
};

// Whether a gradient is just memory, and nothing records or transforms what is done to it.
bool is_eager(const Tensor& grad) {
  const auto keys =
      grad.key_set() - c10::autograd_dispatch_keyset_with_ADInplaceOrView - c10::autocast_dispatch_keyset;
  const auto included = c10::impl::tls_local_dispatch_key_set().included_;
  return !at::GradMode::is_enabled() && keys.highestPriorityTypeId() == c10::DispatchKey::CPU &&
      !included.has(c10::DispatchKey::FuncTorchDynamicLayerFrontMode) && !included.has(c10::DispatchKey::Python);
}

template <size_t>
using Each = Tensor;

template <class Indices>
struct Node;

// A formula with as many parameters as there are indices.
template <size_t... I>
struct Node<std::index_sequence<I...>> : torch::autograd::Function<Node<std::index_sequence<I...>>> {
  static constexpr bool is_traceable = true;
  static constexpr size_t parameters = sizeof...(I);

  static Tensor forward(
      AutogradContext* context,
      const Formula* formula,
      const Settings& settings,
      int64_t keeps,
      const Tensor& x,
      const Each<I>&... given) {
    Stack stack{x, given...};
    {
      const at::AutoDispatchBelowADInplaceOrView below;
      append(stack, *formula, settings);
      formula->forward.callBoxed(stack);
    }
    Tensor out = std::move(stack[0]).toTensor();
    const bool inverted = keeps == kAskParameters ? asked(*formula, settings, given...) : keeps == kOutput;
    context->save_for_backward({inverted ? out : x, given...});
    context->saved_data["formula"] = reinterpret_cast<int64_t>(formula);
    context->saved_data["option"] = settings.option;
    context->saved_data["axis"] = settings.axis;
    context->saved_data["inverted"] = inverted;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto& formula = *reinterpret_cast<const Formula*>(context->saved_data["formula"].toInt());
    const bool inverted = context->saved_data["inverted"].toBool(), eager = is_eager(grads[0]);
    Stack stack{grads[0]};
    for (Tensor& saved : context->get_saved_variables()) stack.emplace_back(std::move(saved));
    append(stack, formula, {context->saved_data["option"], context->saved_data["axis"].toInt()});
    if (!eager || formula.invertible) stack.emplace_back(inverted);
    (eager ? formula.backward : formula.composite).callBoxed(stack);
    // The formula, the settings and what is kept have no gradients.
    variable_list found(3);
    for (c10::IValue& gradient : stack) found.push_back(std::move(gradient).toTensor());
    return found;
  }

  // An operator's arguments: x, parameters, option, axis, what the derivative is computed from.
  static void call(const Formula* formula, Stack& all) {
    const size_t count = 1 + parameters + formula->options + 2;
    const c10::IValue* const from = all.data() + all.size() - count;
    const c10::IValue* const rest = from + 1 + parameters;
    const Settings settings = {formula->options ? rest[0] : c10::IValue(), rest[formula->options].toInt()};
    Tensor out = Node::apply(
        formula, settings, rest[formula->options + 1].toInt(), from[0].toTensor(), from[1 + I].toTensor()...);
    torch::jit::drop(all, count);
    all.emplace_back(std::move(out));
  }

 private:
  static void append(Stack& stack, const Formula& formula, const Settings& settings) {
    if (formula.options) stack.push_back(settings.option);
    stack.emplace_back(settings.axis);
  }

  static bool asked(const Formula& formula, const Settings& settings, const Each<I>&... given) {
    const at::AutoDispatchBelowADInplaceOrView below;
    Stack stack{given...};
    if (formula.options) stack.push_back(settings.option);
    formula.invertible->callBoxed(stack);
    return stack[0].toBool();
  }
};

template <size_t parameters>
struct Kernel : c10::OperatorKernel {
  explicit Kernel(Formula formula) : formula(std::move(formula)) {}

  void operator()(const c10::OperatorHandle&, c10::DispatchKeySet, Stack* stack) {
    Node<std::make_index_sequence<parameters>>::call(&formula, *stack);
  }

  const Formula formula;
};

template <size_t parameters>
void implement(torch::Library& library, const std::string& name) {
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto find = [&](const char* part) {
    return dispatcher.findSchemaOrThrow(("rectifiers::" + name + part).c_str(), "");
  };
  const c10::OperatorHandle forward = find("_forward");
  Formula formula = {
      forward,
      find("_backward"),
      find("_composite"),
      dispatcher.findSchema({"rectifiers::" + name + "_invertible", ""}),
      forward.schema().arguments().size() - parameters - 2,
  };
  library.impl(
      (name + "_node").c_str(),
      torch::CppFunction::makeFromBoxedFunctor(std::make_unique<Kernel<parameters>>(std::move(formula))));
}

}  // namespace

TORCH_LIBRARY_IMPL(rectifiers, AutogradCPU, library) {
#define FORMULA(name, parameters, option, traits, variants) implement<parameters>(library, #name);
#define DOUBLING(name, ...) implement<0>(library, #name);
#include "../formulas.def"
}
