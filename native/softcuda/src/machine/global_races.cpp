#include "machine/global_races.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace softcuda::machine {
namespace {

constexpr size_t kLocks = 4096;
constexpr int kBytesPerLock = 14;        // 2^14
constexpr uint32_t kLastClock = 0xffff;  // cells cannot tell later ones apart: what has it counts as known

void join(KnownBlocks& into, const KnownBlocks& from) {
  for (const auto& [block, clock] : from) {
    uint32_t& held = into[block];
    held = std::max(held, clock);
  }
}

class Locked {
 public:
  explicit Locked(std::atomic_flag& flag) : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) {}
  }
  ~Locked() { flag_.clear(std::memory_order_release); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  std::atomic_flag& flag_;
};

}  // namespace

void BlockMessages::fence(BlockKnowledge& block, uint64_t index) {
  auto now = std::make_shared<KnownBlocks>(block.known);
  (*now)[index] = block.clock;
  block.atFence = std::move(now);
  block.told.clear();
  block.clock = std::min(block.clock + 1, kLastClock);
}

void BlockMessages::tell(BlockKnowledge& block, uint64_t address) {
  if (block.atFence == nullptr) return;
  std::lock_guard lock(mutex_);
  Message& message = messages_[address];
  uint64_t& told = block.told[address];
  if (told != 0 && told == message.version) return;
  join(message.known, *block.atFence);
  told = ++message.version;
  any_.store(true, std::memory_order_release);
}

void BlockMessages::hear(BlockKnowledge& block, uint64_t address) {
  if (!any_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  const auto found = messages_.find(address);
  if (found == messages_.end()) return;
  uint64_t& seen = block.seen[address];
  if (seen == found->second.version) return;
  join(block.known, found->second.known);
  seen = found->second.version;
}

GlobalRaces::GlobalRaces(uint64_t arena, size_t size)
    : arena_(arena), size_(size), locks_(new std::atomic_flag[kLocks]) {
  for (size_t i = 0; i < kLocks; ++i) locks_[i].clear();
  // Only addresses: pages are made when they are first written.
  void* at = mmap(nullptr, size / 4 * sizeof(Cell), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at != MAP_FAILED) cells_ = static_cast<Cell*>(at);
}

GlobalRaces::~GlobalRaces() {
  if (cells_ != nullptr) munmap(cells_, size_ / 4 * sizeof(Cell));
}

GlobalConflict GlobalRaces::access(uint64_t address, size_t bytes, const GlobalAccess& what, bool write,
                                   const std::function<bool(const GlobalAccess&)>& ordered) {
  GlobalConflict conflict;
  if (address < arena_ || address + bytes > arena_ + size_) return conflict;
  uint64_t at = address - arena_;
  const uint64_t end = at + bytes;
  while (at < end) {
    const uint64_t partEnd = std::min(end, ((at >> kBytesPerLock) + 1) << kBytesPerLock);
    const Locked locked(locks_[(at >> kBytesPerLock) % kLocks]);
    while (at < partEnd) {
      const uint64_t wordEnd = std::min(partEnd, (at | 3) + 1);
      uint8_t mask = 0;
      for (uint64_t b = at; b < wordEnd; ++b) mask = static_cast<uint8_t>(mask | 1u << (b & 3));
      accessWord(cells_[at / 4], mask, what, write, ordered, conflict);
      at = wordEnd;
    }
  }
  return conflict;
}

void GlobalRaces::accessWord(Cell& cell, uint8_t bytes, const GlobalAccess& what, bool write,
                             const std::function<bool(const GlobalAccess&)>& ordered, GlobalConflict& conflict) {
  auto own = [&](uint32_t operation, uint32_t block) { return operation == what.operation && block == what.block; };
  auto clashes = [&](const GlobalAccess& earlier) {
    return earlier.operation != 0 && !own(earlier.operation, earlier.block) && !(earlier.atomic && what.atomic) &&
           !ordered(earlier);
  };
  const GlobalAccess lastWrite{cell.writeOperation, cell.writer, cell.writePlace, cell.writeClock, cell.writeAtomic},
      aRead{cell.readOperation, cell.reader, cell.readPlace, cell.readClock, cell.readAtomic};
  if (!conflict.found && (cell.writtenBytes & bytes) != 0 && clashes(lastWrite)) conflict = {true, true, lastWrite};
  if (!conflict.found && write && (cell.readBytes & bytes) != 0 && clashes(aRead)) conflict = {true, false, aRead};
  if (write) {
    const bool more = own(cell.writeOperation, cell.writer);
    cell.writtenBytes = more ? cell.writtenBytes | bytes : bytes;
    cell.writeOperation = what.operation;
    cell.writer = what.block;
    cell.writePlace = what.place;
    cell.writeClock = static_cast<uint16_t>(what.clock);
    cell.writeAtomic = what.atomic;
    cell.readBytes = static_cast<uint8_t>(cell.readBytes & ~bytes);
    return;
  }
  const bool more = cell.readBytes != 0 && own(cell.readOperation, cell.reader);
  // There is room for one reader: the first of the operation, as long as it may yet clash with a write.
  if (!more && cell.readBytes != 0 && cell.readOperation == what.operation && !ordered(aRead)) return;
  cell.readBytes = more ? cell.readBytes | bytes : bytes;
  cell.readOperation = what.operation;
  cell.reader = what.block;
  cell.readPlace = what.place;
  cell.readClock = static_cast<uint16_t>(what.clock);
  cell.readAtomic = what.atomic;
}

void GlobalRaces::forget(uint64_t address, size_t bytes) {
  if (address < arena_ || address + bytes > arena_ + size_) return;
  constexpr uint64_t kPage = 4096;
  const auto begin = (reinterpret_cast<uint64_t>(cells_ + (address - arena_) / 4)) & ~(kPage - 1);
  const auto end =
      (reinterpret_cast<uint64_t>(cells_ + (address - arena_ + bytes + 3) / 4) + kPage - 1) & ~(kPage - 1);
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

namespace {

std::string placeOf(const Program& program, uint32_t place) {
  for (const auto& function : program.functions) {
    if (place < function->profileBase || place - function->profileBase >= function->code.size()) continue;
    const uint32_t pc = place - function->profileBase;
    const std::string source = program.source->describe(function->sources[pc]);
    return "line " + std::to_string(function->code[pc].line) + (source.empty() ? "" : " (" + source + ")");
  }
  return "an unknown line";
}

Fault faultOf(const Context& c, uint32_t lane, uint64_t address, uint32_t bytes, const SharedUse& use,
              const GlobalConflict& conflict) {
  const LaunchState& launch = c.worker.launch;
  char hex[32];
  std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(address));
  const bool sameLaunch = conflict.earlier.operation == launch.operation;
  const std::string earlier = conflict.earlierWrote ? "write" : "read";
  Fault fault{kLaunchFailed,
              std::string("race on global memory: ") + (use.writes ? "write" : "read") + " of " +
                  std::to_string(bytes) + " bytes at " + hex + " and an earlier " + earlier + " by " +
                  (sameLaunch ? "another block" : "another operation") +
                  " are not ordered: " + c.worker.memory.describe(address),
              lane, "", false};
  if (sameLaunch) {
    const auto& grid = launch.launch.grid;
    const uint32_t block = conflict.earlier.block;
    fault.details = "  earlier " + earlier + " by block (" + std::to_string(block % grid[0]) + "," +
                    std::to_string(block / grid[0] % grid[1]) + "," + std::to_string(block / grid[0] / grid[1]) +
                    ") at " + placeOf(*launch.program, conflict.earlier.place) + "\n";
  } else {
    fault.details = "  earlier " + earlier + " by " + launch.launch.order->describe(conflict.earlier.operation) + "\n";
  }
  return fault;
}

}  // namespace

void fenceGlobal(const Context& c) {
  if (c.block.knowledge) c.worker.launch.messages->fence(*c.block.knowledge, c.block.linearIndex);
}

void recordGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask, uint32_t bytes,
                  SharedUse use) {
  const LaunchState& launch = c.worker.launch;
  GlobalRaces* races = launch.options.race ? c.worker.memory.races() : nullptr;
  if (races == nullptr) return;
  if (a.isRelease) fenceGlobal(c);
  Block& block = c.block;
  const GlobalAccess what{launch.operation, static_cast<uint32_t>(block.linearIndex),
                          c.frame->function->profileBase + c.pc, block.knowledge->clock, use.ordered};
  const std::function<bool(const GlobalAccess&)> ordered = [&](const GlobalAccess& earlier) {
    if (earlier.operation != launch.operation)
      return launch.launch.order == nullptr || launch.launch.order->isBefore(earlier.operation, launch.operation);
    const auto known = block.knowledge->known.find(earlier.block);
    return earlier.clock == kLastClock || (known != block.knowledge->known.end() && known->second >= earlier.clock);
  };
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint64_t address = at.at[lane];
    if (use.ordered && use.reads) c.worker.launch.messages->hear(*block.knowledge, address);
    const GlobalConflict conflict = races->access(address, bytes, what, use.writes, ordered);
    if (conflict.found) {
      Fault fault = faultOf(c, lane, address, bytes, use, conflict);
      const bool same = conflict.earlier.operation == launch.operation && use.writes && conflict.earlierWrote &&
                        use.values != nullptr && std::memcmp(hostBytes(address), use.values[lane], bytes) == 0;
      if (!same) throw fault;
      fault.code = kSuccess;
      fault.what = "blocks write the same value to global memory, which does no harm" +
                   fault.what.substr(fault.what.rfind(": "));
      fault.function = c.frame->function;
      fault.pc = c.pc;
      fault.warp = c.warp.index;
      block.note(fault);
    }
    if (use.ordered && use.writes) c.worker.launch.messages->tell(*block.knowledge, address);
  }
}

}  // namespace softcuda::machine
