// IEEE arithmetic of f32 and f64 in every rounding mode: add, sub, mul, fma, mad, div, rcp, sqrt, min, max, abs, neg,
// copysign.
#include "real.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

struct Add {
  template <class T>
  static SOFTCUDA_INLINE T f(T a, T b) {
    return a + b;
  }
};
struct Sub {
  template <class T>
  static SOFTCUDA_INLINE T f(T a, T b) {
    return a - b;
  }
};
struct Mul {
  template <class T>
  static SOFTCUDA_INLINE T f(T a, T b) {
    return a * b;
  }
};
struct Div {
  template <class T>
  static SOFTCUDA_INLINE T f(T a, T b) {
    return a / b;
  }
};
struct Rcp {
  template <class T>
  static SOFTCUDA_INLINE T f(T a) {
    return T{1} / a;
  }
};
struct Sqrt {
  static SOFTCUDA_INLINE float f(float a) { return __builtin_sqrtf(a); }
  static SOFTCUDA_INLINE double f(double a) { return __builtin_sqrt(a); }
};
struct Fma {
  static SOFTCUDA_INLINE float f(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
  static SOFTCUDA_INLINE double f(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
template <class Core, bool Ftz>
struct Single {
  static SOFTCUDA_INLINE float apply(float a) { return finish<Ftz>(Core::f(flush<Ftz>(a))); }
  static SOFTCUDA_INLINE float apply(float a, float b) { return finish<Ftz>(Core::f(flush<Ftz>(a), flush<Ftz>(b))); }
  static SOFTCUDA_INLINE float apply(float a, float b, float c) {
    return finish<Ftz>(Core::f(flush<Ftz>(a), flush<Ftz>(b), flush<Ftz>(c)));
  }
};
template <class Core>
struct Double {
  static SOFTCUDA_INLINE double apply(double a) { return nanOf(Core::f(a), a); }
  static SOFTCUDA_INLINE double apply(double a, double b) { return nanOf(Core::f(a, b), a, b); }
  static SOFTCUDA_INLINE double apply(double a, double b, double c) { return nanOf(Core::f(a, b, c), a, b, c); }
};
// .sat as a step after the same operation without it: rare, and otherwise as large as all the rest.
SOFTCUDA_NOINLINE void writeSaturated(u32 active, void* dst, u32* v) {
  for (int i = 0; i < kLanes; ++i) v[i] = toSlot(saturate(fromSlot<float>(v[i])));
  write(active, static_cast<u32*>(dst), v);
}
template <LaneOp Op>
void saturated(u32 active, void* const* dst, const void* const* src, u32 variant) {
  alignas(64) u32 out[kLanes];
  void* const to[1] = {out};
  Op(kAll, to, src, variant);
  writeSaturated(active, dst[0], out);
}

template <class F, class T, int N, Rounding R>
constexpr LaneOp map() {
  if constexpr (N == 1) return &map1<F, R, T, T>;
  else if constexpr (N == 2) return &map2<F, R, T, T, T>;
  else return &map3<F, R, T, T, T, T>;
}
template <class F, class T, int N>
LaneOp rounded(Rounding r) {
  switch (r) {
    case Rounding::None:
    case Rounding::Rn: return map<F, T, N, Rounding::Rn>();
    case Rounding::Rz: return map<F, T, N, Rounding::Rz>();
    case Rounding::Rm: return map<F, T, N, Rounding::Rm>();
    case Rounding::Rp: return map<F, T, N, Rounding::Rp>();
    default: return nullptr;
  }
}
template <class F, int N>
LaneOp roundedSaturated(Rounding r) {
  switch (r) {
    case Rounding::None:
    case Rounding::Rn: return &saturated<map<F, float, N, Rounding::Rn>()>;
    case Rounding::Rz: return &saturated<map<F, float, N, Rounding::Rz>()>;
    case Rounding::Rm: return &saturated<map<F, float, N, Rounding::Rm>()>;
    case Rounding::Rp: return &saturated<map<F, float, N, Rounding::Rp>()>;
    default: return nullptr;
  }
}
// Two f32 in 64 bits: the operation on the lower ones, then on the upper ones.
template <LaneOp Op, int N>
void pairs(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) u32 half[N][kLanes], result[2][kLanes];
  const void* from[N];
  for (int h = 0; h < 2; ++h) {
    for (int n = 0; n < N; ++n) {
      for (int i = 0; i < kLanes; ++i) half[n][i] = static_cast<u32>(static_cast<const u64*>(src[n])[i] >> (32 * h));
      from[n] = half[n];
    }
    void* const to[1] = {result[h]};
    Op(kAll, to, from, 0);
  }
  alignas(64) u64 out[kLanes];
  for (int i = 0; i < kLanes; ++i) out[i] = result[0][i] | static_cast<u64>(result[1][i]) << 32;
  write(active, static_cast<u64*>(dst[0]), out);
}
template <class F, int N>
LaneOp roundedPairs(Rounding r) {
  switch (r) {
    case Rounding::None:
    case Rounding::Rn: return &pairs<map<F, float, N, Rounding::Rn>(), N>;
    case Rounding::Rz: return &pairs<map<F, float, N, Rounding::Rz>(), N>;
    case Rounding::Rm: return &pairs<map<F, float, N, Rounding::Rm>(), N>;
    case Rounding::Rp: return &pairs<map<F, float, N, Rounding::Rp>(), N>;
    default: return nullptr;
  }
}
template <class Core, int N>
LaneOp single(bool ftz, Rounding r) {
  return ftz ? rounded<Single<Core, true>, float, N>(r) : rounded<Single<Core, false>, float, N>(r);
}
// add, sub, mul, fma: f32 with .ftz and .sat, f64, f32x2 with .ftz.
template <class Core, int N>
LaneOp arithmetic(const Key& k) {
  switch (k.type) {
    case Type::F32:
      if (!only(k, kRound | kFtz | kSat)) return nullptr;
      if (k.sat)
        return k.ftz ? roundedSaturated<Single<Core, true>, N>(k.rounding)
                     : roundedSaturated<Single<Core, false>, N>(k.rounding);
      return single<Core, N>(k.ftz, k.rounding);
    case Type::F64: return only(k, kRound) ? rounded<Double<Core>, double, N>(k.rounding) : nullptr;
    case Type::F32x2:
      if (!only(k, kRound | kFtz)) return nullptr;
      return k.ftz ? roundedPairs<Single<Core, true>, N>(k.rounding)
                   : roundedPairs<Single<Core, false>, N>(k.rounding);
    default: return nullptr;
  }
}
// div, rcp, sqrt with an IEEE rounding mode, and div.full, which may err by 2 ulp and here does not.
template <class Core, int N>
LaneOp ieee(const Key& k) {
  if (k.rounding == Rounding::None || k.rounding == Rounding::Approx) return nullptr;
  if (k.type == Type::F64) return only(k, kRound) ? rounded<Double<Core>, double, N>(k.rounding) : nullptr;
  if (k.type != Type::F32 || !only(k, kRound | kFtz)) return nullptr;
  return single<Core, N>(k.ftz, k.rounding == Rounding::Full && k.op == Opcode::Div ? Rounding::Rn : k.rounding);
}

// min, max: -0 is less than +0; one NaN operand gives the other operand, or with .NaN the canonical NaN.
template <bool IsMax, bool Ftz, bool Nan, bool Xorsign>
struct MinMaxF32 {
  static SOFTCUDA_INLINE float apply(float x, float y) {
    const u32 sign = (bitsAs<u32>(x) ^ bitsAs<u32>(y)) & 0x80000000u;
    constexpr u32 keep = Xorsign ? 0x7fffffffu : 0xffffffffu;
    const u32 a = bitsAs<u32>(flush<Ftz>(x)) & keep, b = bitsAs<u32>(flush<Ftz>(y)) & keep;
    // As integers: the order of floats is that of sign-magnitude numbers.
    const s32 ka = static_cast<s32>(a) ^ static_cast<s32>(static_cast<u32>(static_cast<s32>(a) >> 31) >> 1);
    const s32 kb = static_cast<s32>(b) ^ static_cast<s32>(static_cast<u32>(static_cast<s32>(b) >> 31) >> 1);
    const bool nanA = (a & 0x7fffffffu) > 0x7f800000u, nanB = (b & 0x7fffffffu) > 0x7f800000u;
    const u32 chosen = (IsMax ? ka > kb : ka < kb) ? a : b;
    const bool isNan = Nan ? (nanA | nanB) : (nanA & nanB);
    u32 r = nanA ? b : nanB ? a : chosen;
    if (Xorsign) r |= sign;
    return bitsAs<float>(isNan ? kNanF32 : r);
  }
};
template <bool IsMax>
struct MinMaxF64 {
  static SOFTCUDA_INLINE double apply(double x, double y) {
    const u64 a = bitsAs<u64>(x), b = bitsAs<u64>(y);
    const s64 ka = static_cast<s64>(a) ^ static_cast<s64>(static_cast<u64>(static_cast<s64>(a) >> 63) >> 1);
    const s64 kb = static_cast<s64>(b) ^ static_cast<s64>(static_cast<u64>(static_cast<s64>(b) >> 63) >> 1);
    const u64 chosen = (IsMax ? ka > kb : ka < kb) ? a : b;
    const u64 r = x != x ? (y != y ? a | kQuietF64 : b) : y != y ? a : chosen;
    return bitsAs<double>(r);
  }
};
template <bool IsMax, bool Ftz, bool Nan>
LaneOp minMaxSign(bool xorsign) {
  return xorsign ? binary<MinMaxF32<IsMax, Ftz, Nan, true>, float, float, float>()
                 : binary<MinMaxF32<IsMax, Ftz, Nan, false>, float, float, float>();
}
template <bool IsMax>
LaneOp minMax(const Key& k) {
  if (k.type == Type::F64) return only(k, 0) ? binary<MinMaxF64<IsMax>, double, double, double>() : nullptr;
  if (k.type != Type::F32 || !only(k, kFtz | kNan | kXorsign | kAbs) || k.xorsign != k.abs) return nullptr;
  if (k.ftz) return k.nan ? minMaxSign<IsMax, true, true>(k.xorsign) : minMaxSign<IsMax, true, false>(k.xorsign);
  return k.nan ? minMaxSign<IsMax, false, true>(k.xorsign) : minMaxSign<IsMax, false, false>(k.xorsign);
}

// abs and neg touch the sign bit only, of NaN too (PTX leaves that open).
template <bool Ftz>
struct AbsF32 {
  static SOFTCUDA_INLINE u32 apply(float a) { return bitsAs<u32>(flush<Ftz>(a)) & 0x7fffffffu; }
};
template <bool Ftz>
struct NegF32 {
  static SOFTCUDA_INLINE u32 apply(float a) { return bitsAs<u32>(flush<Ftz>(a)) ^ 0x80000000u; }
};
struct AbsF64 {
  static SOFTCUDA_INLINE u64 apply(u64 a) { return a & 0x7fffffffffffffffull; }
};
struct NegF64 {
  static SOFTCUDA_INLINE u64 apply(u64 a) { return a ^ 0x8000000000000000ull; }
};
// The sign of a on the magnitude of b.
struct CopysignF32 {
  static SOFTCUDA_INLINE u32 apply(u32 a, u32 b) { return (a & 0x80000000u) | (b & 0x7fffffffu); }
};
struct CopysignF64 {
  static SOFTCUDA_INLINE u64 apply(u64 a, u64 b) { return (a & 0x8000000000000000ull) | (b & 0x7fffffffffffffffull); }
};

template <template <bool> class F32, class F64>
LaneOp signOp(const Key& k) {
  if (k.type == Type::F64) return only(k, 0) ? unary<F64, u64, u64>() : nullptr;
  if (k.type != Type::F32 || !only(k, kFtz)) return nullptr;
  return k.ftz ? unary<F32<true>, u32, float>() : unary<F32<false>, u32, float>();
}

}  // namespace

LaneOp findFloat(const Key& k) {
  switch (k.op) {
    case Opcode::Add: return arithmetic<Add, 2>(k);
    case Opcode::Sub: return arithmetic<Sub, 2>(k);
    case Opcode::Mul: return arithmetic<Mul, 2>(k);
    case Opcode::Fma: return k.rounding == Rounding::None ? nullptr : arithmetic<Fma, 3>(k);
    // mad of f32 and f64 is fused on every architecture since sm_20, and needs a rounding mode there.
    case Opcode::Mad: return k.rounding == Rounding::None || k.type == Type::F32x2 ? nullptr : arithmetic<Fma, 3>(k);
    case Opcode::Div: return ieee<Div, 2>(k);
    case Opcode::Rcp: return ieee<Rcp, 1>(k);
    case Opcode::Sqrt: return ieee<Sqrt, 1>(k);
    case Opcode::Min: return minMax<false>(k);
    case Opcode::Max: return minMax<true>(k);
    case Opcode::Abs: return signOp<AbsF32, AbsF64>(k);
    case Opcode::Neg: return signOp<NegF32, NegF64>(k);
    case Opcode::Copysign:
      if (!only(k, 0)) return nullptr;
      return k.type == Type::F32   ? binary<CopysignF32, u32, u32, u32>()
             : k.type == Type::F64 ? binary<CopysignF64, u64, u64, u64>()
                                   : nullptr;
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
