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

struct Tiles {
  int64_t across;     // in a row of tiles
  int64_t per_image;
  int64_t total;
  int64_t together;  // in a group
  int64_t groups;
  int64_t scratch;  // floats of a thread

  explicit Tiles(const WinogradArguments& a) {
    across = (a.width + 3) / 4;
    per_image = across * ((a.height + 3) / 4);
    total = per_image * a.images;
    // As many groups for each thread as for the others.
    const int64_t most = group_of(a.in_channels, a.out_channels);
    const int64_t rounds = (total + a.threads * most - 1) / (a.threads * most);
    together = (total + a.threads * rounds - 1) / (a.threads * rounds);
    groups = (total + together - 1) / together;
    scratch = group_floats(a.in_channels, a.out_channels);
  }
};

}  // namespace
}  // namespace resfuse
