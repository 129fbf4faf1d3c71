// Moving and choosing: mov (also packing and unpacking), selp, slct.
#include "lanes.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

template <class U>
void move(u32 active, void* const* dst, const void* const* src, u32) {
  U* d = static_cast<U*>(dst[0]);
  const U* a = static_cast<const U*>(src[0]);
  if (active == kAll) memmove(d, a, kLanes * sizeof(U));
  else write(active, d, a);
}
void move128(u32 active, void* const* dst, const void* const* src, u32) {
  u64* d = static_cast<u64*>(dst[0]);
  const u64* a = static_cast<const u64*>(src[0]);
  for (int i = 0; i < kLanes; ++i)
    if (active >> i & 1) d[2 * i] = a[2 * i], d[2 * i + 1] = a[2 * i + 1];
}
void movePredicate(u32 active, void* const* dst, const void* const* src, u32) {
  writePredicate(active, dst[0], *static_cast<const u32*>(src[0]));
}

// A register of Bits bits made of N elements.
template <int Bits>
struct Word {
  using type = u32;
};
template <>
struct Word<64> {
  using type = u64;
};
template <int Bits, int N>
void pack(u32 active, void* const* dst, const void* const* src, u32) {
  constexpr int part = Bits / N;
  using W = typename Word<Bits>::type;
  alignas(64) W out[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    W w = 0;
    for (int e = 0; e < N; ++e)
      w |= (static_cast<W>(static_cast<const u32*>(src[e])[i]) & (~W{0} >> (8 * sizeof(W) - part))) << (part * e);
    out[i] = w;
  }
  write(active, static_cast<W*>(dst[0]), out);
}
template <int Bits, int N>
void unpack(u32 active, void* const* dst, const void* const* src, u32) {
  constexpr int part = Bits / N;
  using W = typename Word<Bits>::type;
  alignas(64) W in[kLanes];
  memcpy(in, src[0], sizeof in);
  alignas(64) u32 out[kLanes];
  for (int e = 0; e < N; ++e) {
    if (dst[e] == nullptr) continue;
    for (int i = 0; i < kLanes; ++i)
      out[i] = static_cast<u32>((in[i] >> (part * e)) & (~W{0} >> (8 * sizeof(W) - part)));
    write(active, static_cast<u32*>(dst[e]), out);
  }
}
void pack128(u32 active, void* const* dst, const void* const* src, u32 variant) {
  u64* d = static_cast<u64*>(dst[0]);
  for (int i = 0; i < kLanes; ++i) {
    if (!(active >> i & 1)) continue;
    if ((variant & 0xff) == 2) {
      const u64 lo = static_cast<const u64*>(src[0])[i], hi = static_cast<const u64*>(src[1])[i];
      d[2 * i] = lo, d[2 * i + 1] = hi;
    } else {
      u32 w[4];
      for (int e = 0; e < 4; ++e) w[e] = static_cast<const u32*>(src[e])[i];
      d[2 * i] = w[0] | static_cast<u64>(w[1]) << 32, d[2 * i + 1] = w[2] | static_cast<u64>(w[3]) << 32;
    }
  }
}
void unpack128(u32 active, void* const* dst, const void* const* src, u32 variant) {
  const u64* a = static_cast<const u64*>(src[0]);
  for (int i = 0; i < kLanes; ++i) {
    if (!(active >> i & 1)) continue;
    const u64 w[2] = {a[2 * i], a[2 * i + 1]};
    for (u32 e = 0; e < (variant & 0xff); ++e) {
      if (dst[e] == nullptr) continue;
      if ((variant & 0xff) == 2) static_cast<u64*>(dst[e])[i] = w[e];
      else static_cast<u32*>(dst[e])[i] = static_cast<u32>(w[e / 2] >> (32 * (e & 1)));
    }
  }
}

template <class U>
void select(u32 active, void* const* dst, const void* const* src, u32) {
  U* d = static_cast<U*>(dst[0]);
  const U* a = static_cast<const U*>(src[0]);
  const U* b = static_cast<const U*>(src[1]);
  const u32 p = *static_cast<const u32*>(src[2]);
#if defined(__AVX512F__)
  if constexpr (sizeof(U) == 4) {
    for (int i = 0; i < kLanes; i += 16) {
      const __m512i chosen = _mm512_mask_loadu_epi32(_mm512_loadu_si512(b + i), static_cast<__mmask16>(p >> i), a + i);
      _mm512_mask_storeu_epi32(d + i, static_cast<__mmask16>(active >> i), chosen);
    }
  } else {
    for (int i = 0; i < kLanes; i += 8) {
      const __m512i chosen = _mm512_mask_loadu_epi64(_mm512_loadu_si512(b + i), static_cast<__mmask8>(p >> i), a + i);
      _mm512_mask_storeu_epi64(d + i, static_cast<__mmask8>(active >> i), chosen);
    }
  }
#else
  alignas(64) U out[kLanes];
  for (int i = 0; i < kLanes; ++i) out[i] = p >> i & 1 ? a[i] : b[i];
  write(active, d, out);
#endif
}
struct SlctS32 {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a, U b, s32 c) {
    return c >= 0 ? a : b;
  }
};
// NaN chooses b. With .ftz a negative subnormal is -0, which is not less than zero.
struct SlctF32 {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a, U b, float c) {
    return c >= 0.0f ? a : b;
  }
};
struct SlctF32Ftz {
  template <class U>
  static SOFTCUDA_INLINE U apply(U a, U b, float c) {
    return c >= 0.0f || (bitsAs<u32>(c) & 0x7f800000u) == 0 ? a : b;
  }
};

LaneOp mov(const Key& k) {
  if (!only(k, kVariant)) return nullptr;
  const u32 n = k.variant & 0xff;
  const u32 kind = k.variant & ~0xffu;
  if (kind == 0) {
    if (n != 0) return nullptr;
    if (k.type == Type::Pred) return &movePredicate;
    const int width = bits(k.type);
    return width == 128                               ? &move128
           : width == 64                              ? &move<u64>
           : width == 32 || width == 16 || width == 8 ? &move<u32>
                                                      : nullptr;
  }
  const bool packing = kind == kMovPack;
  if (!packing && kind != kMovUnpack) return nullptr;
  switch (k.type) {
    case Type::B16: return n == 2 ? packing ? &pack<16, 2> : &unpack<16, 2> : nullptr;
    case Type::B32:
      if (n == 2) return packing ? &pack<32, 2> : &unpack<32, 2>;
      return n == 4 ? packing ? &pack<32, 4> : &unpack<32, 4> : nullptr;
    case Type::B64:
      if (n == 2) return packing ? &pack<64, 2> : &unpack<64, 2>;
      if (n == 4) return packing ? &pack<64, 4> : &unpack<64, 4>;
      return nullptr;
    case Type::B128: return n == 2 || n == 4 ? packing ? &pack128 : &unpack128 : nullptr;
    default: return nullptr;
  }
}
bool selectable(Type t) {
  switch (t) {
    case Type::B16:
    case Type::B32:
    case Type::B64:
    case Type::U16:
    case Type::U32:
    case Type::U64:
    case Type::S16:
    case Type::S32:
    case Type::S64:
    case Type::F32:
    case Type::F64: return true;
    default: return false;
  }
}
template <class F, class C>
LaneOp slctBy(Type t) {
  return bits(t) == 64 ? ternary<F, u64, u64, u64, C>() : ternary<F, u32, u32, u32, C>();
}

}  // namespace

LaneOp findMove(const Key& k) {
  switch (k.op) {
    case Opcode::Mov: return mov(k);
    case Opcode::Selp:
      if (!only(k, 0) || !selectable(k.type)) return nullptr;
      return bits(k.type) == 64 ? &select<u64> : &select<u32>;
    case Opcode::Slct:
      if (!only(k, kSource | kFtz) || !selectable(k.type)) return nullptr;
      if (k.sourceType == Type::S32) return k.ftz ? nullptr : slctBy<SlctS32, s32>(k.type);
      if (k.sourceType != Type::F32) return nullptr;
      return k.ftz ? slctBy<SlctF32Ftz, float>(k.type) : slctBy<SlctF32, float>(k.type);
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
