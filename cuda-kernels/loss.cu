// Softmax cross-entropy and its gradient, see SoftmaxCrossEntropy.
//
//   loss[n] = -sum over k of t[n][k] (z[n][k] - largest - log sum of exp(z - largest))
//   gradient[n][k] = (exp(z - largest - log sum) * sum of t - t[n][k]) * inverseCounted
// where t is the given targets or the smoothed label. A term whose t is 0 adds nothing to the loss, even where the
// logarithm is infinite. A label of -1: loss and gradient are zero. NaN among the logits makes loss and gradient NaN.
//
// Launch: grid images, block 256; no dynamic shared memory.
// Pointers: logits 16-byte aligned, others 4-byte. Labels are read only where targets is null; gradient may be null.
// Bytes: logits and targets once (up to 2048 classes; thrice and twice beyond), gradient once. FLOPs: about 10 and one exp, twice, per class.
// All sums are in fp32, in an order that depends on the number of classes only.
#include "parameters.cuh"
#include "per_channel.cuh"

namespace resfuse {

constexpr int kLossThreads = 256;
constexpr int kCachedClasses = 2048;

// combine over all threads of the block, the same bits in all of them.
template <class Combine>
__device__ __forceinline__ float acrossBlock(float x, float (&shared)[kLossThreads / 32], Combine combine) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) x = combine(x, __shfl_xor_sync(0xffffffffu, x, lanes));
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  x = shared[0];
#pragma unroll
  for (int i = 1; i < kLossThreads / 32; ++i) x = combine(x, shared[i]);
  return x;
}

template <class Type>
__device__ __forceinline__ void softmaxCrossEntropy(const SoftmaxCrossEntropy& p) {
  __shared__ float cache[kCachedClasses], targetCache[kCachedClasses];
  __shared__ float shared[kLossThreads / 32];
  using Element = typename Type::Element;
  const int image = blockIdx.x;
  const Element* logits = static_cast<const Element*>(p.logits) + (long long)image * p.pitch;
  const float* targets = p.targets == nullptr ? nullptr : p.targets + (long long)image * p.classes;
  float* gradient = p.gradient == nullptr ? nullptr : p.gradient + (long long)image * p.classes;
  const int label = targets == nullptr ? p.labels[image] : 0;
  if (label < 0) {
    for (int k = threadIdx.x; gradient != nullptr && k < p.classes; k += kLossThreads) gradient[k] = 0;
    if (threadIdx.x == 0) p.loss[image] = 0;
    return;
  }
  auto add = [](float a, float b) { return a + b; };
  // Each thread reads what it wrote to the cache itself: no barriers.
  auto logit = [&](int k) { return k < kCachedClasses ? cache[k] : Type::toFloat(logits[k]); };
  float largest = -INFINITY, mass = 0;
#pragma unroll 1
  for (int k = threadIdx.x; k < p.classes; k += kLossThreads) {
    const float z = Type::toFloat(logits[k]);
    if (k < kCachedClasses) cache[k] = z;
    largest = fmaxf(largest, z);
    if (targets != nullptr) {
      const float t = targets[k];
      if (k < kCachedClasses) targetCache[k] = t;
      mass += t;
    }
  }
  largest = acrossBlock(largest, shared, [](float a, float b) { return fmaxf(a, b); });
  mass = targets == nullptr ? 1 : acrossBlock(mass, shared, add);
  float exponentials = 0;
#pragma unroll 1
  for (int k = threadIdx.x; k < p.classes; k += kLossThreads) {
    exponentials += expf(logit(k) - largest);
  }
  exponentials = acrossBlock(exponentials, shared, add);
  const float logSum = logf(exponentials);
  const float background = p.smoothing / p.classes;
  auto target = [&](int k) {
    if (targets != nullptr) return k < kCachedClasses ? targetCache[k] : targets[k];
    return k == label ? 1 - p.smoothing + background : background;
  };
  float loss = 0;
#pragma unroll 1
  for (int k = threadIdx.x; k < p.classes; k += kLossThreads) {
    const float logProbability = logit(k) - largest - logSum, t = target(k);
    if (t != 0) loss -= t * logProbability;
    if (gradient != nullptr) gradient[k] = (expf(logProbability) * mass - t) * p.inverseCounted;
  }
  loss = acrossBlock(loss, shared, add);
  if (threadIdx.x == 0) p.loss[image] = loss;
}

RESFUSE_EXPORT(softmaxCrossEntropy, SoftmaxCrossEntropy, kLossThreads)

}  // namespace resfuse
