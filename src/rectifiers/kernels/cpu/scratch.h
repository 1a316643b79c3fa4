// Memory for one task.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace rectifiers {

// Memory of a task, from which pieces are taken; all zeros at first.
template <class S>
class Scratch {
 public:
  explicit Scratch(int64_t size) : memory_(static_cast<S*>(std::calloc(size * sizeof(S) + kLine, 1))), next_(memory_.get()) {
    if (!memory_) throw std::bad_alloc();
    next_ += (kLine - reinterpret_cast<uintptr_t>(next_) % kLine) % kLine / sizeof(S);
  }

  S* take(int64_t size) {
    S* const taken = next_;
    next_ += round(size);
    return taken;
  }

  static int64_t round(int64_t size) { return (size * int64_t(sizeof(S)) + kLine - 1) / kLine * kLine / sizeof(S); }

 private:
  static constexpr int64_t kLine = 64;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<S, Free> memory_;
  S* next_;
};

// Memory that grows to the largest size asked for and is used again; nothing is said of what is in it.
template <class S>
class Buffer {
 public:
  S* at_least(int64_t size) {
    if (size > size_) {
      constexpr size_t line = 64;
      memory_.reset(static_cast<S*>(std::aligned_alloc(line, (size * sizeof(S) + line - 1) / line * line)));
      if (!memory_) throw std::bad_alloc();
      size_ = size;
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<S, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace rectifiers
