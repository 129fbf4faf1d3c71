#include "machine/data_movement.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // both of _mm512_undefined_epi32 and the like in GCC's own headers
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstring>

namespace softcuda::machine {
namespace {

void addresses64(const uint64_t* base, uint64_t offset, uint64_t* at) {
  const __m512i add = _mm512_set1_epi64(static_cast<int64_t>(offset));
  for (int i = 0; i < 32; i += 8) _mm512_store_si512(at + i, _mm512_add_epi64(_mm512_load_si512(base + i), add));
}

void addresses32(const uint32_t* base, uint32_t offset, uint64_t* at) {
  const __m256i add = _mm256_set1_epi32(static_cast<int32_t>(offset));
  for (int i = 0; i < 32; i += 8)
    _mm512_store_si512(at + i, _mm512_cvtepu32_epi64(_mm256_add_epi32(
                                   _mm256_load_si256(reinterpret_cast<const __m256i*>(base + i)), add)));
}

AddressSummary summarise(const uint64_t* at, uint32_t mask, uint64_t step) {
  AddressSummary s;
  const auto first = static_cast<uint32_t>(__builtin_ctz(mask));
  const __m512i steps =
      _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64(static_cast<int64_t>(step)));
  const __m512i stride = _mm512_set1_epi64(static_cast<int64_t>(step * 8));
  const __m512i one = _mm512_set1_epi64(static_cast<int64_t>(at[first]));
  __m512i expected = _mm512_add_epi64(_mm512_set1_epi64(static_cast<int64_t>(at[first] - first * step)), steps);
  __m512i low = one, high = one, bits = one;
  uint32_t unlike = 0, different = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const auto lanes = static_cast<__mmask8>(mask >> (8 * i));
    const __m512i a = _mm512_load_si512(at + i * 8);
    low = _mm512_mask_min_epu64(low, lanes, low, a);
    high = _mm512_mask_max_epu64(high, lanes, high, a);
    bits = _mm512_mask_or_epi64(bits, lanes, bits, a);
    unlike |= _mm512_mask_cmpneq_epi64_mask(lanes, a, expected);
    different |= _mm512_mask_cmpneq_epi64_mask(lanes, a, one);
    expected = _mm512_add_epi64(expected, stride);
  }
  s.consecutive = unlike == 0;
  s.uniform = different == 0;
  if (s.consecutive) {
    s.low = at[first];
    s.high = at[31 - static_cast<uint32_t>(__builtin_clz(mask))];
  } else {
    s.low = _mm512_reduce_min_epu64(low);
    s.high = _mm512_reduce_max_epu64(high);
  }
  s.bits = static_cast<uint64_t>(_mm512_reduce_or_epi64(bits));
  return s;
}

inline __m128i load128(const uint8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }

// Four rows of four words from four addresses, transposed into four vectors of one word each.
inline void transpose4(__m128i& a, __m128i& b, __m128i& c, __m128i& d) {
  const __m128i ab0 = _mm_unpacklo_epi32(a, b), ab1 = _mm_unpackhi_epi32(a, b), cd0 = _mm_unpacklo_epi32(c, d),
                cd1 = _mm_unpackhi_epi32(c, d);
  a = _mm_unpacklo_epi64(ab0, cd0);
  b = _mm_unpackhi_epi64(ab0, cd0);
  c = _mm_unpacklo_epi64(ab1, cd1);
  d = _mm_unpackhi_epi64(ab1, cd1);
}

inline void transpose4x4(__m512i& a, __m512i& b, __m512i& c, __m512i& d) {
  const __m512i ab0 = _mm512_unpacklo_epi32(a, b), ab1 = _mm512_unpackhi_epi32(a, b),
                cd0 = _mm512_unpacklo_epi32(c, d), cd1 = _mm512_unpackhi_epi32(c, d);
  a = _mm512_unpacklo_epi64(ab0, cd0);
  b = _mm512_unpackhi_epi64(ab0, cd0);
  c = _mm512_unpacklo_epi64(ab1, cd1);
  d = _mm512_unpackhi_epi64(ab1, cd1);
}

void gather32(uint64_t origin, const uint64_t* at, uint32_t* const* to, uint32_t count) {
  if (count == 1) {
    for (int i = 0; i < 32; i += 8)
      _mm256_store_si256(reinterpret_cast<__m256i*>(to[0] + i),
                         _mm512_i64gather_epi32(_mm512_load_si512(at + i), hostBytes(origin), 1));
    return;
  }
  if (count == 2) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0),
                  odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    for (int i = 0; i < 32; i += 16) {
      const __m512i a = _mm512_i64gather_epi64(_mm512_load_si512(at + i), hostBytes(origin), 1),
                    b = _mm512_i64gather_epi64(_mm512_load_si512(at + i + 8), hostBytes(origin), 1);
      _mm512_store_si512(to[0] + i, _mm512_permutex2var_epi32(a, even, b));
      _mm512_store_si512(to[1] + i, _mm512_permutex2var_epi32(a, odd, b));
    }
    return;
  }
  for (int i = 0; i < 32; i += 4) {
    __m128i a = load128(hostBytes(origin + at[i])), b = load128(hostBytes(origin + at[i + 1])),
            c = load128(hostBytes(origin + at[i + 2])), d = load128(hostBytes(origin + at[i + 3]));
    transpose4(a, b, c, d);
    _mm_store_si128(reinterpret_cast<__m128i*>(to[0] + i), a);
    _mm_store_si128(reinterpret_cast<__m128i*>(to[1] + i), b);
    _mm_store_si128(reinterpret_cast<__m128i*>(to[2] + i), c);
    _mm_store_si128(reinterpret_cast<__m128i*>(to[3] + i), d);
  }
}

void gather64(uint64_t origin, const uint64_t* at, uint64_t* const* to, uint32_t count) {
  if (count == 1) {
    for (int i = 0; i < 32; i += 8)
      _mm512_store_si512(to[0] + i, _mm512_i64gather_epi64(_mm512_load_si512(at + i), hostBytes(origin), 1));
    return;
  }
  for (int i = 0; i < 32; i += 2) {
    const __m128i a = load128(hostBytes(origin + at[i])), b = load128(hostBytes(origin + at[i + 1]));
    _mm_store_si128(reinterpret_cast<__m128i*>(to[0] + i), _mm_unpacklo_epi64(a, b));
    _mm_store_si128(reinterpret_cast<__m128i*>(to[1] + i), _mm_unpackhi_epi64(a, b));
  }
}

void scatter32(uint64_t origin, const uint64_t* at, const uint32_t* const* from, uint32_t count) {
  if (count == 1) {
    for (int i = 0; i < 32; ++i) std::memcpy(hostBytes(origin + at[i]), from[0] + i, 4);
    return;
  }
  if (count == 2) {
    for (int i = 0; i < 32; ++i) {
      const uint64_t both = from[0][i] | static_cast<uint64_t>(from[1][i]) << 32;
      std::memcpy(hostBytes(origin + at[i]), &both, 8);
    }
    return;
  }
  for (int i = 0; i < 32; i += 4) {
    __m128i a = _mm_load_si128(reinterpret_cast<const __m128i*>(from[0] + i)),
            b = _mm_load_si128(reinterpret_cast<const __m128i*>(from[1] + i));
    __m128i c = _mm_load_si128(reinterpret_cast<const __m128i*>(from[2] + i)),
            d = _mm_load_si128(reinterpret_cast<const __m128i*>(from[3] + i));
    transpose4(a, b, c, d);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hostBytes(origin + at[i])), a);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hostBytes(origin + at[i + 1])), b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hostBytes(origin + at[i + 2])), c);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(hostBytes(origin + at[i + 3])), d);
  }
}

// Within each 128-bit lane of four vectors lie four consecutive threads' words: lane j of vector v holds thread
// 4*(4*?+..).
void loadConsecutive32(const uint8_t* memory, uint32_t* const* to, uint32_t count) {
  if (count == 1) {
    _mm512_store_si512(to[0], _mm512_loadu_si512(memory));
    _mm512_store_si512(to[0] + 16, _mm512_loadu_si512(memory + 64));
    return;
  }
  if (count == 2) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0),
                  odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    for (int i = 0; i < 32; i += 16) {
      const __m512i a = _mm512_loadu_si512(memory + i * 8), b = _mm512_loadu_si512(memory + i * 8 + 64);
      _mm512_store_si512(to[0] + i, _mm512_permutex2var_epi32(a, even, b));
      _mm512_store_si512(to[1] + i, _mm512_permutex2var_epi32(a, odd, b));
    }
    return;
  }
  // 16 threads at a time: vector v holds threads 4v..4v+3, one in each 128-bit lane; bring thread 4j+v to lane j of
  // vector v first.
  for (int i = 0; i < 32; i += 16) {
    const uint8_t* from = memory + i * 16;
    const __m512i v0 = _mm512_loadu_si512(from), v1 = _mm512_loadu_si512(from + 64),
                  v2 = _mm512_loadu_si512(from + 128), v3 = _mm512_loadu_si512(from + 192);
    const __m512i t0 = _mm512_shuffle_i32x4(v0, v1, 0x44), t1 = _mm512_shuffle_i32x4(v0, v1, 0xee),
                  t2 = _mm512_shuffle_i32x4(v2, v3, 0x44), t3 = _mm512_shuffle_i32x4(v2, v3, 0xee);
    __m512i a = _mm512_shuffle_i32x4(t0, t2, 0x88), b = _mm512_shuffle_i32x4(t0, t2, 0xdd),
            c = _mm512_shuffle_i32x4(t1, t3, 0x88), d = _mm512_shuffle_i32x4(t1, t3, 0xdd);
    transpose4x4(a, b, c, d);
    _mm512_store_si512(to[0] + i, a);
    _mm512_store_si512(to[1] + i, b);
    _mm512_store_si512(to[2] + i, c);
    _mm512_store_si512(to[3] + i, d);
  }
}

void storeConsecutive32(uint8_t* memory, const uint32_t* const* from, uint32_t count) {
  if (count == 1) {
    _mm512_storeu_si512(memory, _mm512_load_si512(from[0]));
    _mm512_storeu_si512(memory + 64, _mm512_load_si512(from[0] + 16));
    return;
  }
  if (count == 2) {
    const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0),
                  high = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    for (int i = 0; i < 32; i += 16) {
      const __m512i a = _mm512_load_si512(from[0] + i), b = _mm512_load_si512(from[1] + i);
      _mm512_storeu_si512(memory + i * 8, _mm512_permutex2var_epi32(a, low, b));
      _mm512_storeu_si512(memory + i * 8 + 64, _mm512_permutex2var_epi32(a, high, b));
    }
    return;
  }
  for (int i = 0; i < 32; i += 16) {
    __m512i a = _mm512_load_si512(from[0] + i), b = _mm512_load_si512(from[1] + i), c = _mm512_load_si512(from[2] + i),
            d = _mm512_load_si512(from[3] + i);
    transpose4x4(a, b, c, d);  // lane j of vector v: thread 4j+v
    const __m512i t0 = _mm512_shuffle_i32x4(a, b, 0x44), t1 = _mm512_shuffle_i32x4(a, b, 0xee),
                  t2 = _mm512_shuffle_i32x4(c, d, 0x44), t3 = _mm512_shuffle_i32x4(c, d, 0xee);
    // t0: a0 a1 b0 b1; t2: c0 c1 d0 d1; wanted a0 b0 c0 d0
    uint8_t* out = memory + i * 16;
    _mm512_storeu_si512(out, _mm512_shuffle_i32x4(t0, t2, 0x88));
    _mm512_storeu_si512(out + 64, _mm512_shuffle_i32x4(t0, t2, 0xdd));
    _mm512_storeu_si512(out + 128, _mm512_shuffle_i32x4(t1, t3, 0x88));
    _mm512_storeu_si512(out + 192, _mm512_shuffle_i32x4(t1, t3, 0xdd));
  }
}

const DataMovement kAvx512 = {addresses64, addresses32, summarise,         gather32,
                              gather64,    scatter32,   loadConsecutive32, storeConsecutive32};

}  // namespace

const DataMovement& dataMovementAvx512() { return kAvx512; }

}  // namespace softcuda::machine
#endif
