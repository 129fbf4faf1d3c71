// What the last of a convolution's blocks does with the statistics, or the sums of a gradient, that all of them took: see 'arrivals' in
// parameters.cuh.
//
// How: blocks that have written theirs take a ticket of their group, and the last of a group one of all groups. Which block is last does
// not matter: it reads what the others wrote in the order of the blocks, a thread per channel. About as many groups as blocks in a group
// keep both reads short.
#pragma once

#include "last_block.cuh"
#include "moments.cuh"
#include "parameters.cuh"

namespace resfuse {

// What follows from the statistics of all rows, or from the sums of a gradient.
__device__ __forceinline__ void derive(const Convolution& p, int channel, int rows, bool sums, bool added, float x, float y) {
  if (!sums) {
    deriveCoefficients(channel, rows, p.epsilon, p.gamma, p.beta, x, y, p.batchMean, p.batchInverse, p.batchScale, p.batchBias);
    moveRunning(channel, rows, p.momentum, x, y, p.runningMean, p.runningVariance);
    return;
  }
  storeGradients(channel, p.accumulate, x, y, added ? p.addedDBeta : p.dBeta, added ? p.addedDGamma : p.dGamma);
  deriveGradient(channel, rows, added ? p.addedGamma : p.gamma, added ? p.addedInverse : p.inverse, x, y, added ? p.addedA : p.a,
                 added ? p.addedB : p.b, added ? p.addedC : p.c);
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
  unsigned* const counters = p.arrivals + (pack * p.columnTiles + columnTile) * (groups + 1);
  int step = 1, first = group * p.blocksPerGroup, end = min(first + p.blocksPerGroup, blocks);
  if (!isLast(counters + group, end - first, arrived)) return;
#pragma unroll 1
  for (;;) {
    const bool all = first == 0 && end == blocks;
#pragma unroll 1
    for (int norm = 0; one && norm < (sums && p.addedRaw ? 2 : 1); norm++) {
      float* const parts = (norm == 1 ? p.addedSums : sums ? p.gradientSums : p.statistics) + channel;
      float x, y;
      combine(parts, channels, first, end, step, p.tilesPerBlock * ROWS, rows, sums, x, y);
      if (all) {
        derive(p, channel, rows, sums, norm == 1, x, y);
      } else {
        parts[2 * first * channels] = x;
        parts[(2 * first + 1) * channels] = y;
      }
    }
    if (all || !isLast(counters + groups, groups, arrived)) return;
    step = p.blocksPerGroup;
    first = 0;
    end = blocks;
  }
}

}  // namespace resfuse
