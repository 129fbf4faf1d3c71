// Histograms: bins counted by atomics in several memories.

extern "C" __global__ void histogramGlobal(const unsigned char* in, unsigned* bins, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[in[i]], 1u);
}

extern "C" __global__ void histogramShared(const unsigned char* in, unsigned* bins, int n) {
  __shared__ unsigned local[256];
  for (int b = threadIdx.x; b < 256; b += blockDim.x) local[b] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[in[i]], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x)
    if (local[b]) atomicAdd(&bins[b], local[b]);
}

// Lanes with the same bin elect one that adds for all.
extern "C" __global__ void histogramMatched(const unsigned char* in, unsigned* bins, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const unsigned active = __activemask();
  const unsigned peers = __match_any_sync(active, (unsigned)in[i]);
  if (__ffs(peers) - 1 == (int)(threadIdx.x % 32)) atomicAdd(&bins[in[i]], (unsigned)__popc(peers));
}

// Bytes of packed counters in shared memory, four to a word, by atomics on the word.
extern "C" __global__ void histogramPacked(const uchar4* in, unsigned* bins, int quads) {
  __shared__ unsigned packed[64];
  if (threadIdx.x < 64) packed[threadIdx.x] = 0;
  __syncthreads();
  if (threadIdx.x < quads) {  // at most 255 elements, so no byte overflows
    const uchar4 q = in[threadIdx.x];
    atomicAdd(&packed[q.x / 4], 1u << 8 * (q.x % 4));
    atomicAdd(&packed[q.y / 4], 1u << 8 * (q.y % 4));
    atomicAdd(&packed[q.z / 4], 1u << 8 * (q.z % 4));
    atomicAdd(&packed[q.w / 4], 1u << 8 * (q.w % 4));
  }
  __syncthreads();
  if (threadIdx.x < 256) bins[threadIdx.x] = reinterpret_cast<unsigned char*>(packed)[threadIdx.x];
}
