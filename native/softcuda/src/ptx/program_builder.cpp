// Collects a kernel and the functions that it reaches into one program; lays out shared memory and constants.
#include <algorithm>
#include <cstring>

#include "program/address_space.h"
#include "ptx/decoder.h"

namespace softcuda::ptx {

using program::kInConstants;
using program::kNone;

program::Ref ProgramBuilder::constant(uint64_t bits, uint32_t slotBytes) {
  if (slotBytes == 128) bits &= 0xffffffffu;
  const auto key = std::make_pair(slotBytes, bits);
  const auto found = constantByBits_.find(key);
  if (found != constantByBits_.end()) return found->second;
  const program::Ref ref = newConstant(bits, slotBytes);
  constantByBits_[key] = ref;
  return ref;
}

program::Ref ProgramBuilder::newConstant(uint64_t bits, uint32_t slotBytes) {
  const uint32_t size = slotBytes < 64 ? 64 : slotBytes;  // keeps vectors aligned
  const program::Ref ref = constantBytes_ | kInConstants;
  constants_.emplace_back(size, bits);
  constantBytes_ += size;
  known_.bits[ref] = bits;
  return ref;
}

program::Ref ProgramBuilder::addressConstant(const Variable& variable, uint64_t address, uint32_t slotBytes) {
  program::Ref& ref = addressConstants_[{&variable, {slotBytes, address}}];
  if (ref == 0) {
    ref = newConstant(address, slotBytes);
    known_.arrays[ref] = &variable;
  }
  return ref;
}

uint64_t ProgramBuilder::addressOf(const Variable& variable, uint32_t line) {
  switch (variable.space) {
    case Space::Global:
    case Space::Constant: return variable.address;
    case Space::Shared: {
      const auto found = shared_.find(&variable);
      if (found == shared_.end())
        throw PtxError(line, "shared variable '" + std::string(variable.name) + "' cannot be used here");
      return found->second;
    }
    case Space::Parameter: return program::kKernelParameterBase + variable.address;
    default: throw PtxError(line, "the address of '" + std::string(variable.name) + "' cannot be taken");
  }
}

uint64_t ProgramBuilder::addressOf(const Function& function, uint32_t line) {
  if (function.isEntry)
    throw PtxError(
        line,
        "the address of kernel '" + std::string(function.name) + "' is not supported: there is no device-side launch",
        ErrorKind::Unsupported);
  if (!function.hasBody)
    throw PtxError(line, "Unresolved extern function '" + std::string(function.name) + "'", ErrorKind::Undefined);
  functionIndex(function);
  return program::functionAddress(function.index);
}

uint32_t ProgramBuilder::functionIndex(const Function& function) {
  uint32_t& index = program_.byModuleIndex[function.index];
  if (index == kNone) {
    index = static_cast<uint32_t>(program_.functions.size());
    program_.functions.push_back(std::make_unique<program::DecodedFunction>());
    program_.functions.back()->moduleIndex = function.index;
    pending_.push_back(&function);
  }
  return index;
}

// Every shared variable that the kernel or a function that it may reach names has its place, in the order of the text.
void ProgramBuilder::layOutShared(const Function& kernel) {
  std::vector<bool> seen(module_.functions.size(), false);
  std::vector<const Function*> work{&kernel};
  seen[kernel.index] = true;
  std::vector<const Variable*> used;
  std::unordered_map<const Variable*, bool> known;
  bool indirect = false;
  auto visit = [&](const Operand& operand, auto&& self) -> void {
    if (operand.variable != nullptr && operand.variable->space == Space::Shared && !known[operand.variable]) {
      known[operand.variable] = true;
      used.push_back(operand.variable);
    }
    if (operand.function != nullptr && !seen[operand.function->index]) {
      seen[operand.function->index] = true;
      work.push_back(operand.function);
    }
    for (const Operand& element : operand.elements) self(element, self);
  };
  auto drain = [&] {
    while (!work.empty()) {
      const Function* f = work.back();
      work.pop_back();
      for (const Variable* v : f->locals) {
        if (v->space == Space::Shared && !known[v]) {
          known[v] = true;
          used.push_back(v);
        }
      }
      for (const Instruction& i : f->instructions) {
        if (i.opcode == "call" && !i.operands.empty() && i.operands[0].kind == Operand::Kind::Register)
          indirect = true;
        for (const Operand& o : i.operands) visit(o, visit);
        for (const Operand& o : i.arguments) visit(o, visit);
        for (const Operand& o : i.results) visit(o, visit);
      }
    }
  };
  drain();
  if (indirect) {  // function pointers may come from initialised memory
    for (const Variable& v : module_.variables) {
      for (const Variable::Relocation& r : v.relocations) {
        const auto found = module_.functionByName.find(r.symbol);
        if (found != module_.functionByName.end() && !seen[found->second->index]) {
          seen[found->second->index] = true;
          work.push_back(found->second);
        }
      }
    }
    drain();
  }
  std::stable_sort(used.begin(), used.end(), [](const Variable* a, const Variable* b) { return a->line < b->line; });
  uint64_t offset = 0;
  uint64_t dynamicAlignment = 16;
  for (const Variable* v : used) {
    if (v->isExtern) {
      dynamicAlignment = std::max<uint64_t>(dynamicAlignment, v->alignment);
      continue;
    }
    offset = (offset + v->alignment - 1) & ~uint64_t{v->alignment - 1};
    shared_[v] = offset;
    offset += v->size;
    if (offset > program::kMaxSharedBytes)
      throw PtxError(
          v->line, "Entry function '" + std::string(kernel.name) + "' uses too much shared data (0x" + [&] {
            char text[32];
            std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(offset));
            return std::string(text);
          }() + " bytes)");
  }
  program_.staticShared = static_cast<uint32_t>(offset);
  offset = (offset + dynamicAlignment - 1) & ~(dynamicAlignment - 1);
  program_.dynamicSharedOffset = static_cast<uint32_t>(offset);
  for (const Variable* v : used) {
    if (v->isExtern) shared_[v] = offset;
  }
}

void ProgramBuilder::build(const Function& kernel) {
  program_.source = module_.source.get();
  program_.byModuleIndex.assign(module_.functions.size(), kNone);
  layOutShared(kernel);
  uint32_t parameters = 0;
  for (const Variable* v : kernel.parameters)
    parameters = std::max(parameters, static_cast<uint32_t>(v->address + v->size));
  program_.parameterBytes = parameters;
  functionIndex(kernel);
  bool addressesTaken = false;
  while (!pending_.empty() || (hasIndirectCalls_ && !addressesTaken)) {
    if (pending_.empty()) {
      addressesTaken = true;
      for (const Variable& v : module_.variables) {
        for (const Variable::Relocation& r : v.relocations) {
          const auto found = module_.functionByName.find(r.symbol);
          if (found != module_.functionByName.end() && found->second->hasBody && !found->second->isEntry)
            functionIndex(*found->second);
        }
      }
      continue;
    }
    const Function* next = pending_.back();
    pending_.pop_back();
    Decoder decoder(*this, *next, *program_.functions[program_.byModuleIndex[next->index]]);
    decoder.decode();
  }
  for (auto& f : program_.functions) {
    f->profileBase = program_.instructions;
    program_.instructions += static_cast<uint32_t>(f->code.size());
  }
  program_.constants.allocate(constantBytes_ + 64);
  auto* at = static_cast<uint8_t*>(program_.constants.data);
  for (const auto& [size, bits] : constants_) {
    const auto low = static_cast<uint32_t>(bits);
    if (size == 256) {
      for (uint32_t i = 0; i < 32; ++i) std::memcpy(at + i * 8, &bits, 8);
    } else {
      for (uint32_t i = 0; i < size / 4; ++i) std::memcpy(at + i * 4, &low, 4);
    }
    at += size;
  }
}

}  // namespace softcuda::ptx
