// Forward convolution of bytes with everything that may follow it fused; see IntegerConvolution in parameters.cuh for the formula.
//
// Layout: NHWC, channels padded to multiples of 16; padded weights, multipliers and biases are zero. A block computes BM pixels x BN
// output channels, blockIdx.x counting column tiles fastest; blockIdx.y = pack * slices + slice. With several slices each block sums a
// part of k and writes it to 'partials'; the last block of a tile adds the parts and finishes the tile. Sums are exact: the same bits in
// any order.
//
// How: as convolution.cuh, with stages of 64 bytes per row, which are 64 elements of k. Taps outside of the image copy the zero point from
// 'padding' where it is not zero, so that the correction is the same for all pixels. The sums are staged through shared memory; a thread
// then has four channels of a pixel, and a row's threads write whole sectors.
//
// Launch: threads as in Tile; dynamic shared memory: Tile::SHARED.
// Pointers: 16-byte aligned. Bytes per block at best: BM window pixels and BN rows of weights, residual and output once. Operations: 2 M N K.
#pragma once

#include "bytes.cuh"
#include "last_block.cuh"
#include "pipeline.cuh"

namespace resfuse {

template <class Tile>
struct IntegerConvolutionBlock {
  static constexpr int VECTOR = 16;              // of k, what a thread copies at a time
  static constexpr int ELEMENTS = kRowBytes;     // of k per stage
  static constexpr int ROWS_PER_PASS = Tile::THREADS / 4;
  static constexpr int A_PASSES = Tile::BM / ROWS_PER_PASS, B_PASSES = Tile::BN / ROWS_PER_PASS;
  using Cursor = TapCursor<U8, IntegerConvolution>;
  using Product = KMajorProduct<U8, Tile>;

  const IntegerConvolution& p;
  char* const shared;
  const uint32_t sharedBase;
  const int rowTile, columnTile, pack, slice;

  const char* pixels[A_PASSES];    // each row's window
  uint32_t inside[A_PASSES];
  const char* weights[B_PASSES];   // each row
  uint32_t to;                     // this thread's chunk of a stage

  __device__ __forceinline__ IntegerConvolutionBlock(const IntegerConvolution& p, char* shared)
      : p(p),
        shared(shared),
        sharedBase(sharedAddress(shared)),
        rowTile(blockIdx.x / p.columnTiles),
        columnTile(blockIdx.x % p.columnTiles),
        pack(blockIdx.y / p.slices),
        slice(blockIdx.y % p.slices) {}

  __device__ __forceinline__ int rows() const { return p.images * p.gridHeight * p.gridWidth; }

  __device__ __forceinline__ void findOperands() {
    const int gridPixels = p.gridHeight * p.gridWidth;
#pragma unroll
    for (int i = 0; i < A_PASSES; i++) {
      const int m = rowTile * Tile::BM + threadIdx.x / 4 + i * ROWS_PER_PASS;
      const int image = m / gridPixels, pixel = m - image * gridPixels, y = pixel / p.gridWidth;
      Window w{0, 0};
      if (m < rows()) w = window<U8>(p, image, y, pixel - y * p.gridWidth);
      pixels[i] = kept(at(static_cast<const char*>(p.input), w.offset) + pack * p.channels);
      inside[i] = kept(w.inside);
    }
    const int first = columnTile * Tile::BN + threadIdx.x / 4;
#pragma unroll
    for (int i = 0; i < B_PASSES; i++) {
      const long long row = (long long)pack * p.outputs + min(first + i * ROWS_PER_PASS, p.outputs - 1);
      weights[i] = kept(static_cast<const char*>(p.weights) + row * p.weightPitch);
    }
    to = kept(sharedBase + placeKMajor(threadIdx.x / 4, threadIdx.x % 4));
  }

  // Starts copying the stage at 'from': chunks of taps outside of the image are the padding, those past the end are zero.
  __device__ __forceinline__ void fetch(uint32_t stage, const Cursor& from) {
    const uint32_t chunk = kept(to + stage);
    const bool any = from.inside(p);
    const long long weightOffset = any ? (from.row * p.tapColumns + from.column) * p.channels + from.channel : 0;
    const int outside = p.padding ? 16 : 0;
    repeat<A_PASSES>([&](auto i) {
      const bool in = (inside[i] & from.bits) == from.bits;
      copyAsync<i * ROWS_PER_PASS * kRowBytes>(chunk, in ? pixels[i] + from.inputOffset : static_cast<const char*>(p.padding), in ? 16 : outside);
    });
    repeat<B_PASSES>([&](auto i) {
      copyAsync<(Tile::BM + i * ROWS_PER_PASS) * kRowBytes>(chunk, weights[i] + weightOffset, any ? 16 : 0);
    });
  }

  __device__ __forceinline__ void run() {
    const int stages = (p.tapRows * p.tapColumns * p.channels + ELEMENTS - 1) / ELEMENTS;
    const int perSlice = (stages + p.slices - 1) / p.slices;
    const int begin = slice * perSlice, count = max(0, min(stages - begin, perSlice));
    findOperands();
    Cursor ahead(p, begin * ELEMENTS + threadIdx.x % 4 * VECTOR);
    Product product(sharedBase);
    repeat<kStages - 1>([&](auto s) {
      if (s < count) {
        fetch(s * Tile::STAGE, ahead);
        ahead.advance(p);
      }
      commitCopies();
    });
    uint32_t stage = 0;
#pragma unroll 1
    for (int left = count; left > 0; left--) {
      waitForCopies<kStages - 2>();
      __syncthreads();
      if (left >= kStages) {
        fetch(Tile::template stageAfter<kStages - 1>(stage), ahead);
        ahead.advance(p);
      }
      commitCopies();
      product.accumulate(stage);
      stage = Tile::template stageAfter<1>(stage);
    }
    __syncthreads();   // all copies have been waited for
    if (p.slices > 1 && !sumSlices(product)) return;
    product.stage(sharedBase);
    __syncthreads();
    finish();
  }

  // Whether this block is the last of its tile, and then has the sum of all slices.
  __device__ __forceinline__ bool sumSlices(Product& product) {
    const long long tile = (long long)blockIdx.x * p.packs + pack;
    return resfuse::sumSlices<Tile::THREADS>(product, p.partials + tile * p.slices * (Tile::BM * Tile::BN), p.tickets + tile, slice, p.slices,
                                             reinterpret_cast<unsigned*>(shared));
  }

  static constexpr int COLUMNS = Tile::BN / 4;             // threads of a row of the result, four channels each
  static constexpr int GROUPS = Tile::THREADS / COLUMNS;   // rows that the block writes at a time

  // Correction, multiplier, bias, residual, ReLU and rounding of the staged sums. No two roundings may become one.
  __device__ __forceinline__ void finish() {
    const int column = threadIdx.x % COLUMNS, n = columnTile * Tile::BN + 4 * column, channel = pack * p.outputs + n;
    const int valid = min(Tile::BM, rows() - rowTile * Tile::BM);
    if (n >= p.outputs) return;
    float multiplier[4], bias[4];
    loadFloats(p.multiplier + channel, multiplier);
    loadFloats(p.bias + channel, bias);
    int4 correction = make_int4(0, 0, 0, 0);
    if (p.corrections) correction = *reinterpret_cast<const int4*>(p.corrections + channel);
    for (int row = threadIdx.x / COLUMNS; row < valid; row += GROUPS) {
      const long long at = ((long long)(rowTile * Tile::BM + row) * p.outputPitch + channel) / 4;
      const uint4 sum = loadSharedChunk<0>(sharedBase + 4 * (row * Tile::PITCH + 4 * column));
      float y[4] = {(float)((int)sum.x + correction.x), (float)((int)sum.y + correction.y), (float)((int)sum.z + correction.z),
                    (float)((int)sum.w + correction.w)};
#pragma unroll
      for (int e = 0; e < 4; e++) y[e] = __fadd_rn(__fmul_rn(y[e], multiplier[e]), bias[e]);
      if (p.residual) {
        float r[4];
        U8::unpack(static_cast<const uint32_t*>(p.residual)[at], r);
#pragma unroll
        for (int e = 0; e < 4; e++) y[e] = __fmaf_rn(r[e], p.residualFactor, y[e]);
      }
      if (p.relu && p.floats) {   // bytes are not less than zero anyway
#pragma unroll
        for (int e = 0; e < 4; e++) y[e] = relu(y[e]);
      }
      if (p.floats)
        static_cast<float4*>(p.output)[at] = make_float4(y[0], y[1], y[2], y[3]);
      else
        static_cast<uint32_t*>(p.output)[at] = U8::pack(y);
    }
  }
};

}  // namespace resfuse

#define RESFUSE_INTEGER_CONVOLUTION(BM, BN, WM, WN)                                                                         \
  extern "C" __global__ void __launch_bounds__(resfuse::Tile<BM, BN, WM, WN>::THREADS)                                      \
      conv_u8_##BM##x##BN(const __grid_constant__ resfuse::IntegerConvolution p) {                                          \
    extern __shared__ __align__(128) char shared[];                                                                         \
    resfuse::IntegerConvolutionBlock<resfuse::Tile<BM, BN, WM, WN>>(p, shared).run();                                       \
  }
