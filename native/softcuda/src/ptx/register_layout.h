// Where registers lie in a frame: by linear scan over live ranges, so that a frame holds only what is alive at once
// and stays in the caches. Sharing a slot between registers is right for each lane by itself, since an instruction
// writes its active lanes only.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/ops.h"
#include "program/instruction.h"
#include "program/source_text.h"

namespace softcuda::ptx {

struct Variable;

// An instruction whose registers have no places yet: a Ref is then the register's number << 2 | 3.
struct Emitted {
  program::Instr instr;
  program::SourcePosition position;
  std::vector<program::Ref> results, sources, others;  // others: read by the instruction but not in its refs
  bool isOperation = false;
  ops::Opcode opcode{};                // of an operation
  const Variable* variable = nullptr;  // whose address a LocalAddress is
};

constexpr program::Ref registerRef(uint32_t reg) { return reg << 2 | 3u; }
constexpr bool isRegister(program::Ref ref) { return (ref & 3) == 3; }
constexpr uint32_t registerOf(program::Ref ref) { return ref >> 2; }

struct RegisterLayout {
  std::vector<uint64_t> offsets;  // by register, within the frame; 0 for one that no instruction uses
  uint64_t bytes = 0;             // of the frame
  uint32_t liveWords = 0;         // most 32-bit registers alive at once
};

// `tables` are those of brx.idx, `types` the registers'.
RegisterLayout layOutRegisters(const std::vector<Emitted>& code, const std::vector<std::vector<uint32_t>>& tables,
                               const std::vector<ops::Type>& types);

}  // namespace softcuda::ptx
