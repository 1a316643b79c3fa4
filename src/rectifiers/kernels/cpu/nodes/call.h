// A call from Python, without the Python: what `run` in kernels/elementwise.py does, for tensors that are just memory.
//
// On few elements a call takes as long as the Python around it. Here it is one function that is told all that is known of a
// formula beforehand. Whatever it does not serve it leaves to `run`, by NotImplemented. Both ask the same questions: this one
// only for speed, and `run` because packaged kernels, GPUs and systems without Python's headers have nothing else. A test
// compares them.
//
// Needs Python's own headers, which many systems lack; without them there is no such function, and `run` does all.
#pragma once

#if __has_include(<Python.h>)

#include <torch/csrc/Exceptions.h>
#include <torch/csrc/autograd/python_variable.h>

#include <array>
#include <mutex>
#include <utility>

#include "node.h"

namespace {

constexpr int64_t kLayer = -1;  // the axis of parameters that hold for all elements

struct Call {
  Formula formula;
  c10::IValue option;
  int64_t keeps;
  bool along;                    // whether its axis is always a dimension, and its parameters are the layer's
  int64_t most;                  // coefficients of all parameters together; 0: any number
  std::array<bool, 2> listed;    // whether a parameter's first axis counts coefficients
  std::array<int64_t, 2> count;  // and how many there must be; 0: any number
};

// Numbers that stand for a parameter, as tensors; the last few are kept.
Tensor constant(double value, bool twice) {
  static std::mutex mutex;
  static std::array<std::pair<double, Tensor>, 8> kept[2];
  static size_t next = 0;
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& [of, tensor] : kept[twice]) {
    if (tensor.defined() && of == value) return tensor;
  }
  // One made in inference mode could never be saved for a derivative.
  const c10::InferenceMode normal(false);
  const at::AutoDispatchBelowADInplaceOrView below;
  auto& [of, tensor] = kept[twice][next++ % kept[twice].size()];
  of = value;
  return tensor = at::scalar_tensor(value, at::device(at::kCPU).dtype(twice ? at::kDouble : at::kFloat));
}

// The tensor, if that is what it is, and just memory, in a type that the kernels know.
const Tensor* plain(PyObject* object) {
  if (!THPVariable_CheckExact(object)) return nullptr;
  const Tensor& tensor = THPVariable_Unpack(object);
  const auto type = tensor.scalar_type();
  const bool known = type == at::kFloat || type == at::kDouble || is_narrow(tensor);
  return known && is_memory(tensor) ? &tensor : nullptr;
}

// Whether parameters fit the input; finds the axis that they belong to.
template <size_t parameters>
bool fits(
    const Call& call,
    const Tensor& x,
    const std::array<const Tensor*, parameters>& given,
    int64_t channel_dim,
    int64_t& axis) {
  const int64_t rank = x.dim();
  if (call.along || channel_dim < 0) {
    if (channel_dim < -rank || channel_dim >= rank) return false;
    channel_dim = (channel_dim + rank) % rank;
  }
  axis = call.along ? channel_dim : kLayer;
  int64_t coefficients = 0;
  for (size_t i = 0; i < parameters; ++i) {
    const Tensor& parameter = *given[i];
    if (parameter.scalar_type() == at::kDouble && x.scalar_type() != at::kDouble) return false;
    const int64_t dim = parameter.dim(), lead = call.listed[i];
    if (dim != lead && (dim > 1 || parameter.numel() != 1)) {
      // One value per channel; other granularities are left to Python.
      if (call.along || dim != lead + 1 || channel_dim >= rank || parameter.size(lead) != x.size(channel_dim)) return false;
      axis = channel_dim;
    }
    if (!lead) continue;
    if (dim == 0 || (call.count[i] && parameter.size(0) != call.count[i])) return false;
    coefficients += parameter.size(0);
  }
  return !call.most || coefficients <= call.most;
}

// run(x, *parameters, channel_dim)
template <size_t parameters>
PyObject* run(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  HANDLE_TH_ERRORS
  const auto& call = *static_cast<const Call*>(PyCapsule_GetPointer(self, nullptr));
  const Tensor* const x = count == 2 + parameters ? plain(arguments[0]) : nullptr;
  // A mode that listens to functions hears of those that Python calls.
  if (!x || !is_eager() || at::impl::torch_function_mode_enabled()) Py_RETURN_NOTIMPLEMENTED;
  std::array<const Tensor*, parameters> given;
  std::array<Tensor, parameters> constants;
  for (size_t i = 0; i < parameters; ++i) {
    PyObject* const argument = arguments[1 + i];
    if (!call.listed[i] && PyFloat_Check(argument)) {
      constants[i] = constant(PyFloat_AS_DOUBLE(argument), x->scalar_type() == at::kDouble);
      given[i] = &constants[i];
    } else if (!(given[i] = plain(argument))) {
      Py_RETURN_NOTIMPLEMENTED;
    }
  }
  const int64_t channel_dim = PyLong_AsLongLong(arguments[1 + parameters]);
  if (channel_dim == -1 && PyErr_Occurred()) return nullptr;
  int64_t axis;
  if (!fits<parameters>(call, *x, given, channel_dim, axis)) Py_RETURN_NOTIMPLEMENTED;
  Tensor out;
  {
    const pybind11::gil_scoped_release released;
    out = Node<parameters>::call(call.formula, {call.option, axis}, call.keeps, *x, given);
  }
  return THPVariable_Wrap(std::move(out));
  END_HANDLE_TH_ERRORS
}

template <size_t parameters>
PyMethodDef* method() {
  static PyMethodDef found = {
      "run", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&run<parameters>)), METH_FASTCALL, nullptr};
  return &found;
}

}  // namespace

// The function that runs a formula: of (name, options, keeps, along, most, listed, count), where the last two are tuples with
// one entry per parameter.
extern "C" __attribute__((visibility("default"))) PyObject* rectifiers_function(PyObject* facts) {
  HANDLE_TH_ERRORS
  const auto [name, options, keeps, along, most, listed, count] = py::cast<
      std::tuple<std::string, py::tuple, int64_t, bool, int64_t, std::vector<bool>, std::vector<int64_t>>>(
      py::handle(facts));
  const size_t parameters = listed.size();
  TORCH_CHECK(parameters <= 2 && count.size() == parameters && options.size() <= 1, "rectifiers: ", name);
  // Nodes refer to it as long as the process lives.
  Call* const call = new Call{find_formula(name, parameters), {}, keeps, along, most, {}, {}};
  if (options.size()) {
    const bool truth = PyBool_Check(options[0].ptr());
    call->option = truth ? c10::IValue(options[0].cast<bool>()) : c10::IValue(options[0].cast<int64_t>());
  }
  std::copy(listed.begin(), listed.end(), call->listed.begin());
  std::copy(count.begin(), count.end(), call->count.begin());
  const py::capsule self(static_cast<const void*>(call));
  PyMethodDef* const methods[] = {method<0>(), method<1>(), method<2>()};
  return PyCFunction_New(methods[parameters], self.ptr());
  END_HANDLE_TH_ERRORS
}

#endif
