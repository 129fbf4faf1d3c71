// How a tensor is cut into runs of rows, each of which one thread takes at a time. A row is `width` channels of a pixel.
#pragma once

#include <algorithm>
#include <cstdint>

namespace resfuse {
namespace {  // one for each file: each is compiled for an instruction set of its own

// So many channels are worked on at a time where rows are all channels of a pixel: the most that divide them.
inline int64_t tile_of(int64_t channels) { return channels % 16 == 0 ? 16 : channels % 8 == 0 ? 8 : 1; }

// A run's rows stay in the second cache between the passes, and its float64 sums are few beside them.
constexpr int64_t kRunElements = 32768;

struct Runs {
  int64_t tiles;     // of channels, in all
  int64_t width;     // channels of a tile: 16, 8 or 1
  int64_t together;  // tiles in a run: all, or one in blocks
  int64_t stride;    // elements from one row to the next
  int64_t rows;      // of a run, at most
  int64_t parts;     // runs of an image's block, or of all pixels
  int64_t total;     // rows of an image's block, or of all pixels
  int64_t count;     // runs in all

  Runs(int64_t images, int64_t channels, int64_t pixels, int64_t block) {
    width = block > 0 ? block : tile_of(channels);
    tiles = channels / width;
    together = block > 0 ? 1 : tiles;
    stride = block > 0 ? block : channels;
    total = block > 0 ? pixels : images * pixels;
    const int64_t most = std::max<int64_t>(1, kRunElements / stride);
    parts = (total + most - 1) / most;
    rows = (total + parts - 1) / parts;
    count = parts * (block > 0 ? images * tiles : 1);
  }

  struct Run {
    int64_t begin;  // its first element
    int64_t rows;
    int64_t tile;  // its first
  };

  Run operator[](int64_t i) const {
    const int64_t outer = i / parts;
    const int64_t first = i % parts * rows;
    return {(outer * total + first) * stride, std::min(rows, total - first), together == tiles ? 0 : outer % tiles};
  }

  // Sums of a run begin here, two of each channel: all firsts of a tile, then all seconds.
  int64_t sums(int64_t run, int64_t tile_in_run) const { return (run * together + tile_in_run) * 2 * width; }
};

}  // namespace
}  // namespace resfuse
