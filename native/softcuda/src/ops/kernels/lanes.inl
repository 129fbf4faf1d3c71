// How an operation is applied to 32 lanes. Included once by every levels/*.cpp, which says at which instruction-set
// level it is compiled.
//
// These files are compiled several times with different instruction sets. They must not use inline functions of the
// standard library: the linker would keep one copy, maybe the one that an old machine cannot run. Everything here is
// in an unnamed namespace.
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

#include "../ops.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own intrinsics use "undefined" vectors and trip these (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#ifndef SOFTCUDA_LEVEL
#error "define SOFTCUDA_LEVEL as scalar, avx2 or avx512"
#endif
#if SOFTCUDA_WANTS_AVX512 && \
    !(defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__))
#error "compile this file with -march=x86-64-v4"
#endif
#if SOFTCUDA_WANTS_AVX2 && !(defined(__AVX2__) && defined(__FMA__) && defined(__F16C__))
#error "compile this file with -march=x86-64-v3"
#endif
#if defined(__FAST_MATH__)
#error "compile this file without -ffast-math"
#endif

#if defined(__clang__)
#define SOFTCUDA_LANES _Pragma("clang loop vectorize(assume_safety)")
#pragma clang fp contract(off)
#pragma clang diagnostic ignored "-Wpass-failed"  // loops that stay scalar are no mistake
#else
#define SOFTCUDA_LANES _Pragma("GCC ivdep")
#endif
#define SOFTCUDA_INLINE inline __attribute__((always_inline))
#define SOFTCUDA_NOINLINE __attribute__((noinline))

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;

constexpr u32 kAll = 0xffffffffu;

template <class To, class From>
SOFTCUDA_INLINE To bitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// Value of a lane <-> what lies in the register.
template <class T>
struct Slot {
  using type = u32;
};
template <>
struct Slot<u64> {
  using type = u64;
};
template <>
struct Slot<s64> {
  using type = u64;
};
template <>
struct Slot<double> {
  using type = u64;
};
template <class T>
using SlotOf = typename Slot<T>::type;

template <class T>
SOFTCUDA_INLINE T fromSlot(SlotOf<T> s) {
  return static_cast<T>(s);
}
template <>
SOFTCUDA_INLINE float fromSlot<float>(u32 s) {
  return bitsAs<float>(s);
}
template <>
SOFTCUDA_INLINE double fromSlot<double>(u64 s) {
  return bitsAs<double>(s);
}

SOFTCUDA_INLINE u32 toSlot(u32 v) { return v; }
SOFTCUDA_INLINE u32 toSlot(s32 v) { return static_cast<u32>(v); }
SOFTCUDA_INLINE u32 toSlot(u8 v) { return v; }
SOFTCUDA_INLINE u32 toSlot(s8 v) { return static_cast<u16>(v); }  // 8-bit results fill a 16-bit register
SOFTCUDA_INLINE u32 toSlot(u16 v) { return v; }
SOFTCUDA_INLINE u32 toSlot(s16 v) { return static_cast<u16>(v); }
SOFTCUDA_INLINE u64 toSlot(u64 v) { return v; }
SOFTCUDA_INLINE u64 toSlot(s64 v) { return static_cast<u64>(v); }
SOFTCUDA_INLINE u32 toSlot(float v) { return bitsAs<u32>(v); }
SOFTCUDA_INLINE u64 toSlot(double v) { return bitsAs<u64>(v); }

// Copies the active lanes.
SOFTCUDA_INLINE void write(u32 active, u32* d, const u32* v) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_epi32(d, static_cast<__mmask16>(active), _mm512_loadu_si512(v));
  _mm512_mask_storeu_epi32(d + 16, static_cast<__mmask16>(active >> 16), _mm512_loadu_si512(v + 16));
#else
  for (int i = 0; i < kLanes; ++i) d[i] = active >> i & 1 ? v[i] : d[i];
#endif
}
SOFTCUDA_INLINE void write(u32 active, u64* d, const u64* v) {
#if defined(__AVX512F__)
  for (int i = 0; i < kLanes; i += 8)
    _mm512_mask_storeu_epi64(d + i, static_cast<__mmask8>(active >> i), _mm512_loadu_si512(v + i));
#else
  for (int i = 0; i < kLanes; ++i) d[i] = active >> i & 1 ? v[i] : d[i];
#endif
}
SOFTCUDA_INLINE void writePredicate(u32 active, void* d, u32 bits) {
  if (d == nullptr) return;
  u32* p = static_cast<u32*>(d);
  *p = (*p & ~active) | (bits & active);
}

// One bit per lane, set where v is not zero.
SOFTCUDA_INLINE u32 packBits(const u32* v) {
#if defined(__AVX512F__)
  const __m512i lo = _mm512_loadu_si512(v), hi = _mm512_loadu_si512(v + 16);
  return static_cast<u32>(_mm512_test_epi32_mask(lo, lo)) | static_cast<u32>(_mm512_test_epi32_mask(hi, hi)) << 16;
#elif defined(__AVX2__)
  u32 zero = 0;
  for (int i = 0; i < 4; ++i) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(v + 8 * i));
    zero |= static_cast<u32>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(x, _mm256_setzero_si256()))))
            << (8 * i);
  }
  return ~zero;
#else
  u32 bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= static_cast<u32>(v[i] != 0) << i;
  return bits;
#endif
}

// Directed rounding: MXCSR for the time of a loop. The loop's inputs are loaded after `begin` and its results stored
// before `end`.
template <Rounding R>
constexpr bool isDirected() {
  return R == Rounding::Rz || R == Rounding::Rm || R == Rounding::Rp;
}
#if defined(__x86_64__)
SOFTCUDA_INLINE u32 roundingState() { return _mm_getcsr(); }
SOFTCUDA_INLINE void setRoundingState(u32 state) { _mm_setcsr(state); }
template <Rounding R>
SOFTCUDA_INLINE void setRounding(u32 before) {
  constexpr u32 mode = R == Rounding::Rz ? _MM_ROUND_TOWARD_ZERO : R == Rounding::Rm ? _MM_ROUND_DOWN : _MM_ROUND_UP;
  _mm_setcsr((before & ~static_cast<u32>(_MM_ROUND_MASK)) | mode);
}
#else
inline u32 roundingState() { return static_cast<u32>(fegetround()); }
inline void setRoundingState(u32 state) { fesetround(static_cast<int>(state)); }
template <Rounding R>
void setRounding(u32) {
  fesetround(R == Rounding::Rz ? FE_TOWARDZERO : R == Rounding::Rm ? FE_DOWNWARD : FE_UPWARD);
}
#endif
template <Rounding R>
SOFTCUDA_INLINE u32 beginRounding() {
  if constexpr (isDirected<R>()) {
    const u32 before = roundingState();
    asm volatile("" ::: "memory");
    setRounding<R>(before);
    asm volatile("" ::: "memory");
    return before;
  }
  return 0;
}
template <Rounding R>
SOFTCUDA_INLINE void endRounding(u32 before, void* results) {
  if constexpr (isDirected<R>()) {
    asm volatile("" ::"r"(results) : "memory");
    setRoundingState(before);
    asm volatile("" ::: "memory");
  } else {
    (void)before, (void)results;
  }
}

// Where results go: straight into the destination if all lanes are active, else by way of `out`. One loop serves both.
template <class U>
struct Target {
  u32 active;
  U* destination;
  U* lanes;
  SOFTCUDA_INLINE Target(u32 active, void* dst, U* out)
      : active(active), destination(static_cast<U*>(dst)), lanes(active == kAll ? destination : out) {}
  SOFTCUDA_INLINE void finish() const {
    if (active != kAll) write(active, destination, lanes);
  }
};

// F::apply on every lane: D = F::apply(A...). Sources may be the destination itself, never overlap it otherwise.
template <class F, Rounding R, class D, class A>
SOFTCUDA_NOINLINE void map1(u32 active, void* const* dst, const void* const* src, u32) {
  const auto* a = static_cast<const SlotOf<A>*>(src[0]);
  alignas(64) SlotOf<D> out[kLanes];
  const Target<SlotOf<D>> to(active, dst[0], out);
  const u32 csr = beginRounding<R>();
  SOFTCUDA_LANES
  for (int i = 0; i < kLanes; ++i) to.lanes[i] = toSlot(static_cast<D>(F::apply(fromSlot<A>(a[i]))));
  endRounding<R>(csr, to.lanes);
  to.finish();
}
template <class F, Rounding R, class D, class A, class B>
SOFTCUDA_NOINLINE void map2(u32 active, void* const* dst, const void* const* src, u32) {
  const auto* a = static_cast<const SlotOf<A>*>(src[0]);
  const auto* b = static_cast<const SlotOf<B>*>(src[1]);
  alignas(64) SlotOf<D> out[kLanes];
  const Target<SlotOf<D>> to(active, dst[0], out);
  const u32 csr = beginRounding<R>();
  SOFTCUDA_LANES
  for (int i = 0; i < kLanes; ++i)
    to.lanes[i] = toSlot(static_cast<D>(F::apply(fromSlot<A>(a[i]), fromSlot<B>(b[i]))));
  endRounding<R>(csr, to.lanes);
  to.finish();
}
template <class F, Rounding R, class D, class A, class B, class C>
SOFTCUDA_NOINLINE void map3(u32 active, void* const* dst, const void* const* src, u32) {
  const auto* a = static_cast<const SlotOf<A>*>(src[0]);
  const auto* b = static_cast<const SlotOf<B>*>(src[1]);
  const auto* c = static_cast<const SlotOf<C>*>(src[2]);
  alignas(64) SlotOf<D> out[kLanes];
  const Target<SlotOf<D>> to(active, dst[0], out);
  const u32 csr = beginRounding<R>();
  SOFTCUDA_LANES
  for (int i = 0; i < kLanes; ++i)
    to.lanes[i] = toSlot(static_cast<D>(F::apply(fromSlot<A>(a[i]), fromSlot<B>(b[i]), fromSlot<C>(c[i]))));
  endRounding<R>(csr, to.lanes);
  to.finish();
}
template <class F, class D, class A, class B, class C, class E>
SOFTCUDA_NOINLINE void map4(u32 active, void* const* dst, const void* const* src, u32) {
  auto* d = static_cast<SlotOf<D>*>(dst[0]);
  const auto* a = static_cast<const SlotOf<A>*>(src[0]);
  const auto* b = static_cast<const SlotOf<B>*>(src[1]);
  const auto* c = static_cast<const SlotOf<C>*>(src[2]);
  const auto* e = static_cast<const SlotOf<E>*>(src[3]);
  alignas(64) SlotOf<D> out[kLanes];
  for (int i = 0; i < kLanes; ++i)
    out[i] =
        toSlot(static_cast<D>(F::apply(fromSlot<A>(a[i]), fromSlot<B>(b[i]), fromSlot<C>(c[i]), fromSlot<E>(e[i]))));
  write(active, d, out);
}

template <class F, class D, class A>
constexpr LaneOp unary() {
  return &map1<F, Rounding::None, D, A>;
}
template <class F, class D, class A, class B>
constexpr LaneOp binary() {
  return &map2<F, Rounding::None, D, A, B>;
}
template <class F, class D, class A, class B, class C>
constexpr LaneOp ternary() {
  return &map3<F, Rounding::None, D, A, B, C>;
}

// Which parts of a key are in use; a finder refuses a key with parts that the instruction does not have.
enum KeyPart : u32 {
  kSource = 1,
  kRound = 2,
  kCompare = 4,
  kBool = 8,
  kFtz = 16,
  kSat = 32,
  kRelu = 64,
  kNan = 128,
  kAbs = 256,
  kXorsign = 512,
  kNoftz = 1024,
  kHi = 2048,
  kLo = 4096,
  kWide = 8192,
  kCarryIn = 16384,
  kCarryOut = 32768,
  kVariant = 65536,
  kSatfinite = 131072
};
inline u32 partsOf(const Key& k) {
  u32 parts = 0;
  if (k.sourceType != Type::None) parts |= kSource;
  if (k.rounding != Rounding::None) parts |= kRound;
  if (k.compare != Compare::None) parts |= kCompare;
  if (k.boolOp != BoolOp::None) parts |= kBool;
  if (k.ftz) parts |= kFtz;
  if (k.sat) parts |= kSat;
  if (k.relu) parts |= kRelu;
  if (k.nan) parts |= kNan;
  if (k.abs) parts |= kAbs;
  if (k.xorsign) parts |= kXorsign;
  if (k.noftz) parts |= kNoftz;
  if (k.hi) parts |= kHi;
  if (k.lo) parts |= kLo;
  if (k.wide) parts |= kWide;
  if (k.carryIn) parts |= kCarryIn;
  if (k.carryOut) parts |= kCarryOut;
  if (k.variant != 0) parts |= kVariant;
  if (k.satfinite) parts |= kSatfinite;
  return parts;
}
inline bool only(const Key& k, u32 parts) { return (partsOf(k) & ~parts) == 0; }

}  // namespace
}  // namespace softcuda::ops::SOFTCUDA_LEVEL
