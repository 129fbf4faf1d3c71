// The 16-bit formats: widening is exact; narrowing rounds once, whatever is narrowed.
#include "real.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// A double to a narrower format with ExponentBits and MantissaBits. R: Rn, Rna (ties away), Rz, Rm, Rp. NaN becomes
// all ones but the sign. A result that rounds beyond the largest finite value is infinite, or the largest where the
// mode rounds towards zero.
template <int ExponentBits, int MantissaBits, Rounding R>
SOFTCUDA_INLINE u32 narrow(double value) {
  constexpr s32 bias = (1 << (ExponentBits - 1)) - 1;
  constexpr u32 infinity = ((1u << ExponentBits) - 1) << MantissaBits;
  constexpr u32 signBit = 1u << (ExponentBits + MantissaBits);
  const u64 b = bitsAs<u64>(value);
  const bool negative = b >> 63;
  const s64 biased = static_cast<s64>(b >> 52 & 0x7ff);
  const s64 e = biased - 1023 + bias;
  const u64 mantissa = b & 0xfffffffffffffull;
  const u64 full = mantissa | (biased == 0 ? 0ull : 1ull << 52);
  const s64 wanted = 52 - MantissaBits + (e <= 0 ? 1 - e : 0);
  const u64 shift = static_cast<u64>(wanted > 60 ? 60 : wanted);
  const u64 kept = full >> shift, rest = full & ((1ull << shift) - 1), half = 1ull << (shift - 1);
  bool up = false;
  if constexpr (R == Rounding::Rn) up = (rest > half) | ((rest == half) & ((kept & 1) != 0));
  if constexpr (R == Rounding::Rna) up = rest >= half;
  if constexpr (R == Rounding::Rm) up = negative & (rest != 0);
  if constexpr (R == Rounding::Rp) up = !negative & (rest != 0);
  const u64 base = e <= 0 ? 0ull : static_cast<u64>(e - 1) << MantissaBits;
  const u64 rounded = base + kept + (up ? 1u : 0u);
  u32 overflow = infinity;
  if constexpr (R == Rounding::Rz) overflow = infinity - 1;
  if constexpr (R == Rounding::Rm) overflow = negative ? infinity : infinity - 1;
  if constexpr (R == Rounding::Rp) overflow = negative ? infinity - 1 : infinity;
  u32 r = rounded >= infinity ? overflow : static_cast<u32>(rounded);
  r = biased == 0x7ff ? infinity : r;
  r |= negative ? signBit : 0u;
  return biased == 0x7ff && mantissa != 0 ? signBit - 1 : r;
}

SOFTCUDA_INLINE float halfToFloat(u32 h) {
  const u32 sign = (h & 0x8000u) << 16, magnitude = h & 0x7fffu;
  const bool special = magnitude >= 0x7c00u, tiny = magnitude < 0x0400u;
  const u32 normal = (magnitude << 13) + (special ? 0x70000000u : 0x38000000u);
  const u32 scaled = bitsAs<u32>(static_cast<float>(static_cast<s32>(magnitude)) * 0x1p-24f);  // exact
  return bitsAs<float>((tiny ? scaled : normal) | sign);
}
SOFTCUDA_INLINE float bfloatToFloat(u32 h) { return bitsAs<float>(h << 16); }

// From f32 to nearest even.
SOFTCUDA_INLINE u32 floatToHalf(float f) { return narrow<5, 10, Rounding::Rn>(static_cast<double>(f)); }
SOFTCUDA_INLINE u32 floatToBfloat(float f) {
  const u32 b = bitsAs<u32>(f);
  const u32 r = (b + 0x7fffu + (b >> 16 & 1)) >> 16;
  return (b & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : r;
}

// 32 lanes at once. `shift` chooses the half of a register: 0 or 16.
template <int shift>
SOFTCUDA_INLINE void halvesToFloats(const u32* slots, float* out) {
#if defined(__AVX512F__)
  for (int i = 0; i < kLanes; i += 16) {
    const __m512i v = _mm512_srli_epi32(_mm512_loadu_si512(slots + i), shift);
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)));
  }
#elif defined(__AVX2__)
  for (int i = 0; i < kLanes; i += 8) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(slots + i));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(slots + i + 4));
    const __m128i mask = _mm_set1_epi32(0xffff);
    const __m128i packed = _mm_packus_epi32(_mm_and_si128(_mm_srli_epi32(low, shift), mask),
                                            _mm_and_si128(_mm_srli_epi32(high, shift), mask));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(packed));
  }
#else
  for (int i = 0; i < kLanes; ++i) out[i] = halfToFloat(slots[i] >> shift & 0xffff);
#endif
}
SOFTCUDA_INLINE void floatsToHalves(const float* in, u32* out) {
#if defined(__AVX512F__)
  for (int i = 0; i < kLanes; i += 16) {
    const __m512 v = _mm512_loadu_ps(in + i);
    const __m512i h = _mm512_cvtepu16_epi32(_mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm512_storeu_si512(out + i,
                        _mm512_mask_mov_epi32(h, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), _mm512_set1_epi32(0x7fff)));
  }
#elif defined(__AVX2__)
  for (int i = 0; i < kLanes; i += 8) {
    const __m256 v = _mm256_loadu_ps(in + i);
    const __m256i h = _mm256_cvtepu16_epi32(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    const __m256 nan = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    const __m256i r = _mm256_blendv_epi8(h, _mm256_set1_epi32(0x7fff), _mm256_castps_si256(nan));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), r);
  }
#else
  for (int i = 0; i < kLanes; ++i) out[i] = floatToHalf(in[i]);
#endif
}
template <int shift>
SOFTCUDA_INLINE void bfloatsToFloats(const u32* slots, float* out) {
  for (int i = 0; i < kLanes; ++i) out[i] = bitsAs<float>(shift == 0 ? slots[i] << 16 : slots[i] & 0xffff0000u);
}

// Subnormal 16-bit values to zeros of their sign.
template <u32 ExponentMask>
SOFTCUDA_INLINE u32 flush16(u32 h) {
  return (h & ExponentMask) == 0 ? h & 0x8000u : h & 0xffffu;
}

struct F16 {
  static constexpr u32 kExponent = 0x7c00u, kOne = 0x3c00u;
  template <int shift>
  static SOFTCUDA_INLINE void widen(const u32* slots, float* out) {
    halvesToFloats<shift>(slots, out);
  }
  static SOFTCUDA_INLINE float widenOne(u32 h) { return halfToFloat(h); }
  static SOFTCUDA_INLINE u32 narrowOne(float f) { return floatToHalf(f); }
};
struct BF16 {
  static constexpr u32 kExponent = 0x7f80u, kOne = 0x3f80u;
  template <int shift>
  static SOFTCUDA_INLINE void widen(const u32* slots, float* out) {
    bfloatsToFloats<shift>(slots, out);
  }
  static SOFTCUDA_INLINE float widenOne(u32 h) { return bfloatToFloat(h & 0xffff); }
  static SOFTCUDA_INLINE u32 narrowOne(float f) { return floatToBfloat(f); }
};

}  // namespace
}  // namespace softcuda::ops::SOFTCUDA_LEVEL
