// cvt between integers, f16, bf16, tf32, f32 and f64, and cvt.pack.
#include "half_format.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// Types of lane values that C++ lacks.
struct Half {
  u16 bits;
};
struct Bfloat {
  u16 bits;
};
template <>
SOFTCUDA_INLINE Half fromSlot<Half>(u32 s) {
  return {static_cast<u16>(s)};
}
template <>
SOFTCUDA_INLINE Bfloat fromSlot<Bfloat>(u32 s) {
  return {static_cast<u16>(s)};
}
SOFTCUDA_INLINE u32 toSlot(Half v) { return v.bits; }
SOFTCUDA_INLINE u32 toSlot(Bfloat v) { return v.bits; }

template <class T>
struct Is {
  static constexpr bool integer = true, isSigned = static_cast<T>(-1) < T{0};
  static constexpr int width = 8 * sizeof(T);
};
template <>
struct Is<float> {
  static constexpr bool integer = false, isSigned = true;
  static constexpr int width = 32;
};
template <>
struct Is<double> {
  static constexpr bool integer = false, isSigned = true;
  static constexpr int width = 64;
};
template <>
struct Is<Half> {
  static constexpr bool integer = false, isSigned = true;
  static constexpr int width = 16;
};
template <>
struct Is<Bfloat> {
  static constexpr bool integer = false, isSigned = true;
  static constexpr int width = 16;
};

template <bool B, class T, class F>
struct Conditional {
  using type = T;
};
template <class T, class F>
struct Conditional<false, T, F> {
  using type = F;
};

SOFTCUDA_NOINLINE void lowWords(const void* src, u32* low) {
  for (int i = 0; i < kLanes; ++i) low[i] = static_cast<u32>(static_cast<const u64*>(src)[i]);
}
// Results of at most 32 bits into a register of 32 or 64, sign-extended from 32 - unused bits where the type is
// signed.
SOFTCUDA_NOINLINE void writeExtended(u32 active, void* dst, u32* v, int unused, bool isSigned, bool to64) {
  for (int i = 0; i < kLanes; ++i)
    v[i] = isSigned ? static_cast<u32>(static_cast<s32>(v[i] << unused) >> unused) : v[i];
  if (!to64) return write(active, static_cast<u32*>(dst), v);
  alignas(64) u64 wide[kLanes];
  for (int i = 0; i < kLanes; ++i)
    wide[i] = isSigned ? static_cast<u64>(static_cast<s64>(static_cast<s32>(v[i]))) : v[i];
  write(active, static_cast<u64*>(dst), wide);
}
template <class F, Rounding R, class D, class S>
void mapConvert(u32 active, void* dst, const void* src) {
  void* to[1] = {dst};
  if constexpr (R == Rounding::Rm && Is<S>::integer && !Is<S>::isSigned && !Is<D>::integer) {
    // Compilers make unsigned integers floating-point in parts whose zero sum is -0 when rounding down, and think that
    // it cannot be.
    alignas(64) SlotOf<D> out[kLanes];
    to[0] = out;
    map1<F, R, D, S>(kAll, to, &src, 0);
    for (int i = 0; i < kLanes; ++i) out[i] &= static_cast<SlotOf<D>>(-1) >> 1;
    write(active, static_cast<SlotOf<D>*>(dst), out);
  } else {
    map1<F, R, D, S>(active, to, &src, 0);
  }
}
// Applies F with registers that may be wider than the types (variant, see cvtRegisters).
template <class F, Rounding R, class D, class S>
void convert(u32 active, void* const* dst, const void* const* src, u32 variant) {
  alignas(64) u32 low[kLanes];
  const void* from = src[0];
  if constexpr (Is<S>::width < 64) {
    if (variant >> 8 == 64) lowWords(from, low), from = low;
  }
  const u32 width = variant & 0xff;
  if constexpr (Is<D>::width < 64) {
    if (width == 32 || width == 64) {
      alignas(64) u32 out[kLanes];
      mapConvert<F, R, D, S>(kAll, out, from);
      constexpr bool isSigned = Is<D>::integer && Is<D>::isSigned;
      return writeExtended(active, dst[0], out, isSigned ? 32 - Is<D>::width : 0, isSigned, width == 64);
    }
  }
  mapConvert<F, R, D, S>(active, dst[0], from);
}

// --- Integer to integer
// -------------------------------------------------------------------------------------------------------------
template <class D, class S>
struct Truncate {
  static SOFTCUDA_INLINE D apply(S v) { return static_cast<D>(v); }
};
// Saturation in two steps over all lanes, so that there is one loop per source and one per destination, not one per
// pair: to 64 bits, then clamped.
template <class S>
SOFTCUDA_NOINLINE void widened(const void* src, u64* out) {
  const auto* a = static_cast<const SlotOf<S>*>(src);
  for (int i = 0; i < kLanes; ++i)
    out[i] =
        Is<S>::isSigned ? static_cast<u64>(static_cast<s64>(fromSlot<S>(a[i]))) : static_cast<u64>(fromSlot<S>(a[i]));
}
template <class D, bool FromSigned>
SOFTCUDA_NOINLINE void clampIntegers(const u64* v, SlotOf<D>* out) {
  constexpr D lowest = Is<D>::isSigned ? static_cast<D>(u64{1} << (Is<D>::width - 1)) : D{0};
  constexpr D highest = static_cast<D>(~lowest);
  for (int i = 0; i < kLanes; ++i) {
    const bool negative = FromSigned && v[i] >> 63 != 0;
    const bool below = negative && (!Is<D>::isSigned || static_cast<s64>(v[i]) < static_cast<s64>(lowest));
    const bool above = !negative && v[i] > static_cast<u64>(highest);
    out[i] = toSlot(below ? lowest : above ? highest : static_cast<D>(v[i]));
  }
}

// --- Widening
// --------------------------------------------------------------------------------------------------------------------
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

// --- Rounding to integers
// -----------------------------------------------------------------------------------------------------------
template <Rounding R>
SOFTCUDA_INLINE float toIntegral(float v) {
  return R == Rounding::Rni   ? __builtin_rintf(v)
         : R == Rounding::Rzi ? __builtin_truncf(v)
         : R == Rounding::Rmi ? __builtin_floorf(v)
                              : __builtin_ceilf(v);
}
template <Rounding R>
SOFTCUDA_INLINE double toIntegral(double v) {
  return R == Rounding::Rni   ? __builtin_rint(v)
         : R == Rounding::Rzi ? __builtin_trunc(v)
         : R == Rounding::Rmi ? __builtin_floor(v)
                              : __builtin_ceil(v);
}
SOFTCUDA_INLINE float working(float v) { return v; }
SOFTCUDA_INLINE double working(double v) { return v; }
SOFTCUDA_INLINE float working(Half v) { return halfToFloat(v.bits); }
SOFTCUDA_INLINE float working(Bfloat v) { return bfloatToFloat(v.bits); }
template <bool Ftz>
SOFTCUDA_INLINE double flush(double v) {
  return v;
}

// Two steps over all lanes, so that there is one loop per source and one per destination, not one per pair: to an
// integral double (exact from every source), then clamped to the destination's range. NaN gives 0, or the top bit
// alone where the source is f64 or the destination has 64 bits.
using ToDoubles = void (*)(const void* src, double* out);
template <class S, Rounding R, bool Ftz>
SOFTCUDA_NOINLINE void integralDoubles(const void* src, double* out) {
  const auto* a = static_cast<const SlotOf<S>*>(src);
  for (int i = 0; i < kLanes; ++i) out[i] = toIntegral<R>(static_cast<double>(flush<Ftz>(working(fromSlot<S>(a[i])))));
}
template <class D, bool TopBitForNan>
SOFTCUDA_NOINLINE void clampDoubles(const double* v, SlotOf<D>* out) {
  constexpr D lowest = Is<D>::isSigned ? static_cast<D>(u64{1} << (Is<D>::width - 1)) : D{0};
  constexpr D highest = static_cast<D>(~lowest);
  constexpr double limit =
      (Is<D>::isSigned ? 1.0 : 2.0) * static_cast<double>(u64{1} << (Is<D>::width - 1));  // highest + 1
  constexpr double floor = Is<D>::isSigned ? -limit : 0.0;
  constexpr D forNan = TopBitForNan ? static_cast<D>(u64{1} << (Is<D>::width - 1)) : D{0};
  using I = typename Conditional<Is<D>::width == 64, D, typename Conditional<Is<D>::isSigned, s32, u32>::type>::type;
  for (int i = 0; i < kLanes; ++i) {
    const bool inside = v[i] > floor && v[i] < limit;
    const D value = static_cast<D>(static_cast<I>(inside ? v[i] : 0.0));
    out[i] = toSlot(inside ? value : v[i] >= limit ? highest : v[i] <= floor ? lowest : forNan);
  }
}
// Registers may be wider than the types, as for convert.
template <class D>
SOFTCUDA_NOINLINE void writeConverted(u32 active, void* dst, SlotOf<D>* out, u32 width) {
  if constexpr (Is<D>::width < 64) {
    constexpr bool isSigned = Is<D>::integer && Is<D>::isSigned;
    if (width == 32 || width == 64)
      return writeExtended(active, dst, out, isSigned ? 32 - Is<D>::width : 0, isSigned, width == 64);
  }
  write(active, static_cast<SlotOf<D>*>(dst), out);
}
template <class D, class S>
void saturatedInteger(u32 active, void* const* dst, const void* const* src, u32 variant) {
  alignas(64) u64 v[kLanes];
  alignas(64) SlotOf<D> out[kLanes];
  alignas(64) u32 low[kLanes];
  const void* from = src[0];
  if (Is<S>::width < 64 && variant >> 8 == 64) lowWords(from, low), from = low;
  widened<S>(from, v);
  clampIntegers<D, Is<S>::isSigned>(v, out);
  writeConverted<D>(active, dst[0], out, variant & 0xff);
}
template <ToDoubles Load, class D, class S>
void floatToInteger(u32 active, void* const* dst, const void* const* src, u32 variant) {
  constexpr bool topBit = Is<S>::width == 64 || Is<D>::width == 64;
  alignas(64) double v[kLanes];
  alignas(64) SlotOf<D> out[kLanes];
  alignas(64) u32 low[kLanes];
  const void* from = src[0];
  if (Is<S>::width < 64 && variant >> 8 == 64) lowWords(from, low), from = low;
  Load(from, v);
  clampDoubles<D, topBit>(v, out);
  writeConverted<D>(active, dst[0], out, variant & 0xff);
}

// --- To floating point
// --------------------------------------------------------------------------------------------------------------------
enum class Post { None, Sat, Relu, Finite, ReluFinite };
template <class Format, Post P>
SOFTCUDA_INLINE u32 after16(u32 h) {
  const u32 magnitude = h & 0x7fffu;
  const bool isNan = magnitude > Format::kExponent, negative = (h & 0x8000u) != 0;
  if constexpr (P == Post::Sat) return negative || isNan ? 0u : magnitude > Format::kOne ? Format::kOne : h;
  if constexpr (P == Post::Finite || P == Post::ReluFinite) h = magnitude == Format::kExponent ? h - 1 : h;
  if constexpr (P == Post::Relu || P == Post::ReluFinite) h = negative && !isNan ? 0u : h;
  return h;
}
template <class S, bool Ftz>
SOFTCUDA_NOINLINE void doubles(const void* src, double* out) {
  const auto* a = static_cast<const SlotOf<S>*>(src);
  for (int i = 0; i < kLanes; ++i) {
    if constexpr (Ftz) out[i] = static_cast<double>(flush<true>(working(fromSlot<S>(a[i]))));
    else out[i] = toDouble(fromSlot<S>(a[i]));
  }
}
using ToBits = void (*)(const double* v, u32* out);
template <class Format, Rounding R, Post P>
SOFTCUDA_NOINLINE void narrowDoubles(const double* v, u32* out) {
  constexpr int exponent = Format::kExponent == F16::kExponent ? 5 : 8;
  for (int i = 0; i < kLanes; ++i) out[i] = after16<Format, P>(narrow<exponent, 15 - exponent, R>(v[i]));
}
template <ToDoubles Load, ToBits Narrow, class S>
void to16Bits(u32 active, void* const* dst, const void* const* src, u32 variant) {
  alignas(64) double v[kLanes];
  alignas(64) u32 out[kLanes], low[kLanes];
  const void* from = src[0];
  if (Is<S>::width < 64 && variant >> 8 == 64) lowWords(from, low), from = low;
  Load(from, v);
  Narrow(v, out);
  writeConverted<Half>(active, dst[0], out, variant & 0xff);
}
template <class S, bool Ftz>
struct ToSingle {  // the rounding is the machine's current one
  static SOFTCUDA_INLINE float apply(S s) {
    if constexpr (Is<S>::integer) return static_cast<float>(s);
    else if constexpr (Is<S>::width == 32) return finish<Ftz>(flush<Ftz>(working(s)));
    else return finish<Ftz>(static_cast<float>(working(s)));
  }
};
// NaN keeps its payload, made quiet (f16, bf16 and f32 payloads are the upper bits).
template <class S, bool Ftz>
struct ToDouble {
  static SOFTCUDA_INLINE double apply(S s) {
    double v;
    if constexpr (Is<S>::integer) v = static_cast<double>(s);
    else v = static_cast<double>(flush<Ftz>(working(s)));
    return v != v ? quiet(v) : v;
  }
};
// f16.f16, bf16.bf16, f32.f32, f64.f64 with integer rounding.
template <Rounding R, class Format>
SOFTCUDA_INLINE u32 integral16(float v) {
  return Format::narrowOne(toIntegral<R>(v));  // representable
}
template <Rounding R, bool Ftz>
struct Integral {
  static SOFTCUDA_INLINE Half apply(Half h) { return {static_cast<u16>(integral16<R, F16>(working(h)))}; }
  static SOFTCUDA_INLINE Bfloat apply(Bfloat h) { return {static_cast<u16>(integral16<R, BF16>(working(h)))}; }
  static SOFTCUDA_INLINE float apply(float v) { return finish<Ftz>(toIntegral<R>(flush<Ftz>(v))); }
  static SOFTCUDA_INLINE double apply(double v) {
    const double r = toIntegral<R>(v);
    return r != r ? quiet(v) : r;
  }
};
SOFTCUDA_INLINE Half saturate(Half h) { return {static_cast<u16>(after16<F16, Post::Sat>(h.bits))}; }
SOFTCUDA_INLINE Bfloat saturate(Bfloat h) { return {static_cast<u16>(after16<BF16, Post::Sat>(h.bits))}; }
struct Same16 {
  template <class T>
  static SOFTCUDA_INLINE T apply(T h) {
    return h;
  }
};
// .sat as a step after the same conversion without it: rare, and otherwise as large as all the rest.
template <class D>
SOFTCUDA_NOINLINE void saturateAll(SlotOf<D>* v) {
  for (int i = 0; i < kLanes; ++i) v[i] = toSlot(saturate(fromSlot<D>(v[i])));
}
template <LaneOp Op, class D>
void saturated(u32 active, void* const* dst, const void* const* src, u32 variant) {
  alignas(64) SlotOf<D> out[kLanes];
  void* const to[1] = {out};
  Op(kAll, to, src, variant & ~0xffu);
  saturateAll<D>(out);
  writeConverted<D>(active, dst[0], out, variant & 0xff);
}
// f32 with 10 explicit mantissa bits; the other 13 are zero.
template <Rounding R, Post P>
struct ToTf32 {
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
template <ToBits Narrow>
void packHalves(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) double v[kLanes];
  alignas(64) u32 high[kLanes], low[kLanes];
  doubles<float, false>(src[0], v), Narrow(v, high);
  doubles<float, false>(src[1], v), Narrow(v, low);
  for (int i = 0; i < kLanes; ++i) low[i] |= high[i] << 16;
  write(active, static_cast<u32*>(dst[0]), low);
}
template <class Format, Post P>
void packNearest(u32 active, void* const* dst, const void* const* src, u32) {
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
// The common single conversions; f16 has machine instructions.
void halfFromFloat(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) u32 out[kLanes];
  floatsToHalves(static_cast<const float*>(src[0]), out);
  write(active, static_cast<u32*>(dst[0]), out);
}
void bfloatFromFloat(u32 active, void* const* dst, const void* const* src, u32) {
  const float* a = static_cast<const float*>(src[0]);
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i) out[i] = floatToBfloat(a[i]);
  write(active, static_cast<u32*>(dst[0]), out);
}
void floatFromHalf(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) float v[kLanes];
  alignas(64) u32 out[kLanes];
  halvesToFloats<0>(static_cast<const u32*>(src[0]), v);
  for (int i = 0; i < kLanes; ++i) out[i] = bitsAs<u32>(canonical(v[i]));
  write(active, static_cast<u32*>(dst[0]), out);
}

// --- Choosing
// --------------------------------------------------------------------------------------------------------------------
template <class D, class S>
LaneOp intToInt(const Key& k) {
  if (!only(k, kSource | kSat | kVariant)) return nullptr;
  return k.sat ? &saturatedInteger<D, S> : &convert<Truncate<D, S>, Rounding::None, D, S>;
}
template <class D, class S, bool Ftz>
LaneOp floatToInt(const Key& k) {
  switch (k.rounding) {
    case Rounding::Rni: return &floatToInteger<&integralDoubles<S, Rounding::Rni, Ftz>, D, S>;
    case Rounding::Rzi: return &floatToInteger<&integralDoubles<S, Rounding::Rzi, Ftz>, D, S>;
    case Rounding::Rmi: return &floatToInteger<&integralDoubles<S, Rounding::Rmi, Ftz>, D, S>;
    case Rounding::Rpi: return &floatToInteger<&integralDoubles<S, Rounding::Rpi, Ftz>, D, S>;
    default: return nullptr;
  }
}
template <LaneOp Op, class D>
LaneOp saturatedIf(bool sat) {
  return sat ? &saturated<Op, D> : Op;
}
// Exact: every value of S is one of D, so that the rounding mode does not matter.
template <class F, class D, class S, bool Exact = false>
LaneOp machineRounded(const Key& k) {
  const Rounding r = k.rounding;
  if (r != Rounding::Rn && r != Rounding::Rz && r != Rounding::Rm && r != Rounding::Rp) return nullptr;
  if constexpr (!Exact) {
    if (r == Rounding::Rz) return saturatedIf<&convert<F, Rounding::Rz, D, S>, D>(k.sat);
    if (r == Rounding::Rm) return saturatedIf<&convert<F, Rounding::Rm, D, S>, D>(k.sat);
    if (r == Rounding::Rp) return saturatedIf<&convert<F, Rounding::Rp, D, S>, D>(k.sat);
  }
  return saturatedIf<&convert<F, Rounding::Rn, D, S>, D>(k.sat);
}
template <class Format, class S, Post P, bool Ftz>
LaneOp softRounded(Rounding r) {
  switch (r) {
    case Rounding::Rn: return &to16Bits<&doubles<S, Ftz>, &narrowDoubles<Format, Rounding::Rn, P>, S>;
    case Rounding::Rz: return &to16Bits<&doubles<S, Ftz>, &narrowDoubles<Format, Rounding::Rz, P>, S>;
    case Rounding::Rm: return &to16Bits<&doubles<S, Ftz>, &narrowDoubles<Format, Rounding::Rm, P>, S>;
    case Rounding::Rp: return &to16Bits<&doubles<S, Ftz>, &narrowDoubles<Format, Rounding::Rp, P>, S>;
    default: return nullptr;
  }
}
template <class F, class D, class S>
LaneOp exact(const Key& k) {
  return k.rounding == Rounding::None ? saturatedIf<&convert<F, Rounding::None, D, S>, D>(k.sat) : nullptr;
}

template <class Format, class S>
LaneOp to16(const Key& k) {
  if constexpr (Is<S>::width == 32 && !Is<S>::integer) {
    if (k.ftz)
      return k.sat ? softRounded<Format, S, Post::Sat, true>(k.rounding)
                   : softRounded<Format, S, Post::None, true>(k.rounding);
  }
  if (k.ftz) return nullptr;
  return k.sat ? softRounded<Format, S, Post::Sat, false>(k.rounding)
               : softRounded<Format, S, Post::None, false>(k.rounding);
}
template <class S>
LaneOp intToFloat(const Key& k) {
  if (!only(k, kSource | kRound | kSat | kVariant)) return nullptr;
  constexpr bool exactInSingle = Is<S>::width <= 16, exactInDouble = Is<S>::width <= 32;
  switch (k.type) {
    case Type::F16: return to16<F16, S>(k);
    case Type::BF16: return to16<BF16, S>(k);
    case Type::F32: return machineRounded<ToSingle<S, false>, float, S, exactInSingle>(k);
    case Type::F64: return machineRounded<ToDouble<S, false>, double, S, exactInDouble>(k);
    default: return nullptr;
  }
}
template <class S>
LaneOp fromInt(const Key& k) {
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
template <class S, bool Ftz>
LaneOp floatToAnyInt(const Key& k) {
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
template <class T, bool Ftz>
LaneOp integral(const Key& k) {
  switch (k.rounding) {
    case Rounding::Rni: return saturatedIf<&convert<Integral<Rounding::Rni, Ftz>, Rounding::None, T, T>, T>(k.sat);
    case Rounding::Rzi: return saturatedIf<&convert<Integral<Rounding::Rzi, Ftz>, Rounding::None, T, T>, T>(k.sat);
    case Rounding::Rmi: return saturatedIf<&convert<Integral<Rounding::Rmi, Ftz>, Rounding::None, T, T>, T>(k.sat);
    case Rounding::Rpi: return saturatedIf<&convert<Integral<Rounding::Rpi, Ftz>, Rounding::None, T, T>, T>(k.sat);
    default: return nullptr;
  }
}
bool isInteger(Type t) {
  switch (t) {
    case Type::U8:
    case Type::U16:
    case Type::U32:
    case Type::U64:
    case Type::S8:
    case Type::S16:
    case Type::S32:
    case Type::S64: return true;
    default: return false;
  }
}
template <class T>
LaneOp from16(const Key& k) {
  const Type own = k.sourceType;
  if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
  if (k.ftz && k.type != Type::F32) return nullptr;
  if (isInteger(k.type)) return floatToAnyInt<T, false>(k);
  if (k.type == own) {
    return k.rounding == Rounding::None ? exact<Same16, T, T>(k) : integral<T, false>(k);
  }
  switch (k.type) {
    case Type::F16: return to16<F16, T>(k);
    case Type::BF16: return to16<BF16, T>(k);
    case Type::F32:
      if (own == Type::F16 && k.rounding == Rounding::None && !k.ftz && !k.sat && k.variant == 0)
        return &floatFromHalf;
      if (k.ftz) return exact<ToSingle<T, true>, float, T>(k);
      return exact<ToSingle<T, false>, float, T>(k);
    case Type::F64: return exact<ToDouble<T, false>, double, T>(k);
    default: return nullptr;
  }
}
template <class Format, Rounding R, Post P>
LaneOp singleToHalf(bool packed) {
  if (!packed) return softRounded<Format, float, P, false>(R);
  if constexpr (R == Rounding::Rn) return &packNearest<Format, P>;
  else return &packHalves<&narrowDoubles<Format, R, P>>;
}
template <class Format, Rounding R>
LaneOp singleToHalf(const Key& k, bool packed) {
  if (k.relu)
    return k.satfinite ? singleToHalf<Format, R, Post::ReluFinite>(packed)
                       : singleToHalf<Format, R, Post::Relu>(packed);
  return k.satfinite ? singleToHalf<Format, R, Post::Finite>(packed) : singleToHalf<Format, R, Post::None>(packed);
}
template <Rounding R>
LaneOp toTf32(const Key& k) {
  if (k.relu)
    return k.satfinite ? unary<ToTf32<R, Post::ReluFinite>, u32, float>() : unary<ToTf32<R, Post::Relu>, u32, float>();
  return k.satfinite ? unary<ToTf32<R, Post::Finite>, u32, float>() : unary<ToTf32<R, Post::None>, u32, float>();
}
LaneOp fromSingle(const Key& k) {
  if (isInteger(k.type)) {
    if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
    return k.ftz ? floatToAnyInt<float, true>(k) : floatToAnyInt<float, false>(k);
  }
  const bool packed = k.type == Type::F16x2 || k.type == Type::BF16x2;
  switch (k.type) {
    case Type::F16:
    case Type::BF16:
    case Type::F16x2:
    case Type::BF16x2: {
      const bool half = k.type == Type::F16 || k.type == Type::F16x2;
      if (k.satfinite || k.relu || packed) {
        if (!only(k, kSource | kRound | kRelu | kSatfinite)) return nullptr;
        if (k.rounding == Rounding::Rn)
          return half ? singleToHalf<F16, Rounding::Rn>(k, packed) : singleToHalf<BF16, Rounding::Rn>(k, packed);
        if (k.rounding == Rounding::Rz)
          return half ? singleToHalf<F16, Rounding::Rz>(k, packed) : singleToHalf<BF16, Rounding::Rz>(k, packed);
        return nullptr;
      }
      if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
      if (k.rounding == Rounding::Rn && !k.ftz && !k.sat && k.variant == 0)
        return half ? &halfFromFloat : &bfloatFromFloat;
      return half ? to16<F16, float>(k) : to16<BF16, float>(k);
    }
    case Type::TF32: {
      if (!only(k, kSource | kRound | kRelu | kSatfinite)) return nullptr;
      if (k.rounding == Rounding::Rna) return k.relu ? nullptr : toTf32<Rounding::Rna>(k);
      return k.rounding == Rounding::Rn   ? toTf32<Rounding::Rn>(k)
             : k.rounding == Rounding::Rz ? toTf32<Rounding::Rz>(k)
                                          : nullptr;
    }
    case Type::F32:
      if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
      if (k.rounding != Rounding::None) {
        if (k.ftz) return integral<float, true>(k);
        return integral<float, false>(k);
      }
      if (k.ftz) return exact<ToSingle<float, true>, float, float>(k);
      return exact<ToSingle<float, false>, float, float>(k);
    case Type::F64:
      if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
      if (k.ftz) return exact<ToDouble<float, true>, double, float>(k);
      return exact<ToDouble<float, false>, double, float>(k);
    default: return nullptr;
  }
}
LaneOp fromDouble(const Key& k) {
  if (!only(k, kSource | kRound | kSat | kFtz | kVariant)) return nullptr;
  if (k.ftz && k.type != Type::F32) return nullptr;
  if (isInteger(k.type)) return floatToAnyInt<double, false>(k);
  switch (k.type) {
    case Type::F16: return to16<F16, double>(k);
    case Type::BF16: return to16<BF16, double>(k);
    case Type::F32:
      if (k.ftz) return machineRounded<ToSingle<double, true>, float, double>(k);
      return machineRounded<ToSingle<double, false>, float, double>(k);
    case Type::F64:
      if (k.rounding != Rounding::None) return integral<double, false>(k);
      return exact<ToDouble<double, false>, double, double>(k);
    default: return nullptr;
  }
}

// --- 8-bit floats, in pairs: the first of two sources goes to the upper byte. Narrowing is to nearest even and
// saturates -------------
struct E5M2 {
  static SOFTCUDA_INLINE u32 narrowOne(double v) {
    const u32 b = narrow<5, 2, Rounding::Rn>(v);
    return (b & 0x7fu) == 0x7cu ? b - 1 : b;
  }
  static SOFTCUDA_INLINE u32 toHalf(u32 b) { return (b & 0x7fu) > 0x7cu ? 0x7fffu : b << 8; }
};
struct E4M3 {  // no infinities: all but the last value of the highest exponent are numbers
  static SOFTCUDA_INLINE u32 narrowOne(double v) {
    const bool large = __builtin_fabs(v) >= 256;
    const u32 b = narrow<4, 3, Rounding::Rn>(large ? v * 0.5 : v), magnitude = (b & 0x7fu) + (large ? 8 : 0);
    return v != v ? 0x7fu : (b & 0x80u) | (magnitude > 0x7eu ? 0x7eu : magnitude);
  }
  static SOFTCUDA_INLINE u32 toHalf(u32 b) {
    const u32 sign = (b & 0x80u) << 8, magnitude = b & 0x7fu;
    if (magnitude == 0x7fu) return 0x7fffu;
    return sign | (magnitude >= 8 ? (magnitude << 7) + (8u << 10)
                                  : floatToHalf(static_cast<float>(static_cast<s32>(magnitude)) * 0x1p-9f));
  }
};
template <class Format, bool Relu>
SOFTCUDA_INLINE u32 toByte(double v) {
  const u32 b = Format::narrowOne(v);
  return Relu && (b & 0x80u) != 0 ? 0u : b;
}
template <class Format, bool Relu>
void bytesFromFloats(u32 active, void* const* dst, const void* const* src, u32) {
  const float* a = static_cast<const float*>(src[0]);
  const float* b = static_cast<const float*>(src[1]);
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i)
    out[i] = toByte<Format, Relu>(static_cast<double>(a[i])) << 8 | toByte<Format, Relu>(static_cast<double>(b[i]));
  write(active, static_cast<u32*>(dst[0]), out);
}
template <class Format, bool Relu>
void bytesFromHalves(u32 active, void* const* dst, const void* const* src, u32) {
  const u32* a = static_cast<const u32*>(src[0]);
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i)
    out[i] = toByte<Format, Relu>(static_cast<double>(halfToFloat(a[i] >> 16))) << 8 |
             toByte<Format, Relu>(static_cast<double>(halfToFloat(a[i] & 0xffffu)));
  write(active, static_cast<u32*>(dst[0]), out);
}
template <class Format, bool Relu>
void halvesFromBytes(u32 active, void* const* dst, const void* const* src, u32) {
  const u32* a = static_cast<const u32*>(src[0]);
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const u32 high = after16<F16, Relu ? Post::Relu : Post::None>(Format::toHalf(a[i] >> 8 & 0xffu));
    const u32 low = after16<F16, Relu ? Post::Relu : Post::None>(Format::toHalf(a[i] & 0xffu));
    out[i] = high << 16 | low;
  }
  write(active, static_cast<u32*>(dst[0]), out);
}
template <class Format>
LaneOp toBytes(const Key& k) {
  if (k.rounding != Rounding::Rn || !k.satfinite || !only(k, kSource | kRound | kRelu | kSatfinite)) return nullptr;
  if (k.sourceType == Type::F32) return k.relu ? &bytesFromFloats<Format, true> : &bytesFromFloats<Format, false>;
  if (k.sourceType == Type::F16x2) return k.relu ? &bytesFromHalves<Format, true> : &bytesFromHalves<Format, false>;
  return nullptr;
}
template <class Format>
LaneOp fromBytes(const Key& k) {
  if (k.type != Type::F16x2 || k.rounding != Rounding::Rn || !only(k, kSource | kRound | kRelu)) return nullptr;
  return k.relu ? &halvesFromBytes<Format, true> : &halvesFromBytes<Format, false>;
}

// cvt.pack.sat: a above b, saturated to Bits bits, above them the low bits of c.
template <int Bits, bool Signed, bool WithC>
struct Pack {
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
  if (k.type == Type::E4M3x2) return toBytes<E4M3>(k);
  if (k.type == Type::E5M2x2) return toBytes<E5M2>(k);
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
    case Type::E4M3x2: return fromBytes<E4M3>(k);
    case Type::E5M2x2: return fromBytes<E5M2>(k);
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
