// Bit counting and bit fields: popc, clz, bfind, fns, brev, bfe, bfi, szext, bmsk.
#include "lanes.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

struct Popc {
  static SOFTCUDA_INLINE u32 apply(u32 v) {
    v -= v >> 1 & 0x55555555u;
    v = (v & 0x33333333u) + (v >> 2 & 0x33333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0fu;
    return v * 0x01010101u >> 24;
  }
  static SOFTCUDA_INLINE u32 apply(u64 v) { return apply(static_cast<u32>(v)) + apply(static_cast<u32>(v >> 32)); }
};
struct Clz {
  static SOFTCUDA_INLINE u32 apply(u32 v) { return v == 0 ? 32u : static_cast<u32>(__builtin_clz(v)); }
  static SOFTCUDA_INLINE u32 apply(u64 v) { return v == 0 ? 64u : static_cast<u32>(__builtin_clzll(v)); }
};
struct Brev {
  static SOFTCUDA_INLINE u32 apply(u32 v) {
    v = (v >> 1 & 0x55555555u) | (v & 0x55555555u) << 1;
    v = (v >> 2 & 0x33333333u) | (v & 0x33333333u) << 2;
    v = (v >> 4 & 0x0f0f0f0fu) | (v & 0x0f0f0f0fu) << 4;
    v = (v >> 8 & 0x00ff00ffu) | (v & 0x00ff00ffu) << 8;
    return v >> 16 | v << 16;
  }
  static SOFTCUDA_INLINE u64 apply(u64 v) {
    return static_cast<u64>(apply(static_cast<u32>(v))) << 32 | apply(static_cast<u32>(v >> 32));
  }
};
// Position of the most significant bit that is not a copy of the sign; shiftamt: its distance from the top.
template <class T, class U, bool ShiftAmount>
struct Bfind {
  static SOFTCUDA_INLINE u32 apply(T v) {
    const U u = static_cast<U>(v < 0 ? static_cast<T>(~v) : v);
    const u32 zeros = Clz::apply(u);
    if (u == 0) return 0xffffffffu;
    return ShiftAmount ? zeros : 8 * sizeof(T) - 1 - zeros;
  }
};
struct Fns {
  static SOFTCUDA_INLINE u32 apply(u32 mask, u32 base, s32 offset) {
    if (offset == 0) return base < 32 && (mask >> base & 1) ? base : 0xffffffffu;
    u32 left = offset > 0 ? static_cast<u32>(offset) : 0u - static_cast<u32>(offset);
    for (s32 pos = static_cast<s32>(base); pos >= 0 && pos < 32; pos += offset > 0 ? 1 : -1)
      if ((mask >> pos & 1) && --left == 0) return static_cast<u32>(pos);
    return 0xffffffffu;
  }
};
// Ones in the low `count` bits; all for a count of the width or more.
template <class U>
SOFTCUDA_INLINE U lowBits(u32 count) {
  constexpr u32 width = 8 * sizeof(U);
  return count >= width ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << (count & (width - 1))) - 1);
}
template <class U>
struct BfeUnsigned {
  static SOFTCUDA_INLINE U apply(U a, u32 b, u32 c) {
    constexpr u32 width = 8 * sizeof(U);
    const u32 pos = b & 0xff, len = c & 0xff;
    const U shifted = pos >= width ? U{0} : static_cast<U>(a >> (pos & (width - 1)));
    return shifted & lowBits<U>(len);
  }
};
template <class S, class U>
struct BfeSigned {
  static SOFTCUDA_INLINE S apply(S a, u32 b, u32 c) {
    constexpr u32 width = 8 * sizeof(S);
    const u32 pos = b & 0xff, len = c & 0xff;
    const S shifted = a >> (pos >= width ? width - 1 : pos);
    const u32 unused = len >= width ? 0 : width - len;
    const S extended = static_cast<S>(static_cast<U>(shifted) << (unused & (width - 1))) >> (unused & (width - 1));
    return len == 0 ? S{0} : extended;
  }
};
template <class U>
struct Bfi {
  static SOFTCUDA_INLINE U apply(U a, U b, u32 c, u32 d) {
    constexpr u32 width = 8 * sizeof(U);
    const u32 pos = c & 0xff, len = d & 0xff, shift = pos & (width - 1);
    const U mask = pos >= width ? U{0} : static_cast<U>(lowBits<U>(len) << shift);
    return static_cast<U>((b & ~mask) | (static_cast<U>(a << shift) & mask));
  }
};
template <bool Signed, bool Wrap>
struct Szext {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b) {
    const u32 n = b & 31;
    const bool whole = !Wrap && b >= 32;
    const u32 mask = whole ? 0u : ~0u << n;
    const bool sign = Signed && !whole && n != 0 && (a >> ((n - 1) & 31) & 1);
    return (a & ~mask) | (sign ? mask : 0u);
  }
};
template <bool Wrap>
struct Bmsk {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b) {
    const u32 pos = a & 31, len = b & 31;
    const u32 from = !Wrap && a >= 32 ? 0u : ~0u << pos;
    const bool open = pos + len >= 32 || (!Wrap && (a >= 32 || b >= 32));
    return from & ~(open ? 0u : ~0u << ((pos + len) & 31));
  }
};

template <class T, class U>
LaneOp bfind(u32 variant) {
  return variant == kShiftAmount ? unary<Bfind<T, U, true>, u32, T>() : unary<Bfind<T, U, false>, u32, T>();
}

}  // namespace

LaneOp findBits(const Key& k) {
  if (!only(k, k.op == Opcode::Bfind || k.op == Opcode::Szext || k.op == Opcode::Bmsk ? u32{kVariant} : 0u))
    return nullptr;
  switch (k.op) {
    case Opcode::Popc:
      return k.type == Type::B32 ? unary<Popc, u32, u32>() : k.type == Type::B64 ? unary<Popc, u32, u64>() : nullptr;
    case Opcode::Clz:
      return k.type == Type::B32 ? unary<Clz, u32, u32>() : k.type == Type::B64 ? unary<Clz, u32, u64>() : nullptr;
    case Opcode::Brev:
      return k.type == Type::B32 ? unary<Brev, u32, u32>() : k.type == Type::B64 ? unary<Brev, u64, u64>() : nullptr;
    case Opcode::Fns: return k.type == Type::B32 ? ternary<Fns, u32, u32, u32, s32>() : nullptr;
    case Opcode::Bfind:
      if (k.variant > kShiftAmount) return nullptr;
      switch (k.type) {
        case Type::U32: return bfind<u32, u32>(k.variant);
        case Type::S32: return bfind<s32, u32>(k.variant);
        case Type::U64: return bfind<u64, u64>(k.variant);
        case Type::S64: return bfind<s64, u64>(k.variant);
        default: return nullptr;
      }
    case Opcode::Bfe:
      switch (k.type) {
        case Type::U32: return ternary<BfeUnsigned<u32>, u32, u32, u32, u32>();
        case Type::S32: return ternary<BfeSigned<s32, u32>, s32, s32, u32, u32>();
        case Type::U64: return ternary<BfeUnsigned<u64>, u64, u64, u32, u32>();
        case Type::S64: return ternary<BfeSigned<s64, u64>, s64, s64, u32, u32>();
        default: return nullptr;
      }
    case Opcode::Bfi:
      if (k.type == Type::B32) return &map4<Bfi<u32>, u32, u32, u32, u32, u32>;
      return k.type == Type::B64 ? &map4<Bfi<u64>, u64, u64, u64, u32, u32> : nullptr;
    case Opcode::Szext:
      if (k.variant != kClamp && k.variant != kWrap) return nullptr;
      if (k.type == Type::U32)
        return k.variant == kWrap ? binary<Szext<false, true>, u32, u32, u32>()
                                  : binary<Szext<false, false>, u32, u32, u32>();
      if (k.type == Type::S32)
        return k.variant == kWrap ? binary<Szext<true, true>, u32, u32, u32>()
                                  : binary<Szext<true, false>, u32, u32, u32>();
      return nullptr;
    case Opcode::Bmsk:
      if (k.type != Type::B32 || (k.variant != kClamp && k.variant != kWrap)) return nullptr;
      return k.variant == kWrap ? binary<Bmsk<true>, u32, u32, u32>() : binary<Bmsk<false>, u32, u32, u32>();
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
