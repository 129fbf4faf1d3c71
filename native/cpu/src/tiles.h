// How a picture is cut into tiles of 4x4 outputs, these into blocks, and where what is transformed lies.
#pragma once

#include <algorithm>
#include <cstdint>

#include "winograd.h"

namespace resfuse {
namespace {  // one for each file: each is compiled for an instruction set of its own

constexpr int64_t kDepth = 64;       // input channels that are multiplied at a time
constexpr int64_t kMostTiles = 96;   // of a block
constexpr int64_t kLeastKept = 48;   // tiles for each thread, so that each can transform all weights for itself
constexpr int64_t kMostKept = 128;   // input channels whose transforms are not too large for that

struct TileGrid {
  int64_t across;  // in a row of tiles
  int64_t per_image;
  int64_t total;

  explicit TileGrid(const WinogradSize& size) {
    across = (size.width + 3) / 4;
    per_image = across * ((size.height + 3) / 4);
    total = per_image * size.images;
  }
};

// Blocks of tiles, of a convolution.
struct Tiles : TileGrid {
  // Whether a thread multiplies the tiles that it has transformed, with all weights: they stay in its own caches. Else it
  // multiplies all tiles of the block with its share of the weights.
  bool kept;
  int64_t together;  // in a block
  int64_t part;      // of a block, that a thread transforms
  // Scratch memory, in floats.
  int64_t input_floats;   // transformed inputs of a block: (in / kDepth, 36, together, kDepth)
  int64_t weight_floats;  // of a thread: transformed weights of a panel, (36, kDepth, 2 * vector)
  int64_t result_floats;  // of a thread: products of a panel, (36, part or together, 2 * vector)

  explicit Tiles(const WinogradSize& a) : TileGrid(a) {
    kept = a.in_channels <= kMostKept && total >= a.threads * kLeastKept;
    const int64_t most = kept ? kMostTiles * a.threads : kMostTiles;
    const int64_t blocks = (total + most - 1) / most;
    together = (total + blocks - 1) / blocks;
    part = (together + a.threads - 1) / a.threads;
    input_floats = input_offset(a.in_channels / kDepth * kDepth);
    if (a.in_channels % kDepth != 0) {
      input_floats += 36 * apart(together * (a.in_channels % kDepth));
    }
    weight_floats = 36 * apart(std::min(kDepth, a.in_channels) * 2 * a.vector);
    result_floats = 36 * apart((kept ? part : together) * 2 * a.vector);
  }

  int64_t scratch_floats(int64_t threads) const { return input_floats + threads * (weight_floats + result_floats); }

  // Where the transformed inputs of some channels begin; a multiple of kDepth.
  int64_t input_offset(int64_t channel) const { return channel / kDepth * 36 * apart(together * kDepth); }

  // The distance of two positions: no power of two, which would be the same set of the first cache for all of them.
  static int64_t apart(int64_t floats) { return (floats + 15) / 16 * 16 + 16; }
};

constexpr int64_t kBlockChannels = 64;
constexpr int64_t kSliceTiles = 24;
constexpr int64_t kRunTiles = 240;
constexpr int64_t kLeastChunk = 96;
constexpr int64_t kMostTasks = 64;

// How the sums of a gradient of weights are cut: into chunks of tiles, these into runs, which are summed in float32, and these
// into slices, whose transforms are in a thread's second cache beside the sums of a block of channels.
struct GradientTiles : TileGrid {
  int64_t in_blocks, out_blocks;  // of at most kBlockChannels channels
  int64_t chunks;
  int64_t together;  // tiles in a chunk, at most
  int64_t values_stride, gradients_stride, sums_stride;  // from a position to the next in a thread's scratch
  int64_t part;     // floats of the gradient of a chunk
  int64_t scratch;  // floats of a thread

  explicit GradientTiles(const WinogradSize& a) : TileGrid(a) {
    in_blocks = (a.in_channels + kBlockChannels - 1) / kBlockChannels;
    out_blocks = (a.out_channels + kBlockChannels - 1) / kBlockChannels;
    const int64_t most = std::max<int64_t>(1, kMostTasks / (in_blocks * out_blocks));
    const int64_t wanted = std::clamp<int64_t>(total / kLeastChunk, 1, most);
    together = (total + wanted - 1) / wanted;
    chunks = (total + together - 1) / together;
    const int64_t ins = std::min(a.in_channels, kBlockChannels), outs = std::min(a.out_channels, kBlockChannels);
    // A line more, so that the 36 positions are not all in the same places of the first cache.
    values_stride = ins * kSliceTiles + 16;
    gradients_stride = outs * kSliceTiles + 16;
    sums_stride = ins * outs + 16;
    part = 9 * a.in_channels * a.out_channels;
    scratch = 36 * (values_stride + gradients_stride + sums_stride);
  }
};

}  // namespace
}  // namespace resfuse
