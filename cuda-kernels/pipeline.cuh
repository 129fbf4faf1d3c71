// What the convolution kernels share: where the pixels of an implicit GEMM lie, and the ring of stages in shared memory.
#pragma once

#include <cmath>

#include "parameters.cuh"
#include "product.cuh"

namespace resfuse {

// One pixel of the grid: where the tap (0, 0) of its window lies, and which rows and columns of taps lie inside of the input.
struct alignas(8) Window {
  int offset;         // from the input's beginning, in units of 16 bytes; may lie outside
  uint32_t inside;    // bit r: row r of taps; bit 16 + s: column s; bits 15 and 31 never: no tap has them
};
__device__ __forceinline__ const char* at(const char* base, int offset) {
  const char* address;
  asm("mad.wide.s32 %0, %1, 16, %2;" : "=l"(address) : "r"(offset), "l"(base));
  return address;
}
template <class Type, class Parameters>
__device__ __forceinline__ int windowOffset(const Parameters& p, int image, int y, int x) {
  const int pixel = (image * p.inputHeight + y) * p.inputWidth + x;
  return (int)((long long)pixel * (p.inputPitch * Type::bytes) >> 4);
}

template <class Type, class Parameters>
__device__ __forceinline__ Window window(const Parameters& p, int image, int i, int j) {
  const int y = i * p.rowStride + p.rowOffset, x = j * p.columnStride + p.columnOffset;
  uint32_t inside = 0;
#pragma unroll 1   // three, most of the time: code for four at once would seldom run
  for (int r = 0; r < p.tapRows; r++) inside |= (uint32_t)((unsigned)(y + r * p.rowStep) < (unsigned)p.inputHeight) << r;
#pragma unroll(Type::tensorCores ? 1 : 4)   // for fp32 a register would be missing
  for (int s = 0; s < p.tapColumns; s++)
    inside |= (uint32_t)((unsigned)(x + s * p.columnStep) < (unsigned)p.inputWidth) << (16 + s);
  return {windowOffset<Type>(p, image, y, x), inside};
}

// Where a thread is in the order of k: taps, then channels. It moves on by one stage at a time.
template <class Type, class Parameters>
struct TapCursor {
  static constexpr int ELEMENTS = kRowBytes / Type::bytes;   // of k per stage
  int row, column, channel;
  uint32_t bits;            // of this tap; those of no tap past the end
  long long inputOffset;    // bytes from a window's offset

  __device__ __forceinline__ TapCursor(const Parameters& p, int k) {
    const int tap = k / p.channels;
    channel = k % p.channels;
    row = p.tapColumns == 0 ? 0 : tap / p.tapColumns;
    column = p.tapColumns == 0 ? 0 : tap % p.tapColumns;
    settle(p);
  }
  __device__ __forceinline__ bool inside(const Parameters& p) const { return row < p.tapRows; }
  __device__ __forceinline__ void settle(const Parameters& p) {
    bits = inside(p) ? 1u << row | 1u << (16 + column) : 0x80008000u;
    inputOffset = inside(p) ? ((row * p.rowStep * p.inputWidth + column * p.columnStep) * p.inputPitch + channel) * Type::bytes : 0;
  }
  // Whether another tap was entered.
  __device__ __forceinline__ bool advance(const Parameters& p) {
    channel += ELEMENTS;
    if (channel < p.channels) {
      inputOffset += kRowBytes;
      return false;
    }
    do {
      channel -= p.channels;
      if (++column == p.tapColumns) {
        column = 0;
        row++;
      }
    } while (channel >= p.channels);
    settle(p);
    return true;
  }
};

// x * scale + bias, at least 'floor' (a word of zeros to rectify, else of minus infinities), as the pass over a whole tensor computes
// and rounds it: rounding keeps the order, so that the larger may be taken of packed elements.
template <class Type>
__device__ __forceinline__ uint4 normalise(const uint4& vector, const float (&scale)[Type::perVector], const float (&bias)[Type::perVector],
                                           uint32_t floor) {
  float x[Type::perVector];
  unpackVector<Type>(vector, x);
#pragma unroll
  for (int e = 0; e < Type::perVector; e++) x[e] = fmaf(x[e], scale[e], bias[e]);
  const uint4 y = packVector<Type>(x);
  return make_uint4(Type::maximum(y.x, floor), Type::maximum(y.y, floor), Type::maximum(y.z, floor), Type::maximum(y.w, floor));
}
template <class Type>
__device__ __forceinline__ uint32_t floorOf(int rectify) {
  float x[Type::perWord];
#pragma unroll
  for (int e = 0; e < Type::perWord; e++) x[e] = rectify ? 0 : -INFINITY;
  return Type::pack(x);
}

template <int N>
__device__ __forceinline__ void loadFloats(const float* from, float (&x)[N]) {
#pragma unroll
  for (int e = 0; e < N; e += 4) {
    const float4 v = *reinterpret_cast<const float4*>(from + e);
    x[e] = v.x;
    x[e + 1] = v.y;
    x[e + 2] = v.z;
    x[e + 3] = v.w;
  }
}

template <int N>
__device__ __forceinline__ void loadSharedFloats(uint32_t from, float (&x)[N]) {
  repeat<N / 4>([&](auto h) {
    const float4 v = loadSharedVector<16 * h>(from);
    x[4 * h] = v.x;
    x[4 * h + 1] = v.y;
    x[4 * h + 2] = v.z;
    x[4 * h + 3] = v.w;
  });
}

// The N consecutive floats at a shared address. With 8 of them, half of the lanes begin with the second half: 8 lanes then read 8
// different groups of banks.
template <int N>
__device__ __forceinline__ void loadStaged(uint32_t from, float (&x)[N]) {
  const bool swap = N == 8 && (threadIdx.x & 4);
  const float4 u = loadSharedVector<0>(swap ? from + 16 : from);
  if constexpr (N == 8) {
    const float4 v = loadSharedVector<0>(swap ? from : from + 16);
    x[4] = swap ? u.x : v.x;
    x[5] = swap ? u.y : v.y;
    x[6] = swap ? u.z : v.z;
    x[7] = swap ? u.w : v.w;
    x[0] = swap ? v.x : u.x;
    x[1] = swap ? v.y : u.y;
    x[2] = swap ? v.z : u.z;
    x[3] = swap ? v.w : u.w;
  } else {
    x[0] = u.x;
    x[1] = u.y;
    x[2] = u.z;
    x[3] = u.w;
  }
}
template <int N>
__device__ __forceinline__ void storeStaged(uint32_t to, const float (&x)[N]) {
  if constexpr (N == 8) {
    const bool swap = threadIdx.x & 4;
    storeSharedVector<0>(swap ? to + 16 : to, make_float4(swap ? x[4] : x[0], swap ? x[5] : x[1], swap ? x[6] : x[2], swap ? x[7] : x[3]));
    storeSharedVector<0>(swap ? to : to + 16, make_float4(swap ? x[0] : x[4], swap ? x[1] : x[5], swap ? x[2] : x[6], swap ? x[3] : x[7]));
  } else {
    storeSharedVector<0>(to, make_float4(x[0], x[1], x[2], x[3]));
  }
}

}  // namespace resfuse
