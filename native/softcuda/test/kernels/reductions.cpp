#include <algorithm>
#include <numeric>

#include "../support/test.h"

using namespace test;

TEST(reductions_shared) {
  Module m("reductions");
  const int n = 10007;
  const auto ints = randomIntegers<int>(n, -1000000, 1000000);
  Buffer<int> in(ints), out(7);
  for (unsigned block : {32u, 128u, 1024u}) {
    m.run("sumSharedInt", {7, block, block * 4}, in, out, n);
    const auto parts = out.download();
    CHECK(std::accumulate(parts.begin(), parts.end(), 0) == std::accumulate(ints.begin(), ints.end(), 0));
  }
  const auto reals = randomReals<double>(n, -1, 1);
  Buffer<double> inD(reals), outD(7);
  m.run("sumSharedDouble", {7, 256, 2048}, inD, outD, n);
  const auto parts = outD.download();
  expectNear<double, double>("sum", {std::accumulate(parts.begin(), parts.end(), 0.0)},
                             {std::accumulate(reals.begin(), reals.end(), 0.0)}, 1e-10);
}

template <typename T>
static void shuffles(const Module& m, const char* kernel, int n, unsigned block) {
  // small integers: every order of adding gives the same sum
  const auto values = randomIntegers<T>(n, 0, 500, 7);
  Buffer<T> in(values), out = Buffer<T>::zeros(1);
  m.run(kernel, {5, block}, in, out, n);
  expectEqual<T>(kernel, out.download(), {std::accumulate(values.begin(), values.end(), T(0))});
}

TEST(reductions_shuffle) {
  Module m("reductions");
  for (unsigned block : {32u, 96u, 256u, 1024u}) {
    shuffles<int>(m, "sumShuffleInt", 5003, block);
    shuffles<float>(m, "sumShuffleFloat", 5003, block);
    shuffles<double>(m, "sumShuffleDouble", 5003, block);
    shuffles<unsigned long long>(m, "sumShuffleLong", 5003, block);
  }
}

TEST(reductions_redux) {
  Module m("reductions");
  const auto values = randomIntegers<int>(1024, INT32_MIN, INT32_MAX);
  Buffer<int> in(values), out(1024 / 32 * 8);
  m.run("reduxAll", {4, 256}, in, out);
  std::vector<int> expected;
  for (size_t w = 0; w < 1024; w += 32) {
    const auto b = values.begin() + w, e = b + 32;
    const auto asUnsigned = [](int x, int y) { return static_cast<unsigned>(x) < static_cast<unsigned>(y); };
    unsigned sum = 0, all = ~0u, any = 0, odd = 0;
    for (auto i = b; i != e; ++i) {
      const auto u = static_cast<unsigned>(*i);
      sum += u, all &= u, any |= u, odd ^= u;
    }
    for (unsigned v :
         {sum, static_cast<unsigned>(*std::min_element(b, e)), static_cast<unsigned>(*std::max_element(b, e)),
          static_cast<unsigned>(*std::min_element(b, e, asUnsigned)),
          static_cast<unsigned>(*std::max_element(b, e, asUnsigned)), all, any, odd})
      expected.push_back(static_cast<int>(v));
  }
  expectEqual("redux", out.download(), expected);

  Buffer<int> thirds(32);
  m.run("reduxThirds", {1, 32}, in, thirds);
  std::vector<int> third(32);
  for (int lane = 0; lane < 32; lane++) {
    unsigned sum = 0, odd = 0;
    int most = INT32_MIN;
    for (int i = lane % 3; i < 32; i += 3) {
      sum += static_cast<unsigned>(values[i]), odd ^= static_cast<unsigned>(values[i]);
      most = std::max(most, values[i]);
    }
    third[lane] = static_cast<int>(lane % 3 == 0 ? sum : lane % 3 == 1 ? static_cast<unsigned>(most) : odd);
  }
  expectEqual("thirds", thirds.download(), third);
}

TEST(reductions_barrier) {
  Module m("reductions");
  const unsigned blocks = 6, threads = 200;
  auto values = randomIntegers<int>(blocks * threads, -50, 50);
  values[250] = 77, values[999] = 99;
  Buffer<int> in(values), out(blocks * 3);
  m.run("barrierReductions", {blocks, threads}, in, out, 60, 99);
  std::vector<int> expected;
  for (unsigned b = 0; b < blocks; b++) {
    const auto from = values.begin() + b * threads, to = from + threads;
    expected.push_back(static_cast<int>(std::count_if(from, to, [](int v) { return v > 0; })));
    expected.push_back(std::all_of(from, to, [](int v) { return v < 60; }));
    expected.push_back(std::find(from, to, 99) != to);
  }
  expectEqual("barriers", out.download(), expected);
}

TEST(reductions_last_block) {
  Module m("reductions");
  const int n = 30000;
  const auto values = randomIntegers<float>(n, -100, 100);
  Buffer<float> in(values), partial(37), out(1);
  for (int repeat = 0; repeat < 3; repeat++) {
    m.run("sumLastBlock", {37, 256}, in, partial, out, n);
    expectEqual<float>("sum", out.download(), {std::accumulate(values.begin(), values.end(), 0.0f)});
  }
}

TEST(reductions_tiles) {
  Module m("reductions");
  const unsigned threads = 128;
  const auto values = randomIntegers<int>(threads, -1000, 1000);
  Buffer<int> in(values), out = Buffer<int>::zeros(12 * threads);
  m.run("tileReductions", {1, threads}, in, out);
  std::vector<int> expected(12 * threads);
  for (int k = 0; k < 6; k++)
    for (unsigned t = 0; t < threads >> k; t++) {
      const auto from = values.begin() + (t << k), to = from + (1 << k);
      expected[2 * threads * k + 2 * t] = std::accumulate(from, to, 0);
      expected[2 * threads * k + 2 * t + 1] = *std::min_element(from, to);
    }
  expectEqual("tiles", out.download(), expected);
}

TEST(reductions_arg_max) {
  Module m("reductions");
  auto values = randomReals<float>(5000, -1, 1);
  values[3210] = 2;
  values[4321] = 2;
  Buffer<float> in(values);
  Buffer<int> out(1);
  m.run("argMax", {1, 256}, in, out, 5000);
  expectEqual<int>("index", out.download(), {3210});
}
