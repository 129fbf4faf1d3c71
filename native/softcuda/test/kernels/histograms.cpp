#include "../support/test.h"

using namespace test;

static std::vector<unsigned> histogram(const std::vector<unsigned char>& values) {
  std::vector<unsigned> bins(256);
  for (unsigned char v : values) bins[v]++;
  return bins;
}

TEST(histograms) {
  Module m("histograms");
  const int n = 20011;
  auto values = randomIntegers<unsigned char>(n, 0, 255);
  for (int i = 0; i < n; i += 3) values[i] = static_cast<unsigned char>(i % 7);  // crowded bins
  Buffer<unsigned char> in(values);
  for (const char* kernel : {"histogramGlobal", "histogramShared"}) {
    auto bins = Buffer<unsigned>::zeros(256);
    m.run(kernel, {9, 192}, in, bins, n);
    expectEqual(kernel, bins.download(), histogram(values));
  }
  auto bins = Buffer<unsigned>::zeros(256);
  m.run("histogramMatched", {(n + 191) / 192, 192}, in, bins, n);
  expectEqual("histogramMatched", bins.download(), histogram(values));
}

TEST(histograms_packed) {
  Module m("histograms");
  auto values = randomIntegers<unsigned char>(4 * 63, 0, 255);
  for (int i = 0; i < 200; i++) values[i] = 17;
  Buffer<unsigned char> in(values);
  Buffer<unsigned> bins(256);
  m.run("histogramPacked", {1, 256}, in, bins, 63);
  expectEqual("bins", bins.download(), histogram(values));
}
