// The gradient of a convolution's weights as an implicit GEMM over pixels.
//
//   gradient[n][k] (+)= sum over m of outputGradient[m][n] in[m][k]       (see parameters.cuh for m, n, k and 'in')
//   _norm:   'in' is [relu](input * inputScale + inputBias) rounded to T, and still zero outside of the image
//
// Layout: NHWC; the gradient is float, in the layout of the weights. A block computes BM output channels x BN columns (tap, channel) over
// the pixels of its slice; blockIdx.y = pack * slices + slice. With several slices each writes its sums to a gradient of its
// own, which sumSlices adds in order: the same bits on every run.
//
// How: pixels run in stages of 64 bytes per channel (32 pixels of 16-bit types, 16 of 32-bit types). Both operands lie
// pixel by pixel, as in global memory; ldmatrix transposes them on the way to mma.sync. A thread's column, and so its tap, never
// changes; one warp finds the windows of the next stage's pixels for all.
//
// Launch: threads as in Tile; dynamic shared memory: Tile::SHARED.
// Bytes per block at best: its pixels of both tensors, and the gradient once. FLOPs: 2 M N K.
#pragma once

#include "pipeline.cuh"

namespace resfuse {

template <class Type, class Tile, bool NORM>
struct WeightGradientBlock {
  static constexpr int VECTOR = Type::perVector;
  using A = PixelMajor<Type, Tile::BM>;
  using B = PixelMajor<Type, Tile::BN>;
  static constexpr int PIXELS = A::PIXELS;
  static constexpr int A_ROWS = Tile::THREADS / A::CHUNKS, A_PASSES = PIXELS / A_ROWS;   // rows copied at a time
  static constexpr int B_ROWS = Tile::THREADS / B::CHUNKS, B_PASSES = PIXELS / B_ROWS;
  static_assert(A_PASSES * A_ROWS == PIXELS && B_PASSES * B_ROWS == PIXELS, "whole passes");
  static constexpr int SLOTS = 8;   // stages whose windows are known: more than are in flight

  const WeightGradient& p;
  char* const shared;
  Window (*const windows)[PIXELS];
  const uint32_t sharedBase;
  const int rowTile, columnTile, pack, slice;

  const char* gradients;    // this thread's chunk of output channels at the first pixel of its slice
  const char* pixels;       // its tap and channels
  uint32_t bits;            // of its tap
  bool rowUsed, columnUsed;

  __device__ __forceinline__ WeightGradientBlock(const WeightGradient& p, char* shared, Window (*windows)[PIXELS])
      : p(p),
        shared(shared),
        windows(windows),
        sharedBase(sharedAddress(shared)),
        rowTile(blockIdx.x / p.columnTiles),
        columnTile(blockIdx.x % p.columnTiles),
        pack(blockIdx.y / p.slices),
        slice(blockIdx.y % p.slices) {}

  __device__ __forceinline__ void fetch(int stage, int slot, int m, int end) {
    const uint32_t to = sharedBase + stage * Tile::STAGE;
    const int aRow = threadIdx.x / A::CHUNKS, bRow = threadIdx.x / B::CHUNKS;
#pragma unroll
    for (int i = 0; i < A_PASSES; i++) {
      const int pixel = aRow + i * A_ROWS;
      copyAsync(to + A::place(pixel, threadIdx.x % A::CHUNKS), gradients + (long long)(m + pixel) * p.outputPitch * Type::bytes,
                rowUsed && m + pixel < end);
    }
#pragma unroll
    for (int i = 0; i < B_PASSES; i++) {
      const int pixel = bRow + i * B_ROWS;
      const Window w = windows[slot][pixel];
      copyAsync(to + Tile::BM * kRowBytes + B::place(pixel, threadIdx.x % B::CHUNKS), pixels + w.offset, (w.inside & bits) == bits);
    }
  }

  __device__ __forceinline__ void normaliseStage(int stage, int slot, const float (&scale)[VECTOR], const float (&bias)[VECTOR]) {
#pragma unroll
    for (int i = 0; i < B_PASSES; i++) {
      const int pixel = threadIdx.x / B::CHUNKS + i * B_ROWS;
      uint4* const chunk = reinterpret_cast<uint4*>(shared + stage * Tile::STAGE + Tile::BM * kRowBytes + B::place(pixel, threadIdx.x % B::CHUNKS));
      if ((windows[slot][pixel].inside & bits) == bits) *chunk = normalise<Type>(*chunk, scale, bias, p.inputRelu);
    }
  }

  // Finds the windows of a stage's pixels, from m on.
  __device__ __forceinline__ void findWindows(int slot, int m, int end) {
    if (threadIdx.x >= PIXELS) return;
    m += threadIdx.x;
    Window w{0, 0};
    if (m < end) {
      const int gridPixels = p.gridHeight * p.gridWidth;
      const int image = m / gridPixels, pixel = m - image * gridPixels, i = pixel / p.gridWidth;
      w = window<Type>(p, image, i, pixel - i * p.gridWidth);
    }
    windows[slot][threadIdx.x] = w;
  }

  __device__ __forceinline__ void run() {
    const int total = p.images * p.gridHeight * p.gridWidth;
    const int stages = (total + PIXELS - 1) / PIXELS, perSlice = (stages + p.slices - 1) / p.slices;
    const int begin = min(slice * perSlice, stages) * PIXELS, end = min(total, begin + perSlice * PIXELS);
    const int count = (end - begin + PIXELS - 1) / PIXELS;

    const int n = rowTile * Tile::BM + threadIdx.x % A::CHUNKS * VECTOR;
    rowUsed = n < p.outputs;
    gradients = static_cast<const char*>(p.outputGradient) + (pack * p.outputs + (rowUsed ? n : 0)) * Type::bytes;
    const int k = columnTile * Tile::BN + threadIdx.x % B::CHUNKS * VECTOR;
    const TapCursor<Type, WeightGradient> tap(p, k);
    columnUsed = tap.inside(p);
    bits = tap.bits;
    pixels = static_cast<const char*>(p.input) + tap.inputOffset + pack * p.channels * Type::bytes;
    float scale[VECTOR] = {}, bias[VECTOR] = {};
    if (NORM && columnUsed) {
      loadFloats(p.inputScale + pack * p.channels + tap.channel, scale);
      loadFloats(p.inputBias + pack * p.channels + tap.channel, bias);
    }

    PixelMajorProduct<Type, Tile> product(sharedBase);
#pragma unroll
    for (int s = 0; s < kStages; s++) findWindows(s, begin + s * PIXELS, end);
    __syncthreads();
#pragma unroll
    for (int s = 0; s < kStages - 1; s++) {
      if (s < count) fetch(s, s, begin + s * PIXELS, end);
      commitCopies();
    }
    int stage = 0, next = kStages - 1;
#pragma unroll 1
    for (int t = 0; t < count; t++) {
      waitForCopies<kStages - 2>();
      if (NORM) normaliseStage(stage, t % SLOTS, scale, bias);
      __syncthreads();
      const int ahead = t + kStages - 1;
      if (ahead < count) fetch(next, ahead % SLOTS, begin + ahead * PIXELS, end);
      commitCopies();
      findWindows((ahead + 1) % SLOTS, begin + (ahead + 1) * PIXELS, end);
      product.accumulate(stage * Tile::STAGE);
      stage = stage + 1 == kStages ? 0 : stage + 1;
      next = next + 1 == kStages ? 0 : next + 1;
    }
    waitForCopies<0>();
    __syncthreads();
    product.stage(reinterpret_cast<float*>(shared));
    __syncthreads();
    finish();
  }

  __device__ __forceinline__ void finish() {
    constexpr int COLUMNS = Tile::BN / 4, GROUPS = Tile::THREADS / COLUMNS;
    const int k = columnTile * Tile::BN + threadIdx.x % COLUMNS * 4;
    if (k >= p.weightPitch) return;
    const int channel = pack * p.channels + k % p.channels;
    float* const gradient = p.gradient + (p.slices > 1 ? (long long)slice * p.packs * p.outputs * p.weightPitch : 0);
    for (int row = threadIdx.x / COLUMNS; row < Tile::BM; row += GROUPS) {
      const int n = rowTile * Tile::BM + row;
      if (n >= p.outputs) break;
      const int output = pack * p.outputs + n;
      float x[4];
      loadFloats(reinterpret_cast<const float*>(shared) + row * Tile::PITCH + threadIdx.x % COLUMNS * 4, x);
      float4* const to = reinterpret_cast<float4*>(gradient + (long long)output * p.weightPitch + k);
      float4 sum = make_float4(0, 0, 0, 0);
      if (p.slices == 1 && p.accumulate) sum = *to;
      float y[4] = {sum.x, sum.y, sum.z, sum.w};
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const bool weight = k % p.channels + e < p.validChannels && output / p.groupOutputs == (channel + e) / p.groupChannels;
        y[e] = weight ? y[e] + x[e] : 0;
      }
      *to = make_float4(y[0], y[1], y[2], y[3]);
    }
  }
};

template <class Type, class Tile, bool NORM>
__device__ __forceinline__ void weightGradient(const WeightGradient& p) {
  using Block = WeightGradientBlock<Type, Tile, NORM>;
  extern __shared__ __align__(128) char shared[];
  __shared__ Window windows[Block::SLOTS][Block::PIXELS];
  Block(p, shared, windows).run();
}

}  // namespace resfuse

#define RESFUSE_WEIGHT_GRADIENT(TYPE, NAME, BM, BN, WM, WN)                                                                 \
  extern "C" __global__ void __launch_bounds__(resfuse::Tile<BM, BN, WM, WN>::THREADS)                                      \
      wgrad_##NAME##_##BM##x##BN(const __grid_constant__ resfuse::WeightGradient p) {                                       \
    resfuse::weightGradient<resfuse::TYPE, resfuse::Tile<BM, BN, WM, WN>, false>(p);                                        \
  }                                                                                                                         \
  extern "C" __global__ void __launch_bounds__(resfuse::Tile<BM, BN, WM, WN>::THREADS)                                      \
      wgrad_##NAME##_##BM##x##BN##_norm(const __grid_constant__ resfuse::WeightGradient p) {                                \
    resfuse::weightGradient<resfuse::TYPE, resfuse::Tile<BM, BN, WM, WN>, true>(p);                                         \
  }
