// A parameter as the caller has it, and the coefficients that the formulas take.
//
// Axes: rows, one per coefficient, × units that own a parameter.
#pragma once

#include "driver.h"
#include "maps.h"

namespace rectifiers {

class Parameter {
 public:
  Parameter(const Tensor& tensor, const Coefficients& coefficients)
      : tensor_(rectifiers::contiguous(tensor)), map_(coefficients.map) {
    const Shape shape(tensor_);
    STD_TORCH_CHECK(tensor.is_cpu(), "rectifiers: expected a parameter on the CPU");
    STD_TORCH_CHECK(!coefficients.listed || shape.rank > 0, "rectifiers: expected a parameter with an axis of coefficients");
    rows_ = coefficients.listed ? shape.sizes[0] : 1;
    units_ = rows_ ? shape.numel() / rows_ : 0;
    read();
  }

  int64_t rows() const { return rows_; }
  int64_t units() const { return units_; }

  // The coefficients, a row per coefficient, a column per unit.
  std::vector<double> coefficients() const {
    std::vector<double> mapped = values_;
    for (double& value : mapped) value = map_.value(value);
    return mapped;
  }

  // Writes the coefficients to `table`, from `row` on, a column per column of the plan.
  template <class S>
  void tabulate(const Plan& plan, const Layout& layout, int64_t row, S* table) const {
    std::vector<S> mapped(values_.size());
    for (size_t i = 0; i < mapped.size(); ++i) mapped[i] = static_cast<S>(map_.value(values_[i]));
    for (int64_t k = 0; k < rows_; ++k) {
      S* const to = table + (row + k) * plan.period();
      const S* const from = mapped.data() + k * units_;
      plan.each_column(0, plan.period(), [&](int64_t column, int64_t unit) {
        to[column] = from[units_ == 1 ? 0 : layout.place(unit)];
      });
    }
  }

  // The parameter's gradient out of its coefficients' sums. `scaled`: they come multiplied by the coefficients.
  Tensor gradient(const Layout& layout, const double* sums, bool scaled) const {
    std::vector<double> found(values_.size(), 0.0);
    for (int64_t k = 0; k < rows_; ++k) {
      for (int64_t unit = 0; unit < layout.units; ++unit) {
        found[k * units_ + (units_ == 1 ? 0 : layout.place(unit))] += sums[k * layout.units + unit];
      }
    }
    for (size_t i = 0; i < found.size(); ++i) {
      found[i] *= map_.derivative(values_[i]);
      if (scaled) found[i] /= map_.value(values_[i]);
    }
    return stored(found);
  }

 private:
  void read() {
    values_.resize(rows_ * units_);
    const int64_t n = values_.size();
    const int32_t dtype = dtype_of(tensor_);
    const void* data = tensor_.const_data_ptr();
    if (dtype == aoti_torch_dtype_float64()) {
      std::copy_n(static_cast<const double*>(data), n, values_.begin());
    } else if (dtype == aoti_torch_dtype_float32()) {
      std::copy_n(static_cast<const float*>(data), n, values_.begin());
    } else {
      std::vector<float> wide(n);
      half(dtype).widen(n, static_cast<const uint16_t*>(data), wide.data());
      std::copy_n(wide.begin(), n, values_.begin());
    }
  }

  const Half& half(int32_t dtype) const {
    const bool brain = dtype == aoti_torch_dtype_bfloat16();
    STD_TORCH_CHECK(brain || dtype == aoti_torch_dtype_float16(), "rectifiers: expected a floating-point parameter");
    return brain ? best_kernels().bfloat16 : best_kernels().float16;
  }

  Tensor stored(const std::vector<double>& values) const {
    Tensor result = empty_as(tensor_);
    void* data = result.mutable_data_ptr();
    const int32_t dtype = dtype_of(tensor_);
    if (dtype == aoti_torch_dtype_float64()) {
      std::copy(values.begin(), values.end(), static_cast<double*>(data));
    } else if (dtype == aoti_torch_dtype_float32()) {
      std::copy(values.begin(), values.end(), static_cast<float*>(data));
    } else {
      const std::vector<float> narrow(values.begin(), values.end());
      half(dtype).narrow(narrow.size(), narrow.data(), static_cast<uint16_t*>(data));
    }
    return result;
  }

  const Tensor tensor_;
  const Map& map_;
  int64_t rows_, units_;
  std::vector<double> values_;  // a row per coefficient, a column per unit
};

}  // namespace rectifiers
