// ReLU and a sine. Rows of `wave`: amplitude, angular frequency. Row of `wave_below`: amplitude.
#pragma once

#include "pointwise.h"
#include "sine.h"
#include "strips.h"

namespace {

// What is turned into an angle by a product.
template <class S>
struct Phase {
  S x, beta;
};

struct Wave {
  template <class S>
  static Phase<S> phase(S x, S, S beta) {
    return {x, beta};
  }

  template <class S>
  static S value(SineCosine<S> at, S x, S alpha, S) {
    return relu(x) + alpha * at.sine;
  }

  template <class S>
  static Gradient<S> gradient(SineCosine<S> at, S grad, S x, S alpha, S beta) {
    const S wave = grad * alpha * at.cosine;
    return {(x <= 0 ? 0 : grad) + wave * beta, grad * at.sine, wave * x};
  }
};

struct WaveBelow {
  // A large or infinite positive element must not send its whole strip to the slow sine.
  template <class S>
  static Phase<S> phase(S x, S, S) {
    return {x > 0 ? 0 : x, 1};
  }

  template <class S>
  static S value(SineCosine<S> at, S x, S epsilon, S) {
    return x > 0 ? x : epsilon * (at.sine - at.cosine);
  }

  template <class S>
  static Gradient<S> gradient(SineCosine<S> at, S grad, S x, S epsilon, S) {
    const S below = x < 0 ? grad * epsilon * (at.cosine + at.sine) : 0;
    return {x > 0 ? grad : below, x > 0 ? 0 : grad * (at.sine - at.cosine), 0};
  }
};

// One pointwise formula out of a wave and a way to compute its sine.
template <class Form, bool near>
struct Waving {
  template <class S>
  static SineCosine<S> at(S x, S first, S second) {
    const Phase<S> phase = Form::phase(x, first, second);
    if constexpr (near) {
      return near_sine_cosine(phase.x, phase.beta);
    } else {
      return far_sine_cosine<S>(static_cast<double>(phase.x) * static_cast<double>(phase.beta));
    }
  }

  template <class S>
  static S value(S x, S first, S second) {
    return Form::value(at(x, first, second), x, first, second);
  }

  template <class S>
  static Gradient<S> gradient(S grad, S x, S first, S second) {
    return Form::gradient(at(x, first, second), grad, x, first, second);
  }
};

// The same up to kNear. Sizes of angles are told by the bits of a float, which order them alike, a NaN beyond all.
template <class Form>
struct NearWaving : Waving<Form, true> {
  static int32_t limit() { return bits(kNear); }

  static int32_t reach(float x, float first, float second) {
    const Phase<float> phase = Form::phase(x, first, second);
    return bits(phase.x * phase.beta) & 0x7fffffff;
  }
};

template <class Form, class S>
bool is_far(S x, S first, S second) {
  const Phase<S> phase = Form::phase(x, first, second);
  const S t = phase.x * phase.beta;
  return !((t < 0 ? -t : t) <= kNear);
}

template <class Form, class S, int rows>
bool all_near(int64_t n, const S* x, Rows<const S> c) {
  const S *first = c.data, *second = c.data + (rows - 1) * c.stride;
  int32_t far = 0;
#pragma omp simd reduction(| : far)
  for (int64_t i = 0; i < n; ++i) far |= is_far<Form>(x[i], first[i], second[i]);
  return !far;
}

template <class Form, class S, int rows, bool varying>
void wave_forward(int64_t n, const S* x, S* y, Rows<const S> c, Counts counts) {
  if constexpr (sizeof(S) == sizeof(float)) {
    const S *first = c.data, *second = c.data + (rows - 1) * c.stride;
    const S a = first[0], b = second[0];
    int32_t far = 0;
    // As if all were near; where one is not, which is rare, everything is computed once more.
#pragma omp simd reduction(| : far)
    for (int64_t i = 0; i < n; ++i) {
      const S alpha = varying ? first[i] : a, beta = varying ? second[i] : b;
      far |= is_far<Form>(x[i], alpha, beta);
      y[i] = Waving<Form, true>::value(x[i], alpha, beta);
    }
    if (!far) return;
  }
  pointwise_forward<Waving<Form, false>, S, rows, varying>(n, x, y, c, counts);
}

template <class Form, class S, int rows, bool varying>
void wave_backward(
    int64_t n, const S* grad, const S* x, S* grad_x, Rows<const S> c, Rows<Sum<S, varying>> sums, Counts counts) {
  if constexpr (sizeof(S) == sizeof(float)) {
    if constexpr (!varying) {
      if (uniform_backward_within<NearWaving<Form>, S, rows>(n, grad, x, grad_x, c, sums)) return;
    } else if (all_near<Form, S, rows>(n, x, c)) {
      return varying_backward<Waving<Form, true>, S, rows>(n, grad, x, grad_x, c, sums, counts);
    }
  }
  pointwise_backward<Waving<Form, false>, S, rows, varying>(n, grad, x, grad_x, c, sums, counts);
}

template <class Form, class S, int rows>
constexpr rectifiers::Elementwise<S> waving() {
  constexpr int64_t strip = 2048;
  return {
      {forward_strips<S, false, strip, wave_forward<Form, S, rows, false>>,
       forward_strips<S, true, strip, wave_forward<Form, S, rows, true>>},
      backward_strips<S, false, strip, wave_backward<Form, S, rows, false>>,
      backward_strips<S, true, strip, wave_backward<Form, S, rows, true>>,
  };
}

}  // namespace
