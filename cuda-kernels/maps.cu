// Maps of features as a whole: bilinear resizing and putting channels side by side, forward and backward, and the loss of pixels, NHWC.
//
// bilinearResize_T   see BilinearResize. A thread has one vector (16 bytes) of channels of one pixel of the output.
//   Launch: blocks of any number of threads up to 256; grid (ceil(outputWidth * V / threads), outputHeight, images), V = channels / (16 /
//     sizeof T).
//   Bytes: output once; input once, and again from caches: four vectors are read per vector written. FLOPs: 9 per element of the output.
// bilinearResizeBackward_T   A block has min(8, V) vectors of one pixel of the input: its threads add up the pixels of the output that have a
//   share of it, at most ceil(2H / h) + 1 rows and as many columns, each in fp32; then come the sums of threads, as a tree. No atomics: the order
//   depends on the sizes of one image only.
//   Launch: block (x, y): x = min(8, V), y = a quarter of the pixels that have a share, or less: any with x * y <= 256;
//     grid (inputHeight * inputWidth, ceil(V / x), images).
//   Bytes: inputGradient once (twice to accumulate); gradient once, and three times more from caches where the output is the larger. FLOPs: 2
//     per element of the gradient and share, and about 12 per vector for the weights.
// copyChannels_T     see ChannelCopy. Vectors are copied whole where inputFirst, outputFirst and channels are multiples of 16 / sizeof T and
//   written is channels, else element by element.
//   Launch: block (x, y): U = written / (16 / sizeof T) vectors or written elements, x = ceil(U / grid.y), grid.y = ceil(U / 128), y = 256 / x
//     rounded down or less; grid.x: any, at most one block per y pixels.
//   Bytes: what is copied once each way, to accumulate the output twice. FLOPs: none; to accumulate one per element.
// pixelCrossEntropy_T   see PixelCrossEntropy. A block's logits lie in shared memory as floats, an odd number from pixel to pixel; a thread
//   has a pixel, and leaves its gradient there, from where the block writes it in the order of the array. Sums of exponentials go from class
//   to class, the block's sum of losses is a tree.
//   Launch: block 128, grid ceil(pixels / pixelsPerBlock). Shared memory: pixelsPerBlock * (classes | 1) * 4 bytes, at most 48 KiB.
//   Bytes: logits, labels and gradient once. FLOPs: about 10 and two exp per class.
//   Pointers: tensors 16-byte aligned, with channels a multiple of 8; labels, loss and gradient of pixels 4-byte aligned. None may be null.
// NaN passes where it has a share, and makes the loss of its pixel NaN.
#include "maps.cuh"

#include "parameters.cuh"
#include "per_channel.cuh"

namespace resfuse {

constexpr int kPixelThreads = 128;
extern __shared__ float pixelTile[];

// Where one of 'outputs' rows or columns lies among those of the input.
struct Between {
  int before, behind;
  float share;   // of the one behind
  __device__ __forceinline__ Between(int o, int inputs, int outputs) {
    const int numerator = max((2 * o + 1) * inputs - outputs, 0);
    before = numerator / (2 * outputs);
    behind = min(before + 1, inputs - 1);
    share = (float)(numerator - before * 2 * outputs) / (float)(2 * outputs);
  }
};

// (1 - share) a + share b, into a.
template <int N>
__device__ __forceinline__ void mix(float (&a)[N], const float (&b)[N], float share) {
#pragma unroll
  for (int i = 0; i < N; ++i) a[i] = fmaf(share, b[i], (1 - share) * a[i]);
}

template <class Type>
__device__ __forceinline__ void bilinearResize(const BilinearResize& p) {
  constexpr int n = Type::perVector;
  const int vectors = p.channels / n, thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= p.outputWidth * vectors) return;
  const int column = thread / vectors, vector = thread - column * vectors;
  const Between y(blockIdx.y, p.inputHeight, p.outputHeight), x(column, p.inputWidth, p.outputWidth);
  const long long above = ((long long)blockIdx.z * p.inputHeight + y.before) * p.inputWidth * vectors + vector;
  const long long below = ((long long)blockIdx.z * p.inputHeight + y.behind) * p.inputWidth * vectors + vector;
  float top[n], bottom[n], right[n];
  load<Type>(p.input, above + x.before * vectors, top);
  load<Type>(p.input, above + x.behind * vectors, right);
  mix(top, right, x.share);
  load<Type>(p.input, below + x.before * vectors, bottom);
  load<Type>(p.input, below + x.behind * vectors, right);
  mix(bottom, right, x.share);
  mix(top, bottom, y.share);
  store<Type>(p.output, ((long long)blockIdx.z * p.outputHeight + blockIdx.y) * p.outputWidth * vectors + thread, top);
}

// The rows or columns of the output, from begin to end - 1, that have a share of one of the input.
struct Shares {
  int at, last, inputs, outputs;
  int begin, end;
  float inverse;
  __device__ __forceinline__ Shares(int input, int inputs, int outputs)
      : at(2 * outputs * input), last(2 * outputs * (inputs - 1)), inputs(inputs), outputs(outputs), inverse(1.f / (float)(2 * outputs)) {
    const int before = (2 * input - 1) * outputs - inputs, behind = (2 * input + 3) * outputs - inputs;
    begin = before < 0 ? 0 : before / (2 * inputs) + 1;
    end = min((max(behind, 0) + 2 * inputs - 1) / (2 * inputs), outputs);
  }
  // Between begin and end; zero where it is as far as the next one of the input.
  __device__ __forceinline__ float weight(int o) const {
    const int place = min(max((2 * o + 1) * inputs - outputs, 0), last);
    return (float)max(2 * outputs - abs(place - at), 0) * inverse;
  }
};

template <class Type>
__device__ __forceinline__ void bilinearResizeBackward(const BilinearResize& p) {
  constexpr int n = Type::perVector;
  __shared__ ColumnSums<n / 4> shared;
  const int vectors = p.channels / n, vector = blockIdx.y * blockDim.x + threadIdx.x;
  const int active = kept((int)(vector < vectors));   // asked twice, decided once
  float sum[n] = {};
  if (active) {
    const Shares rows(blockIdx.x / p.inputWidth, p.inputHeight, p.outputHeight);
    const Shares columns(blockIdx.x % p.inputWidth, p.inputWidth, p.outputWidth);
    const Divider across(max(columns.end - columns.begin, 1));
    const int count = max(rows.end - rows.begin, 0) * max(columns.end - columns.begin, 0);
#pragma unroll 2
    for (int i = threadIdx.y; i < count; i += blockDim.y) {
      const int row = across.quotient(i), y = rows.begin + row, x = columns.begin + i - row * across.divisor;
      float g[n];
      load<Type>(p.input, (((long long)blockIdx.z * p.outputHeight + y) * p.outputWidth + x) * vectors + vector, g);
      const float weight = rows.weight(y) * columns.weight(x);
#pragma unroll
      for (int j = 0; j < n; ++j) sum[j] = fmaf(weight, g[j], sum[j]);
    }
  }
#pragma unroll
  for (int i = 0; i < n / 4; ++i) shared.put(i, make_float4(sum[4 * i], sum[4 * i + 1], sum[4 * i + 2], sum[4 * i + 3]));
  shared.sum();
  if (threadIdx.y != 0 || !active) return;
  const long long at = ((long long)blockIdx.z * gridDim.x + blockIdx.x) * vectors + vector;
  float before[n] = {};
  if (p.accumulate) load<Type>(p.output, at, before);
#pragma unroll
  for (int i = 0; i < n / 4; ++i) {
    const float4 four = shared.values[i][threadIdx.x];
    sum[4 * i] = before[4 * i] + four.x;
    sum[4 * i + 1] = before[4 * i + 1] + four.y;
    sum[4 * i + 2] = before[4 * i + 2] + four.z;
    sum[4 * i + 3] = before[4 * i + 3] + four.w;
  }
  store<Type>(p.output, at, sum);
}

template <class Type>
__device__ __forceinline__ void copyChannels(const ChannelCopy& p) {
  using Element = typename Type::Element;
  constexpr int n = Type::perVector;
  const bool whole = p.channels == p.written && (p.inputFirst | p.outputFirst | p.channels) % n == 0;
  const int unit = blockIdx.y * blockDim.x + threadIdx.x;
  if (unit >= (whole ? p.written / n : p.written)) return;
  const Element* const input = static_cast<const Element*>(p.input) + p.inputFirst;
  Element* const output = static_cast<Element*>(p.output) + p.outputFirst;
  for (int pixel = blockIdx.x * blockDim.y + threadIdx.y; pixel < p.pixels; pixel += gridDim.x * blockDim.y) {
    const Element* const from = input + (long long)pixel * p.inputPitch;
    Element* const to = output + (long long)pixel * p.outputPitch;
    if (whole) {
      uint4 raw = reinterpret_cast<const uint4*>(from)[unit];
      if (p.accumulate) {
        float sum[n], x[n];
        load<Type>(to, unit, sum);
        unpackVector<Type>(raw, x);
#pragma unroll
        for (int i = 0; i < n; ++i) sum[i] += x[i];
        raw = packVector<Type>(sum);
      }
      reinterpret_cast<uint4*>(to)[unit] = raw;
    } else {
      Element x = unit < p.channels ? from[unit] : Type::fromFloat(0);
      if (p.accumulate) x = Type::fromFloat(Type::toFloat(to[unit]) + Type::toFloat(x));
      to[unit] = x;
    }
  }
}

template <class Type>
__device__ __forceinline__ void pixelCrossEntropy(const PixelCrossEntropy& p) {
  __shared__ float losses[kPixelThreads / 32];
  const int first = blockIdx.x * p.pixelsPerBlock, pixels = min(p.pixelsPerBlock, p.pixels - first), stride = p.classes | 1;
  const typename Type::Element* const logits = static_cast<const typename Type::Element*>(p.logits) + (long long)first * p.pitch;
  const unsigned perPitch = Divider(p.pitch).reciprocal;
  for (int i = threadIdx.x; i < pixels * p.pitch; i += kPixelThreads) {
    const int pixel = __umulhi(i, perPitch), k = i - pixel * p.pitch;
    if (k < p.classes) pixelTile[pixel * stride + k] = Type::toFloat(logits[i]);
  }
  __syncthreads();
  float loss = 0;
  if (threadIdx.x < pixels) {
    float* const z = pixelTile + threadIdx.x * stride;
    const int label = p.labels[first + threadIdx.x];
    float largest = -INFINITY, exponentials = 0;
    int k = 0;
#pragma unroll 1
    do largest = fmaxf(largest, z[k]);
    while (++k < p.classes);
    k = 0;
#pragma unroll 1
    do exponentials += expf(z[k] - largest);
    while (++k < p.classes);
    const float logSum = logf(exponentials), background = p.smoothing / p.classes;
    k = 0;
#pragma unroll 1
    do {
      const float logProbability = z[k] - largest - logSum, t = k == label ? 1 - p.smoothing + background : background;
      if (t != 0) loss -= t * logProbability;
      z[k] = label < 0 ? 0 : (expf(logProbability) - t) * p.scale;
    } while (++k < p.classes);
    if (label < 0) loss = 0;
  }
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) loss += __shfl_xor_sync(0xffffffffu, loss, lanes);
  if (threadIdx.x % 32 == 0) losses[threadIdx.x / 32] = loss;
  __syncthreads();
  if (threadIdx.x == 0) {
    loss = losses[0];
#pragma unroll
    for (int i = 1; i < kPixelThreads / 32; ++i) loss += losses[i];
    p.loss[blockIdx.x] = loss;
  }
  if (p.channelsLast) {
    float* const gradient = p.gradient + (long long)first * p.classes;
    // Odd numbers of classes lie as in the array, even ones with a float between pixels.
    const unsigned perClass = p.classes % 2 == 1 ? 0 : Divider(p.classes).reciprocal;
    for (int i = threadIdx.x; i < pixels * p.classes; i += kPixelThreads) gradient[i] = pixelTile[i + __umulhi(i, perClass)];
  } else if (threadIdx.x < pixels) {
    const int image = (first + threadIdx.x) / p.plane, place = first + threadIdx.x - image * p.plane;
    float* const gradient = p.gradient + (long long)image * p.classes * p.plane + place;
    int k = 0;
#pragma unroll 1
    do gradient[(long long)k * p.plane] = pixelTile[threadIdx.x * stride + k];
    while (++k < p.classes);
  }
}

RESFUSE_EXPORT(bilinearResize, BilinearResize, kMaxThreads)
RESFUSE_EXPORT(bilinearResizeBackward, BilinearResize, kMaxThreads)
RESFUSE_EXPORT(copyChannels, ChannelCopy, kMaxThreads)
RESFUSE_EXPORT(pixelCrossEntropy, PixelCrossEntropy, kPixelThreads)

}  // namespace resfuse
