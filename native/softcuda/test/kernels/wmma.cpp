#include "../support/test.h"

using namespace test;

struct Layout {
  bool aRow, bRow, cRow;
};

// Matrices of small integers, laid out as asked with a margin of `pad` elements between rows (or columns).
struct Problem {
  int m, n, k, pad;
  Layout layout;
  std::vector<double> a, b, c;  // A[m][k], B[k][n], C[m][n]
  Problem(int m_, int n_, int k_, int pad_, Layout l, int low, int high) : m(m_), n(n_), k(k_), pad(pad_), layout(l) {
    a = randomIntegers<double>(m * k, low, high, 1);
    b = randomIntegers<double>(k * n, low, high, 2);
    c = randomIntegers<double>(m * n, -50, 50, 3);
  }
  int lda() const { return (layout.aRow ? k : m) + pad; }
  int ldb() const { return (layout.bRow ? n : k) + pad; }
  int ldc() const { return (layout.cRow ? n : m) + pad; }

  template <typename T, typename F>
  static std::vector<T> place(const std::vector<double>& v, int rows, int columns, int ld, bool row, F encode) {
    std::vector<T> out(ld * (row ? rows : columns));
    for (int r = 0; r < rows; r++)
      for (int col = 0; col < columns; col++)
        out[row ? r * ld + col : col * ld + r] = static_cast<T>(encode(v[r * columns + col]));
    return out;
  }
  std::vector<double> expected() const {
    auto d = c;
    for (int i = 0; i < m; i++)
      for (int j = 0; j < n; j++)
        for (int p = 0; p < k; p++) d[i * n + j] += a[i * k + p] * b[p * n + j];
    return d;
  }

  template <typename In, typename Out, typename Encode, typename EncodeOut, typename DecodeOut>
  void run(const Module& module, const std::string& kernel, Encode encode, EncodeOut encodeOut,
           DecodeOut decodeOut) const {
    Buffer<In> da(place<In>(a, m, k, lda(), layout.aRow, encode)), db(place<In>(b, k, n, ldb(), layout.bRow, encode));
    Buffer<Out> dc(place<Out>(c, m, n, ldc(), layout.cRow, encodeOut));
    auto dd = Buffer<Out>::zeros(dc.size());
    module.run(kernel, {1, 32}, da, db, dc, dd, lda(), ldb(), ldc());
    std::vector<double> got;
    for (Out v : dd.download()) got.push_back(decodeOut(v));
    expectNear(kernel, got, place<double>(expected(), m, n, ldc(), layout.cRow, [](double v) { return v; }), 0);
  }
};

static double same(double v) { return v; }

template <typename In, typename Out, typename Encode, typename EncodeOut, typename DecodeOut>
static void shapes(const std::string& name, int low, int high, int pad, Encode encode, EncodeOut encodeOut,
                   DecodeOut decodeOut) {
  Module m("wmma");
  Problem(16, 16, 16, pad, {true, false, true}, low, high)
      .run<In, Out>(m, name + "16x16", encode, encodeOut, decodeOut);
  Problem(32, 8, 16, pad, {true, false, false}, low, high)
      .run<In, Out>(m, name + "32x8", encode, encodeOut, decodeOut);
  Problem(8, 32, 16, pad, {true, false, true}, low, high).run<In, Out>(m, name + "8x32", encode, encodeOut, decodeOut);
  Problem(16, 16, 16, pad, {false, true, false}, low, high)
      .run<In, Out>(m, name + "16x16Other", encode, encodeOut, decodeOut);
}

TEST(wmma_f16) { shapes<uint16_t, float>("f16", -9, 9, 8, halfBits, same, same); }
TEST(wmma_f16_half) { shapes<uint16_t, uint16_t>("f16Half", -5, 5, 8, halfBits, halfBits, halfValue); }
TEST(wmma_bf16) { shapes<uint16_t, float>("bf16", -9, 9, 8, bf16Bits, same, same); }
TEST(wmma_s8) { shapes<int8_t, int>("s8", -128, 127, 16, same, same, same); }
TEST(wmma_u8) { shapes<uint8_t, int>("u8", 0, 255, 16, same, same, same); }

TEST(wmma_tf32) {
  Problem(16, 16, 8, 4, {true, false, true}, -99, 99).run<float, float>(Module("wmma"), "tf32", same, same, same);
}

TEST(wmma_f64) {
  Problem(8, 8, 4, 2, {true, false, true}, -999, 999).run<double, double>(Module("wmma"), "f64", same, same, same);
  Problem(8, 8, 4, 2, {false, true, false}, -999, 999)
      .run<double, double>(Module("wmma"), "f64Other", same, same, same);
}

// Sub-byte elements packed along K, K innermost for both.
static std::vector<unsigned> packed(const std::vector<double>& v, int bits) {
  std::vector<unsigned> words(v.size() * bits / 32);
  for (size_t i = 0; i < v.size(); i++)
    words[i * bits / 32] |= (static_cast<unsigned>(static_cast<int>(v[i])) & ((1u << bits) - 1)) << (i * bits % 32);
  return words;
}

static void subByte(const char* kernel, int k, int bits, int low, int high) {
  const auto a = randomIntegers<double>(8 * k, low, high, 1), b = randomIntegers<double>(8 * k, low, high, 2);
  const auto c = randomIntegers<int>(64, -9, 9, 3);
  std::vector<int> expected = c;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++)
      for (int p = 0; p < k; p++) {
        const int x = static_cast<int>(a[i * k + p]), y = static_cast<int>(b[j * k + p]);
        expected[i * 8 + j] += bits == 1 ? (x ^ y) + (x & y) : x * y;
      }
  Buffer<unsigned> da(packed(a, bits)), db(packed(b, bits));
  Buffer<int> dc(c), dd(64);
  Module("wmma").run(kernel, {1, 32}, da, db, dc, dd, k, k, 8);
  expectEqual(kernel, dd.download(), expected);
}

TEST(wmma_sub_byte) {
  subByte("s4Tile", 32, 4, -8, 7);
  subByte("u4Tile", 32, 4, 0, 15);
  subByte("b1Tile", 128, 1, 0, 1);
}

TEST(wmma_through_shared) {
  const auto a = randomIntegers<double>(256, -9, 9), b = randomIntegers<double>(256, -9, 9, 2);
  std::vector<uint16_t> ha, hb;
  for (int i = 0; i < 256; i++) ha.push_back(halfBits(a[i])), hb.push_back(halfBits(b[i]));
  std::vector<float> expected(256);
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) {
      double sum = 1;
      for (int p = 0; p < 16; p++) sum += a[i * 16 + p] * b[p * 16 + j];
      expected[i * 16 + j] = static_cast<float>(sum * 2 - 3);
    }
  Buffer<uint16_t> da(ha), db(hb);
  Buffer<float> d(256);
  Module("wmma").run("scaledThroughShared", {1, 32}, da, db, d);
  expectNear("d", d.download(), expected, 0);
}
