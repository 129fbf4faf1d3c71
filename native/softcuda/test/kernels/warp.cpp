#include <algorithm>

#include "../support/test.h"

using namespace test;

TEST(warp_shuffles) {
  Module m("warp");
  const auto v = randomIntegers<int>(32, INT32_MIN, INT32_MAX);
  Buffer<int> in(v), out(128);
  for (int width : {32, 16, 8, 4, 2, 1})
    for (int a : {0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 40}) {
      m.run("shuffles", {1, 32}, in, out, a, width);
      std::vector<int> expected(128);
      for (int lane = 0; lane < 32; lane++) {
        const int base = lane / width * width, inside = lane % width;
        expected[lane] = v[base + a % width];
        // the clamp of up and down compares the source lane with the segment's bounds; the delta counts modulo 32 in
        // hardware
        const int delta = a & 31;
        expected[32 + lane] = inside - delta >= 0 ? v[lane - delta] : v[lane];
        expected[64 + lane] = inside + delta < width ? v[lane + delta] : v[lane];
        const int x = lane ^ delta;
        expected[96 + lane] = x < base + width ? v[x] : v[lane];
      }
      expectEqual("width " + std::to_string(width) + " argument " + std::to_string(a), out.download(), expected);
    }
}

TEST(warp_gather) {
  Module m("warp");
  const auto v = randomReals<double>(32, -1, 1);
  const auto from = randomIntegers<int>(32, 0, 31);
  Buffer<double> in(v), out(32);
  Buffer<int> index(from);
  m.run("gather", {1, 32}, in, index, out);
  std::vector<double> expected(32);
  for (int i = 0; i < 32; i++) expected[i] = v[from[i]];
  expectEqual("gathered", out.download(), expected);
}

TEST(warp_partial) {
  Module m("warp");
  const auto v = randomReals<float>(32, 0, 1);
  Buffer<float> in(v), out(32);
  m.run("partialShuffle", {1, 32}, in, out);
  std::vector<float> expected(32, -1);
  for (int i = 1; i < 32; i += 2) expected[i] = i + 2 < 32 ? v[i + 2] : v[i];
  expectEqual("odd lanes", out.download(), expected);
}

TEST(warp_votes) {
  Module m("warp");
  auto v = randomIntegers<int>(128, 0, 100);
  for (int i = 32; i < 64; i++) v[i] = 90;
  for (int i = 64; i < 96; i++) v[i] = 1;
  Buffer<int> in(v);
  Buffer<unsigned> out(16);
  m.run("votes", {1, 128}, in, out, 50);
  std::vector<unsigned> expected;
  for (int w = 0; w < 4; w++) {
    unsigned ballot = 0;
    for (int i = 0; i < 32; i++) ballot |= static_cast<unsigned>(v[32 * w + i] > 50) << i;
    for (unsigned e : {unsigned(ballot == ~0u), unsigned(ballot != 0), ballot, unsigned(ballot == 0 || ballot == ~0u)})
      expected.push_back(e);
  }
  expectEqual("votes", out.download(), expected);
}

TEST(warp_matches) {
  Module m("warp");
  for (bool same : {false, true}) {
    const auto v = same ? std::vector<int>(32, 9) : randomIntegers<int>(32, 0, 6);
    Buffer<int> in(v), allTrue(32);
    Buffer<unsigned> any(32), all(32), any64(32);
    m.run("matches", {1, 32}, in, any, all, allTrue, any64);
    std::vector<unsigned> expected(32);
    for (int i = 0; i < 32; i++)
      for (int j = 0; j < 32; j++) expected[i] |= static_cast<unsigned>(v[i] == v[j]) << j;
    expectEqual("any", any.download(), expected);
    expectEqual("any of 64 bits", any64.download(), expected);
    expectEqual("all", all.download(), std::vector<unsigned>(32, same ? ~0u : 0));
    expectEqual("all's predicate", allTrue.download(), std::vector<int>(32, same));
  }
}

TEST(warp_lane_masks) {
  Module m("warp");
  Buffer<unsigned> out(8 * 48);
  m.run("laneMasks", {1, {16, 3}}, out);
  std::vector<unsigned> expected;
  for (unsigned t = 0; t < 48; t++) {
    const unsigned lane = t % 32, eq = 1u << lane, lt = eq - 1;
    for (unsigned e : {eq, lt, lt | eq, ~(lt | eq), ~lt, lane, 1u, 32u}) expected.push_back(e);
  }
  expectEqual("masks", out.download(), expected);
}

TEST(warp_active_masks) {
  Module m("warp");
  const auto v = randomIntegers<int>(32, 0, 1000);
  Buffer<int> in(v);
  Buffer<unsigned> out(64);
  m.run("activeMasks", {1, 32}, in, out);
  unsigned odd = 0;
  for (int i = 0; i < 32; i++) odd |= static_cast<unsigned>(v[i] % 2) << i;
  const auto got = out.download();
  for (int i = 0; i < 32; i++) {
    // which lanes run together is the machine's affair; they are of the same arm and the lane is among them
    CHECK((got[i] & ~(v[i] % 2 ? odd : ~odd)) == 0 && (got[i] >> i & 1));
    CHECK(got[32 + i] == odd);
  }
}

TEST(warp_sync) {
  Module m("warp");
  Buffer<int> out(256);
  const int rounds = 40;
  m.run("syncWarp", {1, 256}, out, rounds);
  std::vector<int> expected(256);
  for (int t = 0; t < 256; t++)
    expected[t] = t / 32 * 32 + ((t % 32) - rounds % 32 + 32) % 32 + rounds * (rounds - 1) / 2;
  expectEqual("rounds", out.download(), expected);
}

TEST(warp_both_arms) {
  Module m("warp");
  const auto v = randomIntegers<int>(32, -100, 100);
  Buffer<int> in(v), out(32);
  m.run("meetFromBothArms", {1, 32}, in, out);
  auto x = v;
  for (int offset = 16; offset; offset /= 2) {
    auto y = x;
    for (int i = 0; i < 32; i++) y[i] = i < 16 ? x[i] + x[i ^ (offset & 15)] : x[i] - x[i ^ (offset & 15)];
    x = y;
  }
  expectEqual("arms", out.download(), x);
}

TEST(warp_nth_set_bit) {
  Module m("warp");
  const auto mask = randomIntegers<unsigned>(256, 0, UINT32_MAX, 1), base = randomIntegers<unsigned>(256, 0, 31, 2);
  const auto offset = randomIntegers<int>(256, -10, 10, 3);
  Buffer<unsigned> dm(mask), db(base), out(256);
  Buffer<int> dof(offset);
  m.run("nthSetBit", {1, 256}, dm, db, dof, out);
  std::vector<unsigned> expected(256);
  for (int t = 0; t < 256; t++) {
    // PTX ISA, fns: search from base upwards for positive offsets, downwards for negative, itself for zero
    unsigned found = ~0u;
    int left = offset[t];
    if (left == 0) found = mask[t] >> base[t] & 1 ? base[t] : ~0u;
    else
      for (int p = static_cast<int>(base[t]), step = left > 0 ? 1 : -1; p >= 0 && p < 32; p += step)
        if (mask[t] >> p & 1 && (left -= step) == 0) {
          found = static_cast<unsigned>(p);
          break;
        }
    expected[t] = found;
  }
  expectEqual("bits", out.download(), expected);
}

TEST(warp_bitonic) {
  Module m("warp");
  auto keys = randomIntegers<unsigned>(2048, 0, UINT32_MAX);
  Buffer<unsigned> inWarps(keys), inBlocks(keys);
  m.run("bitonicWarp", {8, 256}, inWarps);
  m.run("bitonicBlock", {2, 1024, 4096}, inBlocks);
  auto expected = keys;
  for (int w = 0; w < 2048; w += 32) std::sort(expected.begin() + w, expected.begin() + w + 32);
  expectEqual("warps", inWarps.download(), expected);
  expected = keys;
  for (int b = 0; b < 2048; b += 1024) std::sort(expected.begin() + b, expected.begin() + b + 1024);
  expectEqual("blocks", inBlocks.download(), expected);
}
