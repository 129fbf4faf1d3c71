// Prefix sums.

// Hillis and Steele, double-buffered in shared memory; inclusive.
extern "C" __global__ void scanHillisSteele(const int* in, int* out) {
  extern __shared__ int buffer[];
  const int n = blockDim.x, i = threadIdx.x;
  int from = 0;
  buffer[i] = in[blockIdx.x * n + i];
  __syncthreads();
  for (int offset = 1; offset < n; offset *= 2) {
    const int to = 1 - from;
    buffer[to * n + i] = buffer[from * n + i] + (i >= offset ? buffer[from * n + i - offset] : 0);
    from = to;
    __syncthreads();
  }
  out[blockIdx.x * n + i] = buffer[from * n + i];
}

// Blelloch: up-sweep and down-sweep with padding against bank conflicts; exclusive, two elements a thread.
#define PAD(i) ((i) + ((i) >> 5))
extern "C" __global__ void scanBlelloch(const float* in, float* out) {
  extern __shared__ float tree[];
  const int n = 2 * blockDim.x, t = threadIdx.x, base = blockIdx.x * n;
  tree[PAD(t)] = in[base + t];
  tree[PAD(t + n / 2)] = in[base + t + n / 2];
  int offset = 1;
  for (int d = n >> 1; d > 0; d >>= 1) {
    __syncthreads();
    if (t < d) tree[PAD(offset * (2 * t + 2) - 1)] += tree[PAD(offset * (2 * t + 1) - 1)];
    offset <<= 1;
  }
  if (t == 0) tree[PAD(n - 1)] = 0;
  for (int d = 1; d < n; d <<= 1) {
    offset >>= 1;
    __syncthreads();
    if (t < d) {
      const int a = PAD(offset * (2 * t + 1) - 1), b = PAD(offset * (2 * t + 2) - 1);
      const float left = tree[a];
      tree[a] = tree[b];
      tree[b] += left;
    }
  }
  __syncthreads();
  out[base + t] = tree[PAD(t)];
  out[base + t + n / 2] = tree[PAD(t + n / 2)];
}

__device__ unsigned long long warpScan(unsigned long long v, int lane) {
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    const unsigned long long left = __shfl_up_sync(~0u, v, offset);
    if (lane >= offset) v += left;
  }
  return v;
}

// A whole array in one pass with decoupled look-back: each tile publishes its sum, then its prefix, and looks at those before it.
struct TileState {
  volatile unsigned status;  // 0 nothing, 1 sum, 2 prefix
  volatile unsigned long long sum, prefix;
};
__device__ unsigned nextTile = 0;

extern "C" __global__ void scanLookBack(const unsigned* in, unsigned long long* out, TileState* tiles, int n) {
  __shared__ unsigned tileShared;
  __shared__ unsigned long long warpSums[8], before;
  if (threadIdx.x == 0) tileShared = atomicAdd(&nextTile, 1);
  __syncthreads();
  const unsigned tile = tileShared;
  const int i = tile * 256 + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  unsigned long long v = warpScan(i < n ? in[i] : 0, lane);
  if (lane == 31) warpSums[warp] = v;
  __syncthreads();
  for (int w = 0; w < warp; w++) v += warpSums[w];
  if (threadIdx.x == 0) {
    unsigned long long sum = 0, prefix = 0;
    for (int w = 0; w < 8; w++) sum += warpSums[w];
    if (tile > 0) {
      tiles[tile].sum = sum;
      __threadfence();
      tiles[tile].status = 1;
      for (int look = tile - 1; look >= 0; look--) {
        unsigned status;
        while ((status = tiles[look].status) == 0) {}
        __threadfence();
        if (status == 2) {
          prefix += tiles[look].prefix;
          break;
        }
        prefix += tiles[look].sum;
      }
    }
    tiles[tile].prefix = prefix + sum;
    __threadfence();
    tiles[tile].status = 2;
    before = prefix;
  }
  __syncthreads();
  if (i < n) out[i] = v + before;
}

// Stream compaction: keep the odd values, in order within a warp, by ballots.
extern "C" __global__ void compactOdd(const int* in, int* out, int* counts) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32, warp = i / 32;
  const bool keep = in[i] & 1;
  const unsigned kept = __ballot_sync(~0u, keep);
  if (keep) out[warp * 32 + __popc(kept & ((1u << lane) - 1))] = in[i];
  if (lane == 0) counts[warp] = __popc(kept);
}
