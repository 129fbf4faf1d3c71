// How the kernels over [rows][channels] divide their work, and what they share.
//
// A block has x * y threads. Thread x works on one vector (16 bytes) of channels, number blockIdx.y * blockDim.x + threadIdx.x, of
// every row that it visits, so that per-channel coefficients stay in its registers; threads of consecutive numbers
// (y * blockDim.x + x) touch consecutive vectors where x spans all channels.
#pragma once

#include "instructions.cuh"

namespace resfuse {

constexpr int kMaxThreads = 256;
constexpr int kMaxVectors = 128;   // blockDim.x at most

__device__ __forceinline__ int threadNumber() { return threadIdx.y * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int threadCount() { return blockDim.x * blockDim.y; }

// One float per channel of the block's vectors. A vector of 8 channels lies in two planes, so that the threads of a warp
// read consecutive float4s; planes are an odd multiple of 64 bytes apart, so that neither writing them meets a bank twice.
template <class Type>
struct Coefficients {
  static constexpr int planes = Type::perVector / 4;
  float4 values[planes][kMaxVectors + 4];

  // All threads of the block, which has two rows of them at least: those of the first 'planes' rows one float4 each. A barrier must follow.
  __device__ __forceinline__ void stage(const float* channels, int firstVector, int vectors) {
    const int i = threadNumber(), four = firstVector * planes + i;
    if (threadIdx.y < planes && four < vectors * planes) values[i % planes][i / planes] = reinterpret_cast<const float4*>(channels)[four];
  }

  // Those of this thread's vector.
  __device__ __forceinline__ void read(float (&x)[Type::perVector]) const {
#pragma unroll
    for (int i = 0; i < planes; ++i) {
      const float4 four = values[i][threadIdx.x];
      x[4 * i] = four.x;
      x[4 * i + 1] = four.y;
      x[4 * i + 2] = four.z;
      x[4 * i + 3] = four.w;
    }
  }
};

// Division of numbers from 0 to (2^32 - 1) / divisor by what is not known when compiling.
struct Divider {
  unsigned divisor, reciprocal;
  explicit __device__ __forceinline__ Divider(unsigned d) : divisor(d), reciprocal(0xffffffffu / d + 1) {}
  __device__ __forceinline__ unsigned quotient(unsigned x) const { return divisor == 1 ? x : __umulhi(x, reciprocal); }
  __device__ __forceinline__ unsigned remainder(unsigned x) const { return x - quotient(x) * divisor; }
};

// Sums over threadIdx.y, by a tree whose shape depends on blockDim.y only. 'Planes' float4s per thread.
template <int Planes>
struct ColumnSums {
  float4 values[Planes][kMaxThreads + 4];

  __device__ __forceinline__ void put(int plane, const float4& value) { values[plane][threadNumber()] = value; }

  // All threads of the block, after put; then values[plane][x] holds the sum of column x, visible to all.
  __device__ __forceinline__ void sum() {
    unsigned half = 1;
    while (2 * half < blockDim.y) half *= 2;
    __syncthreads();
    do {
      if (threadIdx.y < half && threadIdx.y + half < blockDim.y) {
#pragma unroll
        for (int i = 0; i < Planes; ++i) {
          float4& mine = values[i][threadNumber()];
          const float4 other = values[i][threadNumber() + half * blockDim.x];
          mine = make_float4(mine.x + other.x, mine.y + other.y, mine.z + other.z, mine.w + other.w);
        }
      }
      __syncthreads();
      half /= 2;
    } while (half > 0);
  }
};

// 'KERNEL_f16' and its three sisters from the template 'KERNEL<Type>', with launch bounds.
#define RESFUSE_EXPORT_ONE(KERNEL, STRUCT, NAME, TYPE, ...) \
  extern "C" __global__ void __launch_bounds__(__VA_ARGS__) KERNEL##_##NAME(const __grid_constant__ STRUCT p) { KERNEL<TYPE>(p); }
#define RESFUSE_EXPORT(KERNEL, STRUCT, ...)                 \
  RESFUSE_EXPORT_ONE(KERNEL, STRUCT, f16, F16, __VA_ARGS__)   \
  RESFUSE_EXPORT_ONE(KERNEL, STRUCT, bf16, BF16, __VA_ARGS__) \
  RESFUSE_EXPORT_ONE(KERNEL, STRUCT, tf32, TF32, __VA_ARGS__) \
  RESFUSE_EXPORT_ONE(KERNEL, STRUCT, f32, F32, __VA_ARGS__)

}  // namespace resfuse
