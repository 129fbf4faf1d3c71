#include "machine/global_races.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace softcuda::machine {
namespace {

constexpr size_t kLocks = 4096;
constexpr int kBytesPerLock = 14;        // 2^14
constexpr uint32_t kLastClock = 0x3fff;  // cells cannot tell later ones apart: what has it counts as known
constexpr uint32_t kLastPlace = 0xffff;  // nor places: reports do not name it
constexpr uint32_t kBlocks = 1u << 28;

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

void GlobalRaces::access(uint64_t address, size_t bytes, const GlobalAccess& what, bool write, GlobalAccessor& who) {
  if (address < arena_ || address + bytes > arena_ + size_) return;
  uint64_t at = address - arena_;
  const uint64_t end = at + bytes;
  while (at < end) {
    const uint64_t partEnd = std::min(end, ((at >> kBytesPerLock) + 1) << kBytesPerLock);
    const Locked locked(locks_[(at >> kBytesPerLock) % kLocks]);
    while (at < partEnd) {
      const uint64_t word = at & ~uint64_t{3}, wordEnd = std::min(partEnd, word + 4);
      const auto mask = static_cast<uint8_t>((0xfu << (at - word)) & (0xfu >> (word + 4 - wordEnd)));
      accessWord(cells_[at / 4], arena_ + word, mask, what, write, who);
      at = wordEnd;
    }
  }
}

void GlobalRaces::accessWord(Cell& cell, uint64_t address, uint8_t bytes, const GlobalAccess& what, bool write,
                             GlobalAccessor& who) {
  auto own = [&](uint32_t operation, uint32_t block) { return operation == what.operation && block == what.block; };
  auto clashes = [&](const GlobalAccess& earlier, bool earlierWrote) {
    if (earlier.operation == 0 || own(earlier.operation, earlier.block)) return false;
    if (earlier.atomic && what.atomic) return false;
    const GlobalAccess& writes = earlierWrote ? earlier : what;
    const bool bothWrite = earlierWrote && write, oneAtomic = earlier.atomic || what.atomic;
    if (earlier.operation == what.operation && (oneAtomic || (!bothWrite && writes.silent))) return false;
    return !who.ordered(earlier);
  };
  const GlobalAccess lastWrite{cell.writeOperation, cell.writer,      cell.writePlace,
                               cell.writeClock,     cell.writeAtomic, cell.writeSilent},
      aRead{cell.readOperation, cell.reader, cell.readPlace, cell.readClock, cell.readAtomic, false};
  if ((cell.writtenBytes & bytes) != 0 && clashes(lastWrite, true)) who.conflict({true, address, lastWrite});
  else if (write && (cell.readBytes & bytes) != 0 && clashes(aRead, false)) who.conflict({false, address, aRead});
  const auto place = static_cast<uint16_t>(std::min(what.place, kLastPlace));
  if (write) {
    const bool more = own(cell.writeOperation, cell.writer);
    cell.writtenBytes = ((more ? cell.writtenBytes : 0) | bytes) & 0xf;
    cell.writeOperation = what.operation;
    cell.writer = what.block;
    cell.writePlace = place;
    cell.writeClock = what.clock & kLastClock;
    cell.writeSilent = what.silent && (!more || cell.writeSilent);
    cell.writeAtomic = what.atomic;
    cell.readBytes = cell.readBytes & ~bytes & 0xf;
    return;
  }
  const bool more = cell.readBytes != 0 && own(cell.readOperation, cell.reader);
  // There is room for one reader: the first, as long as it may yet clash with a write.
  if (!more && cell.readBytes != 0 && !who.ordered(aRead)) return;
  cell.readBytes = ((more ? cell.readBytes : 0) | bytes) & 0xf;
  cell.readOperation = what.operation;
  cell.reader = what.block;
  cell.readPlace = place;
  cell.readClock = what.clock & kLastClock;
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
  if (place == kLastPlace) return "an unknown line";
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

namespace {

// The lanes of one instruction of a kernel.
class Lanes final : public GlobalAccessor {
 public:
  Lanes(const Context& c, const LaneAddresses& at, uint32_t mask, uint32_t bytes, const SharedUse& use)
      : c_(c), at_(at), mask_(mask), bytes_(bytes), use_(use) {}

  bool ordered(const GlobalAccess& earlier) override {
    const LaunchState& launch = c_.worker.launch;
    if (earlier.operation != launch.operation) {
      const OperationOrder* order = launch.launch.order;
      return order == nullptr || order->isBefore(earlier.operation, launch.operation);
    }
    const KnownBlocks& known = c_.block.knowledge->known;
    const auto found = known.find(earlier.block);
    return earlier.clock == kLastClock || (found != known.end() && found->second >= earlier.clock);
  }

  void conflict(const GlobalConflict& found) override {
    uint32_t lane = kNone;
    bool same = found.earlier.operation == c_.worker.launch.operation && use_.writes && found.earlierWrote &&
                use_.values != nullptr;
    for (uint32_t lanes = mask_; lanes != 0; lanes &= lanes - 1) {
      const auto one = static_cast<uint32_t>(__builtin_ctz(lanes));
      if (at_.at[one] >= found.address + 4 || at_.at[one] + bytes_ <= found.address) continue;
      if (lane == kNone) lane = one;
      same = same && std::memcmp(hostBytes(at_.at[one]), use_.values[one], bytes_) == 0;
    }
    if (lane == kNone) return;
    Fault fault = faultOf(c_, lane, at_.at[lane], bytes_, use_, found);
    if (!same) throw fault;
    fault.code = kSuccess;
    fault.what =
        "blocks write the same value to global memory, which does no harm" + fault.what.substr(fault.what.rfind(": "));
    fault.function = c_.frame->function;
    fault.pc = c_.pc;
    fault.warp = c_.warp.index;
    c_.block.note(fault);
  }

 private:
  const Context& c_;
  const LaneAddresses& at_;
  const uint32_t mask_, bytes_;
  const SharedUse& use_;
};

}  // namespace

void recordGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask, uint32_t bytes,
                  SharedUse use) {
  const LaunchState& launch = c.worker.launch;
  GlobalRaces* races = launch.options.race ? c.worker.memory.races() : nullptr;
  if (races == nullptr) return;
  if (a.isRelease) fenceGlobal(c);
  BlockKnowledge& knowledge = *c.block.knowledge;
  GlobalAccess what{launch.operation,
                    static_cast<uint32_t>(c.block.linearIndex) % kBlocks,
                    c.frame->function->profileBase + c.pc,
                    knowledge.clock,
                    use.ordered,
                    false};
  Lanes lanesOf(c, at, mask, bytes, use);
  auto changesNothing = [&](uint32_t lanes) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    return use.values != nullptr && std::memcmp(hostBytes(at.at[lane]), use.values[lane], bytes) == 0;
  };
  for (uint32_t lanes = mask; lanes != 0;) {
    // Lanes beside each other together.
    const uint64_t begin = at.at[__builtin_ctz(lanes)];
    uint64_t end = begin + bytes;
    what.silent = changesNothing(lanes);
    lanes &= lanes - 1;
    for (; !use.ordered && lanes != 0 && at.at[__builtin_ctz(lanes)] == end && changesNothing(lanes) == what.silent;
         lanes &= lanes - 1)
      end += bytes;
    races->access(begin, end - begin, what, use.writes, lanesOf);
    if (use.ordered && use.writes) launch.messages->tell(knowledge, begin);
  }
}

void hearGlobal(const Context& c, const LaneAddresses& at, uint32_t mask) {
  if (!c.block.knowledge) return;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1)
    c.worker.launch.messages->hear(*c.block.knowledge, at.at[__builtin_ctz(lanes)]);
}

}  // namespace softcuda::machine
