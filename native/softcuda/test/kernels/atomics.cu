// Atomic operations of every type, in global and shared memory.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cuda/atomic>

// Results of the int kernels: [0] add [1] sub [2] min [3] max [4] and [5] or [6] xor [7] inc [8] dec [9] exch-sum [10] cas-sum
template <typename T>
__device__ void integerAtomics(T* r, T v) {
  atomicAdd(&r[0], v);
  atomicMin(&r[2], v);
  atomicMax(&r[3], v);
  atomicAnd(&r[4], v | 0xff00);
  atomicOr(&r[5], v);
  atomicXor(&r[6], v);
}
extern "C" __global__ void atomicsInt(int* r, const int* in) {
  const int v = in[blockIdx.x * blockDim.x + threadIdx.x];
  integerAtomics(r, v);
  atomicSub(&r[1], v);
}
extern "C" __global__ void atomicsUnsigned(unsigned* r, const unsigned* in) {
  const unsigned v = in[blockIdx.x * blockDim.x + threadIdx.x];
  integerAtomics(r, v);
  atomicSub(&r[1], v);
  atomicInc(&r[7], 36);
  atomicDec(&r[8], 36);
}
extern "C" __global__ void atomicsLong(long long* r, const long long* in) {
  const long long v = in[blockIdx.x * blockDim.x + threadIdx.x];
  atomicAdd(reinterpret_cast<unsigned long long*>(&r[0]), (unsigned long long)v);
  atomicMin(&r[2], v);
  atomicMax(&r[3], v);
  atomicAnd(&r[4], v | 0xff00);
  atomicOr(&r[5], v);
  atomicXor(&r[6], v);
}
extern "C" __global__ void atomicsUnsignedLong(unsigned long long* r, const unsigned long long* in) {
  integerAtomics(r, in[blockIdx.x * blockDim.x + threadIdx.x]);
}
// The same in shared memory, then copied out.
extern "C" __global__ void atomicsSharedInt(int* r, const int* in) {
  __shared__ int s[8];
  if (threadIdx.x < 8) s[threadIdx.x] = r[threadIdx.x];
  __syncthreads();
  integerAtomics(s, in[threadIdx.x]);
  atomicSub(&s[1], in[threadIdx.x]);
  __syncthreads();
  if (threadIdx.x < 8) r[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void atomicsSharedUnsignedLong(unsigned long long* r, const unsigned long long* in) {
  __shared__ unsigned long long s[8];
  if (threadIdx.x < 8) s[threadIdx.x] = r[threadIdx.x];
  __syncthreads();
  integerAtomics(s, in[threadIdx.x]);
  __syncthreads();
  if (threadIdx.x < 8) r[threadIdx.x] = s[threadIdx.x];
}

// Each old value is seen once: tickets.
extern "C" __global__ void tickets(int* counter, int* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[atomicAdd(counter, 1)] = i;
}
// The values given to exch come back, all but the last.
extern "C" __global__ void exchange(int* cell, unsigned long long* wide, float* real, int* out, unsigned long long* wideOut, float* realOut) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = atomicExch(cell, i + 1);
  wideOut[i] = atomicExch(wide, (unsigned long long)(i + 1) << 32);
  realOut[i] = atomicExch(real, (float)(i + 1));
}

extern "C" __global__ void atomicsReal(float* f, double* d, __half* h, __half2* h2, __nv_bfloat16* b, __nv_bfloat162* b2) {
  const int t = threadIdx.x;
  atomicAdd(&f[t % 3], (float)(t % 5));
  atomicAdd(&d[t % 3], t + 0.5);
  atomicAdd(&h[t % 3], __float2half(t % 4));
  atomicAdd(&h2[t % 3], __floats2half2_rn(t % 4, t % 3));
  atomicAdd(&b[t % 3], __float2bfloat16(t % 2));
  atomicAdd(&b2[t % 3], __floats2bfloat162_rn(t % 2, 1));
}

// CAS loops: products on float, double, half and a maximum on float by int.
template <typename T, typename Bits, typename F>
__device__ void update(Bits* address, F f) {
  Bits old = *address, assumed;
  do {
    assumed = old;
    T value;
    memcpy(&value, &assumed, sizeof value);
    value = f(value);
    Bits next;
    memcpy(&next, &value, sizeof next);
    old = atomicCAS(address, assumed, next);
  } while (old != assumed);
}
extern "C" __global__ void casLoops(int* f, unsigned long long* d, unsigned short* h, int* largest, const float* in) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  update<float>(f, [](float v) { return v * 2; });
  update<double>(d, [](double v) { return v * 0.5; });
  update<__half>(h, [](__half v) { return __hadd(v, __float2half(1)); });
  update<float>(largest, [&](float v) { return fmaxf(v, in[i]); });
}

// libcu++'s atomics: fetch operations, orders, scopes, waiting.
extern "C" __global__ void standardAtomics(int* a, double* d, unsigned char* bytes, unsigned long long* u) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  cuda::atomic_ref<int, cuda::thread_scope_device> ra(*a);
  ra.fetch_add(i, cuda::std::memory_order_relaxed);
  cuda::atomic_ref<double, cuda::thread_scope_device> rd(*d);
  rd.fetch_add(0.25, cuda::std::memory_order_acq_rel);
  cuda::atomic_ref<unsigned char, cuda::thread_scope_block> rb(bytes[i % 7]);
  if (blockIdx.x == 0) rb.fetch_add(1);
  cuda::atomic_ref<unsigned long long, cuda::thread_scope_system> ru(*u);
  unsigned long long expected = ru.load(cuda::std::memory_order_relaxed);
  while (!ru.compare_exchange_weak(expected, expected + 3, cuda::std::memory_order_seq_cst)) {}
}

extern "C" __global__ void scoped(int* r) {
  atomicAdd_block(&r[0], 1);
  atomicAdd_system(&r[1], 2);
  atomicMax_block(&r[2], (int)threadIdx.x);
  atomicOr_system(&r[3], 1 << threadIdx.x % 32);
  atomicCAS_system(&r[4], 0, 7);
  atomicExch_block(&r[5], 9);
}
