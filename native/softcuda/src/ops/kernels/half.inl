// Arithmetic of f16, f16x2, bf16 and bf16x2: add, sub, mul, fma, neg, abs, min, max, ex2, tanh.
#include "groups.h"
#include "half_format.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// a*b+c rounded to odd in T: exact where it is representable, else the neighbour with an odd last bit. Rounding that
// to a format with at least two fewer bits gives what rounding the exact value would give. a*b must be exact in T.
SOFTCUDA_INLINE float fmaToOdd(float a, float b, float c) {
  const float p = a * b, s = p + c, v = s - p, error = (p - (s - v)) + (c - v);
  const u32 bitsOfS = bitsAs<u32>(s);
  const u32 step = (error > 0) == (s > 0) ? 1u : ~0u;
  const bool inexact = error < 0 || error > 0;  // not for infinities and NaN
  return bitsAs<float>(inexact && (bitsOfS & 1) == 0 ? bitsOfS + step : bitsOfS);
}
SOFTCUDA_INLINE double fmaToOdd(double a, double b, double c) {
  const double p = a * b, s = p + c, v = s - p, error = (p - (s - v)) + (c - v);
  const u64 bitsOfS = bitsAs<u64>(s);
  const u64 step = (error > 0) == (s > 0) ? 1ull : ~0ull;
  const bool inexact = error < 0 || error > 0;
  return bitsAs<double>(inexact && (bitsOfS & 1) == 0 ? bitsOfS + step : bitsOfS);
}

#if defined(__AVX512F__)
// The two neighbours of a*b+c, by rounding down and up; if they differ, the odd one.
SOFTCUDA_INLINE __m512 fmaToOdd(__m512 a, __m512 b, __m512 c) {
  const __m512 down = _mm512_fmadd_round_ps(a, b, c, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m512 up = _mm512_fmadd_round_ps(a, b, c, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  const __m512i nearZero =
      _mm512_castps_si512(_mm512_mask_mov_ps(down, _mm512_movepi32_mask(_mm512_castps_si512(down)), up));
  return _mm512_castsi512_ps(
      _mm512_mask_or_epi32(nearZero, _mm512_cmp_ps_mask(down, up, _CMP_NEQ_UQ), nearZero, _mm512_set1_epi32(1)));
}
#endif
// A double rounded to odd.
SOFTCUDA_INLINE float toOddFloat(double v) {
  const float nearest = static_cast<float>(v);
  const double back = static_cast<double>(nearest);
  const u32 towardsZero = bitsAs<u32>(nearest) - (__builtin_fabs(back) > __builtin_fabs(v) ? 1u : 0u);
  return bitsAs<float>(back != v ? towardsZero | 1u : towardsZero);
}

enum class Arith { Add, Sub, Mul, Fma };
template <Arith A, class T>
SOFTCUDA_INLINE T compute(float a, float b, float c) {
  if constexpr (A == Arith::Fma) return fmaToOdd(T{a}, T{b}, T{c});
  else if constexpr (A == Arith::Mul) return T{a} * T{b};  // exact
  else if constexpr (A == Arith::Sub) return fmaToOdd(T{a}, T{1}, T{-b});
  else return fmaToOdd(T{a}, T{1}, T{b});
}
// bf16 has as many exponents as f32, so that products are exact in double only.
template <Arith A>
SOFTCUDA_INLINE void computeBfloats(const float* a, const float* b, const float* c, u32* out) {
  alignas(64) float odd[kLanes];
#if defined(__AVX512F__)
  for (int i = 0; i < kLanes; i += 16) {
    const __m512 x = _mm512_load_ps(a + i), y = _mm512_load_ps(b + i), one = _mm512_set1_ps(1.0f);
    if constexpr (A == Arith::Fma) _mm512_store_ps(odd + i, fmaToOdd(x, y, _mm512_load_ps(c + i)));
    else if constexpr (A == Arith::Mul) _mm512_store_ps(odd + i, fmaToOdd(x, y, _mm512_set1_ps(-0.0f)));
    else if constexpr (A == Arith::Sub)
      _mm512_store_ps(odd + i, fmaToOdd(x, one, _mm512_xor_ps(y, _mm512_set1_ps(-0.0f))));
    else _mm512_store_ps(odd + i, fmaToOdd(x, one, y));
  }
#else
  for (int i = 0; i < kLanes; ++i) odd[i] = toOddFloat(compute<A, double>(a[i], b[i], A == Arith::Fma ? c[i] : 0.0f));
#endif
  for (int i = 0; i < kLanes; ++i) out[i] = floatToBfloat(odd[i]);
}
// After the rounding: .ftz, .sat (to [0,1], NaN to +0), .relu (negatives and -0 to +0).
template <class Format, bool Ftz, bool Sat, bool Relu>
SOFTCUDA_INLINE u32 finish16(u32 h) {
  if constexpr (Ftz) h = flush16<Format::kExponent>(h);
  const u32 magnitude = h & 0x7fffu;
  const bool isNan = magnitude > Format::kExponent;
  if constexpr (Relu) h = (h & 0x8000u) != 0 && !isNan ? 0u : h;
  if constexpr (Sat) h = (h & 0x8000u) != 0 || isNan ? 0u : magnitude > Format::kOne ? Format::kOne : h;
  return h;
}
template <class Format, bool Ftz>
SOFTCUDA_INLINE void flushInputs(float* v) {
  if constexpr (Ftz && Format::kExponent == F16::kExponent)  // f16 subnormals are below 2^-14
    for (int i = 0; i < kLanes; ++i)
      v[i] = __builtin_fabsf(v[i]) < 0x1p-14f ? bitsAs<float>(bitsAs<u32>(v[i]) & 0x80000000u) : v[i];
  if constexpr (Ftz && Format::kExponent == BF16::kExponent)
    for (int i = 0; i < kLanes; ++i) v[i] = flush<true>(v[i]);
}
// One function per operation and format, whatever the modifiers do before and after it.
template <class Format, Arith A>
SOFTCUDA_NOINLINE void computeHalves(const float* a, const float* b, const float* c, u32* out) {
  if constexpr (Format::kExponent == F16::kExponent) {
    alignas(64) float r[kLanes];
    for (int i = 0; i < kLanes; ++i) r[i] = compute<A, float>(a[i], b[i], A == Arith::Fma ? c[i] : 0.0f);
    floatsToHalves(r, out);
  } else {
    computeBfloats<A>(a, b, c, out);
  }
}
template <class Format, Arith A, int shift, bool Ftz, bool Sat, bool Relu>
SOFTCUDA_INLINE void arithHalf(const void* const* src, u32* out) {
  alignas(64) float a[kLanes], b[kLanes], c[kLanes];
  Format::template widen<shift>(static_cast<const u32*>(src[0]), a);
  Format::template widen<shift>(static_cast<const u32*>(src[1]), b);
  flushInputs<Format, Ftz>(a), flushInputs<Format, Ftz>(b);
  if constexpr (A == Arith::Fma) {
    Format::template widen<shift>(static_cast<const u32*>(src[2]), c);
    flushInputs<Format, Ftz>(c);
  }
  computeHalves<Format, A>(a, b, c, out);
  if constexpr (Ftz || Sat || Relu)
    for (int i = 0; i < kLanes; ++i) out[i] = finish16<Format, Ftz, Sat, Relu>(out[i]);
}
template <class Format, Arith A, bool Packed, bool Ftz, bool Sat, bool Relu>
void arith(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) u32 low[kLanes], high[kLanes];
  arithHalf<Format, A, 0, Ftz, Sat, Relu>(src, low);
  if constexpr (Packed) {
    arithHalf<Format, A, 16, Ftz, Sat, Relu>(src, high);
    for (int i = 0; i < kLanes; ++i) low[i] |= high[i] << 16;
  }
  write(active, static_cast<u32*>(dst[0]), low);
}
template <class Format, Arith A, bool Packed>
LaneOp chooseArith(const Key& k) {
  if (k.relu)
    return k.sat || A != Arith::Fma ? nullptr
           : k.ftz                  ? &arith<Format, A, Packed, true, false, true>
                                    : &arith<Format, A, Packed, false, false, true>;
  if (k.sat)
    return k.ftz ? &arith<Format, A, Packed, true, true, false> : &arith<Format, A, Packed, false, true, false>;
  return k.ftz ? &arith<Format, A, Packed, true, false, false> : &arith<Format, A, Packed, false, false, false>;
}
template <Arith A>
LaneOp arithmetic(const Key& k) {
  if (k.rounding != Rounding::Rn && (k.rounding != Rounding::None || A == Arith::Fma)) return nullptr;
  switch (k.type) {
    case Type::F16: return only(k, kRound | kFtz | kSat | kRelu) ? chooseArith<F16, A, false>(k) : nullptr;
    case Type::F16x2: return only(k, kRound | kFtz | kSat | kRelu) ? chooseArith<F16, A, true>(k) : nullptr;
    case Type::BF16: return only(k, kRound | kRelu) ? chooseArith<BF16, A, false>(k) : nullptr;
    case Type::BF16x2: return only(k, kRound | kRelu) ? chooseArith<BF16, A, true>(k) : nullptr;
    default: return nullptr;
  }
}

// Operations on the bits, one half at a time.
template <class F, bool Packed>
struct Halves1 {
  static SOFTCUDA_INLINE u32 apply(u32 a) {
    const u32 low = F::f(a & 0xffffu);
    return Packed ? low | F::f(a >> 16) << 16 : low;
  }
};
template <class F, bool Packed>
struct Halves2 {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b) {
    const u32 low = F::f(a & 0xffffu, b & 0xffffu);
    return Packed ? low | F::f(a >> 16, b >> 16) << 16 : low;
  }
};
template <class Format, bool Ftz>
struct Neg {
  static SOFTCUDA_INLINE u32 f(u32 a) { return (Ftz ? flush16<Format::kExponent>(a) : a) ^ 0x8000u; }
};
template <class Format, bool Ftz>
struct Abs {
  static SOFTCUDA_INLINE u32 f(u32 a) { return (Ftz ? flush16<Format::kExponent>(a) : a) & 0x7fffu; }
};
template <class Format, bool IsMax, bool Ftz, bool Nan, bool Xorsign>
struct MinMax {
  static SOFTCUDA_INLINE u32 f(u32 x, u32 y) {
    const u32 sign = (x ^ y) & 0x8000u;
    constexpr u32 keep = Xorsign ? 0x7fffu : 0xffffu;
    const u32 a = (Ftz ? flush16<Format::kExponent>(x) : x) & keep,
              b = (Ftz ? flush16<Format::kExponent>(y) : y) & keep;
    const s32 ka = a & 0x8000u ? ~static_cast<s32>(a & 0x7fffu) : static_cast<s32>(a);
    const s32 kb = b & 0x8000u ? ~static_cast<s32>(b & 0x7fffu) : static_cast<s32>(b);
    const bool nanA = (a & 0x7fffu) > Format::kExponent, nanB = (b & 0x7fffu) > Format::kExponent;
    u32 r = nanA ? b : nanB ? a : (IsMax ? ka > kb : ka < kb) ? a : b;
    if (Xorsign) r |= sign;
    return (Nan ? (nanA | nanB) : (nanA & nanB)) ? 0x7fffu : r;
  }
};
template <template <class, bool> class F>
LaneOp signOp(const Key& k) {
  switch (k.type) {
    case Type::F16:
      if (!only(k, kFtz)) return nullptr;
      return k.ftz ? unary<Halves1<F<F16, true>, false>, u32, u32>()
                   : unary<Halves1<F<F16, false>, false>, u32, u32>();
    case Type::F16x2:
      if (!only(k, kFtz)) return nullptr;
      return k.ftz ? unary<Halves1<F<F16, true>, true>, u32, u32>() : unary<Halves1<F<F16, false>, true>, u32, u32>();
    case Type::BF16: return only(k, 0) ? unary<Halves1<F<BF16, false>, false>, u32, u32>() : nullptr;
    case Type::BF16x2: return only(k, 0) ? unary<Halves1<F<BF16, false>, true>, u32, u32>() : nullptr;
    default: return nullptr;
  }
}
template <class Format, bool Packed, bool IsMax, bool Ftz>
LaneOp minMaxNan(const Key& k) {
  if (k.nan) {
    return k.xorsign ? binary<Halves2<MinMax<Format, IsMax, Ftz, true, true>, Packed>, u32, u32, u32>()
                     : binary<Halves2<MinMax<Format, IsMax, Ftz, true, false>, Packed>, u32, u32, u32>();
  }
  return k.xorsign ? binary<Halves2<MinMax<Format, IsMax, Ftz, false, true>, Packed>, u32, u32, u32>()
                   : binary<Halves2<MinMax<Format, IsMax, Ftz, false, false>, Packed>, u32, u32, u32>();
}
template <bool IsMax>
LaneOp minMax(const Key& k) {
  if (k.xorsign != k.abs || !only(k, kFtz | kNan | kXorsign | kAbs)) return nullptr;
  switch (k.type) {
    case Type::F16: return k.ftz ? minMaxNan<F16, false, IsMax, true>(k) : minMaxNan<F16, false, IsMax, false>(k);
    case Type::F16x2: return k.ftz ? minMaxNan<F16, true, IsMax, true>(k) : minMaxNan<F16, true, IsMax, false>(k);
    case Type::BF16: return k.ftz ? nullptr : minMaxNan<BF16, false, IsMax, false>(k);
    case Type::BF16x2: return k.ftz ? nullptr : minMaxNan<BF16, true, IsMax, false>(k);
    default: return nullptr;
  }
}

// Approximate functions go through f32's.
template <Opcode Op>
Key singleKey(bool ftz) {
  Key key{Op};
  key.type = Type::F32;
  key.rounding = Rounding::Approx;
  key.ftz = ftz;
  return key;
}
template <class Format, Opcode Op, bool Packed, bool Ftz>
void throughSingle(u32 active, void* const* dst, const void* const* src, u32) {
  static const LaneOp op = findApproximate(singleKey<Op>(Ftz));
  alignas(64) u32 half[2][kLanes];
  for (int h = 0; h < (Packed ? 2 : 1); ++h) {
    alignas(64) float v[kLanes];
    if (h == 0) Format::template widen<0>(static_cast<const u32*>(src[0]), v);
    else Format::template widen<16>(static_cast<const u32*>(src[0]), v);
    void* const to[1] = {v};
    const void* const from[1] = {v};
    op(kAll, to, from, 0);
    for (int i = 0; i < kLanes; ++i) half[h][i] = Format::narrowOne(v[i]);
  }
  if (Packed)
    for (int i = 0; i < kLanes; ++i) half[0][i] |= half[1][i] << 16;
  write(active, static_cast<u32*>(dst[0]), half[0]);
}
template <Opcode Op, bool BFtz>
LaneOp approximate(const Key& k) {
  if (k.rounding != Rounding::Approx || !only(k, kRound | kFtz)) return nullptr;
  switch (k.type) {
    case Type::F16: return k.ftz ? nullptr : &throughSingle<F16, Op, false, false>;
    case Type::F16x2: return k.ftz ? nullptr : &throughSingle<F16, Op, true, false>;
    case Type::BF16: return k.ftz == BFtz ? &throughSingle<BF16, Op, false, BFtz> : nullptr;
    case Type::BF16x2: return k.ftz == BFtz ? &throughSingle<BF16, Op, true, BFtz> : nullptr;
    default: return nullptr;
  }
}

}  // namespace

LaneOp findHalf(const Key& k) {
  switch (k.op) {
    case Opcode::Add: return arithmetic<Arith::Add>(k);
    case Opcode::Sub: return arithmetic<Arith::Sub>(k);
    case Opcode::Mul: return arithmetic<Arith::Mul>(k);
    case Opcode::Fma: return arithmetic<Arith::Fma>(k);
    case Opcode::Neg: return signOp<Neg>(k);
    case Opcode::Abs: return signOp<Abs>(k);
    case Opcode::Min: return minMax<false>(k);
    case Opcode::Max: return minMax<true>(k);
    case Opcode::Ex2: return approximate<Opcode::Ex2, true>(k);
    case Opcode::Tanh: return approximate<Opcode::Tanh, false>(k);
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
