// Tasks for PyTorch's threads, and the partial sums that they make.
//
// Tasks, partial sums and the order in which they are added follow from the shapes alone, so the number of threads
// changes no bit.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor.h"

namespace rectifiers {

constexpr int64_t kMostPartials = 16;        // tasks that each sum up a gradient of the weights, at most
constexpr int64_t kPartialBytes = 12 << 20;  // memory for their sums

// How many partial sums of so many bytes each there may be.
inline int64_t most_partials(int64_t bytes) {
  return std::min(kMostPartials, std::max<int64_t>(2, kPartialBytes / std::max<int64_t>(bytes, 1)));
}

// Calls body(begin, end) for ranges of tasks, on all threads; a range may keep memory from task to task.
template <class Body>
void for_tasks(int64_t tasks, const Body& body) {
  torch::stable::parallel_for(0, tasks, 1, body);
}

}  // namespace rectifiers
