// The gradient of a convolution's weights as an implicit GEMM over pixels.
//
//   gradient[n][k] (+)= sum over m of outputGradient[m][n] in[m][k]       (see parameters.cuh for m, n, k and 'in')
//   _norm:   'in' is [relu](input * inputScale + inputBias) rounded to T, and still zero outside of the image
//
// Layout: NHWC; the gradient is float, in the layout of the weights. A block computes BM output channels x BN columns (tap, channel) over
// the pixels of its slice; blockIdx.y = pack * slices + slice. With several slices each writes its sums to 'partials'; the last block of a
// tile adds the parts in the order of the slices. Where these are so many that one block would take long, there are no tickets, and each
// slice has a gradient of its own, which the kernel sumSlices adds, in order, too: the same bits on every run.
//
// How: pixels run in stages of 64 bytes per channel (32 pixels of 16-bit types, 16 of 32-bit types), all full but the first. Both operands lie
// pixel by pixel, as in global memory; ldmatrix transposes them on the way to mma.sync. A thread's column, and so its tap, never
// changes; one warp finds the windows of a later stage's pixels for all.
//
// Launch: threads as in Tile; dynamic shared memory: Tile::SHARED.
// Bytes per block at best: its pixels of both tensors, and the gradient once. FLOPs: 2 M N K.
#pragma once

#include "last_block.cuh"
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
  static_assert(A::swizzle(A_ROWS) == 0 && B::swizzle(B_ROWS) == 0, "passes differ by whole periods of the swizzle");
  static constexpr int SLOTS = 8;   // stages whose windows are known: more than are in flight
  static constexpr uint32_t SLOT = PIXELS * sizeof(Window), SLOT_MASK = SLOTS * SLOT - 1;   // bytes
  // The main loop has the code of as many stages, so that where they lie in the ring is a part of the instructions. In fp32, where
  // addresses weigh little against the multiply-adds, it has one.
  static constexpr int UNROLLED = !Type::tensorCores ? 1 : kStages;

  // The windows of the stage 'AHEAD' after number S of an iteration that begins at 'slot': a register and a constant.
  template <int S, int AHEAD>
  static __device__ __forceinline__ uint32_t slotAfter(uint32_t slot) {
    if constexpr (UNROLLED == 1) return (slot + AHEAD * SLOT) & SLOT_MASK;
    return S + AHEAD < kStages ? slot : slot ^ kStages * SLOT;
  }
  template <int S, int AHEAD>
  static __device__ constexpr int slotOffset() { return UNROLLED == 1 ? 0 : (S + AHEAD) % kStages * (int)SLOT; }
  template <int S, int AHEAD>
  static __device__ constexpr int stageOffset() { return UNROLLED == 1 ? 0 : (S + AHEAD) % kStages * Tile::STAGE; }

  const WeightGradient& p;
  char* const shared;
  Window* const windows;
  const uint32_t sharedBase;

  const char* gradients;    // this thread's chunk of output channels at the pixel that it copies next
  const char* pixels;       // its tap and channels: at that pixel if pointwise, else to be added to a window's offset
  long long gradientStep, pixelStep;   // bytes from one pass' pixel to the next
  uint32_t bits;            // of its tap
  int oneTap;               // whether all columns of the block are of one tap: then windows know whether it is inside
  int pointwise;            // whether m counts the input's pixels too: then there is no need for windows
  int windowed;             // whether all columns are of one tap and there are windows
  int finds;                // whether this thread finds windows
  int rowBytes, columnBytes;   // 16, or 0 where the thread's chunk lies outside of the gradient
  uint32_t aTo, bTo;        // this thread's chunks of a stage
  uint32_t windowFrom, windowTo;   // the first window of a slot that it reads, and that it finds

  __device__ __forceinline__ WeightGradientBlock(const WeightGradient& p, char* shared, Window* windows)
      : p(p),
        shared(shared),
        windows(windows),
        sharedBase(sharedAddress(shared)) {}

  __device__ __forceinline__ int rowTile() const { return blockX() / p.columnTiles; }
  __device__ __forceinline__ int columnTile() const { return blockX() % p.columnTiles; }
  __device__ __forceinline__ int pack() const { return blockY() / p.slices; }
  __device__ __forceinline__ int slice() const { return blockY() % p.slices; }

  // Copies a stage, of which the slice's first may have fewer pixels than others: 'there', counted from its beginning; the rest is zeros. It
  // lies at stage + STAGE, its windows at slot + SLOT_AT.
  template <bool FIRST, int STAGE, int SLOT_AT>
  __device__ __forceinline__ void fetch(uint32_t stage, uint32_t slot, int there) {
    const uint32_t a = aTo + stage, b = bTo + stage;
    repeat<A_PASSES>([&](auto i) {
      const bool isThere = !FIRST || (int)threadIdx.x / A::CHUNKS + i * A_ROWS < there;
      copyAsync<STAGE + i * A_ROWS * A::PITCH>(a, FIRST ? gradients + i * gradientStep : gradients, isThere ? rowBytes : 0);
      if (!FIRST) gradients = kept(gradients + gradientStep);
    });
    if (FIRST) gradients = kept(gradients + (long long)there * p.outputPitch * Type::bytes);
    if (pointwise) {
      repeat<B_PASSES>([&](auto i) {
        const bool isThere = !FIRST || (int)threadIdx.x / B::CHUNKS + i * B_ROWS < there;
        copyAsync<STAGE + i * B_ROWS * B::PITCH>(b, FIRST ? pixels + i * pixelStep : pixels, isThere ? columnBytes : 0);
        if (!FIRST) pixels = kept(pixels + pixelStep);
      });
      if (FIRST) pixels = kept(pixels + (long long)there * p.inputPitch * Type::bytes);
    } else {   // of what is not there, windows say so
      const uint32_t found = windowFrom + slot;
      if (windowed) {
        repeat<B_PASSES>([&](auto i) {
          const uint2 w = loadSharedPair<SLOT_AT + i * B_ROWS * sizeof(Window)>(found);
          copyAsync<STAGE + i * B_ROWS * B::PITCH>(b, at(pixels, w.x), w.y);
        });
      } else {
        repeat<B_PASSES>([&](auto i) {
          const uint2 w = loadSharedPair<SLOT_AT + i * B_ROWS * sizeof(Window)>(found);
          copyAsync<STAGE + i * B_ROWS * B::PITCH>(b, at(pixels, w.x), isOwnInside(w.y) ? 16 : 0);
        });
      }
    }
  }

  // Whether this thread's tap of a window is, where the block has several taps; and in general.
  __device__ __forceinline__ bool isOwnInside(uint32_t inside) const { return (inside & bits) == bits; }
  __device__ __forceinline__ bool isInside(uint32_t inside) const { return oneTap ? inside != 0 : isOwnInside(inside); }

  template <int STAGE, int SLOT_AT>
  __device__ __forceinline__ void normaliseStage(uint32_t stage, uint32_t slot, const float (&scale)[VECTOR], const float (&bias)[VECTOR],
                                                 uint32_t floor) {
    const uint32_t chunks = bTo + stage, found = windowFrom + slot;
    repeat<B_PASSES>([&](auto i) {
      constexpr int chunk = STAGE + i * B_ROWS * B::PITCH;
      if (isInside(loadSharedPair<SLOT_AT + i * B_ROWS * sizeof(Window)>(found).y))
        storeSharedChunk<chunk>(chunks, normalise<Type>(loadSharedChunk<chunk>(chunks), scale, bias, floor));
    });
  }

  // Where one thread's pixel of the next stage lies in the grid; it moves on by a stage at a time.
  struct Pixel {
    int image, i, j;
    __device__ __forceinline__ Pixel(const WeightGradient& p, int m) {
      const int row = m / p.gridWidth;
      j = m - row * p.gridWidth;
      image = row / p.gridHeight;
      i = row - image * p.gridHeight;
    }
    __device__ __forceinline__ void advance(const WeightGradient& p, const Pixel& by) {
      j += by.j;
      i += by.i;
      image += by.image;
      if (j >= p.gridWidth) {
        j -= p.gridWidth;
        i++;
      }
      if (i >= p.gridHeight) {
        i -= p.gridHeight;
        image++;
      }
    }
  };

  // Finds the windows of a stage's pixels; those from number 'there' on have none. Beyond the slice's end nobody reads them.
  template <int SLOT_AT>
  __device__ __forceinline__ void findWindows(uint32_t slot, int there, Pixel& pixel, const Pixel& step, const TapCursor<Type, WeightGradient>& tap) {
    if (!finds) return;
    Window w{0, 0};
    if ((int)threadIdx.x < there) {
      if (oneTap) {
        const int y = pixel.i * p.rowStride + p.rowOffset, x = pixel.j * p.columnStride + p.columnOffset;
        w.offset = windowOffset<Type>(p, pixel.image, y, x);
        // No branch between the two, in which lanes would part.
        const bool inside = ((unsigned)(y + tap.row * p.rowStep) < (unsigned)p.inputHeight) &
                            ((unsigned)(x + tap.column * p.columnStep) < (unsigned)p.inputWidth);
        w.inside = inside ? 16 : 0;
      } else {
        w = window<Type>(p, pixel.image, pixel.i, pixel.j);
      }
    }
    storeSharedPair<SLOT_AT>(windowTo + slot, (uint32_t)w.offset, w.inside);
    pixel.advance(p, step);
  }

  __device__ __forceinline__ void run() {
    // Find the slice: its pixels, and how many stages they are.
    const int total = p.images * p.gridHeight * p.gridWidth;
    const int stages = (total + PIXELS - 1) / PIXELS, perSlice = (stages + p.slices - 1) / p.slices;
    const int begin = min(slice() * perSlice, stages) * PIXELS, end = min(total, begin + perSlice * PIXELS);
    const int count = (end - begin + PIXELS - 1) / PIXELS;
    const int first = end - begin - max(count - 1, 0) * PIXELS;   // pixels of the first stage; all others are full

    // Find rows: this thread's chunk of output channels, at the first of its pixels of the slice.
    const int n = rowTile() * Tile::BM + threadIdx.x % A::CHUNKS * VECTOR;
    rowBytes = kept(n < p.outputs ? 16 : 0);
    gradients = kept(static_cast<const char*>(p.outputGradient) + (pack() * p.outputs + (n < p.outputs ? n : 0)) * Type::bytes +
                     (long long)(begin + threadIdx.x / A::CHUNKS) * p.outputPitch * Type::bytes);
    gradientStep = kept((long long)A_ROWS * p.outputPitch * Type::bytes);
    // Find places in shared memory: of this thread's chunks of a stage, and of the windows that it reads and finds.
    aTo = kept(sharedBase + A::place(threadIdx.x / A::CHUNKS, threadIdx.x % A::CHUNKS));
    bTo = kept(sharedBase + Tile::BM * kRowBytes + B::place(threadIdx.x / B::CHUNKS, threadIdx.x % B::CHUNKS));
    windowFrom = kept(sharedAddress(windows + threadIdx.x / B::CHUNKS));
    windowTo = kept(sharedAddress(windows + threadIdx.x));
    // Find columns: this thread's tap, and what it and the block's columns say of how pixels are found.
    const int firstColumn = columnTile() * Tile::BN;
    const TapCursor<Type, WeightGradient> tap(p, firstColumn + threadIdx.x % B::CHUNKS * VECTOR);
    columnBytes = kept(tap.inside(p) ? 16 : 0);
    bits = kept(tap.bits);
    oneTap = kept((int)(firstColumn / p.channels == (firstColumn + Tile::BN - 1) / p.channels));
    pointwise = kept((int)(p.tapRows * p.tapColumns == 1 && p.rowStride == 1 && p.columnStride == 1 && p.rowOffset == 0 && p.columnOffset == 0 &&
                p.gridHeight == p.inputHeight && p.gridWidth == p.inputWidth));
    windowed = kept((int)(oneTap && !pointwise));
    finds = kept((int)(threadIdx.x < PIXELS && (NORM || !pointwise)));
    // Find pixels: the tap's channels of the input, at the first of this thread's pixels of the slice if there is no need for windows.
    pixelStep = kept((long long)B_ROWS * p.inputPitch * Type::bytes);
    pixels = kept(static_cast<const char*>(p.input) + tap.inputOffset + pack() * p.channels * Type::bytes +
                  (pointwise ? (long long)(begin + threadIdx.x / B::CHUNKS) * p.inputPitch * Type::bytes : 0));
    // Load coefficients of the prologue.
    float scale[VECTOR] = {}, bias[VECTOR] = {};
    const uint32_t floor = floorOf<Type>(p.inputRelu);
    if (NORM && tap.inside(p)) {
      loadFloats(p.inputScale + pack() * p.channels + tap.channel, scale);
      loadFloats(p.inputBias + pack() * p.channels + tap.channel, bias);
    }

    // Find the windows of the first stages, and begin to copy all of these but the last.
    PixelMajorProduct<Type, Tile> product(sharedBase);
    Pixel pixel(p, begin + threadIdx.x), step(p, first);
#pragma unroll 1
    for (int s = 0; s < kStages; s++) {
      findWindows<0>(s * SLOT, s == 0 ? first : PIXELS, pixel, step, tap);
      step = Pixel(p, PIXELS);
    }
    __syncthreads();
    repeat<kStages - 1>([&](auto s) {
      if (s < count) fetch<s == 0, s * Tile::STAGE, s * (int)SLOT>(0, 0, first);
      commitCopies();
    });
    uint32_t stage = 0, slot = 0;   // of the first stage of an iteration; only the second changes where the ring is unrolled
#pragma unroll 1
    for (int left = count; left > 0;) {
      repeat<UNROLLED>([&](auto s) {
        constexpr int S = s;
        if (S > 0 && left <= 0) return;
        waitForCopies<kStages - 2>();
        if (NORM) normaliseStage<stageOffset<S, 0>(), slotOffset<S, 0>()>(stage, slotAfter<S, 0>(slot), scale, bias, floor);
        __syncthreads();
        if (left >= kStages)
          fetch<false, stageOffset<S, kStages - 1>(), slotOffset<S, kStages - 1>()>(
              UNROLLED == 1 ? Tile::template stageAfter<kStages - 1>(stage) : 0, slotAfter<S, kStages - 1>(slot), PIXELS);
        commitCopies();
        left--;
        findWindows<slotOffset<S, kStages>()>(slotAfter<S, kStages>(slot), PIXELS, pixel, step, tap);
        product.template accumulate<stageOffset<S, 0>()>(stage);
      });
      if (UNROLLED == 1) stage = Tile::template stageAfter<1>(stage);
      slot = slotAfter<0, UNROLLED>(slot);
    }
    __syncthreads();   // all copies have been waited for
    if (p.tickets && !addSlices(product)) return;
    product.stage(sharedBase);
    __syncthreads();
    finish();
  }

  // Whether this block is the last of its tile, and then has the sum of all slices.
  __device__ __forceinline__ bool addSlices(PixelMajorProduct<Type, Tile>& product) const {
    const long long tile = (long long)blockIdx.x * p.packs + pack();
    return sumSlices<Tile::THREADS>(product, p.partials + tile * p.slices * (Tile::BM * Tile::BN), p.tickets + tile, slice(), p.slices,
                                    reinterpret_cast<unsigned*>(shared));
  }

  __device__ __forceinline__ void finish() {
    constexpr int COLUMNS = Tile::BN / 4, GROUPS = Tile::THREADS / COLUMNS;
    const int k = columnTile() * Tile::BN + threadIdx.x % COLUMNS * 4;
    if (k >= p.weightPitch) return;
    const int first = rowTile() * Tile::BM, firstOutput = pack() * p.outputs, channel = pack() * p.channels + k % p.channels;
    const bool part = p.slices > 1 && !p.tickets;
    float* const gradient = part ? p.partials + (long long)slice() * p.packs * p.outputs * p.weightPitch : p.gradient;
    for (int row = threadIdx.x / COLUMNS; row < Tile::BM; row += GROUPS) {
      const int n = first + row, output = firstOutput + n;
      if (n >= p.outputs) break;
      float x[4];
      loadFloats(reinterpret_cast<const float*>(shared) + row * Tile::PITCH + threadIdx.x % COLUMNS * 4, x);
      float4* const to = reinterpret_cast<float4*>(gradient + (long long)output * p.weightPitch + k);
      float4 sum = make_float4(0, 0, 0, 0);
      if (!part && p.accumulate) sum = *to;
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
  __shared__ Window windows[Block::SLOTS * Block::PIXELS];
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
