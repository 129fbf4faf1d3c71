// Finds accesses to global memory, at least one a write, that nothing orders: by two blocks of a launch, and by two
// operations of the driver (launches, copies, fills, frees).
//
// For each word of device memory a cell remembers the last write and a read. Blocks order what they do as the memory
// model says, somewhat generously: what a block did before a fence is known to whom reads, by an atomic, volatile or
// relaxed access, what the block or one that it knows wrote there by such an access after the fence. Threads of a
// block count as one. Of one launch, a plain access beside an atomic one is let pass (loops around compare-and-swap
// begin with one, and the last block sets its ticket back), and so is a read beside a write that changes nothing.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "machine/memory_access.h"

namespace softcuda::machine {

// What a block knows of the others: for each the time (number of fences) up to which.
using KnownBlocks = std::unordered_map<uint64_t, uint32_t>;

struct BlockKnowledge {
  uint32_t clock = 1;
  KnownBlocks known;
  std::shared_ptr<const KnownBlocks> atFence;         // with itself; null before the first fence
  std::unordered_map<uint64_t, uint64_t> seen, told;  // by address: versions that add nothing
};

// Through which addresses the blocks of a launch tell each other what they did.
class BlockMessages {
 public:
  void fence(BlockKnowledge& block, uint64_t index);
  void tell(BlockKnowledge& block, uint64_t address);
  void hear(BlockKnowledge& block, uint64_t address);

 private:
  struct Message {
    KnownBlocks known;
    uint64_t version = 0;
  };
  std::mutex mutex_;
  std::atomic<bool> any_{false};
  std::unordered_map<uint64_t, Message> messages_;
};

// One access, or what a cell remembers of one.
struct GlobalAccess {
  uint32_t operation = 0, block = 0, place = 0;  // place: of the instruction among all of the program
  uint32_t clock = 0;
  bool atomic = false;
  bool silent = false;  // a write of what was there before
};
struct GlobalConflict {
  bool earlierWrote = false;
  uint64_t address = 0;  // of the word
  GlobalAccess earlier;
};

// What who accesses memory knows, and is told.
class GlobalAccessor {
 public:
  // Whether an earlier access, of another block or operation, is known to come before this one.
  virtual bool ordered(const GlobalAccess& earlier) = 0;
  virtual void conflict(const GlobalConflict& found) = 0;

 protected:
  ~GlobalAccessor() = default;
};

class GlobalRaces {
 public:
  GlobalRaces(uint64_t arena, size_t size);
  ~GlobalRaces();
  GlobalRaces(const GlobalRaces&) = delete;
  GlobalRaces& operator=(const GlobalRaces&) = delete;
  bool works() const { return cells_ != nullptr; }

  void access(uint64_t address, size_t bytes, const GlobalAccess& what, bool write, GlobalAccessor& who);
  void forget(uint64_t address, size_t bytes);

 private:
  // Six times the memory that is looked after, so it is packed: bytes are a bit each; clocks and places end at a last
  // value, which stands for all beyond; blocks from 2^28 on are taken for others.
  struct Cell {
    uint32_t writeOperation, readOperation;
    uint32_t writer : 28, writtenBytes : 4;
    uint32_t reader : 28, readBytes : 4;
    uint16_t writePlace, readPlace;
    uint16_t writeClock : 14;
    bool writeAtomic : 1, writeSilent : 1;
    uint16_t readClock : 14;
    bool readAtomic : 1;
  };
  static_assert(sizeof(Cell) == 24);
  void accessWord(Cell& cell, uint64_t address, uint8_t bytes, const GlobalAccess& what, bool write,
                  GlobalAccessor& who);

  const uint64_t arena_;
  const size_t size_;
  Cell* cells_ = nullptr;
  std::unique_ptr<std::atomic_flag[]> locks_;
};

// A fence for more than the block.
void fenceGlobal(const Context& c);
// An access of a kernel's lanes; before it takes place, so that who sees it also hears of what came before it.
void recordGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask, uint32_t bytes,
                  SharedUse use);
// After lanes have read by atomic or volatile accesses.
void hearGlobal(const Context& c, const LaneAddresses& at, uint32_t mask);

}  // namespace softcuda::machine
