// Prints what the machine reaches: GFLOP/s of an fp16 tensor-core product and an fp32 product of 1024^3, GB/s (read +
// written) of a copy; by the clock, and by the processor time of all threads, which other load on the machine hardly
// disturbs. The best of all repeats. Every result is checked before a number is printed.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "../test/support/test.h"

using namespace test;

namespace {

constexpr int kSize = 1024;

struct Seconds {
  double clock = 1e30, processor = 1e30;
};

template <typename F>
Seconds best(int repeats, F run) {
  Seconds best;
  for (int i = 0; i < repeats; i++) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t busy = std::clock();
    run();
    best.processor = std::min(best.processor, static_cast<double>(std::clock() - busy) / CLOCKS_PER_SEC);
    best.clock = std::min(best.clock, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// Spot checks of C = A B for small integers, exact.
template <typename Decode, typename T>
void checkProduct(const std::vector<double>& a, const std::vector<double>& b, const std::vector<T>& c, Decode decode) {
  for (int s = 0; s < 2000; s++) {
    const int i = s * 7919 % kSize, j = s * 104729 % kSize;
    double sum = 0;
    for (int p = 0; p < kSize; p++) sum += a[i * kSize + p] * b[p * kSize + j];
    if (decode(c[i * kSize + j]) != sum)
      throw Error("the product is wrong at " + std::to_string(i) + ", " + std::to_string(j));
  }
}

void print(const char* what, double amount, const char* unit, const Seconds& best) {
  std::printf("%-44s %8.2f %s (%.1f ms), %.2f %s per busy core\n", what, amount / best.clock / 1e9, unit,
              best.clock * 1e3, amount / best.processor / 1e9, unit);
}

void tensor(const Module& m, int repeats) {
  const auto a = randomIntegers<double>(kSize * kSize, -2, 2, 1), b = randomIntegers<double>(kSize * kSize, -1, 1, 2);
  std::vector<uint16_t> ha, hb;
  for (double v : a) ha.push_back(halfBits(v));
  for (double v : b) hb.push_back(halfBits(v));
  Buffer<uint16_t> da(ha), db(hb), dc(kSize * kSize);
  const Seconds seconds = best(repeats, [&] {
    m.run("gemmTensor", {{kSize / 128, kSize / 128}, 256, 3 * (128 * 64 + 32 * 256)}, da, db, dc, kSize, kSize);
  });
  checkProduct(a, b, dc.download(), halfValue);
  print("fp16 GEMM 1024^3 (cp.async, ldmatrix, mma)", 2.0 * kSize * kSize * kSize, "GFLOP/s", seconds);
}

void ffma(const Module& m, int repeats) {
  const auto a = randomIntegers<double>(kSize * kSize, -9, 9, 1), b = randomIntegers<double>(kSize * kSize, -9, 9, 2);
  Buffer<float> da(std::vector<float>(a.begin(), a.end())), db(std::vector<float>(b.begin(), b.end())),
      dc(kSize * kSize);
  const Seconds seconds =
      best(repeats, [&] { m.run("gemmFfma", {{kSize / 128, kSize / 128}, 256}, da, db, dc, kSize, kSize); });
  checkProduct(a, b, dc.download(), [](float v) { return static_cast<double>(v); });
  print("fp32 GEMM 1024^3 (FFMA)", 2.0 * kSize * kSize * kSize, "GFLOP/s", seconds);
}

void copy(const Module& m, int repeats) {
  const int count = 16 << 20;
  const auto values = randomIntegers<uint32_t>(count, 0, UINT32_MAX);
  Buffer<uint32_t> in(values), out(count);
  const Seconds seconds = best(repeats, [&] { m.run("copyVectors", {256, 256}, in, out, count / 4); });
  expectEqual("copy", out.download(), values);
  print("copy of 64 MiB (float4)", 2.0 * count * 4, "GB/s", seconds);
}

}  // namespace

int main(int argc, char** argv) try {
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  Context context;
  Module m("bench");
  tensor(m, repeats);
  ffma(m, repeats);
  copy(m, repeats);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench: %s\n", e.what());
  return 1;
}
