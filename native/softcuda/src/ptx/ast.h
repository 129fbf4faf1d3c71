// What the parser makes of PTX text: names are resolved to registers and variables, modifiers are still words.
// All string_views point into the module's text.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ops/ops.h"
#include "program/instruction.h"
#include "program/source_text.h"

namespace softcuda::ptx {

enum class Space : uint8_t { Generic, Register, Special, Constant, Global, Local, Parameter, Shared };

struct Function;

// A variable of a memory state space, a function's parameter or its result.
struct Variable {
  std::string_view name;
  Space space = Space::Global;
  ops::Type type = ops::Type::B8;
  uint32_t elementSize = 1;
  uint32_t alignment = 1;
  uint64_t size = 0;  // bytes; 0 for an array of unknown size (extern)
  uint32_t line = 0;
  bool isExtern = false, isArray = false;
  std::vector<uint8_t> initial;  // empty, or `size` bytes
  struct Relocation {            // the address of a symbol, put into the initial bytes
    uint64_t offset;
    uint32_t size;
    std::string_view symbol;
    int64_t addend;
    bool generic;
    uint32_t shift;  // mask(): which byte of the address
    uint32_t line;
  };
  std::vector<Relocation> relocations;
  // Set when the module is laid out: an address for global and constant variables, an offset otherwise.
  uint64_t address = 0;
};

using RegisterId = uint32_t;
inline constexpr RegisterId kNoRegister = ~RegisterId{0};

struct Operand {
  enum class Kind : uint8_t {
    None,
    Register,  // reg; negated for !p
    Special,   // name: %tid.x
    Integer,   // bits
    Float32,   // bits (0f...)
    Float64,   // bits (0d... or decimal)
    Variable,  // variable, offset: its address
    Function,  // function: its address
    Label,     // name; also branch target lists and call prototypes
    Address,   // [base + offset]: base is reg, variable or neither
    Vector,    // {a, b, ...}
    Pair,      // d|p
    Sink       // _
  };
  Kind kind = Kind::None;
  bool negated = false;
  RegisterId reg = kNoRegister;
  uint64_t bits = 0;
  int64_t offset = 0;
  std::string_view name;
  const Variable* variable = nullptr;
  Function* function = nullptr;
  std::vector<Operand> elements;
};

using program::SourcePosition;

struct Instruction {
  std::string_view opcode;
  std::vector<std::string_view> modifiers;  // without dots
  std::vector<Operand> operands;
  std::vector<Operand> results, arguments;  // of a call
  RegisterId guard = kNoRegister;
  bool guardNegated = false;
  uint32_t line = 0;
  uint32_t scope = 0;
  SourcePosition source;
};

struct Register {
  std::string_view name;  // of a range, without the number
  uint32_t number = ~0u;
  ops::Type type = ops::Type::B32;
  std::string text() const;
};

// .callprototype, or the signature of a function
struct Signature {
  std::vector<Variable*> results, parameters;
};

struct Function {
  std::string_view name;
  bool isEntry = false, isExtern = false, hasBody = false;
  uint32_t line = 0;
  std::vector<Variable*> results, parameters;
  // Parameters and results that are declared as .reg: variables as well, copied on entry and before each return.
  struct RegisterParameter {
    const Variable* variable;
    bool isResult;
    RegisterId reg;
  };
  std::vector<RegisterParameter> registerParameters;
  std::vector<Variable*> locals;   // local, shared and param variables of the body
  std::deque<Variable> variables;  // their storage
  std::vector<Register> registers;
  std::vector<Instruction> instructions;
  struct Scope {
    uint32_t parent;
  };
  std::vector<Scope> scopes;
  struct Label {
    uint32_t scope;
    uint32_t index;
  };  // index: of the instruction that follows
  std::unordered_map<std::string_view, std::vector<Label>> labels;
  struct TargetList {
    uint32_t scope;
    std::vector<std::string_view> labels;
  };  // .branchtargets
  std::unordered_map<std::string_view, std::vector<TargetList>> targetLists;
  std::array<uint32_t, 3> maxThreads{0, 0, 0}, requiredThreads{0, 0, 0};
  uint32_t maxRegisters = 0, minBlocks = 0;
  uint32_t index = 0;  // in Module::functions

  // The instruction that a label names, seen from a scope; ~0u if there is none.
  uint32_t findLabel(std::string_view label, uint32_t scope) const;
  const TargetList* findTargets(std::string_view list, uint32_t scope) const;
};

struct ParsedModule {
  std::unique_ptr<program::SourceText> source;  // everything points to its text
  uint32_t version = 0;                         // 90
  uint32_t target = 0;                          // 80
  bool targetSuffix = false;                    // sm_90a, sm_100f
  std::deque<Variable> variables;               // module scope
  std::vector<std::unique_ptr<Function>> functions;
  std::unordered_map<std::string_view, Variable*> variableByName;
  std::unordered_map<std::string_view, Function*> functionByName;
};

// Throws PtxError.
std::unique_ptr<ParsedModule> parse(std::string_view text, std::string_view fileName);

// "%tid.x" and the like.
using program::SpecialRegister;
struct SpecialName {
  SpecialRegister reg;
  uint8_t index;   // of %envreg and %pm
  ops::Type type;  // as PTX declares it
};
bool findSpecial(std::string_view name, SpecialName* found);

}  // namespace softcuda::ptx
