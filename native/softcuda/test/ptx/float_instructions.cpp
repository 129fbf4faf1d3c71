// Floating-point instructions of every format, rounding mode and modifier, against exact arithmetic.
#include <algorithm>
#include <cmath>

#include "../support/test.h"
#include "cases.h"
#include "exact.h"

using namespace test;
using exact::Format;
using exact::Mode;
using exact::Number;

namespace {

using u64 = uint64_t;

struct Type {
  const char* name;
  Kind kind;
  const Format* format;
};
const Type kF16{"f16", Kind::F16, &exact::kF16}, kBf16{"bf16", Kind::Bf16, &exact::kBf16},
    kF32{"f32", Kind::F32, &exact::kF32}, kF64{"f64", Kind::F64, &exact::kF64};

struct RoundingName {
  const char* name;
  Mode mode;
};
const RoundingName kRoundings[] = {
    {"rn", Mode::NearestEven}, {"rz", Mode::Zero}, {"rm", Mode::Down}, {"rp", Mode::Up}};
const RoundingName kIntegral[] = {
    {"rni", Mode::NearestEven}, {"rzi", Mode::Zero}, {"rmi", Mode::Down}, {"rpi", Mode::Up}};

enum class Post { None, Saturate, Relu };

// The exact result of an operation; the rounding mode gives an exact zero its sign.
using Operation = std::function<Number(const std::vector<Number>&, Mode)>;

const Operation kAdd = [](const std::vector<Number>& o, Mode m) { return exact::add(o[0], o[1], m); };
const Operation kSub = [](const std::vector<Number>& o, Mode m) {
  return o[1].kind == Number::NaN ? exact::nan() : exact::add(o[0], exact::negated(o[1]), m);
};
const Operation kMul = [](const std::vector<Number>& o, Mode) { return exact::multiply(o[0], o[1]); };
const Operation kFma = [](const std::vector<Number>& o, Mode m) {
  const Number product = exact::multiply(o[0], o[1]);
  return exact::add(product, o[2], m);
};
const Operation kDiv = [](const std::vector<Number>& o, Mode) { return exact::divide(o[0], o[1]); };
const Operation kRcp = [](const std::vector<Number>& o, Mode) {
  return exact::divide(exact::fromInteger(false, 1), o[0]);
};
const Operation kSqrt = [](const std::vector<Number>& o, Mode) { return exact::squareRoot(o[0]); };

Number operand(u64 bits, const Format& f, bool ftz) {
  const Number n = exact::decode(bits, f);
  return ftz ? exact::flushed(n, f) : n;
}

// One line with the operation rounded once.
Case arithmetic(const std::string& name, const Type& t, int count, const Operation& operation, Mode mode,
                bool ftz = false, Post post = Post::None) {
  static const char* const letters[] = {"%a", "%b", "%c"};
  Case c;
  c.text = name + (ftz ? ".ftz" : "") +
           (post == Post::Saturate ? ".sat"
            : post == Post::Relu   ? ".relu"
                                   : "") +
           "." + t.name + " %d";
  for (int i = 0; i < count; i++) c.text += std::string(", ") + letters[i];
  c.text += ";";
  c.result = t.kind;
  c.operands.assign(count, t.kind);
  const Format& f = *t.format;
  const auto value = [=](const u64* o) {
    std::vector<Number> operands;
    for (int i = 0; i < count; i++) operands.push_back(operand(o[i], f, ftz));
    return operation(operands, mode);
  };
  c.formula = [=](const u64* o) {
    const Number n = value(o);
    if (post == Post::Relu && n.kind != Number::NaN && (n.negative || n.kind == Number::Zero)) return u64(0);
    return exact::encode(n, f, {mode, ftz, post == Post::Saturate});
  };
  // whether a result that only rounding lifts to the smallest normal number is flushed is not written down
  if (ftz)
    c.open = [=](const u64* o) {
      const Number n = value(o);
      return n.kind == Number::Finite && exact::flushed(n, f).kind == Number::Zero &&
             (exact::encode(n, f, {mode}) & ((u64(1) << (f.bits - 1)) - 1)) >= u64(1) << (f.precision - 1);
    };
  return c;
}

// The same on pairs.
Case packed(Case c, Kind pair) {
  const std::string scalar = pair == Kind::F16x2 ? ".f16 " : ".bf16 ";
  c.text = replaced(c.text, scalar, pair == Kind::F16x2 ? ".f16x2 " : ".bf16x2 ");
  c.result = pair;
  for (Kind& k : c.operands) k = pair;
  const size_t count = c.operands.size();
  const auto half = [=](const u64* o, int shift, u64* part) {
    for (size_t i = 0; i < count; i++) part[i] = o[i] >> shift & 0xffff;
  };
  const Formula formula = c.formula;
  c.formula = [=](const u64* o) {
    u64 low[3], high[3];
    half(o, 0, low), half(o, 16, high);
    return formula(low) | formula(high) << 16;
  };
  if (const auto open = c.open)
    c.open = [=](const u64* o) {
      u64 low[3], high[3];
      half(o, 0, low), half(o, 16, high);
      return open(low) || open(high);
    };
  return c;
}

bool isNan(u64 bits, const Format& f) { return exact::decode(bits, f).kind == Number::NaN; }

// An approximation of a function of one variable, by double arithmetic.
Case approximate(const std::string& text, const Type& t, double (*function)(double), double ulps, double absolute,
                 bool ftz, double from = -INFINITY, double to = INFINITY) {
  Case c;
  c.text = text + " %d, %a;";
  c.result = t.kind;
  c.operands = {t.kind};
  const Format f = *t.format;
  c.formula = [=](const u64* o) {
    const Number n = operand(o[0], f, ftz);
    double x = exact::approximately(n);
    if (n.kind == Number::NaN) x = NAN;
    const double y = function(x);
    u64 bits;
    std::memcpy(&bits, &y, 8);
    return exact::encode(exact::decode(bits, exact::kF64), f, {Mode::NearestEven, ftz});
  };
  c.ulps = ulps;
  c.absolute = absolute;
  if (from > -INFINITY)
    c.open = [=](const u64* o) {
      const Number n = exact::decode(o[0], f);
      const double x = exact::approximately(n);
      return n.kind == Number::Finite && !(x >= from && x <= to);
    };
  return c;
}

}  // namespace

TEST(float_arithmetic) {
  std::vector<Case> cases;
  for (const RoundingName& r : kRoundings) {
    const std::string n = std::string(".") + r.name;
    for (bool ftz : {false, true})
      for (Post post : {Post::None, Post::Saturate}) {
        cases.push_back(arithmetic("add" + n, kF32, 2, kAdd, r.mode, ftz, post));
        cases.push_back(arithmetic("sub" + n, kF32, 2, kSub, r.mode, ftz, post));
        cases.push_back(arithmetic("mul" + n, kF32, 2, kMul, r.mode, ftz, post));
        cases.push_back(arithmetic("fma" + n, kF32, 3, kFma, r.mode, ftz, post));
        cases.push_back(arithmetic("mad" + n, kF32, 3, kFma, r.mode, ftz, post));
      }
    for (bool ftz : {false, true}) {
      cases.push_back(arithmetic("div" + n, kF32, 2, kDiv, r.mode, ftz));
      cases.push_back(arithmetic("rcp" + n, kF32, 1, kRcp, r.mode, ftz));
      cases.push_back(arithmetic("sqrt" + n, kF32, 1, kSqrt, r.mode, ftz));
    }
    cases.push_back(arithmetic("add" + n, kF64, 2, kAdd, r.mode));
    cases.push_back(arithmetic("sub" + n, kF64, 2, kSub, r.mode));
    cases.push_back(arithmetic("mul" + n, kF64, 2, kMul, r.mode));
    cases.push_back(arithmetic("fma" + n, kF64, 3, kFma, r.mode));
    cases.push_back(arithmetic("mad" + n, kF64, 3, kFma, r.mode));
    cases.push_back(arithmetic("div" + n, kF64, 2, kDiv, r.mode));
    cases.push_back(arithmetic("rcp" + n, kF64, 1, kRcp, r.mode));
    cases.push_back(arithmetic("sqrt" + n, kF64, 1, kSqrt, r.mode));
  }
  // without a rounding mode: to the nearest
  cases.push_back(arithmetic("add", kF32, 2, kAdd, Mode::NearestEven));
  cases.push_back(arithmetic("mul", kF64, 2, kMul, Mode::NearestEven));
  runCases(cases);
}

TEST(float_half_arithmetic) {
  std::vector<Case> cases;
  const Mode nearest = Mode::NearestEven;
  for (bool ftz : {false, true})
    for (Post post : {Post::None, Post::Saturate}) {
      for (const std::string n : {"", ".rn"}) {
        cases.push_back(arithmetic("add" + n, kF16, 2, kAdd, nearest, ftz, post));
        cases.push_back(arithmetic("sub" + n, kF16, 2, kSub, nearest, ftz, post));
        cases.push_back(arithmetic("mul" + n, kF16, 2, kMul, nearest, ftz, post));
      }
      cases.push_back(arithmetic("fma.rn", kF16, 3, kFma, nearest, ftz, post));
    }
  for (bool ftz : {false, true}) cases.push_back(arithmetic("fma.rn", kF16, 3, kFma, nearest, ftz, Post::Relu));
  for (size_t i = 0, n = cases.size(); i < n; i++) cases.push_back(packed(cases[i], Kind::F16x2));
  for (Post post : {Post::None, Post::Relu}) {
    cases.push_back(arithmetic("fma.rn", kBf16, 3, kFma, nearest, false, post));
    cases.push_back(packed(cases.back(), Kind::Bf16x2));
  }
  for (const std::string n : {"", ".rn"})
    for (const auto& [name, operation] : {std::pair{"add", kAdd}, {"sub", kSub}, {"mul", kMul}}) {
      cases.push_back(arithmetic(name + n, kBf16, 2, operation, nearest));
      cases.push_back(packed(cases.back(), Kind::Bf16x2));
    }
  runCases(cases);
}

TEST(float_minimum_and_maximum) {
  std::vector<Case> cases;
  for (const Type* t : {&kF16, &kBf16, &kF32, &kF64})
    for (bool most : {false, true})
      for (bool ftz : {false, true})
        for (bool nan : {false, true}) {
          if (ftz && (t == &kBf16 || t == &kF64)) continue;
          if (nan && t == &kF64) continue;
          const Format f = *t->format;
          Case c;
          c.text = std::string(most ? "max" : "min") + (ftz ? ".ftz" : "") + (nan ? ".NaN" : "") + "." + t->name +
                   " %d, %a, %b;";
          c.result = t->kind;
          c.operands = {t->kind, t->kind};
          c.formula = [=](const u64* o) {
            const Number a = operand(o[0], f, ftz), b = operand(o[1], f, ftz);
            const bool anyNan = a.kind == Number::NaN || b.kind == Number::NaN;
            Number r;
            if (anyNan && (nan || (a.kind == b.kind))) return exact::encode(exact::nan(), f);
            if (anyNan) r = a.kind == Number::NaN ? b : a;
            else {
              int order = exact::compare(a, b);
              if (order == 0) order = a.negative == b.negative ? 0 : a.negative ? -1 : 1;
              r = (order < 0) != most ? a : b;
            }
            return exact::encode(r, f);
          };
          cases.push_back(c);
          if (t == &kF16) cases.push_back(packed(c, Kind::F16x2));
          if (t == &kBf16) cases.push_back(packed(c, Kind::Bf16x2));
        }
  runCases(cases);
}

TEST(float_signs) {
  std::vector<Case> cases;
  for (const Type* t : {&kF16, &kBf16, &kF32, &kF64})
    for (bool ftz : {false, true}) {
      if (ftz && (t == &kBf16 || t == &kF64)) continue;
      const Format f = *t->format;
      const u64 sign = u64(1) << (f.bits - 1);
      const std::string suffix = std::string(ftz ? ".ftz." : ".") + t->name;
      const auto flushed = [=](u64 v) { return ftz && !isNan(v, f) ? exact::encode(operand(v, f, true), f) : v; };
      cases.push_back(
          {"neg" + suffix + " %d, %a;", t->kind, {t->kind}, [=](const u64* o) { return flushed(o[0]) ^ sign; }});
      if (t == &kF16) cases.push_back(packed(cases.back(), Kind::F16x2));
      if (t == &kBf16) cases.push_back(packed(cases.back(), Kind::Bf16x2));
      cases.push_back(
          {"abs" + suffix + " %d, %a;", t->kind, {t->kind}, [=](const u64* o) { return flushed(o[0]) & ~sign; }});
      if (t == &kF16) cases.push_back(packed(cases.back(), Kind::F16x2));
      if (t == &kBf16) cases.push_back(packed(cases.back(), Kind::Bf16x2));
    }
  for (const Type* t : {&kF32, &kF64}) {
    const Format f = *t->format;
    const u64 sign = u64(1) << (f.bits - 1);
    // the sign of the first operand on the magnitude of the second
    cases.push_back(
        {std::string("copysign.") + t->name + " %d, %a, %b;", t->kind, {t->kind, t->kind}, [=](const u64* o) {
           return (o[0] & sign) | (o[1] & ~sign);
         }});
    const auto test = [&](const char* name, std::function<bool(const Number&)> is) {
      cases.push_back(
          {std::string("testp.") + name + "." + t->name + " %d, %a;", Kind::Pred, {t->kind}, [=](const u64* o) {
             return u64(is(exact::decode(o[0], f)));
           }});
    };
    test("finite", [](const Number& n) { return n.kind == Number::Zero || n.kind == Number::Finite; });
    test("infinite", [](const Number& n) { return n.kind == Number::Infinite; });
    test("number", [](const Number& n) { return n.kind != Number::NaN; });
    test("notanumber", [](const Number& n) { return n.kind == Number::NaN; });
    // PTX ISA: normal is true of zeros as well? No: "normal" tests for normal, neither NaN, infinity, zero nor
    // subnormal
    test("normal",
         [=](const Number& n) { return n.kind == Number::Finite && exact::flushed(n, f).kind == Number::Finite; });
    test("subnormal",
         [=](const Number& n) { return n.kind == Number::Finite && exact::flushed(n, f).kind == Number::Zero; });
  }
  runCases(cases);
}

TEST(float_comparisons) {
  std::vector<Case> cases;
  struct Comparison {
    const char* name;
    bool less, equal, greater, unordered;
  };
  const Comparison all[] = {
      {"eq", false, true, false, false}, {"ne", true, false, true, false},  {"lt", true, false, false, false},
      {"le", true, true, false, false},  {"gt", false, false, true, false}, {"ge", false, true, true, false},
      {"equ", false, true, false, true}, {"neu", true, false, true, true},  {"ltu", true, false, false, true},
      {"leu", true, true, false, true},  {"gtu", false, false, true, true}, {"geu", false, true, true, true},
      {"num", true, true, true, false},  {"nan", false, false, false, true}};
  for (const Type* t : {&kF16, &kF32, &kF64})
    for (bool ftz : {false, true}) {
      if (ftz && t == &kF64) continue;
      const Format f = *t->format;
      for (const Comparison& c : all) {
        const auto holds = [=](u64 a, u64 b) {
          const int order = exact::compare(operand(a, f, ftz), operand(b, f, ftz));
          return order == 2 ? c.unordered : order < 0 ? c.less : order > 0 ? c.greater : c.equal;
        };
        const std::string op = std::string(c.name) + (ftz ? ".ftz" : ""), s = std::string(".") + t->name;
        cases.push_back({"setp." + op + s + " %d, %a, %b;", Kind::Pred, {t->kind, t->kind}, [=](const u64* o) {
                           return u64(holds(o[0], o[1]));
                         }});
        cases.push_back({"set." + op + ".u32" + s + " %d, %a, %b;", Kind::U32, {t->kind, t->kind}, [=](const u64* o) {
                           return holds(o[0], o[1]) ? 0xffffffffull : 0;
                         }});
        if (t == &kF16) {
          cases.push_back({"set." + op + ".f16.f16 %d, %a, %b;", Kind::F16, {t->kind, t->kind}, [=](const u64* o) {
                             return holds(o[0], o[1]) ? 0x3c00ull : 0;
                           }});
          cases.push_back(
              {"set." + op + ".f16x2.f16x2 %d, %a, %b;", Kind::F16x2, {Kind::F16x2, Kind::F16x2}, [=](const u64* o) {
                 return (holds(o[0] & 0xffff, o[1] & 0xffff) ? 0x3c00ull : 0) |
                        (holds(o[0] >> 16, o[1] >> 16) ? 0x3c000000ull : 0);
               }});
          cases.push_back({".reg .pred p, q; .reg .b32 x, y; setp." + op +
                               ".f16x2 p|q, %a, %b; selp.u32 x, 1, 0, p; selp.u32 y, 2, 0, q; or.b32 %d, x, y;",
                           Kind::U32,
                           {Kind::F16x2, Kind::F16x2},
                           [=](const u64* o) {
                             return u64(holds(o[0] & 0xffff, o[1] & 0xffff)) | u64(holds(o[0] >> 16, o[1] >> 16)) << 1;
                           }});
        } else {
          cases.push_back(
              {"set." + op + ".f32" + s + " %d, %a, %b;", Kind::F32, {t->kind, t->kind}, [=](const u64* o) {
                 return holds(o[0], o[1]) ? 0x3f800000ull : 0;
               }});
        }
      }
      const std::string tail = std::string(ftz ? ".ftz." : ".") + t->name;
      const auto less = [=](const u64* o) {
        return exact::compare(operand(o[0], f, ftz), operand(o[1], f, ftz)) == -1;
      };
      cases.push_back(
          {"setp.lt.and" + tail + " %d, %a, %b, %c;", Kind::Pred, {t->kind, t->kind, Kind::Pred}, [=](const u64* o) {
             return u64(less(o) && o[2]);
           }});
      cases.push_back({(t == &kF16 ? "setp.lt.or" : ".reg .pred q; setp.lt.or") + tail +
                           (t == &kF16 ? " %d, %a, %b, !%c;" : " q|%d, %a, %b, !%c;"),
                       Kind::Pred,
                       {t->kind, t->kind, Kind::Pred},
                       [=](const u64* o) { return u64(less(o) != (t != &kF16) || !o[2]); }});
      cases.push_back({"set.lt.xor.s32" + std::string(tail) + " %d, %a, %b, %c;",
                       Kind::S32,
                       {t->kind, t->kind, Kind::Pred},
                       [=](const u64* o) { return less(o) != (o[2] != 0) ? 0xffffffffull : 0; }});
      if (ftz) cases.back().text = "set.lt.xor.ftz.s32." + std::string(t->name) + " %d, %a, %b, %c;";
    }
  runCases(cases);
}

TEST(float_to_integer) {
  std::vector<Case> cases;
  for (const Type* t : {&kF16, &kF32, &kF64})
    for (const RoundingName& r : kIntegral)
      for (int bits : {8, 16, 32, 64})
        for (bool isSigned : {false, true})
          for (bool ftz : {false, true}) {
            if (ftz && t != &kF32) continue;
            const Format f = *t->format;
            const int width = std::max(bits, 16);
            const Kind kind = width == 16 ? Kind::U16 : width == 32 ? Kind::U32 : Kind::U64;
            const Mode mode = r.mode;
            const bool fromF64 = t == &kF64;
            Case c;
            c.text = std::string("cvt.") + r.name + (ftz ? ".ftz" : "") + (isSigned ? ".s" : ".u") +
                     std::to_string(bits) + "." + t->name + " %d, %a;";
            c.result = kind;
            c.operands = {t->kind};
            c.formula = [=](const u64* o) {
              const Number n = operand(o[0], f, ftz);
              const u64 mask = width == 64 ? ~u64(0) : (u64(1) << width) - 1;
              // PTX ISA: NaN gives zero, unless the source is f64 or the result has 64 bits: then the highest bit
              // alone
              if (n.kind == Number::NaN)
                return fromF64 || bits == 64
                           ? (isSigned ? u64(0) - (u64(1) << (bits - 1)) : u64(1) << (bits - 1)) & mask
                           : 0;
              if (!isSigned) return exact::toUnsigned(n, mode, bits == 64 ? ~u64(0) : (u64(1) << bits) - 1);
              const int64_t high = bits == 64 ? INT64_MAX : (int64_t(1) << (bits - 1)) - 1;
              return static_cast<u64>(exact::toSigned(n, mode, -high - 1, high)) & mask;
            };
            cases.push_back(c);
            if (bits < 64 && !ftz && r.mode == Mode::Zero) {
              c.text = replaced(c.text, ".rzi.", ".rzi.sat.");
              cases.push_back(c);
            }
          }
  runCases(cases);
}

TEST(float_from_integer) {
  std::vector<Case> cases;
  const Kind kinds[2][4] = {{Kind::U8, Kind::U16, Kind::U32, Kind::U64}, {Kind::S8, Kind::S16, Kind::S32, Kind::S64}};
  for (const Type* t : {&kF16, &kF32, &kF64})
    for (const RoundingName& r : kRoundings)
      for (int width = 0; width < 4; width++)
        for (bool isSigned : {false, true})
          for (bool saturate : {false, true}) {
            if (saturate && (t == &kF64 || r.mode != Mode::NearestEven)) continue;
            const int bits = 8 << width;
            const Format f = *t->format;
            const Mode mode = r.mode;
            cases.push_back({std::string("cvt.") + r.name + (saturate ? ".sat." : ".") + t->name +
                                 (isSigned ? ".s" : ".u") + std::to_string(bits) + " %d, %a;",
                             t->kind,
                             {kinds[isSigned][width]},
                             [=](const u64* o) {
                               const bool negative = isSigned && o[0] >> (bits - 1) & 1;
                               const u64 mask = bits == 64 ? ~u64(0) : (u64(1) << bits) - 1;
                               const u64 magnitude = negative ? (0 - o[0]) & mask : o[0] & mask;
                               return exact::encode(exact::fromInteger(negative, magnitude), f,
                                                    {mode, false, saturate});
                             }});
          }
  runCases(cases);
}

TEST(float_to_float) {
  std::vector<Case> cases;
  const auto convert = [&](const std::string& modifiers, const Type& to, const Type& from, exact::Rounding r,
                           bool ftzIn, bool relu = false) {
    const Format f = *from.format, g = *to.format;
    Case c;
    c.text = "cvt" + modifiers + "." + to.name + "." + from.name + " %d, %a;";
    c.result = to.kind;
    c.operands = {from.kind};
    c.formula = [=](const u64* o) {
      const Number n = operand(o[0], f, ftzIn);
      if (relu && n.kind != Number::NaN && (n.negative || n.kind == Number::Zero)) return u64(0);
      return exact::encode(n, g, r);
    };
    if (r.flush)
      c.open = [=](const u64* o) {
        const Number n = operand(o[0], f, ftzIn);
        return n.kind == Number::Finite && exact::flushed(n, g).kind == Number::Zero &&
               (exact::encode(n, g, {r.mode}) & ((u64(1) << (g.bits - 1)) - 1)) >= u64(1) << (g.precision - 1);
      };
    cases.push_back(c);
  };
  for (const RoundingName& r : kRoundings) {
    const std::string n = std::string(".") + r.name;
    convert(n, kF32, kF64, {r.mode}, false);
    convert(n + ".ftz", kF32, kF64, {r.mode, true}, false);
    convert(n + ".sat", kF32, kF64, {r.mode, false, true}, false);
    convert(n, kF16, kF32, {r.mode}, false);
    convert(n + ".ftz", kF16, kF32, {r.mode}, true);
    convert(n + ".sat", kF16, kF32, {r.mode, false, true}, false);
    convert(n, kF16, kF64, {r.mode}, false);
  }
  convert(".rn", kBf16, kF32, {}, false);
  convert(".rn.relu", kBf16, kF32, {}, false, true);
  convert(".rz", kBf16, kF32, {Mode::Zero}, false);
  convert(".rn.relu", kF16, kF32, {}, false, true);
  convert("", kF32, kF16, {}, false);
  convert(".sat", kF32, kF16, {Mode::NearestEven, false, true}, false);
  convert("", kF64, kF16, {}, false);
  convert("", kF64, kF32, {}, false);
  convert(".ftz", kF64, kF32, {}, true);
  convert(".ftz", kF32, kF16, {}, false);
  convert(".sat", kF32, kF32, {Mode::NearestEven, false, true}, false);
  convert(".ftz.sat", kF32, kF32, {Mode::NearestEven, true, true}, true);
  convert(".sat", kF64, kF64, {Mode::NearestEven, false, true}, false);
  // to an integral value of the same type
  for (const Type* t : {&kF16, &kF32, &kF64})
    for (const RoundingName& r : kIntegral)
      for (bool ftz : {false, true}) {
        if (ftz && t != &kF32) continue;
        const Format f = *t->format;
        const Mode mode = r.mode;
        cases.push_back(
            {std::string("cvt.") + r.name + (ftz ? ".ftz." : ".") + t->name + "." + t->name + " %d, %a;",
             t->kind,
             {t->kind},
             [=](const u64* o) { return exact::encode(exact::toIntegral(operand(o[0], f, ftz), mode), f); }});
      }
  // pairs: the first operand goes to the upper half
  for (bool bf : {false, true})
    for (const RoundingName& r : kRoundings)
      for (bool relu : {false, true}) {
        if (r.mode == Mode::Down || r.mode == Mode::Up) continue;
        const Format g = bf ? exact::kBf16 : exact::kF16;
        const Mode mode = r.mode;
        const auto one = [=](u64 bits) {
          const Number n = exact::decode(bits, exact::kF32);
          if (relu && n.kind != Number::NaN && (n.negative || n.kind == Number::Zero)) return u64(0);
          return exact::encode(n, g, {mode});
        };
        cases.push_back(
            {std::string("cvt.") + r.name + (relu ? ".relu." : ".") + (bf ? "bf16x2" : "f16x2") + ".f32 %d, %a, %b;",
             bf ? Kind::Bf16x2 : Kind::F16x2,
             {Kind::F32, Kind::F32},
             [=](const u64* o) { return one(o[0]) << 16 | one(o[1]); }});
      }
  // .satfinite: beyond the largest finite number there is that number
  for (const Type* t : {&kF16, &kBf16})
    for (const RoundingName& r : kRoundings)
      for (bool relu : {false, true}) {
        if (r.mode == Mode::Down || r.mode == Mode::Up) continue;
        const Format g = *t->format;
        const Mode mode = r.mode;
        const auto one = [=](u64 bits) {
          const Number n = exact::decode(bits, exact::kF32);
          if (relu && n.kind != Number::NaN && (n.negative || n.kind == Number::Zero)) return u64(0);
          const u64 rounded = exact::encode(n, g, {mode});
          return exact::decode(rounded, g).kind == Number::Infinite ? rounded - 1 : rounded;
        };
        const std::string name = std::string("cvt.") + r.name + (relu ? ".relu" : "") + ".satfinite." + t->name;
        cases.push_back({name + ".f32 %d, %a;", t->kind, {Kind::F32}, [=](const u64* o) { return one(o[0]); }});
        cases.push_back({name + "x2.f32 %d, %a, %b;",
                         t == &kBf16 ? Kind::Bf16x2 : Kind::F16x2,
                         {Kind::F32, Kind::F32},
                         [=](const u64* o) { return one(o[0]) << 16 | one(o[1]); }});
      }
  for (const auto& [name, mode] : {std::pair{"rna", Mode::NearestAway}, {"rn", Mode::NearestEven}, {"rz", Mode::Zero}})
    for (bool relu : {false, true}) {
      if (relu && mode == Mode::NearestAway) continue;
      cases.push_back({std::string("cvt.") + name + ".satfinite" + (relu ? ".relu" : "") +
                           ".tf32.f32 %d, %a; and.b32 %d, %d, 0xffffe000;",
                       Kind::U32,
                       {Kind::F32},
                       [mode = mode, relu](const u64* o) {
                         const Number n = exact::decode(o[0], exact::kF32);
                         if (relu && (n.negative || n.kind == Number::Zero)) return u64(0);
                         const u64 rounded = exact::encode(n, exact::kTf32, {mode});
                         return (exact::decode(rounded, exact::kTf32).kind == Number::Infinite ? rounded - 1 : rounded)
                                << 13;
                       },
                       0,
                       0,
                       [](const u64* o) { return isNan(o[0], exact::kF32); }});
    }
  // the lower 13 bits of a tf32 are not looked at
  cases.push_back({"cvt.rna.tf32.f32 %d, %a; and.b32 %d, %d, 0xffffe000;",
                   Kind::U32,
                   {Kind::F32},
                   [](const u64* o) {
                     return exact::encode(exact::decode(o[0], exact::kF32), exact::kTf32, {Mode::NearestAway}) << 13;
                   },
                   0,
                   0,
                   [](const u64* o) { return isNan(o[0], exact::kF32); }});
  runCases(cases);
}

// Pairs of 8-bit floats. e4m3 has no infinities: it is looked at as a format with one more exponent bit.
TEST(float_eight_bits) {
  struct Small {
    const char* name;
    Format format;
    u64 largest, nan;
  };
  std::vector<Case> cases;
  for (const Small& s : {Small{"e4m3x2", {4, -6, 25, 9}, 0x7e, 0x7f}, Small{"e5m2x2", {3, -14, 15, 8}, 0x7b, 0x7f}})
    for (bool relu : {false, true}) {
      const auto narrow = [=](const Number& n) {
        if (n.kind == Number::NaN) return s.nan;
        if (relu && (n.negative || n.kind == Number::Zero)) return u64(0);
        const u64 magnitude = exact::encode(n, s.format) & ((u64(1) << (s.format.bits - 1)) - 1);
        return (n.negative ? 0x80 : 0) | std::min(magnitude, s.largest);
      };
      const auto widen = [=](u64 byte) {
        const u64 magnitude = byte & 0x7f, sign = byte >> 7;
        if (magnitude > s.largest && (s.largest == 0x7e || magnitude > 0x7c)) return u64(0x7fff);
        const Number n = exact::decode(magnitude | sign << (s.format.bits - 1), s.format);
        return relu && sign ? u64(0) : exact::encode(n, exact::kF16);
      };
      const std::string post = relu ? ".relu." : ".", name = s.name;
      cases.push_back({"cvt.rn.satfinite" + post + name + ".f32 %d, %a, %b;",
                       Kind::U16,
                       {Kind::F32, Kind::F32},
                       [=](const u64* o) {
                         return narrow(exact::decode(o[0], exact::kF32)) << 8 |
                                narrow(exact::decode(o[1], exact::kF32));
                       }});
      // few bits, so that many lie half-way between two results
      cases.push_back({".reg .b32 x; and.b32 x, %a, 0xffc0ffc0; cvt.rn.satfinite" + post + name + ".f16x2 %d, x;",
                       Kind::U16,
                       {Kind::F16x2},
                       [=](const u64* o) {
                         return narrow(exact::decode(o[0] >> 16 & 0xffc0, exact::kF16)) << 8 |
                                narrow(exact::decode(o[0] & 0xffc0, exact::kF16));
                       }});
      cases.push_back({"cvt.rn" + post + "f16x2." + name + " %d, %a;", Kind::U32, {Kind::U16}, [=](const u64* o) {
                         return widen(o[0] >> 8) << 16 | widen(o[0] & 0xff);
                       }});
    }
  runCases(cases);
}

TEST(float_approximations) {
  std::vector<Case> cases;
  for (bool ftz : {false, true}) {
    const std::string s = ftz ? ".ftz.f32" : ".f32";
    const auto reciprocal = [](double x) { return 1 / x; };
    const auto root = [](double x) { return std::sqrt(x); };
    const auto inverseRoot = [](double x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::sqrt(x); };
    cases.push_back(approximate("rcp.approx" + s, kF32, reciprocal, 1, 0, ftz));
    cases.push_back(approximate("sqrt.approx" + s, kF32, root, 2, 0, ftz));
    cases.push_back(approximate("rsqrt.approx" + s, kF32, inverseRoot, 2, 0, ftz));
    cases.push_back(approximate("ex2.approx" + s, kF32, [](double x) { return std::exp2(x); }, 2, 0, ftz));
    cases.push_back(approximate("lg2.approx" + s, kF32, [](double x) { return std::log2(x); }, 4, 0x1p-22, ftz));
    cases.push_back(approximate(
        "sin.approx" + s, kF32, [](double x) { return std::sin(x); }, 0, 0x1.6ap-21, ftz, -6.2831, 6.2831));
    cases.push_back(approximate(
        "cos.approx" + s, kF32, [](double x) { return std::cos(x); }, 0, 0x1.6ap-21, ftz, -6.2831, 6.2831));
    for (bool full : {false, true}) {
      Case c = arithmetic(full ? "div.full" : "div.approx", kF32, 2, kDiv, Mode::NearestEven, ftz);
      c.ulps = 2;
      // denominators beyond 2^126 give zero or not
      c.open = [](const u64* o) {
        const u64 b = o[1] & 0x7fffffff;
        return b > 0x7e800000 && b < 0x7f800000;
      };
      if (ftz) {
        const auto open = c.open;
        c.open = [=](const u64* o) {
          const Number n = exact::divide(operand(o[0], exact::kF32, true), operand(o[1], exact::kF32, true));
          return open(o) || (n.kind == Number::Finite && std::fabs(exact::approximately(n)) < 0x1.00001p-126);
        };
      }
      cases.push_back(c);
    }
  }
  cases.push_back(approximate("tanh.approx.f32", kF32, [](double x) { return std::tanh(x); }, 4096, 0, false));
  cases.push_back(
      approximate("tanh.approx.f16", kF16, [](double x) { return std::tanh(x); }, 1.02, 0x1.03p-11, false));
  cases.push_back(packed(cases.back(), Kind::F16x2));
  cases.push_back(approximate("ex2.approx.f16", kF16, [](double x) { return std::exp2(x); }, 2, 0, false));
  cases.push_back(packed(cases.back(), Kind::F16x2));
  // in double: the upper word carries some 20 bits and is all that is looked at; subnormal operands and results are
  // flushed
  const auto nanBelow = [](const u64* o) {
    return (o[0] & 0x7fffffffffffffff) > 0x7ff0000000000000 && (o[0] & 0x7fffffff00000000) == 0x7ff0000000000000;
  };
  cases.push_back(
      approximate("rcp.approx.ftz.f64", kF64, [](double x) { return 1 / x; }, std::ldexp(1, 33), 0x1p-1022, true));
  cases.back().open = nanBelow;
  cases.push_back(approximate(
      "rsqrt.approx.f64", kF64, [](double x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::sqrt(x); },
      std::ldexp(1, 33), 0, false));
  cases.push_back(approximate(
      "rsqrt.approx.ftz.f64", kF64, [](double x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::sqrt(x); },
      std::ldexp(1, 33), 0, true));
  cases.back().open = nanBelow;
  runCases(cases);
}
