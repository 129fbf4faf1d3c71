// What int8 does to bytes beside convolutions, NHWC, pixels of a multiple of 16 bytes.
//
// encodeImages_u8     see EncodeImages. A thread has 16 bytes, neighbours in a row those of neighbouring pixels.
//   Launch: block 256; grid: any number of blocks. Bytes: host and tensor once.
// encode_u8, decode_u8   see Recode. Launch: block 256; grid: any. Bytes: both once. In place is not possible.
// maxPool_u8          see MaxPool, without coefficients and index: the largest byte of each window. A thread makes the outputs of one column
//   of a block's tile; a window's rows come from the caches where it overlaps others.
//   Launch: as maxPool_T in pooling.cu with V = channels / 16; no shared memory.
// averageSquares_u8   see AverageSquares: the nearest integer to the mean, ties to even. Launch: as averageSquares_T in pooling.cu.
// subsampledIdentity_u8   see SubsampledIdentity. Launch: as subsampledIdentity_T in layout.cu.
// brokenImages_u8, spoilImages_u8   see BrokenImages. Launch: block 256; grid (parts, images), or (any, images). Bytes: what is looked at once;
//   nothing is written to images that are not broken.
//   Pointers: 16-byte aligned, the host's 4-byte aligned.
#include <cmath>

#include "bytes.cuh"
#include "parameters.cuh"
#include "per_channel.cuh"
#include "subsampling.cuh"

namespace resfuse {

// As io.resfuse.engine.Encoding: no two roundings may become one.
__device__ __forceinline__ float encoded(float x, float inverse, float zeroPoint) { return __fadd_rn(__fmul_rn(x, inverse), zeroPoint); }

__device__ __forceinline__ long long firstOf() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ long long allThreads() { return (long long)gridDim.x * blockDim.x; }

template <class>
__device__ __forceinline__ void encodeImages(const EncodeImages& p) {
  // Of a vector of 16 bytes: one pixel's channels, or two pixels of 8.
  const int vectors = max(p.pitch / 16, 1), pixels = p.pitch < 16 ? 2 : 1, plane = p.height * p.width;
  const long long all = (long long)p.images * p.tensorHeight * p.tensorWidth / pixels * vectors;
  for (long long i = firstOf(); i < all; i += allThreads()) {
    float x[16];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const long long pixel = i / vectors * pixels + (pixels == 2 ? half : 0);
      const int first = (int)(i % vectors) * 16 + (pixels == 2 ? 0 : 8 * half);
      const int column = (int)(pixel % p.tensorWidth) - p.left;
      const long long line = pixel / p.tensorWidth;
      const int row = (int)(line % p.tensorHeight) - p.top, image = (int)(line / p.tensorHeight);
      const bool inside = (unsigned)row < (unsigned)p.height && (unsigned)column < (unsigned)p.width;
      const long long step = p.channelsLast ? 1 : plane, at = (long long)row * p.width + column;
      const long long from = p.channelsLast ? ((long long)image * plane + at) * p.channels + first : ((long long)image * p.channels + first) * plane + at;
#pragma unroll
      for (int c = 0; c < 8; c++) {
        float value = 0;
        if (inside && first + c < p.channels) {
          if (p.scale)
            value = __fmaf_rn((float)static_cast<const unsigned char*>(p.host)[from + c * step], p.scale[first + c], p.bias[first + c]);
          else
            value = static_cast<const float*>(p.host)[from + c * step];
        }
        x[8 * half + c] = encoded(value, p.inverse, p.zeroPoint);
      }
    }
    static_cast<uint4*>(p.tensor)[i] = packVector<U8>(x);
  }
}

// A thread has four elements: its floats are 16 bytes.
template <class>
__device__ __forceinline__ void encode(const Recode& p) {
  for (long long i = firstOf(); i < p.elements / 4; i += allThreads()) {
    const float4 v = static_cast<const float4*>(p.from)[i];
    const float x[4] = {encoded(v.x, p.factor, p.zeroPoint), encoded(v.y, p.factor, p.zeroPoint), encoded(v.z, p.factor, p.zeroPoint),
                        encoded(v.w, p.factor, p.zeroPoint)};
    static_cast<uint32_t*>(p.to)[i] = U8::pack(x);
  }
}
template <class>
__device__ __forceinline__ void decode(const Recode& p) {
  for (long long i = firstOf(); i < p.elements / 4; i += allThreads()) {
    float x[4];
    U8::unpack(static_cast<const uint32_t*>(p.from)[i], x);
    static_cast<float4*>(p.to)[i] = make_float4((x[0] - p.zeroPoint) * p.factor, (x[1] - p.zeroPoint) * p.factor, (x[2] - p.zeroPoint) * p.factor,
                                                (x[3] - p.zeroPoint) * p.factor);
  }
}

__device__ __forceinline__ uint4 maximumOf(const uint4& a, const uint4& b) {
  return make_uint4(__vmaxu4(a.x, b.x), __vmaxu4(a.y, b.y), __vmaxu4(a.z, b.z), __vmaxu4(a.w, b.w));
}
template <class>
__device__ __forceinline__ void maxPool(const MaxPool& p) {
  const int vectors = p.channels / 16, columnTiles = (p.outputWidth + p.columnsPerBlock - 1) / p.columnsPerBlock;
  const int vector = blockIdx.y / columnTiles * blockDim.x + threadIdx.x;
  if (vector >= vectors) return;
  const int firstRow = blockIdx.x * p.rowsPerBlock, endRow = min(firstRow + p.rowsPerBlock, p.outputHeight);
  const int firstColumn = blockIdx.y % columnTiles * p.columnsPerBlock, endColumn = min(firstColumn + p.columnsPerBlock, p.outputWidth);
  const uint4* const image = static_cast<const uint4*>(p.input) + (long long)blockIdx.z * p.inputHeight * p.inputWidth * vectors + vector;
  uint4* const output = static_cast<uint4*>(p.output) + (long long)blockIdx.z * p.outputHeight * p.outputWidth * vectors + vector;
  for (int column = firstColumn + threadIdx.y; column < endColumn; column += blockDim.y) {
    const int left = max(column * p.stride - p.padding, 0), right = min(column * p.stride - p.padding + p.kernel, p.inputWidth);
    for (int row = firstRow; row < endRow; row++) {
      const int top = max(row * p.stride - p.padding, 0), bottom = min(row * p.stride - p.padding + p.kernel, p.inputHeight);
      uint4 best = make_uint4(0, 0, 0, 0);
      for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) best = maximumOf(best, image[((long long)y * p.inputWidth + x) * vectors]);
      }
      output[((long long)row * p.outputWidth + column) * vectors] = best;
    }
  }
}

template <class>
__device__ __forceinline__ void averageSquares(const AverageSquares& p) {
  const int vectors = p.channels / 16, columns = (p.width + p.size - 1) / p.size, height = (p.height + p.size - 1) / p.size;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= columns * vectors) return;
  const int column = i / vectors, row = blockIdx.y, top = row * p.size, left = column * p.size;
  const int bottom = min(top + p.size, p.height), right = min(left + p.size, p.width);
  const uint4* const image = static_cast<const uint4*>(p.input) + (long long)blockIdx.z * p.height * p.width * vectors + i % vectors;
  float sum[16] = {};
  for (int y = top; y < bottom; y++) {
    for (int x = left; x < right; x++) {
      float bytes[16];
      unpackVector<U8>(image[((long long)y * p.width + x) * vectors], bytes);
#pragma unroll
      for (int e = 0; e < 16; e++) sum[e] += bytes[e];
    }
  }
  const float pixels = (bottom - top) * (right - left);
#pragma unroll
  for (int e = 0; e < 16; e++) sum[e] = __fdiv_rn(sum[e], pixels);   // no quotient of such integers is rounded to a tie that is none
  static_cast<uint4*>(p.output)[((long long)blockIdx.z * height + row) * columns * vectors + i] = packVector<U8>(sum);
}

template <class>
__device__ __forceinline__ void brokenImages(const BrokenImages& p) {
  const float* const image = p.host + blockIdx.y * p.elements;
  float sum = 0;   // zero times a finite number is zero
#pragma unroll 4
  for (long long i = firstOf(); i < p.elements; i += allThreads()) sum += 0 * image[i];
  const int broken = __syncthreads_or(sum != 0);
  if (threadIdx.x == 0) p.broken[blockIdx.y * p.parts + blockIdx.x] = broken;
}
template <class>
__device__ __forceinline__ void spoilImages(const BrokenImages& p) {
  int broken = 0;
  for (int part = 0; part < p.parts; part++) broken |= p.broken[blockIdx.y * p.parts + part];
  if (!broken) return;
  for (long long i = firstOf(); i < p.elements; i += allThreads()) p.results[blockIdx.y * p.elements + i] = NAN;
}

RESFUSE_EXPORT_ONE(encodeImages, EncodeImages, u8, U8, 256)
RESFUSE_EXPORT_ONE(encode, Recode, u8, U8, 256)
RESFUSE_EXPORT_ONE(decode, Recode, u8, U8, 256)
RESFUSE_EXPORT_ONE(maxPool, MaxPool, u8, U8, 512)
RESFUSE_EXPORT_ONE(averageSquares, AverageSquares, u8, U8, 256)
RESFUSE_EXPORT_ONE(subsampledIdentity, SubsampledIdentity, u8, U8, 256)
RESFUSE_EXPORT_ONE(brokenImages, BrokenImages, u8, U8, 256)
RESFUSE_EXPORT_ONE(spoilImages, BrokenImages, u8, U8, 256)

}  // namespace resfuse
