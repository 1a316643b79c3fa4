// A node of the graph in C++, for formulas with up to two parameters.
//
// It is written out, and not made by `torch::autograd::Function`: what that keeps of a call for all that a function may be
// takes a twentieth of a small call's time, forward and backward.
#pragma once

#include <c10/core/impl/TorchDispatchModeTLS.h>
#include <torch/csrc/autograd/forward_grad.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/dynamo/compiled_autograd.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/library.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace {

using at::Tensor;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
using torch::jit::Stack;

// What the derivative is computed from; kernels/elementwise.py numbers it alike.
enum Keeps : int64_t { kInput = 0, kOutput = 1, kAskParameters = 2 };

// The operators of a formula. `composite` is the reference's gradients, in Python.
struct Formula {
  std::string name;
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
      name,
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

inline bool is_narrow(const Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
}

// Whether operators simply run, with nothing that traces, batches or transforms them.
inline bool is_eager() {
  const auto included = c10::impl::tls_local_dispatch_key_set().included_;
  return !included.has_any(c10::DispatchKeySet(
             {c10::DispatchKey::FuncTorchDynamicLayerFrontMode, c10::DispatchKey::FuncTorchDynamicLayerBackMode})) &&
      !c10::impl::TorchDispatchModeTLS::stack_len() && !torch::jit::tracer::isTracing() &&
      !torch::autograd::ForwardADLevel::try_get_by_idx(0);
}

// A pointer that owns a node: a shared one in older versions of PyTorch, an intrusive one in newer.
template <class Node, class Owner = decltype(torch::autograd::Edge::function)>
Owner own(Node* node) {
  if constexpr (requires { Owner::unsafe_steal_from_new(node); }) {
    return Owner::unsafe_steal_from_new(node);
  } else {
    return Owner(node, [](Node* node) { deleteNode(node); });
  }
}

// Tells whoever wants to know of new nodes, where PyTorch has such a thing.
void announce(const auto& node) {
  if constexpr (requires { fire_node_creation_hooks(node); }) fire_node_creation_hooks(node);
}

// The derivative of a formula.
template <size_t parameters>
class Node final : public torch::autograd::Node {
 public:
  using Given = std::array<const Tensor*, parameters>;

  // The formula's value, with a node if anything it depends on has a gradient.
  static Tensor call(const Formula& formula, const Settings& settings, int64_t keeps, const Tensor& x, const Given& given) {
    bool tracked = x.requires_grad();
    for (const Tensor* one : given) tracked |= one->requires_grad();
    // Inference mode records nothing, even if gradients are enabled within it.
    if (!tracked || !at::GradMode::is_enabled() || c10::InferenceMode::is_enabled()) {
      return value(formula, settings, x, given);
    }
    auto* const node = new Node(formula, settings);
    const auto owner = own(node);
    node->set_next_edges(edges(x, given));
    Tensor out;
    {
      const at::AutoGradMode untracked(false);
      const at::AutoDispatchBelowADInplaceOrView below;
      out = value(formula, settings, x, given);
      // A rounded output does not tell on which side of a threshold the input was.
      if (parameters && is_narrow(x)) keeps = kInput;
      node->inverted_ = keeps == kAskParameters ? asked(formula, settings, given) : keeps == kOutput;
    }
    torch::autograd::set_history(out, owner);
    node->saved_ = SavedVariable(node->inverted_ ? out : x, node->inverted_);
    for (size_t i = 0; i < parameters; ++i) node->given_[i] = SavedVariable(*given[i], false);
    announce(owner);
    return out;
  }

  // The same with an operator's arguments: x, parameters, option, axis, what the derivative is computed from.
  static void call(const Formula& formula, Stack& all) {
    const size_t count = 1 + parameters + formula.options + 2;
    const c10::IValue* const from = all.data() + all.size() - count;
    const c10::IValue* const rest = from + 1 + parameters;
    Given given;
    for (size_t i = 0; i < parameters; ++i) given[i] = &from[1 + i].toTensor();
    const Settings settings = {formula.options ? rest[0] : c10::IValue(), rest[formula.options].toInt()};
    Tensor out = call(formula, settings, rest[formula.options + 1].toInt(), from[0].toTensor(), given);
    torch::jit::drop(all, count);
    all.emplace_back(std::move(out));
  }

  variable_list apply(variable_list&& grads) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return gradients(formula_, settings_, inverted_, grads[0], unpacked());
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    saved_.reset_data();
    for (SavedVariable& one : given_) one.reset_data();
  }

  std::string name() const override { return "rectifiers::" + formula_.name; }

  // For the compiler of backward passes: what tells this node from others, and its derivative as a function of nothing else.
  void compiled_args(torch::dynamo::autograd::CompiledNodeArgs& args) const override {
    args.collect(name());
    args.collect(settings_.option, true);  // by its value: another number is another node
    args.collect(settings_.axis);
    args.collect(inverted_);
    args.collect(saved_, inverted_);
    for (const SavedVariable& one : given_) args.collect(one, false);
  }

  variable_list apply_with_saved(
      const variable_list& grads, torch::dynamo::autograd::SwapSavedVariables& swapped) override {
    using namespace torch::dynamo::autograd;
    swapped.before(saved_);
    for (SavedVariable& one : given_) swapped.before(one);
    std::vector<c10::IValue> arguments = {
        reinterpret_cast<int64_t>(&formula_), settings_.option, settings_.axis, inverted_};
    for (Tensor& one : unpacked()) arguments.emplace_back(std::move(one));
    std::vector<at::TypePtr> types;
    for (const c10::IValue& one : arguments) {
      types.push_back(one.isTensor() ? at::TypePtr(at::TensorType::get()) : one.type());
    }
    const auto& compiler = getPyCompilerInterface();
    const std::string bound = compiler->bind_function(swapped.get_py_compiler(), name(), &derivative, types, true, true);
    variable_list found = compiler->call_function(
        swapped.get_py_compiler(),
        "apply_functional",
        bound,
        grads,
        arguments,
        IValuePacker<std::vector<std::optional<torch::autograd::InputMetadata>>>::pack(
            get_input_metadata(next_edges())));
    swapped.after(saved_);
    for (SavedVariable& one : given_) swapped.after(one);
    return found;
  }

 private:
  Node(const Formula& formula, const Settings& settings) : formula_(formula), settings_(settings) {}

  // What the derivative is computed from, then the parameters.
  std::array<Tensor, 1 + parameters> unpacked() {
    std::array<Tensor, 1 + parameters> all;
    all[0] = saved_.unpack(inverted_ ? getptr() : nullptr);
    for (size_t i = 0; i < parameters; ++i) all[1 + i] = given_[i].unpack();
    return all;
  }

  // The gradients of the input and of the parameters.
  static variable_list gradients(
      const Formula& formula,
      const Settings& settings,
      bool inverted,
      const Tensor& grad,
      std::array<Tensor, 1 + parameters> from) {
    if (!grad.defined()) return variable_list(1 + parameters);
    const bool eager = !at::GradMode::is_enabled() && is_memory(grad) && is_eager();
    Stack stack;
    stack.reserve(5 + parameters);
    stack.emplace_back(grad);
    for (Tensor& one : from) stack.emplace_back(std::move(one));
    append(stack, formula, settings);
    if (!eager || formula.invertible) stack.emplace_back(inverted);
    if (eager) {
      const at::AutoDispatchBelowADInplaceOrView below;
      formula.backward.callBoxed(stack);
    } else {
      formula.composite.callBoxed(stack);
    }
    variable_list found;
    found.reserve(stack.size());
    for (c10::IValue& gradient : stack) found.push_back(std::move(gradient).toTensor());
    return found;
  }

  static variable_list derivative(const variable_list& grads, const std::vector<c10::IValue>& arguments) {
    std::array<Tensor, 1 + parameters> from;
    for (size_t i = 0; i < from.size(); ++i) from[i] = arguments[4 + i].toTensor();
    const auto& formula = *reinterpret_cast<const Formula*>(arguments[0].toInt());
    return gradients(formula, {arguments[1], arguments[2].toInt()}, arguments[3].toBool(), grads[0], std::move(from));
  }

  static torch::autograd::edge_list edges(const Tensor& x, const Given& given) {
    torch::autograd::edge_list all;
    all.reserve(1 + parameters);
    all.push_back(torch::autograd::impl::gradient_edge(x));
    for (const Tensor* one : given) all.push_back(torch::autograd::impl::gradient_edge(*one));
    return all;
  }

  static void append(Stack& stack, const Formula& formula, const Settings& settings) {
    if (formula.options) stack.push_back(settings.option);
    stack.emplace_back(settings.axis);
  }

  static Tensor value(const Formula& formula, const Settings& settings, const Tensor& x, const Given& given) {
    Stack stack;
    stack.reserve(3 + parameters);
    stack.emplace_back(x);
    for (const Tensor* one : given) stack.emplace_back(*one);
    append(stack, formula, settings);
    formula.forward.callBoxed(stack);
    return std::move(stack[0]).toTensor();
  }

  static bool asked(const Formula& formula, const Settings& settings, const Given& given) {
    Stack stack;
    stack.reserve(1 + parameters);
    for (const Tensor* one : given) stack.emplace_back(*one);
    if (formula.options) stack.push_back(settings.option);
    formula.invertible->callBoxed(stack);
    return stack[0].toBool();
  }

  const Formula& formula_;  // of the process
  const Settings settings_;
  bool inverted_ = false;
  SavedVariable saved_;
  std::array<SavedVariable, parameters> given_;
};

}  // namespace
