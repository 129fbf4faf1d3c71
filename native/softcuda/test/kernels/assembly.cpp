// Against the same in C++.
#include "../support/test.h"

using namespace test;

TEST(assembly_big_products) {
  const int n = 96;
  auto a = randomIntegers<uint32_t>(n * 8, 0, 0xffffffffll, 1),
       b = randomIntegers<uint32_t>(n * 8, 0, 0xffffffffll, 2);
  for (int k = 0; k < 16; k++) a[k] = b[k] = 0xffffffff;  // carries all the way
  const Buffer<uint32_t> as(a), bs(b), out(n * 16);
  Module("assembly").run("bigProducts", {3, 32}, as, bs, out);
  std::vector<uint32_t> expected(n * 16);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 8; j++) {
      uint64_t carry = 0;
      for (int k = 0; k < 8; k++) {
        uint32_t& r = expected[i * 16 + j + k];
        carry += static_cast<uint64_t>(a[i * 8 + k]) * b[i * 8 + j] + r;
        r = static_cast<uint32_t>(carry);
        carry >>= 32;
      }
      expected[i * 16 + j + 8] = static_cast<uint32_t>(carry);
    }
  expectEqual("products", out.download(), expected);
}

TEST(assembly_branch_table) {
  std::vector<int> in;
  for (int i = 0; i < 64; i++) in.push_back(i % 9 - 1);
  const Buffer<int> d(in), out(in.size());
  Module("assembly").run("branchTable", {2, 32}, d, out);
  std::vector<int> expected;
  for (int x : in)
    expected.push_back(x == 0 ? 100 : x == 1 ? 8 : x == 2 ? 20 : x == 3 ? 33 : x == 4 ? (4 ^ 3 ^ 9) : 1 - 2 * x);
  expectEqual("out", out.download(), expected);
}

TEST(assembly_vectors) {
  const int n = 64;
  const auto in = randomIntegers<uint32_t>(n * 4, 0, 0xffffffffll);
  const Buffer<uint32_t> d(in);
  const Buffer<uint64_t> out(n * 4);
  Module("assembly").run("vectors", {2, 32}, d, out);
  std::vector<uint64_t> expected;
  for (int i = 0; i < n; i++) {
    const uint64_t x = in[4 * i], y = in[4 * i + 1], z = in[4 * i + 2], w = in[4 * i + 3];
    const uint64_t product = x * y + (z << 20), other = w << 32 | x, mask = ((uint64_t(1) << 31) - 1) << 30;
    const uint64_t part = product >> 13 & ((1u << 29) - 1);
    const uint64_t turned = (z & 0xff) | (w & 0xff) << 8 | (z >> 8 & 0xff) << 16 | (w >> 8 & 0xff) << 24;
    expected.push_back(product);
    expected.push_back((other & ~mask) | (part << 30 & mask));
    expected.push_back(turned | (other >> (y & 31)) << 32);
    expected.push_back((x ^ w) | uint64_t(0x12345678) << 32);
  }
  expectEqual("out", out.download(), expected);
}

TEST(assembly_named_barriers) {
  const Module m("assembly");
  for (int rounds : {1, 2, 9}) {
    const auto in = randomIntegers<int>(32 * 9, -9, 9);
    const Buffer<int> d(in);
    auto out = Buffer<int>::zeros(64);
    m.run("namedBarriers", {1, 96}, d, out, rounds);
    std::vector<int> expected(64);
    bool any = false;
    for (int l = 0; l < 32; l++) {
      any = any || in[l] > 5;
      for (int r = 0; r < rounds; r++) expected[l] += 3 * in[r * 32 + 31 - l];
    }
    for (int l = 0; l < 32; l++) expected[32 + l] = any;
    expectEqual("out", out.download(), expected);
  }
}

TEST(assembly_back_off) {
  auto lock = Buffer<uint64_t>::zeros(1), total = Buffer<uint64_t>::zeros(1);
  auto asleep = Buffer<uint32_t>::zeros(1);
  Module("assembly").run("backOff", {3, 64}, lock, total, asleep);
  expectEqual<uint64_t>("lock", lock.download(), {0});
  // threads 0 to 63 of three blocks; they add and do not combine by or
  uint64_t expected = 0;
  for (uint64_t b = 0; b < 3; b++)
    for (uint64_t t = 0; t < 64; t++) expected += uint64_t(1) << 33 | t;
  expectEqual<uint64_t>("total", total.download(), {expected});
  CHECK(asleep.download()[0] > 0);
}
