// Emission of decoded instructions, operands, the layout of local memory.
#include "ptx/decoder.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace softcuda::ptx {

using program::Class;
using program::kInConstants;
using program::Kind;
using program::kNowhere;
using K = Operand::Kind;

// ---- modifiers

Modifiers::Modifiers(const Instruction& instruction, size_t from)
    : instruction_(instruction),
      words_(instruction.modifiers.begin() + static_cast<std::ptrdiff_t>(from), instruction.modifiers.end()) {}

bool Modifiers::take(std::string_view word) {
  const auto found = std::find(words_.begin(), words_.end(), word);
  if (found == words_.end()) return false;
  words_.erase(found);
  return true;
}

bool Modifiers::takePrefix(std::string_view prefix, std::string_view* word) {
  for (auto it = words_.begin(); it != words_.end(); ++it) {
    if (it->substr(0, prefix.size()) == prefix) {
      *word = *it;
      words_.erase(it);
      return true;
    }
  }
  return false;
}

bool Modifiers::takeType(ops::Type* type) {
  for (auto it = words_.begin(); it != words_.end(); ++it) {
    if (ops::fromName(*it, type)) {
      words_.erase(it);
      return true;
    }
  }
  return false;
}

void Modifiers::illegal(std::string_view word) const {
  throw PtxError(instruction_.line,
                 "Illegal modifier '." + std::string(word.substr(0, 60)) + "' for instruction '" +
                     std::string(instruction_.opcode) + "'",
                 ErrorKind::Unsupported);
}

void Modifiers::finish() const {
  if (!words_.empty()) illegal(words_.front());
}

// ---- emission

Decoder::Decoder(ProgramBuilder& builder, const Function& source, program::DecodedFunction& out)
    : builder_(builder), source_(source), out_(out), flow_(source) {
  for (const Register& r : source.registers) registers_.push_back(r.type);
}

int Decoder::bitsOf(RegisterId reg) const {
  return registers_[reg] == ops::Type::Pred ? 1 : ops::bits(registers_[reg]);
}

RegisterId Decoder::temporary(ops::Type type) {
  registers_.push_back(type);
  return static_cast<RegisterId>(registers_.size() - 1);
}

Decoder::Instr& Decoder::emit(Kind kind, Class cls) {
  Emitted emitted;
  emitted.instr.kind = kind;
  emitted.instr.cls = cls;
  emitted.instr.line = current_->line;
  emitted.position = current_->source;
  if (current_->guard != kNoRegister) {
    emitted.instr.guardMode = current_->guardNegated ? program::Guard::IfFalse : program::Guard::IfTrue;
    emitted.instr.guard = registerRef(current_->guard);
  }
  code_.push_back(std::move(emitted));
  return code_.back().instr;
}

void Decoder::result(Ref ref) { code_.back().results.push_back(ref); }
void Decoder::source(Ref ref) { code_.back().sources.push_back(ref); }
void Decoder::otherSource(Ref ref) { code_.back().others.push_back(ref); }

void Decoder::mismatch() const { fail("Arguments mismatch for instruction '" + std::string(current_->opcode) + "'"); }

const Operand& Decoder::at(size_t index) const {
  if (index >= current_->operands.size())
    fail("instruction '" + std::string(current_->opcode) + "' has too few operands");
  return current_->operands[index];
}

// ---- operands

Decoder::Width Decoder::widthOf(ops::Type type) {
  if (type == ops::Type::Pred) return Width::Predicate;
  const int bits = ops::bits(type);
  return bits <= 16 ? Width::Bits16 : bits == 32 ? Width::Bits32 : bits == 64 ? Width::Bits64 : Width::Bits128;
}

Decoder::Ref Decoder::resultRef(const Operand& operand, Width width) {
  if (operand.kind != K::Register || operand.negated || !operand.name.empty()) mismatch();
  if (widthOf(registers_[operand.reg]) != width) mismatch();
  return registerRef(operand.reg);
}

Decoder::Ref Decoder::optionalResultRef(const Operand& operand, Width width) {
  return operand.kind == K::Sink ? kNowhere : resultRef(operand, width);
}

bool Decoder::isImmediate(const Operand& operand) const {
  return operand.kind == K::Integer || operand.kind == K::Float32 || operand.kind == K::Float64;
}

uint64_t Decoder::immediate(const Operand& operand, ops::Type type) const {
  const bool isFloat = type == ops::Type::F32 || type == ops::Type::F64;
  uint64_t bits = operand.bits;
  if (operand.kind == K::Integer) {
    if (isFloat)
      fail("'" + std::to_string(static_cast<int64_t>(operand.bits)) +
           "' is an integer where a floating-point value is needed");
  } else if (operand.kind == K::Float32) {
    if (type == ops::Type::F64) {
      const auto low = static_cast<uint32_t>(bits);
      float single;
      std::memcpy(&single, &low, 4);
      const double value = single;
      std::memcpy(&bits, &value, 8);
    }
  } else {
    if (type == ops::Type::F32 || type == ops::Type::B32) {
      double value;
      std::memcpy(&value, &operand.bits, 8);
      const float single = static_cast<float>(value);
      bits = 0;
      std::memcpy(&bits, &single, 4);
    } else if (type != ops::Type::F64 && type != ops::Type::B64) {
      mismatch();
    }
  }
  if (type == ops::Type::Pred) return bits != 0 ? ~uint64_t{0} : 0;
  const int width = ops::bits(type);
  return width < 64 ? bits & ((uint64_t{1} << width) - 1) : bits;
}

uint64_t Decoder::immediateInteger(const Operand& operand, const char* what) const {
  if (operand.kind != K::Integer) fail(std::string(what) + " must be an integer constant");
  return operand.bits;
}

Decoder::Ref Decoder::constant(uint64_t bits, Width width) {
  switch (width) {
    case Width::Predicate: return builder_.constant(bits, 4);
    case Width::Bits16:
    case Width::Bits32: return builder_.constant(bits, 128);
    case Width::Bits64: return builder_.constant(bits, 256);
    default: mismatch();
  }
}

Decoder::Ref Decoder::materialise(const Operand& operand, Width width) {
  if (operand.kind == K::Special) {
    SpecialName special;
    findSpecial(operand.name, &special);
    if (special.type == ops::Type::Pred) {
      if (width != Width::Predicate) mismatch();
      return constant(special.reg == SpecialRegister::One ? ~uint64_t{0} : 0, width);
    }
    const bool wide = special.type == ops::Type::U64 || special.type == ops::Type::B64;
    if (wide ? width != Width::Bits64 : (width != Width::Bits32 && width != Width::Bits64 && width != Width::Bits16))
      mismatch();
    if (special.reg == SpecialRegister::EnvReg && (special.index == 1 || special.index == 2))
      builder_.program().needsAllBlocks = true;
    if (special.reg == SpecialRegister::ReservedSmemOffset) builder_.program().usesReservedShared = true;
    const RegisterId reg = temporary(width == Width::Bits64   ? ops::Type::B64
                                     : width == Width::Bits32 ? ops::Type::B32
                                                              : ops::Type::B16);
    Instr& read = emit(Kind::Special, Class::Move);
    read.guardMode = program::Guard::None;
    read.variant = static_cast<uint32_t>(special.reg) | static_cast<uint32_t>(special.index) << 8 |
                   (width == Width::Bits64 ? 1u << 16 : 0);
    result(registerRef(reg));
    return registerRef(reg);
  }
  // address of a variable in the frame's local memory
  const RegisterId reg = temporary(width == Width::Bits64 ? ops::Type::B64 : ops::Type::B32);
  Instr& address = emit(Kind::LocalAddress, Class::Move);
  address.guardMode = program::Guard::None;
  address.variant = width == Width::Bits64 ? 1 : 0;
  address.extra = localOffset_.at(operand.variable) + static_cast<uint32_t>(operand.offset);
  code_.back().variable = operand.variable;
  result(registerRef(reg));
  return registerRef(reg);
}

Decoder::Ref Decoder::sourceRef(const Operand& operand, Width width, ops::Type type, bool* complement) {
  if (!operand.name.empty() && operand.kind == K::Register) mismatch();
  switch (operand.kind) {
    case K::Register:
      if (widthOf(registers_[operand.reg]) != width) mismatch();
      if (operand.negated) {
        if (width != Width::Predicate || complement == nullptr) mismatch();
        *complement = true;
      }
      return registerRef(operand.reg);
    case K::Integer:
    case K::Float32:
    case K::Float64: return constant(immediate(operand, type), width);
    case K::Special: return materialise(operand, width);
    case K::Variable: {
      const Variable& v = *operand.variable;
      if (width != Width::Bits64 && width != Width::Bits32) mismatch();
      if (localOffset_.count(&v) != 0) return materialise(operand, width);
      const uint64_t address = builder_.addressOf(v, current_->line) + static_cast<uint64_t>(operand.offset);
      if (v.space != Space::Shared) return constant(address, width);
      return builder_.addressConstant(v, address, width == Width::Bits64 ? 256 : 128);
    }
    case K::Function:
      if (width != Width::Bits64) mismatch();
      return constant(builder_.addressOf(*operand.function, current_->line), width);
    default: mismatch();
  }
}

// ---- the function

void Decoder::layOutLocals() {
  uint64_t offset = 0;
  auto place = [&](const Variable& v) {
    const uint64_t alignment = std::max<uint64_t>(v.alignment, 4);
    offset = (offset + alignment - 1) & ~(alignment - 1);
    localOffset_[&v] = static_cast<uint32_t>(offset);
    offset += (v.size + 3) & ~uint64_t{3};
    if (offset > (uint64_t{1} << 26))
      throw PtxError(v.line, "function '" + std::string(source_.name) + "' needs too much local memory");
  };
  if (!source_.isEntry) {
    for (const Variable* v : source_.results) {
      place(*v);
      out_.results.push_back({localOffset_[v], static_cast<uint32_t>(v->size)});
    }
    for (const Variable* v : source_.parameters) {
      place(*v);
      out_.parameters.push_back({localOffset_[v], static_cast<uint32_t>(v->size)});
    }
  }
  for (const Variable* v : source_.locals) {
    if (v->space != Space::Shared) place(*v);
  }
  out_.localBytes = static_cast<uint32_t>((offset + 15) & ~uint64_t{15});
}

void Decoder::decode() {
  out_.name = std::string(source_.name);
  layOutLocals();
  const auto& code = source_.instructions;
  const std::vector<bool> meeting = meetingPoints();
  Instruction end;  // stands for what the function's closing brace does
  end.opcode = "ret";
  end.line = code.empty() ? source_.line : code.back().line;
  firstOf_.assign(code.size() + 1, 0);
  current_ = &end;
  enterFunction();
  for (uint32_t i = 0; i < code.size(); ++i) {
    current_ = &code[i];
    currentIndex_ = i;
    firstOf_[i] = static_cast<uint32_t>(code_.size());
    if (meeting[i]) emit(Kind::Reconverge, Class::Control).guardMode = program::Guard::None;
    instruction();
  }
  firstOf_[code.size()] = static_cast<uint32_t>(code_.size());
  current_ = &end;
  if (meeting[code.size()]) emit(Kind::Reconverge, Class::Control);
  returnFromFunction();
  resolveTargets();
  markUnusedElements();
  markArrays();
  finish();
}

// By instruction of the source: whether lanes that have parted meet there.
std::vector<bool> Decoder::meetingPoints() const {
  const auto& code = source_.instructions;
  std::vector<bool> meeting(code.size() + 1, false);
  for (uint32_t i = 0; i < code.size(); ++i) {
    if (code[i].opcode != "bra" && code[i].opcode != "brx") continue;
    const uint32_t at = flow_.meetingPoint(flow_.blockOf(i));
    if (at != ControlFlow::kExit) meeting[at] = true;
  }
  return meeting;
}

// Decodes the current one.
void Decoder::instruction() {
  const std::string name(current_->opcode);
  ops::Opcode opcode;
  size_t modifiersFrom = 0;
  if (!current_->modifiers.empty()) {  // "cvt.pack", "wmma.mma"
    if (ops::fromName(name + "." + std::string(current_->modifiers[0]), &opcode)) modifiersFrom = 1;
  }
  if (modifiersFrom == 0 && !ops::fromName(current_->opcode, &opcode)) {
    fail("Not a name of any known instruction: '" + name.substr(0, 60) + "'", ErrorKind::Unsupported);
  }
  if (!control(opcode) && !memory(opcode)) lane(opcode, modifiersFrom);
}

// Branches know instructions of the source; now all positions are known.
void Decoder::resolveTargets() {
  for (size_t i = 0; i < code_.size(); ++i) {
    Instr& instr = code_[i].instr;
    if (instr.kind == Kind::Branch) {
      instr.target = firstOf_[instr.target];
      instr.backward = instr.target <= i;
    } else if (instr.kind == Kind::BranchIndexed) {
      for (uint32_t& target : out_.tables[instr.extra]) {
        target = firstOf_[target];
        if (target <= i) instr.backward = true;
      }
    } else {
      continue;
    }
    if (instr.reconverge != program::kNone) instr.reconverge = firstOf_[instr.reconverge];
  }
}

// Elements of vector loads that no instruction reads: compilers load four words where three are wanted.
void Decoder::markUnusedElements() {
  std::unordered_set<Ref> read;
  for (const Emitted& e : code_) {
    read.insert(e.sources.begin(), e.sources.end());
    read.insert(e.others.begin(), e.others.end());
    if (e.instr.guardMode != program::Guard::None) read.insert(e.instr.guard);
  }
  for (const Emitted& e : code_) {
    if (e.instr.kind != Kind::Load || e.results.size() < 2) continue;
    Access& access = out_.accesses[e.instr.extra];
    for (size_t i = 0; i < e.results.size(); ++i) {
      if (read.count(e.results[i]) == 0) access.unusedElements |= static_cast<uint8_t>(1u << i);
    }
  }
}

uint32_t Decoder::arrayOf(const Variable& v) {
  const auto [entry, isNew] = arrays_.try_emplace(&v, static_cast<uint32_t>(out_.arrays.size()));
  if (isNew) {
    const auto local = localOffset_.find(&v);
    const bool isLocal = local != localOffset_.end();
    const auto begin = isLocal ? local->second : static_cast<uint32_t>(builder_.addressOf(v, v.line));
    out_.arrays.push_back(
        {std::string(v.name), begin, v.isExtern ? ~0u : begin + static_cast<uint32_t>(v.size), isLocal});
  }
  return entry->second;
}

// Which array an access is meant for.
void Decoder::markArrays() {
  const std::vector<const Variable*> arrays = findArrays(code_, registers_.size(), builder_.known());
  auto mark = [&](Access& a) {
    if (a.base == Access::Base::None || !isRegister(a.baseRef)) return;
    const Variable* v = arrays[registerOf(a.baseRef)];
    if (v != nullptr) a.array = arrayOf(*v);
  };
  for (const Emitted& e : code_) {
    switch (e.instr.kind) {
      case Kind::Load:
      case Kind::Store:
      case Kind::Atomic:
      case Kind::LoadMatrix:
      case Kind::WmmaLoad:
      case Kind::WmmaStore: mark(out_.accesses[e.instr.extra]); break;
      case Kind::CopyAsync: mark(out_.copies[e.instr.extra].destination); break;
      default: break;
    }
  }
}

// The instructions as the machine runs them: operands are places in the frame.
void Decoder::finish() {
  const RegisterLayout layout = layOutRegisters(code_, out_.tables, registers_);
  if (layout.bytes > (uint64_t{1} << 28)) {
    throw PtxError(source_.line, "function '" + std::string(source_.name) + "' needs too many registers");
  }
  out_.registerBytes = static_cast<uint32_t>(layout.bytes);
  out_.liveWords = layout.liveWords;
  auto place = [&](Ref& ref) {
    if (isRegister(ref)) ref = static_cast<Ref>(layout.offsets[registerOf(ref)]);
  };
  size_t poolSize = 0;
  for (const Emitted& e : code_) poolSize += e.results.size() + e.sources.size();
  out_.refPool.push_back(std::make_unique<Ref[]>(poolSize + 1));
  Ref* pool = out_.refPool.back().get();
  out_.code.reserve(code_.size());
  out_.sources.reserve(code_.size());
  for (Emitted& e : code_) {
    e.instr.refs = pool;
    if (e.results.size() > 255 || e.sources.size() > 255)
      throw PtxError(e.instr.line, "instruction has too many operands");
    e.instr.results = static_cast<uint8_t>(e.results.size());
    e.instr.sources = static_cast<uint8_t>(e.sources.size());
    for (const std::vector<Ref>* refs : {&e.results, &e.sources}) {
      for (Ref r : *refs) place(*pool++ = r);
    }
    place(e.instr.guard);
    out_.code.push_back(e.instr);
    out_.sources.push_back(e.position);
  }
  for (Access& a : out_.accesses) place(a.baseRef);
  for (program::CopyAsync& c : out_.copies) {
    place(c.destination.baseRef);
    place(c.source.baseRef);
  }
  for (program::Mbarrier& m : out_.mbarriers) place(m.object.baseRef);
  for (program::CallSite& c : out_.calls) {
    place(c.pointer);
    for (auto& a : c.arguments) place(a.ref);
    for (auto& a : c.results) place(a.ref);
  }
}

}  // namespace softcuda::ptx
