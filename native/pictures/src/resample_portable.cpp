// In C++ that every compiler knows.
#include "resample.h"

#include <algorithm>

namespace resfuse {
namespace {

constexpr int32_t kHalf = 1 << (kFractionBits - 1);
constexpr int kTogether = 64;

void along_row(const uint8_t* from, const Axis& axis, const SplitWeights&, uint8_t* to) {
  for (int32_t x = 0; x < axis.size; x++) {
    const uint8_t* pixel = from + 3 * static_cast<int64_t>(axis.first[x]);
    const int32_t* weights = axis.weights + static_cast<int64_t>(x) * axis.taps;
    int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (int32_t k = 0; k < axis.count[x]; k++, pixel += 3) {
      red += weights[k] * pixel[0];
      green += weights[k] * pixel[1];
      blue += weights[k] * pixel[2];
    }
    to[3 * x] = clip(red);
    to[3 * x + 1] = clip(green);
    to[3 * x + 2] = clip(blue);
  }
}

void along_column(const uint8_t* const* rows, int32_t taps, const int16_t* high, const int16_t* low, int64_t bytes, uint8_t* to) {
  int32_t sums[kTogether];
  for (int64_t first = 0; first < bytes; first += kTogether) {
    const int count = static_cast<int>(std::min<int64_t>(kTogether, bytes - first));
    std::fill(sums, sums + count, kHalf);
    for (int32_t k = 0; k < taps; k++) {
      const int32_t weight = high[k] * (1 << kLowBits) + low[k];
      for (int i = 0; i < count; i++) {
        sums[i] += weight * rows[k][first + i];
      }
    }
    for (int i = 0; i < count; i++) {
      to[first + i] = clip(sums[i]);
    }
  }
}

}  // namespace

const ResampleKernels& resample_kernels_portable() {
  static const ResampleKernels kernels{"portable", along_row, along_column};
  return kernels;
}

}  // namespace resfuse
