// Matrix products on warp-wide fragments: mma and wmma.mma.
//
// Sums in floating point: d = c, then d = fma(a[k], b[k], d) in f32 for k = 0, 1, 2, ... Products of f16, bf16 and
// tf32 are exact in f32 (tf32: the low 13 bits of the operands are ignored), so each step rounds once, to nearest
// even. f16 results are rounded at the end only. Hardware adds in groups with another rounding; PTX leaves the order
// open. f64: the same with f64 steps. Integers: exact, then wrapped or clamped once.
//
// Everything is made of products of 16x8 (8x8 for the m8n8 shapes) tiles in the register layout of mma.m16n8; see
// fragment.cpp.
#include "half_format.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// How elements of A and B lie in 32-bit registers; a chunk is the part of K that one register of each lane quad
// covers.
struct HalfElements {
  static constexpr int perRegister = 2;
};
struct BfloatElements {
  static constexpr int perRegister = 2;
};
struct Tf32Elements {
  static constexpr int perRegister = 1;
};

template <class E, int part>
SOFTCUDA_INLINE void unpackFloats(const u32* reg, float* out) {
  if constexpr (E::perRegister == 1) {
    for (int i = 0; i < kLanes; ++i) out[i] = bitsAs<float>(reg[i] & 0xffffe000u);
  } else if constexpr (__is_same(E, HalfElements)) {
    halvesToFloats<16 * part>(reg, out);
  } else {
    bfloatsToFloats<16 * part>(reg, out);
  }
}

#if defined(__AVX512F__)
// Four registers' quads of lanes: out[t] holds, in 128-bit lane j, element t of quads j of v[0], v[1], v[2], v[3].
SOFTCUDA_INLINE void transposeQuads(const __m512i* v, __m512i* out) {
  const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
  const __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
  out[0] = _mm512_unpacklo_epi64(a, c), out[1] = _mm512_unpackhi_epi64(a, c);
  out[2] = _mm512_unpacklo_epi64(b, d), out[3] = _mm512_unpackhi_epi64(b, d);
}
// Rows g (of `top`) and g+8 (of `bottom`) as four vectors.
SOFTCUDA_INLINE void loadRows(const void* top, const void* bottom, __m512i* v) {
  const u32* x = static_cast<const u32*>(top);
  const u32* y = static_cast<const u32*>(bottom);
  v[0] = _mm512_loadu_si512(x), v[1] = _mm512_loadu_si512(x + 16), v[2] = _mm512_loadu_si512(y),
  v[3] = _mm512_loadu_si512(y + 16);
}
SOFTCUDA_INLINE __m512 lowHalves(__m512i v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }
SOFTCUDA_INLINE __m512 highHalves(__m512i v) {
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(v, 16)));
}
template <class E, int part>
SOFTCUDA_INLINE __m512 elements(__m512i v) {
  if constexpr (E::perRegister == 1)
    return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(static_cast<int>(0xffffe000u))));
  else if constexpr (__is_same(E, HalfElements)) return part == 0 ? lowHalves(v) : highHalves(v);
  else
    return _mm512_castsi512_ps(part == 0 ? _mm512_slli_epi32(v, 16)
                                         : _mm512_and_si512(v, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
#endif

#if defined(__AVX2__) && !defined(__AVX512F__)
// As above for eight rows: the quads of v[0..3] are those of one register's lanes 0-7, 8-15, 16-23, 24-31.
SOFTCUDA_INLINE void transposeQuads(const __m256i* v, __m256i* out) {
  const __m256i a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpackhi_epi32(v[0], v[1]);
  const __m256i c = _mm256_unpacklo_epi32(v[2], v[3]), d = _mm256_unpackhi_epi32(v[2], v[3]);
  out[0] = _mm256_unpacklo_epi64(a, c), out[1] = _mm256_unpackhi_epi64(a, c);
  out[2] = _mm256_unpacklo_epi64(b, d), out[3] = _mm256_unpackhi_epi64(b, d);
}
SOFTCUDA_INLINE void loadRegister(const void* reg, __m256i* v) {
  for (int i = 0; i < 4; ++i) v[i] = _mm256_loadu_si256(static_cast<const __m256i*>(reg) + i);
}
SOFTCUDA_INLINE void storeRegister(void* reg, const __m256i* v) {
  for (int i = 0; i < 4; ++i) _mm256_storeu_si256(static_cast<__m256i*>(reg) + i, v[i]);
}
SOFTCUDA_INLINE __m256 lowHalves(__m256i v) {
  const __m256i low = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
  return _mm256_cvtph_ps(_mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
}
template <class E, int part>
SOFTCUDA_INLINE __m256 elements(__m256i v) {
  if constexpr (E::perRegister == 1)
    return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xffffe000u))));
  else if constexpr (__is_same(E, HalfElements)) return lowHalves(part == 0 ? v : _mm256_srli_epi32(v, 16));
  else
    return _mm256_castsi256_ps(part == 0 ? _mm256_slli_epi32(v, 16)
                                         : _mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
SOFTCUDA_INLINE __m256i halfBits(__m256 x) {
  const __m256i h = _mm256_cvtepu16_epi32(_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  return _mm256_blendv_epi8(h, _mm256_set1_epi32(0x7fff), _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
#endif

// One m16n8 product over Chunks chunks of K. CHalf, DHalf: accumulators in f16 (2 registers), else f32 (4 registers).
template <class E, int Chunks, bool CHalf, bool DHalf>
void product16x8(void* const* d, const void* const* a, const void* const* b, const void* const* c) {
  constexpr int per = E::perRegister;
  alignas(64) float bs[Chunks * per][kLanes];  // [chunk, part][4n + t]: B(k = 4*per*chunk + per*t + part, n)
  for (int chunk = 0; chunk < Chunks; ++chunk) {
    unpackFloats<E, 0>(static_cast<const u32*>(b[chunk]), bs[chunk * per]);
    if constexpr (per == 2) unpackFloats<E, 1>(static_cast<const u32*>(b[chunk]), bs[chunk * per + 1]);
  }
#if defined(__AVX512F__)
  // One vector per column n; its 16 rows are in the order 0 8 (quad 0 of both halves) ... as transposeQuads leaves
  // them.
  __m512 sum[8];
  if constexpr (CHalf) {
    __m512i v[4], packed[4];
    loadRows(c[0], c[1], v);
    transposeQuads(v, packed);
    for (int t = 0; t < 4; ++t) sum[2 * t] = lowHalves(packed[t]), sum[2 * t + 1] = highHalves(packed[t]);
  } else {
    for (int odd = 0; odd < 2; ++odd) {
      __m512i v[4], columns[4];
      loadRows(c[odd], c[2 + odd], v);
      transposeQuads(v, columns);
      for (int t = 0; t < 4; ++t) sum[2 * t + odd] = _mm512_castsi512_ps(columns[t]);
    }
  }
#pragma GCC unroll 4
  for (int chunk = 0; chunk < Chunks; ++chunk) {
    __m512i v[4], packed[4];
    loadRows(a[2 * chunk], a[2 * chunk + 1], v);
    transposeQuads(v, packed);
#pragma GCC unroll 4
    for (int t = 0; t < 4; ++t) {
      const __m512 first = elements<E, 0>(packed[t]);
#pragma GCC unroll 8
      for (int n = 0; n < 8; ++n) sum[n] = _mm512_fmadd_ps(first, _mm512_set1_ps(bs[chunk * per][4 * n + t]), sum[n]);
      if constexpr (per == 2) {
        const __m512 second = elements<E, 1>(packed[t]);
#pragma GCC unroll 8
        for (int n = 0; n < 8; ++n)
          sum[n] = _mm512_fmadd_ps(second, _mm512_set1_ps(bs[chunk * per + 1][4 * n + t]), sum[n]);
      }
    }
  }
  // Back: transposing is its own inverse.
  if constexpr (DHalf) {
    __m512i packed[4], v[4];
    for (int t = 0; t < 4; ++t) {
      const __m512i nan = _mm512_set1_epi32(0x7fff);
      __m512i h[2];
      for (int odd = 0; odd < 2; ++odd) {
        const __m512 x = sum[2 * t + odd];
        h[odd] = _mm512_cvtepu16_epi32(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
        h[odd] = _mm512_mask_mov_epi32(h[odd], _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), nan);
      }
      packed[t] = _mm512_or_si512(h[0], _mm512_slli_epi32(h[1], 16));
    }
    transposeQuads(packed, v);
    for (int half = 0; half < 2; ++half) {
      u32* out = static_cast<u32*>(d[half]);
      _mm512_storeu_si512(out, v[2 * half]), _mm512_storeu_si512(out + 16, v[2 * half + 1]);
    }
  } else {
    for (int odd = 0; odd < 2; ++odd) {
      __m512i columns[4], v[4];
      for (int t = 0; t < 4; ++t) {
        const __m512 x = sum[2 * t + odd];
        columns[t] = _mm512_mask_mov_epi32(_mm512_castps_si512(x), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q),
                                           _mm512_set1_epi32(static_cast<int>(kNanF32)));
      }
      transposeQuads(columns, v);
      for (int half = 0; half < 2; ++half) {
        u32* out = static_cast<u32*>(d[2 * half + odd]);
        _mm512_storeu_si512(out, v[2 * half]), _mm512_storeu_si512(out + 16, v[2 * half + 1]);
      }
    }
  }
#elif defined(__AVX2__)
  // Two vectors of eight rows per column n.
  __m256 as[Chunks * 4 * per][2], sum[8][2];
  for (int chunk = 0; chunk < Chunks; ++chunk)
    for (int half = 0; half < 2; ++half) {
      __m256i v[4], packed[4];
      loadRegister(a[2 * chunk + half], v);
      transposeQuads(v, packed);
      for (int t = 0; t < 4; ++t) {
        as[(chunk * 4 + t) * per][half] = elements<E, 0>(packed[t]);
        if constexpr (per == 2) as[(chunk * 4 + t) * per + 1][half] = elements<E, 1>(packed[t]);
      }
    }
  for (int half = 0; half < 2; ++half) {
    __m256i v[4], columns[4];
    if constexpr (CHalf) {
      loadRegister(c[half], v);
      transposeQuads(v, columns);
      for (int t = 0; t < 4; ++t)
        sum[2 * t][half] = lowHalves(columns[t]), sum[2 * t + 1][half] = lowHalves(_mm256_srli_epi32(columns[t], 16));
    } else {
      for (int odd = 0; odd < 2; ++odd) {
        loadRegister(c[2 * half + odd], v);
        transposeQuads(v, columns);
        for (int t = 0; t < 4; ++t) sum[2 * t + odd][half] = _mm256_castsi256_ps(columns[t]);
      }
    }
  }
  for (int n = 0; n < 8; n += 4) {
    __m256 s00 = sum[n][0], s01 = sum[n][1], s10 = sum[n + 1][0], s11 = sum[n + 1][1];
    __m256 s20 = sum[n + 2][0], s21 = sum[n + 2][1], s30 = sum[n + 3][0], s31 = sum[n + 3][1];
    for (int chunk = 0; chunk < Chunks; ++chunk)
      for (int t = 0; t < 4; ++t)
        for (int part = 0; part < per; ++part) {
          const __m256 x = as[(chunk * 4 + t) * per + part][0], y = as[(chunk * 4 + t) * per + part][1];
          const float* row = bs[chunk * per + part] + 4 * n + t;
          const __m256 b0 = _mm256_broadcast_ss(row), b1 = _mm256_broadcast_ss(row + 4),
                       b2 = _mm256_broadcast_ss(row + 8), b3 = _mm256_broadcast_ss(row + 12);
          s00 = _mm256_fmadd_ps(x, b0, s00), s01 = _mm256_fmadd_ps(y, b0, s01), s10 = _mm256_fmadd_ps(x, b1, s10),
          s11 = _mm256_fmadd_ps(y, b1, s11);
          s20 = _mm256_fmadd_ps(x, b2, s20), s21 = _mm256_fmadd_ps(y, b2, s21), s30 = _mm256_fmadd_ps(x, b3, s30),
          s31 = _mm256_fmadd_ps(y, b3, s31);
        }
    sum[n][0] = s00, sum[n][1] = s01, sum[n + 1][0] = s10, sum[n + 1][1] = s11;
    sum[n + 2][0] = s20, sum[n + 2][1] = s21, sum[n + 3][0] = s30, sum[n + 3][1] = s31;
  }
  for (int half = 0; half < 2; ++half) {
    __m256i columns[4], v[4];
    if constexpr (DHalf) {
      for (int t = 0; t < 4; ++t)
        columns[t] =
            _mm256_or_si256(halfBits(sum[2 * t][half]), _mm256_slli_epi32(halfBits(sum[2 * t + 1][half]), 16));
      transposeQuads(columns, v);
      storeRegister(d[half], v);
    } else {
      for (int odd = 0; odd < 2; ++odd) {
        for (int t = 0; t < 4; ++t) {
          const __m256 x = sum[2 * t + odd][half];
          columns[t] = _mm256_castps_si256(
              _mm256_blendv_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(kNanF32))),
                               _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
        }
        transposeQuads(columns, v);
        storeRegister(d[2 * half + odd], v);
      }
    }
  }
#else
  alignas(64) float sum[8][16], as[Chunks * 4 * per][16];
  for (int chunk = 0; chunk < Chunks; ++chunk) {
    for (int half = 0; half < 2; ++half) {
      alignas(64) float v[per][kLanes];
      unpackFloats<E, 0>(static_cast<const u32*>(a[2 * chunk + half]), v[0]);
      if constexpr (per == 2) unpackFloats<E, 1>(static_cast<const u32*>(a[2 * chunk + half]), v[per - 1]);
      for (int t = 0; t < 4; ++t)
        for (int part = 0; part < per; ++part)
          for (int g = 0; g < 8; ++g) as[(chunk * 4 + t) * per + part][8 * half + g] = v[part][4 * g + t];
    }
  }
  for (int half = 0; half < 2; ++half) {
    alignas(64) float v[2][kLanes];
    if constexpr (CHalf) {
      halvesToFloats<0>(static_cast<const u32*>(c[half]), v[0]);
      halvesToFloats<16>(static_cast<const u32*>(c[half]), v[1]);
    } else {
      memcpy(v[0], c[2 * half], sizeof v[0]), memcpy(v[1], c[2 * half + 1], sizeof v[1]);
    }
    for (int t = 0; t < 4; ++t)
      for (int odd = 0; odd < 2; ++odd)
        for (int g = 0; g < 8; ++g) sum[2 * t + odd][8 * half + g] = v[odd][4 * g + t];
  }
  for (int n = 0; n < 8; n += 4) {
    alignas(64) float s[4][16];
    memcpy(s, sum[n], sizeof s);
    for (int chunk = 0; chunk < Chunks; ++chunk)
      for (int t = 0; t < 4; ++t)
        for (int part = 0; part < per; ++part) {
          const float* row = as[(chunk * 4 + t) * per + part];
          for (int j = 0; j < 4; ++j) {
            const float factor = bs[chunk * per + part][4 * (n + j) + t];
            for (int m = 0; m < 16; ++m) s[j][m] = __builtin_fmaf(row[m], factor, s[j][m]);
          }
        }
    memcpy(sum[n], s, sizeof s);
  }
  for (int half = 0; half < 2; ++half) {
    alignas(64) float v[2][kLanes];
    for (int t = 0; t < 4; ++t)
      for (int odd = 0; odd < 2; ++odd)
        for (int g = 0; g < 8; ++g) v[odd][4 * g + t] = canonical(sum[2 * t + odd][8 * half + g]);
    if constexpr (DHalf) {
      alignas(64) u32 low[kLanes], high[kLanes];
      floatsToHalves(v[0], low), floatsToHalves(v[1], high);
      u32* out = static_cast<u32*>(d[half]);
      for (int i = 0; i < kLanes; ++i) out[i] = low[i] | high[i] << 16;
    } else {
      memcpy(d[2 * half], v[0], sizeof v[0]), memcpy(d[2 * half + 1], v[1], sizeof v[1]);
    }
  }
#endif
}

// mma: registers in PTX order.
template <class E, int Chunks, bool CHalf, bool DHalf>
void mmaFloat(u32, void* const* dst, const void* const* src, u32) {
  product16x8<E, Chunks, CHalf, DHalf>(dst, src, src + 2 * Chunks, src + 3 * Chunks);
}
// wmma: two 16x8 products. A has registersA registers, B registersB; the second product's A starts at nextA, its B at
// nextB. Transposed (m8n32): B's registers hold its transpose as an A operand, A's as a B operand, C and D their
// transposes.
template <class E, int Chunks, bool CHalf, bool DHalf, int registersA, int registersB, int nextA, int nextB,
          bool Transposed>
void wmmaFloat(u32, void* const* dst, const void* const* src, u32) {
  constexpr int cStep = CHalf ? 2 : 4, dStep = DHalf ? 2 : 4;
  const void* const* a = src;
  const void* const* b = src + registersA;
  const void* const* c = b + registersB;
  alignas(64) u32 out[2 * dStep][kLanes];
  void* to[2 * dStep];
  for (int i = 0; i < 2 * dStep; ++i) to[i] = out[i];
  if constexpr (Transposed) {
    product16x8<E, Chunks, CHalf, DHalf>(to, b, a, c);
    product16x8<E, Chunks, CHalf, DHalf>(to + dStep, b + nextB, a + nextA, c + cStep);
  } else {
    product16x8<E, Chunks, CHalf, DHalf>(to, a, b, c);
    product16x8<E, Chunks, CHalf, DHalf>(to + dStep, a + nextA, b + nextB, c + cStep);
  }
  for (int i = 0; i < 2 * dStep; ++i) memcpy(dst[i], out[i], sizeof out[i]);
}

// f64: rows x 8 over K = 4, 8 or 16. Registers of A: (row half, k/4), of C: (row half, column parity).
template <int Rows, int Chunks>
void mmaDouble(u32, void* const* dst, const void* const* src, u32) {
  constexpr int halves = Rows / 8;
  alignas(64) double out[2 * halves][kLanes];
  for (int half = 0; half < halves; ++half) {
    alignas(64) double sum[8][8];  // [n][row]
    for (int lane = 0; lane < kLanes; ++lane)
      for (int odd = 0; odd < 2; ++odd)
        sum[lane % 4 * 2 + odd][lane / 4] =
            bitsAs<double>(static_cast<const u64*>(src[(halves + 1) * Chunks + 2 * half + odd])[lane]);
    for (int chunk = 0; chunk < Chunks; ++chunk) {
      const u64* a = static_cast<const u64*>(src[halves * chunk + half]);
      const u64* b = static_cast<const u64*>(src[halves * Chunks + chunk]);
      for (int t = 0; t < 4; ++t) {
        alignas(64) double x[8];
        for (int g = 0; g < 8; ++g) x[g] = bitsAs<double>(a[4 * g + t]);
        for (int n = 0; n < 8; ++n) {
          const double y = bitsAs<double>(b[4 * n + t]);
          for (int g = 0; g < 8; ++g) sum[n][g] = nanOf(__builtin_fma(x[g], y, sum[n][g]), x[g], y, sum[n][g]);
        }
      }
    }
    for (int lane = 0; lane < kLanes; ++lane)
      for (int odd = 0; odd < 2; ++odd) out[2 * half + odd][lane] = sum[lane % 4 * 2 + odd][lane / 4];
  }
  for (int i = 0; i < 2 * halves; ++i) memcpy(dst[i], out[i], sizeof out[i]);
}

// mma.m8n8k4 of f16, Volta's: four independent 8x8x4 products, one per pair of quads (lanes 4q.. and 16+4q..).
template <bool CHalf, bool DHalf>
void mmaQuadPairs(u32, void* const* dst, const void* const* src, u32 variant) {
  const bool columnA = variant >> 24 & 1, columnB = variant >> 25 & 1;
  alignas(64) float a[4][kLanes], b[4][kLanes], c[8][kLanes];
  for (int r = 0; r < 2; ++r) {
    halvesToFloats<0>(static_cast<const u32*>(src[r]), a[2 * r]),
        halvesToFloats<16>(static_cast<const u32*>(src[r]), a[2 * r + 1]);
    halvesToFloats<0>(static_cast<const u32*>(src[2 + r]), b[2 * r]),
        halvesToFloats<16>(static_cast<const u32*>(src[2 + r]), b[2 * r + 1]);
  }
  for (int r = 0; r < (CHalf ? 4 : 8); ++r) {
    if constexpr (CHalf) {
      halvesToFloats<0>(static_cast<const u32*>(src[4 + r]), c[2 * r]);
      halvesToFloats<16>(static_cast<const u32*>(src[4 + r]), c[2 * r + 1]);
    } else {
      memcpy(c[r], src[4 + r], sizeof c[r]);
    }
  }
  const auto lane = [](int quad, int index) { return index < 4 ? 4 * quad + index : 16 + 4 * quad + index - 4; };
  alignas(64) float d[8][kLanes];
  for (int quad = 0; quad < 4; ++quad) {
    float x[8][4], y[4][8], z[8][8];
    for (int m = 0; m < 8; ++m)
      for (int k = 0; k < 4; ++k) {
        x[m][k] = columnA ? a[m & 3][lane(quad, (m & 4) + k)] : a[k][lane(quad, m)];
        y[k][m] = columnB ? b[k][lane(quad, m)] : b[m & 3][lane(quad, (m & 4) + k)];
      }
    for (int index = 0; index < 8; ++index)
      for (int i = 0; i < 8; ++i) {
        if constexpr (CHalf) z[index][i] = c[i][lane(quad, index)];
        else z[(index & 1) + (i & 2) + (index & 4)][(i & 4) + (index & 2) + (i & 1)] = c[i][lane(quad, index)];
      }
    for (int m = 0; m < 8; ++m)
      for (int n = 0; n < 8; ++n) {
        for (int k = 0; k < 4; ++k) z[m][n] = __builtin_fmaf(x[m][k], y[k][n], z[m][n]);
        z[m][n] = canonical(z[m][n]);
      }
    for (int index = 0; index < 8; ++index)
      for (int i = 0; i < 8; ++i) {
        if constexpr (DHalf) d[i][lane(quad, index)] = z[index][i];
        else d[i][lane(quad, index)] = z[(index & 1) + (i & 2) + (index & 4)][(i & 4) + (index & 2) + (i & 1)];
      }
  }
  for (int r = 0; r < (DHalf ? 4 : 8); ++r) {
    if constexpr (DHalf) {
      alignas(64) u32 low[kLanes], high[kLanes];
      floatsToHalves(d[2 * r], low), floatsToHalves(d[2 * r + 1], high);
      u32* out = static_cast<u32*>(dst[r]);
      for (int i = 0; i < kLanes; ++i) out[i] = low[i] | high[i] << 16;
    } else {
      memcpy(dst[r], d[r], sizeof d[r]);
    }
  }
}

// --- Integers
// --------------------------------------------------------------------------------------------------------------------
template <int Bits, bool Signed>
SOFTCUDA_INLINE s32 element(u32 word, int index) {
  const u32 shifted = word << (32 - Bits - Bits * index);
  return Signed ? static_cast<s32>(shifted) >> (32 - Bits) : static_cast<s32>(shifted >> (32 - Bits));
}
SOFTCUDA_INLINE s32 addTo(s32 c, s32 sum, bool clamp) {
  const s64 exact = s64{c} + sum;
  if (!clamp) return static_cast<s32>(static_cast<u32>(c) + static_cast<u32>(sum));
  return static_cast<s32>(exact < INT32_MIN ? INT32_MIN : exact > INT32_MAX ? INT32_MAX : exact);
}
// 8 rows x 8 columns of one register half over `chunks` registers; a[chunk], b[chunk]; c and d: registers of even and
// odd columns.
template <int Bits, bool SignedA, bool SignedB>
void product8x8(s32 (*d)[kLanes], const void* const* a, int aStep, const void* const* b, int chunks,
                const void* const* c, bool clamp) {
  constexpr int per = 32 / Bits;
  alignas(64) s32 sum[8][8] = {};  // [column][row]
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const u32* x = static_cast<const u32*>(a[aStep * chunk]);
    const u32* y = static_cast<const u32*>(b[chunk]);
    for (int t = 0; t < 4; ++t) {
      alignas(64) s32 rows[per][8];
      for (int g = 0; g < 8; ++g)
        for (int e = 0; e < per; ++e) rows[e][g] = element<Bits, SignedA>(x[4 * g + t], e);
      for (int n = 0; n < 8; ++n)
        for (int e = 0; e < per; ++e) {
          const s32 factor = element<Bits, SignedB>(y[4 * n + t], e);
          for (int g = 0; g < 8; ++g) sum[n][g] += rows[e][g] * factor;
        }
    }
  }
  for (int odd = 0; odd < 2; ++odd) {
    const u32* z = static_cast<const u32*>(c[odd]);
    for (int lane = 0; lane < kLanes; ++lane)
      d[odd][lane] = addTo(static_cast<s32>(z[lane]), sum[lane % 4 * 2 + odd][lane / 4], clamp);
  }
}
template <bool Xor>
void product8x8Bits(s32 (*d)[kLanes], const void* const* a, int aStep, const void* const* b, int chunks,
                    const void* const* c) {
  for (int odd = 0; odd < 2; ++odd) {
    const u32* z = static_cast<const u32*>(c[odd]);
    for (int lane = 0; lane < kLanes; ++lane) {
      u32 count = z[lane];
      for (int chunk = 0; chunk < chunks; ++chunk)
        for (int t = 0; t < 4; ++t) {
          const u32 x = static_cast<const u32*>(a[aStep * chunk])[(lane & ~3) + t],
                    y = static_cast<const u32*>(b[chunk])[4 * (lane % 4 * 2 + odd) + t];
          count += static_cast<u32>(__builtin_popcount(Xor ? x ^ y : x & y));
        }
      d[odd][lane] = static_cast<s32>(count);
    }
  }
}
enum class Kind { S8S8, S8U8, U8S8, U8U8, S4S4, S4U4, U4S4, U4U4, XorBits, AndBits };
template <Kind K>
void product8x8Of(s32 (*d)[kLanes], const void* const* a, int aStep, const void* const* b, int chunks,
                  const void* const* c, bool clamp) {
  if constexpr (K == Kind::XorBits || K == Kind::AndBits)
    product8x8Bits<K == Kind::XorBits>(d, a, aStep, b, chunks, c);
  else
    product8x8 <
        K<Kind::S4S4 ? 8 : 4, K == Kind::S8S8 || K == Kind::S8U8 || K == Kind::S4S4 || K == Kind::S4U4,
          K == Kind::S8S8 || K == Kind::U8S8 || K == Kind::S4S4 || K == Kind::U4S4>(d, a, aStep, b, chunks, c, clamp);
}
#if defined(__AVX2__)
// m16n8 products of bytes without clamping, the form that int8 kernels are made of: bytes 0 and 2, and 1 and 3 of a word as pairs of 16
// bits, of which one instruction multiplies and adds two. Sums wrap, so that their order does not matter.
#if defined(__AVX512F__)
using Words = __m512i;
constexpr int kWordRows = 16;  // as transposeQuads leaves them
SOFTCUDA_INLINE Words evenPairs(Words v, bool isSigned) {
  return isSigned ? _mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8) : _mm512_and_si512(v, _mm512_set1_epi32(0xff00ff));
}
SOFTCUDA_INLINE Words oddPairs(Words v, bool isSigned) {
  return isSigned ? _mm512_srai_epi16(v, 8) : _mm512_srli_epi16(v, 8);
}
SOFTCUDA_INLINE Words addPairs(Words sum, Words a, u32 b) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, _mm512_set1_epi32(static_cast<int>(b))));
}
SOFTCUDA_INLINE Words loadWords(const void* from, int i) { return _mm512_loadu_si512(static_cast<const u32*>(from) + 16 * i); }
SOFTCUDA_INLINE void storeWords(void* to, int i, Words v) { _mm512_storeu_si512(static_cast<u32*>(to) + 16 * i, v); }
#else
using Words = __m256i;
constexpr int kWordRows = 8;
SOFTCUDA_INLINE Words evenPairs(Words v, bool isSigned) {
  return isSigned ? _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8) : _mm256_and_si256(v, _mm256_set1_epi32(0xff00ff));
}
SOFTCUDA_INLINE Words oddPairs(Words v, bool isSigned) {
  return isSigned ? _mm256_srai_epi16(v, 8) : _mm256_srli_epi16(v, 8);
}
SOFTCUDA_INLINE Words addPairs(Words sum, Words a, u32 b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, _mm256_set1_epi32(static_cast<int>(b))));
}
SOFTCUDA_INLINE Words loadWords(const void* from, int i) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from) + i);
}
SOFTCUDA_INLINE void storeWords(void* to, int i, Words v) { _mm256_storeu_si256(static_cast<__m256i*>(to) + i, v); }
#endif
// Registers top and bottom (rows g and g + 8; with eight rows per vector top alone) as four vectors, and back.
SOFTCUDA_INLINE void loadQuads(const void* top, const void* bottom, Words* v) {
  constexpr int each = kLanes / (sizeof(Words) / 4);
  for (int i = 0; i < 4; ++i) v[i] = loadWords(i < each ? top : bottom, i % each);
}
SOFTCUDA_INLINE void storeQuads(void* top, void* bottom, const Words* v) {
  constexpr int each = kLanes / (sizeof(Words) / 4);
  for (int i = 0; i < 4; ++i) storeWords(i < each ? top : bottom, i % each, v[i]);
}

template <bool SignedA, bool SignedB, int Chunks>
void bytes16x8(void* const* dst, const void* const* a, const void* const* b, const void* const* c) {
  alignas(64) u32 even[Chunks][kLanes], odd[Chunks][kLanes];  // [4n + t]: pairs of B(k = 16 chunk + 4t ..., n)
  for (int chunk = 0; chunk < Chunks; ++chunk)
    for (int i = 0; i < 4 * kLanes / static_cast<int>(sizeof(Words)); ++i) {
      const Words v = loadWords(b[chunk], i);
      storeWords(even[chunk], i, evenPairs(v, SignedB)), storeWords(odd[chunk], i, oddPairs(v, SignedB));
    }
  alignas(64) s32 out[4][kLanes];
  for (int half = 0; half < 2; half += kWordRows / 8) {
    Words sum[8];  // per column
    for (int parity = 0; parity < 2; ++parity) {
      Words v[4], columns[4];
      loadQuads(c[2 * half + parity], c[2 + parity], v);
      transposeQuads(v, columns);
      for (int t = 0; t < 4; ++t) sum[2 * t + parity] = columns[t];
    }
    for (int chunk = 0; chunk < Chunks; ++chunk) {
      Words v[4], packed[4];
      loadQuads(a[2 * chunk + half], a[2 * chunk + 1], v);
      transposeQuads(v, packed);
#pragma GCC unroll 4
      for (int t = 0; t < 4; ++t) {
        const Words first = evenPairs(packed[t], SignedA), second = oddPairs(packed[t], SignedA);
#pragma GCC unroll 8
        for (int n = 0; n < 8; ++n) {
          sum[n] = addPairs(sum[n], first, even[chunk][4 * n + t]);
          sum[n] = addPairs(sum[n], second, odd[chunk][4 * n + t]);
        }
      }
    }
    for (int parity = 0; parity < 2; ++parity) {
      Words columns[4], v[4];
      for (int t = 0; t < 4; ++t) columns[t] = sum[2 * t + parity];
      transposeQuads(columns, v);  // its own inverse
      storeQuads(out[2 * half + parity], out[2 + parity], v);
    }
  }
  for (int i = 0; i < 4; ++i) memcpy(dst[i], out[i], sizeof out[i]);
}
#endif

// A tile list: rows of A in halves of 8, columns of B in eights. `halves` row halves, `columns` column eights.
template <Kind K, int Halves, int Columns, int Chunks, bool Transposed>
void mmaInteger(u32, void* const* dst, const void* const* src, u32 variant) {
  const bool clamp = variant >> 26 & 1;
  const void* const* a = src;
  const void* const* b = src + (Transposed ? Columns : Halves) * Chunks;
  const void* const* c = b + (Transposed ? Halves : Columns) * Chunks;
  const void* const* rows = Transposed ? b : a;
  const void* const* columns = Transposed ? a : b;
#if defined(__AVX2__)
  constexpr bool bytes = K == Kind::S8S8 || K == Kind::S8U8 || K == Kind::U8S8 || K == Kind::U8U8;
  if constexpr (bytes && Halves == 2 && Columns == 1 && !Transposed) {
    if (!clamp) {
      bytes16x8<K == Kind::S8S8 || K == Kind::S8U8, K == Kind::S8S8 || K == Kind::U8S8, Chunks>(dst, a, b, c);
      return;
    }
  }
#endif
  alignas(64) s32 out[2 * Halves * Columns][kLanes];
  // Registers of C: pairs (even, odd columns) per row half, then per tile of 16x8.
  for (int half = 0; half < Halves; ++half)
    for (int column = 0; column < Columns; ++column) {
      // Rows in tiles of 16: tile half/2 holds its registers [chunk][half % 2]; one half alone [chunk].
      const int perTile = Halves == 1 ? 1 : 2;
      const int tile = half / perTile, within = half % perTile;
      const int index = 2 * (within + perTile * (column + Columns * tile));
      product8x8Of<K>(out + index, rows + tile * perTile * Chunks + within, perTile, columns + column * Chunks, Chunks,
                      c + index, clamp);
    }
  for (int i = 0; i < 2 * Halves * Columns; ++i) memcpy(dst[i], out[i], sizeof out[i]);
}

struct Form {
  Shape shape;
  Type b, c;
  bool columnA, columnB, clamp;
  MmaOp op;
};
Form unpackForm(u32 v) {
  return {static_cast<Shape>(v & 0xff),
          static_cast<Type>(v >> 8 & 0xff),
          static_cast<Type>(v >> 16 & 0xff),
          (v >> 24 & 1) != 0,
          (v >> 25 & 1) != 0,
          (v >> 26 & 1) != 0,
          static_cast<MmaOp>(v >> 27)};
}
template <Kind K>
LaneOp integerShape(Opcode op, Shape shape, bool bytes, bool nibbles) {
  if (op == Opcode::Mma) {
    switch (shape) {
      case Shape::M8N8K16: return bytes ? &mmaInteger<K, 1, 1, 1, false> : nullptr;
      case Shape::M16N8K16: return bytes ? &mmaInteger<K, 2, 1, 1, false> : nullptr;
      case Shape::M16N8K32:
        return bytes ? &mmaInteger<K, 2, 1, 2, false> : nibbles ? &mmaInteger<K, 2, 1, 1, false> : nullptr;
      case Shape::M8N8K32: return nibbles ? &mmaInteger<K, 1, 1, 1, false> : nullptr;
      case Shape::M16N8K64: return nibbles ? &mmaInteger<K, 2, 1, 2, false> : nullptr;
      case Shape::M8N8K128: return !bytes && !nibbles ? &mmaInteger<K, 1, 1, 1, false> : nullptr;
      case Shape::M16N8K128: return !bytes && !nibbles ? &mmaInteger<K, 2, 1, 1, false> : nullptr;
      case Shape::M16N8K256: return !bytes && !nibbles ? &mmaInteger<K, 2, 1, 2, false> : nullptr;
      default: return nullptr;
    }
  }
  switch (shape) {
    case Shape::M16N16K16: return bytes ? &mmaInteger<K, 2, 2, 1, false> : nullptr;
    case Shape::M32N8K16: return bytes ? &mmaInteger<K, 4, 1, 1, false> : nullptr;
    case Shape::M8N32K16: return bytes ? &mmaInteger<K, 4, 1, 1, true> : nullptr;
    case Shape::M8N8K32: return nibbles ? &mmaInteger<K, 1, 1, 1, false> : nullptr;
    case Shape::M8N8K128: return !bytes && !nibbles ? &mmaInteger<K, 1, 1, 1, false> : nullptr;
    default: return nullptr;
  }
}
LaneOp integerForm(const Key& k, const Form& f) {
  if (k.type != Type::S32 || f.c != Type::S32 || f.columnA || !f.columnB) {
    // wmma's layouts are matters of its loads and stores.
    if (k.op != Opcode::WmmaMma || k.type != Type::S32 || f.c != Type::S32) return nullptr;
  }
  const auto isByte = [](Type t) { return t == Type::S8 || t == Type::U8; };
  const auto isNibble = [](Type t) { return t == Type::S4 || t == Type::U4; };
  if (k.sourceType == Type::B1) {
    if (f.b != Type::B1 || f.clamp) return nullptr;
    if (f.op == MmaOp::XorPopc) return integerShape<Kind::XorBits>(k.op, f.shape, false, false);
    return f.op == MmaOp::AndPopc ? integerShape<Kind::AndBits>(k.op, f.shape, false, false) : nullptr;
  }
  if (f.op != MmaOp::Multiply) return nullptr;
  const bool bytes = isByte(k.sourceType) && isByte(f.b), nibbles = isNibble(k.sourceType) && isNibble(f.b);
  if (!bytes && !nibbles) return nullptr;
  bool signedA = k.sourceType == Type::S8 || k.sourceType == Type::S4, signedB = f.b == Type::S8 || f.b == Type::S4;
  // Transposed products take the types in the other order.
  if (f.shape == Shape::M8N32K16) {
    const bool t = signedA;
    signedA = signedB;
    signedB = t;
  }
  if (bytes) {
    if (signedA)
      return signedB ? integerShape<Kind::S8S8>(k.op, f.shape, true, false)
                     : integerShape<Kind::S8U8>(k.op, f.shape, true, false);
    return signedB ? integerShape<Kind::U8S8>(k.op, f.shape, true, false)
                   : integerShape<Kind::U8U8>(k.op, f.shape, true, false);
  }
  if (signedA)
    return signedB ? integerShape<Kind::S4S4>(k.op, f.shape, false, true)
                   : integerShape<Kind::S4U4>(k.op, f.shape, false, true);
  return signedB ? integerShape<Kind::U4S4>(k.op, f.shape, false, true)
                 : integerShape<Kind::U4U4>(k.op, f.shape, false, true);
}

// --- Floating point forms
// ----------------------------------------------------------------------------------------------------------
template <class E, int Chunks>
LaneOp mmaAccumulators(bool cHalf, bool dHalf) {
  if (cHalf) return dHalf ? &mmaFloat<E, Chunks, true, true> : &mmaFloat<E, Chunks, true, false>;
  return dHalf ? &mmaFloat<E, Chunks, false, true> : &mmaFloat<E, Chunks, false, false>;
}
template <class E, int Chunks, int rA, int rB, int nA, int nB, bool Transposed>
LaneOp wmmaAccumulators(bool cHalf, bool dHalf) {
  if (cHalf)
    return dHalf ? &wmmaFloat<E, Chunks, true, true, rA, rB, nA, nB, Transposed>
                 : &wmmaFloat<E, Chunks, true, false, rA, rB, nA, nB, Transposed>;
  return dHalf ? &wmmaFloat<E, Chunks, false, true, rA, rB, nA, nB, Transposed>
               : &wmmaFloat<E, Chunks, false, false, rA, rB, nA, nB, Transposed>;
}
LaneOp floatForm(const Key& k, const Form& f) {
  const bool wmma = k.op == Opcode::WmmaMma;
  if (f.b != k.sourceType || f.op != MmaOp::Multiply || f.clamp) return nullptr;
  const bool rowColumn = !f.columnA && f.columnB;
  if (k.sourceType == Type::F64) {
    if (k.type != Type::F64 || f.c != Type::F64) return nullptr;
    if (wmma) return f.shape == Shape::M8N8K4 ? &mmaDouble<8, 1> : nullptr;
    if (!rowColumn) return nullptr;
    switch (f.shape) {
      case Shape::M8N8K4: return &mmaDouble<8, 1>;
      case Shape::M16N8K4: return &mmaDouble<16, 1>;
      case Shape::M16N8K8: return &mmaDouble<16, 2>;
      case Shape::M16N8K16: return &mmaDouble<16, 4>;
      default: return nullptr;
    }
  }
  const bool half = k.sourceType == Type::F16;
  const bool cHalf = f.c == Type::F16, dHalf = k.type == Type::F16;
  if ((!cHalf && f.c != Type::F32) || (!dHalf && k.type != Type::F32) || (!half && (cHalf || dHalf))) return nullptr;
  if (!wmma && f.shape != Shape::M8N8K4 && !rowColumn) return nullptr;
  if (k.sourceType == Type::TF32) {
    if (wmma)
      return f.shape == Shape::M16N16K8 ? &wmmaFloat<Tf32Elements, 2, false, false, 4, 4, 0, 2, false> : nullptr;
    return f.shape == Shape::M16N8K4   ? &mmaFloat<Tf32Elements, 1, false, false>
           : f.shape == Shape::M16N8K8 ? &mmaFloat<Tf32Elements, 2, false, false>
                                       : nullptr;
  }
  if (k.sourceType == Type::BF16) {
    if (!wmma)
      return f.shape == Shape::M16N8K8    ? &mmaFloat<BfloatElements, 1, false, false>
             : f.shape == Shape::M16N8K16 ? &mmaFloat<BfloatElements, 2, false, false>
                                          : nullptr;
    switch (f.shape) {
      case Shape::M16N16K16: return &wmmaFloat<BfloatElements, 2, false, false, 4, 4, 0, 2, false>;
      case Shape::M32N8K16: return &wmmaFloat<BfloatElements, 2, false, false, 8, 2, 4, 0, false>;
      case Shape::M8N32K16: return &wmmaFloat<BfloatElements, 2, false, false, 2, 8, 0, 4, true>;
      default: return nullptr;
    }
  }
  if (!half) return nullptr;
  if (!wmma) {
    switch (f.shape) {
      case Shape::M8N8K4:
        if (cHalf) return dHalf ? &mmaQuadPairs<true, true> : &mmaQuadPairs<true, false>;
        return dHalf ? nullptr : &mmaQuadPairs<false, false>;
      case Shape::M16N8K8: return mmaAccumulators<HalfElements, 1>(cHalf, dHalf);
      case Shape::M16N8K16: return mmaAccumulators<HalfElements, 2>(cHalf, dHalf);
      default: return nullptr;
    }
  }
  switch (f.shape) {
    case Shape::M16N16K16: return wmmaAccumulators<HalfElements, 2, 8, 8, 0, 2, false>(cHalf, dHalf);
    case Shape::M32N8K16: return wmmaAccumulators<HalfElements, 2, 8, 8, 4, 0, false>(cHalf, dHalf);
    case Shape::M8N32K16: return wmmaAccumulators<HalfElements, 2, 8, 8, 0, 4, true>(cHalf, dHalf);
    default: return nullptr;
  }
}

}  // namespace

LaneOp findMma(const Key& k) {
  if ((k.op != Opcode::Mma && k.op != Opcode::WmmaMma) || !only(k, kSource | kSat | kVariant | kSatfinite))
    return nullptr;
  const Form f = unpackForm(k.variant);
  switch (k.sourceType) {
    case Type::F16:
    case Type::BF16:
    case Type::TF32:
    case Type::F64: return floatForm(k, f);
    default: return integerForm(k, f);
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
