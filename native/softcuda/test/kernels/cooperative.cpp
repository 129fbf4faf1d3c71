#include <algorithm>
#include <numeric>

#include "../support/test.h"

using namespace test;

TEST(cooperative_reduction) {
  Module m("cooperative");
  const int n = 40000;
  const auto values = randomIntegers<int>(n, -1000, 1000);
  Buffer<int> in(values), partial(20), out(1);
  m.run("gridReduction", {20, 128, 0, true}, in, partial, out, n);
  expectEqual<int>("sum", out.download(), {std::accumulate(values.begin(), values.end(), 0)});
}

TEST(cooperative_jacobi) {
  Module m("cooperative");
  const int n = 3000, iterations = 9;
  auto a = randomReals<float>(n, -1, 1);
  Buffer<float> da(a), db(n);
  m.run("gridJacobi", {11, 64, 0, true}, da, db, n, iterations);
  for (int k = 0; k < iterations; k++) {
    auto b = a;
    for (int i = 0; i < n; i++) b[i] = std::fma(0.5f, a[i], 0.25f * (a[(i + n - 1) % n] + a[(i + 1) % n]));
    a = b;
  }
  expectNear("ring", db.download(), a, 1e-6);
}

// A kernel that waits for the whole grid, launched without the promise that the grid is resident, must fail rather
// than hang.
TEST(cooperative_without_promise) {
  Module m("cooperative");
  Buffer<int> in = Buffer<int>::zeros(64), partial(2), out(1);
  CHECK(m.tryRun("gridReduction", {2, 32}, in, partial, out, 64) != CUDA_SUCCESS);
}

// More blocks than can be resident at once are refused.
TEST(cooperative_too_large) {
  Module m("cooperative");
  Buffer<int> in = Buffer<int>::zeros(64), partial(100000), out(1);
  CHECK(m.tryRun("gridReduction", {100000, 1024, 0, true}, in, partial, out, 64) ==
        CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
}

TEST(cooperative_warp_groups) {
  Module m("cooperative");
  auto v = randomIntegers<int>(32, 0, 100);
  v[12] = 77;
  Buffer<int> in(v), labelled(128), binary(128), coalesced(128);
  m.run("warpGroups", {1, 32}, in, labelled, binary, coalesced);
  std::vector<int> l(128), b(128), c(128, -1);
  const auto members = [&](auto same, int lane) {
    std::vector<int> lanes;
    for (int i = 0; i < 32; i++)
      if (same(v[i]) == same(v[lane])) lanes.push_back(i);
    return lanes;
  };
  for (int lane = 0; lane < 32; lane++) {
    const auto fill = [&](std::vector<int>& out, const std::vector<int>& g) {
      const int rank = static_cast<int>(std::find(g.begin(), g.end(), lane) - g.begin());
      out[4 * lane] = static_cast<int>(g.size()), out[4 * lane + 1] = rank;
      return rank;
    };
    auto g = members([](int x) { return x % 5; }, lane);
    int rank = fill(l, g);
    for (int i : g) l[4 * lane + 2] += v[i];
    for (int i = 0; i < rank; i++) l[4 * lane + 3] += v[g[i]];

    g = members([](int x) { return x > 50; }, lane);
    fill(b, g);
    b[4 * lane + 2] = v[g.back()];
    b[4 * lane + 3] = std::any_of(g.begin(), g.end(), [&](int i) { return v[i] == 77; });

    if (v[lane] % 3) continue;
    g = members([](int x) { return x % 3 == 0; }, lane);
    rank = fill(c, g);
    c[4 * lane + 2] = 0;
    for (int i = 0; i <= rank; i++) c[4 * lane + 2] += v[g[i]];
    c[4 * lane + 3] = rank + 1 < static_cast<int>(g.size()) ? v[g[rank + 1]] : v[lane];
  }
  expectEqual("labelled", labelled.download(), l);
  expectEqual("binary", binary.download(), b);
  expectEqual("coalesced", coalesced.download(), c);
}

TEST(cooperative_tiles) {
  Module m("cooperative");
  auto v = randomIntegers<int>(256, -100, 100);
  Buffer<int> in(v), out(256);
  m.run("divergedTiles", {1, 256}, in, out);
  std::vector<int> expected(256);
  for (int t = 0; t < 32; t++) {
    std::vector<int> x(v.begin() + 8 * t, v.begin() + 8 * t + 8);
    for (int k = 0; k <= t; k++) {
      auto y = x;
      for (int i = 0; i < 8; i++)
        y[i] = static_cast<int>(static_cast<unsigned>(x[i]) + static_cast<unsigned>(x[i ^ (1 << k % 3)]));
      x = y;
    }
    const bool all = std::all_of(x.begin(), x.end(), [](int e) { return e > 0; });
    for (int i = 0; i < 8; i++) expected[8 * t + i] = all ? x[i] : static_cast<int>(0u - static_cast<unsigned>(x[i]));
  }
  expectEqual("tiles of 8", out.download(), expected);

  m.run("wideTiles", {1, 256}, in, out);
  for (int i = 0; i < 256; i++)
    expected[i] = std::accumulate(v.begin() + i / 64 * 64, v.begin() + i / 64 * 64 + 64, i % 64);
  expectEqual("tiles of 64", out.download(), expected);
}

TEST(cooperative_invoke_one) {
  Module m("cooperative");
  auto counter = Buffer<int>::zeros(1);
  Buffer<int> out(256);
  m.run("invokeOne", {2, 128}, counter, out);
  expectEqual<int>("counter", counter.download(), {8});
  const auto got = out.download();
  std::vector<int> firsts;
  for (int w = 0; w < 8; w++) {
    for (int i = 0; i < 32; i++) CHECK(got[32 * w + i] == got[32 * w]);
    firsts.push_back(got[32 * w]);
  }
  std::sort(firsts.begin(), firsts.end());
  for (int w = 0; w < 8; w++) CHECK(firsts[w] == w);
}
