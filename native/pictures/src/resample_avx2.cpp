// With AVX2: products of 16 bits, two taps at a time, of the upper and of the lower part of the weights.
#include "resample.h"

#include <immintrin.h>

#include <cstring>

namespace resfuse {
namespace {

constexpr int32_t kHalf = 1 << (kFractionBits - 1);

// The sums of both parts together.
__m256i joined(__m256i high, __m256i low) {
  return _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
}

void along_row(const uint8_t* from, const Axis& axis, const SplitWeights& weights, uint8_t* to) {
  // Four pixels of three bytes: the first two to the lower half, the others to the upper one; in each red, green and blue
  // of both as words of 16 bits side by side.
  const __m256i pairs = _mm256_setr_epi8(
      0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m128i half = _mm_set1_epi32(kHalf);
  const int16_t* high = weights.high;
  const int16_t* low = weights.low;
  for (int32_t x = 0; x < axis.size; x++) {
    const uint8_t* pixel = from + 3 * static_cast<int64_t>(axis.first[x]);
    __m256i high_sum = _mm256_setzero_si256();
    __m256i low_sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < axis.count[x]; k += kColumnGroup) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel + 3 * k));
      const __m256i samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), pairs);
      const __m128i four_high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(high + k));
      const __m128i four_low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(low + k));
      const __m256i upper = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(four_high), spread);
      const __m256i lower = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(four_low), spread);
      high_sum = _mm256_add_epi32(high_sum, _mm256_madd_epi16(samples, upper));
      low_sum = _mm256_add_epi32(low_sum, _mm256_madd_epi16(samples, lower));
    }
    high += weights.taps;
    low += weights.taps;
    const __m256i both = joined(high_sum, low_sum);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, half), kFractionBits);
    sum = _mm_packs_epi32(sum, sum);
    const int rgb = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    std::memcpy(to + 3 * static_cast<int64_t>(x), &rgb, sizeof(rgb));
  }
}

// Sixteen samples, from `at` on.
__m128i sixteen(const uint8_t* const* rows, int32_t taps, const int16_t* high, const int16_t* low, int64_t at) {
  __m256i first_high = _mm256_setzero_si256(), first_low = _mm256_setzero_si256();
  __m256i second_high = _mm256_setzero_si256(), second_low = _mm256_setzero_si256();
  for (int32_t k = 0; k < taps; k += kRowGroup) {
    int32_t pair_high, pair_low;
    std::memcpy(&pair_high, high + k, sizeof(pair_high));
    std::memcpy(&pair_low, low + k, sizeof(pair_low));
    const __m256i upper = _mm256_set1_epi32(pair_high);
    const __m256i lower = _mm256_set1_epi32(pair_low);
    const __m128i one = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[k] + at));
    const __m128i other = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[k + 1] + at));
    const __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(one, other));
    const __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(one, other));
    first_high = _mm256_add_epi32(first_high, _mm256_madd_epi16(first, upper));
    first_low = _mm256_add_epi32(first_low, _mm256_madd_epi16(first, lower));
    second_high = _mm256_add_epi32(second_high, _mm256_madd_epi16(second, upper));
    second_low = _mm256_add_epi32(second_low, _mm256_madd_epi16(second, lower));
  }
  const __m256i half = _mm256_set1_epi32(kHalf);
  const __m256i first = _mm256_srai_epi32(_mm256_add_epi32(joined(first_high, first_low), half), kFractionBits);
  const __m256i second = _mm256_srai_epi32(_mm256_add_epi32(joined(second_high, second_low), half), kFractionBits);
  // packs works within halves of 128 bits; the permutation puts its quarters in order.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

void along_column(const uint8_t* const* rows, int32_t taps, const int16_t* high, const int16_t* low, int64_t bytes, uint8_t* to) {
  int64_t at = 0;
  for (; at + 16 <= bytes; at += 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), sixteen(rows, taps, high, low, at));
  }
  if (at < bytes) {
    alignas(16) uint8_t last[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(last), sixteen(rows, taps, high, low, at));
    std::memcpy(to + at, last, bytes - at);
  }
}

}  // namespace

const ResampleKernels& resample_kernels_avx2() {
  static const ResampleKernels kernels{"avx2", along_row, along_column};
  return kernels;
}

}  // namespace resfuse
