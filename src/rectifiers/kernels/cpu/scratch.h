// Memory for one task, aligned to cache lines.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace rectifiers {

constexpr int64_t kLineBytes = 64;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// Room for `size` numbers, of undefined value.
template <class S>
std::unique_ptr<S[], Free> aligned(int64_t size) {
  const size_t bytes = (size * sizeof(S) + kLineBytes - 1) / kLineBytes * kLineBytes;
  std::unique_ptr<S[], Free> memory(static_cast<S*>(std::aligned_alloc(kLineBytes, bytes)));
  if (!memory) throw std::bad_alloc();
  return memory;
}

// Memory of a size that is known beforehand, from which pieces are taken; all zeros at first.
template <class S>
class Scratch {
 public:
  explicit Scratch(int64_t size)
      : memory_(static_cast<S*>(std::calloc(size * sizeof(S) + kLineBytes, 1))), next_(memory_.get()) {
    if (!memory_) throw std::bad_alloc();
    next_ += (kLineBytes - reinterpret_cast<uintptr_t>(next_) % kLineBytes) % kLineBytes / sizeof(S);
  }

  S* take(int64_t size) {
    S* const taken = next_;
    next_ += round(size);
    return taken;
  }

  // Elements that `take` uses up for so many.
  static int64_t round(int64_t size) {
    return (size * int64_t(sizeof(S)) + kLineBytes - 1) / kLineBytes * kLineBytes / sizeof(S);
  }

 private:
  std::unique_ptr<S, Free> memory_;
  S* next_;
};

// Memory that grows to the largest size asked for and is used again; what is in it is left over or undefined.
template <class S>
class Buffer {
 public:
  S* at_least(int64_t size) {
    if (size > size_) {
      memory_ = aligned<S>(size);
      size_ = size;
    }
    return memory_.get();
  }

 private:
  std::unique_ptr<S[], Free> memory_;
  int64_t size_ = 0;
};

}  // namespace rectifiers
