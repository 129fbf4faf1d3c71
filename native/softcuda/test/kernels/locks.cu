// Lanes that wait for each other: what independent thread scheduling must make progress on.
#include <cuda/atomic>
#include <cuda/semaphore>

// A spin lock fought over by all lanes of a warp, taken and released in a loop.
__device__ int lockWord = 0;
extern "C" __global__ void spinLock(int* counter, int rounds) {
  for (int i = 0; i < rounds; i++) {
    while (atomicCAS(&lockWord, 0, 1) != 0) {}
    __threadfence();
    const int v = *(volatile int*)counter;
    *(volatile int*)counter = v + 1;
    __threadfence();
    atomicExch(&lockWord, 0);
  }
}

// The textbook form that deadlocks on machines which run a warp in lockstep: the critical section lies behind the loop.
extern "C" __global__ void spinLockInShared(int* out) {
  __shared__ int lock, counter;
  if (threadIdx.x == 0) lock = 0, counter = 0;
  __syncthreads();
  bool done = false;
  while (!done) {
    if (atomicCAS(&lock, 0, 1) == 0) {
      __threadfence_block();
      counter++;
      __threadfence_block();
      done = true;
      atomicExch(&lock, 0);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) *out = counter;
}

// Lane i waits for lane i + 1 by flags in memory: the last lane starts the chain.
extern "C" __global__ void chainOfLanes(volatile int* flags, int* out) {
  const int i = threadIdx.x, n = blockDim.x;
  if (i == n - 1) {
    out[i] = 1;
    __threadfence();
    flags[i] = 1;
  } else {
    while (flags[i + 1] == 0) {}
    __threadfence();
    out[i] = ((volatile int*)out)[i + 1] + 1;
    __threadfence();
    flags[i] = 1;
  }
}

// A ticket lock.
extern "C" __global__ void ticketLock(unsigned* next, volatile unsigned* serving, int* log, int* position) {
  const unsigned mine = atomicAdd(next, 1);
  while (*serving != mine) {}
  __threadfence();
  log[*position] = mine;
  *position += 1;
  __threadfence();
  *serving = mine + 1;
}

// One warp produces, one consumes, through a small ring with acquire and release.
extern "C" __global__ void producerConsumer(const int* in, int* out, int n) {
  __shared__ int ring[8];
  __shared__ cuda::atomic<int, cuda::thread_scope_block> head, tail;
  if (threadIdx.x == 0) head.store(0), tail.store(0);
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 0; i < n; i++) {
      while (i - tail.load(cuda::std::memory_order_acquire) >= 8) {}
      ring[i % 8] = in[i];
      head.store(i + 1, cuda::std::memory_order_release);
    }
  } else if (threadIdx.x == 32) {
    for (int i = 0; i < n; i++) {
      while (head.load(cuda::std::memory_order_acquire) <= i) {}
      out[i] = ring[i % 8] * 2;
      tail.store(i + 1, cuda::std::memory_order_release);
    }
  }
}
// The same between two lanes of one warp.
extern "C" __global__ void producerConsumerOneWarp(const int* in, int* out, int n) {
  __shared__ volatile int cell, full;
  full = 0;
  __syncwarp();
  if (threadIdx.x == 3) {
    for (int i = 0; i < n; i++) {
      while (full) {}
      cell = in[i];
      __threadfence_block();
      full = 1;
    }
  } else if (threadIdx.x == 17) {
    for (int i = 0; i < n; i++) {
      while (!full) {}
      out[i] = cell + 1;
      __threadfence_block();
      full = 0;
    }
  }
}

// atomic wait and notify, a counting semaphore, nanosleep in the waiting loop.
extern "C" __global__ void semaphores(int* most, int* inside, int* out) {
  __shared__ cuda::counting_semaphore<cuda::thread_scope_block, 3>* permits;
  __shared__ __align__(16) char storage[sizeof(cuda::counting_semaphore<cuda::thread_scope_block, 3>)];
  if (threadIdx.x == 0) permits = new (storage) cuda::counting_semaphore<cuda::thread_scope_block, 3>(3);
  __syncthreads();
  permits->acquire();
  const int now = atomicAdd(inside, 1) + 1;
  atomicMax(most, now);
  atomicAdd(out, (int)threadIdx.x);
  atomicSub(inside, 1);
  permits->release();
}
