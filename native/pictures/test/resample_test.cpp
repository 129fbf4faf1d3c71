// Every kernel that this CPU can run against the formula, for sizes that leave samples over, filters that go beyond 0 and 1,
// windows that begin inside; and nothing written beside the target.
#include "resample.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

using namespace resfuse;

namespace {

int failures = 0;

struct Weights {
  std::vector<int32_t> first, count, weights;
  int32_t taps = 1;

  Axis axis() const { return {static_cast<int32_t>(first.size()), taps, first.data(), count.data(), weights.data()}; }
};

// What the absolute weights of a pixel sum up to: as much as keeps the sums within 32 bits; bicubic has 1.25 at most.
constexpr double kSize = 1.8;

// Random weights of which some are negative, on windows that move through `in` pixels.
Weights random_weights(int32_t in, int32_t out, int32_t taps, std::mt19937& random) {
  Weights w;
  w.taps = std::min(taps, in);
  int32_t first = static_cast<int32_t>(random() % 2) * (in > w.taps + 2 ? 2 : 0);
  int32_t end = 0;
  for (int32_t i = 0; i < out; i++) {
    const int32_t step = in / out + 1;
    first = std::min<int32_t>(first + static_cast<int32_t>(random() % step), in - 1);
    int32_t count = std::min<int32_t>(1 + static_cast<int32_t>(random() % w.taps), in - first);
    count = std::max(count, end - first);
    end = first + count;
    w.first.push_back(first);
    w.count.push_back(count);
    std::vector<double> raw(w.taps);
    double size = 0;
    for (int32_t k = 0; k < count; k++) {
      raw[k] = std::uniform_real_distribution<>(-0.2, 1)(random);
      size += std::abs(raw[k]);
    }
    for (const double weight : raw) {
      w.weights.push_back(static_cast<int32_t>(std::lround(weight / std::max(size, 0.1) * kSize * (1 << kFractionBits))));
    }
  }
  return w;
}

uint8_t rounded(int64_t sum) { return static_cast<uint8_t>(std::clamp<int64_t>((sum + (1 << 21)) >> 22, 0, 255)); }

void hold(const ResampleKernels& kernels, int32_t channels, int32_t in, int32_t out, int32_t taps, unsigned seed) {
  std::mt19937 random(seed);
  const int32_t in_rows = in * 3 / 4 + 1;
  const Weights columns = random_weights(in, out, taps, random);
  const Weights rows = random_weights(in_rows, out / 2 + 1, taps, random);
  // No byte follows the picture's last: what reads one too many is found by the sanitizers.
  std::vector<uint8_t> source(static_cast<size_t>(in) * channels * in_rows);
  const int kind = static_cast<int>(seed % 3);
  for (uint8_t& sample : source) {
    sample = static_cast<uint8_t>(kind == 0 ? random() : random() % 2 * 255);
  }
  const int64_t stride = static_cast<int64_t>(out) * channels + 5;
  const int32_t height = rows.axis().size;
  std::vector<uint8_t> target(stride * height, 0x5a);
  resample({source.data(), static_cast<int64_t>(in) * channels, channels, columns.axis(), rows.axis(), target.data(), stride}, kernels);
  const std::string what = std::string(kernels.name) + ", " + std::to_string(channels) + " channels, " + std::to_string(in) + " to " +
                           std::to_string(out) + ", taps " + std::to_string(taps);
  for (int32_t y = 0; y < height; y++) {
    for (int64_t at = 0; at < stride; at++) {
      uint8_t expected = 0x5a;
      if (at < static_cast<int64_t>(out) * channels) {
        const int32_t x = static_cast<int32_t>(at / channels), c = static_cast<int32_t>(at % channels);
        int64_t sum = 0;
        for (int32_t j = 0; j < rows.count[y]; j++) {
          int64_t row = 0;
          for (int32_t k = 0; k < columns.count[x]; k++) {
            const int64_t pixel = static_cast<int64_t>(rows.first[y] + j) * in + columns.first[x] + k;
            row += static_cast<int64_t>(columns.weights[static_cast<size_t>(x) * columns.taps + k]) * source[pixel * channels + c];
          }
          sum += static_cast<int64_t>(rows.weights[static_cast<size_t>(y) * rows.taps + j]) * rounded(row);
        }
        expected = rounded(sum);
      }
      if (target[y * stride + at] != expected) {
        std::printf("FAILED: %s: row %d, byte %d: %d, expected %d\n", what.c_str(), y, static_cast<int>(at), target[y * stride + at], expected);
        failures++;
        return;
      }
    }
  }
}

}  // namespace

int main() {
  std::vector<const ResampleKernels*> all{&resample_kernels_portable()};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    all.push_back(&resample_kernels_avx2());
  }
#endif
  unsigned seed = 0;
  for (const ResampleKernels* kernels : all) {
    for (const int32_t channels : {1, 3}) {
      for (const int32_t in : {1, 2, 5, 33, 100}) {
        for (const int32_t out : {1, 2, 5, 6, 11, 16, 37, 64, 65}) {
          for (const int32_t taps : {1, 2, 3, 4, 5, 8, 9, 13}) {
            hold(*kernels, channels, in, out, taps, seed++);
          }
        }
      }
    }
    std::printf("%s: %u cases so far\n", kernels->name, seed);
  }
  return failures == 0 ? 0 : 1;
}
