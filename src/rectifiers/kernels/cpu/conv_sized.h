// Register blocks are compiled for every size up to the largest; this picks the one of a size known only when run.
#pragma once

#include <cstdint>
#include <utility>

namespace {

// A number that is part of a type.
template <int number>
struct Constant {
  static constexpr int value = number;
};

template <class Body, int... sizes>
void call_sized_of(int64_t size, const Body& body, std::integer_sequence<int, sizes...>) {
  using Call = void (*)(const Body&);
  static constexpr Call all[] = {+[](const Body& body) { body(Constant<sizes + 1>()); }...};
  all[size - 1](body);
}

// Calls body(Constant<size>()), 1 ≤ size ≤ most.
template <int most, class Body>
void call_sized(int64_t size, const Body& body) {
  call_sized_of(size, body, std::make_integer_sequence<int, most>());
}

}  // namespace
