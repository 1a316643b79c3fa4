// A node of the graph in C++, for formulas with up to two parameters.
#pragma once

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

// The operators of a formula, which have been declared.
inline Formula find_formula(const std::string& name, size_t parameters) {
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto find = [&](const char* part) {
    return dispatcher.findSchemaOrThrow(("rectifiers::" + name + part).c_str(), "");
  };
  const c10::OperatorHandle forward = find("_forward");
  return {
      forward,
      find("_backward"),
      find("_composite"),
      dispatcher.findSchema({"rectifiers::" + name + "_invertible", ""}),
      forward.schema().arguments().size() - parameters - 2,
  };
}

// What a call has beside tensors.
struct Settings {
  c10::IValue option;
  int64_t axis;
};

// Whether a tensor is just memory of the processor.
inline bool is_memory(const Tensor& tensor) {
  const auto keys =
      tensor.key_set() - c10::autograd_dispatch_keyset_with_ADInplaceOrView - c10::autocast_dispatch_keyset;
  return keys.highestPriorityTypeId() == c10::DispatchKey::CPU;
}

// Whether a gradient is just memory, and nothing records or transforms what is done to it.
inline bool is_eager(const Tensor& grad) {
  const auto included = c10::impl::tls_local_dispatch_key_set().included_;
  return !at::GradMode::is_enabled() && is_memory(grad) &&
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
    // One entry, for every one costs a search.
    context->saved_data["call"] = c10::ivalue::Tuple::create(
        {reinterpret_cast<int64_t>(formula), settings.option, settings.axis, inverted});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    // The formula, the settings and what is kept have no gradients.
    return gradients(*context, grads[0], 3);
  }

  // Those of the input and the parameters, behind so many that do not exist.
  static variable_list gradients(AutogradContext& context, const Tensor& grad, size_t none) {
    const auto call = context.saved_data["call"].toTuple();
    const auto& values = call->elements();
    const auto& formula = *reinterpret_cast<const Formula*>(values[0].toInt());
    const bool eager = is_eager(grad);
    Stack stack;
    stack.reserve(5 + parameters);
    stack.emplace_back(grad);
    for (Tensor& saved : context.get_saved_variables()) stack.emplace_back(std::move(saved));
    append(stack, formula, {values[1], values[2].toInt()});
    if (!eager || formula.invertible) stack.push_back(values[3]);
    if (eager) {
      const at::AutoDispatchBelowADInplaceOrView below;
      formula.backward.callBoxed(stack);
    } else {
      formula.composite.callBoxed(stack);
    }
    variable_list found(none);
    found.reserve(none + stack.size());
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
using NodeOf = Node<std::make_index_sequence<parameters>>;

}  // namespace

// What PyTorch does around `backward` looks up the name of the node, which takes a tenth of a small call's time, for errors
// that cannot happen here.
namespace torch::autograd {

#define APPLY(parameters)                                                                                  \
  template <>                                                                                              \
  variable_list CppNode<NodeOf<parameters>>::apply(variable_list&& grads) {                                \
    const std::lock_guard<std::mutex> lock(mutex_);                                                        \
    if (grads[0].defined()) return NodeOf<parameters>::gradients(ctx_, grads[0], 0);                       \
    return CppNode_apply_functional<NodeOf<parameters>>(                                                   \
        std::move(grads), ctx_, is_variable_input_, output_info_, name());                                 \
  }
APPLY(0)
APPLY(1)
APPLY(2)
#undef APPLY

}  // namespace torch::autograd
