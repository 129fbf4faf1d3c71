// Comparisons: setp, set, testp.
#include "half_format.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// A core compares all lanes: bit i of the result says that one of the wanted relations (kLess, ...) holds in lane i;
// with two halves per register, the upper ones are in the upper 32 bits. One core does for all comparisons of a type.
using Core = u64 (*)(const void* const* src, u32 wanted);

// Of the lanes' relations to the wanted ones; who is in none of three is unordered (integers: `greater` is the rest).
SOFTCUDA_INLINE u32 where(u32 lanes, u32 relation, u32 wanted) { return (wanted & relation) != 0 ? lanes : 0u; }
SOFTCUDA_INLINE u32 select(u32 less, u32 equal, u32 greater, u32 wanted) {
  return where(less, kLess, wanted) | where(equal, kEqual, wanted) | where(greater, kGreater, wanted) |
         where(~(less | equal | greater), kUnordered, wanted);
}

template <class T>
SOFTCUDA_NOINLINE u64 compareInt(const void* const* src, u32 wanted) {
  const auto* a = static_cast<const SlotOf<T>*>(src[0]);
  const auto* b = static_cast<const SlotOf<T>*>(src[1]);
#if defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    constexpr bool isSigned = static_cast<T>(-1) < T{0};
    u32 less = 0, equal = 0;
#if defined(__AVX512F__)
    for (int i = 0; i < kLanes; i += 16) {
      const __m512i x = _mm512_loadu_si512(a + i), y = _mm512_loadu_si512(b + i);
      less |= static_cast<u32>(isSigned ? _mm512_cmplt_epi32_mask(x, y) : _mm512_cmplt_epu32_mask(x, y)) << i;
      equal |= static_cast<u32>(_mm512_cmpeq_epi32_mask(x, y)) << i;
    }
#else
    const __m256i top = _mm256_set1_epi32(isSigned ? 0 : INT32_MIN);  // there are only signed comparisons
    for (int i = 0; i < kLanes; i += 8) {
      const __m256i x = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i)), top);
      const __m256i y = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i)), top);
      const auto bits = [](__m256i mask) { return static_cast<u32>(_mm256_movemask_ps(_mm256_castsi256_ps(mask))); };
      less |= bits(_mm256_cmpgt_epi32(y, x)) << i;
      equal |= bits(_mm256_cmpeq_epi32(x, y)) << i;
    }
#endif
    return select(less, equal, ~(less | equal), wanted);
  }
#endif
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const T x = fromSlot<T>(a[i]), y = fromSlot<T>(b[i]);
    t[i] = (x < y ? kLess : x == y ? kEqual : kGreater) & wanted;
  }
  return packBits(t);
}
template <class T>
SOFTCUDA_INLINE u32 relation(T a, T b) {
  return a < b ? kLess : a == b ? kEqual : a > b ? kGreater : kUnordered;
}
SOFTCUDA_NOINLINE u32 compareFloats(const float* a, const float* b, u32 wanted) {
#if defined(__AVX2__)
  u32 less = 0, equal = 0, greater = 0;
#if defined(__AVX512F__)
  for (int i = 0; i < kLanes; i += 16) {
    const __m512 x = _mm512_loadu_ps(a + i), y = _mm512_loadu_ps(b + i);
    less |= static_cast<u32>(_mm512_cmp_ps_mask(x, y, _CMP_LT_OQ)) << i;
    equal |= static_cast<u32>(_mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ)) << i;
    greater |= static_cast<u32>(_mm512_cmp_ps_mask(x, y, _CMP_GT_OQ)) << i;
  }
#else
  for (int i = 0; i < kLanes; i += 8) {
    const __m256 x = _mm256_loadu_ps(a + i), y = _mm256_loadu_ps(b + i);
    less |= static_cast<u32>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_LT_OQ))) << i;
    equal |= static_cast<u32>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_EQ_OQ))) << i;
    greater |= static_cast<u32>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_GT_OQ))) << i;
  }
#endif
  return select(less, equal, greater, wanted);
#else
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = relation(a[i], b[i]) & wanted;
  return packBits(t);
#endif
}
template <bool Ftz>
u64 compareF32(const void* const* src, u32 wanted) {
  alignas(64) float a[kLanes], b[kLanes];
  memcpy(a, src[0], sizeof a), memcpy(b, src[1], sizeof b);
  if constexpr (Ftz)
    for (int i = 0; i < kLanes; ++i) a[i] = flush<true>(a[i]), b[i] = flush<true>(b[i]);
  return compareFloats(a, b, wanted);
}
template <>
u64 compareF32<false>(const void* const* src, u32 wanted) {
  return compareFloats(static_cast<const float*>(src[0]), static_cast<const float*>(src[1]), wanted);
}
SOFTCUDA_NOINLINE u64 compareF64(const void* const* src, u32 wanted) {
  const u64* a = static_cast<const u64*>(src[0]);
  const u64* b = static_cast<const u64*>(src[1]);
  alignas(64) u32 t[kLanes];
  for (int i = 0; i < kLanes; ++i) t[i] = relation(bitsAs<double>(a[i]), bitsAs<double>(b[i])) & wanted;
  return packBits(t);
}
template <class Format, int shift, bool Ftz>
SOFTCUDA_INLINE void widenFlushed(const void* slots, float* v) {
  Format::template widen<shift>(static_cast<const u32*>(slots), v);
  if constexpr (Ftz)
    for (int i = 0; i < kLanes; ++i)
      v[i] = __builtin_fabsf(v[i]) < 0x1p-14f ? bitsAs<float>(bitsAs<u32>(v[i]) & 0x80000000u) : v[i];
}
template <class Format, bool Packed, bool Ftz>
SOFTCUDA_NOINLINE u64 compareHalf(const void* const* src, u32 wanted) {
  alignas(64) float a[kLanes], b[kLanes];
  widenFlushed<Format, 0, Ftz>(src[0], a), widenFlushed<Format, 0, Ftz>(src[1], b);
  u64 r = compareFloats(a, b, wanted);
  if constexpr (Packed) {
    widenFlushed<Format, 16, Ftz>(src[0], a), widenFlushed<Format, 16, Ftz>(src[1], b);
    r |= static_cast<u64>(compareFloats(a, b, wanted)) << 32;
  }
  return r;
}

// What is compared how, and what is done with the result, is in the variant (compareVariant), not in functions of
// their own: there would be thousands.
SOFTCUDA_INLINE u32 combine(u32 t, const void* const* src, u32 variant) {
  const BoolOp b = static_cast<BoolOp>(variant & 0xff);
  if (b == BoolOp::None) return t;
  const u32 c = *static_cast<const u32*>(src[2]);
  return b == BoolOp::And ? t & c : b == BoolOp::Or ? t | c : t ^ c;
}
template <Core F>
void setp(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u32 t = static_cast<u32>(F(src, variant >> 16));
  const u32 p = combine(t, src, variant), q = combine(~t, src, variant);
  writePredicate(active, dst[0], p);
  writePredicate(active, dst[1], q);
}
template <Core F>
void setpHalves(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u64 t = F(src, variant >> 16);
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
  const u32 yes = whenTrue(static_cast<Type>(variant >> 8 & 0xff), false);
  expand(active, dst[0], combine(static_cast<u32>(F(src, variant >> 16)), src, variant), yes, 0, 0);
}
template <Core F>
void setHalves(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u64 t = F(src, variant >> 16);
  const u32 yes = whenTrue(static_cast<Type>(variant >> 8 & 0xff), true);
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
    case Compare::Eq:
    case Compare::Ne: break;
    case Compare::Lt:
    case Compare::Le:
    case Compare::Gt:
    case Compare::Ge:
      if (Equality) return nullptr;
      break;
    case Compare::Lo:
    case Compare::Ls:
    case Compare::Hi:
    case Compare::Hs:
      if (Equality || isSigned) return nullptr;
      break;
    default: return nullptr;
  }
  return withResult<&compareInt<T>, false>(k);
}
template <Core F, bool Packed>
LaneOp floats(const Key& k) {
  switch (k.compare) {
    case Compare::None:
    case Compare::Lo:
    case Compare::Ls:
    case Compare::Hi:
    case Compare::Hs: return nullptr;
    default: return withResult<F, Packed>(k);
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
    case Type::F32: return k.ftz ? floats<&compareF32<true>, false>(k) : floats<&compareF32<false>, false>(k);
    case Type::F64: return floats<&compareF64, false>(k);
    case Type::F16:
      return k.ftz ? floats<&compareHalf<F16, false, true>, false>(k)
                   : floats<&compareHalf<F16, false, false>, false>(k);
    case Type::F16x2:
      return k.ftz ? floats<&compareHalf<F16, true, true>, true>(k) : floats<&compareHalf<F16, true, false>, true>(k);
    case Type::BF16: return floats<&compareHalf<BF16, false, false>, false>(k);
    case Type::BF16x2: return floats<&compareHalf<BF16, true, false>, true>(k);
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
