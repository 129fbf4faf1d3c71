// What the benchmark times: an fp16 product on tensor cores, an fp32 product, a copy. All sizes are multiples of the tiles.
#include <cuda_fp16.h>

#include <cstdint>

namespace {

__device__ __forceinline__ uint32_t sharedAddress(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

__device__ __forceinline__ void copyAsync16(uint32_t to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}

__device__ __forceinline__ void loadMatrix4(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

__device__ __forceinline__ void loadMatrix4Transposed(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

}  // namespace

// C[M][N] = A[M][K] * B[K][N], all row-major; 128 x 128 tile, 256 threads as 2 x 4 warps of 64 x 32, 32 of K a stage, three stages.
extern "C" __global__ void __launch_bounds__(256) gemmTensor(const __half* a, const __half* b, __half* c, int n, int k) {
  constexpr int stages = 3, aBytes = 128 * 64, bBytes = 32 * 256;
  extern __shared__ __align__(128) char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warpRow = warp / 4 * 64, warpColumn = warp % 4 * 32;
  a += (size_t)blockIdx.y * 128 * k;
  b += blockIdx.x * 128;
  // rows of A are 4 chunks of 16 bytes, rows of B are 16; the XOR spreads the rows that ldmatrix reads together over the banks
  auto placeA = [](int row, int chunk) { return row * 64 + ((chunk ^ (row >> 1 & 3)) << 4); };
  auto placeB = [](int row, int chunk) { return aBytes + row * 256 + ((chunk ^ (row & 7)) << 4); };
  auto fetch = [&](int tile) {
    char* stage = shared + tile % stages * (aBytes + bBytes);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int p = threadIdx.x + 256 * i;
      copyAsync16(sharedAddress(stage + placeA(p / 4, p % 4)), a + (size_t)(p / 4) * k + tile * 32 + p % 4 * 8);
      copyAsync16(sharedAddress(stage + placeB(p / 16, p % 16)), b + (size_t)(tile * 32 + p / 16) * n + p % 16 * 8);
    }
  };
  float d[4][4][4] = {};
  const int tiles = k / 32;
  for (int s = 0; s < stages - 1; s++) {
    if (s < tiles) fetch(s);
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  for (int tile = 0; tile < tiles; tile++) {
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    if (tile + stages - 1 < tiles) fetch(tile + stages - 1);
    asm volatile("cp.async.commit_group;" ::: "memory");
    const char* stage = shared + tile % stages * (aBytes + bBytes);
#pragma unroll
    for (int step = 0; step < 2; step++) {
      uint32_t fa[4][4], fb[2][4];
#pragma unroll
      for (int i = 0; i < 4; i++) loadMatrix4(fa[i], sharedAddress(stage + placeA(warpRow + 16 * i + lane % 16, 2 * step + lane / 16)));
#pragma unroll
      for (int j = 0; j < 2; j++)
        loadMatrix4Transposed(fb[j], sharedAddress(stage + placeB(16 * step + lane % 16, warpColumn / 8 + 2 * j + lane / 16)));
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
          asm volatile(
              "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
              : "+f"(d[i][j][0]), "+f"(d[i][j][1]), "+f"(d[i][j][2]), "+f"(d[i][j][3])
              : "r"(fa[i][0]), "r"(fa[i][1]), "r"(fa[i][2]), "r"(fa[i][3]), "r"(fb[j / 2][j % 2 * 2]), "r"(fb[j / 2][j % 2 * 2 + 1]));
    }
  }
  const int g = lane / 4, t = lane % 4;
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const size_t row = blockIdx.y * 128 + warpRow + 16 * i + g + 8 * h, column = blockIdx.x * 128 + warpColumn + 8 * j + 2 * t;
        *reinterpret_cast<__half2*>(c + row * n + column) = __floats2half2_rn(d[i][j][2 * h], d[i][j][2 * h + 1]);
      }
}

// C[M][N] = A[M][K] * B[K][N] in fp32; 128 x 128 tile, 256 threads of 8 x 8 outputs, 8 of K at a time, A transposed on its way.
extern "C" __global__ void __launch_bounds__(256) gemmFfma(const float* a, const float* b, float* c, int n, int k) {
  __shared__ __align__(16) float sa[8][128], sb[8][128];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  a += (size_t)blockIdx.y * 128 * k;
  b += blockIdx.x * 128;
  float d[8][8] = {};
  for (int k0 = 0; k0 < k; k0 += 8) {
    const int row = threadIdx.x / 2, part = threadIdx.x % 2 * 4;
    const float4 va = *reinterpret_cast<const float4*>(a + (size_t)row * k + k0 + part);
    const float4 vb = *reinterpret_cast<const float4*>(b + (size_t)(k0 + threadIdx.x / 32) * n + threadIdx.x % 32 * 4);
    __syncthreads();
    sa[part][row] = va.x, sa[part + 1][row] = va.y, sa[part + 2][row] = va.z, sa[part + 3][row] = va.w;
    *reinterpret_cast<float4*>(&sb[threadIdx.x / 32][threadIdx.x % 32 * 4]) = vb;
    __syncthreads();
#pragma unroll
    for (int p = 0; p < 8; p++) {
      float fa[8], fb[8];
      *reinterpret_cast<float4*>(fa) = *reinterpret_cast<const float4*>(&sa[p][ty * 4]);
      *reinterpret_cast<float4*>(fa + 4) = *reinterpret_cast<const float4*>(&sa[p][64 + ty * 4]);
      *reinterpret_cast<float4*>(fb) = *reinterpret_cast<const float4*>(&sb[p][tx * 4]);
      *reinterpret_cast<float4*>(fb + 4) = *reinterpret_cast<const float4*>(&sb[p][64 + tx * 4]);
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) d[i][j] = fmaf(fa[i], fb[j], d[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++)
#pragma unroll
    for (int j = 0; j < 8; j += 4) {
      const size_t row = blockIdx.y * 128 + i / 4 * 64 + ty * 4 + i % 4, column = blockIdx.x * 128 + j / 4 * 64 + tx * 4;
      *reinterpret_cast<float4*>(c + row * n + column) = make_float4(d[i][j], d[i][j + 1], d[i][j + 2], d[i][j + 3]);
    }
}

extern "C" __global__ void copyVectors(const float4* in, float4* out, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) out[i] = in[i];
}
