// What tensors are stored as. Everything is computed in float; a storage type says how 16 bytes become floats and back.
//
//   Type       Element          stored as                       elements per 16 bytes
//   F16        __half           IEEE half                       8
//   BF16       __nv_bfloat16    bfloat16                        8
//   TF32       float            float, 10 bits of fraction      4
//   F32        float            float                           4
//
// Storing rounds to nearest: ties to even, but for TF32 away from zero, which is how hardware rounds to it (cvt.rna). Results
// too large become infinity, NaN stays NaN, subnormals are kept.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace resfuse {

__device__ __forceinline__ float roundToTf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
}

// Two 16-bit elements of a word, the first in the lower half.
__device__ __forceinline__ float2 halvesToFloats(uint32_t word) {
  __half2 pair;
  memcpy(&pair, &word, 4);
  return __half22float2(pair);
}
__device__ __forceinline__ uint32_t floatsToHalves(float first, float second) {
  const __half2 pair = __floats2half2_rn(first, second);
  uint32_t word;
  memcpy(&word, &pair, 4);
  return word;
}
// A bfloat16 is the upper half of a float: no conversion instructions, which compute_80 lacks in this direction.
__device__ __forceinline__ float2 bfloatsToFloats(uint32_t word) {
  return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u));
}
__device__ __forceinline__ uint32_t floatsToBfloats(float first, float second) {
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
}

struct F16 {
  static constexpr bool tensorCores = true;
  using Element = __half;
  static constexpr int bytes = 2;
  static constexpr int perVector = 8;
  static __device__ __forceinline__ float toFloat(Element x) { return __half2float(x); }
  static __device__ __forceinline__ Element fromFloat(float x) { return __float2half_rn(x); }
  // Whether x, stored, is greater than zero: half of the smallest element rounds to zero.
  static __device__ __forceinline__ bool roundsToPositive(float x) { return x > 0x1p-25f; }
  // The perWord elements of a 32-bit word, and back.
  static constexpr int perWord = 2;
  static __device__ __forceinline__ void unpack(uint32_t word, float (&x)[2]) {
    const float2 pair = halvesToFloats(word);
    x[0] = pair.x;
    x[1] = pair.y;
  }
  static __device__ __forceinline__ uint32_t pack(const float (&x)[2]) { return floatsToHalves(x[0], x[1]); }
  // The larger of each element of two words; NaN where either is.
  static __device__ __forceinline__ uint32_t maximum(uint32_t a, uint32_t b) {
    asm("max.NaN.f16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
    return a;
  }
};

struct BF16 {
  static constexpr bool tensorCores = true;
  using Element = __nv_bfloat16;
  static constexpr int bytes = 2;
  static constexpr int perVector = 8;
  static __device__ __forceinline__ float toFloat(Element x) { return __bfloat162float(x); }
  static __device__ __forceinline__ Element fromFloat(float x) { return __float2bfloat16_rn(x); }
  // Whether x, stored, is greater than zero: half of the smallest element rounds to zero.
  static __device__ __forceinline__ bool roundsToPositive(float x) { return x > 0x1p-134f; }
  static constexpr int perWord = 2;
  static __device__ __forceinline__ void unpack(uint32_t word, float (&x)[2]) {
    const float2 pair = bfloatsToFloats(word);
    x[0] = pair.x;
    x[1] = pair.y;
  }
  static __device__ __forceinline__ uint32_t pack(const float (&x)[2]) { return floatsToBfloats(x[0], x[1]); }
  static __device__ __forceinline__ uint32_t maximum(uint32_t a, uint32_t b) {
    asm("max.NaN.bf16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
    return a;
  }
};

struct TF32 {
  static constexpr bool tensorCores = true;
  using Element = float;
  static constexpr int bytes = 4;
  static constexpr int perVector = 4;
  static __device__ __forceinline__ float toFloat(Element x) { return x; }
  static __device__ __forceinline__ Element fromFloat(float x) { return roundToTf32(x); }
  // Whether x, stored, is greater than zero: half of the smallest element rounds up.
  static __device__ __forceinline__ bool roundsToPositive(float x) { return x >= 0x1p-137f; }
  static constexpr int perWord = 1;
  static __device__ __forceinline__ void unpack(uint32_t word, float (&x)[1]) { x[0] = __uint_as_float(word); }
  static __device__ __forceinline__ uint32_t pack(const float (&x)[1]) { return __float_as_uint(roundToTf32(x[0])); }
  static __device__ __forceinline__ uint32_t maximum(uint32_t a, uint32_t b) {
    float x = __uint_as_float(a);
    asm("max.NaN.f32 %0, %0, %1;" : "+f"(x) : "f"(__uint_as_float(b)));
    return __float_as_uint(x);
  }
};

struct F32 {
  static constexpr bool tensorCores = false;
  using Element = float;
  static constexpr int bytes = 4;
  static constexpr int perVector = 4;
  static __device__ __forceinline__ float toFloat(Element x) { return x; }
  static __device__ __forceinline__ Element fromFloat(float x) { return x; }
  static __device__ __forceinline__ bool roundsToPositive(float x) { return x > 0; }
  static constexpr int perWord = 1;
  static __device__ __forceinline__ void unpack(uint32_t word, float (&x)[1]) { x[0] = __uint_as_float(word); }
  static __device__ __forceinline__ uint32_t pack(const float (&x)[1]) { return __float_as_uint(x[0]); }
  static __device__ __forceinline__ uint32_t maximum(uint32_t a, uint32_t b) {
    float x = __uint_as_float(a);
    asm("max.NaN.f32 %0, %0, %1;" : "+f"(x) : "f"(__uint_as_float(b)));
    return __float_as_uint(x);
  }
};

// x rounded as the type stores it.
template <class Type>
__device__ __forceinline__ float rounded(float x) {
  return Type::toFloat(Type::fromFloat(x));
}

// 16 bytes to floats and back.
template <class Type>
__device__ __forceinline__ void unpackVector(const uint4& vector, float (&x)[Type::perVector]) {
  const uint32_t words[4] = {vector.x, vector.y, vector.z, vector.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float part[Type::perWord];
    Type::unpack(words[i], part);
#pragma unroll
    for (int j = 0; j < Type::perWord; ++j) x[i * Type::perWord + j] = part[j];
  }
}
template <class Type>
__device__ __forceinline__ uint4 packVector(const float (&x)[Type::perVector]) {
  uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float part[Type::perWord];
#pragma unroll
    for (int j = 0; j < Type::perWord; ++j) part[j] = x[i * Type::perWord + j];
    words[i] = Type::pack(part);
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

// Vector number 'index' of a tensor.
template <class Type>
__device__ __forceinline__ void load(const void* tensor, long long index, float (&x)[Type::perVector]) {
  unpackVector<Type>(static_cast<const uint4*>(tensor)[index], x);
}
template <class Type>
__device__ __forceinline__ void store(void* tensor, long long index, const float (&x)[Type::perVector]) {
  static_cast<uint4*>(tensor)[index] = packVector<Type>(x);
}

// Four elements, 8 or 16 bytes: number 'index' of a tensor's groups of four.
template <class Type>
__device__ __forceinline__ void loadFour(const void* tensor, long long index, float (&x)[4]) {
  uint32_t words[4 / Type::perWord];
  if constexpr (Type::bytes == 2) {
    const uint2 vector = static_cast<const uint2*>(tensor)[index];
    words[0] = vector.x;
    words[1] = vector.y;
  } else {
    const uint4 vector = static_cast<const uint4*>(tensor)[index];
    words[0] = vector.x;
    words[1] = vector.y;
    words[2] = vector.z;
    words[3] = vector.w;
  }
#pragma unroll
  for (int i = 0; i < 4 / Type::perWord; ++i) {
    float part[Type::perWord];
    Type::unpack(words[i], part);
#pragma unroll
    for (int j = 0; j < Type::perWord; ++j) x[i * Type::perWord + j] = part[j];
  }
}
template <class Type>
__device__ __forceinline__ void storeFour(void* tensor, long long index, const float (&x)[4]) {
  uint32_t words[4 / Type::perWord];
#pragma unroll
  for (int i = 0; i < 4 / Type::perWord; ++i) {
    float part[Type::perWord];
#pragma unroll
    for (int j = 0; j < Type::perWord; ++j) part[j] = x[i * Type::perWord + j];
    words[i] = Type::pack(part);
  }
  if constexpr (Type::bytes == 2) static_cast<uint2*>(tensor)[index] = make_uint2(words[0], words[1]);
  else static_cast<uint4*>(tensor)[index] = make_uint4(words[0], words[1], words[2], words[3]);
}

// The elements of a gradient that pass a ReLU; the others become zero. By what was normalised, rounded as it was stored:
template <class Type>
__device__ __forceinline__ void maskByInput(float (&g)[Type::perVector], const float (&x)[Type::perVector],
                                            const float (&scale)[Type::perVector], const float (&bias)[Type::perVector]) {
#pragma unroll
  for (int i = 0; i < Type::perVector; ++i) g[i] = Type::roundsToPositive(fmaf(x[i], scale[i], bias[i])) ? g[i] : 0;
}
// and by a bit of each element.
template <class Type>
__device__ __forceinline__ void maskByBits(float (&g)[Type::perVector], unsigned bits) {
#pragma unroll
  for (int i = 0; i < Type::perVector; ++i) g[i] = bits >> i & 1 ? g[i] : 0;
}

// max(0, x), which passes NaN on, so that a network that has diverged shows.
__device__ __forceinline__ float relu(float x) { return x < 0 ? 0 : x; }

}  // namespace resfuse
