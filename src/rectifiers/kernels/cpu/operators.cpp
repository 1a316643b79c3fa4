// The operators, on PyTorch's stable ABI: one library serves every PyTorch from 2.10 on. All come out of formulas.def;
// kernels/operators.py declares them.
#include <string>
#include <tuple>
#include <utility>

#include "doubling.h"
#include "elementwise.h"
#include "normalising.h"

namespace rectifiers {
namespace {

enum Traits { kPlain = 0, kFlagged = 1, kPaired = 2 };

using None = std::tuple<>;
using Int = std::tuple<int64_t>;
using Bool = std::tuple<bool>;

// Which variant an option stands for.
constexpr int64_t place() { return 0; }
constexpr int64_t place(int64_t option) { return option; }

// What formulas.def says of each formula, as a type.
namespace declared {

#define VARIANT(code, ...) {__VA_ARGS__},
#define FORMULA(name, parameters, option, traits_, variants)                     \
  struct name {                                                                  \
    static constexpr Coefficients coefficients[][parameters] = {variants};       \
    static constexpr int traits = traits_;                                       \
    template <class S>                                                           \
    static const auto& of(const Formulas<S>& formulas) { return formulas.name; } \
  };
#define DOUBLING(name, ...)                                                      \
  struct name {                                                                  \
    template <class S>                                                           \
    static const auto& of(const Formulas<S>& formulas) { return formulas.name; } \
  };
#define NORMALISING(name, count_, code)                                          \
  struct name {                                                                  \
    static constexpr int64_t count = count_;                                     \
    template <class S>                                                           \
    static const auto& of(const Formulas<S>& formulas) { return formulas.name; } \
  };
#include "formulas.def"

}  // namespace declared

template <size_t>
using Each = Tensor;

// The operators of a formula, with its parameters and option among their arguments.
template <class Formula, class Indices, class Option>
struct Operators;

template <class Formula, size_t... I, class... Option>
struct Operators<Formula, std::index_sequence<I...>, std::tuple<Option...>> {
  using Gradients = std::tuple<Tensor, Each<I>...>;

  static Tensor forward(const Tensor& x, const Each<I>&... parameters, Option... option, int64_t axis) {
    const int64_t at = checked(option...);
    return rectifiers::forward(variant(at), x, {Argument{parameters, Formula::coefficients[at][I]}...}, axis);
  }

  static Gradients backward(
      const Tensor& grad, const Tensor& saved, const Each<I>&... parameters, Option... option, int64_t axis) {
    return flagged_backward(grad, saved, parameters..., option..., axis, false);
  }

  static Gradients flagged_backward(
      const Tensor& grad,
      const Tensor& saved,
      const Each<I>&... parameters,
      Option... option,
      int64_t axis,
      bool inverted) {
    const int64_t at = checked(option...);
    std::vector<Tensor> gradients = rectifiers::backward(
        variant(at), grad, saved, {Argument{parameters, Formula::coefficients[at][I]}...}, axis, inverted);
    return {std::move(gradients[0]), std::move(gradients[1 + I])...};
  }

  static bool invertible(const Each<I>&... parameters, Option... option) {
    const int64_t at = checked(option...);
    return rectifiers::invertible({Argument{parameters, Formula::coefficients[at][I]}...});
  }

 private:
  static int64_t checked(Option... option) {
    constexpr int64_t variants = sizeof(Formula::coefficients) / sizeof(Formula::coefficients[0]);
    const int64_t at = place(option...);
    STD_TORCH_CHECK(at >= 0 && at < variants, "rectifiers: expected an option from 0 to ", variants - 1, ", got ", at);
    return at;
  }

  static Variant variant(int64_t at) {
    const Kernels& kernels = best_kernels();
    return {Formula::of(kernels.single)[at], Formula::of(kernels.twice)[at], (Formula::traits & kPaired) != 0};
  }
};

template <class Formula>
struct DoublingOperators {
  static Tensor forward(const Tensor& x, int64_t dim) {
    return rectifiers::forward(Formula::of(best_kernels().single), Formula::of(best_kernels().twice), x, dim);
  }

  static Tensor backward(const Tensor& grad, const Tensor& y, int64_t dim) {
    return rectifiers::backward(Formula::of(best_kernels().single), Formula::of(best_kernels().twice), grad, y, dim);
  }
};

template <class Formula>
struct NormalisingOperators {
  static constexpr Coefficients coefficients = listed(kIdentity);

  static Tensor forward(const Tensor& x, const Tensor& a, int64_t dim) {
    const Kernels& kernels = best_kernels();
    return rectifiers::forward(
        Formula::of(kernels.single), Formula::of(kernels.twice), x, Argument{a, coefficients}, Formula::count, dim);
  }

  static std::tuple<Tensor, Tensor> backward(const Tensor& grad, const Tensor& x, const Tensor& a, int64_t dim) {
    const Kernels& kernels = best_kernels();
    return rectifiers::backward(
        Formula::of(kernels.single), Formula::of(kernels.twice), grad, x, Argument{a, coefficients}, Formula::count, dim);
  }
};

template <class Formula, int parameters, class Option, class Library>
void implement(Library& library, const std::string& name) {
  using All = Operators<Formula, std::make_index_sequence<parameters>, Option>;
  library.impl(name.c_str(), TORCH_BOX(&All::forward));
  library.impl((name + "_forward").c_str(), TORCH_BOX(&All::forward));
  if constexpr (Formula::traits & kFlagged) {
    library.impl((name + "_backward").c_str(), TORCH_BOX(&All::flagged_backward));
    library.impl((name + "_invertible").c_str(), TORCH_BOX(&All::invertible));
  } else {
    library.impl((name + "_backward").c_str(), TORCH_BOX(&All::backward));
  }
}

// `All` has the operators forward and backward.
template <class All, class Library>
void implement_plain(Library& library, const std::string& name) {
  library.impl(name.c_str(), TORCH_BOX(&All::forward));
  library.impl((name + "_forward").c_str(), TORCH_BOX(&All::forward));
  library.impl((name + "_backward").c_str(), TORCH_BOX(&All::backward));
}

}  // namespace
}  // namespace rectifiers

STABLE_TORCH_LIBRARY_IMPL(rectifiers, CPU, library) {
  using namespace rectifiers;
#define FORMULA(name, parameters, option, traits, variants) \
  implement<declared::name, parameters, option>(library, #name);
#define DOUBLING(name, ...) implement_plain<DoublingOperators<declared::name>>(library, #name);
#define NORMALISING(name, count, code) implement_plain<NormalisingOperators<declared::name>>(library, #name);
#include "formulas.def"
}
