// Convolution as an implicit GEMM with everything that may follow it fused.
//
//   sum[m][n] = sum over k of in[m][k] weights[n][k]                      (see parameters.cuh for m, n, k and 'in')
//   value     = [relu](sum * scale[n] + bias[n] + residual[m][n])         each part optional
//   output    = value rounded to T; statistics[block][n] = mean and sum of squared deviations of what was stored
//   _norm:      'in' is [relu](input * inputScale + inputBias) rounded to T, and still zero outside of the image
//   with arrivals: what follows from the statistics of all blocks, or from all sums, is derived by the last block of a column of tiles
//   with raw:   output = masked (sum + residual) rounded to T; gradientSums[block] = sums of it, and of it times normalised raw
//   with addedRaw: addedSums[block] = the same with the norm whose result was added
//
// Layout: NHWC, channels padded to multiples of 8 with zeros. A block computes BM pixels x BN output channels; blockIdx.x counts column
// tiles fastest, so that blocks that run together read the same pixels; a block may compute several row tiles, one after the other, of which
// it keeps the statistics together; blockIdx.y = pack * slices + slice. With several slices each block
// sums a part of k and writes it to 'partials'; the last block of a tile adds the parts in the order of the slices and
// finishes the tile: the same bits on every run.
//
// How: k runs in stages of 64 bytes per row, copied by cp.async into a ring of four stages (zeros for taps outside of the
// image), read by ldmatrix from swizzled rows, multiplied by mma.sync (fp32: fused multiply-adds). The prologue is applied in place by the thread
// that copied the chunk, once its copy has arrived. The result is staged through shared memory as floats, so that every access of
// global memory is 16 bytes wide and whole sectors are written.
//
// Launch: threads as in Tile; dynamic shared memory: Tile::SHARED, and 8 * channels bytes more for _norm.
// Bytes per block at best: BM window pixels and BN rows of weights, residual and output once. FLOPs: 2 M N K.
#pragma once

#include "batch_end.cuh"
#include "pipeline.cuh"

namespace resfuse {

template <class Type, class Tile, bool NORM>
struct ConvolutionBlock {
  static constexpr int VECTOR = Type::perVector;
  static constexpr int ELEMENTS = kRowBytes / Type::bytes;
  static constexpr int ROWS_PER_PASS = Tile::THREADS / 4;
  static constexpr int A_PASSES = Tile::BM / ROWS_PER_PASS, B_PASSES = Tile::BN / ROWS_PER_PASS;
  using Cursor = TapCursor<Type, Convolution>;

  const Convolution& p;
  char* const shared;
  const uint32_t sharedBase;
  int rowTile;

  const char* pixels[A_PASSES];    // each row's window
  uint32_t inside[A_PASSES];
  const char* weights[B_PASSES];   // each row
  uint32_t to;                     // this thread's chunk of a stage

  __device__ __forceinline__ ConvolutionBlock(const Convolution& p, char* shared)
      : p(p),
        shared(shared),
        sharedBase(sharedAddress(shared)),
        rowTile(blockIdx.x / p.columnTiles * p.tilesPerBlock) {}

  // Computed anew where they are needed: no registers hold them throughout.
  __device__ __forceinline__ int columnTile() const { return blockX() % p.columnTiles; }
  __device__ __forceinline__ int pack() const { return blockY() / p.slices; }
  __device__ __forceinline__ int slice() const { return blockY() % p.slices; }

  __device__ __forceinline__ int rows() const { return p.images * p.gridHeight * p.gridWidth; }

  __device__ __forceinline__ void findOperands() {
    const int gridPixels = p.gridHeight * p.gridWidth;
#pragma unroll
    for (int i = 0; i < A_PASSES; i++) {
      const int m = rowTile * Tile::BM + threadIdx.x / 4 + i * ROWS_PER_PASS;
      const int image = m / gridPixels, pixel = m - image * gridPixels, y = pixel / p.gridWidth;
      Window w{0, 0};
      if (m < rows()) w = window<Type>(p, image, y, pixel - y * p.gridWidth);
      pixels[i] = kept(at(static_cast<const char*>(p.input), w.offset) + pack() * p.channels * Type::bytes);
      inside[i] = kept(w.inside);
    }
    const int first = columnTile() * Tile::BN + threadIdx.x / 4;
#pragma unroll
    for (int i = 0; i < B_PASSES; i++) {
      const long long row = (long long)pack() * p.outputs + min(first + i * ROWS_PER_PASS, p.outputs - 1);
      weights[i] = kept(static_cast<const char*>(p.weights) + row * p.weightPitch * Type::bytes);
    }
    to = kept(sharedBase + placeKMajor(threadIdx.x / 4, threadIdx.x % 4));
  }

  // What is copied next: a stage's chunk of k, and for each row whether it lies inside of the image.
  struct Source : Cursor {
    long long weightOffset;
    int bytes[A_PASSES], weightBytes;

    __device__ __forceinline__ Source(const ConvolutionBlock& block, int k) : Cursor(block.p, k) { enter(block); }
    __device__ __forceinline__ void enter(const ConvolutionBlock& block) {
      const Convolution& p = block.p;
      const bool any = this->row < p.tapRows;
      weightBytes = any ? 16 : 0;
      weightOffset =
          any ? (p.weightOffset + this->row * p.weightRowStep + this->column * p.weightColumnStep + this->channel) * Type::bytes : 0;
#pragma unroll
      for (int i = 0; i < A_PASSES; i++) bytes[i] = (block.inside[i] & this->bits) == this->bits ? 16 : 0;
    }
    __device__ __forceinline__ void next(const ConvolutionBlock& block) {
      if (this->advance(block.p))
        enter(block);
      else
        weightOffset += kRowBytes;
    }
  };

  __device__ __forceinline__ void fetch(uint32_t stage, const Source& from) {
    const uint32_t chunk = kept(to + stage);
    repeat<A_PASSES>([&](auto i) { copyAsync<i * ROWS_PER_PASS * kRowBytes>(chunk, pixels[i] + from.inputOffset, from.bytes[i]); });
    repeat<B_PASSES>([&](auto i) {
      copyAsync<(Tile::BM + i * ROWS_PER_PASS) * kRowBytes>(chunk, weights[i] + from.weightOffset, from.weightBytes);
    });
  }

  // Normalises the chunks that this thread copied for the tap at 'at'; coefficients lie behind the ring.
  __device__ __forceinline__ void normaliseStage(uint32_t stage, const Cursor& at) {
    if (!at.inside(p)) return;
    const uint32_t floor = floorOf<Type>(p.inputRelu);
    const uint32_t coefficients = sharedBase + Tile::SHARED + at.channel * 4, chunks = kept(to + stage);
    float scale[VECTOR], bias[VECTOR];
    loadSharedFloats(coefficients, scale);
    loadSharedFloats(coefficients + p.channels * 4, bias);
    repeat<A_PASSES>([&](auto i) {
      constexpr int chunk = i * ROWS_PER_PASS * kRowBytes;
      if ((inside[i] & at.bits) == at.bits)
        storeSharedChunk<chunk>(chunks, normalise<Type>(loadSharedChunk<chunk>(chunks), scale, bias, floor));
    });
  }

  __device__ __forceinline__ void loadCoefficients() {
    float* const to = reinterpret_cast<float*>(shared + Tile::SHARED);
    for (int c = threadIdx.x * 4; c < p.channels; c += Tile::THREADS * 4) {
      *reinterpret_cast<float4*>(to + c) = *reinterpret_cast<const float4*>(p.inputScale + pack() * p.channels + c);
      *reinterpret_cast<float4*>(to + p.channels + c) = *reinterpret_cast<const float4*>(p.inputBias + pack() * p.channels + c);
    }
    __syncthreads();
  }

  __device__ __forceinline__ void run() {
    if (NORM) loadCoefficients();
    for (;;) {
      if (!computeTile()) return;
      rowTile++;
      if (rowTile % p.tilesPerBlock == 0 || rowTile * Tile::BM >= rows()) break;
      __syncthreads();
    }
    if (p.arrivals) endBatch<Tile::BM, Tile::BN, !NORM>(p, reinterpret_cast<unsigned*>(shared));
  }

  // Whether this block has finished the tile: with several slices, only the last one of it has.
  __device__ __forceinline__ bool computeTile() {
    const int stages = (p.tapRows * p.tapColumns * p.channels + ELEMENTS - 1) / ELEMENTS;
    const int perSlice = (stages + p.slices - 1) / p.slices;
    const int begin = slice() * perSlice, count = max(0, min(stages - begin, perSlice));
    findOperands();
    const int firstK = begin * ELEMENTS + threadIdx.x % 4 * VECTOR;
    Source ahead(*this, firstK);
    Cursor here(p, firstK);
    KMajorProduct<Type, Tile> product(sharedBase);
    repeat<kStages - 1>([&](auto s) {
      if (s < count) {
        fetch(s * Tile::STAGE, ahead);
        ahead.next(*this);
      }
      commitCopies();
    });
    uint32_t stage = 0;
#pragma unroll 1
    for (int left = count; left > 0; left--) {
      waitForCopies<kStages - 2>();
      if (NORM) {
        normaliseStage(stage, here);
        here.advance(p);
      }
      __syncthreads();
      if (left >= kStages) {
        fetch(Tile::template stageAfter<kStages - 1>(stage), ahead);
        ahead.next(*this);
      }
      commitCopies();
      product.accumulate(stage);
      stage = Tile::template stageAfter<1>(stage);
    }
    __syncthreads();   // all copies have been waited for
    if (p.slices > 1 && !sumSlices(product)) return false;
    product.stage(sharedBase);
    __syncthreads();
    finish();
    return true;
  }

  // Whether this block is the last of its tile, and then has the sum of all slices.
  __device__ __forceinline__ bool sumSlices(KMajorProduct<Type, Tile>& product) {
    const long long tile = (long long)blockIdx.x * p.packs + pack();
    return resfuse::sumSlices<Tile::THREADS>(product, p.partials + tile * p.slices * (Tile::BM * Tile::BN), p.tickets + tile, slice(), p.slices,
                                             reinterpret_cast<unsigned*>(shared));
  }

  static constexpr int COLUMNS = Tile::BN / VECTOR;          // of 16 bytes in a row of the result
  static constexpr int GROUPS = Tile::THREADS / COLUMNS;     // rows that the block writes at a time

  __device__ __forceinline__ uint32_t staged(int row) const {
    return sharedBase + 4 * (row * Tile::PITCH + threadIdx.x % COLUMNS * VECTOR);
  }

  __device__ __forceinline__ long long outputPixel(int m) const {
    if (p.outputStride == 1 && p.gridHeight == p.outputHeight && p.gridWidth == p.outputWidth) return m;
    const int gridPixels = p.gridHeight * p.gridWidth;
    const int image = m / gridPixels, pixel = m - image * gridPixels, i = pixel / p.gridWidth, j = pixel - i * p.gridWidth;
    return ((long long)image * p.outputHeight + i * p.outputStride + p.outputRow) * p.outputWidth + j * p.outputStride + p.outputColumn;
  }

  // Which pixel of the residual is added to a row of the product; -1: none.
  __device__ __forceinline__ long long residualPixel(int m) const {
    const int gridPixels = p.gridHeight * p.gridWidth, s = p.residualStride;
    const int image = m / gridPixels, pixel = m - image * gridPixels, i = pixel / p.gridWidth, j = pixel - i * p.gridWidth;
    const int y = i * p.outputStride + p.outputRow, x = j * p.outputStride + p.outputColumn;
    if (y % s != 0 || x % s != 0) return -1;
    return ((long long)image * ((p.outputHeight - 1) / s + 1) + y / s) * ((p.outputWidth - 1) / s + 1) + x / s;
  }
  // The residual's vector for a row of the product whose result goes to the vector 'at'; zeros where there is none.
  __device__ __forceinline__ uint4 residual(int m, long long at, int channel) const {
    if (p.residualStride > 1) {
      const long long pixel = residualPixel(m);
      if (pixel < 0) return make_uint4(0, 0, 0, 0);
      at = (pixel * p.outputPitch + channel) / VECTOR;
    }
    return static_cast<const uint4*>(p.residual)[at];
  }

  __device__ __forceinline__ void finish() {
    if constexpr (!NORM) {
      if (p.raw) return finishGradient();
    }
    finishResult();
  }

  // Scale, bias, residual, ReLU, rounding and statistics of the staged sums.
  __device__ __forceinline__ void finishResult() {
    const int column = threadIdx.x % COLUMNS, group = threadIdx.x / COLUMNS;
    const int n = columnTile() * Tile::BN + column * VECTOR, channel = pack() * p.outputs + n;
    const int valid = min(Tile::BM, rows() - rowTile * Tile::BM);
    const bool used = n < p.outputs;
    float scale[VECTOR], bias[VECTOR], sum[VECTOR] = {};
#pragma unroll
    for (int e = 0; e < VECTOR; e++) {
      scale[e] = 1;
      bias[e] = 0;
    }
    if (used && p.scale) loadFloats(p.scale + channel, scale);
    if (used && p.bias) loadFloats(p.bias + channel, bias);
    if (used) {
      for (int row = group; row < valid; row += GROUPS) {
        const long long at = outputPixel(rowTile * Tile::BM + row) * p.outputPitch + channel;
        float x[VECTOR];
        loadStaged(staged(row), x);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) x[e] = fmaf(x[e], scale[e], bias[e]);
        if (p.residual) {
          float r[VECTOR];
          unpackVector<Type>(residual(rowTile * Tile::BM + row, at / VECTOR, channel), r);
#pragma unroll
          for (int e = 0; e < VECTOR; e++) x[e] += r[e];
        }
        if (p.relu) {
#pragma unroll
          for (int e = 0; e < VECTOR; e++) x[e] = relu(x[e]);
        }
        const uint4 stored = packVector<Type>(x);
        reinterpret_cast<uint4*>(p.output)[at / VECTOR] = stored;
        if (p.statistics) {
          unpackVector<Type>(stored, x);
          storeStaged(staged(row), x);
#pragma unroll
          for (int e = 0; e < VECTOR; e++) sum[e] += x[e];
        }
      }
    }
    if (p.statistics) takeStatistics(sum, valid, used);
  }

  // Where the sums of each group of threads lie behind the staged result: first four of each thread's channels, then the others.
  // The second half is shifted, so that reading one channel per thread meets no bank twice.
  __device__ __forceinline__ uint32_t sumsAt(int half, int thread) const {
    return sharedBase + 4 * Tile::BM * Tile::PITCH + (half * Tile::THREADS + (thread ^ half << 2)) * 16;
  }
  __device__ __forceinline__ void storeSums(const float (&x)[VECTOR]) const {
    repeat<VECTOR / 4>([&](auto h) { storeSharedVector<0>(sumsAt(h, threadIdx.x), make_float4(x[4 * h], x[4 * h + 1], x[4 * h + 2], x[4 * h + 3])); });
  }
  // Where the thread's channel keeps its statistics from one row tile to the next.
  __device__ __forceinline__ uint32_t statisticsAt() const { return sharedBase + Tile::STATISTICS + threadIdx.x * 8; }

  // The sum over groups, in order, of the channel of the column tile that has this thread's number; also stored in the place of group 0.
  __device__ __forceinline__ float sumGroups(float divisor) const {
    const int column = threadIdx.x / VECTOR, half = threadIdx.x % VECTOR / 4, element = threadIdx.x % 4 * 4;
    float sum = 0;
#pragma unroll
    for (int g = 0; g < GROUPS; g++) sum += __uint_as_float(loadShared<0>(sumsAt(half, g * COLUMNS + column) + element));
    sum /= divisor;
    storeShared<0>(sumsAt(half, column) + element, sum);
    return sum;
  }

  // Mean and sum of squared deviations of each channel of the staged values; 'sum' is over this thread's rows.
  __device__ __forceinline__ void takeStatistics(const float (&sum)[VECTOR], int valid, bool used) {
    const bool one = threadIdx.x < Tile::BN;   // of the threads that end with a channel each
    float mean = 0, means[VECTOR], squares[VECTOR] = {};
    storeSums(sum);
    __syncthreads();
    if (one) mean = sumGroups(valid);
    __syncthreads();
    repeat<VECTOR / 4>([&](auto h) {
      float four[4];
      loadSharedFloats(sumsAt(h, threadIdx.x % COLUMNS), four);
#pragma unroll
      for (int e = 0; e < 4; e++) means[4 * h + e] = four[e];
    });
    if (used) {
      for (int row = threadIdx.x / COLUMNS; row < valid; row += GROUPS) {
        float x[VECTOR];
        loadStaged(staged(row), x);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) squares[e] = fmaf(x[e] - means[e], x[e] - means[e], squares[e]);
      }
    }
    __syncthreads();
    storeSums(squares);
    __syncthreads();
    const int n = columnTile() * Tile::BN + threadIdx.x, before = rowTile % p.tilesPerBlock;
    if (!one || n >= p.outputs) return;
    float deviations = sumGroups(1);
    if (before > 0) {   // Chan, Golub and LeVeque 1979
      const uint2 kept = loadSharedPair<0>(statisticsAt());
      const float count = before * Tile::BM, fraction = valid / (count + valid), delta = mean - __uint_as_float(kept.x);
      mean = fmaf(delta, fraction, __uint_as_float(kept.x));
      deviations += fmaf(delta * delta, count * fraction, __uint_as_float(kept.y));
    }
    if (before == p.tilesPerBlock - 1 || (rowTile + 1) * Tile::BM >= rows()) {
      const long long channels = (long long)p.packs * p.outputs;
      float* const to = p.statistics + 2 * (rowTile / p.tilesPerBlock) * channels + pack() * p.outputs + n;
      to[0] = mean;
      to[channels] = deviations;
    } else {
      storeSharedPair<0>(statisticsAt(), mean, deviations);
    }
  }

  // The staged sums are, with the residual, the gradient of a batch norm's result: mask, rounding, and the sums of the norm's way back; then
  // those of the way back of the norm whose result was added.
  __device__ __forceinline__ void finishGradient() {
#pragma unroll 1
    for (int norm = 0;; norm++) {
      const bool added = norm == 1;
      const int n = columnTile() * Tile::BN + threadIdx.x % COLUMNS * VECTOR, channel = pack() * p.outputs + n;
      const int valid = min(Tile::BM, rows() - rowTile * Tile::BM), mask = added ? MASK_NONE : p.mask;
      float sum[VECTOR] = {}, product[VECTOR] = {};
      if (n < p.outputs) {
        float mean[VECTOR], scale[VECTOR] = {}, bias[VECTOR] = {};
        loadFloats((added ? p.addedMean : p.mean) + channel, mean);
        if (mask == MASK_INPUT) {
          loadFloats(p.normScale + channel, scale);
          loadFloats(p.normBias + channel, bias);
        }
        for (int row = threadIdx.x / COLUMNS; row < valid; row += GROUPS) {
          const long long at = (outputPixel(rowTile * Tile::BM + row) * p.outputPitch + channel) / VECTOR;
          const uint4 raw = static_cast<const uint4*>(added ? p.addedRaw : p.raw)[at];
          uint4 other = make_uint4(0, 0, 0, 0);
          if (p.residual && !added) other = residual(rowTile * Tile::BM + row, at, channel);
          const unsigned bits = mask == MASK_BITS ? p.bits[at] : 0;
          float g[VECTOR], x[VECTOR];
          loadStaged(staged(row), g);
          if (p.residual && !added) {
            unpackVector<Type>(other, x);
#pragma unroll
            for (int e = 0; e < VECTOR; e++) g[e] += x[e];
          }
          unpackVector<Type>(raw, x);
          if (mask == MASK_INPUT) maskByInput<Type>(g, x, scale, bias);
          if (mask == MASK_BITS) maskByBits<Type>(g, bits);
          if (!added) {
            const uint4 stored = packVector<Type>(g);
            static_cast<uint4*>(p.output)[at] = stored;
            unpackVector<Type>(stored, g);
            if (p.addedRaw) storeStaged(staged(row), g);   // where this thread finds it again
          }
#pragma unroll
          for (int e = 0; e < VECTOR; e++) {
            sum[e] += g[e];
            product[e] = fmaf(g[e], x[e] - mean[e], product[e]);
          }
        }
      }
      takeGradientSums(sum, product, added ? p.addedSums : p.gradientSums, added ? p.addedInverse : p.inverse);
      if (added || !p.addedRaw) return;
      __syncthreads();
    }
  }

  // Adds both sums over groups, then over the block's row tiles, in order.
  __device__ __forceinline__ void takeGradientSums(const float (&sum)[VECTOR], const float (&product)[VECTOR], float* sums,
                                                   const float* inverse) {
    const bool one = threadIdx.x < Tile::BN;   // of the threads that end with a channel each
    float first = 0;
    storeSums(sum);
    __syncthreads();
    if (one) first = sumGroups(1);
    __syncthreads();
    storeSums(product);
    __syncthreads();
    const int n = columnTile() * Tile::BN + threadIdx.x, before = rowTile % p.tilesPerBlock;
    if (!one || n >= p.outputs) return;
    float second = sumGroups(1);
    const long long channels = (long long)p.packs * p.outputs;
    const int channel = pack() * p.outputs + n;
    float* const to = sums + 2 * (rowTile / p.tilesPerBlock) * channels + channel;
    if (before > 0) {   // what this thread left there
      first += to[0];
      second += to[channels];
    }
    const bool done = before == p.tilesPerBlock - 1 || (rowTile + 1) * Tile::BM >= rows();
    to[0] = first;
    to[channels] = done ? second * inverse[channel] : second;
  }
};

// How many blocks of a kernel a multiprocessor must have registers for; 0: ptxas decides. Left alone, it would spill to have four of these.
template <class Type, int BM, int BN>
constexpr int leastBlocks() {
  return Type::tensorCores && BM == 128 && BN == 64 ? 3 : 0;
}

template <class Type, class Tile, bool NORM>
__device__ __forceinline__ void convolve(const Convolution& p) {
  extern __shared__ __align__(128) char shared[];
  ConvolutionBlock<Type, Tile, NORM>(p, shared).run();
}

}  // namespace resfuse

#define RESFUSE_CONVOLUTION_KERNEL(TYPE, BM, BN, WM, WN, KERNEL, NORM)                                                       \
  extern "C" __global__ void                                                                                                \
  __launch_bounds__(resfuse::Tile<BM, BN, WM, WN>::THREADS, resfuse::leastBlocks<resfuse::TYPE, BM, BN>())                  \
      KERNEL(const __grid_constant__ resfuse::Convolution p) {                                                              \
    resfuse::convolve<resfuse::TYPE, resfuse::Tile<BM, BN, WM, WN>, NORM>(p);                                               \
  }
#define RESFUSE_CONVOLUTION(TYPE, NAME, BM, BN, WM, WN)                                                                     \
  RESFUSE_CONVOLUTION_KERNEL(TYPE, BM, BN, WM, WN, conv_##NAME##_##BM##x##BN, false)                                        \
  RESFUSE_CONVOLUTION_KERNEL(TYPE, BM, BN, WM, WN, conv_##NAME##_##BM##x##BN##_norm, true)
