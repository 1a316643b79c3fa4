// Register blocks are compiled for every size up to the largest; this picks the one of a size known only when run.
#pragma once

#include <cstdint>
#include <utility>

namespace {

template <class Block, class Arguments, int... sizes>
void run_sized_of(int64_t size, const Arguments& arguments, std::integer_sequence<int, sizes...>) {
  using Run = void (*)(const Arguments&);
  static constexpr Run all[] = {Block::template run<sizes + 1>...};
  all[size - 1](arguments);
}

// Calls Block::run<size>(arguments), 1 ≤ size ≤ most.
template <class Block, int most, class Arguments>
void run_sized(int64_t size, const Arguments& arguments) {
  run_sized_of<Block>(size, arguments, std::make_integer_sequence<int, most>());
}

}  // namespace
