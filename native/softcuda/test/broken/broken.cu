// Deliberately broken kernels, each beside a twin that is right. A line marked BUG is the one that the report must name.
#include <cuda_pipeline.h>

#include <cuda/barrier>
#pragma nv_diag_suppress static_var_with_dynamic_init

// ---- faults: found in every run ----

extern "C" __global__ void offByOne(const float* in, float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) out[i] = in[n - 1] * 2;  // BUG offByOne
}
extern "C" __global__ void offByOneFixed(const float* in, float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[n - 1] * 2;
}

extern "C" __global__ void readThrough(const int* in, int* out) {
  out[threadIdx.x] = in[threadIdx.x];  // BUG readThrough
}
extern "C" __global__ void addThrough(int* cell) {
  atomicAdd(cell + threadIdx.x, 1);  // BUG addThrough
}

extern "C" __global__ void misaligned(const float* in, float4* out) {
  out[threadIdx.x] = *reinterpret_cast<const float4*>(in + threadIdx.x + 1);  // BUG misaligned
}
extern "C" __global__ void misalignedFixed(const float* in, float4* out) {
  const float* p = in + threadIdx.x + 1;
  out[threadIdx.x] = make_float4(p[0], p[1], p[2], p[3]);
}

extern "C" __global__ void pastShared(int* out, int reach) {
  __shared__ int shared[64];
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x + reach];  // BUG pastShared
}
extern "C" __global__ void pastDynamicShared(int* out) {
  extern __shared__ int dynamic[];
  dynamic[threadIdx.x] = threadIdx.x;  // BUG pastDynamicShared
  __syncthreads();
  out[threadIdx.x] = dynamic[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void pastLocal(int* out, int reach) {
  int local[16];
  for (int i = 0; i < 16; i++) local[i] = i * reach;
  for (int i = 0; i < 16; i++) local[(i * 7 + reach) & 0xfffff] = i;  // BUG pastLocal
  out[threadIdx.x] = local[threadIdx.x % 16];
}

__constant__ int table[32];
extern "C" __global__ void writeConstant(int* out) {
  int* p = const_cast<int*>(table);
  if (out[0] == 12345) p = out;
  p[threadIdx.x] = 1;  // BUG writeConstant
}

extern "C" __global__ void asyncCopyPast(const int4* in, int4* out, int n) {
  __shared__ int4 shared[64];
  __pipeline_memcpy_async(&shared[threadIdx.x], in + n + threadIdx.x - 32, 16);  // BUG asyncCopyPast
  __pipeline_commit();
  __pipeline_wait_prior(0);
  out[threadIdx.x] = shared[threadIdx.x];
}
extern "C" __global__ void loadMatrixMisaligned(int* out, int shift) {
  __shared__ __align__(16) short shared[32 * 8 + 8];
  for (int i = threadIdx.x; i < 32 * 8 + 8; i += 32) shared[i] = i;
  __syncwarp();
  unsigned r0, r1, r2, r3;
  const unsigned address = (unsigned)__cvta_generic_to_shared(shared + threadIdx.x * 8 + shift);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3) : "r"(address));  // BUG loadMatrixMisaligned
  out[threadIdx.x] = r0 + r1 + r2 + r3;
}

typedef int (*Function)(int);
extern "C" __global__ void wildCall(Function* table, int* out) {
  out[threadIdx.x] = table[threadIdx.x](7);  // BUG wildCall
}

__device__ __noinline__ int endless(int n) {
  volatile int pad[32];
  pad[n & 31] = n;
  return endless(n + 1) + pad[n & 31];  // BUG endlessRecursion
}
extern "C" __global__ void endlessRecursion(int* out) { out[threadIdx.x] = endless(threadIdx.x); }

// ---- barriers ----

extern "C" __global__ void barrierInOneArm(int* out) {
  if (threadIdx.x % 2) __syncthreads();  // BUG barrierInOneArm
  asm volatile("bar.sync 1;");
  out[threadIdx.x] = 1;
}
// Lanes of a warp in two arms, each with its own barrier: the two are not one.
extern "C" __global__ void barrierInBothArms(int* out) {
  __shared__ int shared[64];
  shared[threadIdx.x] = threadIdx.x;
  int v;
  if (threadIdx.x % 2) {
    __syncthreads();  // BUG barrierInBothArms
    v = shared[63 - threadIdx.x];
  } else {
    __syncthreads();
    v = -shared[63 - threadIdx.x];
  }
  out[threadIdx.x] = v;
}
extern "C" __global__ void barrierInBothArmsFixed(int* out) {
  __shared__ int shared[64];
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  const int v = shared[63 - threadIdx.x];
  out[threadIdx.x] = threadIdx.x % 2 ? v : -v;
}
// A loop with a barrier that some warps turn more often than others.
extern "C" __global__ void barrierInUnequalLoops(int* out, int extra) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  const int turns = 3 + (threadIdx.x / 32 ? extra : 0);
  for (int i = 0; i < turns; i++) {
    __syncthreads();
    if (threadIdx.x == 0) count++;
    __syncthreads();
  }
  asm volatile("bar.sync 5;");  // BUG barrierInUnequalLoops
  out[threadIdx.x] = count;
}

// Two warps, each waiting at a barrier that the other would have to reach.
extern "C" __global__ void deadlock(int* out) {
  if (threadIdx.x < 32) {
    asm volatile("bar.sync 1, 64;");  // BUG deadlock
    asm volatile("bar.sync 2, 64;");
  } else {
    asm volatile("bar.sync 2, 64;");
    asm volatile("bar.sync 1, 64;");
  }
  out[threadIdx.x] = 1;
}
extern "C" __global__ void deadlockFixed(int* out) {
  asm volatile("bar.sync 1, 64;");
  asm volatile("bar.sync 2, 64;");
  out[threadIdx.x] = 1;
}
// A shuffle names lanes that wait elsewhere.
extern "C" __global__ void shuffleWithAbsent(int* out) {
  int v = threadIdx.x;
  if (threadIdx.x < 16) v = __shfl_xor_sync(0xffffffffu, v, 1);  // BUG shuffleWithAbsent
  __syncthreads();
  out[threadIdx.x] = v;
}
extern "C" __global__ void shuffleWithAbsentFixed(int* out) {
  int v = threadIdx.x;
  if (threadIdx.x < 16) v = __shfl_xor_sync(0x0000ffffu, v, 1);
  __syncthreads();
  out[threadIdx.x] = v;
}

// ---- warps that are not whole ----

__device__ float matrixOfOnes() {
  float d0, d1, d2, d3;
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %4, %4, %4}, {%4, %4}, {%5, %5, %5, %5};" : "=f"(d0), "=f"(d1), "=f"(d2), "=f"(d3) : "r"(0x3c003c00), "f"(0.f));  // BUG halfWarpMatrix
  return d0 + d1 + d2 + d3;
}
extern "C" __global__ void halfWarpMatrix(float* out, int lanes) {
  float v = 0;
  if (threadIdx.x % 32 < lanes) v = matrixOfOnes();
  out[threadIdx.x] = v;
}
extern "C" __global__ void halfWarpMatrixThenBarrier(float* out, int lanes) {
  float v = 0;
  if (threadIdx.x % 32 < lanes) v = matrixOfOnes();
  __syncthreads();
  out[threadIdx.x] = v;
}
extern "C" __global__ void guardedMatrix(float* out, int lanes) {
  float d0, d1, d2, d3;
  asm volatile("{ .reg .pred p; setp.lt.u32 p, %6, %7; @p mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %4, %4, %4}, {%4, %4}, {%5, %5, %5, %5}; }" : "=f"(d0), "=f"(d1), "=f"(d2), "=f"(d3) : "r"(0x3c003c00), "f"(0.f), "r"(threadIdx.x % 32), "r"(lanes));  // BUG guardedMatrix
  out[threadIdx.x] = d0 + d1 + d2 + d3;
}
extern "C" __global__ void loadMatrixAfterReturn(int* out, int lanes) {
  __shared__ __align__(16) short shared[32 * 8];
  for (int i = threadIdx.x; i < 32 * 8; i += 32) shared[i] = i;
  __syncwarp();
  if (threadIdx.x >= lanes) return;
  unsigned r0, r1, r2, r3;
  const unsigned address = (unsigned)__cvta_generic_to_shared(shared + threadIdx.x * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3) : "r"(address));  // BUG loadMatrixAfterReturn
  out[threadIdx.x] = r0 + r1 + r2 + r3;
}

// A vote and a match that name lanes which go round them.
extern "C" __global__ void voteWithAbsent(int* out) {
  int v = 0;
  if (threadIdx.x % 32 < 16) v = __ballot_sync(0xffffffffu, threadIdx.x & 1);  // BUG voteWithAbsent
  out[threadIdx.x] = v;
}
extern "C" __global__ void voteWithAbsentFixed(int* out) {
  int v = 0;
  if (threadIdx.x % 32 < 16) v = __ballot_sync(0x0000ffffu, threadIdx.x & 1);
  out[threadIdx.x] = v;
}
extern "C" __global__ void matchWithAbsent(int* out) {
  int v = 0;
  if (threadIdx.x % 32 < 16) v = __match_any_sync(0xffffffffu, threadIdx.x & 1);  // BUG matchWithAbsent
  out[threadIdx.x] = v;
}
extern "C" __global__ void matchWithAbsentFixed(int* out) {
  int v = 0;
  if (threadIdx.x % 32 < 16) v = __match_any_sync(0x0000ffffu, threadIdx.x & 1);
  out[threadIdx.x] = v;
}
// A lane that is not in the mask itself.
extern "C" __global__ void voteFromOutside(int* out) {
  out[threadIdx.x] = __any_sync(0x7fffffffu, threadIdx.x & 1);  // BUG voteFromOutside
}
extern "C" __global__ void voteFromOutsideFixed(int* out) { out[threadIdx.x] = __any_sync(0xffffffffu, threadIdx.x & 1); }

// ---- threads that end before a barrier ----

// Whole warps may: threads that have ended count as arrived. Part of a warp may not go without the rest.
extern "C" __global__ void returnBeforeBarrier(int* out, int staying) {
  __shared__ int shared[128];
  if (threadIdx.x >= staying) {
    out[threadIdx.x] = -1;
    return;
  }
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();  // BUG returnBeforeBarrier
  out[threadIdx.x] = shared[staying - 1 - threadIdx.x];
}
extern "C" __global__ void returnBetweenBarriers(int* out, int staying) {
  __shared__ int shared[128];
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  int sum = 0;
  for (int i = 0; i < 8; i++) {
    if (threadIdx.x >= staying && i == 3) break;
    sum += shared[(threadIdx.x + i) % 128];
    __syncthreads();
  }
  out[threadIdx.x] = sum;
}

// ---- waits that never end ----

__device__ void initialise(unsigned barrier, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");  // INIT unseenBarrier
}
__device__ void arrive(unsigned barrier) {
  asm volatile("{ .reg .b64 t; mbarrier.arrive.shared.b64 t, [%0]; }" ::"r"(barrier) : "memory");  // BUG unseenBarrier
}
__device__ void await(unsigned barrier) {
  asm volatile("{ .reg .pred p; W: mbarrier.test_wait.parity.shared.b64 p, [%0], 0; @!p bra W; }" ::"r"(barrier) : "memory");  // BUG countTooHigh
}
template <int Count>
__device__ void awaitAll(int* out) {
  __shared__ unsigned long long barrier;
  const unsigned address = (unsigned)__cvta_generic_to_shared(&barrier);
  if (threadIdx.x == 0) initialise(address, Count);
  __syncthreads();
  arrive(address);
  await(address);
  out[threadIdx.x] = 1;
}
extern "C" __global__ void countTooHigh(int* out) { awaitAll<129>(out); }
extern "C" __global__ void countTooHighFixed(int* out) { awaitAll<128>(out); }

// The same with CUDA's class, which waits with growing pauses.
template <int Count>
__device__ void arriveAndWait(int* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  if (threadIdx.x == 0) init(&barrier, Count);
  __syncthreads();
  barrier.arrive_and_wait();
  out[threadIdx.x] = 1;
}
extern "C" __global__ void classCountTooHigh(int* out) { arriveAndWait<129>(out); }
extern "C" __global__ void classCountTooHighFixed(int* out) { arriveAndWait<128>(out); }

// Half of the threads wait for the mbarrier, the others at a barrier for these.
template <bool Arrive>
__device__ void waitCrosswise(int* out) {
  __shared__ unsigned long long barrier;
  const unsigned address = (unsigned)__cvta_generic_to_shared(&barrier);
  if (threadIdx.x == 0) initialise(address, 128);
  __syncthreads();
  if (threadIdx.x < 64) {
    arrive(address);
    await(address);
  } else if (Arrive) {
    arrive(address);
  }
  __syncthreads();  // WAIT waitCrosswise
  out[threadIdx.x] = 1;
}
extern "C" __global__ void waitCrosswise(int* out) { waitCrosswise<false>(out); }
extern "C" __global__ void waitCrosswiseFixed(int* out) { waitCrosswise<true>(out); }

extern "C" __global__ void spinOnFlag(int* out, volatile int* flag) {
  while (*flag == 0) {}  // BUG spinOnFlag
  out[threadIdx.x] = 1;
}

// ---- asynchronous copies that are read too early ----

template <bool Wait>
__device__ void copyWithout(const int4* in, int4* out) {
  __shared__ int4 shared[64];
  shared[threadIdx.x] = make_int4(-1, -1, -1, -1);
  __pipeline_memcpy_async(&shared[threadIdx.x], in + threadIdx.x, 16);
  __pipeline_commit();
  if (Wait) __pipeline_wait_prior(0);
  __syncthreads();
  out[threadIdx.x] = shared[63 - threadIdx.x];
}
extern "C" __global__ void missingWait(const int4* in, int4* out) { copyWithout<false>(in, out); }
extern "C" __global__ void missingWaitFixed(const int4* in, int4* out) { copyWithout<true>(in, out); }

template <int Outstanding>
__device__ void waitOneGroupShort(const int4* in, int4* out) {
  __shared__ int4 shared[3][32];
  for (int s = 0; s < 3; s++) {
    shared[s][threadIdx.x] = make_int4(-1, -1, -1, -1);
    __pipeline_memcpy_async(&shared[s][threadIdx.x], in + 32 * s + threadIdx.x, 16);
    __pipeline_commit();
  }
  __pipeline_wait_prior(Outstanding);
  __syncthreads();
  out[threadIdx.x] = shared[1][31 - threadIdx.x];
}
extern "C" __global__ void waitShort(const int4* in, int4* out) { waitOneGroupShort<2>(in, out); }
extern "C" __global__ void waitShortFixed(const int4* in, int4* out) { waitOneGroupShort<1>(in, out); }

// A wait lets a thread see its own copies; those of others need a barrier as well.
template <bool Barrier>
__device__ void othersCopies(const int4* in, int4* out) {
  __shared__ int4 shared[64];
  shared[threadIdx.x] = make_int4(-1, -1, -1, -1);
  __syncthreads();
  __pipeline_memcpy_async(&shared[threadIdx.x], in + threadIdx.x, 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  if (Barrier) __syncthreads();
  out[threadIdx.x] = shared[63 - threadIdx.x];  // BUG othersCopies
}
extern "C" __global__ void othersCopies(const int4* in, int4* out) { othersCopies<false>(in, out); }
extern "C" __global__ void othersCopiesFixed(const int4* in, int4* out) { othersCopies<true>(in, out); }

// ---- races: SOFTCUDA_CHECK=race ----

extern "C" __global__ void missingBarrier(const int* in, int* out) {
  __shared__ int shared[128];
  shared[threadIdx.x] = in[threadIdx.x];  // WRITE missingBarrier
  out[threadIdx.x] = shared[127 - threadIdx.x];  // BUG missingBarrier
}
extern "C" __global__ void missingBarrierFixed(const int* in, int* out) {
  __shared__ int shared[128];
  shared[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = shared[127 - threadIdx.x];
}
// The next turn overwrites what a slower warp still reads.
template <bool Barrier>
__device__ void writeAfterRead(const int* in, int* out, int turns) {
  __shared__ int shared[128];
  int sum = 0;
  for (int i = 0; i < turns; i++) {
    shared[threadIdx.x] = in[(threadIdx.x + i) % 128];
    __syncthreads();
    sum += shared[(threadIdx.x + 37) % 128];
    if (Barrier) __syncthreads();
  }
  out[threadIdx.x] = sum;
}
extern "C" __global__ void missingSecondBarrier(const int* in, int* out, int turns) { writeAfterRead<false>(in, out, turns); }
extern "C" __global__ void missingSecondBarrierFixed(const int* in, int* out, int turns) { writeAfterRead<true>(in, out, turns); }

// Two warps write one word.
extern "C" __global__ void writeWrite(int* out) {
  __shared__ int last;
  last = threadIdx.x;  // BUG writeWrite
  __syncthreads();
  out[threadIdx.x] = last >= 0;
}
extern "C" __global__ void writeWriteFixed(int* out) {
  __shared__ int last;
  if (threadIdx.x == 77) last = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = last >= 0;
}
// Counting without an atomic.
extern "C" __global__ void plainCount(int* out) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  count += 1;  // BUG plainCount
  __syncthreads();
  out[threadIdx.x] = count;
}
extern "C" __global__ void plainCountFixed(int* out) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  atomicAdd(&count, 1);
  __syncthreads();
  out[threadIdx.x] = count;
}
// Bytes beside each other in one word are no race.
extern "C" __global__ void bytesOfOneWord(int* out) {
  __shared__ unsigned char bytes[128];
  bytes[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = bytes[threadIdx.x ^ 1];
}
// A barrier object that is expected to be arrived at by all, and is by half of the threads twice: the phase ends before the others wrote.
template <int Arrivals>
__device__ void arriveTwice(const int* in, int* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int shared[128];
  if (threadIdx.x == 0) init(&barrier, 128);
  __syncthreads();
  if (threadIdx.x >= 64) {
    shared[threadIdx.x] = in[threadIdx.x];
    for (int i = 0; i < Arrivals; i++) (void)barrier.arrive();
  } else {
    if (Arrivals == 1) (void)barrier.arrive(), shared[threadIdx.x] = in[threadIdx.x];
    else shared[threadIdx.x] = in[threadIdx.x];
  }
  if (Arrivals == 1) __syncthreads();
  else barrier.wait_parity(false);
  out[threadIdx.x] = shared[127 - threadIdx.x];  // BUG doubleArrival
}
extern "C" __global__ void doubleArrival(const int* in, int* out) { arriveTwice<2>(in, out); }
extern "C" __global__ void doubleArrivalFixed(const int* in, int* out) { arriveTwice<1>(in, out); }

// An mbarrier that other threads use before they can know of its initialisation.
template <bool Barrier>
__device__ void useAtOnce(int* out) {
  __shared__ unsigned long long barrier;
  const unsigned address = (unsigned)__cvta_generic_to_shared(&barrier);
  if (threadIdx.x == 0) initialise(address, 128);
  if (Barrier) __syncthreads();
  arrive(address);
  await(address);
  out[threadIdx.x] = 1;
}
extern "C" __global__ void unseenBarrier(int* out) { useAtOnce<false>(out); }
extern "C" __global__ void unseenBarrierFixed(int* out) { useAtOnce<true>(out); }

// What a cp.async is under way to must be left alone, even by the thread that issued it.
template <int Wait, class F>
__device__ void whileCopying(const int4* in, int4* out, F use) {
  __shared__ int4 shared[128];
  __pipeline_memcpy_async(&shared[threadIdx.x], in + threadIdx.x, 16);  // COPY whileCopying
  __pipeline_commit();
  if (Wait) __pipeline_wait_prior(0);
  use(&shared[threadIdx.x]);
  __pipeline_wait_prior(0);
  out[threadIdx.x] = shared[threadIdx.x];
}
template <int Wait>
__device__ void storeUnderCopy(const int4* in, int4* out) {
  whileCopying<Wait>(in, out, [](int4* p) { p->y = 7; });  // BUG storeUnderCopy
}
template <int Wait>
__device__ void loadUnderCopy(const int4* in, int4* out) {
  whileCopying<Wait>(in, out, [=](int4* p) { out[threadIdx.x + 128] = *p; });  // BUG loadUnderCopy
}
template <int Wait>
__device__ void copyOverCopy(const int4* in, int4* out) {
  whileCopying<Wait>(in, out, [=](int4* p) {
    __pipeline_memcpy_async(p, in + 127 - threadIdx.x, 16);  // BUG copyOverCopy
    __pipeline_commit();
  });
}
extern "C" __global__ void storeUnderCopy(const int4* in, int4* out) { storeUnderCopy<0>(in, out); }
extern "C" __global__ void storeUnderCopyFixed(const int4* in, int4* out) { storeUnderCopy<1>(in, out); }
extern "C" __global__ void loadUnderCopy(const int4* in, int4* out) { loadUnderCopy<0>(in, out); }
extern "C" __global__ void loadUnderCopyFixed(const int4* in, int4* out) { loadUnderCopy<1>(in, out); }
extern "C" __global__ void copyOverCopy(const int4* in, int4* out) { copyOverCopy<0>(in, out); }
extern "C" __global__ void copyOverCopyFixed(const int4* in, int4* out) { copyOverCopy<1>(in, out); }

// Several threads write the same value: worth a note. The last of them writes another one if it is told to.
extern "C" __global__ void sameFlag(int* out, int last) {
  __shared__ int flag;
  if (threadIdx.x == 0) flag = 0;
  __syncthreads();
  if (threadIdx.x % 3 == 0) flag = threadIdx.x == 126 ? last : 1;  // BUG sameFlag
  __syncthreads();
  out[threadIdx.x] = flag;
}

// Named barriers and barrier objects order accesses as __syncthreads does: no report.
extern "C" __global__ void orderedOtherwise(const int* in, int* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int shared[128];
  if (threadIdx.x == 0) init(&barrier, 128);
  __syncthreads();
  shared[threadIdx.x] = in[threadIdx.x];
  barrier.arrive_and_wait();
  const int v = shared[127 - threadIdx.x];
  asm volatile("bar.sync 3, 128;" ::: "memory");
  shared[threadIdx.x] = v + 1;
  asm volatile("bar.sync 4;" ::: "memory");
  const int w = shared[(threadIdx.x + 64) % 128];
  __syncthreads();
  // a warp among itself, by __syncwarp
  shared[threadIdx.x] = w;
  __syncwarp();
  out[threadIdx.x] = shared[threadIdx.x ^ 5];
}

// ---- races on global memory between blocks: SOFTCUDA_CHECK=race ----

// Each block writes one word beyond its part, which is the next block's first.
extern "C" __global__ void blocksOverlap(const int* in, int* out, int beyond) {
  const int first = blockIdx.x * blockDim.x;
  for (int i = threadIdx.x; i < blockDim.x + beyond; i += blockDim.x) out[first + i] = in[first + i] + blockIdx.x;  // BUG blocksOverlap
}
// Each block reads its neighbour's result.
extern "C" __global__ void blocksRead(int* data, int neighbour) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  data[i] = i;  // WRITE blocksRead
  __syncthreads();
  data[i] = data[(i + neighbour * blockDim.x) % (gridDim.x * blockDim.x)] + 1;  // BUG blocksRead
}
extern "C" __global__ void blocksCount(int* count, int atomic) {
  if (threadIdx.x != 0) return;
  if (atomic) atomicAdd(count, 1);
  else *count += 1;  // BUG blocksCount
}
// The block that comes last adds up what the others have left, which a fence makes known before they say that they are done.
template <bool Fence>
__device__ void lastBlockSums(const int* in, int* parts, unsigned* done, int* out) {
  __shared__ bool last;
  parts[blockIdx.x * blockDim.x + threadIdx.x] = in[threadIdx.x] + blockIdx.x;
  if (Fence) __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(done, 1) == gridDim.x - 1;
  __syncthreads();
  if (!last) return;
  int sum = 0;
  for (int b = 0; b < gridDim.x; b++) sum += parts[b * blockDim.x + threadIdx.x];  // BUG lastBlockSums
  out[threadIdx.x] = sum;
}
extern "C" __global__ void lastBlockSums(const int* in, int* parts, unsigned* done, int* out) { lastBlockSums<false>(in, parts, done, out); }
extern "C" __global__ void lastBlockSumsFixed(const int* in, int* parts, unsigned* done, int* out) { lastBlockSums<true>(in, parts, done, out); }
// Several blocks set a flag: to the same value, or to their number.
extern "C" __global__ void blocksFlag(int* flag, int same) {
  if (threadIdx.x == 0) *flag = same ? 1 : blockIdx.x + 1;  // BUG blocksFlag
}

// ---- accesses beyond an array that end in its neighbour: SOFTCUDA_CHECK=bounds ----

extern "C" __global__ void intoNeighbour(int* out, int reach) {
  __shared__ int first[128], second[128], third[128];
  first[threadIdx.x] = second[threadIdx.x] = third[threadIdx.x] = threadIdx.x;
  __syncthreads();
  int sum = 0;
  for (int* p = first + threadIdx.x; p < first + 128; p += 32) sum += *p;
  out[threadIdx.x] = sum + second[127 - threadIdx.x] + second[(threadIdx.x + reach) & 255] + third[threadIdx.x];  // BUG intoNeighbour
}
extern "C" __global__ void storeIntoNeighbour(int* out, int reach) {
  __shared__ int first[128], second[128], third[128];
  first[threadIdx.x] = third[threadIdx.x] = threadIdx.x;
  __syncthreads();
  second[threadIdx.x] = 1;
  if (threadIdx.x == 127) second[threadIdx.x + reach] = 2;  // BUG storeIntoNeighbour
  __syncthreads();
  out[threadIdx.x] = first[127 - threadIdx.x] + second[127 - threadIdx.x] + third[127 - threadIdx.x];
}
extern "C" __global__ void copyIntoNeighbour(const int4* in, int4* out, int reach) {
  __shared__ int4 first[128];
  extern __shared__ int4 rest[];
  rest[threadIdx.x] = make_int4(0, 0, 0, 0);
  __syncthreads();
  __pipeline_memcpy_async(first + threadIdx.x + reach, in + threadIdx.x, 16);  // BUG copyIntoNeighbour
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  out[threadIdx.x] = make_int4(first[127 - threadIdx.x].x, rest[127 - threadIdx.x].x, 0, 0);
}

// ---- uninitialised reads: SOFTCUDA_CHECK=init ----

extern "C" __global__ void uninitialisedShared(int* out, int n) {
  __shared__ int shared[128];
  if (threadIdx.x < n) shared[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = shared[127 - threadIdx.x];  // BUG uninitialisedShared
}
extern "C" __global__ void uninitialisedGlobal(const int* in, int* out) {
  out[threadIdx.x] = in[threadIdx.x] + 1;  // BUG uninitialisedGlobal
}

// What was read does no harm where nothing comes of it: the twins read the same, and use it where it was written only.
template <bool Fixed>
__device__ void readInVain(int* out, int n) {
  __shared__ int shared[128];
  if (threadIdx.x < n) shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  const int read = *(volatile int*)&shared[threadIdx.x];  // BUG storedInVain
  const int sum = read * 3 + 1;
  out[threadIdx.x] = !Fixed || threadIdx.x < n ? sum : -1;
}
extern "C" __global__ void storedInVain(int* out, int n) { readInVain<false>(out, n); }
extern "C" __global__ void storedInVainFixed(int* out, int n) { readInVain<true>(out, n); }
template <bool Fixed>
__device__ void branchOnRead(const int* in, int* out, int n) {
  const int read = *(volatile const int*)&in[threadIdx.x];  // BUG branchInVain
  bool large = read > 100;
  if (Fixed) large = large && threadIdx.x < n;
  if (large) out[threadIdx.x] = 1;
}
extern "C" __global__ void branchInVain(const int* in, int* out, int n) { branchOnRead<false>(in, out, n); }
extern "C" __global__ void branchInVainFixed(const int* in, int* out, int n) { branchOnRead<true>(in, out, n); }
template <bool Fixed>
__device__ void addressOfRead(int* out, int n) {
  __shared__ int shared[128];
  if (threadIdx.x < n) shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  const int read = *(volatile int*)&shared[threadIdx.x];  // BUG addressInVain
  out[!Fixed || threadIdx.x < n ? read & 127 : 0] = 1;
}
extern "C" __global__ void addressInVain(int* out, int n) { addressOfRead<false>(out, n); }
extern "C" __global__ void addressInVainFixed(int* out, int n) { addressOfRead<true>(out, n); }
// A row of a tile that nobody wrote spoils the same row of the product, no other.
extern "C" __global__ void productOfRows(float* out, int rows, int wanted) {
  __shared__ __align__(16) short tile[16 * 8];
  for (int i = threadIdx.x; i < rows * 8; i += 32) tile[i] = 0x3c00;
  __syncwarp();
  unsigned a0, a1;
  float d0, d1, d2, d3;
  const unsigned address = (unsigned)__cvta_generic_to_shared(tile + threadIdx.x % 16 * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(a0), "=r"(a1) : "r"(address));  // BUG productOfRows
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %4, %5}, {%6, %6}, {%7, %7, %7, %7};" : "=f"(d0), "=f"(d1), "=f"(d2), "=f"(d3) : "r"(a0), "r"(a1), "r"(0x3c003c00), "f"(0.f));
  if (threadIdx.x / 4 < wanted) out[threadIdx.x] = d0 + d1;
  if (threadIdx.x / 4 + 8 < wanted) out[threadIdx.x] += d2 + d3;
}
// Lanes that take no part have nothing to give; who does not use what he got may ask.
extern "C" __global__ void shuffleFromAbsent(int* out, int using_) {
  int v = threadIdx.x;
  if (threadIdx.x % 32 < 16) {
    v += __shfl_down_sync(0x0000ffffu, v, 8);  // BUG shuffleFromAbsent
    if (threadIdx.x % 32 < using_) out[threadIdx.x] = v;
  }
}

// ---- counted ----

template <int Pitch>
__device__ void columns(float* out) {
  __shared__ float tile[32 * Pitch];
  for (int r = threadIdx.x / 32; r < 32; r += blockDim.x / 32) tile[r * Pitch + threadIdx.x % 32] = r;
  __syncthreads();
  float sum = 0;
  for (int c = threadIdx.x / 32; c < 32; c += blockDim.x / 32) sum += tile[threadIdx.x % 32 * Pitch + c];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
extern "C" __global__ void bankConflicts(float* out) { columns<32>(out); }
extern "C" __global__ void bankConflictsFixed(float* out) { columns<33>(out); }

extern "C" __global__ void uncoalesced(const float* in, float* out) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < 32; i++) sum += in[t * 32 + i];
  out[t] = sum;
}
extern "C" __global__ void uncoalescedFixed(const float* in, float* out) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < 32; i++) sum += in[i * gridDim.x * blockDim.x + t];
  out[t] = sum;
}
extern "C" __global__ void divergent(float* out, int split) {
  float v = threadIdx.x;
  if (threadIdx.x % split == 0)
    for (int i = 0; i < 100; i++) v = v * 1.5f + 1;
  else
    for (int i = 0; i < 100; i++) v = v * 0.5f - 1;
  out[threadIdx.x] = v;
}
