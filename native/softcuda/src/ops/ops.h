// Warp-wide operations: what one PTX instruction does to the 32 lanes of a warp, apart from memory, control flow and
// barriers.
//
// A register is an array of 32 lane values, 64-byte aligned:
//   .b8/.b16/.b32 and everything of at most 32 bits : uint32_t[32] (narrow values in the low bits, high bits zero)
//   .b64/.f64                                       : uint64_t[32]
//   .b128                                           : 2 x uint64_t per lane, uint64_t[64], lane-major
//   .pred                                           : uint32_t, bit i is lane i
// An operation writes the lanes of `active` only. Sources may alias the destination.
//
// Operands in general: dst[] and src[] in PTX order; a destination that the program discards (`_`, or an absent `|q`)
// is nullptr where the table below says "optional". Immediates are splatted and `!p` is complemented by the caller.
// `.cc` and addc/subc/madc have the carry flag as one more predicate, appended last to the destinations (carryOut) or
// sources (carryIn).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace softcuda::ops {

inline constexpr int kLanes = 32;

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  U16x2,
  S16x2,
  F16,
  F16x2,
  BF16,
  BF16x2,
  TF32,
  F32,
  F32x2,
  F64,
  E4M3x2,
  E5M2x2,
  U4,
  S4,
  B1,
  U2,
  S2
};

enum class Rounding : uint8_t { None, Rn, Rna, Rz, Rm, Rp, Rni, Rzi, Rmi, Rpi, Approx, Full };

enum class Compare : uint8_t { None, Eq, Ne, Lt, Le, Gt, Ge, Lo, Ls, Hi, Hs, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan };

enum class BoolOp : uint8_t { None, And, Or, Xor };

// The opcode without its modifiers; the list is that of the PTX ISA, "Instruction Set".
enum class Opcode : uint16_t {
#define SOFTCUDA_OPERATION(enumerator, name, operands, cls) enumerator,
#define SOFTCUDA_OPCODE(enumerator, name) enumerator,
#include "opcodes.inc"
};

std::string_view name(Opcode op);                  // "add", "wmma.mma"
bool fromName(std::string_view text, Opcode* op);  // exact; false if unknown

std::string_view name(Type type);                  // "f16x2", without the dot
bool fromName(std::string_view text, Type* type);  // also "b1", "tf32"; false if unknown

// Bits of a value of the type as it lies in a register (TF32: 32; U4, S4, B1: of one element).
int bits(Type type);

// All that selects an operation's meaning. Two instructions with equal keys do the same.
//
// type/sourceType: an instruction with one type suffix has `type` only. Those with two: cvt, set (type: destination,
// sourceType: source); slct (type: a, b, d; sourceType: c); dp4a/dp2a (type: a's, sourceType: b's, as in
// dp4a.atype.btype); mma, wmma.mma (type: D's, sourceType: A's, the rest in variant); mul.wide/mad.wide: `type` is the
// source type as in PTX (mul.wide.s32), the result is twice as wide; video instructions (type: d's, sourceType: a's,
// b's in variant); cvt.pack (type: convertType, sourceType: a's).
struct Key {
  Opcode op;
  Type type = Type::None;
  Type sourceType = Type::None;
  Rounding rounding = Rounding::None;
  Compare compare = Compare::None;
  BoolOp boolOp = BoolOp::None;
  bool ftz = false, sat = false, relu = false, nan = false, abs = false, xorsign = false, noftz = false;
  bool hi = false, lo = false, wide = false;  // mul, mad
  bool carryIn = false, carryOut = false;     // addc/subc/madc (carryIn is implied by them), .cc
  uint32_t variant = 0;                       // per opcode, see below
  bool satfinite = false;                     // cvt: .satfinite, which is not .sat
};

// dst: 1 or more destination registers; src: the sources in PTX order; variant: Key::variant.
using LaneOp = void (*)(uint32_t active, void* const* dst, const void* const* src, uint32_t variant);

// The operation for a key; nullptr and a reason where PTX has no such combination or softcuda does not know it.
// Cheap enough for decoding, not for executing.
LaneOp find(const Key& key, std::string* whyNot);

// The instruction-set levels that this machine can run. Results are the same bit for bit. The best is chosen at start;
// SOFTCUDA_SIMD=scalar|avx2|avx512 in the environment lowers it.
enum class Level : uint8_t { Scalar, Avx2, Avx512 };
Level bestLevel();
LaneOp find(const Key& key, Level level, std::string* whyNot);
std::string_view name(Level level);

// --- Key::variant per opcode
// -------------------------------------------------------------------------------------------------------- Opcodes
// that are not listed have variant 0.

// fma (f16, bf16 and their x2): kOob for fma.rn.oob; sm_90, find refuses it.
inline constexpr uint32_t kOob = 1;

// bfind: kShiftAmount for .shiftamt.
inline constexpr uint32_t kShiftAmount = 1;

// bmsk, szext: .clamp or .wrap. shf: direction and mode.
enum ShiftVariant : uint32_t { kClamp = 0, kWrap = 1, kShfLeft = 0, kShfRight = 2 };

// cvt: bits of the destination and source registers where they are wider than the type says (cvt.u8.u32 %r:
// destination 32; cvt.s64.s8 of a 16-bit register needs no mark: registers of at most 32 bits are alike as sources).
// cvtRegisters(0, 0) = 0 = as wide as the types. The destination is sign- or zero-extended to its register's width.
// 8-bit destinations without a mark fill 16 bits. cvt.rn.f16x2.f32, cvt.rn.bf16x2.f32: type F16x2/BF16x2, sourceType
// F32, src a (upper half), b (lower half); e4m3x2 and e5m2x2 alike. .satfinite is Key::satfinite: cvt.rn.sat.f16.f32
// clamps to [0,1], cvt.rn.satfinite.f16.f32 to the finite numbers.
constexpr uint32_t cvtRegisters(uint32_t destinationBits, uint32_t sourceBits) {
  return destinationBits | sourceBits << 8;
}

// cvt.pack.sat: kPackWithC for the four-operand form (b32 operand c, types u8/s8/u4/s4/u2/s2).
inline constexpr uint32_t kPackWithC = 1;

// dp2a: kDp2aHi for .hi (or Key::hi, either).
inline constexpr uint32_t kDp2aHi = 1;

// lop3: the table, 0..255; with a boolOp: lop3.BoolOp.b32 d|p, a, b, c, lut, q: dst d (optional), p; src a, b, c, q.
// kLop3Predicate is set where there is such a predicate result.
inline constexpr uint32_t kLop3Predicate = 0x100;

// match: dst d, (all:) p optional; src a, membermask.
enum MatchVariant : uint32_t { kMatchAny = 0, kMatchAll = 1 };

// mov: kMovPack | n: src n elements, lowest first, into one register of Key::type; kMovUnpack | n: the reverse,
// elements optional. An element has bits(type)/n bits. 0: plain (any type, Pred too).
enum MovVariant : uint32_t { kMovPack = 0x100, kMovUnpack = 0x200 };

// prmt modes.
enum PrmtVariant : uint32_t { kPrmt = 0, kPrmtF4e, kPrmtB4e, kPrmtRc8, kPrmtEcl, kPrmtEcr, kPrmtRc16 };

// redux.sync: src a, membermask.
enum ReduxVariant : uint32_t { kReduxAdd = 0, kReduxMin, kReduxMax, kReduxAnd, kReduxOr, kReduxXor };

// shfl.sync: dst d, p (optional); src a, b, c, membermask (lanes outside `active` count as absent).
enum ShflVariant : uint32_t { kShflUp = 0, kShflDown, kShflBfly, kShflIdx };

// testp: class. setp: dst p, q (optional); src a, b, and c (predicate) with a boolOp. set: src a, b (, c). selp: src
// a, b, p. setp and set have the boolOp, the type of the result and the comparison in the variant too: as the
// relations of a and b for which it holds.
enum RelationBits : uint32_t { kLess = 1, kEqual = 2, kGreater = 4, kUnordered = 8 };
constexpr uint32_t relations(Compare c) {
  switch (c) {
    case Compare::Eq: return kEqual;
    case Compare::Ne: return kLess | kGreater;
    case Compare::Lt:
    case Compare::Lo: return kLess;
    case Compare::Le:
    case Compare::Ls: return kLess | kEqual;
    case Compare::Gt:
    case Compare::Hi: return kGreater;
    case Compare::Ge:
    case Compare::Hs: return kGreater | kEqual;
    case Compare::Equ: return kEqual | kUnordered;
    case Compare::Neu: return kLess | kGreater | kUnordered;
    case Compare::Ltu: return kLess | kUnordered;
    case Compare::Leu: return kLess | kEqual | kUnordered;
    case Compare::Gtu: return kGreater | kUnordered;
    case Compare::Geu: return kGreater | kEqual | kUnordered;
    case Compare::Num: return kLess | kEqual | kGreater;
    case Compare::Nan: return kUnordered;
    default: return 0;
  }
}
constexpr uint32_t compareVariant(const Key& k) {
  return uint32_t(k.boolOp) | (k.op == Opcode::Set ? uint32_t(k.type) << 8 : 0u) | relations(k.compare) << 16;
}
enum TestpVariant : uint32_t {
  kTestpFinite = 0,
  kTestpInfinite,
  kTestpNumber,
  kTestpNotanumber,
  kTestpNormal,
  kTestpSubnormal
};

// vote.sync: type Pred (all, any, uni) or B32 (ballot); src p, membermask. elect.sync: dst d (optional), p; src
// membermask. activemask: dst d, no source. movmatrix.sync.aligned.m8n8.trans.b16: src a; needs all lanes.
enum VoteVariant : uint32_t { kVoteAll = 0, kVoteAny, kVoteUni, kVoteBallot };

// min/max with three sources: kThreeInput (f32, sm_100); find refuses it.
inline constexpr uint32_t kThreeInput = 1;

// Video instructions: the b type and, for vset and the secondary operation, what follows; selectors are those of the
// scalar forms.
struct VideoVariant {
  enum Second : uint32_t {
    kNone = 0,
    kAddC,
    kMinC,
    kMaxC,
    kMergeB0,
    kMergeB1,
    kMergeB2,
    kMergeB3,
    kMergeH0,
    kMergeH1
  };
  enum Selector : uint32_t { kWhole = 0, kB0, kB1, kB2, kB3, kH0, kH1 };
  Type bType = Type::U32;
  Second second =
      kNone;  // scalar: .add/.min/.max or d.b0..d.h1; SIMD: kAddC for .add, kNone otherwise (merge by mask)
  Selector a = kWhole, b = kWhole;  // scalar forms
  uint32_t mask = 0xf;              // SIMD forms: the element mask of d (.b0 = 1, .b1 = 2 ...; .h0 = 1, .h1 = 2)
  uint32_t selectA = 0x3210,
           selectB =
               0x7654;  // SIMD forms: selectors as nibbles, lowest element first: byte (or half) 0-7 (0-3) of b:a
  bool wrap = false;    // vshl, vshr: .wrap rather than .clamp
  bool plusOne = false, negateProduct = false, negateC = false;  // vmad: .po, -(a*b), -c
  uint32_t scale = 0;                                            // vmad: .shr7, .shr15
};
// The video key is looked up with its own description; compare and sat are in the key.
LaneOp findVideo(const Key& key, const VideoVariant& video, uint32_t* variant, std::string* whyNot);

// --- Tensor cores
// --------------------------------------------------------------------------------------------------------------------
// mma and wmma.mma: Key{op, type: D's, sourceType: A's, variant: mmaVariant(...)}; dst: the registers of D, src: those
// of A, B, C in PTX order (.b32 registers; f32 and s32 accumulators one per register, f16 accumulators two; f64
// registers 64 bits). All lanes take part: call with active = 0xffffffff.
enum class Shape : uint8_t {
  None,
  M8N8K4,
  M8N8K16,
  M8N8K32,
  M8N8K128,
  M16N8K4,
  M16N8K8,
  M16N8K16,
  M16N8K32,
  M16N8K64,
  M16N8K128,
  M16N8K256,
  M16N16K16,
  M8N32K16,
  M32N8K16,
  M16N16K8
};
bool fromName(std::string_view text, Shape* shape);  // "m16n8k16"
struct Extent {
  int m, n, k;
};
Extent extent(Shape shape);

enum class MmaOp : uint8_t { Multiply, XorPopc, AndPopc };  // the last two for .b1
struct MmaForm {
  Shape shape = Shape::None;
  Type a = Type::None, b = Type::None, c = Type::None, d = Type::None;
  bool columnA = false;  // layouts; mma of m16 shapes is always row.col: columnA false, columnB true
  bool columnB = true;
  bool satfinite = false;
  MmaOp op = MmaOp::Multiply;
};
// Packs what Key does not have; the layouts of wmma are matters of its loads and stores only.
constexpr uint32_t mmaVariant(const MmaForm& f) {
  return uint32_t(f.shape) | uint32_t(f.b) << 8 | uint32_t(f.c) << 16 | uint32_t(f.columnA) << 24 |
         uint32_t(f.columnB) << 25 | uint32_t(f.satfinite) << 26 | uint32_t(f.op) << 27;
}
constexpr Key mmaKey(Opcode op, const MmaForm& f) {
  Key key{op};
  key.type = f.d;
  key.sourceType = f.a;
  key.sat = f.satfinite;
  key.variant = mmaVariant(f);
  return key;
}
// Multiply-adds of one instruction counted as 2 operations each: 2*m*n*k, and four times that for mma.m8n8k4 of f16
// (four products).
uint64_t mmaFlop(Shape shape, Type a);

// How a fragment lies in registers. For lane l and register r, `elements[e]` gives row and column (of A: m, k; of B:
// k, n; of C and D: m, n) of the element in bits [e*width, (e+1)*width). An element may be held in several places (f16
// wmma fragments): loads fill all, stores write it once. wmma.load and wmma.store use exactly this table, whatever the
// layout in memory is.
enum class Operand : uint8_t { A, B, C };  // D lies as C
struct Element {
  uint8_t row, column;
};
struct Fragment {
  int registers = 0;      // per lane
  int registerBits = 32;  // 64 for f64
  int elementBits = 32;
  int elementsPerRegister = 1;
  // of lane, register, element within the register
  Element (*at)(Shape shape, Operand operand, Type type, int lane, int reg, int element) = nullptr;
};
// registers == 0 where PTX has no such form.
Fragment mmaFragment(Opcode op /* Mma or WmmaMma */, Shape shape, Operand operand, Type type);

}  // namespace softcuda::ops
