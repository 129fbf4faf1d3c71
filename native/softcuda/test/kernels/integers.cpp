#include <algorithm>

#include "../support/test.h"

using namespace test;

namespace {

using u32 = uint32_t;
using s32 = int32_t;
using u64 = uint64_t;
using s64 = int64_t;
__extension__ using u128 = unsigned __int128;
__extension__ using s128 = __int128;

template <typename T>
std::vector<T> operands(size_t count, unsigned seed) {
  std::vector<T> edges;
  for (int v : {0, 1, 2, 3, 5, 7, 10, 31, 32, 33, 63, 64, 100, 127, 128, 255, 256}) edges.push_back(static_cast<T>(v));
  for (int b = 8; b < static_cast<int>(sizeof(T)) * 8; b += 7)
    edges.push_back(T(1) << b), edges.push_back((T(1) << b) - 1);
  for (size_t i = 0, n = edges.size(); i < n; i++) edges.push_back(static_cast<T>(~edges[i]));
  edges.push_back(static_cast<T>(T(1) << (sizeof(T) * 8 - 1)));
  edges.push_back(static_cast<T>((T(1) << (sizeof(T) * 8 - 1)) - 1));
  std::mt19937_64 random(seed);
  std::vector<T> out(count);
  for (T& v : out)
    v = random() % 2 ? edges[random() % edges.size()] : static_cast<T>(random() >> (random() % (64 - sizeof(T) * 4)));
  return out;
}

u32 byteOf(u32 v, unsigned i) { return v >> 8 * i & 0xff; }

u32 permuted(u32 a, u32 b, u32 selector) {
  u32 out = 0;
  for (unsigned i = 0; i < 4; i++) {
    const u32 s = selector >> 4 * i & 7;
    out |= (s < 4 ? byteOf(a, s) : byteOf(b, s - 4)) << 8 * i;
  }
  return out;
}

template <typename T>
void compareAll(const char* what, const std::vector<T>& got, const std::vector<std::vector<T>>& expected) {
  const size_t n = expected[0].size();
  std::string failures;
  for (size_t k = 0; k < expected.size(); k++) try {
      expectEqual(what + std::string(" ") + std::to_string(k),
                  std::vector<T>(got.begin() + k * n, got.begin() + (k + 1) * n), expected[k]);
    } catch (const Error& e) {
      failures += std::string("\n  ") + e.what();
    }
  if (!failures.empty()) throw Error(failures);
}

constexpr unsigned kCount = 4096;

}  // namespace

TEST(integers_32) {
  const auto as = operands<u32>(kCount, 1), bs = operands<u32>(kCount, 2), cs = operands<u32>(kCount, 3);
  Buffer<u32> a(as), b(bs), c(cs), out(40 * kCount);
  Module("integers").run("intrinsics32", {kCount / 64, 64}, a, b, c, out);
  std::vector<std::vector<u32>> e(40, std::vector<u32>(kCount));
  for (unsigned i = 0; i < kCount; i++) {
    const u32 x = as[i], y = bs[i], z = cs[i];
    const s32 sx = static_cast<s32>(x), sy = static_cast<s32>(y), sz = static_cast<s32>(z);
    u32 reversed = 0;
    for (int k = 0; k < 32; k++) reversed |= (x >> k & 1) << (31 - k);
    const auto signed24 = [](u32 v) { return static_cast<s64>(static_cast<s32>(v << 8) >> 8); };
    const u64 both = static_cast<u64>(y) << 32 | x;  // funnel shifts: high word b, low word a
    const unsigned wrap = z & 31, clamp = std::min(z, 32u);
    u32 dotS = z, dotU = z, lo = z, hi = z, ulo = z, uhi = z;
    for (unsigned k = 0; k < 4; k++) {
      dotS += static_cast<u32>(static_cast<int8_t>(byteOf(x, k)) * static_cast<int8_t>(byteOf(y, k)));
      dotU += byteOf(x, k) * byteOf(y, k);
    }
    for (unsigned k = 0; k < 2; k++) {
      const int h = static_cast<int16_t>(x >> 16 * k);
      lo += static_cast<u32>(h * static_cast<int8_t>(byteOf(y, k)));
      hi += static_cast<u32>(h * static_cast<int8_t>(byteOf(y, k + 2)));
      ulo += (x >> 16 * k & 0xffff) * byteOf(y, k);
      uhi += (x >> 16 * k & 0xffff) * byteOf(y, k + 2);
    }
    const bool safe = y != 0 && !(x == 0x80000000u && sy == -1);
    const u32 values[] = {reversed,
                          static_cast<u32>(x ? __builtin_clz(x) : 32),
                          static_cast<u32>(__builtin_ffs(sx)),
                          static_cast<u32>(__builtin_popcount(x)),
                          static_cast<u32>(static_cast<u64>(static_cast<s64>(sx) * sy) >> 32),
                          static_cast<u32>(static_cast<u64>(x) * y >> 32),
                          static_cast<u32>(signed24(x) * signed24(y)),
                          static_cast<u32>(static_cast<u64>(x & 0xffffff) * (y & 0xffffff)),
                          static_cast<u32>(std::llabs(static_cast<s64>(sx) - sy)) + z,
                          static_cast<u32>(std::llabs(static_cast<s64>(x) - static_cast<s64>(y))) + z,
                          permuted(x, y, z),
                          static_cast<u32>(both << wrap >> 32),
                          static_cast<u32>(clamp == 32 ? x : both << clamp >> 32),
                          static_cast<u32>(both >> wrap),
                          static_cast<u32>(both >> clamp),
                          static_cast<u32>((static_cast<s64>(sx) + sy) >> 1),
                          static_cast<u32>((static_cast<s64>(sx) + sy + 1) >> 1),
                          static_cast<u32>((static_cast<u64>(x) + y) >> 1),
                          static_cast<u32>((static_cast<u64>(x) + y + 1) >> 1),
                          dotS,
                          dotU,
                          lo,
                          hi,
                          ulo,
                          uhi,
                          sx < 0 ? 0u - x : x,
                          static_cast<u32>(std::min(sx, sy)),
                          std::max(x, y),
                          y ? x / y : 0,
                          y ? x % y : 0,
                          safe ? static_cast<u32>(sx / sy) : 0,
                          safe ? static_cast<u32>(sx % sy) : 0,
                          x / 7 + y / 10 + z / 641,
                          static_cast<u32>(sx / 7) + static_cast<u32>(sy % 10) + static_cast<u32>(sz / -3),
                          x << (y & 31) ^ z >> (x & 31),
                          static_cast<u32>(sx >> (y & 31)),
                          (x >> 5 & 0x3ff) | (y & 0x1f) << 10,
                          static_cast<u32>(static_cast<s32>(x << 9) >> 20),
                          (x & y) ^ (~z | x),
                          x * y + z};
    for (int k = 0; k < 40; k++) e[k][i] = values[k];
  }
  compareAll("operation", out.download(), e);
}

TEST(integers_shifts) {
  const auto as = operands<u32>(kCount, 4), bs = operands<u32>(kCount, 5);
  const auto ws = operands<u64>(kCount, 6);
  Buffer<u32> a(as), b(bs), out(3 * kCount);
  Buffer<u64> w(ws), wide(3 * kCount);
  Module("integers").run("shifts", {kCount / 64, 64}, a, b, w, out, wide);
  std::vector<std::vector<u32>> e(3);
  std::vector<std::vector<u64>> ew(3);
  for (unsigned i = 0; i < kCount; i++) {
    const u32 n = bs[i];
    e[0].push_back(n > 31 ? 0 : as[i] << n);
    e[1].push_back(n > 31 ? 0 : as[i] >> n);
    e[2].push_back(static_cast<u32>(static_cast<s32>(as[i]) >> std::min(n, 31u)));
    ew[0].push_back(n > 63 ? 0 : ws[i] << n);
    ew[1].push_back(n > 63 ? 0 : ws[i] >> n);
    ew[2].push_back(static_cast<u64>(static_cast<s64>(ws[i]) >> std::min(n, 63u)));
  }
  compareAll("shift", out.download(), e);
  compareAll("wide shift", wide.download(), ew);
}

TEST(integers_64) {
  const auto as = operands<u64>(kCount, 1), bs = operands<u64>(kCount, 2), cs = operands<u64>(kCount, 3);
  Buffer<u64> a(as), b(bs), c(cs), out(21 * kCount);
  Module("integers").run("intrinsics64", {kCount / 64, 64}, a, b, c, out);
  std::vector<std::vector<u64>> e(21, std::vector<u64>(kCount));
  for (unsigned i = 0; i < kCount; i++) {
    const u64 x = as[i], y = bs[i], z = cs[i];
    const auto sx = static_cast<s64>(x), sy = static_cast<s64>(y);
    u64 reversed = 0;
    for (int k = 0; k < 64; k++) reversed |= (x >> k & 1) << (63 - k);
    const bool safe = y && sy != -1;
    const u64 values[] = {reversed,
                          static_cast<u64>(x ? __builtin_clzll(x) : 64),
                          static_cast<u64>(__builtin_ffsll(sx)),
                          static_cast<u64>(__builtin_popcountll(x)),
                          static_cast<u64>(static_cast<u128>(static_cast<s128>(sx) * sy) >> 64),
                          static_cast<u64>(static_cast<u128>(x) * y >> 64),
                          y ? x / y : 0,
                          y ? x % y : 0,
                          safe ? static_cast<u64>(sx / sy) : 0,
                          safe ? static_cast<u64>(sx % sy) : 0,
                          x / 1000000007 + y % 10,
                          x << (y & 63) ^ z >> (x & 63),
                          static_cast<u64>(sx >> (y & 63)),
                          x * y + z,
                          static_cast<u64>(std::min(sx, sy)),
                          std::max(x, y),
                          sx < 0 ? 0 - x : x,
                          static_cast<u64>(static_cast<u32>(x)) * static_cast<u32>(y) + z,
                          static_cast<u64>(static_cast<s64>(static_cast<s32>(x)) * static_cast<s32>(y)) + z,
                          (x >> 17 & 0x1ffff) | (y & 0x3fffff) << 30,
                          (x & ~y) | (y & z)};
    for (int k = 0; k < 21; k++) e[k][i] = values[k];
  }
  compareAll("operation", out.download(), e);
}

TEST(integers_128) {
  const auto as = operands<u64>(kCount, 7), bs = operands<u64>(kCount, 8);
  Buffer<u64> a(as), b(bs), out(20 * kCount);
  Module("integers").run("wide128", {kCount / 64, 64}, a, b, out);
  std::vector<std::vector<u64>> e(10);
  for (unsigned i = 0; i < kCount; i++) {
    const u128 x = static_cast<u128>(as[i]) << 64 | as[(i + 1) % kCount],
               y = static_cast<u128>(bs[i]) << 64 | bs[(i + 1) % kCount];
    const u128 values[] = {x + y,
                           x - y,
                           x * y,
                           x << (as[i] & 127),
                           x >> (bs[i] & 127),
                           static_cast<u128>(static_cast<s128>(x) >> (bs[i] & 127)),
                           y >> 64 ? x / y : 0,
                           x / (as[i] | 1),
                           static_cast<u128>(static_cast<s128>(x) % (static_cast<s128>(static_cast<s64>(bs[i])) | 1)),
                           std::min(x, y)};
    for (int k = 0; k < 10; k++)
      e[k].push_back(static_cast<u64>(values[k])), e[k].push_back(static_cast<u64>(values[k] >> 64));
  }
  compareAll("operation", out.download(), e);
}

// f over the four bytes or two halves of a and b
template <typename T, typename F>
static u32 eachPart(u32 a, u32 b, F f) {
  u32 out = 0;
  constexpr int bits = sizeof(T) * 8;
  const u32 mask = static_cast<u32>((u64(1) << bits) - 1);
  for (int shift = 0; shift < 32; shift += bits)
    out |= (static_cast<u32>(
                f(static_cast<int>(static_cast<T>(a >> shift)), static_cast<int>(static_cast<T>(b >> shift)))) &
            mask)
           << shift;
  return out;
}

TEST(integers_simd) {
  const auto as = operands<u32>(kCount, 9), bs = operands<u32>(kCount, 10);
  Buffer<u32> a(as), b(bs), out(18 * kCount);
  Module("integers").run("simd", {kCount / 64, 64}, a, b, out);
  std::vector<std::vector<u32>> e(18);
  using u8 = uint8_t;
  using s8 = int8_t;
  using s16 = int16_t;
  for (unsigned i = 0; i < kCount; i++) {
    const u32 x = as[i], y = bs[i];
    u32 sum = 0;
    for (unsigned k = 0; k < 4; k++)
      sum += static_cast<u32>(std::abs(static_cast<int>(byteOf(x, k)) - static_cast<int>(byteOf(y, k))));
    const u32 values[] = {eachPart<u8>(x, y, [](int p, int q) { return p + q; }),
                          eachPart<u8>(x, y, [](int p, int q) { return p - q; }),
                          eachPart<u8>(x, y, [](int p, int q) { return std::min(p + q, 255); }),
                          eachPart<s8>(x, y, [](int p, int q) { return std::clamp(p + q, -128, 127); }),
                          eachPart<u8>(x, y, [](int p, int q) { return std::max(p - q, 0); }),
                          eachPart<u8>(x, y, [](int p, int q) { return std::abs(p - q); }),
                          eachPart<u8>(x, y, [](int p, int q) { return std::max(p, q); }),
                          eachPart<s8>(x, y, [](int p, int q) { return std::min(p, q); }),
                          eachPart<u8>(x, y, [](int p, int q) { return p == q ? 255 : 0; }),
                          eachPart<u8>(x, y, [](int p, int q) { return p > q ? 255 : 0; }),
                          eachPart<u8>(x, y, [](int p, int q) { return (p + q + 1) >> 1; }),
                          sum,
                          eachPart<s16>(x, y, [](int p, int q) { return p + q; }),
                          eachPart<s16>(x, y, [](int p, int q) { return std::clamp(p + q, -32768, 32767); }),
                          eachPart<s16>(x, y, [](int p, int q) { return std::max(p, q); }),
                          eachPart<s16>(x, y, [](int p, int q) { return std::abs(p - q); }),
                          eachPart<s8>(x, y, [](int p, int) { return -p; }),
                          eachPart<u8>(x, y, [](int p, int q) { return p == q ? 1 : 0; })};
    for (int k = 0; k < 18; k++) e[k].push_back(values[k]);
  }
  compareAll("operation", out.download(), e);
}

TEST(integers_small) {
  const auto as = operands<uint8_t>(kCount, 11), bs = operands<uint8_t>(kCount, 12);
  const auto cs = operands<uint16_t>(kCount, 13);
  Buffer<uint8_t> a(as), b(bs);
  Buffer<uint16_t> c(cs);
  Buffer<int> out(12 * kCount);
  Module("integers").run("small", {kCount / 64, 64}, a, b, c, out);
  std::vector<std::vector<int>> e(12);
  for (unsigned i = 0; i < kCount; i++) {
    const int x = as[i], y = bs[i], z = cs[i], sx = static_cast<int8_t>(x), sy = static_cast<int8_t>(y),
              sz = static_cast<int16_t>(z);
    const int values[] = {(x + y) & 0xff,
                          static_cast<int8_t>(sx * sy),
                          y ? x / y : -1,
                          sy ? sx % sy : -1,
                          static_cast<int16_t>(sz * sx),
                          static_cast<uint16_t>(z << (x & 15)),
                          sz >> (y & 15),
                          static_cast<int16_t>((sz >> 3) ^ sx),
                          x < y ? z : -sz,
                          static_cast<uint16_t>(~z) + static_cast<uint8_t>(-x),
                          std::min(sz, sx),
                          static_cast<int>(static_cast<u32>(z) * static_cast<u32>(z) >> 16)};
    for (int k = 0; k < 12; k++) e[k].push_back(values[k]);
  }
  compareAll("operation", out.download(), e);
}
