// The parameter-free shortcut: see SubsampledIdentity. subsampledIdentity_T is launched as layout.cu says, whatever the type.
#pragma once

#include <type_traits>

#include "parameters.cuh"
#include "types.cuh"

namespace resfuse {

// Elements first to first + n - 1 of a pixel's channels as one vector; the first has 'number' among the 'valid' ones, all others are zero.
// Vectors are whole where either all of their elements are valid or none.
template <class Type>
__device__ __forceinline__ uint4 loadChannels(const void* pixel, int first, int number, int valid, bool whole) {
  using Bits = std::conditional_t<Type::bytes == 1, uint8_t, std::conditional_t<Type::bytes == 2, uint16_t, uint32_t>>;
  constexpr int n = Type::perVector;
  const Bits* const elements = static_cast<const Bits*>(pixel);
  if (whole) return (unsigned)number < (unsigned)valid ? *reinterpret_cast<const uint4*>(elements + first) : make_uint4(0, 0, 0, 0);
  uint32_t words[4] = {};
#pragma unroll
  for (int i = 0; i < n; ++i) {
    if ((unsigned)(number + i) < (unsigned)valid) words[i * Type::bytes / 4] |= (uint32_t)elements[first + i] << i * Type::bytes % 4 * 8;
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

template <class Type>
__device__ __forceinline__ const void* pixelOf(const void* tensor, long long pixel, int channels) {
  return static_cast<const typename Type::Element*>(tensor) + pixel * channels;
}

template <class Type>
__device__ __forceinline__ void subsampledIdentity(const SubsampledIdentity& p) {
  constexpr int n = Type::perVector;
  const int vectors = p.outputChannels / n, vector = blockIdx.y * blockDim.x + threadIdx.x;
  if (vector >= vectors) return;
  const bool whole = (p.before | p.valid) % n == 0;
  const int pixels = p.images * p.outputHeight * p.outputWidth, first = vector * n - p.before;
  for (int pixel = blockIdx.x * blockDim.y + threadIdx.y; pixel < pixels; pixel += gridDim.x * blockDim.y) {
    const int j = pixel % p.outputWidth, row = pixel / p.outputWidth;
    const int i = row % p.outputHeight, image = row / p.outputHeight;
    const long long from = ((long long)image * p.inputHeight + i * p.stride) * p.inputWidth + j * p.stride;
    static_cast<uint4*>(p.output)[(long long)pixel * vectors + vector] =
        loadChannels<Type>(pixelOf<Type>(p.input, from, p.inputChannels), first, first, p.valid, whole);
  }
}

}  // namespace resfuse
