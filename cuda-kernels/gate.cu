// Squeeze and excitation with the residual add and the ReLU in it, forward and backward; the formulas are at GateSqueeze.
//
// gateSqueeze_T, gateSqueezeBackward_T   see GateSqueeze. A block adds up the pixels of a slice of one image.
//   Launch: block (x, y): x = min(32, V), V = channels / (16 / sizeof T) vectors, y = 256 / x rounded down, or less (any x <= 128, y with
//     x * y <= 256); grid (ceil(V / x), images, slices). Let a slice have 256 pixels or more, and let there be no more than 16.
//   Bytes: the input once; back also the gradient once, and with a mask the output once and the gradient once more. Partials once.
//   FLOPs: an addition per element; back one and a multiplication.
// gateScale_T   see GateScale. A thread has one vector of channels of some pixels of one image.
//   Launch: block as above; grid (ceil(V / x), images, ceil(pixels / pixelsPerBlock)); 8 y pixels are enough for a block.
//   Bytes: each tensor once, gate and shift once per block. FLOPs: 2 to 4 per element.
//   Pointers of these: 16-byte aligned; channels a multiple of 8.
//
// gateHidden, gateHiddenBackward   A warp has one hidden value of one image; it adds up the partials as it goes, the first one of an image
//   also writes the sums.
//   Launch: block 256, grid (ceil(reduced / 8), images).
//   Bytes: a row or column of the weights and the image's partials, per warp. FLOPs: 2 + slices per weight.
// gateSigmoid, gateMeanBackward    A thread has one channel of one image.
//   Launch: block 256, grid (ceil(channels / 256), images).
//   Bytes: a row or column of the weights per thread. FLOPs: 2 per weight, and an exp per channel.
// gateWeightGradient   A thread has one weight and adds up all images in their order; that of a row's first weight also the bias.
//   Launch: block 256, grid ceil(outputs * inputs / 256).
//   Bytes: two floats per weight and image, mostly from caches, and the weights once (twice to accumulate). FLOPs: 2 per weight and image.
//   Pointers of these: 4-byte aligned floats.
// The order of all sums depends on the sizes of one image only, and of gradients of weights on the number of images. NaN passes.
#include "parameters.cuh"
#include "per_channel.cuh"

namespace resfuse {

constexpr int kGateThreads = 256;
constexpr int kWarp = 32;

// A block's sums over pixels: of x, or of g x.
template <class Type, bool Backward>
__device__ __forceinline__ void sumPixels(const GateSqueeze& p) {
  constexpr int n = Type::perVector;
  __shared__ ColumnSums<n / 4> shared;
  const int vectors = p.channels / n, vector = blockIdx.x * blockDim.x + threadIdx.x;
  const int begin = blockIdx.z * p.pixelsPerSlice, end = min(begin + p.pixelsPerSlice, p.pixels);
  const int active = kept((int)(vector < vectors));   // asked twice, decided once
  float sum[n] = {};
  if (active) {
#pragma unroll 2
    for (int pixel = begin + threadIdx.y; pixel < end; pixel += blockDim.y) {
      const long long at = ((long long)blockIdx.y * p.pixels + pixel) * vectors + vector;
      float x[n];
      load<Type>(p.input, at, x);
      if constexpr (Backward) {
        float g[n];
        load<Type>(p.gradient, at, g);
        if (p.output != nullptr) {
          float out[n];
          load<Type>(p.output, at, out);
#pragma unroll
          for (int i = 0; i < n; ++i) g[i] = out[i] > 0 ? g[i] : 0;
          store<Type>(p.gradient, at, g);
        }
#pragma unroll
        for (int i = 0; i < n; ++i) sum[i] = fmaf(g[i], x[i], sum[i]);
      } else {
#pragma unroll
        for (int i = 0; i < n; ++i) sum[i] += x[i];
      }
    }
  }
#pragma unroll
  for (int i = 0; i < n / 4; ++i) shared.put(i, make_float4(sum[4 * i], sum[4 * i + 1], sum[4 * i + 2], sum[4 * i + 3]));
  shared.sum();
  if (threadIdx.y != 0 || !active) return;
  float4* to = reinterpret_cast<float4*>(p.partials) + (((long long)blockIdx.z * p.images + blockIdx.y) * vectors + vector) * (n / 4);
#pragma unroll
  for (int i = 0; i < n / 4; ++i) to[i] = shared.values[i][threadIdx.x];
}

template <class Type>
__device__ __forceinline__ void gateSqueeze(const GateSqueeze& p) {
  sumPixels<Type, false>(p);
}

template <class Type>
__device__ __forceinline__ void gateSqueezeBackward(const GateSqueeze& p) {
  sumPixels<Type, true>(p);
}

template <class Type>
__device__ __forceinline__ void gateScale(const GateScale& p) {
  constexpr int n = Type::perVector;
  __shared__ Coefficients<Type> gates, shifts;
  const int vectors = p.channels / n, first = blockIdx.x * blockDim.x, vector = first + threadIdx.x;
  const long long channels = (long long)blockIdx.y * p.channels;
  gates.stage(p.gate + channels, first, vectors);
  if (p.shift != nullptr) shifts.stage(p.shift + channels, first, vectors);
  __syncthreads();
  if (vector >= vectors) return;
  float gate[n], shift[n] = {};
  gates.read(gate);
  if (p.shift != nullptr) shifts.read(shift);
  const float lowest = p.relu ? 0.f : -INFINITY;
  const int begin = blockIdx.z * p.pixelsPerBlock, end = min(begin + p.pixelsPerBlock, p.pixels);
  for (int pixel = begin + threadIdx.y; pixel < end; pixel += blockDim.y) {
    const long long at = ((long long)blockIdx.y * p.pixels + pixel) * vectors + vector;
    float x[n];
    load<Type>(p.input, at, x);
#pragma unroll
    for (int i = 0; i < n; ++i) x[i] = fmaf(x[i], gate[i], shift[i]);
    if (p.residual != nullptr) {
      float r[n];
      load<Type>(p.residual, at, r);
#pragma unroll
      for (int i = 0; i < n; ++i) x[i] += r[i];
    }
#pragma unroll
    for (int i = 0; i < n; ++i) x[i] = x[i] < lowest ? 0 : x[i];
    store<Type>(p.output, at, x);
  }
}

RESFUSE_EXPORT(gateSqueeze, GateSqueeze, kMaxThreads)
RESFUSE_EXPORT(gateSqueezeBackward, GateSqueeze, kMaxThreads)
RESFUSE_EXPORT(gateScale, GateScale, kMaxThreads)

// The sum of the partials of an image's channel.
__device__ __forceinline__ float sumOfPartials(const float* partials, int slices, int images, int channels, int channel) {
  float sum = 0;
  int slice = 0;   // of one at least
  do sum += partials[((long long)slice * images + blockIdx.y) * channels + channel];
  while (++slice < slices);
  return sum;
}

__device__ __forceinline__ float acrossWarp(float x) {
#pragma unroll
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
  return x;
}

extern "C" __global__ void __launch_bounds__(kGateThreads) gateHidden(const __grid_constant__ GateHidden p) {
  const int r = blockIdx.x * (blockDim.x / kWarp) + threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  if (r >= p.reduced) return;
  const float pixels = p.pixels;
  float sum = 0;
  for (int c = lane; c < p.valid; c += kWarp) {
    const float mean = sumOfPartials(p.partials, p.slices, p.images, p.channels, c) / pixels;
    if (r == 0) p.mean[(long long)blockIdx.y * p.channels + c] = mean;
    sum = fmaf(p.weight[(long long)r * p.valid + c], mean, sum);
  }
  sum = acrossWarp(sum) + p.bias[r];
  if (lane == 0) p.hidden[(long long)blockIdx.y * p.reduced + r] = sum < 0 ? 0 : sum;
}

extern "C" __global__ void __launch_bounds__(kGateThreads) gateSigmoid(const __grid_constant__ GateSigmoid p) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= p.channels) return;
  float gate = 0;
  if (c < p.valid) {
    const float* weight = p.weight + (long long)c * p.reduced;
    const float* hidden = p.hidden + (long long)blockIdx.y * p.reduced;
    float sum = p.bias[c];
    int r = 0;
    do sum = fmaf(weight[r], hidden[r], sum);
    while (++r < p.reduced);
    gate = 1 / (1 + expf(-sum));
  }
  p.gate[(long long)blockIdx.y * p.channels + c] = gate;
}

extern "C" __global__ void __launch_bounds__(kGateThreads) gateHiddenBackward(const __grid_constant__ GateHiddenBackward p) {
  const int r = blockIdx.x * (blockDim.x / kWarp) + threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  if (r >= p.reduced) return;
  float sum = 0;
  for (int c = lane; c < p.valid; c += kWarp) {
    const float gate = p.gate[(long long)blockIdx.y * p.channels + c];
    const float logit = gate * (1 - gate) * sumOfPartials(p.partials, p.slices, p.images, p.channels, c);
    if (r == 0) p.logitGradient[(long long)blockIdx.y * p.channels + c] = logit;
    sum = fmaf(p.weight[(long long)c * p.reduced + r], logit, sum);
  }
  sum = acrossWarp(sum);
  const long long at = (long long)blockIdx.y * p.reduced + r;
  if (lane == 0) p.hiddenGradient[at] = p.hidden[at] > 0 ? sum : 0;
}

extern "C" __global__ void __launch_bounds__(kGateThreads) gateMeanBackward(const __grid_constant__ GateMeanBackward p) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= p.channels) return;
  float sum = 0;
  if (c < p.valid) {
    const float* gradient = p.hiddenGradient + (long long)blockIdx.y * p.reduced;
    int r = 0;
    do sum = fmaf(p.weight[(long long)r * p.valid + c], gradient[r], sum);
    while (++r < p.reduced);
    sum /= p.pixels;
  }
  p.meanGradient[(long long)blockIdx.y * p.channels + c] = sum;
}

extern "C" __global__ void __launch_bounds__(kGateThreads) gateWeightGradient(const __grid_constant__ GateWeightGradient p) {
  const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  const int o = at / p.inputs, i = at % p.inputs;
  if (o >= p.outputs) return;
  float sum = 0, bias = 0;
  int n = 0;
  do {
    const float gradient = p.gradient[(long long)n * p.gradientPitch + o];
    sum = fmaf(gradient, p.input[(long long)n * p.inputPitch + i], sum);
    bias += gradient;
  } while (++n < p.images);
  if (p.weight != nullptr) p.weight[at] = p.accumulate ? p.weight[at] + sum : sum;
  if (p.bias != nullptr && i == 0) p.bias[o] = p.accumulate ? p.bias[o] + bias : bias;
}

}  // namespace resfuse
