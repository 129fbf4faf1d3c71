#include <algorithm>
#include <numeric>

#include "../support/test.h"

using namespace test;

constexpr unsigned kThreads = 96, kItems = 5, kTile = kThreads * kItems;

TEST(cub_block_sorts) {
  Module m("cub_block");
  const auto v = randomIntegers<unsigned>(3 * kTile, 0, UINT32_MAX);
  Buffer<unsigned> in(v), out(v.size());
  for (int bits : {32, 12}) {
    m.run("blockRadixSort", {3, kThreads}, in, out, bits);
    auto expected = v;
    const unsigned mask = bits == 32 ? ~0u : (1u << bits) - 1;
    for (int b = 0; b < 3; b++)
      std::stable_sort(expected.begin() + b * kTile, expected.begin() + (b + 1) * kTile,
                       [=](unsigned x, unsigned y) { return (x & mask) < (y & mask); });
    expectEqual("radix", out.download(), expected);
  }
  auto keys = randomReals<float>(256, -10, 10);
  for (int i = 0; i < 256; i += 5) keys[i] = keys[(i * 3) % 256];
  keys[9] = -INFINITY, keys[10] = INFINITY, keys[11] = 0;
  Buffer<float> keysIn(keys), keysOut(256);
  Buffer<int> values(256);
  m.run("blockRadixSortPairs", {1, 128}, keysIn, keysOut, values);
  std::vector<int> order(256);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] > keys[b]; });
  std::vector<float> sorted;
  for (int i : order) sorted.push_back(keys[i]);
  expectEqual("keys", keysOut.download(), sorted);
  expectEqual("values", values.download(), order);

  auto reals = randomReals<double>(256, -1, 1);
  Buffer<double> realsIn(reals), realsOut(256);
  m.run("blockMergeSort", {1, 64}, realsIn, realsOut);
  std::sort(reals.begin(), reals.end());
  expectEqual("merge", realsOut.download(), reals);
}

TEST(cub_block_scans) {
  Module m("cub_block");
  const auto v = randomIntegers<int>(kTile, -1000, 1000);
  Buffer<int> in(v), out(kTile), total(1);
  std::vector<int> expected(kTile);
  std::exclusive_scan(v.begin(), v.end(), expected.begin(), 0);
  for (const char* kernel : {"blockScanRaking", "blockScanWarps"}) {
    m.run(kernel, {1, kThreads}, in, out, total);
    expectEqual(kernel, out.download(), expected);
    CHECK(total.download()[0] == std::accumulate(v.begin(), v.end(), 0));
  }
}

TEST(cub_block_reductions) {
  Module m("cub_block");
  const auto v = randomReals<float>(kThreads, -5, 5);
  Buffer<float> in(v), out(3);
  m.run("blockReduce", {1, kThreads}, in, out);
  expectEqual("maximum", out.download(), std::vector<float>(3, *std::max_element(v.begin(), v.end())));

  const auto bytes = randomIntegers<unsigned char>(kTile, 0, 63);
  Buffer<unsigned char> bytesIn(bytes);
  Buffer<unsigned> bins(128);
  m.run("blockHistogram", {1, kThreads}, bytesIn, bins);
  std::vector<unsigned> expected(128);
  for (unsigned char b : bytes) expected[b]++, expected[64 + b]++;
  expectEqual("histogram", bins.download(), expected);
}

TEST(cub_block_neighbours) {
  Module m("cub_block");
  const auto v = randomIntegers<int>(kThreads, 0, 3);
  Buffer<int> in(v), out(6 * kThreads);
  m.run("blockNeighbours", {1, kThreads}, in, out);
  std::vector<int> e(6 * kThreads);
  for (unsigned t = 0; t < kThreads; t++) {
    e[t] = t == 0 || v[t] != v[t - 1];
    e[kThreads + t] = t == 0 ? v[t] : v[t] - v[t - 1];
    e[2 * kThreads + t] = v[(t + 7) % kThreads];
    for (unsigned i = 0; i < 3; i++) {
      const unsigned p = i * kThreads + t;
      e[(3 + i) * kThreads + t] = v[p / 3] * 10 + static_cast<int>(p % 3);
    }
  }
  expectEqual("neighbours", out.download(), e);
}

TEST(cub_block_warps) {
  Module m("cub_block");
  const auto v = randomIntegers<int>(128, -100, 100);
  Buffer<int> in(v), sums(128), sorted(384);
  Buffer<unsigned long long> products(8);
  m.run("warpAlgorithms", {1, 128}, in, sums, products, sorted);
  std::vector<int> es(128), ek(384);
  std::vector<unsigned long long> ep(8, 1);
  for (int t = 0; t < 128; t++) {
    es[t] = v[t] + (t % 8 ? es[t - 1] : 0);
    if (t % 16 < 11) ep[t / 16] *= static_cast<unsigned long long>(v[t] | 1);
    for (int i = 0; i < 3; i++) ek[t * 3 + i] = v[(t * 3 + i) % 128] ^ i;
  }
  for (int w = 0; w < 4; w++) std::sort(ek.begin() + w * 96, ek.begin() + (w + 1) * 96);
  expectEqual("sums", sums.download(), es);
  expectEqual("products", products.download(), ep);
  expectEqual("sorted", sorted.download(), ek);
}
