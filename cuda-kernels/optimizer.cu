// What happens to the gradients of all parameters: sums of slices, their norm, SGD and Adam.
//
// sgd_T, adam_T   see OptimizerStep; formulas in the functions below.
//   Launch: grid = number of chunks, block 256; no dynamic shared memory. Chunks of 4096 elements keep blocks alike.
//   Pointers: 16-byte aligned; begin and count of chunks multiples of 4. stored has the masters' indices.
//   Bytes per element: sgd 20 (12 without momentum), adam 28, and what is stored. All in fp32.
// sumSlices       see SumSlices. Block 256; grid: any, at most ceil(elements / 1024). Bytes: partials once, gradient once (twice to accumulate).
// squaredNorm     see SquaredNorm. Block 256, grid ceil(elements / perBlock), perBlock and elements multiples of 4; values 16-byte aligned.
//   Bytes: 4 per element. FLOPs: 2 per element in fp64.
// The order of all sums depends on the sizes only.
#include "parameters.cuh"
#include "per_channel.cuh"

namespace resfuse {

// v = momentum v + g (v is 0 before the first step), w -= rate (nesterov ? g + momentum v : v), where g = gradientScale gradient + decay w.
__device__ __forceinline__ void sgdOne(const OptimizerStep& p, float rate, float decay, float& w, float gradient, float& v) {
  const float g = fmaf(decay, w, p.gradientScale * gradient);
  v = fmaf(p.momentum, v, g);
  w = fmaf(-rate, p.nesterov ? fmaf(p.momentum, v, g) : v, w);
}

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= rate (m / correction1) / (sqrt(v / correction2) + epsilon), where
// g = gradientScale gradient + decay w, or decoupled: g = gradientScale gradient, w -= rate decay w as well.
__device__ __forceinline__ void adamOne(const OptimizerStep& p, float rate, float decay, float& w, float gradient, float& m, float& v) {
  const float scaled = p.gradientScale * gradient;
  const float g = p.decoupled ? scaled : fmaf(decay, w, scaled);
  m = fmaf(p.momentum, m, p.oneMinusBeta1 * g);
  v = fmaf(p.beta2, v, p.oneMinusBeta2 * g * g);
  float step = m / p.correction1 / (sqrtf(v / p.correction2) + p.epsilon);
  if (p.decoupled) step = fmaf(decay, w, step);
  w = fmaf(-rate, step, w);
}

template <class Type, bool Adam>
__device__ __forceinline__ void update(const OptimizerStep& p) {
  const OptimizerChunk chunk = p.chunks[blockIdx.x];
  const float rate = p.rate * chunk.rateScale, decay = chunk.weightDecay;
  auto vector = [&](const float* array, long long i) { return reinterpret_cast<const float4*>(array)[i]; };
  auto set = [&](float* array, long long i, const float4& x) { reinterpret_cast<float4*>(array)[i] = x; };
  const long long first = (unsigned long long)chunk.begin / 4, end = first + (unsigned)chunk.count / 4;
  const bool hasState = Adam || p.first != nullptr, readsState = Adam || (hasState && !p.firstStep);
  for (long long i = first + threadIdx.x; i < end; i += blockDim.x) {
    float4 w = vector(p.weights, i), v = make_float4(0, 0, 0, 0), m = v;
    const float4 g = vector(p.gradient, i);
    if (readsState) m = vector(p.first, i);
    if constexpr (Adam) {
      v = vector(p.second, i);
      adamOne(p, rate, decay, w.x, g.x, m.x, v.x);
      adamOne(p, rate, decay, w.y, g.y, m.y, v.y);
      adamOne(p, rate, decay, w.z, g.z, m.z, v.z);
      adamOne(p, rate, decay, w.w, g.w, m.w, v.w);
      set(p.second, i, v);
    } else {
      sgdOne(p, rate, decay, w.x, g.x, m.x);
      sgdOne(p, rate, decay, w.y, g.y, m.y);
      sgdOne(p, rate, decay, w.z, g.z, m.z);
      sgdOne(p, rate, decay, w.w, g.w, m.w);
    }
    if (hasState) set(p.first, i, m);
    set(p.weights, i, w);
    if (p.stored != nullptr) {
      const float x[4] = {w.x, w.y, w.z, w.w};
      storeFour<Type>(p.stored, i, x);
    }
  }
}

template <class Type>
__device__ __forceinline__ void sgd(const OptimizerStep& p) {
  update<Type, false>(p);
}
template <class Type>
__device__ __forceinline__ void adam(const OptimizerStep& p) {
  update<Type, true>(p);
}

RESFUSE_EXPORT(sgd, OptimizerStep, kMaxThreads)
RESFUSE_EXPORT(adam, OptimizerStep, kMaxThreads)

extern "C" __global__ void __launch_bounds__(kMaxThreads) sumSlices(const __grid_constant__ SumSlices p) {
  const long long fours = p.elements / 4;
  const float4* partials = reinterpret_cast<const float4*>(p.partials);
  float4* gradient = reinterpret_cast<float4*>(p.gradient);
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < fours; i += (long long)gridDim.x * blockDim.x) {
    float4 sum = p.accumulate ? gradient[i] : make_float4(0, 0, 0, 0);
    int slice = 0;   // of two at least
#pragma unroll 4
    do {
      const float4 x = partials[slice * fours + i];
      sum = make_float4(sum.x + x.x, sum.y + x.y, sum.z + x.z, sum.w + x.w);
    } while (++slice < p.slices);
    gradient[i] = sum;
  }
}

extern "C" __global__ void __launch_bounds__(kMaxThreads) squaredNorm(const __grid_constant__ SquaredNorm p) {
  __shared__ double shared[kMaxThreads];
  const long long begin = (long long)blockIdx.x * p.perBlock, end = min(begin + p.perBlock, p.elements);
  double sum = 0;
  auto add = [&](float x) { sum = fma((double)x, (double)x, sum); };
  for (long long i = begin / 4 + threadIdx.x; i < end / 4; i += blockDim.x) {
    const float4 x = reinterpret_cast<const float4*>(p.values)[i];
    add(x.x);
    add(x.y);
    add(x.z);
    add(x.w);
  }
  shared[threadIdx.x] = sum;
  for (int half = kMaxThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  if (threadIdx.x == 0) p.partials[blockIdx.x] = shared[0];
}

}  // namespace resfuse
