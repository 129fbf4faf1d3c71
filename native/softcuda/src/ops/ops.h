// Warp-wide operations: what one PTX instruction does to the 32 lanes of a warp, apart from memory, control flow and barriers.
//
// A register is an array of 32 lane values:
//   .b8/.b16/.b32 and everything of at most 32 bits : uint32_t[32] (narrow values in the low bits, high bits zero)
//   .b64/.f64                                       : uint64_t[32]
//   .b128                                           : 2 x uint64_t per lane, uint64_t[64], lane-major
//   .pred                                           : uint32_t, bit i is lane i
// An operation writes the lanes of `active` only. Sources may alias the destination.
#pragma once
#include <cstdint>
#include <string>

namespace softcuda::ops {

inline constexpr int kLanes = 32;

enum class Type : uint8_t {
  None, Pred, B8, B16, B32, B64, B128, U8, U16, U32, U64, S8, S16, S32, S64,
  U16x2, S16x2, F16, F16x2, BF16, BF16x2, TF32, F32, F32x2, F64, E4M3x2, E5M2x2, U4, S4, B1
};

enum class Rounding : uint8_t { None, Rn, Rna, Rz, Rm, Rp, Rni, Rzi, Rmi, Rpi, Approx, Full };

enum class Compare : uint8_t { None, Eq, Ne, Lt, Le, Gt, Ge, Lo, Ls, Hi, Hs, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan };

enum class BoolOp : uint8_t { None, And, Or, Xor };

// The opcode without its modifiers; the list is that of the PTX ISA, "Instruction Set".
enum class Opcode : uint16_t;

// All that selects an operation's meaning. Two instructions with equal keys do the same.
struct Key {
  Opcode op;
  Type type = Type::None;      // destination type, the last type suffix where there is one only
  Type sourceType = Type::None;  // cvt, set, mul.wide results etc.: the second type suffix
  Rounding rounding = Rounding::None;
  Compare compare = Compare::None;
  BoolOp boolOp = BoolOp::None;
  bool ftz = false, sat = false, relu = false, nan = false, abs = false, xorsign = false, noftz = false;
  bool hi = false, lo = false, wide = false;          // mul, mad
  bool carryIn = false, carryOut = false;             // addc, .cc: the carry flag is one more pred source / destination, appended last
  uint32_t variant = 0;        // shf l/r + clamp/wrap, prmt mode, testp class, lop3 table, dp4a signs, szext, bfind.shiftamt, shfl/vote/match/redux mode ...; documented per opcode
};

// dst: 1 or more destination registers; src: the sources in PTX order. Immediates are splatted by the caller.
using LaneOp = void (*)(uint32_t active, void* const* dst, const void* const* src, uint32_t variant);

// The operation for a key; nullptr and a reason where PTX has no such combination or softcuda does not know it.
LaneOp find(const Key& key, std::string* whyNot);

}  // namespace softcuda::ops
