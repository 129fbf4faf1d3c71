#include "../support/test.h"

using namespace test;

TEST(gemm_ffma) {
  Module module("gemm_ffma");
  const int sizes[][3] = {{64, 64, 16}, {100, 75, 33}, {128, 192, 96}, {1, 1, 1}, {65, 4, 200}};
  for (const auto& s : sizes) {
    const int m = s[0], n = s[1], k = s[2];
    const auto a = randomIntegers<float>(m * k, -30, 30, 1), b = randomIntegers<float>(k * n, -30, 30, 2),
               c = randomIntegers<float>(m * n, -30, 30, 3);
    for (float beta : {0.0f, 0.5f}) {
      Buffer<float> da(a), db(b), dc(c);
      module.run("gemmFfma", {{unsigned(n + 63) / 64, unsigned(m + 63) / 64}, 128}, da, db, dc, m, n, k, 2.0f, beta);
      std::vector<float> expected(m * n);
      for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
          float sum = 0;
          for (int p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];
          expected[i * n + j] = 2 * sum + beta * c[i * n + j];
        }
      expectNear("c", dc.download(), expected, 0);
    }
  }
}

TEST(gemm_double) {
  const int n = 64;
  const auto a = randomReals<double>(n * n, -1, 1), b = randomReals<double>(n * n, -1, 1, 2);
  Buffer<double> da(a), db(b), dc(n * n);
  Module("gemm_ffma").run("gemmDouble", {{n / 16, n / 16}, {16, 16}, 8192}, da, db, dc, n);
  std::vector<double> expected(n * n);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      for (int p = 0; p < n; p++) expected[i * n + j] = std::fma(a[i * n + p], b[p * n + j], expected[i * n + j]);
  expectEqual("c", dc.download(), expected);  // the same operations in the same order: the same bits
}
