// Every kernel of every instruction set that this CPU has against loops in float64: sizes that leave parts of tiles over, all
// layouts, bias, residual and ReLU, the gradient of the input; and the same bits whatever the number of threads and the batch.
#include "check.h"
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

struct Size {
  int64_t images, in, out, height, width;
};

int64_t place(int64_t block, int64_t channels, const Size& s, int64_t image, int64_t channel, int64_t row, int64_t column) {
  const int64_t pixel = row * s.width + column, pixels = s.height * s.width;
  return block == 0 ? (image * pixels + pixel) * channels + channel
                    : ((image * channels / block + channel / block) * pixels + pixel) * block + channel % block;
}

// The largest error in units of the root of the sum of squares of what is added up, and the relative error of all.
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
  // The weights are of the convolution whose input's gradient it is.
  const int64_t w_out = backward ? s.in : s.out, w_in = backward ? s.out : s.in;
  std::vector<float> transformed(winograd_weight_floats(s.in, s.out), NAN);
  std::vector<float> out[2];
  for (int64_t threads = 1; threads <= 2; threads++) {
    k.kernels.weights({weights.data(), transformed.data(), w_out, w_in, vector, threads, backward});
    std::vector<float> scratch(winograd_scratch_floats(s.in, s.out, threads) + 16, NAN);
    const float canary = 1234.5f;
    for (int i = 0; i < 16; i++) {
      scratch[scratch.size() - 16 + i] = canary;
    }
    std::vector<float>& to = out[threads - 1];
    to.assign(residual.size() + 16, canary);
    k.kernels.convolve(
        {x.data(), transformed.data(), fused ? bias.data() : nullptr, fused ? residual.data() : nullptr, to.data(), scratch.data(), s.images,
         s.in, s.out, s.height, s.width, block, vector, fused, threads});
    check(scratch.back() == canary && scratch[scratch.size() - 16] == canary && to.back() == canary, "nothing is written beyond the end");
  }
  const std::string what = std::string(k.name) + " " + std::to_string(s.images) + "x" + std::to_string(s.in) + "->" + std::to_string(s.out) +
                           " " + std::to_string(s.height) + "x" + std::to_string(s.width) + " block " + std::to_string(block) + " vector " +
                           std::to_string(vector) + (fused ? " fused" : "") + (backward ? " backward" : "");
  check(std::memcmp(out[0].data(), out[1].data(), out[0].size() * 4) == 0, what + ": one and two threads differ");
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
          error += (out[0][at] - sum) * (out[0][at] - sum);
          norm += sum * sum;
        }
      }
    }
  }
  check(std::sqrt(error / norm) < 3e-6, what + ": relative error " + std::to_string(std::sqrt(error / norm) * 1e6) + "e-6");
}

// An image's bits do not depend on what else is in the batch, and NaN in one leaves the others alone.
void batch(const Kernels& k) {
  const Size s{3, 16, 32, 9, 10};
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(s.images * s.in * s.height * s.width), weights(s.in * s.out * 9), all(s.images * s.out * s.height * s.width);
  for (float& value : x) value = normal(random);
  for (float& value : weights) value = normal(random);
  std::vector<float> transformed(winograd_weight_floats(s.in, s.out)), scratch(winograd_scratch_floats(s.in, s.out, 2));
  k.kernels.weights({weights.data(), transformed.data(), s.out, s.in, 16, 1, 0});
  const int64_t in = s.in * s.height * s.width, out = s.out * s.height * s.width;
  std::fill(x.begin(), x.begin() + in, NAN);
  k.kernels.convolve({x.data(), transformed.data(), nullptr, nullptr, all.data(), scratch.data(), 3, s.in, s.out, s.height, s.width, 16, 16, 0, 2});
  for (int64_t image = 1; image < 3; image++) {
    std::vector<float> one(out);
    k.kernels.convolve(
        {x.data() + image * in, transformed.data(), nullptr, nullptr, one.data(), scratch.data(), 1, s.in, s.out, s.height, s.width, 16, 16, 0, 1});
    check(std::memcmp(one.data(), all.data() + image * out, out * 4) == 0, std::string(k.name) + ": an image depends on its batch");
  }
}

}  // namespace

int main() {
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
        for (const Size& s : {Size{1, 16, 16, 1, 1}, Size{2, 16, 32, 4, 4}, Size{1, 32, 48, 5, 7}, Size{3, 48, 16, 8, 13}, Size{1, 64, 64, 31, 30}, Size{2, 128, 112, 7, 7}}) {
          for (const bool fused : {false, true}) {
            hold(k, s, vector, block, fused, false, seed++);
          }
          hold(k, s, vector, block, false, true, seed++);
        }
      }
    }
    batch(k);
    std::printf("%s done\n", k.name);
  }
  return failures == 0 ? 0 : 1;
}
