// Every kernel of every instruction set that this CPU has against loops in float64: sizes that leave parts of tiles over, all
// layouts, bias, residual and ReLU, statistics, the gradients of the input and of the weights; and the same bits whatever the number of
// threads, the caches and, of images, the batch.
#include "check.h"
#include "tiles.h"
#include "winograd.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace resfuse;

namespace {

struct Kernels {
  const char* name;
  const WinogradKernels& kernels;
};

// A processor and how many threads are used.
struct Machine {
  int64_t threads, first_cache, second_cache;
};

constexpr int64_t kKi = 1024;
const std::vector<Machine> kMachines{{1, 32 * kKi, 1024 * kKi}, {2, 32 * kKi, 1024 * kKi}, {3, 48 * kKi, 1024 * kKi},
                                     {1, 32 * kKi, 256 * kKi},  {3, 16 * kKi, 256 * kKi},  {2, 48 * kKi, 2048 * kKi}};

struct Size {
  int64_t images, in, out, height, width;
};

int64_t place(int64_t block, int64_t channels, const Size& s, int64_t image, int64_t channel, int64_t row, int64_t column) {
  const int64_t pixel = row * s.width + column, pixels = s.height * s.width;
  return block == 0 ? (image * pixels + pixel) * channels + channel
                    : ((image * channels / block + channel / block) * pixels + pixel) * block + channel % block;
}

std::string name(const Kernels& k, const Size& s, int64_t block, int64_t vector) {
  return std::string(k.name) + " " + std::to_string(s.images) + "x" + std::to_string(s.in) + "->" + std::to_string(s.out) + " " +
         std::to_string(s.height) + "x" + std::to_string(s.width) + " block " + std::to_string(block) + " vector " + std::to_string(vector);
}

// In panels of a vector of output channels, (out / vector, in, 9, vector); of a gradient's, out and in exchanged.
std::vector<float> packed(const std::vector<float>& weights, int64_t out, int64_t in, int64_t vector, bool backward) {
  std::vector<float> to(weights.size());
  for (int64_t o = 0; o < out; o++) {
    for (int64_t i = 0; i < in; i++) {
      for (int64_t tap = 0; tap < 9; tap++) {
        to[((o / vector * in + i) * 9 + tap) * vector + o % vector] = weights[(backward ? i * out + o : o * in + i) * 9 + tap];
      }
    }
  }
  return to;
}

// The relative error of a result or, backward, of the gradient of an input.
void hold(const Kernels& k, const Size& s, int64_t vector, int64_t block, bool fused, bool backward, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const auto fill = [&](std::vector<float>& values) {
    for (float& value : values) {
      value = normal(random);
    }
  };
  const int64_t pixels = s.height * s.width;
  std::vector<float> x(s.images * s.in * pixels), weights(s.in * s.out * 9), bias(s.out), residual(s.images * s.out * pixels);
  fill(x);
  fill(weights);
  fill(bias);
  fill(residual);
  const std::vector<float> panels = packed(weights, s.out, s.in, vector, backward);
  const std::string what = name(k, s, block, vector) + (fused ? " fused" : "") + (backward ? " backward" : "");
  std::vector<float> first, to;
  for (const Machine& machine : kMachines) {
    WinogradArguments arguments{
        {s.images, s.in, s.out, s.height, s.width, block, vector, machine.threads, machine.first_cache, machine.second_cache, 0}, x.data(), panels.data(), fused ? bias.data() : nullptr,
        fused ? residual.data() : nullptr, nullptr, nullptr, nullptr, nullptr, fused, backward};
    std::vector<float> scratch(winograd_scratch_floats(arguments) + 16, NAN);
    const float canary = 1234.5f;
    for (int i = 0; i < 16; i++) {
      scratch[scratch.size() - 16 + i] = canary;
    }
    to.assign(residual.size() + 16, canary);
    arguments.out = to.data();
    arguments.scratch = scratch.data();
    k.kernels.convolve(arguments);
    check(scratch.back() == canary && scratch[scratch.size() - 16] == canary && to.back() == canary, "nothing is written beyond the end");
    first = first.empty() ? to : first;
    check(std::memcmp(first.data(), to.data(), to.size() * 4) == 0, what + ": threads or caches matter");
  }
  double error = 0, norm = 0;
  for (int64_t n = 0; n < s.images; n++) {
    for (int64_t o = 0; o < s.out; o++) {
      for (int64_t row = 0; row < s.height; row++) {
        for (int64_t column = 0; column < s.width; column++) {
          double sum = 0;
          for (int64_t i = 0; i < s.in; i++) {
            for (int64_t tap = 0; tap < 9; tap++) {
              const int64_t r = row + tap / 3 - 1, c = column + tap % 3 - 1;
              if (r >= 0 && r < s.height && c >= 0 && c < s.width) {
                const double w = backward ? weights[(i * s.out + o) * 9 + 8 - tap] : weights[(o * s.in + i) * 9 + tap];
                sum += w * x[place(block, s.in, s, n, i, r, c)];
              }
            }
          }
          const int64_t at = place(block, s.out, s, n, o, row, column);
          if (fused) {
            sum = std::max(0.0, sum + bias[o] + residual[at]);
          }
          error += (first[at] - sum) * (first[at] - sum);
          norm += sum * sum;
        }
      }
    }
  }
  check(std::sqrt(error / norm) < 3e-6, what + ": relative error " + std::to_string(std::sqrt(error / norm) * 1e6) + "e-6");
}

// Mean and variance of the outputs, which are around `offset`, against float64; the outputs are those that are without them.
void hold_statistics(const Kernels& k, const Size& s, int64_t vector, int64_t block, float offset, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const int64_t pixels = s.height * s.width;
  std::vector<float> x(s.images * s.in * pixels), panels(s.in * s.out * 9), bias(s.out, offset), plain(s.images * s.out * pixels);
  const float deviation = 1 / std::sqrt(9.0f * s.in);
  for (float& value : x) value = normal(random);
  for (float& value : panels) value = deviation * normal(random);
  const std::string what = name(k, s, block, vector) + " statistics around " + std::to_string(offset);
  const float canary = 1234.5f;
  std::vector<float> first;
  for (const Machine& machine : kMachines) {
    WinogradArguments a{
        {s.images, s.in, s.out, s.height, s.width, block, vector, machine.threads, machine.first_cache, machine.second_cache, 0}, x.data(), panels.data(), bias.data(), nullptr, plain.data(), nullptr, nullptr, nullptr, 0, 0};
    std::vector<float> scratch(winograd_scratch_floats(a));
    a.scratch = scratch.data();
    k.kernels.convolve(a);
    std::vector<float> to(plain.size(), NAN), statistics(2 * s.out, NAN);
    statistics.resize(statistics.size() + 16, canary);
    a.statistics = 1;
    scratch.assign(winograd_scratch_floats(a), NAN);
    scratch.resize(scratch.size() + 16, canary);
    a.scratch = scratch.data();
    a.out = to.data();
    a.mean = statistics.data();
    a.variance = statistics.data() + s.out;
    k.kernels.convolve(a);
    check(scratch.back() == canary && scratch[scratch.size() - 16] == canary && statistics[2 * s.out] == canary, what + ": written beyond the end");
    check(std::memcmp(plain.data(), to.data(), to.size() * 4) == 0, what + ": outputs differ");
    first = first.empty() ? statistics : first;
    check(std::memcmp(first.data(), statistics.data(), first.size() * 4) == 0, what + ": threads or caches matter");
  }
  for (int64_t o = 0; o < s.out; o++) {
    double mean = 0, variance = 0;
    const auto all = [&](const auto& body) {
      for (int64_t i = 0; i < s.images * pixels; i++) {
        body(plain[place(block, s.out, s, i / pixels, o, i % pixels / s.width, i % s.width)]);
      }
    };
    all([&](double value) { mean += value / (s.images * pixels); });
    all([&](double value) { variance += (value - mean) * (value - mean) / (s.images * pixels); });
    // Rounded once to float32; sums err by what lies between the outputs, wherever they are.
    check(std::abs(first[o] - mean) <= 6e-8 * std::abs(mean) + 2e-7 * std::sqrt(variance), what + ": mean " + std::to_string(first[o]) + " for " + std::to_string(mean));
    check(std::abs(first[s.out + o] - variance) <= 1e-6 * variance, what + ": variance " + std::to_string(first[s.out + o]) + " for " + std::to_string(variance));
  }
}

// NaN shows in the statistics of its channels; of equal outputs the variance is 0.
void special_statistics(const Kernels& k) {
  const Size s{2, 16, 16, 9, 10};
  std::vector<float> x(s.images * s.in * s.height * s.width), panels(s.in * s.out * 9), bias(s.out, 0.1f), out(x.size()), mean(s.out), variance(s.out);
  WinogradArguments a{
      {s.images, s.in, s.out, s.height, s.width, 0, 16, 2, 32 * kKi, 1024 * kKi, 1}, x.data(), panels.data(), bias.data(), nullptr, out.data(), nullptr, mean.data(), variance.data(), 0, 0};
  std::vector<float> scratch(winograd_scratch_floats(a));
  a.scratch = scratch.data();
  bias[3] = NAN;
  k.kernels.convolve(a);
  for (int64_t o = 0; o < s.out; o++) {
    const bool good = o == 3 ? std::isnan(mean[o]) && std::isnan(variance[o]) : mean[o] == 0.1f && variance[o] >= 0 && variance[o] < 1e-15f;
    check(good, std::string(k.name) + ": of channel " + std::to_string(o) + " mean " + std::to_string(mean[o] - 0.1f) + " beside 0.1 and variance " + std::to_string(variance[o] * 1e15));
  }
}

// The gradient of weights, written and added to what is there. Gradients around `offset`: sums of one sign lose most digits.
void hold_gradient(const Kernels& k, const Size& s, int64_t vector, int64_t block, float offset, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const int64_t pixels = s.height * s.width;
  std::vector<float> x(s.images * s.in * pixels), dout(s.images * s.out * pixels), present(s.in * s.out * 9);
  for (float& value : x) value = std::max(0.0f, normal(random) + 0.3f);
  for (float& value : dout) value = normal(random) + offset;
  for (float& value : present) value = normal(random);
  const std::string what = name(k, s, block, vector) + " gradient of weights" + (offset == 0 ? "" : " of one sign");
  const float canary = 1234.5f;
  std::vector<float> found, to;
  for (const Machine& machine : kMachines) {
    WinogradGradientArguments a{
        {s.images, s.in, s.out, s.height, s.width, block, vector, machine.threads, machine.first_cache, machine.second_cache, 0}, x.data(), dout.data(), nullptr, nullptr, 0};
    std::vector<float> scratch(winograd_gradient_scratch_floats(a), NAN);
    scratch.resize(scratch.size() + 16, canary);
    to.assign(present.size(), NAN);
    to.resize(to.size() + 16, canary);
    a.gradient = to.data();
    a.scratch = scratch.data();
    k.kernels.gradient(a);
    std::vector<float> sum = present;
    a.gradient = sum.data();
    a.accumulate = 1;
    k.kernels.gradient(a);
    bool added = true;
    for (size_t i = 0; i < sum.size(); i++) {
      added &= std::abs(sum[i] - (present[i] + to[i])) <= 1e-6f * (std::abs(present[i]) + std::abs(to[i]));
    }
    check(added, what + ": is not added");
    check(scratch.back() == canary && scratch[scratch.size() - 16] == canary && to.back() == canary && to[to.size() - 16] == canary,
          what + ": written beyond the end");
    found = found.empty() ? to : found;
    check(std::memcmp(found.data(), to.data(), to.size() * 4) == 0, what + ": threads or caches matter");
  }
  double error = 0, norm = 0;
  for (int64_t o = 0; o < s.out; o++) {
    for (int64_t i = 0; i < s.in; i++) {
      if (s.in * s.out * pixels > 200000 && random() % 61 != 0) {
        continue;
      }
      for (int64_t tap = 0; tap < 9; tap++) {
        double sum = 0;
        for (int64_t n = 0; n < s.images; n++) {
          for (int64_t row = 0; row < s.height; row++) {
            for (int64_t column = 0; column < s.width; column++) {
              const int64_t r = row + tap / 3 - 1, c = column + tap % 3 - 1;
              if (r >= 0 && r < s.height && c >= 0 && c < s.width) {
                sum += static_cast<double>(dout[place(block, s.out, s, n, o, row, column)]) * x[place(block, s.in, s, n, i, r, c)];
              }
            }
          }
        }
        const double difference = found[(o * s.in + i) * 9 + tap] - sum;
        error += difference * difference;
        norm += sum * sum;
      }
    }
  }
  check(std::sqrt(error / norm) < 1.5e-6, what + ": relative error " + std::to_string(std::sqrt(error / norm) * 1e6) + "e-6");
}

// An image's bits do not depend on what else is in the batch, and NaN in one leaves the others alone.
void batch(const Kernels& k) {
  const Size s{3, 80, 32, 9, 10};  // nine tiles alone are few, those of three images are not
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(s.images * s.in * s.height * s.width), weights(s.in * s.out * 9), all(s.images * s.out * s.height * s.width);
  for (float& value : x) value = normal(random);
  for (float& value : weights) value = normal(random);
  const std::vector<float> panels = packed(weights, s.out, s.in, 16, false);
  WinogradArguments arguments{
      {3, s.in, s.out, s.height, s.width, 16, 16, 2, 32 * kKi, 1024 * kKi, 0}, x.data(), panels.data(), nullptr, nullptr, all.data(), nullptr, nullptr, nullptr, 0, 0};
  std::vector<float> scratch(winograd_scratch_floats(arguments));
  arguments.scratch = scratch.data();
  const int64_t in = s.in * s.height * s.width, out = s.out * s.height * s.width;
  std::fill(x.begin(), x.begin() + in, NAN);
  k.kernels.convolve(arguments);
  for (int64_t image = 1; image < 3; image++) {
    std::vector<float> one(out);
    WinogradArguments alone = arguments;
    alone.x += image * in;
    alone.out = one.data();
    alone.images = alone.threads = 1;
    k.kernels.convolve(alone);
    check(std::memcmp(one.data(), all.data() + image * out, out * 4) == 0, std::string(k.name) + ": an image depends on its batch");
  }
}

// How work is cut follows from the caches, by the formulas of tiles.h.
void cuts() {
  struct Expected {
    int64_t first_cache, second_cache, vector, channels, depth, few_depth, most_tiles, block_channels;
  };
  for (const Expected& e : {
           Expected{32 * kKi, 1024 * kKi, 16, 64, 64, 16, 113, 64},
           Expected{32 * kKi, 1024 * kKi, 8, 64, 128, 32, 113, 64},
           Expected{48 * kKi, 1024 * kKi, 16, 256, 64, 16, 85, 64},
           Expected{32 * kKi, 256 * kKi, 16, 64, 32, 16, 28, 32},
           Expected{32 * kKi, 256 * kKi, 8, 512, 64, 32, 24, 32},
           Expected{48 * kKi, 2048 * kKi, 16, 64, 64, 16, 192, 64},
           Expected{64 * kKi, 4096 * kKi, 8, 512, 256, 64, 56, 128},
           Expected{1, 1, 16, 16, 16, 16, 24, 32},
       }) {
    const Cuts found(e.first_cache, e.second_cache, e.vector, e.channels);
    const int64_t block_channels = GradientTiles::channels(e.second_cache);
    check(found.depth == e.depth && found.few_depth == e.few_depth && found.most_tiles == e.most_tiles && block_channels == e.block_channels,
          "with caches of " + std::to_string(e.first_cache) + " and " + std::to_string(e.second_cache) + " bytes " +
              std::to_string(found.depth) + " channels are multiplied at a time, " + std::to_string(found.few_depth) + " with few of the " +
              std::to_string(found.most_tiles) + " tiles, and in gradients " + std::to_string(block_channels));
    check(found.depth_of(Cuts::kFewTiles) == e.few_depth && found.depth_of(Cuts::kFewTiles + 1) == e.depth, "few tiles have their own depth");
  }
  const auto own = [](int64_t channels, int64_t pixels, int64_t threads) {
    return Tiles(WinogradSize{1, channels, channels, pixels, pixels, 0, 16, threads, 32 * kKi, 1024 * kKi, 0}).own;
  };
  check(own(64, 56, 2) && own(64, 56, 32), "many tiles are divided");
  check(!own(256, 14, 2) && !own(512, 7, 32), "of few tiles the output channels are divided");
  WinogradSize size{1, 16, 16, 4, 4, 0, 16, 2, 32 * kKi, 1024 * kKi, 0};
  check(!TileGrid(size).wants_threads(size), "a tile is not work for two threads");
  size.images = 100;
  check(TileGrid(size).wants_threads(size), "a hundred tiles are work for two threads");
  size.threads = 1;
  check(!TileGrid(size).wants_threads(size), "one thread is one thread");
}

}  // namespace

int main() {
  cuts();
  std::vector<Kernels> all{{"portable", winograd_kernels_portable()}};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back({"avx2", winograd_kernels_avx2()});
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    all.push_back({"avx512", winograd_kernels_avx512()});
  }
#endif
  unsigned seed = 0;
  for (const Kernels& k : all) {
    for (const int64_t vector : {8, 16}) {
      for (const int64_t block : {int64_t{0}, vector}) {
        for (const Size& s : {Size{1, 16, 16, 1, 1}, Size{2, 16, 32, 4, 4}, Size{1, 32, 48, 5, 7}, Size{1, 16, 16, 10, 8}, Size{3, 48, 16, 8, 13}, Size{1, 64, 64, 31, 30}, Size{2, 128, 112, 7, 7}, Size{1, 144, 32, 41, 40}}) {
          for (const bool fused : {false, true}) {
            hold(k, s, vector, block, fused, false, seed++);
          }
          hold(k, s, vector, block, false, true, seed++);
          for (const float offset : {0.0f, 1000.0f}) {
            hold_statistics(k, s, vector, block, offset, seed++);
          }
        }
      }
    }
    for (const float offset : {0.0f, 1.0f}) {
      for (const int64_t vector : {8, 16}) {
        for (const int64_t block : {int64_t{0}, vector}) {
          for (const Size& s : {Size{1, 16, 16, 1, 1}, Size{2, 16, 32, 4, 4}, Size{1, 32, 48, 5, 7}, Size{1, 16, 16, 10, 8}, Size{3, 80, 16, 8, 13}, Size{1, 64, 144, 31, 30}}) {
            hold_gradient(k, s, vector, block, offset, seed++);
          }
        }
      }
      // Several chunks, of several runs each.
      hold_gradient(k, {20, 16, 16, 127, 126}, 16, 16, offset, seed++);
      hold_gradient(k, {5, 8, 24, 30, 33}, 8, 8, offset, seed++);
    }
    // Many strips, of several blocks.
    hold_statistics(k, {12, 16, 48, 61, 62}, 16, 16, -10, seed++);
    special_statistics(k);
    batch(k);
    std::printf("%s done\n", k.name);
  }
  return failures == 0 ? 0 : 1;
}
