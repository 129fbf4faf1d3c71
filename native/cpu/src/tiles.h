// How a picture is cut into tiles of 4x4 outputs, these into blocks, and where what is transformed lies.
#pragma once

#include <algorithm>
#include <cstdint>

#include "winograd.h"

namespace resfuse {
namespace {  // one for each file: each is compiled for an instruction set of its own

// How a convolution is cut, by the caches of the processor that runs it. Each tile is computed by itself and its sums run over
// the input channels in order, so that none of this changes a bit.
struct Cuts {
  int64_t depth;       // input channels that are multiplied at a time
  int64_t few_depth;   // and in a block of few tiles
  int64_t most_tiles;  // of a block

  Cuts(int64_t first_cache, int64_t second_cache, int64_t vector, int64_t in_channels) {
    const int64_t panel = 2 * vector * kFloat;
    // A panel's weights of one position take a quarter of the first cache, and as they lie in memory with a row of positions a
    // quarter of the second; with few tiles these are in the first cache, since their transform is most of the work.
    const int64_t weights = (kTaps + kRowPositions) * panel;
    depth = power_of_two(std::min(first_cache / 4 / panel, second_cache / 4 / weights));
    few_depth = std::min(depth, power_of_two(first_cache / weights));
    // The products of a block, of 32 output channels, take half of the second cache, its transformed inputs no more than three
    // such caches, nor than kMostInputs: they are read in a row, once for each panel. With fewer tiles the weights would be
    // transformed too often, more cost memory and save nothing.
    const int64_t inputs = std::min(3 * second_cache, kMostInputs);
    const int64_t tiles = std::min(second_cache / 2 / (36 * 32 * kFloat), inputs / (36 * in_channels * kFloat));
    most_tiles = std::clamp<int64_t>(tiles, 24, 192);
  }

  int64_t depth_of(int64_t tiles) const { return tiles <= kFewTiles ? few_depth : depth; }

  static constexpr int64_t kFloat = sizeof(float);
  static constexpr int64_t kTaps = 9, kRowPositions = 6;
  static constexpr int64_t kFewTiles = 16;
  static constexpr int64_t kMostInputs = 4 << 20;  // bytes of a thread, so that scratch is little beside a plan's values

 private:
  // The greatest that is not greater than `most`, 16 to 256.
  static int64_t power_of_two(int64_t most) {
    int64_t found = 16;
    while (found < 256 && 2 * found <= most) {
      found *= 2;
    }
    return found;
  }
};

// What the transform of a panel's weights takes, and that of a tile's inputs with one output channel: in the products of tiles.
constexpr double kWeightsCost = 3;
constexpr double kInputsCost = 5.6;

// With fewer products for each thread one thread is faster: waking the others takes some microseconds.
constexpr int64_t kLeastProducts = 1 << 18;

struct TileGrid {
  int64_t across;  // in a row of tiles
  int64_t per_image;
  int64_t total;

  explicit TileGrid(const WinogradSize& size) {
    across = (size.width + 3) / 4;
    per_image = across * ((size.height + 3) / 4);
    total = per_image * size.images;
  }

  // Whether it is work for more than one thread.
  bool wants_threads(const WinogradSize& size) const {
    return size.threads > 1 && 36 * total * size.in_channels * size.out_channels >= size.threads * kLeastProducts;
  }
};

// So many tiles, neighbours, have their statistics together: a multiple of how many are multiplied at a time, in all
// instruction sets. It decides bits, and so follows from no cache.
constexpr int64_t kStripTiles = 12;

// Blocks of tiles, of a convolution, and what a thread does: it waits for no other, and reads nothing that another has written,
// until all are done.
struct Tiles : TileGrid {
  int64_t depth;  // of Cuts
  // Whether a thread has tiles of its own, a run of neighbours, and transforms and multiplies all weights; else it has output
  // channels of its own, and transforms all tiles.
  bool own;
  int64_t together;  // in a block
  // A thread's tiles, and a block's, begin at a multiple of it: at a strip, with statistics.
  int64_t unit;
  int64_t strips;  // 0 without statistics
  // Scratch memory of a thread, in floats.
  int64_t input_floats;   // transformed inputs of a block: (in / depth, 36, together, depth)
  int64_t weight_floats;  // a row of positions of a panel's transformed weights: (6, depth, 2 * vector)
  int64_t result_floats;  // products of a panel: (36, together, 2 * vector)

  explicit Tiles(const WinogradSize& a) : TileGrid(a) {
    const Cuts cuts(a.first_cache, a.second_cache, a.vector, a.in_channels);
    const auto blocks_of = [&](int64_t tiles) { return (tiles + cuts.most_tiles - 1) / cuts.most_tiles; };
    const bool statistics = a.statistics != 0;
    unit = statistics ? kStripTiles : 1;
    strips = statistics ? units() : 0;
    const int64_t part = std::min(total, (units() + a.threads - 1) / a.threads * unit);
    const double others = static_cast<double>(a.threads - 1) / a.threads;
    const double own_tiles = part + kWeightsCost * blocks_of(part);
    const double own_channels = (total + kWeightsCost * blocks_of(total)) / a.threads + total * others * kInputsCost / a.out_channels;
    own = own_tiles <= own_channels;
    const int64_t tiles = own ? part : total;
    together = std::min(tiles, up((tiles + blocks_of(tiles) - 1) / blocks_of(tiles)));
    depth = cuts.depth_of(together);
    input_floats = input_offset(a.in_channels / depth * depth);
    if (a.in_channels % depth != 0) {
      input_floats += 36 * apart(together * (a.in_channels % depth));
    }
    weight_floats = 6 * apart(std::min(depth, a.in_channels) * 2 * a.vector);
    result_floats = 36 * apart(together * 2 * a.vector);
  }

  int64_t thread_floats() const { return input_floats + weight_floats + result_floats; }

  int64_t units() const { return (total + unit - 1) / unit; }

  // The first of the tiles that a thread has for itself, if it has such.
  int64_t first(int64_t thread, int64_t threads) const { return std::min(total, units() * thread / threads * unit); }

  // Sums of statistics: (strips, 2, out_channels), behind the scratch memory of all threads, in float64.
  static int64_t sums(int64_t strip, int64_t out_channels) { return strip * 2 * out_channels; }

  // Where the transformed inputs of some channels begin; a multiple of depth.
  int64_t input_offset(int64_t channel) const { return channel / depth * 36 * apart(together * depth); }

  // The distance of two positions: no power of two, which would be the same set of the first cache for all of them.
  static int64_t apart(int64_t floats) { return (floats + 15) / 16 * 16 + 16; }

 private:
  int64_t up(int64_t tiles) const { return (tiles + unit - 1) / unit * unit; }
};

// These decide the bits of a gradient of weights, and so follow from no cache.
constexpr int64_t kSliceTiles = 24;
constexpr int64_t kRunTiles = 240;
constexpr int64_t kLeastChunk = 96;
constexpr int64_t kMostTasks = 64;       // chunks times
constexpr int64_t kTaskChannels = 64;    // blocks of so many input and output channels

// How the sums of a gradient of weights are cut: into chunks of tiles, these into runs, which are summed in float32, and these
// into slices, whose transforms are in a thread's second cache beside the sums of a block of channels.
struct GradientTiles : TileGrid {
  int64_t block_channels;         // of input and of output; no bit depends on it
  int64_t in_blocks, out_blocks;  // of at most so many channels
  int64_t chunks;
  int64_t together;  // tiles in a chunk, at most
  int64_t values_stride, gradients_stride, sums_stride;  // from a position to the next in a thread's scratch
  int64_t part;     // floats of the gradient of a chunk
  int64_t scratch;  // floats of a thread

  // A block's sums take five eighths of the second cache.
  static int64_t channels(int64_t second_cache) {
    int64_t channels = 32;
    while (channels < 128 && 36 * 4 * channels * channels * sizeof(float) <= static_cast<size_t>(second_cache / 8 * 5)) {
      channels *= 2;
    }
    return channels;
  }

  explicit GradientTiles(const WinogradSize& a) : TileGrid(a), block_channels(channels(a.second_cache)) {
    const auto blocks = [](int64_t channels, int64_t most) { return (channels + most - 1) / most; };
    in_blocks = blocks(a.in_channels, block_channels);
    out_blocks = blocks(a.out_channels, block_channels);
    const int64_t tasks = blocks(a.in_channels, kTaskChannels) * blocks(a.out_channels, kTaskChannels);
    const int64_t most = std::max<int64_t>(1, kMostTasks / tasks);
    const int64_t wanted = std::clamp<int64_t>(total / kLeastChunk, 1, most);
    together = (total + wanted - 1) / wanted;
    chunks = (total + together - 1) / together;
    const int64_t ins = std::min(a.in_channels, block_channels), outs = std::min(a.out_channels, block_channels);
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
