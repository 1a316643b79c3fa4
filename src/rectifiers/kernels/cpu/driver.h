// Runs a formula over a tensor: by the blocks of a plan, with the sums of the coefficients' gradients.
//
// Tasks and the order of all sums follow from the shape alone, so the number of threads changes no bit. All sums
// are double.
#pragma once

#include <memory>

#include "plan.h"

namespace rectifiers {

// Memory in one of the four dtypes, as seen by a formula that computes in S.
template <class S>
struct Memory {
  char* data;
  const Half* half;  // null: S itself

  const S* load(int64_t at, int64_t n, S* buffer) const {
    if constexpr (sizeof(S) == sizeof(float)) {
      if (half) {
        half->widen(n, reinterpret_cast<const uint16_t*>(data) + at, buffer);
        return buffer;
      }
    }
    return reinterpret_cast<const S*>(data) + at;
  }

  S* room(int64_t at, S* buffer) const { return half ? buffer : reinterpret_cast<S*>(data) + at; }

  void store(int64_t at, int64_t n, const S* from) const {
    if constexpr (sizeof(S) == sizeof(float)) {
      if (half) half->narrow(n, from, reinterpret_cast<uint16_t*>(data) + at);
    }
  }
};

template <class S>
const Formulas<S>& formulas() {
  if constexpr (sizeof(S) == sizeof(float)) {
    return best_kernels().single;
  } else {
    return best_kernels().twice;
  }
}

template <class S>
void run_forward(
    const Plan& plan, Forward<S> formula, Memory<S> x, Memory<S> y, const S* coefficients, Counts counts) {
  plan.parallel([&](int64_t task) {
    S in[kBlock], out[kBlock];
    plan.run(
        task,
        [&](int64_t begin, int64_t n, int64_t column, int64_t) {
          formula(n, x.load(begin, n, in), y.room(begin, out), {coefficients + column, plan.period()}, counts);
          y.store(begin, n, out);
        });
  });
}

// Repeats of a varying block that are added in S.
constexpr int64_t kFewRepeats = 16;

template <class S>
std::vector<double> run_backward(
    const Plan& plan,
    const Elementwise<S>& formula,
    Memory<S> grad,
    Memory<S> saved,
    Memory<S> grad_x,
    const S* coefficients,
    Counts counts) {
  const int64_t width = plan.width(), size = (counts.first + counts.second) * width;
  const std::unique_ptr<double[]> partial(new double[plan.partials()]);
  plan.parallel([&](int64_t task) {
    S grad_in[kBlock], saved_in[kBlock], out[kBlock];
    double* const sums = partial.get() + task * size;
    std::fill(sums, sums + size, 0.0);
    const auto one = [&](auto code, auto* into) {
      return [&, code, into](int64_t begin, int64_t n, int64_t column, int64_t place) {
        code(
            n,
            grad.load(begin, n, grad_in),
            saved.load(begin, n, saved_in),
            grad_x.room(begin, out),
            {coefficients + column, plan.period()},
            {into + place, width},
            counts);
        grad_x.store(begin, n, out);
      };
    };
    if (plan.kind() == kUniform) return plan.run(task, one(formula.uniform_backward, sums));
    std::vector<S> few(size, S(0));
    int64_t repeats = 0;
    const auto add = [&] { formulas<S>().add_up(size, few.data(), sums); };
    const auto count = [&](int64_t more) {
      if ((repeats += more) % kFewRepeats == 0) add();
    };
    const auto single = one(formula.varying_backward, few.data());
    const auto block = [&](int64_t begin, int64_t n, int64_t column, int64_t place) {
      single(begin, n, column, place);
      count(1);
    };
    if (formula.together_backward && !grad.half) {
      plan.run_together(
          task,
          [&](int64_t begin, int64_t n, int64_t column) {
            formula.together_backward(
                n,
                plan.period(),
                grad.load(begin, 0, nullptr),
                saved.load(begin, 0, nullptr),
                grad_x.room(begin, nullptr),
                {coefficients + column, plan.period()},
                {few.data(), width});
            count(kTogether);
          },
          block);
    } else {
      plan.run(task, block);
    }
    add();
  });
  return plan.total(partial.get());
}

}  // namespace rectifiers
