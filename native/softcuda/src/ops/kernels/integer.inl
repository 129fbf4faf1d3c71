// Integer arithmetic: add, sub, mul, mad, mul24, mad24, sad, div, rem, abs, neg, min, max, carry chains, dp4a, dp2a.
#include "lanes.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

__extension__ typedef __int128 s128;
__extension__ typedef unsigned __int128 u128;

template <class T>
struct Traits;
template <>
struct Traits<u8> {
  using Unsigned = u8;
  using Wide = u16;
  static constexpr bool isSigned = false;
};
template <>
struct Traits<s8> {
  using Unsigned = u8;
  using Wide = s16;
  static constexpr bool isSigned = true;
};
template <>
struct Traits<u16> {
  using Unsigned = u16;
  using Wide = u32;
  static constexpr bool isSigned = false;
};
template <>
struct Traits<s16> {
  using Unsigned = u16;
  using Wide = s32;
  static constexpr bool isSigned = true;
};
template <>
struct Traits<u32> {
  using Unsigned = u32;
  using Wide = u64;
  static constexpr bool isSigned = false;
};
template <>
struct Traits<s32> {
  using Unsigned = u32;
  using Wide = s64;
  static constexpr bool isSigned = true;
};
template <>
struct Traits<u64> {
  using Unsigned = u64;
  using Wide = u128;
  static constexpr bool isSigned = false;
};
template <>
struct Traits<s64> {
  using Unsigned = u64;
  using Wide = s128;
  static constexpr bool isSigned = true;
};
template <class T>
using Unsigned = typename Traits<T>::Unsigned;
template <class T>
using Wide = typename Traits<T>::Wide;
template <class T>
constexpr int widthOf = 8 * static_cast<int>(sizeof(T));
template <class T>
constexpr T lowest() {
  return Traits<T>::isSigned ? static_cast<T>(Unsigned<T>{1} << (widthOf<T> - 1)) : T{0};
}
template <class T>
constexpr T highest() {
  return static_cast<T>(~lowest<T>());
}

// Wrapping arithmetic, without the undefined behaviour of signed overflow and of promotion to int.
template <class T>
SOFTCUDA_INLINE T wrapAdd(T a, T b) {
  if constexpr (sizeof(T) == 8) return static_cast<T>(static_cast<u64>(a) + static_cast<u64>(b));
  else return static_cast<T>(static_cast<u32>(a) + static_cast<u32>(b));
}
template <class T>
SOFTCUDA_INLINE T wrapSub(T a, T b) {
  if constexpr (sizeof(T) == 8) return static_cast<T>(static_cast<u64>(a) - static_cast<u64>(b));
  else return static_cast<T>(static_cast<u32>(a) - static_cast<u32>(b));
}
template <class T>
SOFTCUDA_INLINE T wrapMul(T a, T b) {
  if constexpr (sizeof(T) == 8) return static_cast<T>(static_cast<u64>(a) * static_cast<u64>(b));
  else return static_cast<T>(static_cast<u32>(a) * static_cast<u32>(b));
}
template <class T>
SOFTCUDA_INLINE Wide<T> product(T a, T b) {
  return static_cast<Wide<T>>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
}

template <class T>
struct Add {
  static SOFTCUDA_INLINE T apply(T a, T b) { return wrapAdd(a, b); }
};
template <class T>
struct Sub {
  static SOFTCUDA_INLINE T apply(T a, T b) { return wrapSub(a, b); }
};
SOFTCUDA_INLINE s32 clampToS32(s64 v) {
  return static_cast<s32>(v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : v);
}
struct AddSat {
  static SOFTCUDA_INLINE s32 apply(s32 a, s32 b) { return clampToS32(s64{a} + b); }
};
struct SubSat {
  static SOFTCUDA_INLINE s32 apply(s32 a, s32 b) { return clampToS32(s64{a} - b); }
};
template <class T>
struct MulLo {
  static SOFTCUDA_INLINE T apply(T a, T b) { return wrapMul(a, b); }
};
template <class T>
struct MulHi {
  static SOFTCUDA_INLINE T apply(T a, T b) { return static_cast<T>(product(a, b) >> widthOf<T>); }
};
template <class T>
struct MulWide {
  static SOFTCUDA_INLINE Wide<T> apply(T a, T b) { return product(a, b); }
};
template <class T>
struct MadLo {
  static SOFTCUDA_INLINE T apply(T a, T b, T c) { return wrapAdd(wrapMul(a, b), c); }
};
template <class T>
struct MadHi {
  static SOFTCUDA_INLINE T apply(T a, T b, T c) { return wrapAdd(MulHi<T>::apply(a, b), c); }
};
template <class T>
struct MadWide {
  static SOFTCUDA_INLINE Wide<T> apply(T a, T b, Wide<T> c) { return wrapAdd(product(a, b), c); }
};
struct MadHiSat {
  static SOFTCUDA_INLINE s32 apply(s32 a, s32 b, s32 c) { return clampToS32(s64{MulHi<s32>::apply(a, b)} + c); }
};

// The low 24 bits of the operands, zero- or sign-extended; the 48-bit product's bits 0..31 (lo) or 16..47 (hi).
SOFTCUDA_INLINE s64 low24(s32 v) { return static_cast<s32>(static_cast<u32>(v) << 8) >> 8; }
SOFTCUDA_INLINE u64 low24(u32 v) { return v & 0xffffffu; }
template <class T>
struct Mul24Lo {
  static SOFTCUDA_INLINE T apply(T a, T b) { return static_cast<T>(low24(a) * low24(b)); }
};
template <class T>
struct Mul24Hi {
  static SOFTCUDA_INLINE T apply(T a, T b) { return static_cast<T>((low24(a) * low24(b)) >> 16); }
};
template <class T>
struct Mad24Lo {
  static SOFTCUDA_INLINE T apply(T a, T b, T c) { return wrapAdd(Mul24Lo<T>::apply(a, b), c); }
};
template <class T>
struct Mad24Hi {
  static SOFTCUDA_INLINE T apply(T a, T b, T c) { return wrapAdd(Mul24Hi<T>::apply(a, b), c); }
};
struct Mad24HiSat {
  static SOFTCUDA_INLINE s32 apply(s32 a, s32 b, s32 c) { return clampToS32(s64{Mul24Hi<s32>::apply(a, b)} + c); }
};

template <class T>
struct Sad {
  static SOFTCUDA_INLINE T apply(T a, T b, T c) { return wrapAdd(c, a < b ? wrapSub(b, a) : wrapSub(a, b)); }
};

// PTX leaves division by zero unspecified; NVIDIA's expansion gives all ones and the dividend. MIN / -1 wraps.
// Up to 32 bits a division of doubles has the same integral part: a/b is at least 1/b away from an integer that it is
// not.
template <class T>
SOFTCUDA_INLINE T quotient(T a, T b) {
  if constexpr (sizeof(T) <= 4) {
    const T divisor = b == 0 ? T{1} : b;
    const double q = static_cast<double>(a) / static_cast<double>(divisor);
    return static_cast<T>(static_cast<s64>(q));
  } else {
    if (b == 0) return 0;
    if (Traits<T>::isSigned && b == static_cast<T>(~T{0})) return wrapSub(T{0}, a);
    return static_cast<T>(a / b);
  }
}
template <class T>
struct Div {
  static SOFTCUDA_INLINE T apply(T a, T b) { return b == 0 ? static_cast<T>(~T{0}) : quotient(a, b); }
};
template <class T>
struct Rem {
  static SOFTCUDA_INLINE T apply(T a, T b) { return b == 0 ? a : wrapSub(a, wrapMul(quotient(a, b), b)); }
};
template <class T>
struct Abs {
  static SOFTCUDA_INLINE T apply(T a) { return a < 0 ? wrapSub(T{0}, a) : a; }
};
template <class T>
struct Neg {
  static SOFTCUDA_INLINE T apply(T a) { return wrapSub(T{0}, a); }
};
template <class T>
struct Min {
  static SOFTCUDA_INLINE T apply(T a, T b) { return a < b ? a : b; }
};
template <class T>
struct Max {
  static SOFTCUDA_INLINE T apply(T a, T b) { return a > b ? a : b; }
};
template <class T, template <class> class M>
struct Relu {
  static SOFTCUDA_INLINE T apply(T a, T b) {
    const T r = M<T>::apply(a, b);
    return r < 0 ? T{0} : r;
  }
};
// Two 16-bit halves.
template <class T, class F>
struct Halves {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b) {
    const u16 lo = static_cast<u16>(F::apply(static_cast<T>(a), static_cast<T>(b)));
    const u16 hi = static_cast<u16>(F::apply(static_cast<T>(a >> 16), static_cast<T>(b >> 16)));
    return lo | static_cast<u32>(hi) << 16;
  }
};

// Carry chains. The carry is a predicate. As in hardware, a subtraction is the addition of the complement: it leaves a
// carry where it did not borrow, and nvcc's 128-bit division relies on that (subc.cc followed by addc).
template <class U, bool Subtract, bool In>
struct AddWithCarry {
  static SOFTCUDA_INLINE U apply(U a, U b, U carryIn, U* carryOut) {
    if constexpr (Subtract) {
      const U borrow = In ? static_cast<U>(carryIn ^ 1) : U{0};
      const U t = static_cast<U>(a - b), r = static_cast<U>(t - borrow);
      *carryOut = static_cast<U>(!(a < b || t < borrow));
      return r;
    } else {
      const U t = static_cast<U>(a + b), r = static_cast<U>(t + (In ? carryIn : U{0}));
      *carryOut = static_cast<U>(t < a) | static_cast<U>(r < t);
      return r;
    }
  }
};
template <class U, bool Subtract, bool In, bool Out>
void addCarry(u32 active, void* const* dst, const void* const* src, u32) {
  const U* a = static_cast<const U*>(src[0]);
  const U* b = static_cast<const U*>(src[1]);
  const u32 in = In ? *static_cast<const u32*>(src[2]) : 0;
  alignas(64) U out[kLanes];
  u32 carries = 0;
  for (int i = 0; i < kLanes; ++i) {
    U carry;
    out[i] = AddWithCarry<U, Subtract, In>::apply(a[i], b[i], static_cast<U>(in >> i & 1), &carry);
    carries |= static_cast<u32>(carry) << i;
  }
  write(active, static_cast<U*>(dst[0]), out);
  if (Out) writePredicate(active, dst[1], carries);
}
template <class T, bool Hi, bool In, bool Out>
void madCarry(u32 active, void* const* dst, const void* const* src, u32) {
  using U = Unsigned<T>;
  const U* a = static_cast<const U*>(src[0]);
  const U* b = static_cast<const U*>(src[1]);
  const U* c = static_cast<const U*>(src[2]);
  const u32 in = In ? *static_cast<const u32*>(src[3]) : 0;
  alignas(64) U out[kLanes];
  u32 carries = 0;
  for (int i = 0; i < kLanes; ++i) {
    const T x = static_cast<T>(a[i]), y = static_cast<T>(b[i]);
    const U t = static_cast<U>(Hi ? MulHi<T>::apply(x, y) : MulLo<T>::apply(x, y));
    U carry;
    out[i] = AddWithCarry<U, false, In>::apply(t, c[i], static_cast<U>(in >> i & 1), &carry);
    carries |= static_cast<u32>(carry) << i;
  }
  write(active, static_cast<U*>(dst[0]), out);
  if (Out) writePredicate(active, dst[1], carries);
}
template <class U, bool Subtract>
LaneOp chooseAddCarry(bool in, bool out) {
  if (in) return out ? &addCarry<U, Subtract, true, true> : &addCarry<U, Subtract, true, false>;
  return &addCarry<U, Subtract, false, true>;
}
template <class T>
LaneOp chooseMadCarry(bool hi, bool in, bool out) {
  if (hi)
    return in ? out ? &madCarry<T, true, true, true> : &madCarry<T, true, true, false>
              : &madCarry<T, true, false, true>;
  return in ? out ? &madCarry<T, false, true, true> : &madCarry<T, false, true, false>
            : &madCarry<T, false, false, true>;
}

template <class A, class B>
struct Dp4a {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b, u32 c) {
    for (int i = 0; i < 32; i += 8)
      c += static_cast<u32>(static_cast<s32>(static_cast<A>(a >> i)) * static_cast<s32>(static_cast<B>(b >> i)));
    return c;
  }
};
template <class A, class B, int Shift>
struct Dp2a {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b, u32 c) {
    for (int i = 0; i < 2; ++i)
      c += static_cast<u32>(static_cast<s32>(static_cast<A>(a >> (16 * i))) *
                            static_cast<s32>(static_cast<B>(b >> (Shift + 8 * i))));
    return c;
  }
};

#define SOFTCUDA_INT_CASES(make, F)    \
  case Type::U16: return make(F, u16); \
  case Type::S16: return make(F, s16); \
  case Type::U32: return make(F, u32); \
  case Type::S32: return make(F, s32); \
  case Type::U64: return make(F, u64); \
  case Type::S64: return make(F, s64);
#define SOFTCUDA_UNARY(F, T) (unary<F<T>, T, T>())
#define SOFTCUDA_BINARY(F, T) (binary<F<T>, T, T, T>())
#define SOFTCUDA_TERNARY(F, T) (ternary<F<T>, T, T, T, T>())

template <template <class> class F>
LaneOp binaryInt(Type t) {
  switch (t) { SOFTCUDA_INT_CASES(SOFTCUDA_BINARY, F) default : return nullptr; }
}
template <template <class> class F>
LaneOp ternaryInt(Type t) {
  switch (t) { SOFTCUDA_INT_CASES(SOFTCUDA_TERNARY, F) default : return nullptr; }
}
template <template <class> class F>
LaneOp unarySigned(Type t) {
  switch (t) {
    case Type::S16: return SOFTCUDA_UNARY(F, s16);
    case Type::S32: return SOFTCUDA_UNARY(F, s32);
    case Type::S64: return SOFTCUDA_UNARY(F, s64);
    default: return nullptr;
  }
}

LaneOp mulWide(Type t) {
  switch (t) {
    case Type::U16: return binary<MulWide<u16>, u32, u16, u16>();
    case Type::S16: return binary<MulWide<s16>, s32, s16, s16>();
    case Type::U32: return binary<MulWide<u32>, u64, u32, u32>();
    case Type::S32: return binary<MulWide<s32>, s64, s32, s32>();
    default: return nullptr;
  }
}
LaneOp madWide(Type t) {
  switch (t) {
    case Type::U16: return ternary<MadWide<u16>, u32, u16, u16, u32>();
    case Type::S16: return ternary<MadWide<s16>, s32, s16, s16, s32>();
    case Type::U32: return ternary<MadWide<u32>, u64, u32, u32, u64>();
    case Type::S32: return ternary<MadWide<s32>, s64, s32, s32, s64>();
    default: return nullptr;
  }
}
template <template <class> class M>
LaneOp minMax(const Key& k) {
  if (k.relu) {
    if (k.type == Type::S32) return binary<Relu<s32, M>, s32, s32, s32>();
    if (k.type == Type::S16x2) return binary<Halves<s16, Relu<s16, M>>, u32, u32, u32>();
    return nullptr;
  }
  if (k.type == Type::U16x2) return binary<Halves<u16, M<u16>>, u32, u32, u32>();
  if (k.type == Type::S16x2) return binary<Halves<s16, M<s16>>, u32, u32, u32>();
  return binaryInt<M>(k.type);
}
// u32/s32/u64/s64 (and b32, b64): the sign does not matter.
int carryWidth(Type t) {
  return t == Type::U32 || t == Type::S32 || t == Type::B32   ? 32
         : t == Type::U64 || t == Type::S64 || t == Type::B64 ? 64
                                                              : 0;
}
template <bool Subtract>
LaneOp addSub(const Key& k, bool in) {
  if (in || k.carryOut) {
    if (!only(k, kCarryIn | kCarryOut)) return nullptr;
    const int width = carryWidth(k.type);
    return width == 32   ? chooseAddCarry<u32, Subtract>(in, k.carryOut)
           : width == 64 ? chooseAddCarry<u64, Subtract>(in, k.carryOut)
                         : nullptr;
  }
  if (k.sat) {
    if (!only(k, kSat) || k.type != Type::S32) return nullptr;
    return Subtract ? binary<SubSat, s32, s32, s32>() : binary<AddSat, s32, s32, s32>();
  }
  if (!only(k, 0)) return nullptr;
  if (!Subtract && k.type == Type::U16x2) return binary<Halves<u16, Add<u16>>, u32, u32, u32>();
  if (!Subtract && k.type == Type::S16x2) return binary<Halves<s16, Add<s16>>, u32, u32, u32>();
  return Subtract ? binaryInt<Sub>(k.type) : binaryInt<Add>(k.type);
}
LaneOp mad(const Key& k, bool in) {
  if (in || k.carryOut) {
    if (!only(k, kCarryIn | kCarryOut | kHi | kLo) || k.hi == k.lo) return nullptr;
    switch (k.type) {
      case Type::U32: return chooseMadCarry<u32>(k.hi, in, k.carryOut);
      case Type::S32: return chooseMadCarry<s32>(k.hi, in, k.carryOut);
      case Type::U64: return chooseMadCarry<u64>(k.hi, in, k.carryOut);
      case Type::S64: return chooseMadCarry<s64>(k.hi, in, k.carryOut);
      default: return nullptr;
    }
  }
  if (!only(k, kHi | kLo | kWide | kSat) || k.hi + k.lo + k.wide != 1) return nullptr;
  if (k.sat) return k.hi && k.type == Type::S32 ? ternary<MadHiSat, s32, s32, s32, s32>() : nullptr;
  return k.wide ? madWide(k.type) : k.hi ? ternaryInt<MadHi>(k.type) : ternaryInt<MadLo>(k.type);
}
template <template <class> class Lo, template <class> class Hi>
LaneOp mul24(const Key& k) {
  if (!only(k, kHi | kLo) || k.hi == k.lo) return nullptr;
  if (k.type == Type::U32) return k.hi ? SOFTCUDA_BINARY(Hi, u32) : SOFTCUDA_BINARY(Lo, u32);
  if (k.type == Type::S32) return k.hi ? SOFTCUDA_BINARY(Hi, s32) : SOFTCUDA_BINARY(Lo, s32);
  return nullptr;
}
LaneOp mad24(const Key& k) {
  if (!only(k, kHi | kLo | kSat) || k.hi == k.lo) return nullptr;
  if (k.sat) return k.hi && k.type == Type::S32 ? ternary<Mad24HiSat, s32, s32, s32, s32>() : nullptr;
  if (k.type == Type::U32) return k.hi ? SOFTCUDA_TERNARY(Mad24Hi, u32) : SOFTCUDA_TERNARY(Mad24Lo, u32);
  if (k.type == Type::S32) return k.hi ? SOFTCUDA_TERNARY(Mad24Hi, s32) : SOFTCUDA_TERNARY(Mad24Lo, s32);
  return nullptr;
}
LaneOp dp4a(const Key& k) {
  if (!only(k, kSource)) return nullptr;
  const bool a = k.type == Type::S32, b = k.sourceType == Type::S32;
  if ((!a && k.type != Type::U32) || (!b && k.sourceType != Type::U32)) return nullptr;
  if (a) return b ? ternary<Dp4a<s8, s8>, u32, u32, u32, u32>() : ternary<Dp4a<s8, u8>, u32, u32, u32, u32>();
  return b ? ternary<Dp4a<u8, s8>, u32, u32, u32, u32>() : ternary<Dp4a<u8, u8>, u32, u32, u32, u32>();
}
template <int Shift>
LaneOp dp2aHalf(bool a, bool b) {
  if (a)
    return b ? ternary<Dp2a<s16, s8, Shift>, u32, u32, u32, u32>()
             : ternary<Dp2a<s16, u8, Shift>, u32, u32, u32, u32>();
  return b ? ternary<Dp2a<u16, s8, Shift>, u32, u32, u32, u32>() : ternary<Dp2a<u16, u8, Shift>, u32, u32, u32, u32>();
}
LaneOp dp2a(const Key& k) {
  if (!only(k, kSource | kHi | kLo | kVariant) || k.variant > kDp2aHi) return nullptr;
  const bool a = k.type == Type::S32, b = k.sourceType == Type::S32;
  if ((!a && k.type != Type::U32) || (!b && k.sourceType != Type::U32)) return nullptr;
  return k.hi || k.variant == kDp2aHi ? dp2aHalf<16>(a, b) : dp2aHalf<0>(a, b);
}

}  // namespace

LaneOp findInteger(const Key& k) {
  switch (k.op) {
    case Opcode::Add: return addSub<false>(k, false);
    case Opcode::Addc: return addSub<false>(k, true);
    case Opcode::Sub: return addSub<true>(k, false);
    case Opcode::Subc: return addSub<true>(k, true);
    case Opcode::Mul:
      if (!only(k, kHi | kLo | kWide) || k.hi + k.lo + k.wide != 1) return nullptr;
      return k.wide ? mulWide(k.type) : k.hi ? binaryInt<MulHi>(k.type) : binaryInt<MulLo>(k.type);
    case Opcode::Mad: return mad(k, false);
    case Opcode::Madc: return mad(k, true);
    case Opcode::Mul24: return mul24<Mul24Lo, Mul24Hi>(k);
    case Opcode::Mad24: return mad24(k);
    case Opcode::Sad: return only(k, 0) ? ternaryInt<Sad>(k.type) : nullptr;
    case Opcode::Div: return only(k, 0) ? binaryInt<Div>(k.type) : nullptr;
    case Opcode::Rem: return only(k, 0) ? binaryInt<Rem>(k.type) : nullptr;
    case Opcode::Abs: return only(k, 0) ? unarySigned<Abs>(k.type) : nullptr;
    case Opcode::Neg: return only(k, 0) ? unarySigned<Neg>(k.type) : nullptr;
    case Opcode::Min: return only(k, kRelu) ? minMax<Min>(k) : nullptr;
    case Opcode::Max: return only(k, kRelu) ? minMax<Max>(k) : nullptr;
    case Opcode::Dp4a: return dp4a(k);
    case Opcode::Dp2a: return dp2a(k);
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
