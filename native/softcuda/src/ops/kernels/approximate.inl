// Approximate functions: div, rcp, sqrt, rsqrt, sin, cos, lg2, ex2, tanh. All are computed in double precision and
// rounded once, so that their errors stay below those that PTX documents for hardware. No fused operations are used:
// every level gives the same bits.
#include "real.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// Adding and subtracting it rounds |x| < 2^51 to an integer, to nearest even.
constexpr double kRoundToInteger = 6755399441055744.0;  // 1.5 * 2^52
SOFTCUDA_INLINE double roundToInteger(double x) { return (x + kRoundToInteger) - kRoundToInteger; }
SOFTCUDA_INLINE double powerOfTwo(double integer) {  // |integer| <= 1022
  return bitsAs<double>(static_cast<u64>(static_cast<s64>(static_cast<s32>(integer)) + 1023) << 52);
}

// 2^x: 2^n * e^(f ln 2), |f| <= 1/2, Taylor to f^10 (relative error 2^-43).
SOFTCUDA_INLINE double exp2Of(double x) {
  const double bounded = x > 400.0 ? 400.0 : x < -400.0 ? -400.0 : x;  // NaN passes
  const double safe = bounded == bounded ? bounded : 0.0;
  const double n = roundToInteger(safe);
  const double r = (safe - n) * 0.69314718055994530942;
  double p = 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const double result = p * powerOfTwo(n);
  return x == x ? result : x;
}
// log2 x = e + 2/ln 2 * artanh((m-1)/(m+1)), m in [sqrt(1/2), sqrt 2) (series to the 17th power, relative error 2^-44
// near 1).
SOFTCUDA_INLINE double log2Of(double x) {  // x > 0, finite, normal in double
  const u64 b = bitsAs<u64>(x);
  const u64 shifted = b - 0x3fe6a09e667f3bcdull;  // bits of sqrt(1/2)
  const s32 e = static_cast<s32>(static_cast<s64>(shifted) >> 52);
  const double m = bitsAs<double>(b - (static_cast<u64>(static_cast<s64>(e)) << 52));
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  return static_cast<double>(e) + 2.8853900817779268147 * (s * p);
}
// tanh: odd continued fraction below 0.55 (relative error 2^-31), 1 - 2/(e^2x + 1) above.
SOFTCUDA_INLINE double tanhOf(double x) {
  const double a = x < 0 ? -x : x, z = x * x;
  const double bounded = z < 1.0 ? z : 1.0;
  const double small = x * (945.0 + bounded * (105.0 + bounded)) / (945.0 + bounded * (420.0 + 15.0 * bounded));
  const double large = 1.0 - 2.0 / (exp2Of(a * 2.8853900817779268147) + 1.0);
  return a < 0.55 ? small : x < 0 ? -large : large;
}

struct Ex2 {
  static SOFTCUDA_INLINE float f(float a) { return static_cast<float>(exp2Of(a)); }
};
struct Lg2 {
  static SOFTCUDA_INLINE float f(float a) {
    const bool inside = a > 0.0f && a < __builtin_inff();
    const double r = log2Of(inside ? static_cast<double>(a) : 1.0);
    const float special = a == 0.0f ? -__builtin_inff() : a > 0.0f ? a : bitsAs<float>(kNanF32);
    return inside ? static_cast<float>(r) : special;
  }
};
struct Tanh {
  static SOFTCUDA_INLINE float f(float a) { return static_cast<float>(tanhOf(a)); }
};
struct Rcp {
  static SOFTCUDA_INLINE float f(float a) { return 1.0f / a; }
};
struct Sqrt {
  static SOFTCUDA_INLINE float f(float a) { return __builtin_sqrtf(a); }
};
struct Rsqrt {
  static SOFTCUDA_INLINE float f(float a) { return static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(a))); }
};
// As documented: for 2^126 < |b| < 2^128 the result is zero, and NaN for an infinite a.
struct Div {
  static SOFTCUDA_INLINE float f(float a, float b) {
    const float magnitude = __builtin_fabsf(b);
    const float q = a / b;
    return magnitude > 0x1p126f && magnitude < __builtin_inff() ? a * bitsAs<float>(bitsAs<u32>(b) & 0x80000000u) : q;
  }
};

template <class Core, bool Ftz>
struct Approximate {
  static SOFTCUDA_INLINE float apply(float a) { return finish<Ftz>(Core::f(flush<Ftz>(a))); }
  static SOFTCUDA_INLINE float apply(float a, float b) { return finish<Ftz>(Core::f(flush<Ftz>(a), flush<Ftz>(b))); }
};

// sin and cos. |x| < 2^20 is reduced by multiples of pi/2, held in three parts so that the products are exact; the
// Taylor series in |r| <= pi/4 have relative errors of 2^-37 or less. Larger arguments go through the C library.
constexpr double kPiHalf1 = 0x1.921fb544p0;    // 33 bits
constexpr double kPiHalf2 = 0x1.0b4611a6p-34;  // the next 33
constexpr double kPiHalf3 = 0x1.3198a2e037073p-69;
template <bool IsCos>
SOFTCUDA_INLINE double sinCosOf(double x) {
  const double k = roundToInteger(x * 0.63661977236758134308);
  const double r = ((x - k * kPiHalf1) - k * kPiHalf2) - k * kPiHalf3, z = r * r;
  const u32 quadrant = static_cast<u32>(static_cast<s32>(k)) + (IsCos ? 1u : 0u);
  double s = -1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  const double sine = r + r * z * s;
  double c = -1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - 0.5;
  const double cosine = 1.0 + z * c;
  const double chosen = quadrant & 1 ? cosine : sine;
  return quadrant & 2 ? -chosen : chosen;
}
template <bool IsCos, bool Ftz>
void sinCos(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) float in[kLanes], out[kLanes];
  memcpy(in, src[0], sizeof in);
  u32 large = 0;
  for (int i = 0; i < kLanes; ++i) {
    const float a = flush<Ftz>(in[i]);
    const bool usual = __builtin_fabsf(a) < 0x1p20f;
    large |= static_cast<u32>(!usual) << i;
    out[i] = finish<Ftz>(static_cast<float>(sinCosOf<IsCos>(usual ? static_cast<double>(a) : 0.0)));
  }
  large &= active;
  while (large != 0) {
    const int i = __builtin_ctz(large);
    large &= large - 1;
    const double a = in[i];
    out[i] = a - a == 0 ? static_cast<float>(IsCos ? __builtin_cos(a) : __builtin_sin(a)) : bitsAs<float>(kNanF32);
  }
  alignas(64) u32 result[kLanes];
  memcpy(result, out, sizeof result);
  write(active, static_cast<u32*>(dst[0]), result);
}

// rcp.approx.ftz.f64, rsqrt.approx.ftz.f64: of the upper 32 bits, to the upper 32 bits.
constexpr u64 kUpper = 0xffffffff00000000ull;
SOFTCUDA_INLINE double upper(double a) {
  const u64 b = bitsAs<u64>(a) & kUpper;
  return bitsAs<double>((b & 0x7ff0000000000000ull) == 0 ? b & 0x8000000000000000ull : b);
}
SOFTCUDA_INLINE double toUpper(double r) {
  const u64 b = bitsAs<u64>(r);
  const u64 rounded = (b & 0x7fffffffffffffffull) >= 0x7fefffff80000000ull ? b & kUpper : (b + 0x80000000ull) & kUpper;
  const u64 flushed = (rounded & 0x7ff0000000000000ull) == 0 ? rounded & 0x8000000000000000ull : rounded;
  return bitsAs<double>(r != r ? 0x7fffffff00000000ull : flushed);
}
struct RcpUpper {
  static SOFTCUDA_INLINE double apply(double a) { return toUpper(1.0 / upper(a)); }
};
struct RsqrtUpper {
  static SOFTCUDA_INLINE double apply(double a) { return toUpper(1.0 / __builtin_sqrt(upper(a))); }
};
struct RsqrtF64 {
  static inline double apply(double a) {
    return nanOf(static_cast<double>(1.0L / __builtin_sqrtl(static_cast<long double>(a))), a);
  }
};

template <class Core>
LaneOp approximate1(const Key& k) {
  return k.ftz ? unary<Approximate<Core, true>, float, float>() : unary<Approximate<Core, false>, float, float>();
}

}  // namespace

LaneOp findApproximate(const Key& k) {
  if (k.rounding != Rounding::Approx || !only(k, kRound | kFtz)) return nullptr;
  if (k.type == Type::F64) {
    if (k.op == Opcode::Rcp) return k.ftz ? unary<RcpUpper, double, double>() : nullptr;
    if (k.op == Opcode::Rsqrt) return k.ftz ? unary<RsqrtUpper, double, double>() : unary<RsqrtF64, double, double>();
    return nullptr;
  }
  if (k.type != Type::F32) return nullptr;
  switch (k.op) {
    case Opcode::Div:
      return k.ftz ? binary<Approximate<Div, true>, float, float, float>()
                   : binary<Approximate<Div, false>, float, float, float>();
    case Opcode::Rcp: return approximate1<Rcp>(k);
    case Opcode::Sqrt: return approximate1<Sqrt>(k);
    case Opcode::Rsqrt: return approximate1<Rsqrt>(k);
    case Opcode::Lg2: return approximate1<Lg2>(k);
    case Opcode::Ex2: return approximate1<Ex2>(k);
    case Opcode::Tanh: return k.ftz ? nullptr : approximate1<Tanh>(k);
    case Opcode::Sin: return k.ftz ? &sinCos<false, true> : &sinCos<false, false>;
    case Opcode::Cos: return k.ftz ? &sinCos<true, true> : &sinCos<true, false>;
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
