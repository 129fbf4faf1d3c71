// Makes a module of PTX text: parses it, gives its variables memory, decodes its kernels.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

#include "machine/fault.h"
#include "machine/loaded_module.h"
#include "program/address_space.h"
#include "ptx/decoder.h"

namespace softcuda {
namespace {

using machine::LoadedModule;
using program::Program;

constexpr uint64_t kMaxParameterBytes = 32764;
constexpr uint64_t kMaxConstantBytes = 64 * 1024;

class Loader {
 public:
  Loader(LoadedModule& into, const Owner& owner) : into_(into), owner_(owner) {}
  void load(std::string_view text, std::string_view fileName);  // throws PtxError, Failure

 private:
  void layOutVariables();
  void allocateVariables();
  void initialise(ptx::Variable& variable);
  uint64_t valueOf(const ptx::Variable::Relocation& relocation) const;
  void decodeKernels();
  KernelInfo decode(ptx::Function& kernel);
  void decodeRest();
  void recordedRegisters();
  LoadedModule& into_;
  const Owner owner_;
  std::unique_ptr<ptx::ParsedModule> parsed_;
};

// Global and constant variables get their memory and their initial values.
void Loader::layOutVariables() {
  allocateVariables();
  for (ptx::Variable& v : parsed_->variables) {
    if (v.address == 0) continue;
    initialise(v);
    const bool constant = v.space == ptx::Space::Constant;
    into_.globalInfos.push_back({std::string(v.name), v.address, static_cast<size_t>(v.size), constant});
  }
}

void Loader::allocateVariables() {
  uint64_t constantBytes = 0;
  for (ptx::Variable& v : parsed_->variables) {
    if (v.space != ptx::Space::Global && v.space != ptx::Space::Constant) continue;
    const bool constant = v.space == ptx::Space::Constant;
    if (constant) {
      constantBytes += v.size;
      if (constantBytes > kMaxConstantBytes) {
        char text[32];
        std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(constantBytes));
        throw ptx::PtxError(
            v.line, "File uses too much global constant data (0x" + std::string(text) + " bytes, 0x10000 max)");
      }
    }
    if (v.size == 0) continue;
    const AllocationKind kind = constant ? AllocationKind::Constant : AllocationKind::Global;
    const Failure failure =
        into_.memory.allocate(v.size, std::max<uint32_t>(v.alignment, 16), kind, &v.address, owner_);
    if (failure.code != 0) throw failure;
    into_.allocations.push_back(v.address);
  }
}

void Loader::initialise(ptx::Variable& v) {
  auto* to = reinterpret_cast<uint8_t*>(v.address);
  if (!v.initial.empty()) std::memcpy(to, v.initial.data(), std::min<uint64_t>(v.initial.size(), v.size));
  else std::memset(to, 0, v.size);
  for (const ptx::Variable::Relocation& r : v.relocations) {
    const uint64_t value = (valueOf(r) + static_cast<uint64_t>(r.addend)) >> r.shift;
    if (r.offset + r.size <= v.size) std::memcpy(to + r.offset, &value, std::min<uint32_t>(r.size, 8));
  }
}

uint64_t Loader::valueOf(const ptx::Variable::Relocation& r) const {
  const std::string name(r.symbol);
  const auto variable = parsed_->variableByName.find(r.symbol);
  if (variable != parsed_->variableByName.end()) {
    const ptx::Variable& target = *variable->second;
    if (target.space != ptx::Space::Global && target.space != ptx::Space::Constant) {
      throw ptx::PtxError(r.line, "the address of '" + name + "' is not a constant");
    }
    return target.address;
  }
  const auto function = parsed_->functionByName.find(r.symbol);
  if (function == parsed_->functionByName.end()) {
    throw ptx::PtxError(r.line, "Unknown symbol '" + name + "'", ptx::ErrorKind::Undefined);
  }
  if (!function->second->hasBody) {
    throw ptx::PtxError(r.line, "Unresolved extern function '" + name + "'", ptx::ErrorKind::Undefined);
  }
  return program::functionAddress(function->second->index);
}

void Loader::decodeKernels() {
  for (const auto& f : parsed_->functions) {
    if (f->isEntry && f->hasBody) into_.kernelInfos.push_back(decode(*f));
  }
}

KernelInfo Loader::decode(ptx::Function& kernel) {
  KernelInfo info;
  info.name = std::string(kernel.name);
  uint64_t offset = 0;
  for (ptx::Variable* v : kernel.parameters) {
    offset = (offset + v->alignment - 1) & ~uint64_t{v->alignment - 1};
    v->address = offset;
    info.parameters.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(v->size), v->alignment});
    offset += v->size;
    if (offset > kMaxParameterBytes) {
      const std::string most = std::to_string(kMaxParameterBytes);
      throw ptx::PtxError(
          v->line, "Formal parameter space overflowed (" + most + " bytes max) in function '" + info.name + "'");
    }
  }
  info.parameterBytes = static_cast<uint32_t>(offset);
  into_.programs.push_back(std::make_unique<Program>());
  Program& program = *into_.programs.back();
  ptx::ProgramBuilder(*parsed_, program).build(kernel);
  info.staticSharedBytes = program.staticShared;
  info.localBytes = program.functions[0]->localBytes;
  for (const GlobalInfo& g : into_.globalInfos) {
    if (g.constant) info.constantBytes += static_cast<uint32_t>(g.size);
  }
  uint32_t words = 0;
  for (const auto& function : program.functions) words = std::max(words, function->liveWords);
  // PTX names values, ptxas allocates registers: what is alive at once, a few for addresses, rounded to the unit of 8.
  info.registers = std::min(255u, std::max(16u, (words + 4 + 7) / 8 * 8));
  if (kernel.maxRegisters != 0) info.registers = std::min(info.registers, std::max(16u, kernel.maxRegisters));
  info.registersEstimated = true;
  auto product = [](const std::array<uint32_t, 3>& v) {
    return static_cast<uint32_t>(std::min<uint64_t>(uint64_t{v[0]} * v[1] * v[2], 1024));
  };
  if (kernel.requiredThreads[0] != 0) {
    info.requiredBlock = kernel.requiredThreads;
    info.maxThreads = product(kernel.requiredThreads);
  } else if (kernel.maxThreads[0] != 0) {
    info.maxThreads = product(kernel.maxThreads);
  }
  info.ptxVersion = parsed_->version;
  info.target = parsed_->target;
  return info;
}

// Functions that no kernel calls are checked as well, by programs of their own that are thrown away.
void Loader::decodeRest() {
  std::vector<bool> reached(parsed_->functions.size(), false);
  auto note = [&](const Program& program) {
    for (size_t i = 0; i < program.byModuleIndex.size(); ++i) {
      if (program.byModuleIndex[i] != program::kNone) reached[i] = true;
    }
  };
  for (const auto& program : into_.programs) note(*program);
  for (const auto& f : parsed_->functions) {
    if (f->isEntry || !f->hasBody || reached[f->index]) continue;
    Program unused;
    ptx::ProgramBuilder(*parsed_, unused).build(*f);
    note(unused);
  }
}

// `ptxas -v` prints, for each kernel, "Compiling entry function 'name' for 'sm_80'" and "Used 32 registers, ...".
// Where that output lies beside the PTX, in a file of the same name with .ptxas at its end, its numbers take the place
// of the estimates.
void Loader::recordedRegisters() {
  if (parsed_->source->fileName.empty()) return;
  std::ifstream report(parsed_->source->fileName + ".ptxas");
  std::string line, kernel;
  while (std::getline(report, line)) {
    const size_t name = line.find("entry function '");
    if (name != std::string::npos) {
      const size_t from = name + 16, to = line.find('\'', from);
      kernel = to == std::string::npos ? "" : line.substr(from, to - from);
    }
    const size_t used = line.find("Used ");
    if (used == std::string::npos || kernel.empty()) continue;
    unsigned registers = 0;
    if (std::sscanf(line.c_str() + used, "Used %u registers", &registers) != 1 || registers == 0 || registers > 255)
      continue;
    for (KernelInfo& info : into_.kernelInfos) {
      if (info.name != kernel) continue;
      info.registers = registers;
      info.registersEstimated = false;
    }
  }
}

void Loader::load(std::string_view text, std::string_view fileName) {
  parsed_ = ptx::parse(text, fileName);
  layOutVariables();
  decodeKernels();
  decodeRest();
  recordedRegisters();
  into_.source = std::move(parsed_->source);  // reports quote it
}

}  // namespace

Failure Module::load(std::string_view ptx, std::string_view fileName, Memory& memory, std::unique_ptr<Module>* module,
                     const Owner& owner) {
  auto loaded = std::make_unique<LoadedModule>(memory);
  try {
    Loader(*loaded, owner).load(ptx, fileName);
  } catch (const ptx::PtxError& error) {
    const std::string input = fileName.empty() ? "application ptx input" : std::string(fileName);
    const int code =
        error.kind == ptx::ErrorKind::UnsupportedVersion ? machine::kUnsupportedPtxVersion : machine::kInvalidPtx;
    return {code, "ptxas " + input + ", line " + std::to_string(error.line) + "; error   : " + error.message +
                      "\nptxas fatal   : Ptx assembly aborted due to errors\n"};
  } catch (const Failure& failure) {
    return failure;
  } catch (const std::bad_alloc&) {
    return {machine::kOutOfMemory, "out of host memory while loading a module\n"};
  } catch (const std::length_error&) {
    return {machine::kOutOfMemory, "a module needs more memory than there is\n"};
  }
  *module = std::move(loaded);
  return {};
}

}  // namespace softcuda
