#include "ptx/control_flow.h"

#include <algorithm>

#include "ptx/ptx_error.h"

namespace softcuda::ptx {
namespace {

bool endsThread(const Instruction& i) { return i.opcode == "ret" || i.opcode == "exit" || i.opcode == "trap"; }
bool isBranch(const Instruction& i) { return i.opcode == "bra" || i.opcode == "brx"; }

uint32_t resolve(const Function& function, std::string_view label, uint32_t scope, uint32_t line) {
  const uint32_t index = function.findLabel(label, scope);
  if (index == ~0u)
    throw PtxError(line, "Label '" + std::string(label.substr(0, 80)) + "' is not defined", ErrorKind::Undefined);
  return index;
}

}  // namespace

std::vector<uint32_t> ControlFlow::targets(const Function& function, const Instruction& branch) {
  std::vector<uint32_t> result;
  if (branch.opcode == "bra") {
    if (branch.operands.size() != 1 || branch.operands[0].kind != Operand::Kind::Label)
      throw PtxError(branch.line, "'bra' needs one label");
    result.push_back(resolve(function, branch.operands[0].name, branch.scope, branch.line));
  } else {
    if (branch.operands.size() != 2 || branch.operands[1].kind != Operand::Kind::Label)
      throw PtxError(branch.line, "'brx.idx' needs an index and a list of branch targets");
    const Function::TargetList* list = function.findTargets(branch.operands[1].name, branch.scope);
    if (list == nullptr)
      throw PtxError(branch.line, "Unknown symbol '" + std::string(branch.operands[1].name.substr(0, 80)) + "'",
                     ErrorKind::Undefined);
    for (std::string_view label : list->labels) result.push_back(resolve(function, label, branch.scope, branch.line));
  }
  return result;
}

ControlFlow::ControlFlow(const Function& function) {
  const auto& code = function.instructions;
  const auto size = static_cast<uint32_t>(code.size());
  std::vector<bool> leader(size + 1, false);
  leader[0] = true;
  for (const auto& named : function.labels) {
    for (const Function::Label& label : named.second) leader[label.index] = true;
  }
  for (uint32_t i = 0; i < size; ++i) {
    if (endsThread(code[i]) || isBranch(code[i])) leader[i + 1] = true;
  }
  blockOf_.assign(size, 0);
  for (uint32_t i = 0; i < size; ++i) {
    if (leader[i]) {
      blocks_.emplace_back();
      blocks_.back().first = i;
    }
    blocks_.back().end = i + 1;
    blockOf_[i] = static_cast<uint32_t>(blocks_.size() - 1);
  }
  for (Block& block : blocks_) {
    const Instruction& last = code[block.end - 1];
    auto add = [&](uint32_t instruction) {
      const uint32_t to = instruction < size ? blockOf_[instruction] : kExit;  // a label may stand at the very end
      if (std::find(block.successors.begin(), block.successors.end(), to) == block.successors.end())
        block.successors.push_back(to);
    };
    if (isBranch(last)) {
      for (uint32_t target : targets(function, last)) add(target);
      if (last.guard != kNoRegister) add(block.end);
    } else if (endsThread(last)) {
      block.successors.push_back(kExit);
      if (last.guard != kNoRegister) add(block.end);
    } else {
      add(block.end);
    }
  }
  findPostDominators();
}

// Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", on the reversed graph with the exit as its root.
void ControlFlow::findPostDominators() {
  const auto count = static_cast<uint32_t>(blocks_.size());
  const uint32_t exit = count;
  std::vector<std::vector<uint32_t>> predecessors(count + 1);
  for (uint32_t b = 0; b < count; ++b) {
    for (uint32_t s : blocks_[b].successors) predecessors[s == kExit ? exit : s].push_back(b);
  }
  // Post-order of the reversed graph, without recursion.
  std::vector<uint32_t> order, number(count + 1, ~0u);
  std::vector<bool> seen(count + 1, false);
  std::vector<std::pair<uint32_t, size_t>> stack{{exit, 0}};
  seen[exit] = true;
  while (!stack.empty()) {
    auto& [node, next] = stack.back();
    if (next < predecessors[node].size()) {
      const uint32_t to = predecessors[node][next++];
      if (!seen[to]) {
        seen[to] = true;
        stack.emplace_back(to, 0);
      }
    } else {
      number[node] = static_cast<uint32_t>(order.size());
      order.push_back(node);
      stack.pop_back();
    }
  }
  std::vector<uint32_t> dominator(count + 1, ~0u);
  dominator[exit] = exit;
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t i = order.size(); i-- > 0;) {
      const uint32_t node = order[i];
      if (node == exit) continue;
      uint32_t best = ~0u;
      for (uint32_t s : blocks_[node].successors) {
        uint32_t other = s == kExit ? exit : s;
        if (dominator[other] == ~0u) continue;
        if (best == ~0u) {
          best = other;
          continue;
        }
        while (best != other) {
          while (number[best] < number[other]) best = dominator[best];
          while (number[other] < number[best]) other = dominator[other];
        }
      }
      if (dominator[node] != best) {
        dominator[node] = best;
        changed = true;
      }
    }
  }
  meeting_.assign(count, kExit);
  for (uint32_t b = 0; b < count; ++b) {
    const uint32_t to = dominator[b];  // ~0u in an endless loop: such lanes never meet
    if (to != ~0u && to != exit) meeting_[b] = blocks_[to].first;
  }
}

}  // namespace softcuda::ptx
