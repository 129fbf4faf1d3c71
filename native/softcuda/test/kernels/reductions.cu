// Sums, minima and maxima of an array, by the classical ways of combining threads.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>

namespace cg = cooperative_groups;

template <typename T>
__device__ void treeInShared(const T* in, T* out, int n, T* shared) {
  T sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += in[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half >>= 1) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = shared[0];
}

extern "C" __global__ void sumSharedInt(const int* in, int* out, int n) {
  extern __shared__ int sharedInt[];
  treeInShared(in, out, n, sharedInt);
}

extern "C" __global__ void sumSharedDouble(const double* in, double* out, int n) {
  extern __shared__ double sharedDouble[];
  treeInShared(in, out, n, sharedDouble);
}

template <typename T>
__device__ T warpSum(T value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) value += __shfl_down_sync(0xffffffffu, value, offset);
  return value;
}

template <typename T>
__device__ void byShuffles(const T* in, T* out, int n) {
  __shared__ T partial[32];
  T sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += in[i];
  sum = warpSum(sum);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (lane == 0) partial[warp] = sum;
  __syncthreads();
  if (warp == 0) {
    sum = lane < (blockDim.x + 31) / 32 ? partial[lane] : T(0);
    sum = warpSum(sum);
    if (lane == 0) atomicAdd(out, sum);
  }
}

extern "C" __global__ void sumShuffleInt(const int* in, int* out, int n) { byShuffles(in, out, n); }
extern "C" __global__ void sumShuffleFloat(const float* in, float* out, int n) { byShuffles(in, out, n); }
extern "C" __global__ void sumShuffleDouble(const double* in, double* out, int n) { byShuffles(in, out, n); }
extern "C" __global__ void sumShuffleLong(const unsigned long long* in, unsigned long long* out, int n) { byShuffles(in, out, n); }

// out: add, min, max (signed), min, max (unsigned), and, or, xor of each warp's 32 values
extern "C" __global__ void reduxAll(const int* in, int* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int v = in[i];
  const int results[8] = {__reduce_add_sync(~0u, v),
                          __reduce_min_sync(~0u, v),
                          __reduce_max_sync(~0u, v),
                          (int)__reduce_min_sync(~0u, (unsigned)v),
                          (int)__reduce_max_sync(~0u, (unsigned)v),
                          (int)__reduce_and_sync(~0u, (unsigned)v),
                          (int)__reduce_or_sync(~0u, (unsigned)v),
                          (int)__reduce_xor_sync(~0u, (unsigned)v)};
  if (threadIdx.x % 32 == 5)
    for (int k = 0; k < 8; k++) out[i / 32 * 8 + k] = results[k];
}

// Each third of a warp reduces on its own, in diverged code.
extern "C" __global__ void reduxThirds(const int* in, int* out) {
  const int lane = threadIdx.x;
  unsigned mask = 0;
  for (int i = lane % 3; i < 32; i += 3) mask |= 1u << i;
  int result = 0;
  if (lane % 3 == 0) result = __reduce_add_sync(mask, in[lane]);
  else if (lane % 3 == 1) result = __reduce_max_sync(mask, in[lane]);
  else result = (int)__reduce_xor_sync(mask, (unsigned)in[lane]);
  out[lane] = result;
}

// Per block: how many are positive, are all below the limit, is any equal to the key.
extern "C" __global__ void barrierReductions(const int* in, int* out, int limit, int key) {
  const int v = in[blockIdx.x * blockDim.x + threadIdx.x];
  const int count = __syncthreads_count(v > 0);
  const int all = __syncthreads_and(v < limit);
  const int any = __syncthreads_or(v == key);
  if (threadIdx.x == blockDim.x - 1) {
    out[3 * blockIdx.x] = count;
    out[3 * blockIdx.x + 1] = all != 0;
    out[3 * blockIdx.x + 2] = any != 0;
  }
}

__device__ unsigned blocksDone = 0;

// The block that finishes last adds up the others' results ("threadFenceReduction").
extern "C" __global__ void sumLastBlock(const float* in, volatile float* partial, float* out, int n) {
  __shared__ float shared[256];
  __shared__ bool last;
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += in[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = shared[0];
    __threadfence();
    last = atomicInc(&blocksDone, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float total = 0;
    for (int b = 0; b < gridDim.x; b++) total += partial[b];
    *out = total;
  }
}

// Tiles of each size by cooperative_groups; out[size index][tile]
template <int Size>
__device__ void tile(const int* in, int* out) {
  auto tile = cg::tiled_partition<Size>(cg::this_thread_block());
  const int v = in[threadIdx.x];
  const int sum = cg::reduce(tile, v, cg::plus<int>());
  const int least = cg::reduce(tile, v, cg::less<int>());
  if (tile.thread_rank() == 0) {
    out[2 * tile.meta_group_rank()] = sum;
    out[2 * tile.meta_group_rank() + 1] = least;
  }
}
extern "C" __global__ void tileReductions(const int* in, int* out) {
  tile<1>(in, out);
  tile<2>(in, out + 2 * blockDim.x);
  tile<4>(in, out + 4 * blockDim.x);
  tile<8>(in, out + 6 * blockDim.x);
  tile<16>(in, out + 8 * blockDim.x);
  tile<32>(in, out + 10 * blockDim.x);
}

// Index of the maximum, carried along as a struct through shuffles.
struct Candidate {
  float value;
  int index;
};
extern "C" __global__ void argMax(const float* in, int* out, int n) {
  Candidate best = {-1e30f, -1};
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    if (in[i] > best.value) best = {in[i], i};
  for (int offset = 16; offset; offset /= 2) {
    Candidate other = {__shfl_xor_sync(~0u, best.value, offset), __shfl_xor_sync(~0u, best.index, offset)};
    if (other.value > best.value || (other.value == best.value && other.index < best.index)) best = other;
  }
  __shared__ Candidate perWarp[32];
  if (threadIdx.x % 32 == 0) perWarp[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < blockDim.x / 32; w++)
      if (perWarp[w].value > best.value || (perWarp[w].value == best.value && perWarp[w].index < best.index)) best = perWarp[w];
    *out = best.index;
  }
}
