// The product of two tiles that lie in shared memory, kept in the registers of a block's warps.
//
// A stage of the pipeline holds two operands, each 64 bytes of k per row: 32 elements of 16 bits or 16 of 32. All types
// therefore share the geometry of loads, swizzles and instructions (ldmatrix moves 16-byte rows, whatever they hold).
//
//   K-major (forward, gradient of the input): row r of an operand is 4 chunks of 16 bytes; chunk c lies at place c ^ (r / 2 % 4), so that
//   8 consecutive rows put one chunk each into 8 different groups of banks, and a row's 4 chunks are 64 contiguous bytes.
//   Pixel-major (gradient of the weights): a row is one pixel's channels; see PixelMajor.
//
// A warp computes WM x WN outputs. On tensor cores its accumulators are those of mma; in fp32 lane (m, n) = (lane / 8, lane % 8) has
// WM / 4 x WN / 8 outputs and uses fused multiply-adds.
#pragma once

#include "instructions.cuh"

namespace resfuse {

constexpr int kRowBytes = 64;   // of k, per row and stage
constexpr int kChunk = 16;      // bytes that one thread copies at a time
constexpr int kStages = 4;      // of the pipeline

// Where a chunk of a K-major row lies.
__device__ __forceinline__ int placeKMajor(int row, int chunk) { return row * kRowBytes + ((chunk ^ (row >> 1 & 3)) << 4); }

// An address with some bits flipped, computed once.
template <int BITS>
__device__ __forceinline__ uint32_t swizzled(uint32_t address) {
  if constexpr (BITS == 0) return address;
  return kept(address ^ BITS);
}

// A block's tile: BM x BN outputs, WM x WN per warp.
template <int BM_, int BN_, int WM_, int WN_>
struct Tile {
  static constexpr int BM = BM_, BN = BN_, WM = WM_, WN = WN_;
  static constexpr int WARP_COLUMNS = BN / WN;
  static constexpr int THREADS = BM / WM * WARP_COLUMNS * 32;
  static constexpr int STAGE = (BM + BN) * kRowBytes;   // bytes
  static constexpr int PITCH = BN + 8;                  // floats per row of the staged result: rows of 8 lanes hit different banks
  // Dynamic shared memory: the ring of stages, over which the result is staged afterwards, and behind it a vector of sums per thread.
  static constexpr int RING = kStages * STAGE, RESULT = BM * PITCH * 4 + THREADS * 32, STATISTICS = RING > RESULT ? RING : RESULT;
  static constexpr int SHARED = STATISTICS + BN * 8;   // statistics of the row tiles before this one
  // The stage that lies 'ahead' stages after the one at this offset of the ring.
  template <int AHEAD>
  static __device__ __forceinline__ uint32_t stageAfter(uint32_t stage) {
    if constexpr ((RING & (RING - 1)) == 0) return (stage + AHEAD * STAGE) & (RING - 1);
    return stage >= RING - AHEAD * STAGE ? stage - (RING - AHEAD * STAGE) : stage + AHEAD * STAGE;
  }
  static __device__ __forceinline__ int warpRow() { return threadIdx.x / 32 / WARP_COLUMNS * WM; }
  static __device__ __forceinline__ int warpColumn() { return threadIdx.x / 32 % WARP_COLUMNS * WN; }
};

// What products are summed in.
template <class Type>
struct SumOf {
  using Number = float;
};

// Accumulators of mma: d[i][j] is the fragment of D of the 16 rows from 16i on and the 8 columns from 8j on of the warp's outputs, as 'multiply'
// in instructions.cuh says. fa and fb below are fragments of A and B; each fb[j] holds those of two blocks of 8 columns.
template <class Type, class Tile>
struct TensorAccumulators {
  static constexpr int ROWS = Tile::WM / 16, COLUMNS = Tile::WN / 8;
  using Number = typename SumOf<Type>::Number;
  Number d[ROWS][COLUMNS][4] = {};

  __device__ __forceinline__ void multiplyRow(int i, const uint32_t (&a)[4], const uint32_t (&b)[COLUMNS / 2][4]) {
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) multiply<Type>(d[i][j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
  }
  static constexpr int VECTORS = ROWS * COLUMNS;
  __device__ __forceinline__ Number (&vector(int i))[4] { return d[i / COLUMNS][i % COLUMNS]; }

  __device__ __forceinline__ void stage(uint32_t to) const {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    to = kept(to + 4 * ((Tile::warpRow() + g) * Tile::PITCH + Tile::warpColumn() + 2 * t));
    repeat<ROWS>([&](auto i) {
      repeat<COLUMNS>([&](auto j) {
        repeat<2>([&](auto h) {
          storeSharedPair<4 * ((16 * i + 8 * h) * Tile::PITCH + 8 * j)>(to, d[i][j][2 * h], d[i][j][2 * h + 1]);
        });
      });
    });
  }
};

// The product of K-major tiles: A has Tile::BM rows, then B has Tile::BN.
template <class Type, class Tile>
struct KMajorProduct : TensorAccumulators<Type, Tile> {
  using Base = TensorAccumulators<Type, Tile>;
  uint32_t a, b;

  __device__ __forceinline__ explicit KMajorProduct(uint32_t shared) {
    const int lane = threadIdx.x % 32;
    a = kept(shared + placeKMajor(Tile::warpRow() + lane % 16, lane / 16));
    b = kept(shared + Tile::BM * kRowBytes + placeKMajor(Tile::warpColumn() + lane / 16 * 8 + lane % 8, lane / 8 % 2));
  }
  __device__ __forceinline__ void accumulate(uint32_t stage) {
    repeat<2>([&](auto step) {
      const uint32_t rows = swizzled<step * 32>(a + stage), columns = swizzled<step * 32>(b + stage);
      uint32_t fb[Base::COLUMNS / 2][4];
      repeat<Base::COLUMNS / 2>([&](auto j) { loadMatrices<j * 16 * kRowBytes>(fb[j], columns); });
      repeat<Base::ROWS>([&](auto i) {
        uint32_t fa[4];
        loadMatrices<i * 16 * kRowBytes>(fa, rows);
        Base::multiplyRow(i, fa, fb);
      });
    });
  }
};

// In fp32: lane (m, n) has rows m + 4i and columns n + 8j of the warp's outputs.
template <class Tile>
struct KMajorProduct<F32, Tile> {
  static constexpr int ROWS = Tile::WM / 4, COLUMNS = Tile::WN / 8;
  float d[ROWS][COLUMNS] = {};
  uint32_t a, b;

  __device__ __forceinline__ explicit KMajorProduct(uint32_t shared) {
    const int m = threadIdx.x % 32 / 8, n = threadIdx.x % 8;
    a = kept(shared + placeKMajor(Tile::warpRow() + m, 0));
    b = kept(shared + Tile::BM * kRowBytes + placeKMajor(Tile::warpColumn() + n, 0));
  }
  __device__ __forceinline__ void accumulate(uint32_t stage) {
    repeat<4>([&](auto chunk) {
      // the swizzle of the rows alternates with i
      const uint32_t even = swizzled<(chunk << 4)>(a + stage), odd = swizzled<((chunk ^ 2) << 4)>(a + stage);
      const uint32_t columns = swizzled<(chunk << 4)>(b + stage);
      float4 fa[ROWS];
      repeat<ROWS>([&](auto i) { fa[i] = loadSharedVector<i * 4 * kRowBytes>(i % 2 ? odd : even); });
      repeat<COLUMNS>([&](auto j) {
        const float4 fb = loadSharedVector<j * 8 * kRowBytes>(columns);
#pragma unroll
        for (int i = 0; i < ROWS; i++)
          d[i][j] = fmaf(fa[i].w, fb.w, fmaf(fa[i].z, fb.z, fmaf(fa[i].y, fb.y, fmaf(fa[i].x, fb.x, d[i][j]))));
      });
    });
  }
  static constexpr int VECTORS = ROWS * COLUMNS / 4;
  __device__ __forceinline__ float (&vector(int i))[4] { return reinterpret_cast<float(&)[4]>(d[i * 4 / COLUMNS][i * 4 % COLUMNS]); }

  __device__ __forceinline__ void stage(uint32_t to) const {
    to = kept(to + 4 * ((Tile::warpRow() + threadIdx.x % 32 / 8) * Tile::PITCH + Tile::warpColumn() + threadIdx.x % 8));
    repeat<ROWS>([&](auto i) { repeat<COLUMNS>([&](auto j) { storeShared<4 * (4 * i * Tile::PITCH + 8 * j)>(to, d[i][j]); }); });
  }
};

// A pixel-major operand: 64 / sizeof(T) rows, one per pixel, each of WIDTH channels. Chunks are swizzled so that what a warp reads
// together lies in different banks: 8 pixels of one chunk with 16-bit types, 4 pixels of two chunks with 32-bit types.
template <class Type, int WIDTH>
struct PixelMajor {
  static constexpr int PITCH = WIDTH * Type::bytes, CHUNKS = PITCH / kChunk, PIXELS = kRowBytes / Type::bytes;
  static __host__ __device__ constexpr int swizzle(int pixel) {
    if (Type::bytes == 4) return (pixel & 3) << 1;
    return CHUNKS >= 8 ? pixel & 7 : pixel >> 1 & 3;
  }
  static __device__ __forceinline__ int place(int pixel, int chunk) { return pixel * PITCH + ((chunk ^ swizzle(pixel)) << 4); }
};

// The product over pixels: A is [pixels][BM], B is [pixels][BN]; 16-bit types.
template <class Type, class Tile>
struct PixelMajorProduct : TensorAccumulators<Type, Tile> {
  using Base = TensorAccumulators<Type, Tile>;
  using A = PixelMajor<Type, Tile::BM>;
  using B = PixelMajor<Type, Tile::BN>;
  uint32_t rows[Base::ROWS], columns[Base::COLUMNS / 2];

  __device__ __forceinline__ explicit PixelMajorProduct(uint32_t shared) {
    const int lane = threadIdx.x % 32;
    const uint32_t a = shared + A::place(lane / 16 * 8 + lane % 8, Tile::warpRow() / 8 + lane / 8 % 2);
    const uint32_t b = shared + Tile::BM * kRowBytes + B::place(lane / 8 % 2 * 8 + lane % 8, Tile::warpColumn() / 8 + lane / 16);
    repeat<Base::ROWS>([&](auto i) { rows[i] = kept(a ^ i * 32); });
    repeat<Base::COLUMNS / 2>([&](auto j) { columns[j] = kept(b ^ j * 32); });
  }
  // The stage that lies at STAGE bytes of the ring.
  template <int STAGE>
  __device__ __forceinline__ void accumulate(uint32_t) {
    repeat<2>([&](auto step) {
      uint32_t fb[Base::COLUMNS / 2][4];
      repeat<Base::COLUMNS / 2>([&](auto j) { loadMatricesTransposed<STAGE + step * 16 * B::PITCH>(fb[j], columns[j]); });
      repeat<Base::ROWS>([&](auto i) {
        uint32_t fa[4];
        loadMatricesTransposed<STAGE + step * 16 * A::PITCH>(fa, rows[i]);
        Base::multiplyRow(i, fa, fb);
      });
    });
  }
};

// ldmatrix transposes 16-bit elements only. Which row of the tile is which row of an mma is free to choose: lane group g has the four
// channels from 4g on of each 32, which one load brings; block i's rows g and g + 8 are the channels 2i and 2i + 1 of these, and column g
// of block j is channel j.
template <class Tile>
struct PixelMajorProduct<TF32, Tile> : TensorAccumulators<TF32, Tile> {
  using Base = TensorAccumulators<TF32, Tile>;
  using A = PixelMajor<TF32, Tile::BM>;
  using B = PixelMajor<TF32, Tile::BN>;
  uint32_t a, b;

  __device__ __forceinline__ explicit PixelMajorProduct(uint32_t shared) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    a = kept(shared + A::place(t, Tile::warpRow() / 4 + g));
    b = kept(shared + Tile::BM * kRowBytes + B::place(t, Tile::warpColumn() / 4 + g));
  }
  template <int STAGE>
  __device__ __forceinline__ void accumulate(uint32_t) {
    repeat<2>([&](auto step) {
      uint32_t fa[Base::ROWS][4], fb[Base::COLUMNS / 2][4];
      repeat<2>([&](auto h) {   // pixels t and t + 4
        repeat<Base::COLUMNS / 4>([&](auto c) {
          const uint4 four = loadSharedChunk<STAGE + (step * 8 + h * 4) * B::PITCH + c * 128>(b);
          fb[2 * c][h] = four.x;
          fb[2 * c][2 + h] = four.y;
          fb[2 * c + 1][h] = four.z;
          fb[2 * c + 1][2 + h] = four.w;
        });
        repeat<Base::ROWS / 2>([&](auto c) {
          const uint4 four = loadSharedChunk<STAGE + (step * 8 + h * 4) * A::PITCH + c * 128>(a);
          fa[2 * c][2 * h] = four.x;
          fa[2 * c][2 * h + 1] = four.y;
          fa[2 * c + 1][2 * h] = four.z;
          fa[2 * c + 1][2 * h + 1] = four.w;
        });
      });
      repeat<Base::ROWS>([&](auto i) { Base::multiplyRow(i, fa[i], fb); });
    });
  }
  // Odd lane groups begin with their second column: 8 lanes then write 8 different groups of banks.
  __device__ __forceinline__ void stage(uint32_t to) const {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    const bool swap = g & 1;
    to += 4 * ((Tile::warpRow() + 4 * g) * Tile::PITCH + Tile::warpColumn() + 8 * t);
    const uint32_t first = kept(swap ? to + 16 : to), second = kept(swap ? to : to + 16);
    repeat<2 * Base::ROWS>([&](auto r) {
      repeat<Base::COLUMNS / 4>([&](auto c) {
        constexpr int at = 4 * ((r / 4 * 32 + r % 4) * Tile::PITCH + c * 32), i = r / 2, h = r % 2 * 2;
        const auto& d = Base::d[i];
        const float4 even = make_float4(d[4 * c][h], d[4 * c + 1][h], d[4 * c + 2][h], d[4 * c + 3][h]);
        const float4 odd = make_float4(d[4 * c][h + 1], d[4 * c + 1][h + 1], d[4 * c + 2][h + 1], d[4 * c + 3][h + 1]);
        storeSharedVector<at>(first, swap ? odd : even);
        storeSharedVector<at>(second, swap ? even : odd);
      });
    });
  }
};

// In fp32: lane (m, n) has rows 16i + 4m + 0..3 and columns 32j + 4n + 0..3 of the warp's outputs.
template <class Tile>
struct PixelMajorProduct<F32, Tile> {
  static constexpr int ROWS = Tile::WM / 16, COLUMNS = Tile::WN / 32;
  using A = PixelMajor<F32, Tile::BM>;
  using B = PixelMajor<F32, Tile::BN>;
  float d[ROWS][4][COLUMNS][4] = {};
  uint32_t a, b;

  __device__ __forceinline__ explicit PixelMajorProduct(uint32_t shared) {
    a = kept(shared + (Tile::warpRow() / 4 + threadIdx.x % 32 / 8 << 4));
    b = kept(shared + Tile::BM * kRowBytes + (Tile::warpColumn() / 4 + threadIdx.x % 8 << 4));
  }
  template <int>
  __device__ __forceinline__ void accumulate(uint32_t stage) {
    repeat<4>([&](auto phase) {   // pixels with the same swizzle
      uint32_t rows[ROWS], columns[COLUMNS];
      repeat<ROWS>([&](auto i) { rows[i] = swizzled<((4 * i ^ phase * 2) << 4)>(a + stage); });
      repeat<COLUMNS>([&](auto j) { columns[j] = swizzled<((8 * j ^ phase * 2) << 4)>(b + stage); });
      repeat<A::PIXELS / 4>([&](auto part) {
        constexpr int pixel = part * 4 + phase;
        float4 fa[ROWS], fb[COLUMNS];
        repeat<ROWS>([&](auto i) { fa[i] = loadSharedVector<pixel * A::PITCH>(rows[i]); });
        repeat<COLUMNS>([&](auto j) { fb[j] = loadSharedVector<pixel * B::PITCH>(columns[j]); });
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
          for (int r = 0; r < 4; r++) {
            const float x = r == 0 ? fa[i].x : r == 1 ? fa[i].y : r == 2 ? fa[i].z : fa[i].w;
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) {
              d[i][r][j][0] = fmaf(x, fb[j].x, d[i][r][j][0]);
              d[i][r][j][1] = fmaf(x, fb[j].y, d[i][r][j][1]);
              d[i][r][j][2] = fmaf(x, fb[j].z, d[i][r][j][2]);
              d[i][r][j][3] = fmaf(x, fb[j].w, d[i][r][j][3]);
            }
          }
      });
    });
  }
  static constexpr int VECTORS = ROWS * 4 * COLUMNS;
  __device__ __forceinline__ float (&vector(int i))[4] { return d[i / (4 * COLUMNS)][i / COLUMNS % 4][i % COLUMNS]; }

  __device__ __forceinline__ void stage(uint32_t to) const {
    to = kept(to + 4 * ((Tile::warpRow() + threadIdx.x % 32 / 8 * 4) * Tile::PITCH + Tile::warpColumn() + threadIdx.x % 8 * 4));
    repeat<ROWS>([&](auto i) {
      repeat<4>([&](auto r) {
        repeat<COLUMNS>([&](auto j) {
          const float(&x)[4] = d[i][r][j];
          storeSharedVector<4 * ((16 * i + r) * Tile::PITCH + 32 * j)>(to, make_float4(x[0], x[1], x[2], x[3]));
        });
      });
    });
  }
};

}  // namespace resfuse
