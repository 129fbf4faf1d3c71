// Rules that all floating-point operations share: flushing, saturation, and what becomes of NaN.
#include "lanes.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// NaN results are the canonical NaN of NVIDIA GPUs in f32, f16 and bf16 (all ones but the sign).
// In f64 a NaN operand's payload is kept and made quiet (the first such operand in PTX order); an invalid operation
// gives the default NaN.
constexpr u32 kNanF32 = 0x7fffffffu;
constexpr u64 kNanF64 = 0xfff8000000000000ull;
constexpr u64 kQuietF64 = 0x0008000000000000ull;

// Subnormal -> zero of the same sign.
template <bool Ftz>
SOFTCUDA_INLINE float flush(float v) {
  if constexpr (!Ftz) return v;
  const u32 b = bitsAs<u32>(v);
  return bitsAs<float>((b & 0x7f800000u) == 0 ? b & 0x80000000u : b);
}
SOFTCUDA_INLINE float canonical(float v) { return bitsAs<float>(v != v ? kNanF32 : bitsAs<u32>(v)); }
// [0, 1]; NaN and -0 become +0.
SOFTCUDA_INLINE float saturate(float v) {
  const float low = v > 0.0f ? v : 0.0f;
  return low < 1.0f ? low : 1.0f;
}
SOFTCUDA_INLINE double saturate(double v) { return v > 0 ? v < 1 ? v : 1.0 : 0.0; }
template <bool Ftz>
SOFTCUDA_INLINE float finish(float v) {
  return canonical(flush<Ftz>(v));
}
SOFTCUDA_INLINE double quiet(double nan) { return bitsAs<double>(bitsAs<u64>(nan) | kQuietF64); }
// r, or if r is NaN what becomes of it: the operands are asked from the last to the first.
SOFTCUDA_INLINE u64 firstNan(u64 otherwise, double v) { return v != v ? bitsAs<u64>(v) | kQuietF64 : otherwise; }
SOFTCUDA_INLINE double orNan(double r, u64 nan) { return bitsAs<double>(r != r ? nan : bitsAs<u64>(r)); }
SOFTCUDA_INLINE double nanOf(double r, double a) { return orNan(r, firstNan(kNanF64, a)); }
SOFTCUDA_INLINE double nanOf(double r, double a, double b) { return orNan(r, firstNan(firstNan(kNanF64, b), a)); }
SOFTCUDA_INLINE double nanOf(double r, double a, double b, double c) {
  return orNan(r, firstNan(firstNan(firstNan(kNanF64, c), b), a));
}

}  // namespace
}  // namespace softcuda::ops::SOFTCUDA_LEVEL
