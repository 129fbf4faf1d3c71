// Basic blocks of a function and where lanes that part at a branch meet again: the branch's immediate post-dominator.
#pragma once
#include <cstdint>
#include <vector>

#include "ptx/ast.h"

namespace softcuda::ptx {

class ControlFlow {
 public:
  // Throws PtxError for branches to labels that do not exist.
  explicit ControlFlow(const Function& function);

  struct Block {
    uint32_t first = 0, end = 0;       // instructions [first, end)
    std::vector<uint32_t> successors;  // blocks; kExit for the end of the function
  };
  static constexpr uint32_t kExit = ~0u;

  const std::vector<Block>& blocks() const { return blocks_; }
  uint32_t blockOf(uint32_t instruction) const { return blockOf_[instruction]; }
  // The first instruction of the block that post-dominates `block`; kExit where only the function's end does.
  uint32_t meetingPoint(uint32_t block) const { return meeting_[block]; }
  // Instruction indices that a branch (bra, brx.idx) may go to.
  static std::vector<uint32_t> targets(const Function& function, const Instruction& branch);

 private:
  void findPostDominators();
  std::vector<Block> blocks_;
  std::vector<uint32_t> blockOf_;
  std::vector<uint32_t> meeting_;
};

}  // namespace softcuda::ptx
