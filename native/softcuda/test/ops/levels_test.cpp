// Every key that exists: the instruction-set levels agree bit for bit, on full and partial masks; lanes that are not
// active stay as they were; a destination may be one of the sources.
#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "check.h"
#include "ops/ops.h"

using namespace softcuda::ops;

namespace {

constexpr int kWords = 2 * kLanes;  // a register of 64 bits per lane, seen as 32-bit words, twice: room for .b128
struct alignas(64) Register {
  uint32_t word[2 * kWords];
};

uint64_t state = 88172645463325252ull;
uint64_t next() {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

// Interesting bit patterns of a width: extremes, powers of two, and for floating point zeros, subnormals, halfway
// cases, infinities, NaN.
uint64_t pattern(int width) {
  static const uint64_t p16[] = {0,      1,      2,      0x3ff,  0x400,  0x7fff, 0x8000, 0x8001, 0xffff,
                                 0x3c00, 0x3c01, 0xbc00, 0x7bff, 0x7c00, 0xfc00, 0x7c01, 0x7e00, 0xfe00,
                                 0x3f80, 0x7f80, 0xff80, 0x7fc0, 0x7f81, 0x0080, 0x007f, 0x4b00, 0x7f7f};
  static const uint64_t p32[] = {0,          1,          2,          31,         32,         33,         63,
                                 255,        256,        0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x3f800000,
                                 0x3f800001, 0xbf800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7f800001, 0x7fc00000,
                                 0xffc12345, 0x00800000, 0x007fffff, 0x4b000001, 0x4f000000, 0x5f000000, 0x33800000,
                                 0x477fe000, 0x477ff000, 0x38800000, 0x33000000, 0x3effffff, 0x3f000000, 0x3fc00000,
                                 0x42fe0000, 0xc3160000};
  static const uint64_t p64[] = {0,
                                 1,
                                 2,
                                 63,
                                 64,
                                 0x7fffffffffffffff,
                                 0x8000000000000000,
                                 0x8000000000000001,
                                 0xffffffffffffffff,
                                 0x3ff0000000000000,
                                 0x3ff0000000000001,
                                 0xbff0000000000000,
                                 0x7fefffffffffffff,
                                 0x7ff0000000000000,
                                 0xfff0000000000000,
                                 0x7ff0000000000001,
                                 0x7ff8000000000000,
                                 0xfff8123400000000,
                                 0x0010000000000000,
                                 0x000fffffffffffff,
                                 0x41dfffffffc00000,
                                 0x41e0000000000000,
                                 0x43e0000000000000,
                                 0x3690000000000000,
                                 0x47efffffe0000000,
                                 0x47efffffffffffff,
                                 0x3810000000000000,
                                 0x40effe0000000000,
                                 0x40efffffffffffff,
                                 0x20000000000001,
                                 0x40000000000003ff};
  const bool random = next() % 3 == 0;
  if (width <= 16) return (random ? next() : p16[next() % (sizeof p16 / 8)]) & ((1ull << width) - 1);
  if (width == 32) {
    if (random) return next() & 0xffffffff;
    if (next() % 4 == 0) return pattern(16) | pattern(16) << 16;
    return p32[next() % (sizeof p32 / 8)];
  }
  return random ? next() : p64[next() % (sizeof p64 / 8)];
}
void fill(Register& r, int width) {
  for (int i = 0; i < kWords; ++i) {
    if (width == 64 || width == 128) {
      const uint64_t v = pattern(64);
      r.word[2 * i] = static_cast<uint32_t>(v), r.word[2 * i + 1] = static_cast<uint32_t>(v >> 32);
    } else {
      r.word[2 * i] = static_cast<uint32_t>(pattern(width)), r.word[2 * i + 1] = static_cast<uint32_t>(pattern(width));
    }
  }
}
bool equal(const Register& a, const Register& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

const Type kTypes[] = {Type::None, Type::Pred,  Type::B8,    Type::B16, Type::B32,    Type::B64,    Type::B128,
                       Type::U8,   Type::U16,   Type::U32,   Type::U64, Type::S8,     Type::S16,    Type::S32,
                       Type::S64,  Type::U16x2, Type::S16x2, Type::F16, Type::F16x2,  Type::BF16,   Type::BF16x2,
                       Type::TF32, Type::F32,   Type::F32x2, Type::F64, Type::E4M3x2, Type::E5M2x2, Type::U4,
                       Type::S4,   Type::U2,    Type::S2};

struct Shapes {
  int results = 1, sources = 0, predicates = 0;
};  // operand counts; the last `predicates` sources are predicates
std::string text(const Key& k) {
  return std::string(name(k.op)) + "." + std::string(name(k.type)) + "." + std::string(name(k.sourceType)) +
         " rounding " + std::to_string(static_cast<int>(k.rounding)) + " compare " +
         std::to_string(static_cast<int>(k.compare)) + " bool " + std::to_string(static_cast<int>(k.boolOp)) +
         " ftz/sat/relu/nan " + std::to_string(k.ftz * 8 + k.sat * 4 + k.relu * 2 + k.nan) + " variant " +
         std::to_string(k.variant);
}

int widthOf(Type t) { return bits(t) == 0 || bits(t) == 1 ? 32 : bits(t) < 8 ? 32 : bits(t); }
// Warp-wide operations give lanes what depends on the other lanes; their masks must name active lanes.
bool isWarpWide(Opcode op) {
  return op == Opcode::Shfl || op == Opcode::Vote || op == Opcode::Match || op == Opcode::Redux ||
         op == Opcode::Elect || op == Opcode::Activemask || op == Opcode::Movmatrix;
}
bool writesPredicate(const Key& k) { return k.op == Opcode::Setp || k.op == Opcode::Testp || k.type == Type::Pred; }

long keysTried = 0;

void tryKey(const Key& key, const std::vector<int>& widths /* of sources */, int results,
            bool secondIsPredicate = false) {
  const LaneOp scalar = find(key, Level::Scalar, nullptr);
  std::vector<LaneOp> ops{scalar};
  for (const Level level : {Level::Avx2, Level::Avx512}) {
    if (level > bestLevel()) continue;
    const LaneOp op = find(key, level, nullptr);
    CHECK_MSG((op == nullptr) == (scalar == nullptr), std::string(name(level)) + " " + text(key));
    if (op != nullptr) ops.push_back(op);
  }
  if (scalar == nullptr) return;
  ++keysTried;
  const int rounds = 4;
  for (int round = 0; round < rounds; ++round) {
    const uint32_t active = round == 0 ? 0xffffffffu : round == 1 ? 0x0000ffffu : static_cast<uint32_t>(next());
    std::vector<Register> sources(widths.size());
    std::vector<const void*> src;
    for (size_t i = 0; i < widths.size(); ++i) fill(sources[i], widths[i]), src.push_back(&sources[i]);
    Register before[4];
    for (Register& r : before) fill(r, 32);
    Register first[4];
    for (size_t n = 0; n < ops.size(); ++n) {
      Register out[4] = {before[0], before[1], before[2], before[3]};
      void* dst[4] = {&out[0], &out[1], &out[2], &out[3]};
      ops[n](active, dst, src.data(), key.variant);
      if (n == 0) std::copy(out, out + 4, first);
      for (int r = 0; r < 4; ++r)
        CHECK_MSG(equal(out[r], first[r]), "levels differ, result " + std::to_string(r) + " of " + text(key));
      for (int r = results; r < 4; ++r) CHECK_MSG(equal(out[r], before[r]), "writes beyond its results: " + text(key));
      if (round == 0 || isWarpWide(key.op)) continue;
      // The same with all lanes gives the active lanes' values; the others keep theirs.
      Register whole[4] = {before[0], before[1], before[2], before[3]};
      void* all[4] = {&whole[0], &whole[1], &whole[2], &whole[3]};
      ops[n](0xffffffffu, all, src.data(), key.variant);
      for (int r = 0; r < results; ++r) {
        if (writesPredicate(key) || (r == 1 && secondIsPredicate)) {
          CHECK_MSG(out[r].word[0] == ((whole[r].word[0] & active) | (before[r].word[0] & ~active)),
                    "mask: " + text(key));
          continue;
        }
        // 32-bit or 64-bit lanes: either view must hold.
        bool asWords = true, asDoubles = true, asQuads = true;
        for (int i = 0; i < kLanes; ++i) {
          const Register& wanted = active >> i & 1 ? whole[r] : before[r];
          asWords &= out[r].word[i] == wanted.word[i];
          asDoubles &= out[r].word[2 * i] == wanted.word[2 * i] && out[r].word[2 * i + 1] == wanted.word[2 * i + 1];
          for (int w = 0; w < 4; ++w) asQuads &= out[r].word[4 * i + w] == wanted.word[4 * i + w];
        }
        CHECK_MSG(asWords || asDoubles || asQuads, "mask: " + text(key));
      }
      // The destination is the first source, of the same width.
      if (results == 1 && !widths.empty() && !writesPredicate(key) && widthOf(key.type) == widths[0] && !key.wide &&
          key.op != Opcode::Cvt && key.op != Opcode::Set) {
        Register shared = sources[0];
        Register separate = sources[0];
        std::vector<const void*> aliased = src;
        aliased[0] = &shared;
        void* one[4] = {&shared, &out[1], &out[2], &out[3]};
        void* other[4] = {&separate, &out[1], &out[2], &out[3]};
        ops[n](active, one, aliased.data(), key.variant);
        ops[n](active, other, src.data(), key.variant);
        CHECK_MSG(equal(shared, separate), "destination is a source: " + text(key));
      }
    }
  }
}

const Rounding kRoundings[] = {Rounding::None, Rounding::Rn,  Rounding::Rna,    Rounding::Rz,
                               Rounding::Rm,   Rounding::Rp,  Rounding::Rni,    Rounding::Rzi,
                               Rounding::Rmi,  Rounding::Rpi, Rounding::Approx, Rounding::Full};
std::vector<int> repeated(int width, int count) { return std::vector<int>(static_cast<size_t>(count), width); }

// All flags of arithmetic; count: sources.
void arithmetic(Opcode op, int count) {
  for (const Type t : kTypes)
    for (const Rounding r : kRoundings)
      for (int flags = 0; flags < 64; ++flags) {
        Key k{op};
        k.type = t, k.rounding = r;
        k.ftz = flags & 1, k.sat = flags & 2, k.relu = flags & 4, k.nan = flags & 8, k.abs = k.xorsign = flags & 16,
        k.hi = flags & 32;
        tryKey(k, repeated(widthOf(t), count), 1);
      }
}

}  // namespace

TEST(arithmetic_of_one_operand) {
  for (const Opcode op :
       {Opcode::Abs, Opcode::Neg, Opcode::Rcp, Opcode::Sqrt, Opcode::Rsqrt, Opcode::Sin, Opcode::Cos, Opcode::Ex2,
        Opcode::Lg2, Opcode::Tanh, Opcode::Not, Opcode::Cnot, Opcode::Popc, Opcode::Clz, Opcode::Brev})
    arithmetic(op, 1);
}
TEST(arithmetic_of_two_operands) {
  for (const Opcode op : {Opcode::Add, Opcode::Sub, Opcode::Mul, Opcode::Div, Opcode::Rem, Opcode::Min, Opcode::Max,
                          Opcode::Copysign, Opcode::And, Opcode::Or, Opcode::Xor, Opcode::Mul24})
    arithmetic(op, 2);
  for (const Opcode op : {Opcode::Shl, Opcode::Shr})
    for (const Type t : kTypes) {
      Key k{op};
      k.type = t;
      tryKey(k, {widthOf(t), 32}, 1);
    }
}
TEST(arithmetic_of_three_operands) {
  for (const Opcode op : {Opcode::Fma, Opcode::Mad, Opcode::Sad, Opcode::Mad24}) arithmetic(op, 3);
}
TEST(low_and_wide_products_and_carries) {
  for (const Type t : kTypes) {
    for (const bool wide : {false, true}) {
      for (const Opcode op : {Opcode::Mul, Opcode::Mul24, Opcode::Mad, Opcode::Mad24}) {
        Key k{op};
        k.type = t, k.wide = wide, k.lo = !wide;
        const int w = widthOf(t);
        tryKey(k, {w, w, wide && w == 32 ? 64 : wide ? 32 : w}, 1);
      }
    }
    for (const bool out : {false, true})
      for (const bool hi : {false, true})
        for (const Opcode op : {Opcode::Add, Opcode::Addc, Opcode::Sub, Opcode::Subc, Opcode::Mad, Opcode::Madc}) {
          Key k{op};
          k.type = t, k.carryOut = out;
          const bool mad = op == Opcode::Mad || op == Opcode::Madc;
          k.hi = mad && hi, k.lo = mad && !hi;
          std::vector<int> widths = repeated(widthOf(t), mad ? 3 : 2);
          widths.push_back(32);
          tryKey(k, widths, out ? 2 : 1, true);
        }
  }
}
TEST(bit_fields) {
  for (const Type t : kTypes)
    for (uint32_t variant = 0; variant < 8; ++variant) {
      const int w = widthOf(t);
      for (const Opcode op : {Opcode::Bfe, Opcode::Bfind, Opcode::Szext, Opcode::Bmsk, Opcode::Fns, Opcode::Shf,
                              Opcode::Prmt, Opcode::Testp}) {
        Key k{op};
        k.type = t, k.variant = variant;
        tryKey(k, {w, 32, 32}, 1);
      }
      Key bfi{Opcode::Bfi};
      bfi.type = t, bfi.variant = variant;
      tryKey(bfi, {w, w, 32, 32}, 1);
      for (const Type s : {Type::U32, Type::S32})
        for (const Opcode op : {Opcode::Dp4a, Opcode::Dp2a}) {
          Key k{op};
          k.type = t, k.sourceType = s, k.variant = variant;
          tryKey(k, {32, 32, 32}, 1);
        }
    }
  for (uint32_t table = 0; table < 256; ++table) {
    Key k{Opcode::Lop3};
    k.type = Type::B32, k.variant = table;
    tryKey(k, {32, 32, 32}, 1);
    k.variant = table | kLop3Predicate;
    for (const BoolOp b : {BoolOp::And, BoolOp::Or}) k.boolOp = b, tryKey(k, {32, 32, 32, 32}, 2, true);
  }
}
TEST(comparisons) {
  for (const Type s : kTypes)
    for (int c = 1; c <= static_cast<int>(Compare::Nan); ++c)
      for (int b = 0; b < 4; ++b)
        for (const bool ftz : {false, true}) {
          Key k{Opcode::Setp};
          k.type = s, k.compare = static_cast<Compare>(c), k.boolOp = static_cast<BoolOp>(b), k.ftz = ftz,
          k.variant = compareVariant(k);
          tryKey(k, {widthOf(s), widthOf(s), 32}, 2);
          k.op = Opcode::Set, k.sourceType = s;
          for (const Type d :
               {Type::U32, Type::S32, Type::F32, Type::U16, Type::F16, Type::BF16, Type::F16x2, Type::BF16x2})
            k.type = d, k.variant = compareVariant(k), tryKey(k, {widthOf(s), widthOf(s), 32}, 1);
        }
}
TEST(moves) {
  for (const Type t : kTypes) {
    const int w = widthOf(t);
    Key k{Opcode::Mov};
    k.type = t;
    tryKey(k, {w}, 1);
    for (const uint32_t n : {2u, 4u}) {
      k.variant = kMovPack | n;
      tryKey(k, repeated(w / static_cast<int>(n) > 32 ? 64 : 32, static_cast<int>(n)), 1);
      k.variant = kMovUnpack | n;
      const LaneOp op = find(k, Level::Scalar, nullptr);
      if (op != nullptr) tryKey(k, {w}, static_cast<int>(n));
    }
    Key selp{Opcode::Selp};
    selp.type = t;
    tryKey(selp, {w, w, 32}, 1);
    for (const Type c : {Type::S32, Type::F32})
      for (const bool ftz : {false, true}) {
        Key slct{Opcode::Slct};
        slct.type = t, slct.sourceType = c, slct.ftz = ftz;
        tryKey(slct, {w, w, 32}, 1);
      }
  }
}
TEST(conversions) {
  for (const Type d : kTypes)
    for (const Type s : kTypes)
      for (const Rounding r : kRoundings)
        for (int flags = 0; flags < 16; ++flags) {
          Key k{Opcode::Cvt};
          k.type = d, k.sourceType = s, k.rounding = r;
          k.ftz = flags & 1, k.sat = flags & 2, k.relu = flags & 4, k.satfinite = flags & 8;
          tryKey(k, {widthOf(s), widthOf(s)}, 1);
          if (flags == 0 && widthOf(d) < 64) {
            k.variant = cvtRegisters(32, 0), tryKey(k, {widthOf(s), widthOf(s)}, 1);
            k.variant = cvtRegisters(64, 64), tryKey(k, {64, 64}, 1);
          }
          if (flags == 2) {
            k.op = Opcode::CvtPack;
            for (const uint32_t v : {0u, kPackWithC}) k.variant = v, tryKey(k, {32, 32, 32}, 1);
          }
        }
}
TEST(warp_operations) {
  for (const Opcode op : {Opcode::Shfl, Opcode::Vote, Opcode::Match, Opcode::Redux, Opcode::Elect, Opcode::Activemask,
                          Opcode::Movmatrix})
    for (const Type t : kTypes)
      for (uint32_t variant = 0; variant < 6; ++variant) {
        Key k{op};
        k.type = t, k.variant = variant;
        tryKey(k, {op == Opcode::Match ? widthOf(t) : 32, 32, 32, 32},
               op == Opcode::Shfl || op == Opcode::Match || op == Opcode::Elect ? 2 : 1, true);
      }
}
TEST(there_are_as_many_as_expected) { CHECK_MSG(keysTried > 2500, std::to_string(keysTried)); }

MAIN()
