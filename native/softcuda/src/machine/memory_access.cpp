#include "machine/memory_access.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "machine/block_traffic.h"
#include "machine/race_checker.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

const char* accessName(const Access& a) {
  if (a.atomic != AtomicOp::None) return "atomic operation";
  return a.writes ? "write" : "read";
}

void failAccess(const Context& c, int code, uint32_t lane, uint64_t address, uint32_t bytes, const char* what,
                const std::string& why) {
  (void)c;
  throw Fault{
      code, std::string("invalid ") + what + " of " + std::to_string(bytes) + " bytes at " + hex(address) + ": " + why,
      lane, "", false};
}

std::string whyOutOfReach(const Worker& worker, const Allocation& allocation) {
  const Launch& launch = worker.launch.launch;
  return launch.reach == nullptr ? "" : launch.reach->whyNot(allocation);
}

Area classify(uint64_t address) {
  if (address - kSharedWindow < kSharedWindowSize) return Area::Shared;
  if (address - kLocalWindow < kLocalWindowSize) return Area::Local;
  if (address - kKernelParameterBase < kKernelParameterSize) return Area::KernelParameter;
  return Area::Global;
}

uint32_t takeArea(LaneAddresses& at, uint32_t* mask, Area* area) {
  *area = classify(at.at[__builtin_ctz(*mask)]);
  uint32_t part = 0;
  for (uint32_t lanes = *mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    if (classify(at.at[lane]) != *area) continue;
    part |= 1u << lane;
    if (*area == Area::Shared) at.at[lane] -= kSharedWindow;
    else if (*area == Area::Local) at.at[lane] -= kLocalWindow;
    else if (*area == Area::KernelParameter) at.at[lane] -= kKernelParameterBase;
  }
  *mask &= ~part;
  return part;
}

void checkAlignment(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                    const AddressSummary& summary, uint32_t bytes) {
  if ((summary.bits & (bytes - 1)) == 0) return;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    if ((at.at[lane] & (bytes - 1)) != 0)
      failAccess(c, kMisalignedAddress, lane, at.at[lane], bytes, accessName(a),
                 "the address is not a multiple of " + std::to_string(bytes));
  }
}

void checkGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                 const AddressSummary& summary, uint32_t bytes) {
  AllocationCache& cache = c.worker.caches[a.cacheSlot];
  if (summary.low >= cache.base && summary.high + bytes <= cache.end && summary.high + bytes > summary.high &&
      !(a.writes && cache.constant))
    return;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint64_t address = at.at[lane];
    if (address >= cache.base && address + bytes <= cache.end && address + bytes > address &&
        !(a.writes && cache.constant))
      continue;
    const Area area = classify(address);
    if (area == Area::Shared || area == Area::Local) {
      failAccess(c, kInvalidAddressSpace, lane, address, bytes, accessName(a),
                 std::string("the instruction accesses ") + (a.area == Area::Constant ? ".const" : ".global") +
                     ", the address is in the " + (area == Area::Shared ? "shared" : "local") + " memory window");
    }
    Allocation found;
    if (!c.worker.memory.find(address, &found))
      failAccess(c, kIllegalAddress, lane, address, bytes, accessName(a), c.worker.memory.describe(address));
    if (address + bytes > found.base + found.size || address + bytes < address) {
      failAccess(c, kIllegalAddress, lane, address, bytes, accessName(a),
                 "it begins inside and ends outside of its allocation: " + c.worker.memory.describe(address));
    }
    const std::string outOfReach = whyOutOfReach(c.worker, found);
    if (!outOfReach.empty())
      failAccess(c, kIllegalAddress, lane, address, bytes, accessName(a),
                 c.worker.memory.describe(address) + ": " + outOfReach);
    const bool constant = found.kind == AllocationKind::Constant;
    if (a.area == Area::Constant && !constant)
      failAccess(c, kInvalidAddressSpace, lane, address, bytes, accessName(a),
                 "the instruction accesses .const, the address is " + c.worker.memory.describe(address));
    if (a.writes && constant)
      failAccess(c, kIllegalAddress, lane, address, bytes, accessName(a),
                 "constant memory cannot be written; " + c.worker.memory.describe(address));
    cache.base = found.base;
    cache.end = found.base + found.size;
    cache.constant = constant;
  }
}

void checkShared(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                 const AddressSummary& summary, uint32_t bytes) {
  if (summary.high + bytes <= c.block.sharedBytes && summary.high + bytes > summary.high) return;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint64_t offset = at.at[lane];
    if (offset + bytes <= c.block.sharedBytes && offset + bytes > offset) continue;
    if (c.worker.program.usesReservedShared && offset >= c.block.reservedShared &&
        offset + bytes <= c.block.reservedShared + kReservedSharedBytes)
      continue;
    failAccess(c, kIllegalAddress, lane, offset, bytes,
               a.atomic != AtomicOp::None ? "shared atomic operation"
               : a.writes                 ? "shared write"
                                          : "shared read",
               "the block has " + std::to_string(c.block.sharedBytes) + " bytes of shared memory");
  }
}

void checkLocal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                const AddressSummary& summary, uint32_t bytes) {
  const uint64_t top = c.frame->localTop;
  if (summary.high + bytes <= top && summary.high + bytes > summary.high) return;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint64_t offset = at.at[lane];
    if (offset + bytes <= top && offset + bytes > offset) continue;
    failAccess(c, kIllegalAddress, lane, offset, bytes, a.writes ? "local write" : "local read",
               "the thread uses " + std::to_string(top) + " bytes of local memory");
  }
}

void checkArray(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask, uint32_t bytes) {
  if (a.array == kNone || !c.worker.launch.options.bounds) return;
  const Array& array = c.frame->function->arrays[a.array];
  if (area != (array.isLocal ? Area::Local : Area::Shared)) return;
  const uint64_t base = array.isLocal ? c.frame->localBase : 0;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint64_t offset = at.at[lane] - base;
    if (offset >= array.begin && offset + bytes <= array.end) continue;
    const int64_t inside = static_cast<int64_t>(offset) - array.begin;
    const std::string size =
        array.end == ~0u ? "dynamic shared memory" : std::to_string(array.end - array.begin) + " bytes";
    throw Fault{kIllegalAddress,
                std::string("out of bounds: ") + (array.isLocal ? "local " : "shared ") + accessName(a) + " of " +
                    std::to_string(bytes) + " bytes at offset " + std::to_string(inside) + " of '" + array.name +
                    "' (" + size + "), from which the address was made",
                lane, "", false};
  }
}

namespace {

std::string placeOf(const Context& c, const DecodedFunction& function, uint32_t pc) {
  const std::string source = c.worker.program.source->describe(function.sources[pc]);
  return "line " + std::to_string(function.code[pc].line) + (source.empty() ? "" : " (" + source + ")");
}

std::string bytesAt(uint32_t bytes, uint64_t offset) {
  return std::to_string(bytes) + " bytes at offset " + std::to_string(offset);
}

// An access to bytes that a cp.async is to write, or has written already: nobody knows.
Fault faultInFlight(const Context& c, uint32_t lane, uint64_t offset, uint32_t bytes, const SharedUse& use) {
  const char* does = c.instr->kind == Kind::CopyAsync ? "cp.async" : use.writes ? "write" : "read";
  Fault fault{kLaunchFailed,
              std::string("race on shared memory: ") + does + " of " + bytesAt(bytes, offset) +
                  " while a cp.async to them is under way",
              lane, "", false};
  for (const Warp& warp : c.block.warps) {
    for (const PendingCopy& copy : warp.copies) {
      for (uint32_t lanes = copy.mask; lanes != 0; lanes &= lanes - 1) {
        const auto other = static_cast<uint32_t>(__builtin_ctz(lanes));
        const uint64_t begin = copy.destination[other];
        if (begin >= offset + bytes || offset >= begin + copy.bytes || !fault.details.empty()) continue;
        fault.details = "  cp.async by thread " + c.block.threadName(c.worker, warp.index * 32 + other) + " at " +
                        placeOf(c, *copy.function, copy.pc) + ", for which no wait has come\n";
      }
    }
  }
  return fault;
}

void checkRaces(const Context& c, const LaneAddresses& at, uint32_t mask, uint32_t bytes, const SharedUse& use) {
  Block& block = c.block;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const auto offset = static_cast<uint32_t>(at.at[lane]);
    if (block.races->inFlight(offset, bytes)) throw faultInFlight(c, lane, offset, bytes, use);
    RaceChecker::Access what;
    what.thread = c.warp.index * 32 + lane;
    what.line = c.instr->line;
    what.clock = block.races->clockOf(c.warp.index, lane);
    what.function = c.frame->function;
    what.pc = c.pc;
    const RaceChecker::Race race =
        block.races->access(c.warp.index, lane, offset, bytes, use.writes, use.ordered, what);
    if (!race.found) continue;
    // Lanes of one instruction that write the same place: one of them wins, as CUDA says.
    const bool bothWrite = use.writes && race.earlierWrote;
    if (race.earlier.function == what.function && race.earlier.pc == what.pc &&
        race.earlier.thread / 32 == c.warp.index && bothWrite)
      continue;
    const auto* function = static_cast<const DecodedFunction*>(race.earlier.function);
    const Instr& earlier = function->code[race.earlier.pc];
    Fault fault{kLaunchFailed, "", lane,
                "  earlier " + std::string(race.earlierWrote ? "write" : "read") + " by thread " +
                    block.threadName(c.worker, race.earlier.thread) + " at " + placeOf(c, *function, race.earlier.pc) +
                    "\n",
                false};
    if (bothWrite && use.values != nullptr && std::memcmp(block.shared + offset, use.values[lane], bytes) == 0) {
      fault.code = kSuccess;
      fault.what =
          "threads write the same value to shared memory without a barrier between them, which does no harm: " +
          bytesAt(bytes, offset);
      fault.function = c.frame->function;
      fault.pc = c.pc;
      fault.warp = c.warp.index;
      block.note(fault);
      continue;
    }
    if (c.instr->kind == Kind::Mbarrier && earlier.kind == Kind::Mbarrier && race.earlierWrote)
      fault.what = "race on shared memory: the mbarrier at offset " + std::to_string(offset) +
                   " is used before its initialisation by another thread is visible";
    else
      fault.what = std::string("race on shared memory: ") + (use.writes ? "write" : "read") + " of " +
                   bytesAt(bytes, offset) + " and an earlier " + (race.earlierWrote ? "write" : "read") +
                   " by another thread are not ordered by a barrier";
    throw fault;
  }
}

}  // namespace

void recordShared(const Context& c, const LaneAddresses& at, uint32_t mask, uint32_t bytes, SharedUse use) {
  Block& block = c.block;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {  // what the system has is not the program's
    if (at.at[__builtin_ctz(lanes)] + bytes > block.sharedBytes) mask &= ~(lanes & (0u - lanes));
  }
  if (!block.sharedWritten.empty()) {
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
      uint8_t* written = block.sharedWritten.data() + at.at[lane];
      if (use.reads && use.writes) {
        for (uint32_t i = 0; i < bytes; ++i) {
          if (written[i] != 0 || block.uninitialisedRead) continue;
          Fault fault{kLaunchFailed,
                      "read of uninitialised shared memory: byte " + std::to_string(at.at[lane] + i) +
                          " was not written since the block began",
                      lane, "", false};
          if (!block.races) throw fault;
          fault.function = c.frame->function;
          fault.pc = c.pc;
          fault.warp = c.warp.index;
          block.uninitialisedRead = std::make_unique<Fault>(fault);
        }
      }
      if (use.writes) std::memset(written, 1, bytes);
    }
  }
  if (block.races) checkRaces(c, at, mask, bytes, use);
}

void checkInitGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask, uint32_t bytes,
                     bool write) {
  DeviceMemory& memory = c.worker.memory;
  if (!memory.checksInit()) return;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    if (a.atomic != AtomicOp::None && c.worker.launch.options.init) {
      const size_t hole = memory.firstUninitialised(at.at[lane], bytes);
      if (hole != bytes)
        throw Fault{kLaunchFailed,
                    "read of uninitialised global memory at " + hex(at.at[lane] + hole) + ": " +
                        memory.describe(at.at[lane] + hole),
                    lane, "", false};
    }
    if (write) memory.markWritten(at.at[lane], bytes);
  }
}

uint32_t sectorsOf(const LaneAddresses& at, uint32_t mask, uint32_t bytes, uint32_t* least) {
  // Distinct 32-byte sectors and distinct bytes. Nearly all accesses are consecutive or all the same.
  const AddressSummary summary = dataMovement().summarise(at.at, mask, bytes);
  const uint32_t lowest = mask & (0u - mask);
  const bool noGaps = (mask & (mask + lowest)) == 0;
  if ((summary.consecutive && noGaps) || summary.uniform) {
    const uint64_t end = summary.high + bytes;
    *least = static_cast<uint32_t>((end - summary.low + 31) / 32);
    return static_cast<uint32_t>((end - 1) / 32 - summary.low / 32 + 1);
  }
  uint64_t keys[32];
  uint32_t count = 0;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) keys[count++] = at.at[__builtin_ctz(lanes)];
  std::sort(keys, keys + count);
  uint32_t sectors = 0;
  uint64_t distinctBytes = 0, end = 0, lastSector = ~uint64_t{0};
  for (uint32_t i = 0; i < count; ++i) {
    for (uint64_t s = keys[i] / 32; s <= (keys[i] + bytes - 1) / 32; ++s) {
      if (s != lastSector) {
        ++sectors;
        lastSector = s;
      }
    }
    const uint64_t from = std::max(keys[i], end), to = keys[i] + bytes;
    if (to > from) distinctBytes += to - from;
    end = std::max(end, to);
  }
  *least = static_cast<uint32_t>((distinctBytes + 31) / 32);
  return sectors;
}

void countGlobal(const Context& c, const LaneAddresses& at, uint32_t mask, uint32_t bytes, bool write) {
  Counters& counters = c.worker.counters;
  if (c.block.traffic) c.block.traffic->touch(at, mask, bytes, write);
  uint32_t least = 0;
  const uint32_t sectors = sectorsOf(at, mask, bytes, &least);
  const uint64_t asked = static_cast<uint64_t>(__builtin_popcount(mask)) * bytes;
  if (write) {
    counters.globalStoreSectors += sectors;
    counters.globalStoreSectorsLeast += least;
    counters.globalStoreBytes += asked;
  } else {
    counters.globalLoadSectors += sectors;
    counters.globalLoadSectorsLeast += least;
    counters.globalLoadBytes += asked;
  }
}

// 32 banks of 4 bytes. Accesses of 8 bytes are served by half warps, of 16 bytes by quarter warps; lanes that read the
// same word share it.
void countShared(Counters& counters, const LaneAddresses& at, uint32_t mask, uint32_t bytes, bool write) {
  const uint32_t words = std::max(bytes / 4, 1u);
  const uint32_t lanesPerGroup = 32 / words;
  uint64_t wavefronts = 0, least = 0;
  const AddressSummary summary = dataMovement().summarise(at.at, mask, bytes);
  // Each group of lanes reads all banks once, or one place.
  const bool regular = mask == ~0u && bytes >= 4 && (summary.consecutive || summary.uniform);
  if (regular) wavefronts = least = words;
  for (uint32_t first = 0; first < 32 && !regular; first += lanesPerGroup) {
    const uint32_t group = mask & (lanesPerGroup == 32 ? ~0u : ((1u << lanesPerGroup) - 1) << first);
    if (group == 0) continue;
    uint64_t distinct[32];
    uint32_t count = 0, perBank[32] = {};
    for (uint32_t lanes = group; lanes != 0; lanes &= lanes - 1) {
      const uint64_t word = at.at[__builtin_ctz(lanes)] / 4;
      for (uint32_t w = 0; w < words; ++w) {
        bool seen = false;
        for (uint32_t i = 0; i < count && !seen; ++i) seen = distinct[i] == word + w;
        if (seen || count >= 32) continue;
        distinct[count++] = word + w;
        ++perBank[(word + w) % 32];
      }
    }
    wavefronts += *std::max_element(perBank, perBank + 32);
    least += (count + 31) / 32;
  }
  if (write) {
    counters.sharedStoreWavefronts += wavefronts;
    counters.sharedStoreWavefrontsLeast += least;
  } else {
    counters.sharedLoadWavefronts += wavefronts;
    counters.sharedLoadWavefrontsLeast += least;
  }
}

}  // namespace softcuda::machine
