// A module as the machine holds it: one program per kernel, the memory of its variables, the text for reports.
#pragma once
#include <memory>
#include <vector>

#include "machine/machine.h"
#include "program/program.h"

namespace softcuda::machine {

struct LoadedModule final : Module {
  explicit LoadedModule(Memory& memory) : memory(memory) {}
  ~LoadedModule() override {
    for (uint64_t address : allocations) memory.release(address);
  }
  const std::vector<KernelInfo>& kernels() const override { return kernelInfos; }
  const std::vector<GlobalInfo>& globals() const override { return globalInfos; }

  Memory& memory;
  std::unique_ptr<program::SourceText> source;
  std::vector<std::unique_ptr<program::Program>> programs;  // by kernel
  std::vector<KernelInfo> kernelInfos;
  std::vector<GlobalInfo> globalInfos;
  std::vector<uint64_t> allocations;  // of variables
};

}  // namespace softcuda::machine
