// cvt between integers, f16, bf16, tf32, f32 and f64, and cvt.pack.
#include "half_format.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// Types of lane values that C++ lacks.
struct Half { u16 bits; };
struct Bfloat { u16 bits; };
template <> SOFTCUDA_INLINE Half fromSlot<Half>(u32 s) { return {static_cast<u16>(s)}; }
template <> SOFTCUDA_INLINE Bfloat fromSlot<Bfloat>(u32 s) { return {static_cast<u16>(s)}; }
SOFTCUDA_INLINE u32 toSlot(u8 v) { return v; }
SOFTCUDA_INLINE u32 toSlot(s8 v) { return static_cast<u16>(v); }   // 8-bit results fill a 16-bit register
SOFTCUDA_INLINE u32 toSlot(Half v) { return v.bits; }
SOFTCUDA_INLINE u32 toSlot(Bfloat v) { return v.bits; }

template <class T> struct Is { static constexpr bool integer = true, isSigned = static_cast<T>(-1) < T{0}; static constexpr int width = 8 * sizeof(T); };
template <> struct Is<float> { static constexpr bool integer = false, isSigned = true; static constexpr int width = 32; };
template <> struct Is<double> { static constexpr bool integer = false, isSigned = true; static constexpr int width = 64; };
template <> struct Is<Half> { static constexpr bool integer = false, isSigned = true; static constexpr int width = 16; };
template <> struct Is<Bfloat> { static constexpr bool integer = false, isSigned = true; static constexpr int width = 16; };

template <bool B, class T, class F> struct Conditional { using type = T; };
template <class T, class F> struct Conditional<false, T, F> { using type = F; };

// Applies F with registers that may be wider than the types (variant, see cvtRegisters).
template <class F, Rounding R, class D, class S>
void convert(u32 active, void* const* dst, const void* const* src, u32 variant) {
  if (variant == 0) return map1<F, R, D, S>(active, dst, src, 0);
  alignas(64) u32 low[kLanes];
  const void* from[1] = {src[0]};
  if constexpr (Is<S>::width < 64) {
    if (variant >> 8 == 64) {
      for (int i = 0; i < kLanes; ++i) low[i] = static_cast<u32>(static_cast<const u64*>(src[0])[i]);
      from[0] = low;
    }
  }
  const u32 width = variant & 0xff;
  if constexpr (Is<D>::width < 64) {
    if (width == 32 || width == 64) {
      alignas(64) u32 out[kLanes];
      void* const to[1] = {out};
      map1<F, R, D, S>(kAll, to, from, 0);
      constexpr int unused = Is<D>::integer && Is<D>::isSigned && Is<D>::width < 32 ? 32 - Is<D>::width : 0;
      for (int i = 0; i < kLanes; ++i) out[i] = unused == 0 ? out[i] : static_cast<u32>(static_cast<s32>(out[i] << unused) >> unused);
      if (width == 32) return write(active, static_cast<u32*>(dst[0]), out);
      alignas(64) u64 wide[kLanes];
      for (int i = 0; i < kLanes; ++i)
        wide[i] = Is<D>::integer && Is<D>::isSigned ? static_cast<u64>(static_cast<s64>(static_cast<s32>(out[i]))) : out[i];
      return write(active, static_cast<u64*>(dst[0]), wide);
    }
  }
  map1<F, R, D, S>(active, dst, from, 0);
}

// --- Integer to integer -------------------------------------------------------------------------------------------------------------
template <class D, class S> struct Truncate { static SOFTCUDA_INLINE D apply(S v) { return static_cast<D>(v); } };
template <class D, class S> struct Saturate {
  static constexpr D lowest = Is<D>::isSigned ? static_cast<D>(u64{1} << (Is<D>::width - 1)) : D{0};
  static constexpr D highest = static_cast<D>(~lowest);
  static SOFTCUDA_INLINE D apply(S v) {
    if constexpr (Is<S>::isSigned) {
      if constexpr (Is<D>::isSigned) {
        if constexpr (Is<D>::width >= Is<S>::width) return static_cast<D>(v);
        else return v < static_cast<S>(lowest) ? lowest : v > static_cast<S>(highest) ? highest : static_cast<D>(v);
      } else {
        if constexpr (Is<D>::width >= Is<S>::width) return v < 0 ? D{0} : static_cast<D>(v);
        else return v < 0 ? D{0} : v > static_cast<S>(highest) ? highest : static_cast<D>(v);
      }
    } else {
      if constexpr (Is<D>::width > Is<S>::width || (Is<D>::width == Is<S>::width && !Is<D>::isSigned)) return static_cast<D>(v);
      else return v > static_cast<S>(highest) ? highest : static_cast<D>(v);
    }
  }
};

// --- Widening -----------------------------------------------------------------------------------------------------------------------
SOFTCUDA_INLINE double toDouble(float v) { return v; }
SOFTCUDA_INLINE double toDouble(double v) { return v; }
SOFTCUDA_INLINE double toDouble(Half v) { return halfToFloat(v.bits); }
SOFTCUDA_INLINE double toDouble(Bfloat v) { return bfloatToFloat(v.bits); }
SOFTCUDA_INLINE double toDouble(u8 v) { return v; }
SOFTCUDA_INLINE double toDouble(s8 v) { return v; }
SOFTCUDA_INLINE double toDouble(u16 v) { return v; }
SOFTCUDA_INLINE double toDouble(s16 v) { return v; }
SOFTCUDA_INLINE double toDouble(u32 v) { return v; }
SOFTCUDA_INLINE double toDouble(s32 v) { return v; }
// 64-bit integers are rounded to odd (53 bits), so that one more rounding to fewer bits is the only one that shows.
SOFTCUDA_INLINE double toDouble(u64 v) {
  const u64 odd = v >> 53 == 0 ? v : (v & ~0x7ffull) | ((v & 0x7ff) != 0 ? 0x800ull : 0ull);
  return static_cast<double>(odd);
}
SOFTCUDA_INLINE double toDouble(s64 v) {
  const double magnitude = toDouble(v < 0 ? 0 - static_cast<u64>(v) : static_cast<u64>(v));
  return v < 0 ? -magnitude : magnitude;
}

// --- Rounding to integers -----------------------------------------------------------------------------------------------------------
template <Rounding R> SOFTCUDA_INLINE float toIntegral(float v) {
  return R == Rounding::Rni ? __builtin_rintf(v) : R == Rounding::Rzi ? __builtin_truncf(v) : R == Rounding::Rmi ? __builtin_floorf(v) : __builtin_ceilf(v);
}
template <Rounding R> SOFTCUDA_INLINE double toIntegral(double v) {
  return R == Rounding::Rni ? __builtin_rint(v) : R == Rounding::Rzi ? __builtin_trunc(v) : R == Rounding::Rmi ? __builtin_floor(v) : __builtin_ceil(v);
}
SOFTCUDA_INLINE float working(float v) { return v; }
SOFTCUDA_INLINE double working(double v) { return v; }
SOFTCUDA_INLINE float working(Half v) { return halfToFloat(v.bits); }
SOFTCUDA_INLINE float working(Bfloat v) { return bfloatToFloat(v.bits); }
template <bool Ftz> SOFTCUDA_INLINE double flush(double v) { return v; }

// Clamped to the destination's range. NaN gives 0, or the top bit alone where the source is f64 or the destination has 64 bits.
template <class D, class S, Rounding R, bool Ftz> struct ToInteger {
  static SOFTCUDA_INLINE D apply(S s) {
    const auto v = toIntegral<R>(flush<Ftz>(working(s)));
    using W = decltype(working(s));
    constexpr D lowest = Is<D>::isSigned ? static_cast<D>(u64{1} << (Is<D>::width - 1)) : D{0};
    constexpr D highest = static_cast<D>(~lowest);
    constexpr W limit = Is<D>::isSigned ? W(u64{1} << (Is<D>::width - 1)) : W(2) * W(u64{1} << (Is<D>::width - 1));   // highest + 1
    constexpr W floor = Is<D>::isSigned ? -limit : W(0);
    constexpr D forNan = Is<S>::width == 64 || Is<D>::width == 64 ? static_cast<D>(u64{1} << (Is<D>::width - 1)) : D{0};
    const bool inside = v > floor && v < limit;
    using I = typename Conditional<Is<D>::width == 64, D, typename Conditional<Is<D>::isSigned, s32, u32>::type>::type;
    const D value = static_cast<D>(static_cast<I>(inside ? v : W(0)));
    return inside ? value : v >= limit ? highest : v <= floor ? lowest : forNan;
  }
};

// --- To floating point --------------------------------------------------------------------------------------------------------------
enum class Post { None, Sat, Relu, Finite, ReluFinite };
template <class Format, Post P> SOFTCUDA_INLINE u32 after16(u32 h) {
  const u32 magnitude = h & 0x7fffu;
  const bool isNan = magnitude > Format::kExponent, negative = (h & 0x8000u) != 0;
  if constexpr (P == Post::Sat) return negative || isNan ? 0u : magnitude > Format::kOne ? Format::kOne : h;
  if constexpr (P == Post::Finite || P == Post::ReluFinite) h = magnitude == Format::kExponent ? h - 1 : h;
  if constexpr (P == Post::Relu || P == Post::ReluFinite) h = negative && !isNan ? 0u : h;
  return h;
}
template <class S, Rounding R, Post P, bool Ftz> struct ToHalf {
  static SOFTCUDA_INLINE u32 bitsOf(S s) {
    if constexpr (Ftz) return after16<F16, P>(narrow<5, 10, R>(static_cast<double>(flush<true>(working(s)))));
    else return after16<F16, P>(narrow<5, 10, R>(toDouble(s)));
  }
  static SOFTCUDA_INLINE Half apply(S s) { return {static_cast<u16>(bitsOf(s))}; }
};
template <class S, Rounding R, Post P, bool Ftz> struct ToBfloat {
  static SOFTCUDA_INLINE u32 bitsOf(S s) {
    if constexpr (Ftz) return after16<BF16, P>(narrow<8, 7, R>(static_cast<double>(flush<true>(working(s)))));
    else return after16<BF16, P>(narrow<8, 7, R>(toDouble(s)));
  }
  static SOFTCUDA_INLINE Bfloat apply(S s) { return {static_cast<u16>(bitsOf(s))}; }
};
template <class S, bool Ftz, bool Sat> struct ToSingle {   // the rounding is the machine's current one
  static SOFTCUDA_INLINE float apply(S s) {
    if constexpr (Is<S>::integer) return Sat ? saturate(static_cast<float>(s)) : static_cast<float>(s);
    else if constexpr (Is<S>::width == 32) return finish<Ftz, Sat>(flush<Ftz>(working(s)));
    else return finish<Ftz, Sat>(static_cast<float>(working(s)));
  }
};
// NaN keeps its payload, made quiet (f16, bf16 and f32 payloads are the upper bits).
template <class S, bool Ftz, bool Sat> struct ToDouble {
  static SOFTCUDA_INLINE double apply(S s) {
    double v;
    if constexpr (Is<S>::integer) v = static_cast<double>(s);
    else v = static_cast<double>(flush<Ftz>(working(s)));
    if constexpr (Sat) return v > 0 ? v < 1 ? v : 1.0 : 0.0;
    return v != v ? quiet(v) : v;
  }
};
// f16.f16, bf16.bf16, f32.f32, f64.f64 with integer rounding.
template <Rounding R, bool Sat, class Format> SOFTCUDA_INLINE u32 integral16(float v) {
  const float r = toIntegral<R>(v);   // representable
  return after16<Format, Sat ? Post::Sat : Post::None>(Format::narrowOne(r));
}
template <Rounding R, bool Ftz, bool Sat> struct Integral {
  static SOFTCUDA_INLINE Half apply(Half h) { return {static_cast<u16>(integral16<R, Sat, F16>(working(h)))}; }
  static SOFTCUDA_INLINE Bfloat apply(Bfloat h) { return {static_cast<u16>(integral16<R, Sat, BF16>(working(h)))}; }
  static SOFTCUDA_INLINE float apply(float v) { return finish<Ftz, Sat>(toIntegral<R>(flush<Ftz>(v))); }
  static SOFTCUDA_INLINE double apply(double v) {
    const double r = toIntegral<R>(v);
    if constexpr (Sat) return r > 0 ? r < 1 ? r : 1.0 : 0.0;
    return r != r ? quiet(v) : r;
  }
};
template <bool Sat> struct Same16 {
  static SOFTCUDA_INLINE Half apply(Half h) { return {static_cast<u16>(after16<F16, Sat ? Post::Sat : Post::None>(h.bits))}; }
  static SOFTCUDA_INLINE Bfloat apply(Bfloat h) { return {static_cast<u16>(after16<BF16, Sat ? Post::Sat : Post::None>(h.bits))}; }
};
// f32 with 10 explicit mantissa bits; the other 13 are zero.
template <Rounding R, Post P> struct ToTf32 {
  static SOFTCUDA_INLINE u32 apply(float v) {
    const u32 b = bitsAs<u32>(v), magnitude = b & 0x7fffffffu;
    const u32 up = R == Rounding::Rna ? 0x1000u : R == Rounding::Rn ? 0x0fffu + (b >> 13 & 1) : 0u;
    u32 r = magnitude >= 0x7f800000u ? magnitude : (magnitude + up) & ~0x1fffu;
    if (P == Post::Finite || P == Post::ReluFinite) r = r == 0x7f800000u ? 0x7f7fe000u : r;
    r |= b & 0x80000000u;
    if ((P == Post::Relu || P == Post::ReluFinite) && (b & 0x80000000u)) r = 0;
    return magnitude > 0x7f800000u ? kNanF32 : r;
  }
};
// Two f32 into one register: a above, b below. f16 to nearest even has instructions.
template <class Format, class To> void packHalves(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) float a[kLanes], b[kLanes];
  memcpy(a, src[0], sizeof a), memcpy(b, src[1], sizeof b);
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i) out[i] = To::bitsOf(a[i]) << 16 | To::bitsOf(b[i]);
  write(active, static_cast<u32*>(dst[0]), out);
}
template <class Format, Post P> void packNearest(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) u32 high[kLanes], low[kLanes];
  if constexpr (Format::kExponent == F16::kExponent) {
    floatsToHalves(static_cast<const float*>(src[0]), high);
    floatsToHalves(static_cast<const float*>(src[1]), low);
  } else {
    const float* a = static_cast<const float*>(src[0]);
    const float* b = static_cast<const float*>(src[1]);
    for (int i = 0; i < kLanes; ++i) high[i] = floatToBfloat(a[i]), low[i] = floatToBfloat(b[i]);
  }
  for (int i = 0; i < kLanes; ++i) low[i] = after16<Format, P>(low[i]) | after16<Format, P>(high[i]) << 16;
  write(active, static_cast<u32*>(dst[0]), low);
}
// The common single conversions, with machine instructions for f16.
void halfFromFloat(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) u32 out[kLanes];
  floatsToHalves(static_cast<const float*>(src[0]), out);
  write(active, static_cast<u32*>(dst[0]), out);
}
void floatFromHalf(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) float v[kLanes];
  alignas(64) u32 out[kLanes];
  halvesToFloats<0>(static_cast<const u32*>(src[0]), v);
  for (int i = 0; i < kLanes; ++i) out[i] = bitsAs<u32>(canonical(v[i]));
  write(active, static_cast<u32*>(dst[0]), out);
}

// --- Choosing -----------------------------------------------------------------------------------------------------------------------
template <class D, class S> LaneOp intToInt(const Key& k) {
  if (!only(k, kSource | kSat | kVariant)) return nullptr;
  return k.sat ? &convert<Saturate<D, S>, Rounding::None, D, S> : &convert<Truncate<D, S>, Rounding::None, D, S>;
}
template <class D, class S, bool Ftz> LaneOp floatToInt(const Key& k) {
  switch (k.rounding) {
    case Rounding::Rni: return &convert<ToInteger<D, S, Rounding::Rni, Ftz>, Rounding::None, D, S>;
    case Rounding::Rzi: return &convert<ToInteger<D, S, Rounding::Rzi, Ftz>, Rounding::None, D, S>;
    case Rounding::Rmi: return &convert<ToInteger<D, S, Rounding::Rmi, Ftz>, Rounding::None, D, S>;
    case Rounding::Rpi: return &convert<ToInteger<D, S, Rounding::Rpi, Ftz>, Rounding::None, D, S>;
    default: return nullptr;
  }
}
template <class F, class D, class S> LaneOp machineRounded(Rounding r) {
  switch (r) {
    case Rounding::Rn: return &convert<F, Rounding::Rn, D, S>;
    case Rounding::Rz: return &convert<F, Rounding::Rz, D, S>;
    case Rounding::Rm: return &convert<F, Rounding::Rm, D, S>;
    case Rounding::Rp: return &convert<F, Rounding::Rp, D, S>;
    default: return nullptr;
  }
}
template <template <class, Rounding, Post, bool> class To, class D, class S, Post P, bool Ftz> LaneOp softRounded(Rounding r) {
  switch (r) {
    case Rounding::Rn: return &convert<To<S, Rounding::Rn, P, Ftz>, Rounding::None, D, S>;
    case Rounding::Rz: return &convert<To<S, Rounding::Rz, P, Ftz>, Rounding::None, D, S>;
    case Rounding::Rm: return &convert<To<S, Rounding::Rm, P, Ftz>, Rounding::None, D, S>;
    case Rounding::Rp: return &convert<To<S, Rounding::Rp, P, Ftz>, Rounding::None, D, S>;
    default: return nullptr;
  }
}
template <class F, class D, class S> LaneOp exact(const Key& k) { return k.rounding == Rounding::None ? &convert<F, Rounding::None, D, S> : nullptr; }

template <template <class, Rounding, Post, bool> class To, class D, class S> LaneOp to16(const Key& k) {
  if constexpr (Is<S>::width == 32 && !Is<S>::integer) {
    if (k.ftz) return k.sat ? softRounded<To, D, S, Post::Sat, true>(k.rounding) : softRounded<To, D, S, Post::None, true>(k.rounding);
  }
  if (k.ftz) return nullptr;
  return k.sat ? softRounded<To, D, S, Post::Sat, false>(k.rounding) : softRounded<To, D, S, Post::None, false>(k.rounding);
}
template <class S> LaneOp intToFloat(const Key& k) {
  if (!only(k, kSource | kRound | kSat | kVariant)) return nullptr;
  switch (k.type) {
    case Type::F16: return to16<ToHalf, Half, S>(k);
    case Type::BF16: return to16<ToBfloat, Bfloat, S>(k);
    case Type::F32: return k.sat ? machineRounded<ToSingle<S, false, true>, float, S>(k.rounding) : machineRounded<ToSingle<S, false, false>, float, S>(k.rounding);
    case Type::F64: return k.sat ? machineRounded<ToDouble<S, false, true>, double, S>(k.rounding) : machineRounded<ToDouble<S, false, false>, double, S>(k.rounding);
    default: return nullptr;
  }
}
template <class S> LaneOp fromInt(const Key& k) {
  switch (k.type) {
    case Type::U8: return intToInt<u8, S>(k);
    case Type::S8: return intToInt<s8, S>(k);
    case Type::U16: return intToInt<u16, S>(k);
    case Type::S16: return intToInt<s16, S>(k);
    case Type::U32: return intToInt<u32, S>(k);
    case Type::S32: return intToInt<s32, S>(k);
    case Type::U64: return intToInt<u64, S>(k);
    case Type::S64: return intToInt<s64, S>(k);
    default: return intToFloat<S>(k);
  }
}
template <class S, bool Ftz> LaneOp floatToAnyInt(const Key& k) {
  switch (k.type) {
    case Type::U8: return floatToInt<u8, S, Ftz>(k);
    case Type::S8: return floatToInt<s8, S, Ftz>(k);
    case Type::U16: return floatToInt<u16, S, Ftz>(k);
    case Type::S16: return floatToInt<s16, S, Ftz>(k);
    case Type::U32: return floatToInt<u32, S, Ftz>(k);
    case Type::S32: return floatToInt<s32, S, Ftz>(k);
    case Type::U64: return floatToInt<u64, S, Ftz>(k);
    case Type::S64: return floatToInt<s64, S, Ftz>(k);
    default: return nullptr;
  }
}
template <class T, bool Ftz, bool Sat> LaneOp integral(Rounding r) {
  switch (r) {
    case Rounding::Rni: return &convert<Integral<Rounding::Rni, Ftz, Sat>, Rounding::None, T, T>;
    case Rounding::Rzi: return &convert<Integral<Rounding::Rzi, Ftz, Sat>, Rounding::None, T, T>;
    case Rounding::Rmi: return &convert<Integral<Rounding::Rmi, Ftz, Sat>, Rounding::None, T, T>;
    case Rounding::Rpi: return &convert<Integral<Rounding::Rpi, Ftz, Sat>, Rounding::None, T, T>;
    default: return nullptr;
  }
}
bool isInteger(Type t) {
  switch (t) {
    case Type::U8: case Type::U16: case Type::U32: case Type::U64: case Type::S8: case Type::S16: case Type::S32: case Type::S64: return true;
    default: return false;
  }
}
template <class T> LaneOp from16(const Key& k) {
  const Type own = k.sourceType;
  if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
  if (k.ftz && k.type != Type::F32) return nullptr;
  if (isInteger(k.type)) return floatToAnyInt<T, false>(k);
  if (k.type == own) {
    if (k.rounding == Rounding::None) return k.sat ? &convert<Same16<true>, Rounding::None, T, T> : &convert<Same16<false>, Rounding::None, T, T>;
    return k.sat ? integral<T, false, true>(k.rounding) : integral<T, false, false>(k.rounding);
  }
  switch (k.type) {
    case Type::F16: return to16<ToHalf, Half, T>(k);
    case Type::BF16: return to16<ToBfloat, Bfloat, T>(k);
    case Type::F32:
      if (own == Type::F16 && k.rounding == Rounding::None && !k.ftz && !k.sat && k.variant == 0) return &floatFromHalf;
      if (k.ftz) return k.sat ? exact<ToSingle<T, true, true>, float, T>(k) : exact<ToSingle<T, true, false>, float, T>(k);
      return k.sat ? exact<ToSingle<T, false, true>, float, T>(k) : exact<ToSingle<T, false, false>, float, T>(k);
    case Type::F64: return k.sat ? exact<ToDouble<T, false, true>, double, T>(k) : exact<ToDouble<T, false, false>, double, T>(k);
    default: return nullptr;
  }
}
template <template <class, Rounding, Post, bool> class To, class D, class Format, Rounding R> LaneOp singleToHalf(const Key& k, bool packed) {
  const Post post = k.relu ? k.sat ? Post::ReluFinite : Post::Relu : k.sat ? Post::Finite : Post::None;
  if constexpr (R == Rounding::Rn) {
    if (packed) {
      switch (post) {
        case Post::None: return &packNearest<Format, Post::None>;
        case Post::Relu: return &packNearest<Format, Post::Relu>;
        case Post::Finite: return &packNearest<Format, Post::Finite>;
        default: return &packNearest<Format, Post::ReluFinite>;
      }
    }
  }
  switch (post) {
    case Post::None: return packed ? &packHalves<Format, To<float, R, Post::None, false>> : &convert<To<float, R, Post::None, false>, Rounding::None, D, float>;
    case Post::Relu: return packed ? &packHalves<Format, To<float, R, Post::Relu, false>> : &convert<To<float, R, Post::Relu, false>, Rounding::None, D, float>;
    case Post::Finite: return packed ? &packHalves<Format, To<float, R, Post::Finite, false>> : &convert<To<float, R, Post::Finite, false>, Rounding::None, D, float>;
    default: return packed ? &packHalves<Format, To<float, R, Post::ReluFinite, false>> : &convert<To<float, R, Post::ReluFinite, false>, Rounding::None, D, float>;
  }
}
template <Rounding R> LaneOp toTf32(const Key& k) {
  if (k.relu) return k.sat ? unary<ToTf32<R, Post::ReluFinite>, u32, float>() : unary<ToTf32<R, Post::Relu>, u32, float>();
  return k.sat ? unary<ToTf32<R, Post::Finite>, u32, float>() : unary<ToTf32<R, Post::None>, u32, float>();
}
LaneOp fromSingle(const Key& k) {
  if (isInteger(k.type)) {
    if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
    return k.ftz ? floatToAnyInt<float, true>(k) : floatToAnyInt<float, false>(k);
  }
  const bool packed = k.type == Type::F16x2 || k.type == Type::BF16x2;
  switch (k.type) {
    case Type::F16: case Type::BF16: case Type::F16x2: case Type::BF16x2: {
      const bool half = k.type == Type::F16 || k.type == Type::F16x2;
      if (k.satfinite || k.relu || packed) {
        if (!only(k, kSource | kRound | kRelu | kSat | kSatfinite)) return nullptr;
        Key p = k;
        p.sat = k.sat || k.satfinite;
        if (k.rounding == Rounding::Rn) return half ? singleToHalf<ToHalf, Half, F16, Rounding::Rn>(p, packed) : singleToHalf<ToBfloat, Bfloat, BF16, Rounding::Rn>(p, packed);
        if (k.rounding == Rounding::Rz) return half ? singleToHalf<ToHalf, Half, F16, Rounding::Rz>(p, packed) : singleToHalf<ToBfloat, Bfloat, BF16, Rounding::Rz>(p, packed);
        return nullptr;
      }
      if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
      if (half && k.rounding == Rounding::Rn && !k.ftz && !k.sat && k.variant == 0) return &halfFromFloat;
      return half ? to16<ToHalf, Half, float>(k) : to16<ToBfloat, Bfloat, float>(k);
    }
    case Type::TF32: {
      if (!only(k, kSource | kRound | kRelu | kSat | kSatfinite)) return nullptr;
      Key p = k;
      p.sat = k.sat || k.satfinite;
      if (k.rounding == Rounding::Rna) return k.relu ? nullptr : toTf32<Rounding::Rna>(p);
      return k.rounding == Rounding::Rn ? toTf32<Rounding::Rn>(p) : k.rounding == Rounding::Rz ? toTf32<Rounding::Rz>(p) : nullptr;
    }
    case Type::F32:
      if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
      if (k.rounding != Rounding::None) {
        if (k.ftz) return k.sat ? integral<float, true, true>(k.rounding) : integral<float, true, false>(k.rounding);
        return k.sat ? integral<float, false, true>(k.rounding) : integral<float, false, false>(k.rounding);
      }
      if (k.ftz) return k.sat ? exact<ToSingle<float, true, true>, float, float>(k) : exact<ToSingle<float, true, false>, float, float>(k);
      return k.sat ? exact<ToSingle<float, false, true>, float, float>(k) : exact<ToSingle<float, false, false>, float, float>(k);
    case Type::F64:
      if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
      if (k.ftz) return k.sat ? exact<ToDouble<float, true, true>, double, float>(k) : exact<ToDouble<float, true, false>, double, float>(k);
      return k.sat ? exact<ToDouble<float, false, true>, double, float>(k) : exact<ToDouble<float, false, false>, double, float>(k);
    default: return nullptr;
  }
}
LaneOp fromDouble(const Key& k) {
  if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
  if (k.ftz && k.type != Type::F32) return nullptr;
  if (isInteger(k.type)) return floatToAnyInt<double, false>(k);
  switch (k.type) {
    case Type::F16: return to16<ToHalf, Half, double>(k);
    case Type::BF16: return to16<ToBfloat, Bfloat, double>(k);
    case Type::F32:
      if (k.ftz) return k.sat ? machineRounded<ToSingle<double, true, true>, float, double>(k.rounding) : machineRounded<ToSingle<double, true, false>, float, double>(k.rounding);
      return k.sat ? machineRounded<ToSingle<double, false, true>, float, double>(k.rounding) : machineRounded<ToSingle<double, false, false>, float, double>(k.rounding);
    case Type::F64:
      if (k.rounding != Rounding::None) return k.sat ? integral<double, false, true>(k.rounding) : integral<double, false, false>(k.rounding);
      return k.sat ? exact<ToDouble<double, false, true>, double, double>(k) : exact<ToDouble<double, false, false>, double, double>(k);
    default: return nullptr;
  }
}

// cvt.pack.sat: a above b, saturated to Bits bits, above them the low bits of c.
template <int Bits, bool Signed, bool WithC> struct Pack {
  static SOFTCUDA_INLINE u32 clamp(s32 v) {
    constexpr s32 highest = Signed ? (1 << (Bits - 1)) - 1 : (1 << Bits) - 1, lowest = Signed ? -(1 << (Bits - 1)) : 0;
    return static_cast<u32>(v < lowest ? lowest : v > highest ? highest : v) & ((1u << Bits) - 1);
  }
  static SOFTCUDA_INLINE u32 apply(s32 a, s32 b) { return clamp(a) << Bits | clamp(b); }
  static SOFTCUDA_INLINE u32 apply(s32 a, s32 b, u32 c) { return apply(a, b) | c << (2 * Bits % 32); }
};
LaneOp pack(const Key& k) {
  if (!k.sat || k.sourceType != Type::S32 || !only(k, kSource | kSat | kVariant)) return nullptr;
  if (k.variant == 0) {
    if (k.type == Type::U16) return binary<Pack<16, false, false>, u32, s32, s32>();
    return k.type == Type::S16 ? binary<Pack<16, true, false>, u32, s32, s32>() : nullptr;
  }
  if (k.variant != kPackWithC) return nullptr;
  switch (k.type) {
    case Type::U8: return ternary<Pack<8, false, true>, u32, s32, s32, u32>();
    case Type::S8: return ternary<Pack<8, true, true>, u32, s32, s32, u32>();
    case Type::U4: return ternary<Pack<4, false, true>, u32, s32, s32, u32>();
    case Type::S4: return ternary<Pack<4, true, true>, u32, s32, s32, u32>();
    case Type::U2: return ternary<Pack<2, false, true>, u32, s32, s32, u32>();
    case Type::S2: return ternary<Pack<2, true, true>, u32, s32, s32, u32>();
    default: return nullptr;
  }
}

}  // namespace

LaneOp findConvert(const Key& k) {
  if (k.op == Opcode::CvtPack) return pack(k);
  if (k.op != Opcode::Cvt) return nullptr;
  switch (k.sourceType) {
    case Type::U8: return fromInt<u8>(k);
    case Type::S8: return fromInt<s8>(k);
    case Type::U16: return fromInt<u16>(k);
    case Type::S16: return fromInt<s16>(k);
    case Type::U32: return fromInt<u32>(k);
    case Type::S32: return fromInt<s32>(k);
    case Type::U64: return fromInt<u64>(k);
    case Type::S64: return fromInt<s64>(k);
    case Type::F16: return from16<Half>(k);
    case Type::BF16: return from16<Bfloat>(k);
    case Type::F32: return fromSingle(k);
    case Type::F64: return fromDouble(k);
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
