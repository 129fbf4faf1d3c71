// Vectors of W floats, in the registers of whatever instruction set the file that includes this is compiled for.
#pragma once

#include <cstdint>
#include <cstring>

namespace resfuse {
namespace {  // one for each file: each is compiled for an instruction set of its own

template <int W>
struct VectorTypes;

#define RESFUSE_VECTOR_TYPES(W)                             \
  template <>                                               \
  struct VectorTypes<W> {                                   \
    typedef float Floats __attribute__((vector_size(W * 4)));     \
    typedef int32_t Ints __attribute__((vector_size(W * 4)));     \
    typedef uint32_t Words __attribute__((vector_size(W * 4)));   \
    typedef uint16_t Halves __attribute__((vector_size(W * 2)));  \
    typedef double Doubles __attribute__((vector_size(W * 8)));   \
  };
RESFUSE_VECTOR_TYPES(1)
RESFUSE_VECTOR_TYPES(2)
RESFUSE_VECTOR_TYPES(4)
RESFUSE_VECTOR_TYPES(8)
RESFUSE_VECTOR_TYPES(16)
#undef RESFUSE_VECTOR_TYPES

// Bytes of a vector register.
#if defined(__AVX512F__)
constexpr int kRegister = 64;
#elif defined(__AVX__)
constexpr int kRegister = 32;
#else
constexpr int kRegister = 16;
#endif

// W doubles, in as many registers as they need. In a vector that is wider than a register sums would stay in memory: compilers
// (GCC 12) load and store them at every addition.
template <int W, bool kFits = W * sizeof(double) <= kRegister || W == 1>
struct WideVector {
  typename VectorTypes<W>::Doubles values{};

  static WideVector of(typename VectorTypes<W>::Floats v) { return {__builtin_convertvector(v, typename VectorTypes<W>::Doubles)}; }

  static WideVector load(const double* from) {
    WideVector v;
    std::memcpy(&v.values, from, sizeof(v.values));
    return v;
  }

  void store(double* to) const { std::memcpy(to, &values, sizeof(values)); }

  typename VectorTypes<W>::Floats narrow() const { return __builtin_convertvector(values, typename VectorTypes<W>::Floats); }

  WideVector operator+(const WideVector& v) const { return {values + v.values}; }
  WideVector operator-(const WideVector& v) const { return {values - v.values}; }
  WideVector operator*(const WideVector& v) const { return {values * v.values}; }
  WideVector operator*(double v) const { return {values * v}; }
  void operator+=(const WideVector& v) { values += v.values; }
};

template <int W>
struct WideVector<W, false> {
  WideVector<W / 2> low, high;

  static WideVector of(typename VectorTypes<W>::Floats v) {
    WideVector wide;
    if constexpr (W * sizeof(double) == 2 * kRegister) {
      const auto values = __builtin_convertvector(v, typename VectorTypes<W>::Doubles);
      static_assert(sizeof(values) == sizeof(wide), "halves lie together");
      std::memcpy(static_cast<void*>(&wide), &values, sizeof(wide));
    } else {
      typename VectorTypes<W / 2>::Floats halves[2];
      std::memcpy(halves, &v, sizeof(v));
      wide.low = WideVector<W / 2>::of(halves[0]);
      wide.high = WideVector<W / 2>::of(halves[1]);
    }
    return wide;
  }

  static WideVector load(const double* from) { return {WideVector<W / 2>::load(from), WideVector<W / 2>::load(from + W / 2)}; }

  void store(double* to) const {
    low.store(to);
    high.store(to + W / 2);
  }

  typename VectorTypes<W>::Floats narrow() const {
    const typename VectorTypes<W / 2>::Floats halves[2] = {low.narrow(), high.narrow()};
    typename VectorTypes<W>::Floats v;
    std::memcpy(&v, halves, sizeof(v));
    return v;
  }

  WideVector operator+(const WideVector& v) const { return {low + v.low, high + v.high}; }
  WideVector operator-(const WideVector& v) const { return {low - v.low, high - v.high}; }
  WideVector operator*(const WideVector& v) const { return {low * v.low, high * v.high}; }
  WideVector operator*(double v) const { return {low * v, high * v}; }
  void operator+=(const WideVector& v) {
    low += v.low;
    high += v.high;
  }
};

template <int W>
struct Vectors {
  using Floats = typename VectorTypes<W>::Floats;
  using Ints = typename VectorTypes<W>::Ints;
  using Words = typename VectorTypes<W>::Words;
  using Halves = typename VectorTypes<W>::Halves;
  // Sums, in float64.
  using Doubles = WideVector<W>;

  static Doubles widen(Floats v) { return Doubles::of(v); }

  static Floats load(const float* from) {
    Floats v;
    std::memcpy(&v, from, sizeof(v));
    return v;
  }

  static void store(float* to, Floats v) { std::memcpy(to, &v, sizeof(v)); }

  // bfloat16 is the upper half of a float32.
  static Floats load(const uint16_t* from) {
    Halves half;
    std::memcpy(&half, from, sizeof(half));
    const Words word = __builtin_convertvector(half, Words) << 16;
    Floats v;
    std::memcpy(&v, &word, sizeof(v));
    return v;
  }

  // Rounds to the nearest, ties to even; NaN stays NaN.
  static void store(uint16_t* to, Floats v) {
    Words word;
    std::memcpy(&word, &v, sizeof(word));
    const Words rounded = (word + 0x7fffu + ((word >> 16) & 1u)) >> 16;
    const Words quiet = (word >> 16) | 0x40u;
    const Ints is_nan = v != v;
    const Words chosen = is_nan ? quiet : rounded;
    const Halves half = __builtin_convertvector(chosen, Halves);
    std::memcpy(to, &half, sizeof(half));
  }

  // Subtracting 0 changes nothing, so that compilers leave it out; adding it turns -0 into 0, which they have to do.
  static Floats broadcast(float value) { return value - Floats{}; }

  // v where it is not negative, else 0; NaN stays NaN.
  static Floats relu(Floats v) {
    const Floats zero{};
    return v < zero ? zero : v;
  }

  // v where `sign` is positive, else 0.
  static Floats where_positive(Floats sign, Floats v) {
    const Floats zero{};
    return sign > zero ? v : zero;
  }
};

}  // namespace
}  // namespace resfuse
