#include <algorithm>
#include <numeric>

#include "../support/test.h"

using namespace test;

// The nearest value of an 8-bit format (ties to even, saturating), by looking at all of them.
static unsigned char nearest(float v, int fraction, int bias, int largest) {
  const auto value = [=](int code) {
    const int e = code >> fraction, f = code & ((1 << fraction) - 1);
    return e == 0 ? std::ldexp(f, 1 - bias - fraction) : std::ldexp(f + (1 << fraction), e - bias - fraction);
  };
  const double a = std::fabs(static_cast<double>(v));
  int best = std::isinf(v) ? largest : 0;
  for (int code = 0; code <= largest && !std::isinf(v); code++) {
    const double d = std::fabs(value(code) - a), b = std::fabs(value(best) - a);
    if (d < b || (d == b && code % 2 == 0)) best = code;
  }
  return static_cast<unsigned char>(best | (std::signbit(v) ? 0x80 : 0));
}

TEST(miscellany_eight_bit_floats) {
  std::vector<float> v = {0,
                          -0.0f,
                          1,
                          -1,
                          448,
                          449,
                          500,
                          57344,
                          60000,
                          1e9f,
                          -1e9f,
                          0.001953125f,
                          0.0009765625f,
                          0.00097656256f,
                          1e-9f,
                          INFINITY,
                          -INFINITY,
                          17,
                          18,
                          19,
                          1.0625f,
                          1.1875f};
  Random random(3);
  while (v.size() < 512)
    v.push_back(static_cast<float>(std::ldexp(1 + random() / 4294967296.0, static_cast<int>(random() % 34) - 18) *
                                   (random() & 1 ? 1 : -1)));
  Buffer<float> in(v), back(1024);
  Buffer<unsigned char> a(512), b(512);
  Module("miscellany").run("eightBitFloats", {8, 64}, in, a, b, back);
  std::vector<unsigned char> ea, eb;
  for (float x : v) ea.push_back(nearest(x, 3, 7, 0x7e)), eb.push_back(nearest(x, 2, 15, 0x7b));
  expectEqual("e4m3", a.download(), ea);
  expectEqual("e5m2", b.download(), eb);
}

TEST(miscellany_thrust) {
  const int n = 23, threads = 48;
  auto v = randomIntegers<int>(n * threads, 0, 100);
  Buffer<int> rows(v), found(threads), sums(threads);
  Module("miscellany").run("thrustInThreads", {2, 24}, rows, n, found, sums);
  std::vector<int> ef, es;
  for (int t = 0; t < threads; t++) {
    const auto from = v.begin() + t * n, to = from + n;
    std::sort(from, to);
    ef.push_back(static_cast<int>(std::lower_bound(from, to, 50) - from));
    es.push_back(std::accumulate(from, to, 7));
  }
  expectEqual("sorted", rows.download(), v);
  expectEqual("found", found.download(), ef);
  expectEqual("sums", sums.download(), es);
}

TEST(miscellany_mandelbrot) {
  const int width = 45, height = 30, most = 100;
  Buffer<int> out(width * height);
  Module("miscellany").run("mandelbrot", {{6, 4}, {8, 8}}, out, width, height, most);
  const auto got = out.download();
  int differ = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const double cx = -2.0 + 3.0 * x / width, cy = -1.5 + 3.0 * y / height;
      double zx = 0, zy = 0;
      int steps = 0;
      while (zx * zx + zy * zy < 4 && steps < most) {
        const double t = zx * zx - zy * zy + cx;
        zy = 2 * zx * zy + cy, zx = t, steps++;
      }
      differ += got[y * width + x] != steps;
    }
  CHECK(differ <= 4);  // points where the fused products of the kernel round to the other side
}

TEST(miscellany_cache_policies) {
  const auto v = randomIntegers<int>(256, 0, 1000);
  Buffer<int> in(v), out(256);
  auto scratch = Buffer<int>::zeros(256);
  Module("miscellany").run("cachePolicies", {2, 128}, in, out, scratch);
  auto expected = v;
  for (int& e : expected) e = 2 * e + 3;
  expectEqual("out", out.download(), expected);
}

TEST(miscellany_latches) {
  Buffer<int> out(64);
  Module("miscellany").run("latches", {1, 64}, out);
  std::vector<int> expected(64);
  for (int t = 0; t < 64; t++) expected[t] = t % 2 ? t + 1000 : 32 * 32;
  expectEqual("out", out.download(), expected);
}

TEST(miscellany_bits) {
  std::vector<unsigned long long> v;
  std::mt19937_64 random(4);
  for (int i = 0; i < 64; i++) v.push_back(i < 4 ? (i ? ~0ull << (i * 20) : 0) : i % 5 ? random() >> i : 1ull << i);
  Buffer<unsigned long long> in(v);
  Buffer<int> out(512);
  Module("miscellany").run("standardBits", {1, 64}, in, out);
  std::vector<int> expected;
  for (int t = 0; t < 64; t++) {
    const unsigned long long x = v[t];
    const unsigned s = x & 0xffff;
    const int a[] = {__builtin_popcountll(x),
                     x ? __builtin_clzll(x) : 64,
                     x ? __builtin_ctzll(x) : 64,
                     ~x ? __builtin_clzll(~x) : 64,
                     x && !(x & (x - 1)),
                     x ? 64 - __builtin_clzll(x) : 0,
                     static_cast<int>(x << 13 | x >> 51),
                     static_cast<int>((s >> 5 | s << 11) & 0xffff)};
    for (int i = 0; i < 8; i++) expected.push_back(a[(i + t) % 8]);
  }
  expectEqual("bits", out.download(), expected);
}

TEST(miscellany_double_double) {
  const int n = 5000;
  const auto v = randomReals<double>(n, -1e8, 1e8);
  Buffer<double> in(v), out(64);
  Module("miscellany").run("doubleDouble", {1, 32}, in, out, n);
  const auto got = out.download();
  for (int t = 0; t < 32; t++) {
    __extension__ __float128 sum = 0;
    for (int i = t; i < n; i += 32) sum += static_cast<__float128>(v[i]) * v[i];
    const auto error = static_cast<double>(sum - got[2 * t] - got[2 * t + 1]);
    CHECK(std::fabs(error) < 1e-25 * static_cast<double>(sum));
  }
}

TEST(miscellany_persistent) {
  const auto tasks = randomIntegers<int>(40, 0, 500);
  auto head = Buffer<int>::zeros(1), results = Buffer<int>::zeros(40);
  Buffer<int> in(tasks);
  Module("miscellany").run("persistent", {3, 96}, head, in, 40, results);
  std::vector<int> expected;
  for (int t : tasks) expected.push_back(t * (t - 1) / 2);
  expectEqual("results", results.download(), expected);
}

TEST(miscellany_templates) {
  const auto v = randomReals<float>(64, -1, 1);
  Buffer<float> in(v), out(64);
  Buffer<int> counts(64);
  Module("miscellany").run("templates", {1, 64}, in, out, counts);
  const int primes[] = {2, 3, 5, 7, 11, 13, 17, 19};
  std::vector<float> expected;
  for (int t = 0; t < 64; t++) {
    float p = 1;
    for (int n = 1; n <= 12; n++) p = std::fma(p, v[t], 1.0f / static_cast<float>(n));
    expected.push_back(p + static_cast<float>(primes[t % 8]));
  }
  expectNear("polynomial", out.download(), expected, 1e-6, 1e-6);
  auto c = counts.download();
  std::sort(c.begin(), c.end());
  for (int t = 0; t < 64; t++) CHECK(c[t] == t + 5);
}

TEST(miscellany_strings) {
  const int stride = 16, n = 50;
  std::vector<char> in(n * stride), out(n * stride);
  std::vector<std::string> expected;
  Random random(6);
  for (int i = 0; i < n; i++) {
    const auto v = static_cast<int>(random() % 20000000) - 10000000;
    std::string s = std::to_string(v), r = std::to_string(v * 3 - 1);
    if (i % 7 == 3) s[s.size() / 2] = 'q', r = "x";
    std::copy(s.begin(), s.end(), in.begin() + i * stride);
    expected.push_back(r);
  }
  Buffer<char> di(in), dout(out);
  Module("miscellany").run("strings", {1, n}, di, dout, stride);
  const auto got = dout.download();
  for (int i = 0; i < n; i++) CHECK(std::string(&got[i * stride]) == expected[i]);
}

TEST(miscellany_early_exit) {
  for (int at : {0, 31, 32, 77, 99, -1}) {
    std::vector<int> v(100, 7);
    if (at >= 0) v[at] = 42;
    Buffer<int> in(v), out(1);
    Module("miscellany").run("earlyExit", {1, 32}, in, out, 100);
    CHECK(out.download()[0] == at);
  }
}

TEST(miscellany_reinterpreted) {
  const auto v = randomReals<double>(64, -1, 1);
  Buffer<double> in(v);
  Buffer<unsigned> out(64);
  Module("miscellany").run("reinterpreted", {1, 64}, in, out);
  std::vector<unsigned> u(64), expected(64);
  for (int t = 0; t < 64; t++) {
    unsigned char bytes[8];
    std::memcpy(bytes, &v[t], 8);
    for (int i = 0; i < 8; i++) u[t] = u[t] * 31 + bytes[(i + t) % 8];
  }
  for (int t = 0; t < 64; t++) expected[t] = u[t ^ 1] ^ u[63 - t];
  expectEqual("out", out.download(), expected);
}
