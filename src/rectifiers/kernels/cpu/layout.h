// How the parameters of a formula lie over the elements of a tensor, in memory order: outer × units × inner.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensor.h"

namespace rectifiers {

// Values of `axis` that name no dimension.
constexpr int64_t kLayer = -1, kElement = -2;

struct Layout {
  int64_t outer, units, inner;
  // Where the parameter of each unit stands, in the order of its tensor; empty if in the same place.
  std::vector<int64_t> places;

  int64_t numel() const { return outer * units * inner; }
  int64_t place(int64_t unit) const { return places.empty() ? unit : places[unit]; }
};

// Dimensions of more than one element, outermost in memory first.
inline std::vector<int64_t> memory_order(const Shape& shape) {
  std::vector<int64_t> order;
  for (int64_t dim = 0; dim < shape.rank; ++dim) {
    if (shape.sizes[dim] != 1) order.push_back(dim);
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return shape.strides[a] > shape.strides[b]; });
  return order;
}

// Whether the elements fill their memory without gaps or overlaps.
inline bool is_dense(const Shape& shape) {
  const std::vector<int64_t> order = memory_order(shape);
  int64_t expected = 1;
  for (auto dim = order.rbegin(); dim != order.rend(); ++dim) {
    if (shape.strides[*dim] != expected) return false;
    expected *= shape.sizes[*dim];
  }
  return true;
}

inline int64_t sizes_between(const Shape& shape, const std::vector<int64_t>& order, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= shape.sizes[order[i]];
  return product;
}

// The units of one sample, in memory order, each with its place in the order of the dimensions.
inline std::vector<int64_t> places_of_units(const Shape& shape, const std::vector<int64_t>& order) {
  if (std::is_sorted(order.begin(), order.end())) return {};
  std::vector<int64_t> strides(shape.rank, 1);
  for (int64_t dim = shape.rank - 2; dim >= 0; --dim) strides[dim] = strides[dim + 1] * shape.sizes[dim + 1];
  std::vector<int64_t> places = {0};
  for (const int64_t dim : order) {
    std::vector<int64_t> longer;
    longer.reserve(places.size() * shape.sizes[dim]);
    for (const int64_t place : places) {
      for (int64_t i = 0; i < shape.sizes[dim]; ++i) longer.push_back(place + i * strides[dim]);
    }
    places = std::move(longer);
  }
  return places;
}

// The layout of a dense tensor; per element, its first dimension must be outermost in memory.
inline Layout layout_of(const Shape& shape, int64_t axis) {
  if (axis == kLayer) return {1, 1, shape.numel(), {}};
  std::vector<int64_t> order = memory_order(shape);
  if (axis == kElement) {
    const int64_t batch = shape.rank ? shape.sizes[0] : 1;
    if (batch != 1) order.erase(order.begin());
    return {batch, shape.numel() / std::max<int64_t>(batch, 1), 1, places_of_units(shape, order)};
  }
  const auto found = std::find(order.begin(), order.end(), axis);
  if (found == order.end()) return {1, 1, shape.numel(), {}};
  const size_t at = found - order.begin();
  return {sizes_between(shape, order, 0, at), shape.sizes[axis], sizes_between(shape, order, at + 1, order.size()), {}};
}

}  // namespace rectifiers
