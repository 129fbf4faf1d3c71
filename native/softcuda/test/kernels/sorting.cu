// Sorting networks and merges: in shared memory, across blocks, within warps.
#include <cuda_fp16.h>

typedef unsigned long long u64;

// ---- bitonic sort of 2 * blockDim.x keys with their values in shared memory, a block each ----
extern "C" __global__ void bitonicShared(const unsigned* keysIn, const unsigned short* valuesIn, unsigned* keysOut, unsigned short* valuesOut) {
  extern __shared__ unsigned keys[];
  const unsigned n = 2 * blockDim.x;
  unsigned short* const values = reinterpret_cast<unsigned short*>(keys + n);
  const size_t base = static_cast<size_t>(blockIdx.x) * n;
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x) keys[i] = keysIn[base + i], values[i] = valuesIn[base + i];
  for (unsigned size = 2; size <= n; size <<= 1)
    for (unsigned stride = size >> 1; stride > 0; stride >>= 1) {
      __syncthreads();
      const unsigned i = 2 * threadIdx.x - (threadIdx.x & (stride - 1)), j = i + stride;
      const bool up = (i & size) == 0;
      if ((keys[i] > keys[j]) == up) {
        const unsigned k = keys[i];
        keys[i] = keys[j], keys[j] = k;
        const unsigned short v = values[i];
        values[i] = values[j], values[j] = v;
      }
    }
  __syncthreads();
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x) keysOut[base + i] = keys[i], valuesOut[base + i] = values[i];
}

// ---- one step of a bitonic sort over the whole grid ----
extern "C" __global__ void bitonicStep(double* data, unsigned size, unsigned stride, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x, j = i ^ stride;
  if (j <= i || j >= n) return;
  const double a = data[i], b = data[j];
  if ((a > b) == ((i & size) == 0)) data[i] = b, data[j] = a;
}

// ---- 32 keys of 64 bits a warp, by exchanges between lanes ----
__device__ __forceinline__ u64 exchanged(u64 v, int mask, bool keepSmaller) {
  const u64 other = __shfl_xor_sync(0xffffffffu, v, mask);
  return (v < other) == keepSmaller ? v : other;
}
extern "C" __global__ void warpSort(const u64* in, u64* out) {
  const int lane = threadIdx.x & 31;
  u64 v = in[blockIdx.x * blockDim.x + threadIdx.x];
#pragma unroll
  for (int size = 2; size <= 32; size *= 2)
#pragma unroll
    for (int stride = size / 2; stride > 0; stride /= 2) v = exchanged(v, stride, ((lane & stride) == 0) == ((lane & size) == 0));
  out[blockIdx.x * blockDim.x + threadIdx.x] = v;
}

// ---- merge path: each thread finds its part of two sorted rows and merges it ----
template <typename T> __device__ int crossing(const T* a, int na, const T* b, int nb, int diagonal) {
  int low = max(0, diagonal - nb), high = min(diagonal, na);
  while (low < high) {
    const int middle = (low + high) / 2;
    if (a[middle] <= b[diagonal - 1 - middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}
extern "C" __global__ void mergePath(const short* a, int na, const short* b, int nb, short* out, int each) {
  const int first = (blockIdx.x * blockDim.x + threadIdx.x) * each, last = min(first + each, na + nb);
  if (first >= na + nb) return;
  int i = crossing(a, na, b, nb, first), j = first - i;
  for (int k = first; k < last; k++) out[k] = j >= nb || (i < na && a[i] <= b[j]) ? a[i++] : b[j++];
}

// ---- radix sort of 16-bit floats by one block, four bits a pass, ranks by ballots ----
extern "C" __global__ void radixHalves(const __half* in, __half* out, int n) {
  extern __shared__ unsigned short rows[];
  __shared__ int starts[16][32];
  unsigned short *from = rows, *to = rows + n;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    const unsigned short bits = __half_as_ushort(in[i]);
    from[i] = bits & 0x8000 ? ~bits : bits | 0x8000;
  }
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32, part = (n + warps - 1) / warps;
  for (int shift = 0; shift < 16; shift += 4) {
    for (int i = threadIdx.x; i < 16 * 32; i += blockDim.x) (&starts[0][0])[i] = 0;
    __syncthreads();
    const int end = min(n, (warp + 1) * part);
    for (int i = warp * part + lane; i < end; i += 32) atomicAdd(&starts[from[i] >> shift & 15][warp], 1);
    __syncthreads();
    if (threadIdx.x == 0) {
      int sum = 0;
      for (int d = 0; d < 16; d++)
        for (int w = 0; w < warps; w++) {
          const int count = starts[d][w];
          starts[d][w] = sum;
          sum += count;
        }
    }
    __syncthreads();
    for (int at = warp * part; at < end; at += 32) {
      const int i = at + lane;
      const bool inside = i < end;
      const unsigned short key = inside ? from[i] : 0;
      const int digit = key >> shift & 15;
      unsigned same = __ballot_sync(0xffffffffu, inside);
      for (int b = 0; b < 4; b++) {
        const unsigned ones = __ballot_sync(0xffffffffu, digit >> b & 1);
        same &= digit >> b & 1 ? ones : ~ones;
      }
      if (inside) {
        to[starts[digit][warp] + __popc(same & ((1u << lane) - 1))] = key;
      }
      __syncwarp();
      if (inside && (same >> lane) == 1) starts[digit][warp] += __popc(same);
      __syncwarp();
    }
    __syncthreads();
    unsigned short* const t = from;
    from = to, to = t;
  }
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = __ushort_as_half(from[i] & 0x8000 ? from[i] & 0x7fff : static_cast<unsigned short>(~from[i]));
}
