#include <algorithm>

#include "../support/test.h"

using namespace test;

// C[m][n] = sum over k of A[m][k] * B[n][k]
template <typename T>
static std::vector<double> product(const std::vector<T>& a, const std::vector<T>& b, size_t m, size_t n, size_t k) {
  std::vector<double> c(m * n);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = 0;
      for (size_t p = 0; p < k; p++) sum += static_cast<double>(a[i * k + p]) * static_cast<double>(b[j * k + p]);
      c[i * n + j] = sum;
    }
  return c;
}

template <typename T, typename U, typename F>
static std::vector<T> converted(const std::vector<U>& in, F f) {
  std::vector<T> out(in.size());
  std::transform(in.begin(), in.end(), out.begin(), [&](U v) { return static_cast<T>(f(v)); });
  return out;
}

constexpr int M = 128, N = 192, K = 320;
constexpr unsigned kShared = 3 * 2 * 64 * 64;

template <typename Stored, typename Result, typename Encode>
static void exact(const char* kernel, double low, double high, double lowB, Encode encode) {
  // small integers: every product and partial sum is exact whatever the order
  const auto a = randomIntegers<double>(M * K, static_cast<long long>(low), static_cast<long long>(high), 1);
  const auto b = randomIntegers<double>(N * K, static_cast<long long>(lowB), static_cast<long long>(high / 2), 2);
  Buffer<Stored> da(converted<Stored>(a, encode)), db(converted<Stored>(b, encode));
  Buffer<Result> dc(M * N);
  Module("gemm_mma").run(kernel, {{N / 64, M / 64}, 128, kShared}, da, db, dc, N, K);
  expectNear(kernel, dc.download(), product(a, b, M, N, K), 0);
}

TEST(gemm_mma_f16) {
  exact<uint16_t, float>("gemmF16", -8, 8, -4, halfBits);
  // random reals, held against double precision: |error| <= K u |A||B|
  const auto a = converted<double>(randomReals<double>(M * K, -1, 1, 3), roundHalf),
             b = converted<double>(randomReals<double>(N * K, -1, 1, 4), roundHalf);
  Buffer<uint16_t> da(converted<uint16_t>(a, halfBits)), db(converted<uint16_t>(b, halfBits));
  Buffer<float> dc(M * N);
  Module("gemm_mma").run("gemmF16", {{N / 64, M / 64}, 128, kShared}, da, db, dc, N, K);
  expectNear("gemmF16", dc.download(), product(a, b, M, N, K), K * 0x1p-24 * K / 4);
}

TEST(gemm_mma_bf16) { exact<uint16_t, float>("gemmBf16", -8, 8, -4, bf16Bits); }
TEST(gemm_mma_tf32) {
  exact<float, float>("gemmTf32", -8, 8, -4, [](double v) { return v; });
}
TEST(gemm_mma_s8) {
  exact<int8_t, int>("gemmS8", -128, 127, -128, [](double v) { return v; });
  exact<uint8_t, int>("gemmU8S8", 0, 255, -128, [](double v) { return static_cast<int>(v); });
}

TEST(gemm_mma_half_accumulators) {
  const auto a = randomIntegers<double>(256, -5, 5), b = randomIntegers<double>(128, -5, 5, 2);
  Buffer<uint16_t> da(converted<uint16_t>(a, halfBits)), db(converted<uint16_t>(b, halfBits)), dc(128);
  Module("gemm_mma").run("mmaHalfAccumulators", {1, 32}, da, db, dc);
  std::vector<double> bT(128);
  for (int k = 0; k < 16; k++)
    for (int n = 0; n < 8; n++) bT[n * 16 + k] = b[k * 8 + n];
  expectNear("c", converted<double>(dc.download(), halfValue), product(a, bT, 16, 8, 16), 0);
}

TEST(gemm_mma_small_shapes) {
  const auto a = randomIntegers<double>(16 * 16, -9, 9), b = randomIntegers<double>(8 * 16, -9, 9, 2);
  const auto part = [](const std::vector<double>& v, int rows, int k) {
    std::vector<double> out;
    for (int r = 0; r < rows; r++) out.insert(out.end(), v.begin() + r * 16, v.begin() + r * 16 + k);
    return out;
  };
  const auto a8 = part(a, 16, 8), b8 = part(b, 8, 8), a4 = part(a, 16, 4), b4 = part(b, 8, 4);
  const auto same = [](double v) { return v; };
  Buffer<uint16_t> h(converted<uint16_t>(a8, halfBits)), hb(converted<uint16_t>(b8, halfBits)),
      f(converted<uint16_t>(a8, bf16Bits)), fb(converted<uint16_t>(b8, bf16Bits));
  Buffer<float> t(converted<float>(a4, same)), tb(converted<float>(b4, same)), c8(128), c4(128), c8b(128);
  Buffer<int8_t> i(converted<int8_t>(a, same)), ib(converted<int8_t>(b, same));
  Buffer<int> c16i(128);
  Module("gemm_mma").run("mmaSmallShapes", {1, 32}, h, hb, c8, t, tb, c4, i, ib, c16i, f, fb, c8b);
  expectNear("m16n8k8 f16", c8.download(), product(a8, b8, 16, 8, 8), 0);
  expectNear("m16n8k4 tf32", c4.download(), product(a4, b4, 16, 8, 4), 0);
  auto c16 = product(a, b, 16, 8, 16);
  for (double& v : c16) v += 7;
  expectNear("m16n8k16 s8", c16i.download(), c16, 0);
  expectNear("m16n8k8 bf16", c8b.download(), product(a8, b8, 16, 8, 8), 0);
}

TEST(gemm_mma_f64) {
  const int m = 40, n = 24, k = 52;
  const auto a = randomReals<double>(m * k, -1, 1), b = randomReals<double>(n * k, -1, 1, 2);
  Buffer<double> da(a), db(b), dc(m * n);
  Module("gemm_mma").run("gemmF64", {{n / 8, m / 8}, 32}, da, db, dc, n, k);
  expectNear("c", dc.download(), product(a, b, m, n, k), 1e-14);
}
