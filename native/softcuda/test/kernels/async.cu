// Asynchronous copies and barriers that are objects: cuda::barrier, cuda::pipeline, cooperative_groups::memcpy_async, mbarrier.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda_pipeline.h>

#include <cuda/barrier>
#include <cuda/pipeline>

namespace cg = cooperative_groups;
#pragma nv_diag_suppress static_var_with_dynamic_init

// Arrive and wait at an object; between phases each thread reads its neighbour's value.
extern "C" __global__ void barrierPhases(int* out, int phases) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int shared[256];
  if (threadIdx.x == 0) init(&barrier, blockDim.x);
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  for (int p = 0; p < phases; p++) {
    const int v = shared[(threadIdx.x + 1) % blockDim.x];
    barrier.arrive_and_wait();
    shared[threadIdx.x] = v + p;
    auto token = barrier.arrive();
    barrier.wait(std::move(token));
  }
  out[threadIdx.x] = shared[threadIdx.x];
}

// Half of the warps produce into a buffer, half consume, by two barriers ("full" and "empty").
extern "C" __global__ void producersAndConsumers(const int* in, int* out, int rounds) {
  using Barrier = cuda::barrier<cuda::thread_scope_block>;
  __shared__ Barrier full, empty;
  __shared__ int buffer[64];
  if (threadIdx.x == 0) init(&full, 128), init(&empty, 128);
  __syncthreads();
  const int t = threadIdx.x % 64;
  if (threadIdx.x < 64) {
    for (int r = 0; r < rounds; r++) {
      empty.arrive_and_wait();
      buffer[t] = in[r * 64 + t];
      (void)full.arrive();
    }
  } else {
    (void)empty.arrive();
    for (int r = 0; r < rounds; r++) {
      full.arrive_and_wait();
      out[r * 64 + t] = buffer[63 - t];
      if (r + 1 < rounds) (void)empty.arrive();
    }
  }
}

// Threads drop out of a barrier as they finish.
extern "C" __global__ void dropOut(int* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int count;
  if (threadIdx.x == 0) init(&barrier, blockDim.x), count = 0;
  __syncthreads();
  for (int i = 0; i < threadIdx.x % 4; i++) {
    atomicAdd(&count, 1);
    barrier.arrive_and_wait();
  }
  out[threadIdx.x] = atomicAdd(&count, 0) >= threadIdx.x % 4;   // others may still be counting
  barrier.arrive_and_drop();
}

// Copies whose completion is counted on a barrier.
extern "C" __global__ void copyToBarrier(const float4* in, float4* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ float4 shared[128];
  auto block = cg::this_thread_block();
  if (threadIdx.x == 0) init(&barrier, blockDim.x);
  block.sync();
  cuda::memcpy_async(block, shared, in + blockIdx.x * 128, cuda::aligned_size_t<16>(sizeof shared), barrier);
  barrier.arrive_and_wait();
  out[blockIdx.x * 128 + threadIdx.x] = shared[127 - threadIdx.x];
}

// A pipeline of stages over tiles, all threads producing and consuming.
extern "C" __global__ void pipelineStages(const int* in, int* out, int tiles) {
  constexpr int stages = 3;
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  __shared__ int buffer[stages][128];
  auto block = cg::this_thread_block();
  auto pipeline = cuda::make_pipeline(block, &state);
  int sum = 0;
  for (int compute = 0, fetch = 0; compute < tiles; compute++) {
    for (; fetch < tiles && fetch < compute + stages; fetch++) {
      pipeline.producer_acquire();
      cuda::memcpy_async(block, buffer[fetch % stages], in + fetch * 128, cuda::aligned_size_t<4>(sizeof buffer[0]), pipeline);
      pipeline.producer_commit();
    }
    pipeline.consumer_wait();
    sum = sum * 3 + buffer[compute % stages][(threadIdx.x + compute) % 128];
    pipeline.consumer_release();
  }
  out[threadIdx.x] = sum;
}

// One warp fetches, the others compute (a partitioned pipeline).
extern "C" __global__ void pipelineRoles(const int* in, int* out, int tiles) {
  constexpr int stages = 2;
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  __shared__ int buffer[stages][96];
  auto block = cg::this_thread_block();
  const bool producer = threadIdx.x < 32;
  auto pipeline = cuda::make_pipeline(block, &state, producer ? cuda::pipeline_role::producer : cuda::pipeline_role::consumer);
  if (producer) {
    for (int tile = 0; tile < tiles; tile++) {
      pipeline.producer_acquire();
      for (int i = threadIdx.x; i < 96; i += 32)
        cuda::memcpy_async(&buffer[tile % stages][i], in + tile * 96 + i, sizeof(int), pipeline);
      pipeline.producer_commit();
    }
  } else {
    const int t = threadIdx.x - 32;
    int sum = 0;
    for (int tile = 0; tile < tiles; tile++) {
      pipeline.consumer_wait();
      sum += buffer[tile % stages][(t * 7 + tile) % 96] << tile % 3;
      pipeline.consumer_release();
    }
    out[t] = sum;
  }
}

// cooperative_groups' own copy, with a size that is no multiple of the width, and wait_prior.
extern "C" __global__ void groupCopy(const int* in, int* out, int n) {
  extern __shared__ int dynamic[];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, dynamic, in, sizeof(int) * n);
  cg::memcpy_async(block, dynamic + n, in + n, sizeof(int) * n);
  cg::wait_prior<1>(block);
  int v = threadIdx.x < n ? dynamic[n - 1 - threadIdx.x] : 0;
  cg::wait(block);
  if (threadIdx.x < n) out[threadIdx.x] = v * 1000 + dynamic[n + threadIdx.x];
}

// The C primitives, of 4, 8 and 16 bytes, with zero fill.
extern "C" __global__ void primitives(const char* in, char* out) {
  __shared__ __align__(16) char shared[32 * 32];
  char* mine = shared + 32 * threadIdx.x;
  const char* from = in + 32 * threadIdx.x;
  __pipeline_memcpy_async(mine, from, 16);
  __pipeline_commit();
  __pipeline_memcpy_async(mine + 16, from + 16, 8);
  __pipeline_memcpy_async(mine + 24, from + 24, 4);
  __pipeline_memcpy_async(mine + 28, from + 28, 4, threadIdx.x % 5 < 4 ? threadIdx.x % 5 : 4);
  __pipeline_commit();
  __pipeline_wait_prior(1);
  for (int i = 0; i < 16; i++) out[32 * threadIdx.x + i] = mine[i];
  __pipeline_wait_prior(0);
  for (int i = 16; i < 32; i++) out[32 * threadIdx.x + i] = mine[i];
}

// mbarrier by PTX: init, arrive with count, test_wait with parity-free state, pending count, inval.
extern "C" __global__ void rawMbarrier(unsigned* out) {
  __shared__ unsigned long long barrier;
  __shared__ int value;
  const unsigned address = (unsigned)__cvta_generic_to_shared(&barrier);
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(address), "r"(70));
    value = 0;
  }
  __syncthreads();
  unsigned long long state;
  unsigned pending, done = 0;
  if (threadIdx.x == 5) {
    value = 42;
    asm volatile("mbarrier.arrive.noComplete.shared.b64 %0, [%1], %2;" : "=l"(state) : "r"(address), "r"(6) : "memory");
    asm volatile("mbarrier.pending_count.b64 %0, %1;" : "=r"(pending) : "l"(state));
    out[100] = pending >= 7;  // at least the 6 of this arrival and one more were still expected before it
  }
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(address) : "memory");
  while (!done)
    asm volatile("{ .reg .pred p; mbarrier.test_wait.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }" : "=r"(done) : "r"(address), "l"(state) : "memory");
  out[threadIdx.x] = value;
  __syncthreads();
  if (threadIdx.x == 0) asm volatile("mbarrier.inval.shared.b64 [%0];" ::"r"(address));
}
