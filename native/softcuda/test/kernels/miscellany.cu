// Kernels of kinds that the other files do not have.
#include <cuComplex.h>
#include <cuda_fp8.h>
#include <cuda_fp16.h>

#include <cuda/annotated_ptr>
#include <cuda/atomic>
#include <cuda/latch>
#include <cuda/std/array>
#include <cuda/std/bit>
#include <cuda/std/limits>

#include <thrust/binary_search.h>
#include <thrust/execution_policy.h>
#include <thrust/sort.h>
#include <thrust/reduce.h>

// ---- 8-bit floats, emulated in software on this architecture ----
extern "C" __global__ void eightBitFloats(const float* in, unsigned char* e4m3, unsigned char* e5m2, float* back) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const __nv_fp8_e4m3 a(in[i]);
  const __nv_fp8_e5m2 b(in[i]);
  e4m3[i] = a.__x, e5m2[i] = b.__x;
  back[i] = float(a), back[n + i] = float(b);
}

// ---- a sequential sort, search and reduction of Thrust in each thread ----
extern "C" __global__ void thrustInThreads(int* rows, int n, int* found, int* sums) {
  int* row = rows + (blockIdx.x * blockDim.x + threadIdx.x) * n;
  thrust::sort(thrust::seq, row, row + n);
  found[blockIdx.x * blockDim.x + threadIdx.x] = thrust::lower_bound(thrust::seq, row, row + n, 50) - row;
  sums[blockIdx.x * blockDim.x + threadIdx.x] = thrust::reduce(thrust::seq, row, row + n, 7);
}

// ---- complex Mandelbrot steps with cuComplex, double ----
extern "C" __global__ void mandelbrot(int* out, int width, int height, int most) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const cuDoubleComplex c = make_cuDoubleComplex(-2.0 + 3.0 * x / width, -1.5 + 3.0 * y / height);
  cuDoubleComplex z = make_cuDoubleComplex(0, 0);
  int steps = 0;
  while (cuCreal(z) * cuCreal(z) + cuCimag(z) * cuCimag(z) < 4 && steps < most) z = cuCadd(cuCmul(z, z), c), steps++;
  out[y * width + x] = steps;
}

// ---- access properties (cache policies), prefetches, discards ----
extern "C" __global__ void cachePolicies(const int* in, int* out, int* scratch) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  cuda::annotated_ptr<const int, cuda::access_property::persisting> hot(in);
  cuda::annotated_ptr<int, cuda::access_property::streaming> cold(out);
  asm volatile("prefetch.global.L2 [%0];" ::"l"(in + i));
  asm volatile("prefetch.global.L1 [%0];" ::"l"(in + i));
  if (i % 32 == 0) asm volatile("discard.global.L2 [%0], 128;" ::"l"(scratch + i));
  scratch[i] = 3;
  cold[i] = hot[i] * 2 + scratch[i];
}

// ---- a latch, and waiting on an atomic's value ----
extern "C" __global__ void latches(int* out) {
  __shared__ alignas(8) char place[sizeof(cuda::latch<cuda::thread_scope_block>)];
  __shared__ cuda::atomic<int, cuda::thread_scope_block> gate;
  auto* latch = reinterpret_cast<cuda::latch<cuda::thread_scope_block>*>(place);
  if (threadIdx.x == 0) new (latch) cuda::latch<cuda::thread_scope_block>(blockDim.x / 2), new (&gate) cuda::atomic<int, cuda::thread_scope_block>(0);
  __syncthreads();
  if (threadIdx.x % 2) {
    out[threadIdx.x] = threadIdx.x;
    latch->count_down();
    gate.wait(0);
    out[threadIdx.x] += gate.load();
  } else {
    latch->wait();
    int sum = 0;
    for (int i = 1; i < blockDim.x; i += 2) sum += ((volatile int*)out)[i] % 1000;
    out[threadIdx.x] = sum;
    if (threadIdx.x == 0) gate.store(1000), gate.notify_all();
  }
}

// ---- bits and arrays of the standard library ----
extern "C" __global__ void standardBits(const unsigned long long* in, int* out) {
  const unsigned long long v = in[threadIdx.x];
  cuda::std::array<int, 8> a = {cuda::std::popcount(v), cuda::std::countl_zero(v), cuda::std::countr_zero(v), cuda::std::countl_one(v), cuda::std::has_single_bit(v), (int)cuda::std::bit_width(v),
                                (int)cuda::std::rotl(v, 13), (int)cuda::std::rotr((unsigned short)v, 5)};
  for (int i = 0; i < 8; i++) out[threadIdx.x * 8 + i] = a[(i + threadIdx.x) % 8];
}

// ---- double-double accumulation: error-free transformations must not be simplified away ----
extern "C" __global__ void doubleDouble(const double* in, double* out, int n) {
  double high = 0, low = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    const double p = __dmul_rn(in[i], in[i]), e = __fma_rn(in[i], in[i], -p);
    const double s = __dadd_rn(high, p), b = __dadd_rn(s, -high), r = __dadd_rn(__dadd_rn(high, -__dadd_rn(s, -b)), __dadd_rn(p, -b));
    high = s;
    low += r + e;
  }
  out[2 * threadIdx.x] = high, out[2 * threadIdx.x + 1] = low;
}

// ---- a queue of work with a persistent block that quits when all is done ----
extern "C" __global__ void persistent(int* head, const int* tasks, int n, int* results) {
  __shared__ int mine;
  for (;;) {
    if (threadIdx.x == 0) mine = atomicAdd(head, 1);
    __syncthreads();
    const int task = mine;
    __syncthreads();
    if (task >= n) return;
    int sum = 0;
    for (int i = threadIdx.x; i < tasks[task]; i += blockDim.x) sum += i;
    sum = __reduce_add_sync(~0u, sum);
    if (threadIdx.x % 32 == 0) atomicAdd(&results[task], sum);
  }
}

// ---- template recursion, constexpr tables, static device variables in functions ----
template <int N>
struct Polynomial {
  __device__ static float at(float x) { return Polynomial<N - 1>::at(x) * x + 1.0f / N; }
};
template <>
struct Polynomial<0> {
  __device__ static float at(float) { return 1; }
};
__device__ int& callCount() {
  static __device__ int count = 5;
  return count;
}
extern "C" __global__ void templates(const float* in, float* out, int* counts) {
  constexpr int primes[] = {2, 3, 5, 7, 11, 13, 17, 19};
  out[threadIdx.x] = Polynomial<12>::at(in[threadIdx.x]) + primes[threadIdx.x % 8];
  counts[threadIdx.x] = atomicAdd(&callCount(), 1);
}

// ---- strings ----
__device__ int parse(const char* s, bool* good) {
  int sign = 1, v = 0;
  *good = false;
  if (*s == '-') sign = -1, s++;
  while (*s >= '0' && *s <= '9') v = v * 10 + (*s++ - '0'), *good = true;
  if (*s) *good = false;
  return sign * v;
}
__device__ char* format(char* to, int v) {
  char digits[12];
  int n = 0;
  unsigned u = v < 0 ? 0u - (unsigned)v : v;
  do digits[n++] = '0' + u % 10, u /= 10;
  while (u);
  if (v < 0) *to++ = '-';
  while (n) *to++ = digits[--n];
  *to = 0;
  return to;
}
extern "C" __global__ void strings(const char* in, char* out, int stride) {
  bool good;
  const int v = parse(in + threadIdx.x * stride, &good);
  char* o = out + threadIdx.x * stride;
  if (good) format(o, v * 3 - 1);
  else o[0] = 'x', o[1] = 0;
}

// ---- a matrix of half2 by a vector with vote-driven early exit and predicated tails ----
extern "C" __global__ void earlyExit(const int* in, int* out, int n) {
  int best = -1;
  for (int base = 0; base < n; base += 32) {
    const int i = base + threadIdx.x;
    const bool hit = i < n && in[i] == 42;
    const unsigned hits = __ballot_sync(~0u, hit);
    if (hits) {
      best = base + __ffs(hits) - 1;
      break;
    }
  }
  if (threadIdx.x == 0) *out = best;
}

// ---- shared memory reinterpreted by type and phase; unions; volatile ----
extern "C" __global__ void reinterpreted(const double* in, unsigned* out) {
  __shared__ union {
    double d[64];
    unsigned u[128];
    unsigned char c[512];
  } s;
  s.d[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  unsigned sum = 0;
  for (int i = 0; i < 8; i++) sum = sum * 31 + s.c[threadIdx.x * 8 + (i + threadIdx.x) % 8];
  __syncthreads();
  s.u[threadIdx.x] = sum;
  __syncthreads();
  out[threadIdx.x] = s.u[threadIdx.x ^ 1] ^ s.u[63 - threadIdx.x];
}
