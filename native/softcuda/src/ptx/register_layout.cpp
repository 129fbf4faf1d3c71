#include "ptx/register_layout.h"

#include <algorithm>

namespace softcuda::ptx {
namespace {

using program::Guard;
using program::Kind;
using program::Ref;

constexpr uint32_t kNever = ~0u;

bool endsBlock(Kind kind) {
  return kind == Kind::Branch || kind == Kind::BranchIndexed || kind == Kind::Return || kind == Kind::Exit ||
         kind == Kind::Trap;
}

// From the first to the last instruction at which a register holds something that is wanted.
class LiveRanges {
 public:
  LiveRanges(const std::vector<Emitted>& code, const std::vector<std::vector<uint32_t>>& tables, uint32_t registers)
      : code_(code), tables_(tables), start(registers, kNever), end(registers, 0) {
    findBlocks();
    findGlobals(registers);
    scanBlocks(registers);
    solve();
    extendOverBlocks();
  }

 private:
  struct Block {
    uint32_t first, end;
    std::vector<uint32_t> successors;
  };
  using Sets = std::vector<uint64_t>;  // for each block a set of global registers

  // Calls back for each instruction that a branch may go to.
  template <typename F>
  void forTargets(const program::Instr& branch, F body) const {
    if (branch.kind == Kind::Branch) body(branch.target);
    if (branch.kind == Kind::BranchIndexed) {
      for (uint32_t target : tables_[branch.extra]) body(target);
    }
  }

  template <typename F>
  static void forReads(const Emitted& e, F body) {
    for (Ref r : e.sources) body(r);
    for (Ref r : e.others) body(r);
    if (e.instr.guardMode != Guard::None) body(e.instr.guard);
  }

  void findBlocks();
  void findGlobals(uint32_t registers);
  void scanBlocks(uint32_t registers);
  void use(Ref ref, uint32_t instruction, uint32_t block, const std::vector<uint32_t>& definedIn);
  void define(Ref ref, uint32_t block, std::vector<uint32_t>& definedIn);
  void solve();
  void extendOverBlocks();
  void extend(uint32_t reg, uint32_t instruction) {
    start[reg] = std::min(start[reg], instruction);
    end[reg] = std::max(end[reg], instruction);
  }
  void add(Sets& sets, uint32_t block, uint32_t global) const {
    sets[block * words_ + global / 64] |= uint64_t{1} << (global % 64);
  }

  const std::vector<Emitted>& code_;
  const std::vector<std::vector<uint32_t>>& tables_;
  std::vector<Block> blocks_;
  std::vector<uint32_t> blockAt_;
  // Only registers that cross a block boundary need the dataflow; others live within one block.
  std::vector<uint32_t> globalIndex_, globals_;  // by register; the registers
  size_t words_ = 0;                             // of a set
  Sets read_, written_, in_, out_;               // read_: before it is written

 public:
  std::vector<uint32_t> start, end;  // by register; kNever: no instruction uses it
};

void LiveRanges::findBlocks() {
  const auto size = static_cast<uint32_t>(code_.size());
  std::vector<bool> leader(size + 1, false);
  leader[0] = true;
  for (uint32_t i = 0; i < size; ++i) {
    forTargets(code_[i].instr, [&](uint32_t target) { leader[target] = true; });
    if (endsBlock(code_[i].instr.kind)) leader[i + 1] = true;
  }
  blockAt_.assign(size + 1, 0);
  for (uint32_t i = 0; i < size; ++i) {
    if (leader[i]) blocks_.push_back({i, i, {}});
    blocks_.back().end = i + 1;
    blockAt_[i] = static_cast<uint32_t>(blocks_.size() - 1);
  }
  for (Block& b : blocks_) {
    const program::Instr& last = code_[b.end - 1].instr;
    forTargets(last, [&](uint32_t target) { b.successors.push_back(blockAt_[target]); });
    const bool mayFallThrough = !endsBlock(last.kind) || last.guardMode != Guard::None;
    if (mayFallThrough && b.end < size) b.successors.push_back(blockAt_[b.end]);
  }
}

void LiveRanges::findGlobals(uint32_t registers) {
  globalIndex_.assign(registers, kNever);
  std::vector<uint32_t> onlyBlock(registers, kNever);
  for (uint32_t i = 0; i < code_.size(); ++i) {
    const uint32_t block = blockAt_[i];
    auto touch = [&](Ref ref) {
      if (!isRegister(ref)) return;
      const uint32_t reg = registerOf(ref);
      if (onlyBlock[reg] == kNever) onlyBlock[reg] = block;
      if (onlyBlock[reg] == block || globalIndex_[reg] != kNever) return;
      globalIndex_[reg] = static_cast<uint32_t>(globals_.size());
      globals_.push_back(reg);
    };
    for (Ref r : code_[i].results) touch(r);
    forReads(code_[i], touch);
  }
  words_ = (globals_.size() + 63) / 64;
  for (Sets* sets : {&read_, &written_, &in_, &out_}) sets->assign(blocks_.size() * words_, 0);
}

void LiveRanges::scanBlocks(uint32_t registers) {
  std::vector<uint32_t> definedIn(registers, kNever);
  for (uint32_t b = 0; b < blocks_.size(); ++b) {
    for (uint32_t i = blocks_[b].first; i < blocks_[b].end; ++i) {
      const Emitted& e = code_[i];
      forReads(e, [&](Ref r) { use(r, i, b, definedIn); });
      for (Ref r : e.results) {
        if (!isRegister(r)) continue;
        extend(registerOf(r), i);
        // Where there is a guard, the other lanes keep their value.
        if (e.instr.guardMode != Guard::None) use(r, i, b, definedIn);
        else define(r, b, definedIn);
      }
    }
  }
}

void LiveRanges::use(Ref ref, uint32_t instruction, uint32_t block, const std::vector<uint32_t>& definedIn) {
  if (!isRegister(ref)) return;
  const uint32_t reg = registerOf(ref);
  extend(reg, instruction);
  if (definedIn[reg] == block) return;
  if (globalIndex_[reg] != kNever) {
    add(read_, block, globalIndex_[reg]);
  } else {  // read before it is written, or carried round a loop within its block
    extend(reg, blocks_[block].first);
    extend(reg, blocks_[block].end - 1);
  }
}

void LiveRanges::define(Ref ref, uint32_t block, std::vector<uint32_t>& definedIn) {
  const uint32_t reg = registerOf(ref);
  if (definedIn[reg] == block) return;
  definedIn[reg] = block;
  if (globalIndex_[reg] != kNever) add(written_, block, globalIndex_[reg]);
}

// What is alive at the beginning and at the end of each block.
void LiveRanges::solve() {
  for (bool changed = !globals_.empty(); changed;) {
    changed = false;
    for (size_t b = blocks_.size(); b-- > 0;) {
      for (size_t w = 0; w < words_; ++w) {
        uint64_t out = 0;
        for (uint32_t s : blocks_[b].successors) out |= in_[s * words_ + w];
        const size_t at = b * words_ + w;
        const uint64_t in = read_[at] | (out & ~written_[at]);
        changed = changed || out != out_[at] || in != in_[at];
        out_[at] = out;
        in_[at] = in;
      }
    }
  }
}

void LiveRanges::extendOverBlocks() {
  auto extendAll = [&](const Sets& sets, size_t block, uint32_t instruction) {
    for (size_t w = 0; w < words_; ++w) {
      for (uint64_t bits = sets[block * words_ + w]; bits != 0; bits &= bits - 1) {
        extend(globals_[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))], instruction);
      }
    }
  };
  for (size_t b = 0; b < blocks_.size(); ++b) {
    extendAll(in_, b, blocks_[b].first);
    extendAll(out_, b, blocks_[b].end - 1);
  }
}

// Slots have four sizes; predicates come last so that the others keep their alignment.
enum SlotSize : size_t { kPredicate, kWord, kDouble, kQuad, kSizes };
constexpr uint32_t kSlotBytes[kSizes] = {4, 128, 256, 512};
constexpr uint32_t kSlotWords[kSizes] = {0, 1, 2, 4};

SlotSize slotSize(ops::Type type) {
  if (type == ops::Type::Pred) return kPredicate;
  const int bits = ops::bits(type);
  return bits <= 32 ? kWord : bits == 64 ? kDouble : kQuad;
}

}  // namespace

RegisterLayout layOutRegisters(const std::vector<Emitted>& code, const std::vector<std::vector<uint32_t>>& tables,
                               const std::vector<ops::Type>& types) {
  const auto count = static_cast<uint32_t>(types.size());
  const LiveRanges live(code, tables, count);
  std::vector<uint32_t> order;
  for (uint32_t r = 0; r < count; ++r) {
    if (live.start[r] != kNever) order.push_back(r);
  }
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return live.start[a] < live.start[b]; });
  RegisterLayout layout;
  std::vector<uint32_t> slot(count, 0), freeSlots[kSizes];
  uint32_t used[kSizes] = {}, position = 0, words = 0;
  std::vector<std::vector<uint32_t>> endingAt(code.size() + 1);
  for (uint32_t r : order) {
    for (; position < live.start[r]; ++position) {
      for (uint32_t ended : endingAt[position]) {
        freeSlots[slotSize(types[ended])].push_back(slot[ended]);
        words -= kSlotWords[slotSize(types[ended])];
      }
    }
    const SlotSize size = slotSize(types[r]);
    if (freeSlots[size].empty()) {
      slot[r] = used[size]++;
    } else {
      slot[r] = freeSlots[size].back();
      freeSlots[size].pop_back();
    }
    endingAt[live.end[r]].push_back(r);
    words += kSlotWords[size];
    layout.liveWords = std::max(layout.liveWords, words);
  }
  uint64_t base[kSizes];
  for (size_t size = kSizes; size-- > 0;) {
    base[size] = layout.bytes;
    layout.bytes += uint64_t{used[size]} * kSlotBytes[size];
  }
  layout.bytes = (layout.bytes + 63) & ~uint64_t{63};
  layout.offsets.assign(count, 0);
  for (uint32_t r : order) {
    const SlotSize size = slotSize(types[r]);
    layout.offsets[r] = base[size] + uint64_t{slot[r]} * kSlotBytes[size];
  }
  return layout;
}

}  // namespace softcuda::ptx
