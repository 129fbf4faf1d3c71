// Warp-level primitives: shuffles, votes, matches, masks.

// All modes with width and delta given; out[mode * 32 + lane]
extern "C" __global__ void shuffles(const int* in, int* out, int argument, int width) {
  const int lane = threadIdx.x, v = in[lane];
  out[lane] = __shfl_sync(~0u, v, argument, width);
  out[32 + lane] = __shfl_up_sync(~0u, v, argument, width);
  out[64 + lane] = __shfl_down_sync(~0u, v, argument, width);
  out[96 + lane] = __shfl_xor_sync(~0u, v, argument, width);
}
// Each lane with a source of its own.
extern "C" __global__ void gather(const double* in, const int* from, double* out) {
  out[threadIdx.x] = __shfl_sync(~0u, in[threadIdx.x], from[threadIdx.x]);
}
// Only the odd lanes take part.
extern "C" __global__ void partialShuffle(const float* in, float* out) {
  const int lane = threadIdx.x;
  out[lane] = -1;
  if (lane & 1) out[lane] = __shfl_down_sync(0xaaaaaaaau, in[lane], 2);
}

extern "C" __global__ void votes(const int* in, unsigned* out, int threshold) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const bool p = in[threadIdx.x] > threshold;
  const unsigned all = __all_sync(~0u, p), any = __any_sync(~0u, p), ballot = __ballot_sync(~0u, p), uniform = [&] {
    unsigned r;
    asm volatile("{ .reg .pred q, r; setp.ne.u32 q, %1, 0; vote.sync.uni.pred r, q, 0xffffffff; selp.u32 %0, 1, 0, r; }" : "=r"(r) : "r"((unsigned)p));
    return r;
  }();
  if (lane == warp) out[4 * warp] = all != 0, out[4 * warp + 1] = any != 0, out[4 * warp + 2] = ballot, out[4 * warp + 3] = uniform;
}

extern "C" __global__ void matches(const int* in, unsigned* any, unsigned* all, int* allTrue, unsigned* any64) {
  int predicate = 0;
  any[threadIdx.x] = __match_any_sync(~0u, in[threadIdx.x]);
  all[threadIdx.x] = __match_all_sync(~0u, in[threadIdx.x], &predicate);
  allTrue[threadIdx.x] = predicate != 0;
  any64[threadIdx.x] = __match_any_sync(~0u, (unsigned long long)in[threadIdx.x] << 33 | 5);
}

extern "C" __global__ void laneMasks(unsigned* out) {
  unsigned eq, lt, le, gt, ge, lane, warpId, warps;
  asm("mov.u32 %0, %%lanemask_eq;" : "=r"(eq));
  asm("mov.u32 %0, %%lanemask_lt;" : "=r"(lt));
  asm("mov.u32 %0, %%lanemask_le;" : "=r"(le));
  asm("mov.u32 %0, %%lanemask_gt;" : "=r"(gt));
  asm("mov.u32 %0, %%lanemask_ge;" : "=r"(ge));
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  asm volatile("mov.u32 %0, %%warpid;" : "=r"(warpId));
  asm volatile("mov.u32 %0, %%nwarpid;" : "=r"(warps));
  unsigned* o = out + 8 * (threadIdx.y * blockDim.x + threadIdx.x);
  o[0] = eq, o[1] = lt, o[2] = le, o[3] = gt, o[4] = ge, o[5] = lane, o[6] = warpId < warps, o[7] = warpSize;
}

// The mask that is active in each arm of a branch, after reconvergence by __syncwarp.
extern "C" __global__ void activeMasks(const int* in, unsigned* out) {
  const int lane = threadIdx.x;
  unsigned inside;
  if (in[lane] % 2) {
    inside = __ballot_sync(__activemask(), 1);
  } else {
    inside = __ballot_sync(__activemask(), 1);
  }
  __syncwarp();
  out[lane] = inside;
  out[32 + lane] = __ballot_sync(~0u, in[lane] % 2);
}

// Lanes hand a value round by shared memory with __syncwarp between, without barriers of the block.
extern "C" __global__ void syncWarp(int* out, int rounds) {
  __shared__ int shared[256];
  const int lane = threadIdx.x % 32, base = threadIdx.x - lane;
  shared[threadIdx.x] = threadIdx.x;
  for (int r = 0; r < rounds; r++) {
    __syncwarp();
    const int left = shared[base + (lane + 31) % 32];
    __syncwarp();
    shared[threadIdx.x] = left + r;
  }
  out[threadIdx.x] = shared[threadIdx.x];
}

// Both arms of a branch meet in one __shfl_sync each, with the full mask: Volta and later let them, since each lane executes one.
extern "C" __global__ void meetFromBothArms(const int* in, int* out) {
  const int lane = threadIdx.x;
  int sum = in[lane];
  for (int offset = 16; offset; offset /= 2) {
    if (lane < 16) sum += __shfl_xor_sync(0x0000ffffu, sum, offset & 15);
    else sum -= __shfl_xor_sync(0xffff0000u, sum, offset & 15);
  }
  out[lane] = sum;
}

// fns: the n-th set bit
extern "C" __global__ void nthSetBit(const unsigned* mask, const unsigned* base, const int* offset, unsigned* out) {
  out[threadIdx.x] = __fns(mask[threadIdx.x], base[threadIdx.x], offset[threadIdx.x]);
}

// A bitonic sort of 32 keys in a warp and of 1024 in a block.
__device__ unsigned compareSwap(unsigned v, int partner, bool keepSmall) {
  const unsigned other = __shfl_xor_sync(~0u, v, partner);
  return keepSmall == (v < other) ? v : other;
}
extern "C" __global__ void bitonicWarp(unsigned* keys) {
  const int lane = threadIdx.x % 32, i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned v = keys[i];
  for (int size = 2; size <= 32; size *= 2)
    for (int stride = size / 2; stride; stride /= 2) {
      const bool ascending = !(lane & size), lower = !(lane & stride);
      v = compareSwap(v, stride, ascending == lower);
    }
  keys[i] = v;
}
extern "C" __global__ void bitonicBlock(unsigned* keys) {
  extern __shared__ unsigned shared[];
  const unsigned i = threadIdx.x;
  shared[i] = keys[blockIdx.x * blockDim.x + i];
  for (unsigned size = 2; size <= blockDim.x; size *= 2)
    for (unsigned stride = size / 2; stride; stride /= 2) {
      __syncthreads();
      const unsigned j = i ^ stride;
      if (j > i) {
        const unsigned a = shared[i], b = shared[j];
        if ((a > b) == ((i & size) == 0)) shared[i] = b, shared[j] = a;
      }
    }
  __syncthreads();
  keys[blockIdx.x * blockDim.x + i] = shared[i];
}
