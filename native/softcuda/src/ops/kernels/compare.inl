// Comparisons: setp, set, testp.
#include "half_format.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

template <Compare C, class T>
SOFTCUDA_INLINE bool holds(T a, T b) {
  switch (C) {
    case Compare::Eq: return a == b;
    case Compare::Ne: return a < b || a > b;  // ordered
    case Compare::Lt:
    case Compare::Lo: return a < b;
    case Compare::Le:
    case Compare::Ls: return a <= b;
    case Compare::Gt:
    case Compare::Hi: return a > b;
    case Compare::Ge:
    case Compare::Hs: return a >= b;
    case Compare::Equ: return !(a < b || a > b);
    case Compare::Neu: return a != b;
    case Compare::Ltu: return !(a >= b);
    case Compare::Leu: return !(a > b);
    case Compare::Gtu: return !(a <= b);
    case Compare::Geu: return !(a < b);
    case Compare::Num: return a == a && b == b;
    case Compare::Nan: return a != a || b != b;
    default: return false;
  }
}

// A core compares all lanes: bit i of the result is lane i; with two halves per register, the upper ones in the upper
// 32 bits.
using Core = u64 (*)(const void* const* src);

#if defined(__AVX512F__)
template <Compare C>
constexpr int integerPredicate() {
  switch (C) {
    case Compare::Eq: return _MM_CMPINT_EQ;
    case Compare::Ne: return _MM_CMPINT_NE;
    case Compare::Lt:
    case Compare::Lo: return _MM_CMPINT_LT;
    case Compare::Le:
    case Compare::Ls: return _MM_CMPINT_LE;
    case Compare::Gt:
    case Compare::Hi: return _MM_CMPINT_NLE;
    default: return _MM_CMPINT_NLT;
  }
}
#endif
#if defined(__AVX2__)
template <Compare C>
constexpr int floatPredicate() {
  switch (C) {
    case Compare::Eq: return _CMP_EQ_OQ;
    case Compare::Ne: return _CMP_NEQ_OQ;
    case Compare::Lt: return _CMP_LT_OQ;
    case Compare::Le: return _CMP_LE_OQ;
    case Compare::Gt: return _CMP_GT_OQ;
    case Compare::Ge: return _CMP_GE_OQ;
    case Compare::Equ: return _CMP_EQ_UQ;
    case Compare::Neu: return _CMP_NEQ_UQ;
    case Compare::Ltu: return _CMP_NGE_UQ;
    case Compare::Leu: return _CMP_NGT_UQ;
    case Compare::Gtu: return _CMP_NLE_UQ;
    case Compare::Geu: return _CMP_NLT_UQ;
    case Compare::Num: return _CMP_ORD_Q;
    default: return _CMP_UNORD_Q;
  }
}
#endif

template <class T, Compare C>
SOFTCUDA_NOINLINE u64 compareInt(const void* const* src) {
  const auto* a = static_cast<const SlotOf<T>*>(src[0]);
  const auto* b = static_cast<const SlotOf<T>*>(src[1]);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    u32 r = 0;
    for (int i = 0; i < kLanes; i += 16) {
      const __m512i x = _mm512_loadu_si512(a + i), y = _mm512_loadu_si512(b + i);
      const __mmask16 m = static_cast<T>(-1) < T{0} ? _mm512_cmp_epi32_mask(x, y, integerPredicate<C>())
                                                    : _mm512_cmp_epu32_mask(x, y, integerPredicate<C>());
      r |= static_cast<u32>(m) << i;
    }
    return r;
  }
#endif
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = holds<C>(fromSlot<T>(a[i]), fromSlot<T>(b[i]));
  return packBits(t);
}
template <Compare C>
SOFTCUDA_INLINE u32 compareFloats(const float* a, const float* b) {
#if defined(__AVX512F__)
  u32 r = 0;
  for (int i = 0; i < kLanes; i += 16)
    r |= static_cast<u32>(_mm512_cmp_ps_mask(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), floatPredicate<C>()))
         << i;
  return r;
#elif defined(__AVX2__)
  u32 r = 0;
  for (int i = 0; i < kLanes; i += 8)
    r |= static_cast<u32>(
             _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), floatPredicate<C>())))
         << i;
  return r;
#else
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = holds<C>(a[i], b[i]);
  return packBits(t);
#endif
}
template <Compare C, bool Ftz>
SOFTCUDA_NOINLINE u64 compareF32(const void* const* src) {
  alignas(64) float a[kLanes], b[kLanes];
  memcpy(a, src[0], sizeof a), memcpy(b, src[1], sizeof b);
  if constexpr (Ftz)
    for (int i = 0; i < kLanes; ++i) a[i] = flush<true>(a[i]), b[i] = flush<true>(b[i]);
  return compareFloats<C>(a, b);
}
template <Compare C>
SOFTCUDA_NOINLINE u64 compareF64(const void* const* src) {
  const u64* a = static_cast<const u64*>(src[0]);
  const u64* b = static_cast<const u64*>(src[1]);
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = holds<C>(bitsAs<double>(a[i]), bitsAs<double>(b[i]));
  return packBits(t);
}
template <class Format, int shift, bool Ftz>
SOFTCUDA_INLINE void widenFlushed(const void* slots, float* v) {
  Format::template widen<shift>(static_cast<const u32*>(slots), v);
  if constexpr (Ftz)
    for (int i = 0; i < kLanes; ++i)
      v[i] = __builtin_fabsf(v[i]) < 0x1p-14f ? bitsAs<float>(bitsAs<u32>(v[i]) & 0x80000000u) : v[i];
}
template <class Format, Compare C, bool Packed, bool Ftz>
SOFTCUDA_NOINLINE u64 compareHalf(const void* const* src) {
  alignas(64) float a[kLanes], b[kLanes];
  widenFlushed<Format, 0, Ftz>(src[0], a), widenFlushed<Format, 0, Ftz>(src[1], b);
  u64 r = compareFloats<C>(a, b);
  if constexpr (Packed) {
    widenFlushed<Format, 16, Ftz>(src[0], a), widenFlushed<Format, 16, Ftz>(src[1], b);
    r |= static_cast<u64>(compareFloats<C>(a, b)) << 32;
  }
  return r;
}

// What is done with a comparison's result is in the variant (compareVariant), not in functions of their own: there
// would be thousands.
SOFTCUDA_INLINE u32 combine(u32 t, const void* const* src, u32 variant) {
  const BoolOp b = static_cast<BoolOp>(variant & 0xff);
  if (b == BoolOp::None) return t;
  const u32 c = *static_cast<const u32*>(src[2]);
  return b == BoolOp::And ? t & c : b == BoolOp::Or ? t | c : t ^ c;
}
template <Core F>
void setp(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u32 t = static_cast<u32>(F(src));
  const u32 p = combine(t, src, variant), q = combine(~t, src, variant);
  writePredicate(active, dst[0], p);
  writePredicate(active, dst[1], q);
}
template <Core F>
void setpHalves(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u64 t = F(src);
  const u32 p = combine(static_cast<u32>(t), src, variant), q = combine(static_cast<u32>(t >> 32), src, variant);
  writePredicate(active, dst[0], p);
  writePredicate(active, dst[1], q);
}
// What `set` writes for true; 0 where there is no such result. Packed results are halves.
u32 whenTrue(Type t, bool packed) {
  switch (t) {
    case Type::U32:
    case Type::S32: return packed ? 0xffffu : 0xffffffffu;
    case Type::F32: return packed ? 0u : 0x3f800000u;
    case Type::U16:
    case Type::S16: return packed ? 0u : 0xffffu;
    case Type::F16: return packed ? 0u : 0x3c00u;
    case Type::BF16: return packed ? 0u : 0x3f80u;
    case Type::F16x2: return packed ? 0x3c00u : 0u;
    case Type::BF16x2: return packed ? 0x3f80u : 0u;
    default: return 0;
  }
}
SOFTCUDA_NOINLINE void expand(u32 active, void* dst, u32 low, u32 whenLow, u32 high, u32 whenHigh) {
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i) out[i] = (low >> i & 1 ? whenLow : 0u) | (high >> i & 1 ? whenHigh : 0u);
  write(active, static_cast<u32*>(dst), out);
}
template <Core F>
void set(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u32 yes = whenTrue(static_cast<Type>(variant >> 8), false);
  expand(active, dst[0], combine(static_cast<u32>(F(src)), src, variant), yes, 0, 0);
}
template <Core F>
void setHalves(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u64 t = F(src);
  const u32 yes = whenTrue(static_cast<Type>(variant >> 8), true);
  expand(active, dst[0], combine(static_cast<u32>(t), src, variant), yes,
         combine(static_cast<u32>(t >> 32), src, variant), yes << 16);
}

template <Core F, bool Packed>
LaneOp withResult(const Key& k) {
  if (k.op == Opcode::Setp) return Packed ? &setpHalves<F> : &setp<F>;
  return whenTrue(k.type, Packed) == 0 ? nullptr : Packed ? &setHalves<F> : &set<F>;
}
template <class T, bool Equality>
LaneOp integers(const Key& k) {
  constexpr bool isSigned = static_cast<T>(-1) < T{0};
  switch (k.compare) {
    case Compare::Eq: return withResult<&compareInt<T, Compare::Eq>, false>(k);
    case Compare::Ne: return withResult<&compareInt<T, Compare::Ne>, false>(k);
    default: break;
  }
  if constexpr (!Equality) {
    Compare c = k.compare;
    if (!isSigned)
      c = c == Compare::Lo   ? Compare::Lt
          : c == Compare::Ls ? Compare::Le
          : c == Compare::Hi ? Compare::Gt
          : c == Compare::Hs ? Compare::Ge
                             : c;
    switch (c) {
      case Compare::Lt: return withResult<&compareInt<T, Compare::Lt>, false>(k);
      case Compare::Le: return withResult<&compareInt<T, Compare::Le>, false>(k);
      case Compare::Gt: return withResult<&compareInt<T, Compare::Gt>, false>(k);
      case Compare::Ge: return withResult<&compareInt<T, Compare::Ge>, false>(k);
      default: break;
    }
  }
  return nullptr;
}
struct SingleCores {
  template <Compare C>
  static constexpr Core core = &compareF32<C, false>;
  static constexpr bool packed = false;
};
struct SingleFtzCores {
  template <Compare C>
  static constexpr Core core = &compareF32<C, true>;
  static constexpr bool packed = false;
};
struct DoubleCores {
  template <Compare C>
  static constexpr Core core = &compareF64<C>;
  static constexpr bool packed = false;
};
template <class Format, bool Packed, bool Ftz>
struct HalfCores {
  template <Compare C>
  static constexpr Core core = &compareHalf<Format, C, Packed, Ftz>;
  static constexpr bool packed = Packed;
};
template <class Cores>
LaneOp floats(const Key& k) {
  switch (k.compare) {
#define SOFTCUDA_CASE(c) \
  case Compare::c: return withResult<Cores::template core<Compare::c>, Cores::packed>(k);
    SOFTCUDA_CASE(Eq)
    SOFTCUDA_CASE(Ne) SOFTCUDA_CASE(Lt) SOFTCUDA_CASE(Le) SOFTCUDA_CASE(Gt) SOFTCUDA_CASE(Ge) SOFTCUDA_CASE(Equ)
        SOFTCUDA_CASE(Neu) SOFTCUDA_CASE(Ltu) SOFTCUDA_CASE(Leu) SOFTCUDA_CASE(Gtu) SOFTCUDA_CASE(Geu)
            SOFTCUDA_CASE(Num) SOFTCUDA_CASE(Nan)
#undef SOFTCUDA_CASE
                default : return nullptr;
  }
}
LaneOp bySource(const Key& k, Type source) {
  if (k.ftz && source != Type::F32 && source != Type::F16 && source != Type::F16x2) return nullptr;
  switch (source) {
    case Type::B16: return integers<u16, true>(k);
    case Type::B32: return integers<u32, true>(k);
    case Type::B64: return integers<u64, true>(k);
    case Type::U16: return integers<u16, false>(k);
    case Type::U32: return integers<u32, false>(k);
    case Type::U64: return integers<u64, false>(k);
    case Type::S16: return integers<s16, false>(k);
    case Type::S32: return integers<s32, false>(k);
    case Type::S64: return integers<s64, false>(k);
    case Type::F32: return k.ftz ? floats<SingleFtzCores>(k) : floats<SingleCores>(k);
    case Type::F64: return floats<DoubleCores>(k);
    case Type::F16: return k.ftz ? floats<HalfCores<F16, false, true>>(k) : floats<HalfCores<F16, false, false>>(k);
    case Type::F16x2: return k.ftz ? floats<HalfCores<F16, true, true>>(k) : floats<HalfCores<F16, true, false>>(k);
    case Type::BF16: return floats<HalfCores<BF16, false, false>>(k);
    case Type::BF16x2: return floats<HalfCores<BF16, true, false>>(k);
    default: return nullptr;
  }
}

template <class U, U Exponent, U Magnitude>
u32 classify(const U* a, u32 what) {
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const U m = a[i] & Magnitude;
    const bool nan = m > Exponent, infinite = m == Exponent, normal = (m & Exponent) != 0 && m < Exponent,
               subnormal = m != 0 && (m & Exponent) == 0;
    t[i] = what == kTestpFinite       ? m < Exponent
           : what == kTestpInfinite   ? infinite
           : what == kTestpNumber     ? !nan
           : what == kTestpNotanumber ? nan
           : what == kTestpNormal     ? normal
                                      : subnormal;
  }
  return packBits(t);
}
void testpF32(u32 active, void* const* dst, const void* const* src, u32 variant) {
  writePredicate(active, dst[0], classify<u32, 0x7f800000u, 0x7fffffffu>(static_cast<const u32*>(src[0]), variant));
}
void testpF64(u32 active, void* const* dst, const void* const* src, u32 variant) {
  writePredicate(
      active, dst[0],
      classify<u64, 0x7ff0000000000000ull, 0x7fffffffffffffffull>(static_cast<const u64*>(src[0]), variant));
}

}  // namespace

LaneOp findCompare(const Key& k) {
  switch (k.op) {
    case Opcode::Setp:
      return k.variant == compareVariant(k) && only(k, kCompare | kBool | kFtz | kVariant) ? bySource(k, k.type)
                                                                                           : nullptr;
    case Opcode::Set:
      return k.variant == compareVariant(k) && only(k, kSource | kCompare | kBool | kFtz | kVariant)
                 ? bySource(k, k.sourceType)
                 : nullptr;
    case Opcode::Testp:
      if (!only(k, kVariant) || k.variant > kTestpSubnormal) return nullptr;
      return k.type == Type::F32 ? &testpF32 : k.type == Type::F64 ? &testpF64 : nullptr;
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
