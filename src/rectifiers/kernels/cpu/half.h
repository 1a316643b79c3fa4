// Half-precision storage to float and back, rounding to nearest even, without branches so that the loops vectorise.
#pragma once

#include <cstdint>

namespace {

inline float as_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t as_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline void widen_bfloat16(int64_t n, const uint16_t* from, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = as_float(static_cast<uint32_t>(from[i]) << 16);
}

inline void narrow_bfloat16(int64_t n, const float* from, uint16_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = as_bits(from[i]), rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    to[i] = static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
  }
}

inline void widen_float16(int64_t n, const uint16_t* from, float* to) {
  const float smallest = as_float(113u << 23);  // 2^-14, the smallest normal number
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = from[i], sign = (bits & 0x8000) << 16, shifted = (bits & 0x7fff) << 13;
    const uint32_t exponent = shifted & 0x0f800000;
    const uint32_t normal = shifted + (112u << 23), special = shifted + (224u << 23);
    const uint32_t subnormal = as_bits(as_float(shifted + (113u << 23)) - smallest);
    to[i] = as_float(sign | (exponent == 0x0f800000 ? special : exponent ? normal : subnormal));
  }
}

inline void narrow_float16(int64_t n, const float* from, uint16_t* to) {
  const uint32_t magic = 126u << 23;  // 0.5: adding it leaves a subnormal result in the low bits, rounded
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = as_bits(from[i]), sign = (bits >> 16) & 0x8000, size = bits & 0x7fffffff;
    const uint32_t subnormal = as_bits(as_float(size) + as_float(magic)) - magic;
    const uint32_t normal = (size - (112u << 23) + 0xfff + ((size >> 13) & 1)) >> 13;
    const uint32_t large = size > 0x7f800000 ? 0x7e00 : 0x7c00;
    to[i] = static_cast<uint16_t>(sign | (size >= (143u << 23) ? large : size < (113u << 23) ? subnormal : normal));
  }
}

}  // namespace
