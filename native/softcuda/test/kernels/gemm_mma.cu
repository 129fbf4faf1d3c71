// Tiled matrix products on tensor cores by PTX: cp.async in several stages, swizzled shared memory, ldmatrix, mma.sync.
// C[M][N] = A[M][K] * B[N][K]^T; A and B row-major with K innermost, so that both are read the same way. Sizes are multiples of the tile.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace {

__device__ __forceinline__ uint32_t sharedAddress(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

__device__ __forceinline__ void copyAsync16(uint32_t to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}
__device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
__device__ __forceinline__ void waitFor() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

__device__ __forceinline__ void loadMatrix4(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

struct F16 {
  using Accumulator = float;
  static constexpr int bytes = 2;
  __device__ static void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};
struct Bf16 {
  using Accumulator = float;
  static constexpr int bytes = 2;
  __device__ static void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};
// 16 bytes of K are 8 halves, 4 tf32 or 16 int8: the same ldmatrix addresses give the fragments of each.
struct Tf32 {
  using Accumulator = float;
  static constexpr int bytes = 4;
  __device__ static void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};
struct S8 {
  using Accumulator = int;
  static constexpr int bytes = 1;
  __device__ static void mma(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};
struct U8S8Saturating {
  using Accumulator = int;
  static constexpr int bytes = 1;
  __device__ static void mma(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};

// 64 x 64 tile, 128 threads as 2 x 2 warps of 32 x 32, 64 bytes of K a stage, three stages.
template <typename Type>
__device__ void gemm(const char* a, const char* b, typename Type::Accumulator* c, int n, int k) {
  constexpr int rows = 64, rowBytes = 64, stages = 3, stageBytes = 2 * rows * rowBytes;
  extern __shared__ __align__(128) char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warpRow = warp / 2 * 32, warpColumn = warp % 2 * 32;
  const size_t pitch = (size_t)k * Type::bytes;
  a += blockIdx.y * rows * pitch;
  b += blockIdx.x * rows * pitch;
  // a 16-byte chunk of a row lies at chunk ^ (row / 2 % 4): ldmatrix meets no bank twice
  auto place = [](int row, int chunk) { return row * rowBytes + ((chunk ^ (row >> 1 & 3)) << 4); };
  auto fetch = [&](int tile) {
    char* stage = shared + tile % stages * stageBytes;
    for (int i = threadIdx.x; i < 2 * rows * 4; i += 128) {
      const int row = i / 4 % rows, chunk = i % 4;
      const bool isB = i >= rows * 4;
      copyAsync16(sharedAddress(stage + isB * rows * rowBytes + place(row, chunk)),
                  (isB ? b : a) + row * pitch + (size_t)tile * rowBytes + chunk * 16);
    }
  };
  typename Type::Accumulator d[2][4][4] = {};
  const int tiles = (int)(pitch / rowBytes);
  for (int s = 0; s < stages - 1; s++) {
    if (s < tiles) fetch(s);
    commit();
  }
  for (int tile = 0; tile < tiles; tile++) {
    waitFor<stages - 2>();
    __syncthreads();
    if (tile + stages - 1 < tiles) fetch(tile + stages - 1);
    commit();
    const char* stage = shared + tile % stages * stageBytes;
#pragma unroll
    for (int step = 0; step < 2; step++) {
      uint32_t fa[2][4], fb[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        loadMatrix4(fa[i], sharedAddress(stage + place(warpRow + 16 * i + lane % 16, 2 * step + lane / 16)));
        loadMatrix4(fb[i], sharedAddress(stage + rows * rowBytes +
                                         place(warpColumn + 16 * i + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2)));
      }
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) Type::mma(d[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);
    }
  }
  const int g = lane / 4, t = lane % 4;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 4; j++)
      for (int e = 0; e < 4; e++) {
        const int row = blockIdx.y * rows + warpRow + 16 * i + g + e / 2 * 8, column = blockIdx.x * rows + warpColumn + 8 * j + 2 * t + e % 2;
        c[(size_t)row * n + column] = d[i][j][e];
      }
}

}  // namespace

extern "C" __global__ void gemmF16(const char* a, const char* b, float* c, int n, int k) { gemm<F16>(a, b, c, n, k); }
extern "C" __global__ void gemmBf16(const char* a, const char* b, float* c, int n, int k) { gemm<Bf16>(a, b, c, n, k); }
extern "C" __global__ void gemmTf32(const char* a, const char* b, float* c, int n, int k) { gemm<Tf32>(a, b, c, n, k); }
extern "C" __global__ void gemmS8(const char* a, const char* b, int* c, int n, int k) { gemm<S8>(a, b, c, n, k); }
extern "C" __global__ void gemmU8S8(const char* a, const char* b, int* c, int n, int k) { gemm<U8S8Saturating>(a, b, c, n, k); }

// One tile with fp16 accumulators; B (K x N, N innermost) goes through ldmatrix.trans. A 16 x 16, B 16 x 8, C 16 x 8.
extern "C" __global__ void mmaHalfAccumulators(const __half* a, const __half* b, __half* c) {
  __shared__ __align__(16) __half sa[16][16], sb[16][8];
  for (int i = threadIdx.x; i < 256; i += 32) sa[i / 16][i % 16] = a[i];
  for (int i = threadIdx.x; i < 128; i += 32) sb[i / 8][i % 8] = b[i];
  __syncwarp();
  const int lane = threadIdx.x;
  uint32_t fa[4], fb[2], d[2] = {0, 0};
  loadMatrix4(fa, sharedAddress(&sa[lane % 16][lane / 16 * 8]));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(fb[0]), "=r"(fb[1]) : "r"(sharedAddress(&sb[lane % 16][0])));
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%0, %1};"
               : "+r"(d[0]), "+r"(d[1])
               : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  const int g = lane / 4, t = lane % 4;
  *reinterpret_cast<uint32_t*>(c + g * 8 + 2 * t) = d[0];
  *reinterpret_cast<uint32_t*>(c + (g + 8) * 8 + 2 * t) = d[1];
}

// The smaller shapes, fragments loaded by hand: A 16 x K, B 8 x K (K innermost), C 16 x 8.
extern "C" __global__ void mmaSmallShapes(const __half* a, const __half* b, float* c16, const float* ta, const float* tb, float* c4,
                                          const signed char* ia, const signed char* ib, int* c16i, const __nv_bfloat16* ba,
                                          const __nv_bfloat16* bb, float* c8b) {
  const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  auto word = [](const void* p) { return *static_cast<const uint32_t*>(p); };
  auto put = [&](auto* c, auto d0, auto d1, auto d2, auto d3) {
    c[g * 8 + 2 * t] = d0, c[g * 8 + 2 * t + 1] = d1, c[(g + 8) * 8 + 2 * t] = d2, c[(g + 8) * 8 + 2 * t + 1] = d3;
  };
  float d[4];
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(word(a + g * 8 + 2 * t)), "r"(word(a + (g + 8) * 8 + 2 * t)), "r"(word(b + g * 8 + 2 * t)), "f"(0.f));
  put(c16, d[0], d[1], d[2], d[3]);
  asm("mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(word(ta + g * 4 + t)), "r"(word(ta + (g + 8) * 4 + t)), "r"(word(tb + g * 4 + t)), "f"(0.f));
  put(c4, d[0], d[1], d[2], d[3]);
  int e[4];
  asm("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
      : "=r"(e[0]), "=r"(e[1]), "=r"(e[2]), "=r"(e[3])
      : "r"(word(ia + g * 16 + 4 * t)), "r"(word(ia + (g + 8) * 16 + 4 * t)), "r"(word(ib + g * 16 + 4 * t)), "r"(7));
  put(c16i, e[0], e[1], e[2], e[3]);
  asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(word(ba + g * 8 + 2 * t)), "r"(word(ba + (g + 8) * 8 + 2 * t)), "r"(word(bb + g * 8 + 2 * t)), "f"(0.f));
  put(c8b, d[0], d[1], d[2], d[3]);
}

// fp64: C[M][N] = A[M][K] * B[N][K]^T by m8n8k4, one warp per 8 x 8 tile.
extern "C" __global__ void gemmF64(const double* a, const double* b, double* c, int n, int k) {
  const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  const int row = blockIdx.y * 8, column = blockIdx.x * 8;
  double d0 = 0, d1 = 0;
  for (int i = 0; i < k; i += 4)
    asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
        : "+d"(d0), "+d"(d1)
        : "d"(a[(row + g) * k + i + t]), "d"(b[(column + g) * k + i + t]));
  c[(row + g) * n + column + 2 * t] = d0;
  c[(row + g) * n + column + 2 * t + 1] = d1;
}
