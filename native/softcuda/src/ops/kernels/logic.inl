// Logic and shifts: and, or, xor, not, cnot, lop3, shf, shl, shr, prmt.
#include "lanes.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

struct And {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a, U b) {
    return static_cast<U>(a & b);
  }
};
struct Or {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a, U b) {
    return static_cast<U>(a | b);
  }
};
struct Xor {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a, U b) {
    return static_cast<U>(a ^ b);
  }
};
struct Not {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a) {
    return static_cast<U>(~a);
  }
};
struct Cnot {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a) {
    return static_cast<U>(a == 0);
  }
};

template <class F>
void predicate2(u32 active, void* const* dst, const void* const* src, u32) {
  writePredicate(active, dst[0], F::apply(*static_cast<const u32*>(src[0]), *static_cast<const u32*>(src[1])));
}
void predicateNot(u32 active, void* const* dst, const void* const* src, u32) {
  writePredicate(active, dst[0], ~*static_cast<const u32*>(src[0]));
}

template <class F>
LaneOp logic2(Type t) {
  switch (t) {
    case Type::Pred: return &predicate2<F>;
    case Type::B16: return binary<F, u16, u16, u16>();
    case Type::B32: return binary<F, u32, u32, u32>();
    case Type::B64: return binary<F, u64, u64, u64>();
    default: return nullptr;
  }
}
template <class F>
LaneOp logic1(Type t) {
  switch (t) {
    case Type::B16: return unary<F, u16, u16>();
    case Type::B32: return unary<F, u32, u32>();
    case Type::B64: return unary<F, u64, u64>();
    default: return nullptr;
  }
}

// Bit 4a+2b+c of lop3's table is the result for the bits a, b, c. The vector levels have a function for each table.
#if defined(__AVX2__)
template <u32 Table>
struct Lop3 {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b, u32 c) {
    u32 r = 0;
    if constexpr (Table & 0x01) r |= ~a & ~b & ~c;
    if constexpr (Table & 0x02) r |= ~a & ~b & c;
    if constexpr (Table & 0x04) r |= ~a & b & ~c;
    if constexpr (Table & 0x08) r |= ~a & b & c;
    if constexpr (Table & 0x10) r |= a & ~b & ~c;
    if constexpr (Table & 0x20) r |= a & ~b & c;
    if constexpr (Table & 0x40) r |= a & b & ~c;
    if constexpr (Table & 0x80) r |= a & b & c;
    return r;
  }
};
#if defined(__AVX512F__)
template <u32 Table>
void lop3(u32 active, void* const* dst, const void* const* src, u32) {
  u32* d = static_cast<u32*>(dst[0]);
  for (int i = 0; i < kLanes; i += 16) {
    const __m512i a = _mm512_loadu_si512(static_cast<const u32*>(src[0]) + i);
    const __m512i b = _mm512_loadu_si512(static_cast<const u32*>(src[1]) + i);
    const __m512i c = _mm512_loadu_si512(static_cast<const u32*>(src[2]) + i);
    _mm512_mask_storeu_epi32(d + i, static_cast<__mmask16>(active >> i), _mm512_ternarylogic_epi32(a, b, c, Table));
  }
}
template <u32 Table>
constexpr LaneOp lop3Op() {
  return &lop3<Table>;
}
#else
template <u32 Table>
constexpr LaneOp lop3Op() {
  return ternary<Lop3<Table>, u32, u32, u32, u32>();
}
#endif
struct Lop3Table {
  LaneOp op[256];
};
template <u32 Table>
struct FillLop3 {
  static constexpr void fill(Lop3Table& t) {
    t.op[Table] = lop3Op<Table>();
    if constexpr (Table != 0) FillLop3<Table - 1>::fill(t);
  }
};
constexpr Lop3Table makeLop3() {
  Lop3Table t{};
  FillLop3<255>::fill(t);
  return t;
}
constexpr Lop3Table kLop3 = makeLop3();
LaneOp lop3Op(u32 table) { return kLop3.op[table]; }
#else
void lop3(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u32* a = static_cast<const u32*>(src[0]);
  const u32* b = static_cast<const u32*>(src[1]);
  const u32* c = static_cast<const u32*>(src[2]);
  u32 whole[8];  // the table's bits, each as often as a register has bits
  for (int i = 0; i < 8; ++i) whole[i] = 0u - (variant >> i & 1);
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const auto choose = [](u32 bits, u32 zero, u32 one) { return (~bits & zero) | (bits & one); };
    const u32 a0 = choose(b[i], choose(c[i], whole[0], whole[1]), choose(c[i], whole[2], whole[3]));
    const u32 a1 = choose(b[i], choose(c[i], whole[4], whole[5]), choose(c[i], whole[6], whole[7]));
    out[i] = choose(a[i], a0, a1);
  }
  write(active, static_cast<u32*>(dst[0]), out);
}
LaneOp lop3Op(u32) { return &lop3; }
#endif
template <bool IsOr>
void lop3Predicate(u32 active, void* const* dst, const void* const* src, u32 variant) {
  alignas(64) u32 out[kLanes];
  void* const to[1] = {out};
  lop3Op(variant & 0xff)(kAll, to, src, variant);
  const u32 q = *static_cast<const u32*>(src[3]), t = packBits(out);
  if (dst[0] != nullptr) write(active, static_cast<u32*>(dst[0]), out);
  writePredicate(active, dst[1], IsOr ? t | q : t & q);
}

template <class U>
struct Shl {
  static SOFTCUDA_INLINE U apply(U a, u32 b) {
    constexpr u32 width = 8 * sizeof(U);
    return b >= width ? U{0} : static_cast<U>(a << (b & (width - 1)));
  }
};
template <class T>
struct Shr {
  static SOFTCUDA_INLINE T apply(T a, u32 b) {
    constexpr u32 width = 8 * sizeof(T);
    if constexpr (static_cast<T>(-1) < T{0}) return static_cast<T>(a >> (b >= width ? width - 1 : b));
    else return b >= width ? T{0} : static_cast<T>(a >> (b & (width - 1)));
  }
};
// a is the low half, b the high half of the 64 bits that are shifted.
template <bool Right, bool Wrap>
struct Shf {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b, u32 c) {
    const u32 n = Wrap ? c & 31 : c > 32 ? 32 : c;
    const u64 both = static_cast<u64>(b) << 32 | a;
    return static_cast<u32>(Right ? both >> n : both << n >> 32);
  }
};

struct PrmtGeneric {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b, u32 c) {
    const u64 both = static_cast<u64>(b) << 32 | a;
    u32 r = 0;
    for (int i = 0; i < 4; ++i) {
      const u32 control = c >> (4 * i);
      const u32 byte = static_cast<u32>(both >> (8 * (control & 7))) & 0xff;
      const u32 sign = byte & 0x80 ? 0xffu : 0u;
      r |= (control & 8 ? sign : byte) << (8 * i);
    }
    return r;
  }
};
// Bytes are looked up within 128-bit lanes, in a and in b, and the selector's bits 2 and 3 choose among them and their
// signs.
void prmtGeneric(u32 active, void* const* dst, const void* const* src, u32 variant) {
#if defined(__AVX2__)
  (void)variant;
  const u32* a = static_cast<const u32*>(src[0]);
  const u32* b = static_cast<const u32*>(src[1]);
  const u32* c = static_cast<const u32*>(src[2]);
  alignas(64) u32 out[kLanes];
#if defined(__AVX512F__)
  const __m512i laneBase = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
  for (int i = 0; i < kLanes; i += 16) {
    __m512i n = _mm512_and_si512(_mm512_loadu_si512(c + i), _mm512_set1_epi32(0xffff));
    n = _mm512_and_si512(_mm512_or_si512(n, _mm512_slli_epi32(n, 8)), _mm512_set1_epi32(0x00ff00ff));
    n = _mm512_and_si512(_mm512_or_si512(n, _mm512_slli_epi32(n, 4)), _mm512_set1_epi32(0x0f0f0f0f));
    const __m512i index = _mm512_or_si512(_mm512_and_si512(n, _mm512_set1_epi8(3)), laneBase);
    const __m512i fromA = _mm512_shuffle_epi8(_mm512_loadu_si512(a + i), index),
                  fromB = _mm512_shuffle_epi8(_mm512_loadu_si512(b + i), index);
    const __m512i byte = _mm512_mask_blend_epi8(_mm512_test_epi8_mask(n, _mm512_set1_epi8(4)), fromA, fromB);
    const __m512i sign = _mm512_movm_epi8(_mm512_movepi8_mask(byte));
    _mm512_store_si512(out + i, _mm512_mask_blend_epi8(_mm512_test_epi8_mask(n, _mm512_set1_epi8(8)), byte, sign));
  }
#else
  const __m256i laneBase =
      _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);
  const auto load = [](const u32* v) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(v)); };
  for (int i = 0; i < kLanes; i += 8) {
    __m256i n = _mm256_and_si256(load(c + i), _mm256_set1_epi32(0xffff));
    n = _mm256_and_si256(_mm256_or_si256(n, _mm256_slli_epi32(n, 8)), _mm256_set1_epi32(0x00ff00ff));
    n = _mm256_and_si256(_mm256_or_si256(n, _mm256_slli_epi32(n, 4)), _mm256_set1_epi32(0x0f0f0f0f));
    const __m256i index = _mm256_or_si256(_mm256_and_si256(n, _mm256_set1_epi8(3)), laneBase);
    const __m256i fromA = _mm256_shuffle_epi8(load(a + i), index), fromB = _mm256_shuffle_epi8(load(b + i), index);
    // Bits 2 and 3 of the selectors moved to the bytes' top bits, which is what blendv looks at.
    const __m256i byte =
        _mm256_blendv_epi8(fromA, fromB, _mm256_slli_epi32(_mm256_and_si256(n, _mm256_set1_epi8(4)), 5));
    const __m256i sign = _mm256_cmpgt_epi8(_mm256_setzero_si256(), byte);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + i),
                       _mm256_blendv_epi8(byte, sign, _mm256_slli_epi32(_mm256_and_si256(n, _mm256_set1_epi8(8)), 4)));
  }
#endif
  write(active, static_cast<u32*>(dst[0]), out);
#else
  map3<PrmtGeneric, Rounding::None, u32, u32, u32, u32>(active, dst, src, variant);
#endif
}
template <u32 Mode>
struct PrmtMode {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b, u32 c) {
    const u64 both = static_cast<u64>(b) << 32 | a;
    const u32 n = c & 3;
    u32 r = 0;
    for (u32 i = 0; i < 4; ++i) {
      const u32 from = Mode == kPrmtF4e   ? n + i
                       : Mode == kPrmtB4e ? (n - i) & 7
                       : Mode == kPrmtRc8 ? n
                       : Mode == kPrmtEcl ? (i > n ? i : n)
                       : Mode == kPrmtEcr ? (i < n ? i : n)
                                          : (n & 1) * 2 + (i & 1);
      r |= (static_cast<u32>(both >> (8 * from)) & 0xff) << (8 * i);
    }
    return r;
  }
};
template <class F>
constexpr LaneOp three() {
  return ternary<F, u32, u32, u32, u32>();
}

LaneOp shift(const Key& k) {
  if (!only(k, 0)) return nullptr;
  if (k.op == Opcode::Shl) {
    switch (k.type) {
      case Type::B16: return binary<Shl<u16>, u16, u16, u32>();
      case Type::B32: return binary<Shl<u32>, u32, u32, u32>();
      case Type::B64: return binary<Shl<u64>, u64, u64, u32>();
      default: return nullptr;
    }
  }
  switch (k.type) {
    case Type::B16:
    case Type::U16: return binary<Shr<u16>, u16, u16, u32>();
    case Type::B32:
    case Type::U32: return binary<Shr<u32>, u32, u32, u32>();
    case Type::B64:
    case Type::U64: return binary<Shr<u64>, u64, u64, u32>();
    case Type::S16: return binary<Shr<s16>, s16, s16, u32>();
    case Type::S32: return binary<Shr<s32>, s32, s32, u32>();
    case Type::S64: return binary<Shr<s64>, s64, s64, u32>();
    default: return nullptr;
  }
}
LaneOp prmt(const Key& k) {
  if (k.type != Type::B32 || !only(k, kVariant)) return nullptr;
  switch (k.variant) {
    case kPrmt: return &prmtGeneric;
    case kPrmtF4e: return three<PrmtMode<kPrmtF4e>>();
    case kPrmtB4e: return three<PrmtMode<kPrmtB4e>>();
    case kPrmtRc8: return three<PrmtMode<kPrmtRc8>>();
    case kPrmtEcl: return three<PrmtMode<kPrmtEcl>>();
    case kPrmtEcr: return three<PrmtMode<kPrmtEcr>>();
    case kPrmtRc16: return three<PrmtMode<kPrmtRc16>>();
    default: return nullptr;
  }
}
LaneOp shf(const Key& k) {
  if (k.type != Type::B32 || !only(k, kVariant)) return nullptr;
  switch (k.variant) {
    case kShfLeft | kClamp: return three<Shf<false, false>>();
    case kShfLeft | kWrap: return three<Shf<false, true>>();
    case kShfRight | kClamp: return three<Shf<true, false>>();
    case kShfRight | kWrap: return three<Shf<true, true>>();
    default: return nullptr;
  }
}
LaneOp lop3Of(const Key& k) {
  if (k.type != Type::B32 || !only(k, kVariant | kBool)) return nullptr;
  if (k.boolOp == BoolOp::None) return k.variant <= 0xff ? lop3Op(k.variant) : nullptr;
  if ((k.variant & ~0xffu) != kLop3Predicate || k.boolOp == BoolOp::Xor) return nullptr;
  return k.boolOp == BoolOp::Or ? &lop3Predicate<true> : &lop3Predicate<false>;
}

}  // namespace

LaneOp findLogic(const Key& k) {
  switch (k.op) {
    case Opcode::And: return only(k, 0) ? logic2<And>(k.type) : nullptr;
    case Opcode::Or: return only(k, 0) ? logic2<Or>(k.type) : nullptr;
    case Opcode::Xor: return only(k, 0) ? logic2<Xor>(k.type) : nullptr;
    case Opcode::Not: return !only(k, 0) ? nullptr : k.type == Type::Pred ? &predicateNot : logic1<Not>(k.type);
    case Opcode::Cnot: return only(k, 0) ? logic1<Cnot>(k.type) : nullptr;
    case Opcode::Lop3: return lop3Of(k);
    case Opcode::Shl:
    case Opcode::Shr: return shift(k);
    case Opcode::Shf: return shf(k);
    case Opcode::Prmt: return prmt(k);
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
