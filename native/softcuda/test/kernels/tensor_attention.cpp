// Against attention in double, of the rounded inputs.
#include <algorithm>

#include "../support/test.h"

using namespace test;

namespace {

constexpr int kHead = 64;

struct Format {
  const char* kernel;
  uint16_t (*bits)(double);
  double (*value)(uint16_t);
  double (*round)(double);
  double tolerance;  // of probabilities and results that are rounded to the format
};

void attention(const Format& f, int length, int heads, bool causal) {
  const size_t count = static_cast<size_t>(heads) * length * kHead;
  const auto encode = [&](unsigned seed) {
    std::vector<uint16_t> bits;
    for (double x : randomReals<double>(count, -1, 1, seed)) bits.push_back(f.bits(f.round(x)));
    return bits;
  };
  const auto q = encode(1), k = encode(2), v = encode(3);
  const float scale = 0.35f;
  const Buffer<uint16_t> dq(q), dk(k), dv(v), out(count);
  const Buffer<float> logSums(static_cast<size_t>(heads) * length);
  Module("tensor_attention")
      .run(f.kernel, {{static_cast<unsigned>((length + 63) / 64), static_cast<unsigned>(heads)}, 128}, dq, dk, dv, out,
           logSums, length, scale, causal);
  std::vector<double> expected(count), sums;
  for (int h = 0; h < heads; h++)
    for (int i = 0; i < length; i++) {
      const int keys = causal ? i + 1 : length;
      const size_t head = static_cast<size_t>(h) * length * kHead;
      std::vector<double> s(keys);
      for (int j = 0; j < keys; j++) {
        for (int d = 0; d < kHead; d++) s[j] += f.value(q[head + i * kHead + d]) * f.value(k[head + j * kHead + d]);
        s[j] *= scale;
      }
      const double most = *std::max_element(s.begin(), s.end());
      double sum = 0;
      for (double& x : s) sum += x = std::exp(x - most);
      for (int j = 0; j < keys; j++)
        for (int d = 0; d < kHead; d++)
          expected[head + i * kHead + d] += s[j] / sum * f.value(v[head + j * kHead + d]);
      sums.push_back(most + std::log(sum));
    }
  std::vector<double> got;
  for (uint16_t b : out.download()) got.push_back(f.value(b));
  expectNear("attention", got, expected, f.tolerance);
  expectNear("logarithms of sums", logSums.download(), sums, 1e-5);
}

const Format kF16{"attentionF16", halfBits, halfValue, roundHalf, 1.0 / 1024},
    kBf16{"attentionBf16", bf16Bits, bf16Value, roundBf16, 1.0 / 128};

}  // namespace

TEST(tensor_attention_f16) {
  attention(kF16, 128, 2, false);
  attention(kF16, 77, 1, false);
}
TEST(tensor_attention_bf16) { attention(kBf16, 100, 2, false); }
TEST(tensor_attention_causal) {
  attention(kF16, 97, 2, true);
  attention(kBf16, 64, 1, true);
}
