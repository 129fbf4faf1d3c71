#include "machine/loaded_module.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

#include "machine/address_space.h"
#include "machine/fault.h"
#include "ptx/decoder.h"

namespace softcuda::machine {
namespace {

constexpr uint64_t kMaxParameterBytes = 32764;
constexpr uint64_t kMaxConstantBytes = 64 * 1024;

}  // namespace

LoadedModule::~LoadedModule() {
  for (uint64_t address : allocations_) memory_.release(address);
}

// Global and constant variables get their memory and their initial values.
void LoadedModule::layOutVariables() {
  uint64_t constantBytes = 0;
  for (ptx::Variable& v : parsed_->variables) {
    if (v.space != ptx::Space::Global && v.space != ptx::Space::Constant) continue;
    const bool constant = v.space == ptx::Space::Constant;
    if (constant) {
      constantBytes += v.size;
      if (constantBytes > kMaxConstantBytes) throw ptx::PtxError(v.line, "File uses too much global constant data (0x" + [&] {
        char text[32];
        std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(constantBytes));
        return std::string(text);
      }() + " bytes, 0x10000 max)");
    }
    if (v.size != 0) {
      uint64_t address = 0;
      const Failure failure = memory_.allocate(v.size, std::max<uint32_t>(v.alignment, 16), constant ? AllocationKind::Constant : AllocationKind::Global, &address);
      if (failure.code != 0) throw failure;
      allocations_.push_back(address);
      v.address = address;
    }
  }
  for (ptx::Variable& v : parsed_->variables) {
    if (v.address == 0) continue;
    auto* to = reinterpret_cast<uint8_t*>(v.address);
    if (!v.initial.empty()) std::memcpy(to, v.initial.data(), std::min<uint64_t>(v.initial.size(), v.size));
    else std::memset(to, 0, v.size);
    for (const ptx::Variable::Relocation& r : v.relocations) {
      uint64_t value = 0;
      const auto variable = parsed_->variableByName.find(r.symbol);
      const auto function = parsed_->functionByName.find(r.symbol);
      if (variable != parsed_->variableByName.end()) {
        const ptx::Variable& target = *variable->second;
        if (target.space != ptx::Space::Global && target.space != ptx::Space::Constant) throw ptx::PtxError(r.line, "the address of '" + std::string(r.symbol) + "' is not a constant");
        value = target.address;
      } else if (function != parsed_->functionByName.end()) {
        if (!function->second->hasBody) throw ptx::PtxError(r.line, "Unresolved extern function '" + std::string(r.symbol) + "'", ptx::ErrorKind::Undefined);
        value = functionAddress(function->second->index);
      } else {
        throw ptx::PtxError(r.line, "Unknown symbol '" + std::string(r.symbol) + "'", ptx::ErrorKind::Undefined);
      }
      value = (value + static_cast<uint64_t>(r.addend)) >> r.shift;
      if (r.offset + r.size <= v.size) std::memcpy(to + r.offset, &value, std::min<uint32_t>(r.size, 8));
    }
    v.initial.clear();
    v.initial.shrink_to_fit();
    globals_.push_back({std::string(v.name), v.address, static_cast<size_t>(v.size), v.space == ptx::Space::Constant});
  }
}

void LoadedModule::describeKernels() {
  for (const auto& f : parsed_->functions) {
    if (!f->isEntry) continue;
    if (!f->hasBody) continue;
    KernelInfo info;
    info.name = std::string(f->name);
    uint64_t offset = 0;
    for (ptx::Variable* v : f->parameters) {
      offset = (offset + v->alignment - 1) & ~uint64_t{v->alignment - 1};
      v->address = offset;
      info.parameters.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(v->size), v->alignment});
      offset += v->size;
      if (offset > kMaxParameterBytes) throw ptx::PtxError(v->line, "Formal parameter space overflowed (" + std::to_string(kMaxParameterBytes) + " bytes max) in function '" + info.name + "'");
    }
    info.parameterBytes = static_cast<uint32_t>(offset);
    programs_.push_back(std::make_unique<Program>());
    Program& program = *programs_.back();
    ptx::ProgramBuilder builder(*parsed_, program);
    builder.build(*f);
    info.staticSharedBytes = program.staticShared;
    info.localBytes = program.functions[0]->localBytes;
    for (const GlobalInfo& g : globals_) {
      if (g.constant) info.constantBytes += static_cast<uint32_t>(g.size);
    }
    uint32_t words = 0;
    for (const auto& function : program.functions) words = std::max(words, function->liveWords);
    // PTX names values, ptxas allocates registers: what is alive at once, a few for addresses, rounded to the unit of 8.
    info.registers = std::min(255u, std::max(16u, (words + 4 + 7) / 8 * 8));
    if (f->maxRegisters != 0) info.registers = std::min(info.registers, std::max(16u, f->maxRegisters));
    info.registersEstimated = true;
    auto product = [](const std::array<uint32_t, 3>& v) { return static_cast<uint32_t>(std::min<uint64_t>(uint64_t{v[0]} * v[1] * v[2], 1024)); };
    if (f->requiredThreads[0] != 0) {
      info.requiredBlock = f->requiredThreads;
      info.maxThreads = product(f->requiredThreads);
    } else if (f->maxThreads[0] != 0) {
      info.maxThreads = product(f->maxThreads);
    }
    info.ptxVersion = parsed_->version;
    info.target = parsed_->target;
    kernels_.push_back(std::move(info));
  }
}

// `ptxas -v` prints, for each kernel, "Compiling entry function 'name' for 'sm_80'" and "Used 32 registers, ...". Where that output lies
// beside the PTX, in a file of the same name with .ptxas at its end, its numbers take the place of the estimates.
void LoadedModule::recordedRegisters() {
  if (parsed_->fileName.empty()) return;
  std::ifstream report(parsed_->fileName + ".ptxas");
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
    if (std::sscanf(line.c_str() + used, "Used %u registers", &registers) != 1 || registers == 0 || registers > 255) continue;
    for (KernelInfo& info : kernels_) {
      if (info.name != kernel) continue;
      info.registers = registers;
      info.registersEstimated = false;
    }
  }
}

void LoadedModule::load(std::string_view text, std::string_view fileName) {
  parsed_ = ptx::parse(text, fileName);
  layOutVariables();
  // Functions that no kernel calls are checked as well, by a program of their own that is thrown away.
  describeKernels();
  std::vector<bool> reached(parsed_->functions.size(), false);
  for (const auto& program : programs_) {
    for (size_t i = 0; i < program->byModuleIndex.size(); ++i) reached[i] = reached[i] || program->byModuleIndex[i] != kNone;
  }
  for (const auto& f : parsed_->functions) {
    if (f->isEntry || !f->hasBody || reached[f->index]) continue;
    Program unused;
    ptx::ProgramBuilder(*parsed_, unused).build(*f);
    for (size_t i = 0; i < unused.byModuleIndex.size(); ++i) reached[i] = reached[i] || unused.byModuleIndex[i] != kNone;
  }
  recordedRegisters();
}

std::string LoadedModule::line(uint32_t number) const {
  const std::string& text = parsed_->text;
  size_t at = 0;
  for (uint32_t i = 1; i < number && at != std::string::npos; ++i) {
    at = text.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  if (at == std::string::npos || at >= text.size()) return "";
  const size_t end = std::min(text.find('\n', at), text.size());
  std::string line = text.substr(at, end - at);
  for (char& c : line) {
    if (c == '\t' || c == '\r') c = ' ';
  }
  const size_t first = line.find_first_not_of(' '), last = line.find_last_not_of(' ');
  return first == std::string::npos ? "" : line.substr(first, std::min<size_t>(last - first + 1, 200));
}

}  // namespace softcuda::machine

namespace softcuda {

Failure Module::load(std::string_view ptx, std::string_view fileName, Memory& memory, std::unique_ptr<Module>* module) {
  using namespace machine;
  auto loaded = std::make_unique<LoadedModule>(memory);
  try {
    loaded->load(ptx, fileName);
  } catch (const ptx::PtxError& error) {
    const std::string input = fileName.empty() ? "application ptx input" : std::string(fileName);
    const int code = error.kind == ptx::ErrorKind::UnsupportedVersion ? kUnsupportedPtxVersion : kInvalidPtx;
    return {code, "ptxas " + input + ", line " + std::to_string(error.line) + "; error   : " + error.message + "\nptxas fatal   : Ptx assembly aborted due to errors\n"};
  } catch (const Failure& failure) {
    return failure;
  } catch (const std::bad_alloc&) {
    return {kOutOfMemory, "out of host memory while loading a module\n"};
  } catch (const std::length_error&) {
    return {kOutOfMemory, "a module needs more memory than there is\n"};
  }
  *module = std::move(loaded);
  return {};
}

}  // namespace softcuda
