// Integer, logic, shift, bit-field, comparison and selection instructions.
#include <algorithm>

#include "../support/test.h"
#include "cases.h"

using namespace test;

namespace {

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;
using u64 = uint64_t;

struct Type {
  const char* name;
  Kind kind;
  int bits;
  bool isSigned;
  Wide value(u64 v) const {
    if (bits < 64) v &= (u64(1) << bits) - 1;
    if (!isSigned) return v;
    return bits == 64 ? Wide(static_cast<int64_t>(v)) : Wide(static_cast<int64_t>(v << (64 - bits)) >> (64 - bits));
  }
  u64 wrapped(Wide v) const {
    const auto u = static_cast<u64>(v);
    return bits == 64 ? u : u & ((u64(1) << bits) - 1);
  }
  Wide least() const { return isSigned ? -(Wide(1) << (bits - 1)) : 0; }
  Wide most() const { return (Wide(1) << (isSigned ? bits - 1 : bits)) - 1; }
};

const Type kTypes[] = {{"u16", Kind::U16, 16, false}, {"s16", Kind::S16, 16, true},  {"u32", Kind::U32, 32, false},
                       {"s32", Kind::S32, 32, true},  {"u64", Kind::U64, 64, false}, {"s64", Kind::S64, 64, true}};
const Type& kS32 = kTypes[3];

const Type& typed(int bits, bool isSigned) {
  for (const Type& t : kTypes)
    if (t.bits == bits && t.isSigned == isSigned) return t;
  throw Error("no such type");
}

using Binary = std::function<Wide(Wide, Wide)>;

Case binary(const std::string& op, const Type& t, const Binary& f) {
  return {op + "." + t.name + " %d, %a, %b;", t.kind, {t.kind, t.kind}, [=](const u64* o) {
            return t.wrapped(f(t.value(o[0]), t.value(o[1])));
          }};
}

}  // namespace

TEST(integer_arithmetic) {
  std::vector<Case> cases;
  for (const Type& t : kTypes) {
    cases.push_back(binary("add", t, [](Wide a, Wide b) { return a + b; }));
    cases.push_back(binary("sub", t, [](Wide a, Wide b) { return a - b; }));
    cases.push_back(binary("mul.lo", t, [](Wide a, Wide b) {
      return static_cast<Wide>(static_cast<UnsignedWide>(a) * static_cast<UnsignedWide>(b));
    }));
    cases.push_back(binary("mul.hi", t, [t](Wide a, Wide b) {
      if (t.bits < 64) return (a * b) >> t.bits;
      // 64 x 64: exact in 128 bits, signed or not
      return t.isSigned ? (a * b) >> 64
                        : static_cast<Wide>(static_cast<UnsignedWide>(a) * static_cast<UnsignedWide>(b) >> 64);
    }));
    cases.push_back(binary("min", t, [](Wide a, Wide b) { return std::min(a, b); }));
    cases.push_back(binary("max", t, [](Wide a, Wide b) { return std::max(a, b); }));
    for (bool rest : {false, true}) {  // by zero, which PTX leaves open: what NVIDIA's GPUs give
      cases.push_back(binary(rest ? "rem" : "div", t, [rest](Wide a, Wide b) {
        if (b == 0) return rest ? a : Wide(-1);
        return rest ? a % b : a / b;
      }));
    }
    // sad: |a - b| + c
    cases.push_back(
        {std::string("sad.") + t.name + " %d, %a, %b, %c;", t.kind, {t.kind, t.kind, t.kind}, [t](const u64* o) {
           const Wide a = t.value(o[0]), b = t.value(o[1]);
           return t.wrapped((a < b ? b - a : a - b) + t.value(o[2]));
         }});
    for (bool high : {false, true})
      cases.push_back({std::string("mad.") + (high ? "hi." : "lo.") + t.name + " %d, %a, %b, %c;",
                       t.kind,
                       {t.kind, t.kind, t.kind},
                       [t, high](const u64* o) {
                         const UnsignedWide product =
                             static_cast<UnsignedWide>(t.value(o[0])) * static_cast<UnsignedWide>(t.value(o[1]));
                         const Wide part = !high        ? static_cast<Wide>(product)
                                           : t.isSigned ? static_cast<Wide>(product) >> t.bits
                                                        : static_cast<Wide>(product >> t.bits);
                         return t.wrapped(static_cast<Wide>(static_cast<UnsignedWide>(part) +
                                                            static_cast<UnsignedWide>(t.value(o[2]))));
                       }});
    if (t.bits < 64) {
      const Type& w = typed(2 * t.bits, t.isSigned);
      cases.push_back(
          {std::string("mul.wide.") + t.name + " %d, %a, %b;", w.kind, {t.kind, t.kind}, [t, w](const u64* o) {
             return w.wrapped(t.value(o[0]) * t.value(o[1]));
           }});
      cases.push_back({std::string("mad.wide.") + t.name + " %d, %a, %b, %c;",
                       w.kind,
                       {t.kind, t.kind, w.kind},
                       [t, w](const u64* o) { return w.wrapped(t.value(o[0]) * t.value(o[1]) + w.value(o[2])); }});
    }
    if (t.isSigned) {
      cases.push_back({std::string("abs.") + t.name + " %d, %a;", t.kind, {t.kind}, [t](const u64* o) {
                         return t.wrapped(t.value(o[0]) < 0 ? -t.value(o[0]) : t.value(o[0]));
                       }});
      cases.push_back({std::string("neg.") + t.name + " %d, %a;", t.kind, {t.kind}, [t](const u64* o) {
                         return t.wrapped(-t.value(o[0]));
                       }});
    }
  }
  cases.push_back(
      binary("add.sat", kS32, [](Wide a, Wide b) { return std::clamp(a + b, kS32.least(), kS32.most()); }));
  cases.push_back(
      binary("sub.sat", kS32, [](Wide a, Wide b) { return std::clamp(a - b, kS32.least(), kS32.most()); }));
  cases.push_back({"mad.hi.sat.s32 %d, %a, %b, %c;", Kind::S32, {Kind::S32, Kind::S32, Kind::S32}, [](const u64* o) {
                     return kS32.wrapped(std::clamp(((kS32.value(o[0]) * kS32.value(o[1])) >> 32) + kS32.value(o[2]),
                                                    kS32.least(), kS32.most()));
                   }});
  for (bool isSigned : {false, true}) {
    const Type& t = typed(32, isSigned);
    const auto low24 = [t](u64 v) {
      return t.isSigned ? Wide(static_cast<int32_t>(static_cast<uint32_t>(v) << 8) >> 8) : Wide(v & 0xffffff);
    };
    for (bool high : {false, true}) {
      const std::string part = high ? ".hi." : ".lo.";
      const int shift = high ? 16 : 0;
      cases.push_back({"mul24" + part + t.name + " %d, %a, %b;", t.kind, {t.kind, t.kind}, [=](const u64* o) {
                         return t.wrapped((low24(o[0]) * low24(o[1])) >> shift);
                       }});
      cases.push_back(
          {"mad24" + part + t.name + " %d, %a, %b, %c;", t.kind, {t.kind, t.kind, t.kind}, [=](const u64* o) {
             return t.wrapped(((low24(o[0]) * low24(o[1])) >> shift) + t.value(o[2]));
           }});
    }
  }
  runCases(cases);
}

// Instructions of sm_90: two halves of 16 bits, and results of which negative ones become zero.
TEST(integer_pairs_and_relu) {
  struct Operation {
    const char* name;
    Binary f;
  };
  const Operation operations[] = {{"add", [](Wide a, Wide b) { return a + b; }},
                                  {"min", [](Wide a, Wide b) { return std::min(a, b); }},
                                  {"max", [](Wide a, Wide b) { return std::max(a, b); }}};
  const Kind k = Kind::U32;
  std::vector<Case> cases;
  const auto pairs = [&](const std::string& op, const Type& t, const Binary& f) {
    cases.push_back({op + "." + t.name + "x2 %d, %a, %b;", k, {k, k}, [=](const u64* o) {
                       const auto half = [&](int at) { return t.wrapped(f(t.value(o[0] >> at), t.value(o[1] >> at))); };
                       return half(0) | half(16) << 16;
                     }});
  };
  for (const Operation& op : operations) {
    for (const bool isSigned : {false, true}) pairs(op.name, typed(16, isSigned), op.f);
    if (op.name == std::string("add")) continue;
    const Binary positive = [op](Wide a, Wide b) { return std::max(op.f(a, b), Wide(0)); };
    pairs(op.name + std::string(".relu"), typed(16, true), positive);
    cases.push_back(binary(op.name + std::string(".relu"), kS32, positive));
  }
  runCases(cases);
}

TEST(integer_carries) {
  std::vector<Case> cases;
  // the second instruction adds what the first one carried
  const Kind k = Kind::U32;
  const auto carry = [](u64 a, u64 b) { return (a + b) >> 32; };
  cases.push_back({".reg .b32 t; add.cc.u32 t, %a, %b; addc.u32 %d, %c, %e;", k, {k, k, k, k}, [=](const u64* o) {
                     return (o[2] + o[3] + carry(o[0], o[1])) & 0xffffffff;
                   }});
  cases.push_back({".reg .b32 t; add.cc.u32 t, %a, %b; addc.cc.u32 t, %c, %e; addc.u32 %d, 0, 0;",
                   k,
                   {k, k, k, k},
                   [=](const u64* o) { return (o[2] + o[3] + carry(o[0], o[1])) >> 32; }});
  cases.push_back({".reg .b32 t; sub.cc.u32 t, %a, %b; subc.u32 %d, %c, %e;", k, {k, k, k, k}, [](const u64* o) {
                     return (o[2] - o[3] - (o[0] < o[1])) & 0xffffffff;
                   }});
  cases.push_back({".reg .b32 t; sub.cc.u32 t, %a, %b; subc.cc.u32 t, %c, %e; subc.u32 %d, 0, 0;",
                   k,
                   {k, k, k, k},
                   [](const u64* o) { return o[2] < o[3] + (o[0] < o[1]) ? 0xffffffffull : 0; }});
  cases.push_back(
      {".reg .b32 t; mad.lo.cc.u32 t, %a, %b, %c; madc.hi.u32 %d, %a, %b, %e;", k, {k, k, k, k}, [](const u64* o) {
         const u64 product = o[0] * o[1];
         return ((product >> 32) + o[3] + (((product & 0xffffffff) + o[2]) >> 32)) & 0xffffffff;
       }});
  cases.push_back({".reg .b32 t; mad.hi.cc.u32 t, %a, %b, %c; madc.lo.cc.u32 t, %a, %b, %e; addc.u32 %d, 0, 0;",
                   k,
                   {k, k, k, k},
                   [](const u64* o) {
                     const u64 product = o[0] * o[1];
                     return ((product & 0xffffffff) + o[3] + (((product >> 32) + o[2]) >> 32)) >> 32;
                   }});
  const Kind w = Kind::U64;
  cases.push_back({".reg .b64 t; add.cc.u64 t, %a, %b; addc.u64 %d, %c, %e;", w, {w, w, w, w}, [](const u64* o) {
                     return o[2] + o[3] + (o[0] + o[1] < o[0]);
                   }});
  cases.push_back({".reg .b64 t; sub.cc.s64 t, %a, %b; subc.s64 %d, %c, %e;", w, {w, w, w, w}, [](const u64* o) {
                     return o[2] - o[3] - (o[0] < o[1]);
                   }});
  cases.push_back(
      {".reg .b64 t; mad.lo.cc.u64 t, %a, %b, %c; madc.hi.u64 %d, %a, %b, 0;", w, {w, w, w}, [](const u64* o) {
         return static_cast<u64>((static_cast<UnsignedWide>(o[0]) * o[1] + o[2]) >> 64);
       }});
  runCases(cases);
}

TEST(integer_logic) {
  std::vector<Case> cases;
  const Kind kinds[] = {Kind::Pred, Kind::U16, Kind::U32, Kind::U64};
  const char* const names[] = {"pred", "b16", "b32", "b64"};
  for (int i = 0; i < 4; i++) {
    const Kind k = kinds[i];
    const int bits = bitsOf(k);
    const u64 mask = bits == 64 ? ~u64(0) : (u64(1) << bits) - 1;
    const std::string t = names[i];
    cases.push_back({"and." + t + " %d, %a, %b;", k, {k, k}, [](const u64* o) { return o[0] & o[1]; }});
    cases.push_back({"or." + t + " %d, %a, %b;", k, {k, k}, [](const u64* o) { return o[0] | o[1]; }});
    cases.push_back({"xor." + t + " %d, %a, %b;", k, {k, k}, [](const u64* o) { return o[0] ^ o[1]; }});
    cases.push_back({"not." + t + " %d, %a;", k, {k}, [=](const u64* o) { return ~o[0] & mask; }});
    cases.push_back({"mov." + t + " %d, %a;", k, {k}, [](const u64* o) { return o[0]; }});
    if (k == Kind::Pred) continue;
    cases.push_back({"cnot." + t + " %d, %a;", k, {k}, [](const u64* o) { return u64(o[0] == 0); }});
    cases.push_back(
        {"selp." + t + " %d, %a, %b, %c;", k, {k, k, Kind::Pred}, [](const u64* o) { return o[2] ? o[0] : o[1]; }});
    cases.push_back({"shl." + t + " %d, %a, %b;", k, {k, Kind::U32}, [=](const u64* o) {
                       return o[1] >= u64(bits) ? 0 : o[0] << o[1] & mask;
                     }});
    cases.push_back({"shr." + t + " %d, %a, %b;", k, {k, Kind::U32}, [=](const u64* o) {
                       return o[1] >= u64(bits) ? 0 : o[0] >> o[1];
                     }});
    const Type& s = typed(bits, true);
    const Type& u = typed(bits, false);
    cases.push_back({std::string("shr.") + s.name + " %d, %a, %b;", k, {k, Kind::U32}, [=](const u64* o) {
                       return s.wrapped(s.value(o[0]) >> std::min<u64>(o[1], bits));
                     }});
    cases.push_back({std::string("shr.") + u.name + " %d, %a, %b;", k, {k, Kind::U32}, [=](const u64* o) {
                       return o[1] >= u64(bits) ? 0 : o[0] >> o[1];
                     }});
    for (const Type* t2 : {&s, &u})
      cases.push_back(
          {std::string("slct.") + t2->name + ".s32 %d, %a, %b, %c;", k, {k, k, Kind::S32}, [](const u64* o) {
             return static_cast<int32_t>(o[2]) >= 0 ? o[0] : o[1];
           }});
    cases.push_back({"slct." + t + ".f32 %d, %a, %b, %c;", k, {k, k, Kind::F32}, [](const u64* o) {
                       const auto bits32 = static_cast<uint32_t>(o[2]);
                       const bool nan = (bits32 & 0x7fffffff) > 0x7f800000,
                                  negative = bits32 >> 31 && bits32 != 0x80000000;
                       return nan || negative ? o[1] : o[0];
                     }});
  }
  for (int table : {0x00, 0x01, 0x17, 0x69, 0x80, 0x96, 0xca, 0xe8, 0xf0, 0xfe, 0xff, 0x2b})
    cases.push_back({"lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";",
                     Kind::U32,
                     {Kind::U32, Kind::U32, Kind::U32},
                     [table](const u64* o) {
                       u64 r = 0;
                       for (int i = 0; i < 32; i++)
                         r |= u64(table >> ((o[0] >> i & 1) << 2 | (o[1] >> i & 1) << 1 | (o[2] >> i & 1)) & 1) << i;
                       return r;
                     }});
  // with a predicate: whether the result is not zero, combined with another
  const std::vector<Kind> threeAndPredicate = {Kind::U32, Kind::U32, Kind::U32, Kind::Pred};
  cases.push_back({"lop3.or.b32 _|%d, %a, %b, %c, 0x80, %e;", Kind::Pred, threeAndPredicate,
                   [](const u64* o) { return u64((o[0] & o[1] & o[2]) != 0 || o[3]); }});
  cases.push_back({".reg .b32 r; lop3.and.b32 r|%d, %a, %b, %c, 0x96, %e;", Kind::Pred, threeAndPredicate,
                   [](const u64* o) { return u64((o[0] ^ o[1] ^ o[2]) != 0 && o[3]); }});
  cases.push_back({".reg .pred p; lop3.and.b32 %d|p, %a, %b, %c, 0xfe, %e;", Kind::U32, threeAndPredicate,
                   [](const u64* o) { return o[0] | o[1] | o[2]; }});
  runCases(cases);
}

TEST(integer_bits) {
  std::vector<Case> cases;
  const Kind k = Kind::U32;
  for (bool wide : {false, true}) {
    const Kind w = wide ? Kind::U64 : Kind::U32;
    const int bits = wide ? 64 : 32;
    const std::string b = wide ? "b64" : "b32";
    cases.push_back({"popc." + b + " %d, %a;", k, {w}, [](const u64* o) { return u64(__builtin_popcountll(o[0])); }});
    cases.push_back({"clz." + b + " %d, %a;", k, {w}, [=](const u64* o) {
                       return o[0] ? u64(__builtin_clzll(o[0]) - (64 - bits)) : u64(bits);
                     }});
    cases.push_back({"brev." + b + " %d, %a;", w, {w}, [=](const u64* o) {
                       u64 r = 0;
                       for (int i = 0; i < bits; i++) r |= (o[0] >> i & 1) << (bits - 1 - i);
                       return r;
                     }});
    for (bool isSigned : {false, true}) {
      const Type& t = typed(bits, isSigned);
      // the highest bit that differs from the sign (set, for unsigned), or -1
      const auto found = [=](u64 v) {
        if (isSigned && t.value(v) < 0) v = t.wrapped(~Wide(v));
        return v ? 63 - __builtin_clzll(v) : -1;
      };
      cases.push_back({std::string("bfind.") + t.name + " %d, %a;", k, {w}, [=](const u64* o) {
                         return u64(static_cast<uint32_t>(found(o[0])));
                       }});
      cases.push_back({std::string("bfind.shiftamt.") + t.name + " %d, %a;", k, {w}, [=](const u64* o) {
                         const int f = found(o[0]);
                         return f < 0 ? u64(0xffffffff) : u64(bits - 1 - f);
                       }});
      cases.push_back({std::string("bfe.") + t.name + " %d, %a, %b, %c;", w, {w, k, k}, [=](const u64* o) {
                         const int pos = o[1] & 0xff, len = o[2] & 0xff;
                         // PTX ISA's own loop: bits beyond the operand repeat the field's sign
                         const bool sign =
                             !isSigned || len == 0 ? false : (o[0] >> std::min(pos + len - 1, bits - 1) & 1);
                         u64 r = 0;
                         for (int i = 0; i < bits; i++)
                           r |= u64(i < len && pos + i < bits ? o[0] >> (pos + i) & 1 : sign) << i;
                         return r;
                       }});
    }
    cases.push_back({"bfi." + b + " %d, %a, %b, %c, %e;", w, {w, w, k, k}, [=](const u64* o) {
                       const int pos = o[2] & 0xff, len = o[3] & 0xff;
                       u64 r = o[1];
                       for (int i = 0; i < len && pos + i < bits; i++) {
                         r &= ~(u64(1) << (pos + i));
                         r |= (i < 64 ? o[0] >> i & 1 : 0) << (pos + i);
                       }
                       return r;
                     }});
  }
  for (bool isSigned : {false, true})
    for (bool wrap : {false, true}) {
      const Type& t = typed(32, isSigned);
      cases.push_back({std::string("szext.") + (wrap ? "wrap." : "clamp.") + t.name + " %d, %a, %b;",
                       t.kind,
                       {t.kind, k},
                       [=](const u64* o) {
                         const u64 n = wrap ? o[1] & 31 : o[1];
                         if (n >= 32) return o[0];
                         if (n == 0) return u64(0);
                         const u64 low = o[0] & ((u64(1) << n) - 1);
                         return isSigned && low >> (n - 1) & 1 ? (low | ~((u64(1) << n) - 1)) & 0xffffffff : low;
                       }});
    }
  for (bool wrap : {false, true})
    cases.push_back(
        {std::string("bmsk.") + (wrap ? "wrap" : "clamp") + ".b32 %d, %a, %b;", k, {k, k}, [=](const u64* o) {
           const u64 a = wrap ? o[0] & 31 : o[0], b = wrap ? o[1] & 31 : std::min<u64>(o[1], 32);
           if (a >= 32 || b == 0) return u64(0);
           return (((u64(1) << b) - 1) << a) & 0xffffffff;
         }});
  for (const char* direction : {"l", "r"})
    for (bool wrap : {false, true})
      cases.push_back({std::string("shf.") + direction + (wrap ? ".wrap" : ".clamp") + ".b32 %d, %a, %b, %c;",
                       k,
                       {k, k, k},
                       [=](const u64* o) {
                         const u64 n = wrap ? o[2] & 31 : std::min<u64>(o[2], 32), both = o[1] << 32 | o[0];
                         if (*direction == 'l') return n == 32 ? o[0] : (both << n) >> 32;
                         return n == 32 ? o[1] : both >> n & 0xffffffff;
                       }});
  cases.push_back({"fns.b32 %d, %a, %b, %c;",
                   k,
                   {k, k, Kind::S32},
                   [](const u64* o) {
                     int left = static_cast<int32_t>(o[2]);
                     const auto base = static_cast<int>(o[1]);
                     if (left == 0) return o[0] >> base & 1 ? o[1] : u64(0xffffffff);
                     const int step = left > 0 ? 1 : -1;
                     int64_t todo = left;
                     for (int p = base; p >= 0 && p < 32; p += step)
                       if (o[0] >> p & 1 && (todo -= step) == 0) return u64(p);
                     return u64(0xffffffff);
                   },
                   0,
                   0,
                   [](const u64* o) { return o[1] > 31; }});
  runCases(cases);
}

TEST(integer_permutations) {
  std::vector<Case> cases;
  const Kind k = Kind::U32;
  const auto byte = [](const u64* o, unsigned i) { return (i < 4 ? o[0] >> 8 * i : o[1] >> 8 * (i - 4)) & 0xff; };
  cases.push_back({"prmt.b32 %d, %a, %b, %c;", k, {k, k, k}, [=](const u64* o) {
                     u64 r = 0;
                     for (int i = 0; i < 4; i++) {
                       const unsigned s = o[2] >> 4 * i & 15;
                       u64 v = byte(o, s & 7);
                       if (s & 8) v = v & 0x80 ? 0xff : 0;
                       r |= v << 8 * i;
                     }
                     return r;
                   }});
  const auto mode = [&](const char* name, std::function<unsigned(unsigned c, unsigned i)> select) {
    cases.push_back({std::string("prmt.b32.") + name + " %d, %a, %b, %c;", k, {k, k, k}, [=](const u64* o) {
                       u64 r = 0;
                       for (unsigned i = 0; i < 4; i++) r |= byte(o, select(o[2] & 3, i)) << 8 * i;
                       return r;
                     }});
  };
  mode("f4e", [](unsigned c, unsigned i) { return c + i; });
  mode("b4e", [](unsigned c, unsigned i) { return (c + 8 - i) % 8; });
  mode("rc8", [](unsigned c, unsigned) { return c; });
  mode("ecl", [](unsigned c, unsigned i) { return std::max(c, i); });
  mode("ecr", [](unsigned c, unsigned i) { return std::min(c, i); });
  mode("rc16", [](unsigned c, unsigned i) { return (c & 1) * 2 + (i & 1); });
  for (bool sa : {false, true})
    for (bool sb : {false, true}) {
      const std::string types = std::string(sa ? ".s32" : ".u32") + (sb ? ".s32" : ".u32");
      const Kind d = sa || sb ? Kind::S32 : Kind::U32;
      const auto part = [](u64 v, int bits, int i, bool isSigned) {
        const auto raw = static_cast<int64_t>(v >> bits * i & ((1 << bits) - 1));
        return isSigned && raw >> (bits - 1) ? raw - (1 << bits) : raw;
      };
      cases.push_back({"dp4a" + types + " %d, %a, %b, %c;", d, {k, k, k}, [=](const u64* o) {
                         auto sum = static_cast<int64_t>(o[2]);
                         for (int i = 0; i < 4; i++) sum += part(o[0], 8, i, sa) * part(o[1], 8, i, sb);
                         return static_cast<u64>(sum) & 0xffffffff;
                       }});
      for (bool high : {false, true})
        cases.push_back({std::string("dp2a.") + (high ? "hi" : "lo") + types + " %d, %a, %b, %c;",
                         d,
                         {k, k, k},
                         [=](const u64* o) {
                           auto sum = static_cast<int64_t>(o[2]);
                           for (int i = 0; i < 2; i++) sum += part(o[0], 16, i, sa) * part(o[1], 8, i + 2 * high, sb);
                           return static_cast<u64>(sum) & 0xffffffff;
                         }});
    }
  runCases(cases);
}

TEST(integer_comparisons) {
  std::vector<Case> cases;
  const auto holds = [](const std::string& op, Wide a, Wide b) {
    if (op == "eq") return a == b;
    if (op == "ne") return a != b;
    if (op == "lt" || op == "lo") return a < b;
    if (op == "le" || op == "ls") return a <= b;
    if (op == "gt" || op == "hi") return a > b;
    return a >= b;
  };
  for (const Type& t : kTypes) {
    std::vector<std::string> ops = {"eq", "ne", "lt", "le", "gt", "ge"};
    if (!t.isSigned) ops.insert(ops.end(), {"lo", "ls", "hi", "hs"});
    for (const std::string& op : ops) {
      cases.push_back({"setp." + op + "." + t.name + " %d, %a, %b;", Kind::Pred, {t.kind, t.kind}, [=](const u64* o) {
                         return u64(holds(op, t.value(o[0]), t.value(o[1])));
                       }});
      cases.push_back(
          {"set." + op + ".u32." + t.name + " %d, %a, %b;", Kind::U32, {t.kind, t.kind}, [=](const u64* o) {
             return holds(op, t.value(o[0]), t.value(o[1])) ? 0xffffffffull : 0;
           }});
      cases.push_back(
          {"set." + op + ".f32." + t.name + " %d, %a, %b;", Kind::F32, {t.kind, t.kind}, [=](const u64* o) {
             return holds(op, t.value(o[0]), t.value(o[1])) ? 0x3f800000ull : 0;
           }});
    }
    // combined with a predicate, and both results at once
    cases.push_back({std::string("setp.lt.and.") + t.name + " %d, %a, %b, %c;",
                     Kind::Pred,
                     {t.kind, t.kind, Kind::Pred},
                     [=](const u64* o) { return u64(t.value(o[0]) < t.value(o[1]) && o[2]); }});
    cases.push_back({std::string("setp.ge.or.") + t.name + " %d, %a, %b, !%c;",
                     Kind::Pred,
                     {t.kind, t.kind, Kind::Pred},
                     [=](const u64* o) { return u64(t.value(o[0]) >= t.value(o[1]) || !o[2]); }});
    cases.push_back({std::string(".reg .pred q, r; setp.gt.xor.") + t.name + " q|r, %a, %b, %c; xor.pred %d, q, r;",
                     Kind::Pred,
                     {t.kind, t.kind, Kind::Pred},
                     [=](const u64* o) {
                       // r is (not (a > b)) xor c: always the opposite of q
                       (void)o;
                       return u64(1);
                     }});
    cases.push_back({std::string(".reg .pred q, r; setp.le.and.") + t.name + " q|r, %a, %b, %c; mov.pred %d, r;",
                     Kind::Pred,
                     {t.kind, t.kind, Kind::Pred},
                     [=](const u64* o) { return u64(!(t.value(o[0]) <= t.value(o[1])) && o[2]); }});
    cases.push_back({std::string("set.ne.and.s32.") + t.name + " %d, %a, %b, %c;",
                     Kind::S32,
                     {t.kind, t.kind, Kind::Pred},
                     [=](const u64* o) { return t.value(o[0]) != t.value(o[1]) && o[2] ? 0xffffffffull : 0; }});
  }
  for (int bits : {16, 32, 64}) {
    const Type& t = typed(bits, false);
    cases.push_back(
        {"setp.eq.b" + std::to_string(bits) + " %d, %a, %b;", Kind::Pred, {t.kind, t.kind}, [](const u64* o) {
           return u64(o[0] == o[1]);
         }});
    cases.push_back(
        {"setp.ne.b" + std::to_string(bits) + " %d, %a, %b;", Kind::Pred, {t.kind, t.kind}, [](const u64* o) {
           return u64(o[0] != o[1]);
         }});
  }
  runCases(cases);
}

// cvt between integers: chopped or extended, from and to registers wider than the type, saturated where asked.
TEST(integer_conversions) {
  std::vector<Case> cases;
  const Type narrow[] = {{"u8", Kind::U16, 8, false}, {"s8", Kind::S16, 8, true}};
  std::vector<Type> all(std::begin(narrow), std::end(narrow));
  all.insert(all.end(), std::begin(kTypes), std::end(kTypes));
  for (const Type& from : all)
    for (const Type& to : all) {
      const Type& wideTo = typed(std::max(16, to.bits), to.isSigned);
      // a value narrower than its register is extended to it
      const auto put = [to, wideTo](Wide v) { return wideTo.wrapped(to.value(to.wrapped(v))); };
      cases.push_back(
          {std::string("cvt.") + to.name + "." + from.name + " %d, %a;", wideTo.kind, {from.kind}, [=](const u64* o) {
             return put(from.value(o[0]));
           }});
      if (from.least() < to.least() || from.most() > to.most())
        cases.push_back({std::string("cvt.sat.") + to.name + "." + from.name + " %d, %a;",
                         wideTo.kind,
                         {from.kind},
                         [=](const u64* o) { return put(std::clamp(from.value(o[0]), to.least(), to.most())); }});
      // the source in a 32-bit register, the upper bits of which do not count
      if (from.bits < 32)
        cases.push_back({std::string("cvt.") + to.name + "." + from.name + " %d, %a;",
                         wideTo.kind,
                         {Kind::U32},
                         [=](const u64* o) { return put(from.value(o[0])); }});
      if (to.bits < 32)
        cases.push_back(
            {std::string("cvt.") + to.name + "." + from.name + " %d, %a;", Kind::U32, {from.kind}, [=](const u64* o) {
               return typed(32, to.isSigned).wrapped(to.value(to.wrapped(from.value(o[0]))));
             }});
    }
  runCases(cases);
}

// cvt.pack: a above b, both saturated; above them the low bits of c.
TEST(integer_packed_conversions) {
  std::vector<Case> cases;
  const auto add = [&](const std::string& type, int bits, bool isSigned, bool withC) {
    const Type part{"", Kind::U32, bits, isSigned};
    cases.push_back(
        {"cvt.pack.sat." + type + ".s32" + (withC ? ".b32 %d, %a, %b, %c;" : " %d, %a, %b;"), Kind::U32,
         withC ? std::vector<Kind>{Kind::S32, Kind::S32, Kind::U32} : std::vector<Kind>{Kind::S32, Kind::S32},
         [=](const u64* o) {
           const auto clamped = [&](u64 v) {
             return part.wrapped(std::clamp(kS32.value(v), part.least(), part.most()));
           };
           const u64 pair = clamped(o[0]) << bits | clamped(o[1]);
           return withC ? (o[2] << 2 * bits | pair) & 0xffffffff : pair;
         }});
  };
  for (bool isSigned : {false, true}) {
    const std::string letter = isSigned ? "s" : "u";
    add(letter + "16", 16, isSigned, false);
    for (int bits : {2, 4, 8}) add(letter + std::to_string(bits), bits, isSigned, true);
  }
  runCases(cases);
}

// Moves between scalars and vectors of registers.
TEST(integer_moves) {
  std::vector<Case> cases;
  cases.push_back(
      {".reg .b16 x, y; mov.b32 {x, y}, %a; mov.b32 %d, {y, x};", Kind::U32, {Kind::U32}, [](const u64* o) {
         return (o[0] << 16 | o[0] >> 16) & 0xffffffff;
       }});
  cases.push_back(
      {".reg .b32 x, y; mov.b64 {x, y}, %a; mov.b64 %d, {y, x};", Kind::U64, {Kind::U64}, [](const u64* o) {
         return o[0] << 32 | o[0] >> 32;
       }});
  cases.push_back({".reg .b16 x, y, z, w; mov.b64 {x, y, z, w}, %a; mov.b64 %d, {w, y, x, z};",
                   Kind::U64,
                   {Kind::U64},
                   [](const u64* o) {
                     const u64 x = o[0] & 0xffff, y = o[0] >> 16 & 0xffff, z = o[0] >> 32 & 0xffff, w = o[0] >> 48;
                     return w | y << 16 | x << 32 | z << 48;
                   }});
  cases.push_back({".reg .b32 x; mov.b64 {_, x}, %a; mov.b32 %d, x;", Kind::U32, {Kind::U64}, [](const u64* o) {
                     return o[0] >> 32;
                   }});
  cases.push_back(
      {".reg .b8 x, y; .reg .b16 s; mov.b16 s, %a; cvt.u16.u8 %d, s;", Kind::U16, {Kind::U16}, [](const u64* o) {
         return o[0] & 0xff;
       }});
  cases.push_back({"mov.u32 %d, (3 + 4) * 5 - 0x10 / 2;", Kind::U32, {}, [](const u64*) { return u64(27); }});
  cases.push_back({"mov.u32 %d, 0b1011 | 010 << 4;", Kind::U32, {}, [](const u64*) { return u64(0x8b); }});
  cases.push_back({"mov.s32 %d, -7 % 4 * 2;", Kind::S32, {}, [](const u64*) { return u64(0xfffffffa); }});
  cases.push_back({"mov.u64 %d, 18446744073709551615U;", Kind::U64, {}, [](const u64*) { return ~u64(0); }});
  cases.push_back(
      {"mov.u64 %d, 0xfeedfacecafebeef;", Kind::U64, {}, [](const u64*) { return u64(0xfeedfacecafebeef); }});
  cases.push_back({"mov.f32 %d, 0f40490FDB;", Kind::U32, {}, [](const u64*) { return u64(0x40490fdb); }});
  cases.push_back(
      {"mov.f64 %d, 0d400921FB54442D18;", Kind::U64, {}, [](const u64*) { return u64(0x400921fb54442d18); }});
  cases.push_back({"mov.f32 %d, 1.5;", Kind::U32, {}, [](const u64*) { return u64(0x3fc00000); }});
  cases.push_back({"mov.f64 %d, -2.5e-1;", Kind::U64, {}, [](const u64*) { return u64(0xbfd0000000000000); }});
  cases.push_back(
      {"add.s32 %d, %a, -5;", Kind::U32, {Kind::U32}, [](const u64* o) { return (o[0] - 5) & 0xffffffff; }});
  cases.push_back({"sub.u64 %d, 0x7f, %a;", Kind::U64, {Kind::U64}, [](const u64* o) { return 0x7f - o[0]; }});
  cases.push_back({"mul.lo.s16 %d, %a, -3;", Kind::U16, {Kind::U16}, [](const u64* o) {
                     return static_cast<u64>(static_cast<uint16_t>(o[0] * 65533u));
                   }});
  cases.push_back({"fma.rn.f32 %d, %a, 0f40000000, 0fBF800000;", Kind::F32, {Kind::F32}, [](const u64* o) {
                     const auto bits = static_cast<uint32_t>(o[0]);
                     float f;
                     std::memcpy(&f, &bits, 4);
                     f = std::fma(f, 2.0f, -1.0f);
                     uint32_t r;
                     std::memcpy(&r, &f, 4);
                     return u64(r);
                   }});
  runCases(cases);
}
