// How a picture is cut into tiles of 4x4 outputs, and these into groups whose transforms stay in a thread's second cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "winograd.h"

namespace resfuse {
namespace {  // one for each file: each is compiled for an instruction set of its own

constexpr int64_t kGroupFloats = 96 * 1024;
constexpr int64_t kLeastGroup = 24;
constexpr int64_t kMostGroup = 192;

// So many tiles are worked on at a time.
inline int64_t group_of(int64_t in_channels, int64_t out_channels) {
  const int64_t fitting = kGroupFloats / (36 * (in_channels + out_channels));
  return std::clamp(fitting / kLeastGroup * kLeastGroup, kLeastGroup, kMostGroup);
}

inline int64_t group_floats(int64_t in_channels, int64_t out_channels) {
  return group_of(in_channels, out_channels) * 36 * (in_channels + out_channels);
}

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

// Groups of tiles, of a convolution.
struct Tiles : TileGrid {
  int64_t together;  // in a group
  int64_t groups;
  int64_t scratch;  // floats of a thread

  explicit Tiles(const WinogradSize& a) : TileGrid(a) {
    // As many groups for each thread as for the others.
    const int64_t most = group_of(a.in_channels, a.out_channels);
    const int64_t rounds = (total + a.threads * most - 1) / (a.threads * most);
    together = (total + a.threads * rounds - 1) / (a.threads * rounds);
    groups = (total + together - 1) / together;
    scratch = group_floats(a.in_channels, a.out_channels);
  }
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
