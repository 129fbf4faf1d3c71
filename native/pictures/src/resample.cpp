#include "resample.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace resfuse {
namespace {

constexpr int32_t kHalf = 1 << (kFractionBits - 1);

int32_t rounded_up(int32_t taps, int32_t group) { return (taps + group - 1) / group * group; }

// Splits the weights of an axis; `parts` gets both halves.
SplitWeights split(const Axis& axis, int32_t group, std::vector<int16_t>& parts) {
  const int32_t taps = rounded_up(axis.taps, group);
  const size_t half = static_cast<size_t>(axis.size) * taps;
  parts.assign(2 * half, 0);
  for (int32_t i = 0; i < axis.size; i++) {
    for (int32_t k = 0; k < axis.count[i]; k++) {
      const int32_t weight = axis.weights[static_cast<int64_t>(i) * axis.taps + k];
      const size_t at = static_cast<size_t>(i) * taps + k;
      parts[at] = static_cast<int16_t>(weight >> kLowBits);
      parts[half + at] = static_cast<int16_t>(weight & ((1 << kLowBits) - 1));
    }
  }
  return {taps, parts.data(), parts.data() + half};
}

void grey_along_row(const uint8_t* from, const Axis& axis, uint8_t* to) {
  for (int32_t x = 0; x < axis.size; x++) {
    const int32_t* weights = axis.weights + static_cast<int64_t>(x) * axis.taps;
    int32_t sum = kHalf;
    for (int32_t k = 0; k < axis.count[x]; k++) {
      sum += weights[k] * from[axis.first[x] + k];
    }
    to[x] = clip(sum);
  }
}

int32_t end(const Axis& axis, int32_t i) { return axis.first[i] + axis.count[i]; }

// What one thread keeps between its pictures.
struct Scratch {
  std::vector<int16_t> columns, rows;
  std::vector<uint8_t> line, kept;
  std::vector<const uint8_t*> taps;
};

}  // namespace

void resample(const Resize& resize, const ResampleKernels& kernels) {
  thread_local Scratch scratch;
  const Axis& columns = resize.columns;
  const Axis& rows = resize.rows;
  const SplitWeights across = split(columns, kColumnGroup, scratch.columns);
  const SplitWeights down = split(rows, kRowGroup, scratch.rows);
  const int64_t left = static_cast<int64_t>(columns.first[0]) * resize.channels;
  const int64_t needed = static_cast<int64_t>(end(columns, columns.size - 1)) * resize.channels - left;
  const int64_t bytes = static_cast<int64_t>(columns.size) * resize.channels;
  const int64_t kept_bytes = bytes + kSlack;
  // A row is copied, so that what is read beyond it is there.
  scratch.line.resize(left + needed + (across.taps + 1) * resize.channels + kSlack);
  scratch.kept.resize(static_cast<size_t>(kept_bytes) * rows.taps);
  scratch.taps.resize(down.taps);
  int32_t done = 0;
  for (int32_t y = rows.first[0]; y < end(rows, rows.size - 1); y++) {
    std::memcpy(scratch.line.data() + left, resize.source + y * resize.source_stride + left, needed);
    uint8_t* const row = scratch.kept.data() + (y % rows.taps) * kept_bytes;
    if (resize.channels == 3) {
      kernels.along_row(scratch.line.data(), columns, across, row);
    } else {
      grey_along_row(scratch.line.data(), columns, row);
    }
    for (; done < rows.size && end(rows, done) == y + 1; done++) {
      for (int32_t k = 0; k < down.taps; k++) {
        const int32_t from = rows.first[done] + std::min(k, rows.count[done] - 1);
        scratch.taps[k] = scratch.kept.data() + (from % rows.taps) * kept_bytes;
      }
      const int64_t at = static_cast<int64_t>(done) * down.taps;
      kernels.along_column(
          scratch.taps.data(), rounded_up(rows.count[done], kRowGroup), down.high + at, down.low + at, bytes,
          resize.target + done * resize.target_stride);
    }
  }
}

void resample(const Resize& resize) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    resample(resize, resample_kernels_avx2());
    return;
  }
#endif
  resample(resize, resample_kernels_portable());
}

}  // namespace resfuse
