#include <numeric>

#include "../support/test.h"

using namespace test;

TEST(scans_hillis_steele) {
  Module m("scans");
  for (unsigned threads : {1u, 33u, 256u, 1000u}) {
    const auto values = randomIntegers<int>(3 * threads, -1000, 1000);
    Buffer<int> in(values), out(values.size());
    m.run("scanHillisSteele", {3, threads, 8 * threads}, in, out);
    std::vector<int> expected(values.size());
    for (int b = 0; b < 3; b++)
      std::partial_sum(values.begin() + b * threads, values.begin() + (b + 1) * threads,
                       expected.begin() + b * threads);
    expectEqual("scan", out.download(), expected);
  }
}

TEST(scans_blelloch) {
  Module m("scans");
  const unsigned threads = 256, n = 512;
  const auto values = randomIntegers<float>(4 * n, -1000, 1000);
  Buffer<float> in(values), out(values.size());
  m.run("scanBlelloch", {4, threads, (n + n / 32) * 4}, in, out);
  std::vector<float> expected(values.size());
  for (int b = 0; b < 4; b++) {
    float sum = 0;
    for (unsigned i = 0; i < n; i++) {
      expected[b * n + i] = sum;
      sum += values[b * n + i];
    }
  }
  // -0 and +0 depend on the order of adding
  expectNear("scan", out.download(), expected, 0);
}

TEST(scans_look_back) {
  Module m("scans");
  const int n = 50 * 256 + 17, tiles = 51;
  const auto values = randomIntegers<unsigned>(n, 0, 4000000000ll);
  Buffer<unsigned> in(values);
  Buffer<unsigned long long> out(n), state = Buffer<unsigned long long>::zeros(3 * tiles);
  m.run("scanLookBack", {tiles, 256}, in, out, state, n);
  std::vector<unsigned long long> expected(n);
  unsigned long long sum = 0;
  for (int i = 0; i < n; i++) expected[i] = sum += values[i];
  expectEqual("scan", out.download(), expected);
}

TEST(scans_compaction) {
  Module m("scans");
  const auto values = randomIntegers<int>(512, 0, 1000);
  Buffer<int> in(values), out = Buffer<int>::zeros(512), counts(16);
  m.run("compactOdd", {2, 256}, in, out, counts);
  std::vector<int> expected(512), expectedCounts(16);
  for (int w = 0; w < 16; w++)
    for (int i = 0; i < 32; i++)
      if (values[32 * w + i] & 1) expected[32 * w + expectedCounts[w]++] = values[32 * w + i];
  expectEqual("kept", out.download(), expected);
  expectEqual("counts", counts.download(), expectedCounts);
}
