// Unsigned bytes, what the activations of int8 are stored as, and the product of them with signed bytes.
#pragma once

#include "product.cuh"

namespace resfuse {

// From 2^23 on floats are integers: adding it rounds to nearest, ties to even, and the last byte is the integer; a byte put there and 2^23
// taken off is its float. Conversion instructions have a quarter of the throughput, or less.
constexpr float kIntegers = 0x1p23f;
__device__ __forceinline__ uint32_t saturated(float x) { return __float_as_uint(__fadd_rn(fminf(fmaxf(x, 0), 255), kIntegers)); }

struct U8 {
  static constexpr bool tensorCores = true;
  using Element = unsigned char;
  static constexpr int bytes = 1;
  static constexpr int perVector = 16;
  static constexpr int perWord = 4;
  static __device__ __forceinline__ void unpack(uint32_t word, float (&x)[4]) {
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = __uint_as_float(__byte_perm(word, __float_as_uint(kIntegers), 0x7540 | i)) - kIntegers;
  }
  // To the nearest of 0 to 255, ties to even.
  static __device__ __forceinline__ uint32_t pack(const float (&x)[4]) {
    const uint32_t lower = __byte_perm(saturated(x[0]), saturated(x[1]), 0x0040);
    return __byte_perm(lower, __byte_perm(saturated(x[2]), saturated(x[3]), 0x0040), 0x5410);
  }
};

template <>
struct SumOf<U8> {
  using Number = int;
};

// d += a b, 16 x 8 outputs over 32 bytes of k, exact in 32 bits; registers as 'multiply' in instructions.cuh says. Layout: section
// "Matrix Fragments for mma.m16n8k32".
template <>
__device__ __forceinline__ void multiply<U8>(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace resfuse
