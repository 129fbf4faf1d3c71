// Batch normalisation, forward and backward, as passes over [rows][channels] with the ReLU and the residual add in them.
//
// batchNormApply_T            output = [relu](input * scale + bias + residual'), see BatchNormApply
// batchNormBackwardReduce_T   partial sums of g and g * normalised, see BatchNormBackwardReduce; a convolution that completes the
//                             gradient takes them in its epilogue
// batchNormBackwardApply_T    inputGradient = a g + b (input - mean) + c, see BatchNormBackwardApply
//   Pointers: those to T and to per-channel floats 16-byte aligned; channels a multiple of 8; output may be input or residual,
//     inputGradient may be gradient, maskedGradient too: every element is read and written by one thread.
//   Launch: block (x, y): x = ceil(V / grid.y) threads, V = channels / (16 / sizeof T) vectors, grid.y = ceil(V / 128);
//     y = 256 / x, rounded down; no dynamic shared memory. Any x <= 128, y >= 2 with x * y <= 256 and grid.y * x >= V is right.
//     grid.x: apply and backward apply: any; each block reads the coefficients once, so let it have 64 rows or more: at most
//     ceil(rows / 64), and no more than fill the GPU (8 per multiprocessor). reduce: ceil(rows / rowsPerBlock), rowsPerBlock of 256 or
//     more for the same reason.
//   Bytes: each tensor named once per element (bits a sixteenth of one), each coefficient once per block. FLOPs per element: apply
//     2 to 4, reduce 4, backward 5.
//
// batchNormBackwardApplyBoth_T  the same for two norms whose results were added, which have one gradient; see BatchNormBackwardApplyBoth
//   As backward apply. Bytes: the gradient once. FLOPs per element: 10.
//
// batchNormMerge              grid (ceil(tiles / tilesPerGroup), ceil(channels / 32)), block (8, 32)
// batchNormFinalize           grid ceil(channels / 32), block (8, 32). 512 tiles take it about as long as reading 4 MB; merge more
//   first, into groups of ceil(tiles / 512) rounded up to 32 or more.
// batchNormBackwardFinalize   grid ceil(channels / 32), block (8, 32)
// batchNormFold               grid ceil(channels / 256), block 256
//   Pointers: 16-byte aligned floats. Bytes: statistics or partials once, vectors of channels once. The order of all sums
//     depends on the sizes only.
#include "moments.cuh"
#include "parameters.cuh"
#include "per_channel.cuh"

namespace resfuse {

enum ResidualKind { RESIDUAL_NONE, RESIDUAL_PLAIN, RESIDUAL_SCALED };

template <class Type, ResidualKind Kind>
__device__ __forceinline__ void applyRows(const BatchNormApply& p, int vector, int vectors, const float (&scale)[Type::perVector],
                                          const float (&bias)[Type::perVector], const Coefficients<Type>& residualScale,
                                          const Coefficients<Type>& residualBias) {
  constexpr int n = Type::perVector;
  float rScale[n], rBias[n];
  if constexpr (Kind == RESIDUAL_SCALED) {
    residualScale.read(rScale);
    residualBias.read(rBias);
  }
  const float lowest = p.relu ? 0.f : -INFINITY;
  for (long long row = blockIdx.x * blockDim.y + threadIdx.y; row < p.rows; row += gridDim.x * blockDim.y) {
    const long long at = row * vectors + vector;
    float x[n], r[n];
    load<Type>(p.input, at, x);
    if constexpr (Kind != RESIDUAL_NONE) load<Type>(p.residual, at, r);
#pragma unroll
    for (int i = 0; i < n; ++i) {
      x[i] = fmaf(x[i], scale[i], bias[i]);
      if constexpr (Kind == RESIDUAL_PLAIN) x[i] += r[i];
      if constexpr (Kind == RESIDUAL_SCALED) x[i] += fmaf(r[i], rScale[i], rBias[i]);
      x[i] = x[i] < lowest ? 0 : x[i];
    }
    store<Type>(p.output, at, x);
    if (p.bits != nullptr) {
      unsigned bits = 0;
#pragma unroll
      for (int i = 0; i < n; ++i) bits |= (unsigned)Type::roundsToPositive(x[i]) << i;
      p.bits[at] = (unsigned char)bits;
    }
  }
}

template <class Type>
__device__ __forceinline__ void batchNormApply(const BatchNormApply& p) {
  __shared__ Coefficients<Type> scale, bias, residualScale, residualBias;
  const int vectors = p.channels / Type::perVector;
  const int first = blockIdx.y * blockDim.x;
  const bool scaled = p.residual != nullptr && p.residualScale != nullptr;
  scale.stage(p.scale, first, vectors);
  bias.stage(p.bias, first, vectors);
  if (scaled) {
    residualScale.stage(p.residualScale, first, vectors);
    residualBias.stage(p.residualBias, first, vectors);
  }
  __syncthreads();
  const int vector = first + threadIdx.x;
  if (vector >= vectors) return;
  float s[Type::perVector], b[Type::perVector];
  scale.read(s);
  bias.read(b);
  if (scaled) {
    applyRows<Type, RESIDUAL_SCALED>(p, vector, vectors, s, b, residualScale, residualBias);
  } else if (p.residual != nullptr) {
    applyRows<Type, RESIDUAL_PLAIN>(p, vector, vectors, s, b, residualScale, residualBias);
  } else {
    applyRows<Type, RESIDUAL_NONE>(p, vector, vectors, s, b, residualScale, residualBias);
  }
}

// The gradient's elements that pass the ReLU; the others become zero.
template <class Type, int Which>
__device__ __forceinline__ void maskGradient(float (&g)[Type::perVector], const float (&x)[Type::perVector], const float (&out)[Type::perVector],
                                             unsigned bits, const float (&scale)[Type::perVector], const float (&bias)[Type::perVector]) {
  if constexpr (Which == MASK_INPUT) maskByInput<Type>(g, x, scale, bias);
  if constexpr (Which == MASK_BITS) maskByBits<Type>(g, bits);
#pragma unroll
  for (int i = 0; i < Type::perVector; ++i) {
    if constexpr (Which == MASK_OUTPUT) g[i] = out[i] > 0 ? g[i] : 0;
  }
}

template <class Type>
union ReduceShared {
  struct {
    Coefficients<Type> mean, scale, bias;
  };
  ColumnSums<2 * Type::perVector / 4> sums;
};

// sums: of g, then of g * (input - mean). Which is MASK_NONE where nothing is normalised.
template <class Type, int Which, bool Normalised>
__device__ __forceinline__ void sumRows(const BatchNormBackwardReduce& p, int vector, int vectors, const ReduceShared<Type>& shared,
                                        float (&sum)[2][Type::perVector]) {
  constexpr int n = Type::perVector;
  float mean[n], scale[n], bias[n];
  if constexpr (Normalised) shared.mean.read(mean);
  if constexpr (Which == MASK_INPUT) {
    shared.scale.read(scale);
    shared.bias.read(bias);
  }
  const long long begin = (long long)blockIdx.x * p.rowsPerBlock;
  const long long end = min(begin + p.rowsPerBlock, (long long)p.rows);
  for (long long row = begin + threadIdx.y; row < end; row += blockDim.y) {
    const long long at = row * vectors + vector;
    float g[n], x[n];
    unsigned bits = 0;
    load<Type>(p.gradient, at, g);
    if constexpr (Normalised) load<Type>(p.input, at, x);
    if constexpr (Which == MASK_BITS) bits = p.bits[at];
    maskGradient<Type, Which>(g, x, x, bits, scale, bias);
#pragma unroll
    for (int i = 0; i < n; ++i) {
      sum[0][i] += g[i];
      if constexpr (Normalised) sum[1][i] = fmaf(g[i], x[i] - mean[i], sum[1][i]);
    }
  }
}

template <class Type>
__device__ __forceinline__ void batchNormBackwardReduce(const BatchNormBackwardReduce& p) {
  __shared__ ReduceShared<Type> shared;
  constexpr int planes = Type::perVector / 4;
  const int vectors = p.channels / Type::perVector;
  const int first = blockIdx.y * blockDim.x;
  const bool normalised = p.input != nullptr;
  if (normalised) shared.mean.stage(p.mean, first, vectors);
  if (p.mask == MASK_INPUT) {
    shared.scale.stage(p.scale, first, vectors);
    shared.bias.stage(p.bias, first, vectors);
  }
  __syncthreads();
  float sum[2][Type::perVector] = {};
  const int vector = first + threadIdx.x;
  if (vector < vectors) {
    if (!normalised) sumRows<Type, MASK_NONE, false>(p, vector, vectors, shared, sum);
    else if (p.mask == MASK_BITS) sumRows<Type, MASK_BITS, true>(p, vector, vectors, shared, sum);
    else if (p.mask == MASK_INPUT) sumRows<Type, MASK_INPUT, true>(p, vector, vectors, shared, sum);
    else sumRows<Type, MASK_NONE, true>(p, vector, vectors, shared, sum);
  }
  __syncthreads();   // the coefficients' place is taken by the sums
#pragma unroll
  for (int s = 0; s < 2; ++s) {
#pragma unroll
    for (int i = 0; i < planes; ++i) {
      shared.sums.put(s * planes + i, make_float4(sum[s][4 * i], sum[s][4 * i + 1], sum[s][4 * i + 2], sum[s][4 * i + 3]));
    }
  }
  shared.sums.sum();
  const int fours = p.channels / 4;
  float4* partials = reinterpret_cast<float4*>(p.partials) + 2LL * blockIdx.x * fours;
  for (int i = threadNumber(); i < blockDim.x * planes; i += threadCount()) {
    const int four = first * planes + i;
    if (four >= fours) break;
    partials[four] = shared.sums.values[i % planes][i / planes];
    float4 s = make_float4(0, 0, 0, 0);
    if (normalised) {
      s = shared.sums.values[planes + i % planes][i / planes];
      const float4 inverse = reinterpret_cast<const float4*>(p.inverse)[four];
      s = make_float4(s.x * inverse.x, s.y * inverse.y, s.z * inverse.z, s.w * inverse.w);
    }
    partials[fours + four] = s;
  }
}

// How much of a g + b (input - mean) + c is wanted.
enum Wanted { WANTED_G, WANTED_AG, WANTED_ALL };

template <class Type>
struct BackwardShared {
  Coefficients<Type> a, b, c, mean, scale, bias;
};

template <class Type, int Which, Wanted What>
__device__ __forceinline__ void backwardRows(const BatchNormBackwardApply& p, int vector, int vectors, const BackwardShared<Type>& shared) {
  constexpr int n = Type::perVector;
  float a[n], b[n], c[n], mean[n], scale[n], bias[n];
  if constexpr (What != WANTED_G) shared.a.read(a);
  if constexpr (What == WANTED_ALL) {
    shared.b.read(b);
    shared.c.read(c);
    shared.mean.read(mean);
  }
  if constexpr (Which == MASK_INPUT) {
    shared.scale.read(scale);
    shared.bias.read(bias);
  }
  for (long long row = blockIdx.x * blockDim.y + threadIdx.y; row < p.rows; row += gridDim.x * blockDim.y) {
    const long long at = row * vectors + vector;
    float g[n], x[n], out[n];
    unsigned bits = 0;
    load<Type>(p.gradient, at, g);
    if constexpr (What == WANTED_ALL) load<Type>(p.input, at, x);
    if constexpr (Which == MASK_OUTPUT) load<Type>(p.output, at, out);
    if constexpr (Which == MASK_BITS) bits = p.bits[at];
    maskGradient<Type, Which>(g, x, out, bits, scale, bias);
    if constexpr (Which != MASK_NONE) {
      if (p.maskedGradient != nullptr) store<Type>(p.maskedGradient, at, g);
    }
#pragma unroll
    for (int i = 0; i < n; ++i) {
      if constexpr (What == WANTED_AG) g[i] *= a[i];
      if constexpr (What == WANTED_ALL) g[i] = fmaf(a[i], g[i], fmaf(b[i], x[i] - mean[i], c[i]));
    }
    store<Type>(p.inputGradient, at, g);
  }
}

template <class Type, int Which>
__device__ __forceinline__ void backwardRows(const BatchNormBackwardApply& p, int vector, int vectors, const BackwardShared<Type>& shared) {
  if constexpr (Which == MASK_NONE || Which == MASK_OUTPUT) {
    if (p.a == nullptr) return backwardRows<Type, Which, WANTED_G>(p, vector, vectors, shared);
    if (p.b == nullptr) return backwardRows<Type, Which, WANTED_AG>(p, vector, vectors, shared);
  }
  if constexpr (Which != MASK_OUTPUT) backwardRows<Type, Which, WANTED_ALL>(p, vector, vectors, shared);
}

template <class Type>
__device__ __forceinline__ void batchNormBackwardApply(const BatchNormBackwardApply& p) {
  __shared__ BackwardShared<Type> shared;
  const int vectors = p.channels / Type::perVector;
  const int first = blockIdx.y * blockDim.x;
  if (p.a != nullptr) shared.a.stage(p.a, first, vectors);
  if (p.a != nullptr && p.b != nullptr) {
    shared.b.stage(p.b, first, vectors);
    shared.c.stage(p.c, first, vectors);
    shared.mean.stage(p.mean, first, vectors);
  }
  if (p.mask == MASK_INPUT) {
    shared.scale.stage(p.scale, first, vectors);
    shared.bias.stage(p.bias, first, vectors);
  }
  __syncthreads();
  const int vector = first + threadIdx.x;
  if (vector >= vectors) return;
  if (p.mask == MASK_OUTPUT) backwardRows<Type, MASK_OUTPUT>(p, vector, vectors, shared);
  else if (p.mask == MASK_INPUT) backwardRows<Type, MASK_INPUT>(p, vector, vectors, shared);
  else if (p.mask == MASK_BITS) backwardRows<Type, MASK_BITS>(p, vector, vectors, shared);
  else backwardRows<Type, MASK_NONE>(p, vector, vectors, shared);
}

// The coefficients of one norm's way back, for this thread's vector.
template <class Type>
struct WayBack {
  static constexpr int n = Type::perVector;
  float a[n], b[n], c[n], mean[n];

  __device__ __forceinline__ void read(const BackwardShared<Type>& shared) {
    shared.a.read(a);
    shared.b.read(b);
    shared.c.read(c);
    shared.mean.read(mean);
  }
  __device__ __forceinline__ void apply(const float (&g)[n], const float (&x)[n], float (&out)[n]) const {
#pragma unroll
    for (int i = 0; i < n; ++i) out[i] = fmaf(a[i], g[i], fmaf(b[i], x[i] - mean[i], c[i]));
  }
};

template <class Type>
__device__ __forceinline__ void batchNormBackwardApplyBoth(const BatchNormBackwardApplyBoth& p) {
  __shared__ BackwardShared<Type> shared;
  constexpr int n = Type::perVector;
  const int vectors = p.channels / n, first = blockIdx.y * blockDim.x, vector = first + threadIdx.x;
  WayBack<Type> back[2];
#pragma unroll
  for (int norm = 0; norm < 2; ++norm) {
    __syncthreads();   // the other's have been read
    shared.a.stage(norm == 0 ? p.a : p.addedA, first, vectors);
    shared.b.stage(norm == 0 ? p.b : p.addedB, first, vectors);
    shared.c.stage(norm == 0 ? p.c : p.addedC, first, vectors);
    shared.mean.stage(norm == 0 ? p.mean : p.addedMean, first, vectors);
    __syncthreads();
    if (vector < vectors) back[norm].read(shared);
  }
  if (vector >= vectors) return;
  for (long long row = blockIdx.x * blockDim.y + threadIdx.y; row < p.rows; row += gridDim.x * blockDim.y) {
    const long long at = row * vectors + vector;
    float g[n], x[n], added[n];
    load<Type>(p.gradient, at, g);
    load<Type>(p.input, at, x);
    load<Type>(p.addedInput, at, added);
    back[0].apply(g, x, x);
    back[1].apply(g, added, added);
    store<Type>(p.inputGradient, at, x);
    store<Type>(p.addedInputGradient, at, added);
  }
}

RESFUSE_EXPORT(batchNormApply, BatchNormApply, kMaxThreads)
RESFUSE_EXPORT(batchNormBackwardReduce, BatchNormBackwardReduce, kMaxThreads)
RESFUSE_EXPORT(batchNormBackwardApply, BatchNormBackwardApply, kMaxThreads)
RESFUSE_EXPORT(batchNormBackwardApplyBoth, BatchNormBackwardApplyBoth, kMaxThreads)

// The small kernels over channels: thread x of 8 has four channels, thread y of 32 every 32nd tile.
constexpr int kColumns = 8, kRows = 32;

// How many values, their mean and the sum of squared deviations from it, for four channels.
struct Moments {
  float count;
  float4 mean, squares;
};

__device__ __forceinline__ void merge(Moments& m, float count, const float4& mean, const float4& squares) {
  const float all = m.count + count, fraction = quotient(count, all), weight = m.count * fraction;
  if (m.count == 0) {
    m = {count, mean, squares};
    return;
  }
  mergeOne(fraction, weight, m.mean.x, m.squares.x, mean.x, squares.x);
  mergeOne(fraction, weight, m.mean.y, m.squares.y, mean.y, squares.y);
  mergeOne(fraction, weight, m.mean.z, m.squares.z, mean.z, squares.z);
  mergeOne(fraction, weight, m.mean.w, m.squares.w, mean.w, squares.w);
  m.count = all;
}

struct MomentsShared {
  float count[kRows];
  float4 mean[kRows * kColumns], squares[kRows * kColumns];
};

// Of tiles begin to end - 1, for this thread's four channels; valid in the threads with threadIdx.y == 0. 'four' may be
// beyond the channels: such threads only help to reach the barriers. A thread takes 'AtOnce' tiles at once.
template <int AtOnce>
__device__ __forceinline__ Moments mergeTiles(const float* statistics, int four, int fours, int begin, int end, int rowsPerTile, int rows,
                                              MomentsShared& shared) {
  Moments m = {0, make_float4(0, 0, 0, 0), make_float4(0, 0, 0, 0)};
  const float4* from = reinterpret_cast<const float4*>(statistics);
  if (four < fours) {
#pragma unroll AtOnce
    for (int tile = begin + threadIdx.y; tile < end; tile += kRows) {
      const float4 mean = from[2LL * tile * fours + four], squares = from[(2LL * tile + 1) * fours + four];
      merge(m, min(rowsPerTile, rows - tile * rowsPerTile), mean, squares);
    }
  } else {   // its count must be what the others of its row have
#pragma unroll 1
    for (int tile = begin + threadIdx.y; tile < end; tile += kRows) m.count += min(rowsPerTile, rows - tile * rowsPerTile);
  }
  for (int half = kRows / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x == 0) shared.count[threadIdx.y] = m.count;
    shared.mean[threadNumber()] = m.mean;
    shared.squares[threadNumber()] = m.squares;
    __syncthreads();
    if (threadIdx.y < half) {
      const int other = threadNumber() + half * kColumns;
      merge(m, shared.count[threadIdx.y + half], shared.mean[other], shared.squares[other]);
    }
  }
  return m;
}

extern "C" __global__ void __launch_bounds__(kColumns* kRows) batchNormMerge(const __grid_constant__ BatchNormMerge p) {
  __shared__ MomentsShared shared;
  const int fours = p.channels / 4, four = blockIdx.y * kColumns + threadIdx.x;
  const int begin = blockIdx.x * p.tilesPerGroup, end = min(begin + p.tilesPerGroup, p.tiles);
  const Moments m = mergeTiles<1>(p.statistics, four, fours, begin, end, p.rowsPerTile, p.rows, shared);
  if (threadIdx.y != 0 || four >= fours) return;
  float4* to = reinterpret_cast<float4*>(p.merged) + 2LL * blockIdx.x * fours + four;
  to[0] = m.mean;
  to[fours] = m.squares;
}

// The channel of each thread of the first warp, whose results end the two kernels below.
__device__ __forceinline__ int ownChannel() { return blockIdx.x * 4 * kColumns + threadNumber(); }

extern "C" __global__ void __launch_bounds__(kColumns* kRows) batchNormFinalize(const __grid_constant__ BatchNormFinalize p) {
  __shared__ MomentsShared shared;
  const int fours = p.channels / 4, four = blockIdx.x * kColumns + threadIdx.x;
  const Moments m = mergeTiles<4>(p.statistics, four, fours, 0, p.tiles, p.rowsPerTile, p.rows, shared);
  __syncthreads();
  if (threadIdx.y == 0) {
    shared.mean[threadIdx.x] = m.mean;
    shared.squares[threadIdx.x] = m.squares;
  }
  __syncthreads();
  const int t = threadNumber(), c = ownChannel();
  if (t >= 4 * kColumns || c >= p.channels) return;
  const float mean = reinterpret_cast<const float*>(shared.mean)[t], squares = reinterpret_cast<const float*>(shared.squares)[t];
  deriveCoefficients(c, p.rows, p.epsilon, p.gamma, p.beta, mean, squares, p.mean, p.inverse, p.scale, p.bias);
  if (p.runningMean != nullptr) moveRunning(c, p.rows, p.momentum, mean, squares, p.runningMean, p.runningVariance);
}

extern "C" __global__ void __launch_bounds__(256) batchNormFold(const __grid_constant__ BatchNormFold p) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= p.channels) return;
  const float scale = p.gamma[c] * (1 / sqrtf(p.variance[c] + p.epsilon));
  const float before = p.convolutionBias == nullptr ? 0 : p.convolutionBias[c];
  p.scale[c] = scale;
  p.bias[c] = fmaf(before - p.mean[c], scale, p.beta[c]);
}

extern "C" __global__ void __launch_bounds__(kColumns* kRows) batchNormBackwardFinalize(const __grid_constant__ BatchNormBackwardFinalize p) {
  __shared__ ColumnSums<2> shared;
  const int fours = p.channels / 4, four = blockIdx.x * kColumns + threadIdx.x;
  float4 beta = make_float4(0, 0, 0, 0), gamma = beta;
  if (four < fours) {
    auto add = [](float4& sum, const float4& x) { sum = make_float4(sum.x + x.x, sum.y + x.y, sum.z + x.z, sum.w + x.w); };
    const float4* from = reinterpret_cast<const float4*>(p.partials) + four;
#pragma unroll 4
    for (int block = threadIdx.y; block < p.blocks; block += kRows) {
      add(beta, from[2LL * block * fours]);
      if (p.gamma != nullptr) add(gamma, from[(2LL * block + 1) * fours]);
    }
  }
  shared.put(0, beta);
  shared.put(1, gamma);
  shared.sum();
  const int t = threadNumber(), c = ownChannel();
  if (t >= 4 * kColumns || c >= p.channels) return;
  const float dBeta = reinterpret_cast<const float*>(shared.values[0])[t], dGamma = reinterpret_cast<const float*>(shared.values[1])[t];
  storeGradients(c, p.accumulate, dBeta, dGamma, p.dBeta, p.dGamma);
  if (p.a != nullptr) deriveGradient(c, p.rows, p.gamma, p.inverse, dBeta, dGamma, p.a, p.b, p.c);
}

}  // namespace resfuse
