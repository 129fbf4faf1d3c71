// A module as the machine holds it: parsed text, one program per kernel, the memory of its variables.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "machine/program.h"

namespace softcuda::machine {

class LoadedModule final : public Module {
 public:
  explicit LoadedModule(Memory& memory) : memory_(memory) {}
  ~LoadedModule() override;
  const std::vector<KernelInfo>& kernels() const override { return kernels_; }
  const std::vector<GlobalInfo>& globals() const override { return globals_; }
  void load(std::string_view text, std::string_view fileName);   // throws PtxError, Failure
  const Program& program(size_t kernel) const { return *programs_[kernel]; }
  const ptx::ParsedModule& parsed() const { return *parsed_; }
  std::string line(uint32_t number) const;      // of the text, without blanks around it

 private:
  void layOutVariables();
  void describeKernels();
  void recordedRegisters();
  Memory& memory_;
  std::unique_ptr<ptx::ParsedModule> parsed_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::vector<KernelInfo> kernels_;
  std::vector<GlobalInfo> globals_;
  std::vector<uint64_t> allocations_;
};

}  // namespace softcuda::machine
