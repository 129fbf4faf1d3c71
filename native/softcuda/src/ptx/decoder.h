// Turns a parsed function into decoded instructions: checks opcodes, modifiers and operands, finds the operations,
// lays out local memory. Anything it does not know is a PtxError with the line.
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "program/program.h"
#include "ptx/arrays.h"
#include "ptx/ast.h"
#include "ptx/control_flow.h"
#include "ptx/ptx_error.h"
#include "ptx/register_layout.h"

namespace softcuda::ptx {

// What the functions of a program share while it is built.
class ProgramBuilder {
 public:
  ProgramBuilder(const ParsedModule& module, program::Program& program) : module_(module), program_(program) {}
  void build(const Function& kernel);

  const ParsedModule& module() const { return module_; }
  program::Program& program() { return program_; }
  program::Ref constant(uint64_t bits, uint32_t slotBytes);  // 4 (predicate), 128 or 256 bytes
  // The address of a shared variable: a constant of its own, that no equal number shares.
  program::Ref addressConstant(const Variable& variable, uint64_t address, uint32_t slotBytes);
  const KnownConstants& known() const { return known_; }
  uint64_t addressOf(const Variable& variable, uint32_t line);
  uint64_t addressOf(const Function& function, uint32_t line);
  uint32_t functionIndex(const Function& function);  // in the program; decodes it if it is new
  uint32_t newCacheSlot() { return program_.cacheSlots++; }
  void indirectCall() { hasIndirectCalls_ = true; }

 private:
  void layOutShared(const Function& kernel);
  const ParsedModule& module_;
  program::Program& program_;
  program::Ref newConstant(uint64_t bits, uint32_t slotBytes);
  std::map<std::pair<uint32_t, uint64_t>, program::Ref> constantByBits_;
  std::map<std::pair<const Variable*, std::pair<uint32_t, uint64_t>>, program::Ref> addressConstants_;
  KnownConstants known_;
  std::vector<std::pair<uint32_t, uint64_t>> constants_;  // slot bytes, bits
  uint32_t constantBytes_ = 0;
  std::unordered_map<const Variable*, uint64_t> shared_;
  std::vector<const Function*> pending_;
  bool hasIndirectCalls_ = false;
};

// The modifiers of an instruction, taken one by one; whatever is left is an error.
class Modifiers {
 public:
  Modifiers(const Instruction& instruction, size_t from);
  bool take(std::string_view word);  // anywhere
  bool takePrefix(std::string_view prefix, std::string_view* word);
  bool takeType(ops::Type* type);  // the first type
  bool empty() const { return words_.empty(); }
  const std::vector<std::string_view>& left() const { return words_; }
  void finish() const;  // throws if something is left
  [[noreturn]] void illegal(std::string_view word) const;

 private:
  const Instruction& instruction_;
  std::vector<std::string_view> words_;
};

class Decoder {
 public:
  Decoder(ProgramBuilder& builder, const Function& source, program::DecodedFunction& out);
  void decode();

 private:
  using Instr = program::Instr;
  using Ref = program::Ref;
  using Access = program::Access;

  // ---- emission (decoder.cpp)
  [[noreturn]] void fail(const std::string& message, ErrorKind kind = ErrorKind::Syntax) const {
    throw PtxError(current_->line, message, kind);
  }
  [[noreturn]] void mismatch() const;
  Instr& emit(program::Kind kind, program::Class cls);
  void result(Ref ref);  // of the instruction emitted last, in order
  void source(Ref ref);
  void otherSource(Ref ref);  // read by the instruction but not in refs
  void layOutLocals();
  void markUnusedElements();
  void markArrays();
  uint32_t arrayOf(const Variable& variable);
  std::vector<bool> meetingPoints() const;
  void instruction();
  void resolveTargets();
  void finish();
  RegisterId temporary(ops::Type type);
  ops::Type typeOf(RegisterId reg) const { return registers_[reg]; }
  int bitsOf(RegisterId reg) const;

  // ---- operands (decoder.cpp)
  enum class Width : uint8_t { Predicate, Bits16, Bits32, Bits64, Bits128 };
  static Width widthOf(ops::Type type);
  const Operand& at(size_t index) const;
  Ref resultRef(const Operand& operand, Width width);
  Ref optionalResultRef(const Operand& operand, Width width);
  // A register or constant; complement (if not null) is set for !p.
  Ref sourceRef(const Operand& operand, Width width, ops::Type type, bool* complement = nullptr);
  uint64_t immediate(const Operand& operand, ops::Type type) const;
  bool isImmediate(const Operand& operand) const;
  uint64_t immediateInteger(const Operand& operand, const char* what) const;
  Ref materialise(const Operand& operand, Width width);  // special register, local address
  Ref constant(uint64_t bits, Width width);

  // ---- operations (decoder_lane.cpp)
  void lane(ops::Opcode opcode, size_t modifiersFrom);
  struct LaneOperands {
    std::vector<Ref> results;
    std::vector<std::pair<Ref, bool>> sources;  // and whether it is complemented
  };
  void ownModifiers(Modifiers& modifiers, ops::Key& key);
  bool syncModifiers(Modifiers& modifiers, ops::Opcode opcode);
  void commonModifiers(Modifiers& modifiers, ops::Key& key);
  static std::pair<Width, ops::Type> widthOfLetter(char letter, const ops::Key& key);
  LaneOperands laneOperands(ops::Key& key);
  void laneResults(std::string_view letters, const ops::Key& key, std::vector<Ref>& results);
  void move(Modifiers& modifiers);
  void convert(Modifiers& modifiers);
  void matrixMultiply(Modifiers& modifiers, bool wmma);
  void emitLane(const ops::Key& key, program::Class cls);
  void addComplement(bool complement);
  void finishLane();
  program::Class classOf(const ops::Key& key) const;
  void video(ops::Opcode opcode, Modifiers& modifiers);
  void videoModifiers(Modifiers& modifiers, ops::Key& key, ops::VideoVariant& variant);
  void videoSelector(std::string_view text, ops::VideoVariant::Selector* selector);
  void videoSelectors(std::string_view text, int elements, uint32_t* nibbles);
  void videoElementsOf(const Operand& d, const Operand& a, const Operand& b, ops::VideoVariant& variant);

  // ---- memory (decoder_memory.cpp)
  bool memory(ops::Opcode opcode);
  void load(bool uniform);
  void store();
  void atomic(bool reduction);
  void copyAsync();
  void mbarrier();
  void loadMatrix();
  void wmmaLoadStore(bool isStore);
  void touch(ops::Opcode opcode);
  void addressConversion();
  void isSpace();
  void fence(ops::Opcode opcode);
  void stack(ops::Opcode opcode);
  bool takeSpace(Modifiers& modifiers, program::Area* area, bool allowParameter);
  void takeOrder(Modifiers& modifiers, Access& access, bool store);
  void takeCaching(Modifiers& modifiers, bool* hasHint);
  Access access(const Operand& address, program::Area area, uint32_t bytes, uint32_t count);
  void dataRefs(const Operand& operand, Access& access, ops::Type type, bool isResult);
  void cachePolicy(size_t index, bool hasHint);
  uint32_t addAccess(const Access& access);

  // ---- control (decoder_control.cpp)
  bool control(ops::Opcode opcode);
  void enterFunction();
  void returnFromFunction();
  void branch();
  void branchIndexed();
  void call();
  void barrier(bool isShort);

  ProgramBuilder& builder_;
  const Function& source_;
  program::DecodedFunction& out_;
  ControlFlow flow_;
  const Instruction* current_ = nullptr;
  uint32_t currentIndex_ = 0;
  std::vector<ops::Type> registers_;  // by id; temporaries follow the function's
  std::vector<Emitted> code_;
  std::vector<uint32_t> firstOf_;  // instruction of the function -> index in code_
  std::unordered_map<const Variable*, uint32_t> localOffset_;
  std::unordered_map<const Variable*, uint32_t> arrays_;  // index in out_.arrays
  RegisterId carry_ = kNoRegister;
};

}  // namespace softcuda::ptx
