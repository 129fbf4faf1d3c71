#include "exact.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace exact {

Natural::Natural(uint64_t value) : words_{static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)} { trim(); }

void Natural::trim() {
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
}

int Natural::length() const {
  if (words_.empty()) return 0;
  return static_cast<int>(words_.size()) * 32 - __builtin_clz(words_.back());
}

bool Natural::bit(int i) const {
  return i >= 0 && i / 32 < static_cast<int>(words_.size()) && (words_[i / 32] >> (i % 32) & 1);
}

bool Natural::anyBelow(int i) const {
  for (int k = 0; k < i; k++)
    if (bit(k)) return true;
  return false;
}

uint64_t Natural::low64() const {
  uint64_t v = words_.empty() ? 0 : words_[0];
  if (words_.size() > 1) v |= static_cast<uint64_t>(words_[1]) << 32;
  return v;
}

Natural Natural::shifted(int by) const {
  Natural r;
  const int newLength = length() + by;
  if (newLength <= 0) return r;
  r.words_.assign((newLength + 31) / 32, 0);
  for (int w = 0; w < static_cast<int>(r.words_.size()); w++) {
    // bits 32w .. 32w+31 of the result are bits 32w-by .. of this
    const int from = 32 * w - by, word = from >= 0 ? from / 32 : -((-from + 31) / 32), offset = from - 32 * word;
    const auto at = [&](int i) { return i >= 0 && i < static_cast<int>(words_.size()) ? words_[i] : 0u; };
    r.words_[w] = offset == 0 ? at(word) : at(word) >> offset | at(word + 1) << (32 - offset);
  }
  r.trim();
  return r;
}

int compare(const Natural& a, const Natural& b) {
  if (a.words_.size() != b.words_.size()) return a.words_.size() < b.words_.size() ? -1 : 1;
  for (size_t i = a.words_.size(); i-- > 0;)
    if (a.words_[i] != b.words_[i]) return a.words_[i] < b.words_[i] ? -1 : 1;
  return 0;
}

Natural operator+(const Natural& a, const Natural& b) {
  Natural r;
  uint64_t carry = 0;
  for (size_t i = 0; i < std::max(a.words_.size(), b.words_.size()) || carry; i++) {
    carry += i < a.words_.size() ? a.words_[i] : 0;
    carry += i < b.words_.size() ? b.words_[i] : 0;
    r.words_.push_back(static_cast<uint32_t>(carry));
    carry >>= 32;
  }
  r.trim();
  return r;
}

Natural operator-(const Natural& a, const Natural& b) {
  Natural r = a;
  int64_t borrow = 0;
  for (size_t i = 0; i < r.words_.size(); i++) {
    int64_t d = static_cast<int64_t>(r.words_[i]) - (i < b.words_.size() ? b.words_[i] : 0) + borrow;
    borrow = d < 0 ? -1 : 0;
    r.words_[i] = static_cast<uint32_t>(d);
  }
  r.trim();
  return r;
}

Natural operator*(const Natural& a, const Natural& b) {
  Natural r;
  r.words_.assign(a.words_.size() + b.words_.size(), 0);
  for (size_t i = 0; i < a.words_.size(); i++) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b.words_.size(); j++) {
      carry += static_cast<uint64_t>(a.words_[i]) * b.words_[j] + r.words_[i + j];
      r.words_[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    r.words_[i + b.words_.size()] = static_cast<uint32_t>(carry);
  }
  r.trim();
  return r;
}

Natural divide(const Natural& a, const Natural& b, bool* rest) {
  Natural quotient, remainder;
  for (int i = a.length() - 1; i >= 0; i--) {
    remainder = remainder.shifted(1);
    if (a.bit(i)) remainder = remainder + Natural(1);
    quotient = quotient.shifted(1);
    if (compare(remainder, b) >= 0) {
      remainder = remainder - b;
      quotient = quotient + Natural(1);
    }
  }
  *rest = !remainder.isZero();
  return quotient;
}

Natural squareRoot(const Natural& a, bool* rest) {
  Natural root;
  for (int i = (a.length() + 1) / 2; i >= 0; i--) {
    const Natural candidate = root + Natural(1).shifted(i);
    if (compare(candidate * candidate, a) <= 0) root = candidate;
  }
  *rest = compare(root * root, a) != 0;
  return root;
}

Number nan() {
  Number n;
  n.kind = Number::NaN;
  return n;
}

Number decode(uint64_t bits, const Format& f) {
  Number n;
  const int fractionBits = f.precision - 1, exponentBits = f.bits - f.precision;
  n.negative = bits >> (f.bits - 1) & 1;
  const uint64_t fraction = bits & ((uint64_t(1) << fractionBits) - 1);
  const auto biased = static_cast<int>(bits >> fractionBits & ((uint64_t(1) << exponentBits) - 1));
  if (biased == (1 << exponentBits) - 1) {
    n.kind = fraction ? Number::NaN : Number::Infinite;
    return n;
  }
  if (biased == 0 && fraction == 0) return n;
  n.kind = Number::Finite;
  n.mantissa = Natural(biased ? fraction | uint64_t(1) << fractionBits : fraction);
  n.exponent = (biased ? biased - 1 : 0) + f.minExponent - fractionBits;
  return n;
}

Number fromInteger(bool negative, uint64_t magnitude) {
  Number n;
  if (magnitude == 0) return n;
  n.kind = Number::Finite;
  n.negative = negative;
  n.mantissa = Natural(magnitude);
  return n;
}

Number negated(Number a) {
  a.negative = !a.negative;
  return a;
}

Number add(const Number& a, const Number& b, Mode mode) {
  if (a.kind == Number::NaN || b.kind == Number::NaN) return nan();
  if (a.kind == Number::Infinite) return b.kind == Number::Infinite && a.negative != b.negative ? nan() : a;
  if (b.kind == Number::Infinite) return b;
  Number zero;
  zero.negative = mode == Mode::Down;
  if (a.kind == Number::Zero && b.kind == Number::Zero) {
    if (a.negative == b.negative) zero.negative = a.negative;
    return zero;
  }
  if (a.kind == Number::Zero) return b;
  if (b.kind == Number::Zero) return a;
  Number r;
  r.kind = Number::Finite;
  r.exponent = std::min(a.exponent, b.exponent);
  const Natural x = a.mantissa.shifted(a.exponent - r.exponent), y = b.mantissa.shifted(b.exponent - r.exponent);
  if (a.negative == b.negative) {
    r.negative = a.negative;
    r.mantissa = x + y;
    return r;
  }
  const int order = compare(x, y);
  if (order == 0) return zero;
  r.negative = order > 0 ? a.negative : b.negative;
  r.mantissa = order > 0 ? x - y : y - x;
  return r;
}

Number multiply(const Number& a, const Number& b) {
  if (a.kind == Number::NaN || b.kind == Number::NaN) return nan();
  Number r;
  r.negative = a.negative != b.negative;
  if (a.kind == Number::Infinite || b.kind == Number::Infinite) {
    if (a.kind == Number::Zero || b.kind == Number::Zero) return nan();
    r.kind = Number::Infinite;
    return r;
  }
  if (a.kind == Number::Zero || b.kind == Number::Zero) return r;
  r.kind = Number::Finite;
  r.mantissa = a.mantissa * b.mantissa;
  r.exponent = a.exponent + b.exponent;
  return r;
}

Number divide(const Number& a, const Number& b) {
  if (a.kind == Number::NaN || b.kind == Number::NaN) return nan();
  Number r;
  r.negative = a.negative != b.negative;
  if (a.kind == Number::Infinite || b.kind == Number::Zero) {
    if (a.kind == b.kind) return nan();
    r.kind = Number::Infinite;
    return r;
  }
  if (a.kind == Number::Zero || b.kind == Number::Infinite) return r;
  r.kind = Number::Finite;
  const int shift = std::max(0, 70 + b.mantissa.length() - a.mantissa.length());
  r.mantissa = divide(a.mantissa.shifted(shift), b.mantissa, &r.inexact);
  r.exponent = a.exponent - b.exponent - shift;
  return r;
}

Number squareRoot(const Number& a) {
  if (a.kind == Number::NaN) return nan();
  if (a.kind == Number::Zero) return a;
  if (a.negative) return nan();
  if (a.kind == Number::Infinite) return a;
  Number r;
  r.kind = Number::Finite;
  int shift = std::max(0, 140 - a.mantissa.length());
  if ((a.exponent - shift) % 2 != 0) shift++;
  r.mantissa = squareRoot(a.mantissa.shifted(shift), &r.inexact);
  r.exponent = (a.exponent - shift) / 2;
  return r;
}

int compare(const Number& a, const Number& b) {
  if (a.kind == Number::NaN || b.kind == Number::NaN) return 2;
  const auto rank = [](const Number& n) {
    return n.kind == Number::Zero ? 0 : (n.kind == Number::Infinite ? 2 : 1) * (n.negative ? -1 : 1);
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
  if (a.kind != Number::Finite) return 0;
  const int exponent = std::min(a.exponent, b.exponent);
  const int order = compare(a.mantissa.shifted(a.exponent - exponent), b.mantissa.shifted(b.exponent - exponent));
  return a.negative ? -order : order;
}

namespace {

// The integer m * 2^by, rounded where by < 0.
Natural rounded(const Natural& m, bool inexact, int by, bool negative, Mode mode) {
  if (by >= 0) return m.shifted(by);
  Natural kept = m.shifted(by);
  const bool half = m.bit(-by - 1), rest = m.anyBelow(-by - 1) || inexact;
  bool up = false;
  switch (mode) {
    case Mode::NearestEven: up = half && (rest || kept.bit(0)); break;
    case Mode::NearestAway: up = half; break;
    case Mode::Zero: break;
    case Mode::Down: up = negative && (half || rest); break;
    case Mode::Up: up = !negative && (half || rest); break;
  }
  return up ? kept + Natural(1) : kept;
}

}  // namespace

uint64_t encode(const Number& value, const Format& f, const Rounding& r) {
  const int fractionBits = f.precision - 1, exponentBits = f.bits - f.precision;
  const uint64_t infinity = ((uint64_t(1) << exponentBits) - 1) << fractionBits, sign = uint64_t(1) << (f.bits - 1);
  if (value.kind == Number::NaN) return r.saturate ? 0 : infinity | ((uint64_t(1) << fractionBits) - 1);
  if (r.saturate) {
    const Number one = fromInteger(false, 1);
    if (value.negative || value.kind == Number::Zero) return 0;
    if (compare(value, one) >= 0) return encode(one, f);
  }
  uint64_t bits = value.negative ? sign : 0;
  if (value.kind == Number::Infinite) return bits | infinity;
  if (value.kind == Number::Zero) return bits;
  const int exponent = std::max(value.mantissa.length() - 1 + value.exponent, f.minExponent);
  const Natural m =
      rounded(value.mantissa, value.inexact, value.exponent - (exponent - fractionBits), value.negative, r.mode);
  if (m.isZero()) return bits;
  // a carry out of the significand is the next exponent's first value; adding the fields does the right thing
  uint64_t magnitude = m.low64() + (static_cast<uint64_t>(exponent - f.minExponent) << fractionBits);
  if (magnitude >= infinity) {
    const bool toLargest =
        r.mode == Mode::Zero || (r.mode == Mode::Down && !value.negative) || (r.mode == Mode::Up && value.negative);
    magnitude = toLargest ? infinity - 1 : infinity;
  }
  if (r.flush && magnitude < uint64_t(1) << fractionBits) magnitude = 0;
  return bits | magnitude;
}

Number toIntegral(const Number& value, Mode mode) {
  if (value.kind != Number::Finite) return value;
  Number r = value;
  r.mantissa = rounded(value.mantissa, value.inexact, value.exponent, value.negative, mode);
  r.exponent = 0;
  r.inexact = false;
  if (r.mantissa.isZero()) r.kind = Number::Zero;
  return r;
}

uint64_t toUnsigned(const Number& value, Mode mode, uint64_t high) {
  const Number n = toIntegral(value, mode);
  if (n.kind == Number::NaN || n.negative || n.kind == Number::Zero) return 0;
  if (n.kind == Number::Infinite || compare(n.mantissa, Natural(high)) > 0) return high;
  return n.mantissa.low64();
}

int64_t toSigned(const Number& value, Mode mode, int64_t low, int64_t high) {
  const Number n = toIntegral(value, mode);
  if (n.kind == Number::NaN || n.kind == Number::Zero) return 0;
  const uint64_t limit = n.negative ? 0 - static_cast<uint64_t>(low) : static_cast<uint64_t>(high);
  const uint64_t magnitude =
      n.kind == Number::Infinite || compare(n.mantissa, Natural(limit)) > 0 ? limit : n.mantissa.low64();
  return static_cast<int64_t>(n.negative ? 0 - magnitude : magnitude);
}

Number flushed(Number value, const Format& f) {
  if (value.kind == Number::Finite && value.mantissa.length() - 1 + value.exponent < f.minExponent) {
    value.kind = Number::Zero;
    value.mantissa = Natural();
  }
  return value;
}

double approximately(const Number& value) {
  const uint64_t bits = encode(value, kF64);
  double d;
  std::memcpy(&d, &bits, sizeof d);
  return d;
}

}  // namespace exact
