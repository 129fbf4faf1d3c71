// Attention on tensor cores with a softmax that is corrected as keys come in; causal or not; f16 and bf16.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

constexpr int kHead = 64, kTile = 32, kRows = 64;   // a block of four warps takes 64 queries, 16 a warp

__device__ __forceinline__ unsigned shared(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }
// Rows of 64 elements: 16-byte pieces are permuted, so that ldmatrix meets no bank twice.
__device__ __forceinline__ int at(int row, int piece) { return row * kHead + ((piece ^ (row & 7)) << 3); }

template <bool transposed> __device__ __forceinline__ void load4(unsigned (&r)[4], const void* p) {
  if (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared(p)) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared(p)) : "memory");
}
__device__ __forceinline__ void multiply(__half, float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply(__nv_bfloat16, float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ unsigned pack(__half, float low, float high) {
  const __half2 h = __floats2half2_rn(low, high);
  return reinterpret_cast<const unsigned&>(h);
}
__device__ __forceinline__ unsigned pack(__nv_bfloat16, float low, float high) {
  const __nv_bfloat162 h = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<const unsigned&>(h);
}
__device__ __forceinline__ void copyAsync(void* to, const void* from, bool inside) {
  const int bytes = inside ? 16 : 0;   // the rest is filled with zeros
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared(to)), "l"(from), "r"(bytes) : "memory");
}

template <typename T> __device__ void attend(const T* q, const T* k, const T* v, T* out, float* logSums, int length, float scale, bool causal) {
  __shared__ alignas(128) T queries[kRows * kHead], keys[2][kTile * kHead], values[2][kTile * kHead];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, first = blockIdx.x * kRows;
  const size_t head = static_cast<size_t>(blockIdx.y) * length * kHead;
  q += head, k += head, v += head, out += head;
  const auto fetch = [&](T* to, const T* from, int row0, int rows) {
    for (int i = threadIdx.x; i < rows * 8; i += blockDim.x) {
      const int row = i / 8, source = row0 + row;
      copyAsync(to + at(row, i % 8), from + static_cast<size_t>(min(source, length - 1)) * kHead + i % 8 * 8, source < length);
    }
  };
  const int end = causal ? min(length, first + kRows) : length, tiles = (end + kTile - 1) / kTile;
  fetch(queries, q, first, kRows);
  fetch(keys[0], k, 0, kTile);
  fetch(values[0], v, 0, kTile);
  asm volatile("cp.async.commit_group;" ::: "memory");
  float result[8][4] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  for (int tile = 0; tile < tiles; tile++) {
    if (tile + 1 < tiles) {
      fetch(keys[(tile + 1) & 1], k, (tile + 1) * kTile, kTile);
      fetch(values[(tile + 1) & 1], v, (tile + 1) * kTile, kTile);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    const T *tileKeys = keys[tile & 1], *tileValues = values[tile & 1];
    float scores[4][4] = {};
#pragma unroll
    for (int step = 0; step < kHead / 16; step++) {
      unsigned a[4];
      load4<false>(a, queries + at(warp * 16 + lane % 16, step * 2 + lane / 16));
#pragma unroll
      for (int pair = 0; pair < 2; pair++) {
        unsigned b[4];   // two groups of eight keys, two halves of the step
        load4<false>(b, tileKeys + at(pair * 16 + lane % 8 + lane / 16 * 8, step * 2 + (lane / 8 & 1)));
        multiply(T(), scores[2 * pair], a, b[0], b[1]);
        multiply(T(), scores[2 * pair + 1], a, b[2], b[3]);
      }
    }
    const int row = first + warp * 16 + lane / 4, column = tile * kTile + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float top = most[half];
#pragma unroll
      for (int n = 0; n < 4; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          float& s = scores[n][half * 2 + e];
          const int key = column + n * 8 + e;
          s = key < length && !(causal && key > row + half * 8) ? s * scale : -INFINITY;
          top = fmaxf(top, s);
        }
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
      const float correction = top == -INFINITY ? 1.0f : exp2f((most[half] - top) * 1.44269504f);
      most[half] = top;
      float part = 0;
#pragma unroll
      for (int n = 0; n < 4; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          float& s = scores[n][half * 2 + e];
          s = s == -INFINITY ? 0.0f : exp2f((s - top) * 1.44269504f);
          part += s;
        }
      sum[half] = sum[half] * correction + part;
#pragma unroll
      for (int n = 0; n < 8; n++) result[n][half * 2] *= correction, result[n][half * 2 + 1] *= correction;
    }
#pragma unroll
    for (int step = 0; step < kTile / 16; step++) {
      const unsigned a[4] = {pack(T(), scores[2 * step][0], scores[2 * step][1]), pack(T(), scores[2 * step][2], scores[2 * step][3]),
                             pack(T(), scores[2 * step + 1][0], scores[2 * step + 1][1]), pack(T(), scores[2 * step + 1][2], scores[2 * step + 1][3])};
#pragma unroll
      for (int pair = 0; pair < 4; pair++) {
        unsigned b[4];
        load4<true>(b, tileValues + at(step * 16 + lane % 16, pair * 2 + lane / 16));
        multiply(T(), result[2 * pair], a, b[0], b[1]);
        multiply(T(), result[2 * pair + 1], a, b[2], b[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sum[half] += __shfl_xor_sync(0xffffffffu, sum[half], 1);
    sum[half] += __shfl_xor_sync(0xffffffffu, sum[half], 2);
    const int row = first + warp * 16 + lane / 4 + half * 8;
    if (row >= length) continue;
    const float inverse = 1 / sum[half];
#pragma unroll
    for (int n = 0; n < 8; n++)
      *reinterpret_cast<unsigned*>(out + static_cast<size_t>(row) * kHead + n * 8 + lane % 4 * 2) = pack(T(), result[n][half * 2] * inverse, result[n][half * 2 + 1] * inverse);
    if (lane % 4 == 0) logSums[static_cast<size_t>(blockIdx.y) * length + row] = most[half] + logf(sum[half]);
  }
}

extern "C" __global__ void __launch_bounds__(128) attentionF16(const __half* q, const __half* k, const __half* v, __half* out, float* logSums, int length, float scale, bool causal) {
  attend(q, k, v, out, logSums, length, scale, causal);
}
extern "C" __global__ void __launch_bounds__(128)
    attentionBf16(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, __nv_bfloat16* out, float* logSums, int length, float scale, bool causal) {
  attend(q, k, v, out, logSums, length, scale, causal);
}
