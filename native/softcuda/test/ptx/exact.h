// Floating-point arithmetic from its definition: operands are exact numbers m * 2^e with integers of any length,
// results are rounded once. Slow and plain; shares nothing with the code under test.
#pragma once
#include <cstdint>
#include <vector>

namespace exact {

enum class Mode { NearestEven, NearestAway, Zero, Down, Up };

// A binary format: significant bits, exponents of the smallest normal number and of the largest power of two, size in
// bits.
struct Format {
  int precision, minExponent, maxExponent, bits;
};
constexpr Format kF16{11, -14, 15, 16}, kBf16{8, -126, 127, 16}, kF32{24, -126, 127, 32}, kF64{53, -1022, 1023, 64};
constexpr Format kTf32{11, -126, 127, 19};  // the upper 19 bits of an f32

// An unsigned integer of any length; words from the least significant, none of them zero at the end.
class Natural {
 public:
  Natural() = default;
  Natural(uint64_t value);  // NOLINT: numbers convert
  bool isZero() const { return words_.empty(); }
  int length() const;  // in bits
  bool bit(int i) const;
  bool anyBelow(int i) const;  // a bit set below bit i
  uint64_t low64() const;
  Natural shifted(int by) const;  // left for by > 0; right, losing bits, for by < 0
  friend int compare(const Natural& a, const Natural& b);
  friend Natural operator+(const Natural& a, const Natural& b);
  friend Natural operator-(const Natural& a, const Natural& b);  // a >= b
  friend Natural operator*(const Natural& a, const Natural& b);
  friend Natural divide(const Natural& a, const Natural& b, bool* rest);
  friend Natural squareRoot(const Natural& a, bool* rest);

 private:
  void trim();
  std::vector<uint32_t> words_;
};

struct Number {
  enum Kind { Zero, Finite, Infinite, NaN } kind = Zero;
  bool negative = false;
  Natural mantissa;  // value = mantissa * 2^exponent, plus less than one unit of it where `inexact`
  int exponent = 0;
  bool inexact = false;
};

Number decode(uint64_t bits, const Format& format);
Number fromInteger(bool negative, uint64_t magnitude);
Number nan();

// `mode` decides the sign of an exact zero sum only.
Number add(const Number& a, const Number& b, Mode mode);
Number multiply(const Number& a, const Number& b);
Number divide(const Number& a, const Number& b);
Number squareRoot(const Number& a);
Number negated(Number a);
// -1, 0, 1, or 2 if unordered
int compare(const Number& a, const Number& b);

struct Rounding {
  Mode mode = Mode::NearestEven;
  bool flush = false;     // subnormal results become zeros of their sign
  bool saturate = false;  // to [0, 1], NaN to +0
};
// The bits of the rounded value; NaN gives all exponent and fraction bits set, sign clear.
uint64_t encode(const Number& value, const Format& format, const Rounding& rounding = {});
// Rounded to an integer, clamped to [low, high].
int64_t toSigned(const Number& value, Mode mode, int64_t low, int64_t high);
uint64_t toUnsigned(const Number& value, Mode mode, uint64_t high);
// Rounded to an integral value.
Number toIntegral(const Number& value, Mode mode);
// Zero of its sign where the value is subnormal in the format.
Number flushed(Number value, const Format& format);
// The nearest double, for tolerances.
double approximately(const Number& value);

}  // namespace exact
