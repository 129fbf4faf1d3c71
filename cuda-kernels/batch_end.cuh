// What the last of a convolution's blocks does with the statistics, or the sums of a gradient, that all of them took: see 'arrivals' in
// parameters.cuh.
//
// How: blocks that have written theirs take a ticket of their group, and the last of a group one of all groups. Which block is last does
// not matter: it reads what the others wrote in the order of the blocks, a thread per channel. About as many groups as blocks in a group
// keep both reads short.
#pragma once

#include "moments.cuh"
#include "parameters.cuh"

namespace resfuse {

// Whether this is the last of so many blocks to come here, which then sees what the others have written. All threads; 'counter' is zero, and
// left zero; 'arrived' is shared.
__device__ __forceinline__ bool isLast(unsigned* counter, int blocks, unsigned* arrived) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    *arrived = atomicAdd(counter, 1u);
    if (*arrived == blocks - 1) *counter = 0;
  }
  __syncthreads();
  if (*arrived != blocks - 1) return false;
  __threadfence();
  return true;
}

// Puts together the statistics, or the sums, of blocks 'first', 'first' + 'step' and so on, in order; each is of 'step' blocks' rows.
__device__ __forceinline__ void combine(const float* parts, long long channels, int first, int end, int step, int rowsPerBlock, int rows,
                                        bool sums, float& x, float& y) {
  constexpr int AT_ONCE = 4;   // whose loads are under way together
  float count = 0;
  x = y = 0;
#pragma unroll 1
  for (int from = first; from < end; from += AT_ONCE * step) {
    float xs[AT_ONCE], ys[AT_ONCE];
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      const int block = from + i * step;
      if (block < end) {
        xs[i] = __ldcg(parts + 2 * block * channels);
        ys[i] = __ldcg(parts + (2 * block + 1) * channels);
      }
    }
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      const int block = from + i * step;
      if (block >= end) break;
      if (sums) {
        x += xs[i];
        y += ys[i];
      } else {
        const float more = min(step * rowsPerBlock, rows - block * rowsPerBlock), all = count + more, fraction = quotient(more, all);
        if (block == first) {   // nothing yet
          x = xs[i];
          y = ys[i];
        } else {
          mergeOne(fraction, count * fraction, x, y, xs[i], ys[i]);
        }
        count = all;
      }
    }
  }
}

// All threads of a block, COLUMNS at least, once it has written the statistics, or the sums, of its tiles of ROWS x COLUMNS. SUMS: whether
// the kernel takes sums of gradients. 'arrived' is shared and free.
template <int ROWS, int COLUMNS, bool SUMS>
__device__ __forceinline__ void endBatch(const Convolution& p, unsigned* arrived) {
  const int block = blockIdx.x / p.columnTiles, blocks = gridDim.x / p.columnTiles, columnTile = blockIdx.x % p.columnTiles;
  const int group = block / p.blocksPerGroup, groups = (blocks + p.blocksPerGroup - 1) / p.blocksPerGroup;
  const int rows = p.images * p.gridHeight * p.gridWidth, pack = blockIdx.y / p.slices;
  const int n = columnTile * COLUMNS + threadIdx.x, channel = pack * p.outputs + n;
  const bool one = threadIdx.x < COLUMNS && n < p.outputs;   // of the threads that have a channel each
  const bool sums = SUMS && p.raw != nullptr;
  const long long channels = (long long)p.packs * p.outputs;
  float* const parts = (sums ? p.gradientSums : p.statistics) + channel;
  unsigned* const counters = p.arrivals + (pack * p.columnTiles + columnTile) * (groups + 1);
  int step = 1, first = group * p.blocksPerGroup, end = min(first + p.blocksPerGroup, blocks);
  float x, y;
  if (!isLast(counters + group, end - first, arrived)) return;
#pragma unroll 1
  for (;;) {
    if (one) combine(parts, channels, first, end, step, p.tilesPerBlock * ROWS, rows, sums, x, y);
    if (first == 0 && end == blocks) break;
    if (one) {
      parts[2 * first * channels] = x;
      parts[(2 * first + 1) * channels] = y;
    }
    if (!isLast(counters + groups, groups, arrived)) return;
    step = p.blocksPerGroup;
    first = 0;
    end = blocks;
  }
  if (!one) return;
  if (sums) {
    storeGradients(channel, p.accumulate, x, y, p.dBeta, p.dGamma);
    deriveGradient(channel, rows, p.gamma, p.inverse, x, y, p.a, p.b, p.c);
  } else {
    deriveCoefficients(channel, rows, p.epsilon, p.gamma, p.beta, x, y, p.batchMean, p.batchInverse, p.batchScale, p.batchBias);
    moveRunning(channel, rows, p.momentum, x, y, p.runningMean, p.runningVariance);
  }
}

}  // namespace resfuse
