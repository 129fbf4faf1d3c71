// Max pooling, average pooling over squares and global average pooling, forward and backward, NHWC.
//
// maxPool_T           see MaxPool. A block makes rowsPerBlock x columnsPerBlock outputs of blockDim.x vectors (16 bytes) of
//   channels, row by row; the input rows that a row's windows meet lie in shared memory, a ring of 'kernel' rows, normalised already.
//   Launch: block (x, y): x = min(8, V), V = channels / (16 / sizeof T); y = columnsPerBlock, or less: any with x * y <= 512.
//     grid (ceil(outputHeight / rowsPerBlock), ceil(outputWidth / columnsPerBlock) * ceil(V / x), images).
//     Shared memory: kernel * ((columnsPerBlock - 1) * stride + kernel) * x * 16 bytes; columnsPerBlock at most 62 keep
//     a 3 x 3 window of stride 2 below 48 KiB.
//   Bytes: the input once, and once more the rows where blocks meet: 1 / (stride * rowsPerBlock), so let rowsPerBlock be 28 or more
//     where that leaves enough blocks to fill the GPU; output and index once.
//   FLOPs: kernel^2 comparisons per output.
// maxPoolBackward_T   see MaxPoolBackward. The same with blocks of the input, and a ring of D = ceil(kernel / stride) rows of
//   gradients and indices in shared memory.
//   Launch: block as above; grid (ceil(inputHeight / rowsPerBlock), ceil(inputWidth / columnsPerBlock) * ceil(V / x), images).
//     Shared memory: D * ((columnsPerBlock + kernel - 2) / stride + 2) * x * (16 + 16 / sizeof T) bytes.
//   Bytes: gradient and index once, and again where blocks meet; the result once (twice to accumulate).
// averagePool_T, averagePoolBackward_T   see AveragePool.
//   Launch: block (x, y): x = min(32, V), y = 256 / x rounded down, or less (any x <= 128, y with x * y <= 256); grid (ceil(V / x), images).
//   Bytes: each element once.
// averageSquares_T, averageSquaresBackward_T   see AverageSquares. A thread has one vector of channels of one square, which it adds up
//   row by row in fp32; or it reads the square's gradient once and writes all of its pixels.
//   Launch: blocks of any number of threads up to 256; grid (ceil(columns * V / threads), rows, images), rows and columns of squares.
//   Bytes: each element of both tensors once (the result of the backward pass twice to accumulate).
//   FLOPs: an addition per element of the larger tensor, and a division per square.
//   Pointers: 16-byte aligned, index 8-byte aligned; channels a multiple of 8.
#include "parameters.cuh"
#include "per_channel.cuh"

namespace resfuse {

constexpr int kPoolThreads = 512;   // two blocks per multiprocessor, as shared memory allows on sm_80
extern __shared__ uint4 dynamicShared[];

// One byte per element of a vector.
template <class Type>
struct IndexVector;
template <>
struct IndexVector<F16> {
  using Word = uint2;
};
template <>
struct IndexVector<BF16> : IndexVector<F16> {};
template <>
struct IndexVector<F32> {
  using Word = unsigned;
};
template <>
struct IndexVector<TF32> : IndexVector<F32> {};

__device__ __forceinline__ uint2 packIndex(const int (&i)[8]) {
  return make_uint2(i[0] | i[1] << 8 | i[2] << 16 | i[3] << 24, i[4] | i[5] << 8 | i[6] << 16 | i[7] << 24);
}
__device__ __forceinline__ unsigned packIndex(const int (&i)[4]) { return i[0] | i[1] << 8 | i[2] << 16 | i[3] << 24; }
__device__ __forceinline__ int indexAt(const uint2& word, int i) { return (i < 4 ? word.x : word.y) >> i % 4 * 8 & 0xff; }
__device__ __forceinline__ int indexAt(unsigned word, int i) { return word >> i * 8 & 0xff; }

// 16 bytes of shared memory at once: where only some elements are used in the end, the compiler would load those alone, one by one.
__device__ __forceinline__ uint4 loadWhole(const uint4* at) {
  uint4 r;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w)
               : "r"((unsigned)__cvta_generic_to_shared(at))
               : "memory");
  return r;
}

// Where a block's tile lies.
struct PoolTile {
  int vectors, vector;        // of a pixel; this thread's
  int firstRow, endRow, firstColumn, endColumn;
  template <class Type, class Parameters>
  static __device__ __forceinline__ PoolTile of(const Parameters& p, int height, int width) {
    PoolTile t;
    t.vectors = p.channels / Type::perVector;
    const int columnTiles = (width + p.columnsPerBlock - 1) / p.columnsPerBlock;
    t.vector = blockIdx.y / columnTiles * blockDim.x + threadIdx.x;
    t.firstRow = blockIdx.x * p.rowsPerBlock;
    t.endRow = min(t.firstRow + p.rowsPerBlock, height);
    t.firstColumn = blockIdx.y % columnTiles * p.columnsPerBlock;
    t.endColumn = min(t.firstColumn + p.columnsPerBlock, width);
    return t;
  }
};

// The largest of a window and which of its taps that was.
template <class Type>
struct Largest {
  static constexpr int n = Type::perVector;
  float best[n];
  int index[n];

  __device__ __forceinline__ explicit Largest(int firstTap) {
#pragma unroll
    for (int i = 0; i < n; ++i) {
      best[i] = -INFINITY;
      index[i] = firstTap;
    }
  }
  __device__ __forceinline__ void take(const uint4& raw, int tap) {
    float x[n];
    unpackVector<Type>(raw, x);
#pragma unroll
    for (int i = 0; i < n; ++i) {
      if (x[i] > best[i] || x[i] != x[i]) {
        best[i] = x[i];
        index[i] = tap;
      }
    }
  }
  __device__ __forceinline__ void finish(const MaxPool& p, long long at) const {
    store<Type>(p.output, at, best);
    reinterpret_cast<typename IndexVector<Type>::Word*>(p.index)[at] = packIndex(index);
  }
};

// The largest alone.
template <class Type>
struct Maximum {
  uint4 best;

  __device__ __forceinline__ explicit Maximum(int) {
    float lowest[Type::perVector];
#pragma unroll
    for (int i = 0; i < Type::perVector; ++i) lowest[i] = -INFINITY;
    best = packVector<Type>(lowest);
  }
  __device__ __forceinline__ void take(const uint4& raw, int) {
    best = make_uint4(Type::maximum(best.x, raw.x), Type::maximum(best.y, raw.y), Type::maximum(best.z, raw.z), Type::maximum(best.w, raw.w));
  }
  __device__ __forceinline__ void finish(const MaxPool& p, long long at) const { static_cast<uint4*>(p.output)[at] = best; }
};

// A vector's coefficients.
template <class Type>
__device__ __forceinline__ void loadChannels(const float* channels, int vector, float (&x)[Type::perVector]) {
#pragma unroll
  for (int i = 0; i < Type::perVector / 4; ++i) {
    const float4 four = reinterpret_cast<const float4*>(channels)[vector * (Type::perVector / 4) + i];
    x[4 * i] = four.x;
    x[4 * i + 1] = four.y;
    x[4 * i + 2] = four.z;
    x[4 * i + 3] = four.w;
  }
}

template <class Type, class Result>
__device__ __forceinline__ void maxPoolRows(const MaxPool& p, const PoolTile& t) {
  constexpr int n = Type::perVector;
  const bool active = t.vector < t.vectors, normalise = p.inputScale != nullptr;
  const float lowest = p.inputRelu ? 0.f : -INFINITY;
  float scale[n], bias[n];
  if (active && normalise) {
    loadChannels<Type>(p.inputScale, t.vector, scale);
    loadChannels<Type>(p.inputBias, t.vector, bias);
  }
  // Row y of the input lies in slot (y + padding) % kernel, column x in place x - left.
  const int slotSize = ((p.columnsPerBlock - 1) * p.stride + p.kernel) * blockDim.x;
  const int left = t.firstColumn * p.stride - p.padding;
  const int beginColumn = max(left, 0), endColumn = min((t.endColumn - 1) * p.stride - p.padding + p.kernel, p.inputWidth);
  int nextRow = 0;   // rows before it have been staged, or are of no use
  for (int row = t.firstRow; row < t.endRow; ++row) {
    const int top = row * p.stride - p.padding;
    const int beginInput = max(top, 0), endInput = min(top + p.kernel, p.inputHeight);
    __syncthreads();   // the slots that are filled now have been read
    if (active) {
      for (int y = max(beginInput, nextRow); y < endInput; ++y) {
        uint4* slot = dynamicShared + (y + p.padding) % p.kernel * slotSize + threadIdx.x;
        const uint4* from = static_cast<const uint4*>(p.input) + (long long)(blockIdx.z * p.inputHeight + y) * p.inputWidth * t.vectors + t.vector;
        for (int x = beginColumn + threadIdx.y; x < endColumn; x += blockDim.y) {
          uint4 raw = from[x * t.vectors];
          if (normalise) {
            float v[n];
            unpackVector<Type>(raw, v);
#pragma unroll
            for (int i = 0; i < n; ++i) {
              v[i] = fmaf(v[i], scale[i], bias[i]);
              v[i] = v[i] < lowest ? 0 : v[i];
            }
            raw = packVector<Type>(v);
          }
          slot[(x - left) * blockDim.x] = raw;
        }
      }
    }
    nextRow = endInput;
    __syncthreads();
    if (!active) continue;
    const int firstSlot = (beginInput + p.padding) % p.kernel;
    for (int column = t.firstColumn + threadIdx.y; column < t.endColumn; column += blockDim.y) {
      const int start = column * p.stride - p.padding;
      const int beginTap = max(-start, 0), endTap = min(p.kernel, p.inputWidth - start);
      int firstTap = (beginInput - top) * p.kernel + beginTap;
      Result result(firstTap);
      int slot = firstSlot;
      for (int y = beginInput; y < endInput; ++y) {
        const uint4* at = dynamicShared + slot * slotSize + (start + beginTap - left) * blockDim.x + threadIdx.x;
        int tap = firstTap;
        for (int v = beginTap; v < endTap; ++v, ++tap, at += blockDim.x) result.take(*at, tap);
        firstTap += p.kernel;
        slot = slot + 1 == p.kernel ? 0 : slot + 1;
      }
      result.finish(p, ((long long)(blockIdx.z * p.outputHeight + row) * p.outputWidth + column) * t.vectors + t.vector);
    }
  }
}

template <class Type>
__device__ __forceinline__ void maxPool(const MaxPool& p) {
  const PoolTile t = PoolTile::of<Type>(p, p.outputHeight, p.outputWidth);
  if (p.index != nullptr) maxPoolRows<Type, Largest<Type>>(p, t);
  else maxPoolRows<Type, Maximum<Type>>(p, t);
}

template <class Type>
__device__ __forceinline__ void maxPoolBackward(const MaxPoolBackward& p) {
  using Word = typename IndexVector<Type>::Word;
  constexpr int n = Type::perVector;
  const PoolTile t = PoolTile::of<Type>(p, p.inputHeight, p.inputWidth);
  const bool active = t.vector < t.vectors;
  const Divider stride(p.stride);
  const int ringRows = (p.kernel + p.stride - 1) / p.stride;
  const int slotSize = ((p.columnsPerBlock + p.kernel - 2) / p.stride + 2) * blockDim.x;
  Word* indices = reinterpret_cast<Word*>(dynamicShared + ringRows * slotSize);
  // Windows from beginWindow(x) to endWindow(x) - 1 meet input x.
  auto beginWindow = [&](int x) { return (int)stride.quotient(max(x + p.padding - p.kernel + p.stride, 0)); };
  auto endWindow = [&](int x, int size) { return min((int)stride.quotient(x + p.padding) + 1, size); };
  const int beginColumn = beginWindow(t.firstColumn), endColumn = endWindow(t.endColumn - 1, p.outputWidth);
  int nextRow = 0;
  for (int y = t.firstRow; y < t.endRow; ++y) {
    const int beginRow = beginWindow(y), endRow = endWindow(y, p.outputHeight);
    if (nextRow < endRow) {
      __syncthreads();
      if (active) {
        for (int row = max(beginRow, nextRow); row < endRow; ++row) {
          const int slot = row % ringRows * slotSize + threadIdx.x;
          const long long first = (long long)(blockIdx.z * p.outputHeight + row) * p.outputWidth * t.vectors + t.vector;
#pragma unroll 2
          for (int column = beginColumn + threadIdx.y; column < endColumn; column += blockDim.y) {
            const int place = slot + (column - beginColumn) * blockDim.x;
            dynamicShared[place] = static_cast<const uint4*>(p.gradient)[first + column * t.vectors];
            indices[place] = reinterpret_cast<const Word*>(p.index)[first + column * t.vectors];
          }
        }
      }
      nextRow = endRow;
      __syncthreads();
    }
    if (!active) continue;
    const int firstSlot = beginRow % ringRows;
    for (int x = t.firstColumn + threadIdx.y; x < t.endColumn; x += blockDim.y) {
      const long long at = ((long long)(blockIdx.z * p.inputHeight + y) * p.inputWidth + x) * t.vectors + t.vector;
      float sum[n] = {};
      if (p.accumulate) load<Type>(p.inputGradient, at, sum);
      const int beginX = beginWindow(x), endX = endWindow(x, p.outputWidth);
      // Input (y, x) is this tap of window (beginRow, beginX), 'stride' taps before in the next window of a row.
      int firstTap = (y + p.padding - beginRow * p.stride) * p.kernel + x + p.padding - beginX * p.stride;
      int slot = firstSlot;
      for (int row = beginRow; row < endRow; ++row) {
        int place = slot * slotSize + (beginX - beginColumn) * blockDim.x + threadIdx.x, tap = firstTap;
        // As often for all threads, so that those of a warp stay together: apart, they would meet in banks.
        for (int i = 0; i < ringRows; ++i, place += blockDim.x, tap -= p.stride) {
          if (beginX + i >= endX) continue;
          float g[n];
          unpackVector<Type>(loadWhole(dynamicShared + place), g);
          const Word index = indices[place];
#pragma unroll
          for (int j = 0; j < n; ++j) {
            if (indexAt(index, j) == tap) sum[j] += g[j];
          }
        }
        firstTap -= p.stride * p.kernel;
        slot = slot + 1 == ringRows ? 0 : slot + 1;
      }
      store<Type>(p.inputGradient, at, sum);
    }
  }
}

template <class Type>
__device__ __forceinline__ void averagePool(const AveragePool& p) {
  constexpr int n = Type::perVector;
  __shared__ ColumnSums<n / 4> shared;
  const int vectors = p.channels / n, vector = blockIdx.x * blockDim.x + threadIdx.x;
  const int active = kept((int)(vector < vectors));   // asked twice, decided once
  float sum[n] = {};
  if (active) {
#pragma unroll 4
    for (int pixel = threadIdx.y; pixel < p.pixels; pixel += blockDim.y) {
      float x[n];
      load<Type>(p.input, ((long long)blockIdx.y * p.pixels + pixel) * vectors + vector, x);
#pragma unroll
      for (int i = 0; i < n; ++i) sum[i] += x[i];
    }
  }
#pragma unroll
  for (int i = 0; i < n / 4; ++i) shared.put(i, make_float4(sum[4 * i], sum[4 * i + 1], sum[4 * i + 2], sum[4 * i + 3]));
  shared.sum();
  if (threadIdx.y != 0 || !active) return;
  const float pixels = p.pixels;
#pragma unroll
  for (int i = 0; i < n / 4; ++i) {
    const float4 four = shared.values[i][threadIdx.x];
    sum[4 * i] = four.x / pixels;
    sum[4 * i + 1] = four.y / pixels;
    sum[4 * i + 2] = four.z / pixels;
    sum[4 * i + 3] = four.w / pixels;
  }
  store<Type>(p.output, (long long)blockIdx.y * vectors + vector, sum);
}

template <class Type>
__device__ __forceinline__ void averagePoolBackward(const AveragePool& p) {
  constexpr int n = Type::perVector;
  __shared__ uint4 shared[kMaxVectors];
  const int vectors = p.channels / n, vector = blockIdx.x * blockDim.x + threadIdx.x;
  const bool active = vector < vectors;
  if (threadIdx.y == 0 && active) shared[threadIdx.x] = static_cast<const uint4*>(p.input)[(long long)blockIdx.y * vectors + vector];
  __syncthreads();
  if (!active) return;
  float g[n];
  unpackVector<Type>(shared[threadIdx.x], g);
  const float pixels = p.pixels;
#pragma unroll
  for (int i = 0; i < n; ++i) g[i] /= pixels;
  for (int pixel = threadIdx.y; pixel < p.pixels; pixel += blockDim.y) {
    const long long at = ((long long)blockIdx.y * p.pixels + pixel) * vectors + vector;
    float sum[n] = {};
    if (p.accumulate) load<Type>(p.output, at, sum);
#pragma unroll
    for (int i = 0; i < n; ++i) sum[i] += g[i];
    store<Type>(p.output, at, sum);
  }
}

// A thread's square: where its pixels are in the larger tensor, and its one in the smaller, in vectors.
struct Square {
  int rows, columns;          // that the image has; none for a thread without a square
  long long first, rowStep;   // the first pixel; from row to row
  int columnStep;
  long long mean;

  template <class Type>
  static __device__ __forceinline__ Square of(const AverageSquares& p) {
    const int vectors = p.channels / Type::perVector, across = (p.width + p.size - 1) / p.size;
    const int thread = blockIdx.x * blockDim.x + threadIdx.x;
    const int column = thread / vectors, vector = thread % vectors;
    const int y = blockIdx.y * p.size, x = column * p.size;
    Square s;
    s.columns = max(min(p.size, p.width - x), 0);
    s.rows = s.columns == 0 ? 0 : min(p.size, p.height - y);
    s.columnStep = vectors;
    s.rowStep = (long long)p.width * vectors;
    s.first = ((long long)(blockIdx.z * p.height + y) * p.width + x) * vectors + vector;
    s.mean = ((long long)(blockIdx.z * gridDim.y + blockIdx.y) * across + column) * vectors + vector;
    return s;
  }
};

template <class Type>
__device__ __forceinline__ void averageSquares(const AverageSquares& p) {
  constexpr int n = Type::perVector;
  const Square s = Square::of<Type>(p);
  if (s.rows == 0) return;
  float sum[n] = {};
  for (int u = 0; u < s.rows; ++u) {
#pragma unroll 2
    for (int v = 0; v < s.columns; ++v) {
      float x[n];
      load<Type>(p.input, s.first + u * s.rowStep + v * s.columnStep, x);
#pragma unroll
      for (int i = 0; i < n; ++i) sum[i] += x[i];
    }
  }
  const float pixels = s.rows * s.columns;
#pragma unroll
  for (int i = 0; i < n; ++i) sum[i] /= pixels;
  store<Type>(p.output, s.mean, sum);
}

template <class Type>
__device__ __forceinline__ void averageSquaresBackward(const AverageSquares& p) {
  constexpr int n = Type::perVector;
  const Square s = Square::of<Type>(p);
  if (s.rows == 0) return;
  float g[n];
  load<Type>(p.input, s.mean, g);
  const float pixels = s.rows * s.columns;
#pragma unroll
  for (int i = 0; i < n; ++i) g[i] /= pixels;
  for (int u = 0; u < s.rows; ++u) {
#pragma unroll 2
    for (int v = 0; v < s.columns; ++v) {
      const long long at = s.first + u * s.rowStep + v * s.columnStep;
      float sum[n] = {};
      if (p.accumulate) load<Type>(p.output, at, sum);
#pragma unroll
      for (int i = 0; i < n; ++i) sum[i] += g[i];
      store<Type>(p.output, at, sum);
    }
  }
}

RESFUSE_EXPORT(maxPool, MaxPool, kPoolThreads, 2)
RESFUSE_EXPORT(maxPoolBackward, MaxPoolBackward, kPoolThreads, 2)
RESFUSE_EXPORT(averagePool, AveragePool, kMaxThreads)
RESFUSE_EXPORT(averagePoolBackward, AveragePool, kMaxThreads)
RESFUSE_EXPORT(averageSquares, AverageSquares, kMaxThreads)
RESFUSE_EXPORT(averageSquaresBackward, AverageSquares, kMaxThreads)

}  // namespace resfuse
