#include <algorithm>
#include <numeric>

#include "../support/test.h"

using namespace test;

TEST(async_barrier_phases) {
  Module m("async");
  for (unsigned threads : {32u, 100u, 256u}) {
    Buffer<int> out(threads);
    m.run("barrierPhases", {1, threads}, out, 7);
    std::vector<int> expected(threads);
    for (unsigned t = 0; t < threads; t++) expected[t] = static_cast<int>((t + 7) % threads + 21);
    expectEqual("phases", out.download(), expected);
  }
}

TEST(async_producers_and_consumers) {
  Module m("async");
  const int rounds = 9;
  const auto v = randomIntegers<int>(rounds * 64, 0, 1000000);
  Buffer<int> in(v), out(rounds * 64);
  m.run("producersAndConsumers", {1, 128}, in, out, rounds);
  std::vector<int> expected(rounds * 64);
  for (int r = 0; r < rounds; r++)
    for (int t = 0; t < 64; t++) expected[r * 64 + t] = v[r * 64 + 63 - t];
  expectEqual("rounds", out.download(), expected);
}

TEST(async_drop_out) {
  Module m("async");
  Buffer<int> out(128);
  m.run("dropOut", {1, 128}, out);
  expectEqual("all", out.download(), std::vector<int>(128, 1));
}

TEST(async_copy_to_barrier) {
  Module m("async");
  const auto v = randomReals<float>(3 * 512, -1, 1);
  Buffer<float> in(v), out(v.size());
  m.run("copyToBarrier", {3, 128}, in, out);
  std::vector<float> expected(v.size());
  for (int b = 0; b < 3; b++)
    for (int t = 0; t < 128; t++)
      for (int i = 0; i < 4; i++) expected[(b * 128 + t) * 4 + i] = v[(b * 128 + 127 - t) * 4 + i];
  expectEqual("reversed", out.download(), expected);
}

TEST(async_pipeline) {
  Module m("async");
  for (int tiles : {1, 2, 3, 10}) {
    const auto v = randomIntegers<int>(tiles * 128, 0, 100);
    Buffer<int> in(v), out(128);
    m.run("pipelineStages", {1, 128}, in, out, tiles);
    std::vector<int> expected(128);
    for (int t = 0; t < 128; t++) {
      unsigned sum = 0;
      for (int k = 0; k < tiles; k++) sum = sum * 3 + static_cast<unsigned>(v[k * 128 + (t + k) % 128]);
      expected[t] = static_cast<int>(sum);
    }
    expectEqual("stages", out.download(), expected);
  }
  const int tiles = 11;
  const auto v = randomIntegers<int>(tiles * 96, 0, 100);
  Buffer<int> in(v), out(96);
  m.run("pipelineRoles", {1, 128}, in, out, tiles);
  std::vector<int> expected(96);
  for (int t = 0; t < 96; t++)
    for (int k = 0; k < tiles; k++) expected[t] += v[k * 96 + (t * 7 + k) % 96] << k % 3;
  expectEqual("roles", out.download(), expected);
}

TEST(async_group_copy) {
  Module m("async");
  for (int n : {1, 7, 64, 101}) {
    const auto v = randomIntegers<int>(2 * n, 0, 999);
    Buffer<int> in(v), out(n);
    m.run("groupCopy", {1, 128, static_cast<unsigned>(8 * n)}, in, out, n);
    std::vector<int> expected(n);
    for (int t = 0; t < n; t++) expected[t] = v[n - 1 - t] * 1000 + v[n + t];
    expectEqual("copied", out.download(), expected);
  }
}

TEST(async_primitives) {
  Module m("async");
  const auto v = randomIntegers<char>(1024, 1, 127);
  Buffer<char> in(v), out(1024);
  m.run("primitives", {1, 32}, in, out);
  auto expected = v;
  for (int t = 0; t < 32; t++) {
    const int zeros = std::min(t % 5, 4);
    for (int i = 0; i < zeros; i++) expected[32 * t + 31 - i] = 0;
  }
  expectEqual("bytes", out.download(), expected);
}

TEST(async_mbarrier) {
  Module m("async");
  auto out = Buffer<unsigned>::zeros(101);
  m.run("rawMbarrier", {1, 64}, out);
  std::vector<unsigned> expected(101, 42);
  std::fill(expected.begin() + 64, expected.end(), 0);
  expected[100] = 1;
  expectEqual("values", out.download(), expected);
}
