// Against std::sort and std::merge.
#include <algorithm>
#include <numeric>

#include "../support/test.h"

using namespace test;

TEST(sorting_bitonic_in_shared_memory) {
  const Module m("sorting");
  for (unsigned threads : {16u, 64u, 512u}) {
    const size_t n = 2 * threads, blocks = 3;
    // values are a permutation of the places: pairs are told apart even where keys are equal
    const auto keys = randomIntegers<uint32_t>(blocks * n, 0, threads == 64 ? 20 : 0xffffffffll);
    std::vector<uint16_t> values(blocks * n);
    for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<uint16_t>(i % n);
    const Buffer<uint32_t> keysIn(keys), keysOut(keys.size());
    const Buffer<uint16_t> valuesIn(values), valuesOut(values.size());
    m.run("bitonicShared", {3, threads, static_cast<unsigned>(n * 6)}, keysIn, valuesIn, keysOut, valuesOut);
    const auto k = keysOut.download();
    const auto v = valuesOut.download();
    for (size_t b = 0; b < blocks; b++) {
      std::vector<uint32_t> expected(keys.begin() + b * n, keys.begin() + (b + 1) * n);
      std::sort(expected.begin(), expected.end());
      expectEqual("keys", std::vector<uint32_t>(k.begin() + b * n, k.begin() + (b + 1) * n), expected);
      std::vector<bool> seen(n);
      for (size_t i = 0; i < n; i++) {
        const uint16_t place = v[b * n + i];
        CHECK(place < n && !seen[place] && keys[b * n + place] == expected[i]);
        seen[place] = true;
      }
    }
  }
}

TEST(sorting_bitonic_over_the_grid) {
  const Module m("sorting");
  const unsigned n = 2048;
  auto expected = randomReals<double>(n, -1e9, 1e9);
  Buffer<double> data(expected);
  for (unsigned size = 2; size <= n; size *= 2)
    for (unsigned stride = size / 2; stride > 0; stride /= 2)
      m.run("bitonicStep", {n / 128, 128}, data, size, stride, n);
  std::sort(expected.begin(), expected.end());
  expectEqual("sorted", data.download(), expected);
}

TEST(sorting_within_warps) {
  auto expected = randomIntegers<uint64_t>(5 * 96, 0, INT64_MAX);
  for (size_t i = 0; i < expected.size(); i += 7) expected[i] = i % 2 ? ~uint64_t(0) - i : i % 21;
  Buffer<uint64_t> in(expected), out(expected.size());
  Module("sorting").run("warpSort", {5, 96}, in, out);
  for (size_t i = 0; i < expected.size(); i += 32) std::sort(expected.begin() + i, expected.begin() + i + 32);
  expectEqual("sorted", out.download(), expected);
}

TEST(sorting_merge_path) {
  const Module m("sorting");
  for (const auto& [na, nb] : {std::pair{700, 513}, {0, 40}, {333, 0}, {1, 999}}) {
    auto a = randomIntegers<int16_t>(na, -300, 300, 1), b = randomIntegers<int16_t>(nb, -300, 300, 2);
    std::sort(a.begin(), a.end()), std::sort(b.begin(), b.end());
    std::vector<int16_t> expected;
    std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(expected));
    a.push_back(0), b.push_back(0);  // no buffer is empty
    const Buffer<int16_t> first(a), second(b), out(expected.size());
    m.run("mergePath", {3, 64}, first, na, second, nb, out, 7);
    expectEqual("merged", out.download(), expected);
  }
}

TEST(sorting_halves_by_digits) {
  const Module m("sorting");
  for (int n : {1, 300, 1000}) {
    std::vector<uint16_t> bits;
    for (double v : randomReals<double>(n, -60000, 60000)) bits.push_back(halfBits(roundHalf(v)));
    if (n > 8) bits[0] = 0x7c00, bits[1] = 0xfc00, bits[2] = 1, bits[3] = 0x8001, bits[4] = 0, bits[5] = 0x8000;
    const Buffer<uint16_t> in(bits), out(bits.size());
    m.run("radixHalves", {1, 128, static_cast<unsigned>(4 * n)}, in, out, n);
    // -0 goes before 0
    std::sort(bits.begin(), bits.end(), [](uint16_t a, uint16_t b) {
      const double x = halfValue(a), y = halfValue(b);
      return x != y ? x<y : (a >> 15)>(b >> 15);
    });
    expectEqual("sorted", out.download(), bits);
  }
}
