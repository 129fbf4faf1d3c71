// Copies that change the layout or the type: host's images and results, the parameter-free shortcut, weights.
//
// packFloats_T, packBytes_T, unpack_T   see Pack and Unpack. A tile of pixels x 32 channels goes through shared memory, unless the
//   host's array and the tensor differ in their types only. Bytes are NHWC, whatever channelsLast says.
//   Launch: block 256; grid: any number of blocks: at most one per tile (64 pixels x 32 channels; 256 pixels where pitch <= 8),
//     and no more than fill the GPU (8 per multiprocessor). No dynamic shared memory.
//   Pointers: 16-byte aligned; pitch a multiple of 4.
//   Bytes: host once, tensor once (twice to accumulate).
// subsampledIdentity_T, subsampledIdentityBackward_T   see SubsampledIdentity.
//   Launch: block (x, y): V = channels / (16 / sizeof T) vectors of the tensor that is written (outputChannels; backward:
//     inputChannels), x = ceil(V / grid.y), grid.y = ceil(V / 128), y = 256 / x rounded down or less; grid.x: any, at most one block per
//     y pixels written. Vectors are copied whole where 'before' and 'valid' are multiples of 16 / sizeof T, else element by element.
//   Bytes: what is written once, of what is read only the pixels that are used (accumulating backward: only those are touched).
// cast_T              see Cast. Block 256; grid: any, at most ceil(elements / 1024). Both pointers 16-byte aligned, elements a multiple of 4.
// transposeWeights_T  see TransposeWeights. Block 256; E = 128 / sizeof T; grid (ceil(outputs / E) * ceil(channels / E), taps, packs).
//   outputs and channels multiples of 8, pointers 16-byte aligned. Bytes: every weight read once, written once.
#include "parameters.cuh"
#include "per_channel.cuh"
#include "subsampling.cuh"

namespace resfuse {

// A tile is 64 pixels x 32 channels, or 256 pixels where a pixel has at most 8 channels. Shared memory holds one float for each, a
// pixel's channels 'tileStride' apart: odd, so that neither pixels nor channels meet a bank twice.
constexpr int kTileChannels = 32;
constexpr int kTileFloats = 256 * 9;

// Pixels that lie together both on the host and in the tensor make a run: all there are, those of an image, or those of a row.
enum RunKind { RUN_ALL, RUN_IMAGE, RUN_ROW };
struct Runs {
  RunKind kind;
  int runs, pixels;                 // pixels of each in the tensor
  int hostFirst, hostPixels;        // those of them that the host has
  int tilePixels, tilesPerRun, channelTiles, tileStride;
  long long tiles;
};

__device__ __forceinline__ Runs runsOf(int images, int channels, int height, int width, int pitch, int tensorHeight, int tensorWidth, int left,
                                       bool channelsLast) {
  Runs r;
  const int plane = height * width;
  r.kind = tensorHeight != height || tensorWidth != width ? RUN_ROW : channelsLast || plane == 1 ? RUN_ALL : RUN_IMAGE;
  r.runs = r.kind == RUN_ALL ? 1 : r.kind == RUN_IMAGE ? images : images * tensorHeight;
  r.pixels = r.kind == RUN_ALL ? images * plane : r.kind == RUN_IMAGE ? plane : tensorWidth;
  r.hostFirst = r.kind == RUN_ROW ? left : 0;
  r.hostPixels = r.kind == RUN_ROW ? width : r.pixels;
  r.tilePixels = pitch <= 8 ? 256 : 64;
  r.tilesPerRun = (r.pixels + r.tilePixels - 1) / r.tilePixels;
  r.channelTiles = (pitch + kTileChannels - 1) / kTileChannels;
  r.tileStride = pitch <= 8 ? channels | 1 : kTileChannels + 1;
  r.tiles = (long long)r.runs * r.tilesPerRun * r.channelTiles;
  return r;
}

// One tile: 'pixels' pixels of the tensor, the first being number 'at' of all its pixels, of which those from hostBegin to hostEnd - 1
// (counted in the tile) are the host's; channels from 'channel' on, of which hostChannels are the host's. The first of the
// host's elements is number hostAt of its array.
struct Tile {
  long long at;
  int pixels, hostBegin, hostEnd;
  int channel, channels, hostChannels;
  long long hostAt, channelStep, pixelStep;
};

__device__ __forceinline__ Tile tileOf(const Runs& r, long long number, int channels, int height, int width, int pitch, int tensorHeight, int top,
                                       bool channelsLast) {
  Tile t;
  t.channel = (int)(number % r.channelTiles) * kTileChannels;
  number /= r.channelTiles;
  const int run = number / r.tilesPerRun, first = (int)(number % r.tilesPerRun) * r.tilePixels;
  t.at = (long long)run * r.pixels + first;
  t.pixels = min(r.tilePixels, r.pixels - first);
  t.channels = min(kTileChannels, pitch - t.channel);
  t.hostChannels = max(min(t.channels, channels - t.channel), 0);
  t.hostBegin = min(max(r.hostFirst - first, 0), t.pixels);
  t.hostEnd = max(min(r.hostFirst + r.hostPixels - first, t.pixels), t.hostBegin);
  const long long plane = (long long)height * width;
  t.channelStep = channelsLast ? 1 : plane;
  t.pixelStep = channelsLast || plane == 1 ? channels : 1;
  long long image = 0, pixel = first + t.hostBegin - r.hostFirst;
  if (r.kind == RUN_IMAGE) image = run;
  if (r.kind == RUN_ROW) {
    const int y = run % tensorHeight - top;
    image = run / tensorHeight;
    pixel += (long long)y * width;
    if (y < 0 || y >= height) t.hostEnd = t.hostBegin;
  }
  t.hostAt = image * channels * plane + pixel * t.pixelStep + t.channel * t.channelStep;
  return t;
}

// The fours of elements that a launch converts without tiles, where the host's array and the tensor have the same order and no padding.
__device__ __forceinline__ long long foursInOrder(int images, int channels, int height, int width, int pitch, bool channelsLast) {
  const long long pixels = (long long)images * height * width;
  return channels == pitch && (channelsLast || height * width == 1) ? pixels * channels / 4 : 0;
}

// Calls visit(place in the tile, element of the host's array, channel of the tile) for what a tile has of the host's array, in the
// host's order. ChannelsLast: whether that is known to be NHWC.
template <bool ChannelsLast, class Visitor>
__device__ __forceinline__ void visitHost(const Tile& t, int tileStride, Visitor visit) {
  const int pixels = t.hostEnd - t.hostBegin, lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  if (t.hostChannels == 0 || pixels == 0) return;
  if (!ChannelsLast && t.pixelStep == 1) {   // lanes are pixels
    const Divider groups((pixels + 31) / 32);
    for (int i = warp; i < groups.divisor * t.hostChannels; i += warps) {
      const int c = groups.quotient(i), pixel = groups.remainder(i) * 32 + lane;
      if (pixel < pixels) visit((t.hostBegin + pixel) * tileStride + c, t.hostAt + c * t.channelStep + pixel, c);
    }
  } else if (t.hostChannels == t.pixelStep) {   // all channels are here: the host's elements lie together
    const Divider channels(t.hostChannels);
    for (int i = threadIdx.x; i < pixels * t.hostChannels; i += blockDim.x) {
      const int pixel = channels.quotient(i), c = channels.remainder(i);
      visit((t.hostBegin + pixel) * tileStride + c, t.hostAt + i, c);
    }
  } else if (lane < t.hostChannels) {   // lanes are channels
    for (int pixel = warp; pixel < pixels; pixel += warps) {
      visit((t.hostBegin + pixel) * tileStride + lane, t.hostAt + pixel * t.pixelStep + lane, lane);
    }
  }
}

template <class Type, class Host>
__device__ __forceinline__ void pack(const Pack& p) {
  constexpr bool bytes = sizeof(Host) == 1;
  __shared__ float tile[kTileFloats];
  __shared__ float scale[kTileChannels], bias[kTileChannels];
  if constexpr (!bytes) {
    const bool whole = p.tensorHeight == p.height && p.tensorWidth == p.width;
    const long long fours = whole ? foursInOrder(p.images, p.channels, p.height, p.width, p.pitch, p.channelsLast) : 0;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < fours; i += (long long)gridDim.x * blockDim.x) {
      const float4 four = static_cast<const float4*>(p.host)[i];
      float x[4] = {four.x, four.y, four.z, four.w};
      if (p.accumulate) {
        float before[4];
        loadFour<Type>(p.tensor, i, before);
#pragma unroll
        for (int j = 0; j < 4; ++j) x[j] += before[j];
      }
      storeFour<Type>(p.tensor, i, x);
    }
    if (fours > 0) return;
  }
  int stagedChannel = -1;
  const bool channelsLast = bytes || p.channelsLast;
  const Runs r = runsOf(p.images, p.channels, p.height, p.width, p.pitch, p.tensorHeight, p.tensorWidth, p.left, channelsLast);
  for (long long number = blockIdx.x; number < r.tiles; number += gridDim.x) {
    const Tile t = tileOf(r, number, p.channels, p.height, p.width, p.pitch, p.tensorHeight, p.top, channelsLast);
    __syncthreads();
    if (bytes && stagedChannel != t.channel) {
      stagedChannel = t.channel;
      if (threadIdx.x < t.hostChannels) {
        scale[threadIdx.x] = p.scale[t.channel + threadIdx.x];
        bias[threadIdx.x] = p.bias[t.channel + threadIdx.x];
      }
      __syncthreads();
    }
    visitHost<bytes>(t, r.tileStride, [&](int place, long long element, int c) {
      const float x = static_cast<const Host*>(p.host)[element];
      tile[place] = bytes ? fmaf(x, scale[c], bias[c]) : x;
    });
    __syncthreads();
    const Divider fours(t.channels / 4);
    for (int i = threadIdx.x; i < t.pixels * fours.divisor; i += blockDim.x) {
      const int pixel = fours.quotient(i), c = fours.remainder(i) * 4;
      const bool inside = pixel >= t.hostBegin && pixel < t.hostEnd;
      const long long at = ((t.at + pixel) * p.pitch + t.channel + c) / 4;
      float x[4] = {};
      if (p.accumulate) loadFour<Type>(p.tensor, at, x);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (inside && c + j < t.hostChannels) x[j] += tile[pixel * r.tileStride + c + j];
      }
      storeFour<Type>(p.tensor, at, x);
    }
  }
}

template <class Type>
__device__ __forceinline__ void packFloats(const Pack& p) {
  pack<Type, float>(p);
}
template <class Type>
__device__ __forceinline__ void packBytes(const Pack& p) {
  pack<Type, unsigned char>(p);
}

template <class Type>
__device__ __forceinline__ void unpack(const Unpack& p) {
  __shared__ float tile[kTileFloats];
  const long long inOrder = foursInOrder(p.images, p.channels, p.height, p.width, p.pitch, p.channelsLast);
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < inOrder; i += (long long)gridDim.x * blockDim.x) {
    float x[4];
    loadFour<Type>(p.tensor, i, x);
    reinterpret_cast<float4*>(p.host)[i] = make_float4(x[0], x[1], x[2], x[3]);
  }
  if (inOrder > 0) return;
  const int padded = (p.channels + 3) / 4 * 4;   // channels beyond these are not looked at
  const Runs r = runsOf(p.images, p.channels, p.height, p.width, padded, p.height, p.width, 0, p.channelsLast);
  for (long long number = blockIdx.x; number < r.tiles; number += gridDim.x) {
    const Tile t = tileOf(r, number, p.channels, p.height, p.width, padded, p.height, 0, p.channelsLast);
    const Divider fours(t.channels / 4);
    __syncthreads();
    for (int i = threadIdx.x; i < t.pixels * fours.divisor; i += blockDim.x) {
      const int pixel = fours.quotient(i), c = fours.remainder(i) * 4;
      float x[4];
      loadFour<Type>(p.tensor, ((t.at + pixel) * p.pitch + t.channel + c) / 4, x);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (c + j < t.hostChannels) tile[pixel * r.tileStride + c + j] = x[j];
      }
    }
    __syncthreads();
    visitHost<false>(t, r.tileStride, [&](int place, long long element, int) { p.host[element] = tile[place]; });
  }
}

RESFUSE_EXPORT(packFloats, Pack, kMaxThreads)
RESFUSE_EXPORT(packBytes, Pack, kMaxThreads)
RESFUSE_EXPORT(unpack, Unpack, kMaxThreads)

template <class Type>
__device__ __forceinline__ void subsampledIdentityBackward(const SubsampledIdentity& p) {
  constexpr int n = Type::perVector;
  const int vectors = p.inputChannels / n, vector = blockIdx.y * blockDim.x + threadIdx.x;
  if (vector >= vectors) return;
  const bool whole = (p.before | p.valid) % n == 0;
  // Accumulating visits the pixels that have a gradient, else all are written.
  const int step = p.accumulate ? p.stride : 1;
  const int height = p.accumulate ? p.outputHeight : p.inputHeight, width = p.accumulate ? p.outputWidth : p.inputWidth;
  const int pixels = p.images * height * width;
  for (int pixel = blockIdx.x * blockDim.y + threadIdx.y; pixel < pixels; pixel += gridDim.x * blockDim.y) {
    const int x = pixel % width * step, row = pixel / width;
    const int y = row % height * step, image = row / height;
    uint4 raw = make_uint4(0, 0, 0, 0);
    if (x % p.stride == 0 && y % p.stride == 0) {
      const long long from = ((long long)image * p.outputHeight + y / p.stride) * p.outputWidth + x / p.stride;
      raw = loadChannels<Type>(pixelOf<Type>(p.input, from, p.outputChannels), vector * n + p.before, vector * n, p.valid, whole);
    }
    uint4* to = static_cast<uint4*>(p.output) + (((long long)image * p.inputHeight + y) * p.inputWidth + x) * vectors + vector;
    if (p.accumulate) {
      float sum[n], g[n];
      unpackVector<Type>(*to, sum);
      unpackVector<Type>(raw, g);
#pragma unroll
      for (int i = 0; i < n; ++i) sum[i] += g[i];
      raw = packVector<Type>(sum);
    }
    *to = raw;
  }
}

RESFUSE_EXPORT(subsampledIdentity, SubsampledIdentity, kMaxThreads)
RESFUSE_EXPORT(subsampledIdentityBackward, SubsampledIdentity, kMaxThreads)

template <class Type>
__device__ __forceinline__ void cast(const Cast& p) {
  const long long fours = p.elements / 4;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < fours; i += (long long)gridDim.x * blockDim.x) {
    const float4 four = reinterpret_cast<const float4*>(p.values)[i];
    const float x[4] = {four.x, four.y, four.z, four.w};
    storeFour<Type>(p.stored, i, x);
  }
}

RESFUSE_EXPORT(cast, Cast, kMaxThreads)

// A tile of E rows (outputs) x E columns (channels) of one tap, E elements being 128 bytes.
template <class Type>
__device__ __forceinline__ void transposeWeights(const TransposeWeights& p) {
  constexpr int n = Type::perVector, e = 128 / Type::bytes;
  const int columnTiles = (p.channels + e - 1) / e;
  const int firstOutput = blockIdx.x / columnTiles * e, firstChannel = blockIdx.x % columnTiles * e;
  const int tap = blockIdx.y, pack = blockIdx.z;
  const uint4* from = static_cast<const uint4*>(p.weights);
  uint4* to = static_cast<uint4*>(p.transposed);
  auto source = [&](int output, int v) { return ((((long long)pack * p.outputs + output) * p.taps + tap) * p.channels + firstChannel) / n + v; };
  auto target = [&](int channel, int v) { return ((((long long)pack * p.channels + channel) * p.taps + tap) * p.outputs + firstOutput) / n + v; };
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if constexpr (Type::bytes == 4) {
    __shared__ uint32_t tile[e][e + 1];
    const int v = threadIdx.x % 8, row = threadIdx.x / 8;
    if (firstOutput + row < p.outputs && firstChannel + v * n < p.channels) {
      const uint4 raw = from[source(firstOutput + row, v)];
      tile[row][v * n] = raw.x;
      tile[row][v * n + 1] = raw.y;
      tile[row][v * n + 2] = raw.z;
      tile[row][v * n + 3] = raw.w;
    }
    __syncthreads();
    if (firstChannel + row < p.channels && firstOutput + v * n < p.outputs) {
      to[target(firstChannel + row, v)] = make_uint4(tile[v * n][row], tile[v * n + 1][row], tile[v * n + 2][row], tile[v * n + 3][row]);
    }
  } else {
    // Words of two outputs, one column of channels after the other, 34 words apart: what a warp writes (2 vectors of 16 pairs of rows) and
    // reads (8 times 2 words of 2 columns at once) lies in different banks.
    __shared__ uint32_t tile[e][e / 2 + 2];
    {
      const int v = warp % 4 * 2 + lane % 2, pair = warp / 4 * 16 + lane / 2, output = firstOutput + 2 * pair;
      if (output < p.outputs && firstChannel + v * n < p.channels) {
        const uint4 first = from[source(output, v)], second = from[source(output + 1, v)];
        const uint32_t a[4] = {first.x, first.y, first.z, first.w}, b[4] = {second.x, second.y, second.z, second.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          tile[v * n + 2 * i][pair] = __byte_perm(a[i], b[i], 0x5410);
          tile[v * n + 2 * i + 1][pair] = __byte_perm(a[i], b[i], 0x7632);
        }
      }
    }
    __syncthreads();
    const int v = threadIdx.x % 8;
#pragma unroll
    for (int row = threadIdx.x / 8; row < e; row += kMaxThreads / 8) {
      if (firstChannel + row < p.channels && firstOutput + v * n < p.outputs) {
        const uint2 low = *reinterpret_cast<const uint2*>(&tile[row][v * 4]), high = *reinterpret_cast<const uint2*>(&tile[row][v * 4 + 2]);
        to[target(firstChannel + row, v)] = make_uint4(low.x, low.y, high.x, high.y);
      }
    }
  }
}

RESFUSE_EXPORT(transposeWeights, TransposeWeights, kMaxThreads)

}  // namespace resfuse
