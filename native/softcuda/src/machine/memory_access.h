// Addresses, checks and reports common to all instructions that access memory.
#pragma once
#include <cstdint>
#include <string>

#include "machine/data_movement.h"
#include "machine/instructions.h"

namespace softcuda::machine {

struct alignas(64) LaneAddresses {
  uint64_t at[32];
};

const char* accessName(const Access& a);
[[noreturn]] void failAccess(const Context& c, int code, uint32_t lane, uint64_t address, uint32_t bytes,
                             const char* what, const std::string& why);

// The addresses of all lanes. Uniform if the instruction has no register in its address.
inline void computeAddresses(const Context& c, const Access& a, LaneAddresses& to) {
  switch (a.base) {
    case Access::Base::Register64:
      dataMovement().addresses64(reinterpret_cast<const uint64_t*>(c.at(a.baseRef)), static_cast<uint64_t>(a.offset),
                                 to.at);
      break;
    case Access::Base::Register32:
      dataMovement().addresses32(reinterpret_cast<const uint32_t*>(c.at(a.baseRef)), static_cast<uint32_t>(a.offset),
                                 to.at);
      break;
    default: {
      const uint64_t address = static_cast<uint64_t>(a.offset) + (a.frameRelative ? c.frame->localBase : 0);
      for (uint64_t& one : to.at) one = address;
    }
  }
}

// Why the launch may not access an allocation, as text for a report; empty if it may.
std::string whyOutOfReach(const Worker& worker, const Allocation& allocation);

// All lanes of the mask are inside of one live allocation, or each inside of some.
void checkGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                 const AddressSummary& summary, uint32_t bytes);
void checkShared(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                 const AddressSummary& summary, uint32_t bytes);
void checkLocal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                const AddressSummary& summary, uint32_t bytes);
void checkAlignment(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask,
                    const AddressSummary& summary, uint32_t bytes);

// With the bounds checker: all lanes are inside of the array that the address was made from.
void checkArray(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask, uint32_t bytes);

// Which lanes of generic addresses lie where; the addresses become offsets within the window.
Area classify(uint64_t address);
// Takes from `mask` the lanes that lie in the same area as its first lane and makes their addresses relative to the
// window.
uint32_t takeArea(LaneAddresses& at, uint32_t* mask, Area* area);

// Shared memory's race checker and the init checker.
struct SharedUse {
  bool reads, writes;
  bool ordered;                           // atomic, relaxed or volatile: no race with others of this kind
  const uint8_t (*values)[16] = nullptr;  // by lane: what is about to be written, where that is known
};
void recordShared(const Context& c, const LaneAddresses& at, uint32_t mask, uint32_t bytes, SharedUse use);
// Of atomic operations, which read and write; others' reads are looked at where they come to something: definedness.h.
void checkInitGlobal(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask, uint32_t bytes,
                     bool write);

// Counting.
void countGlobal(const Context& c, const LaneAddresses& at, uint32_t mask, uint32_t bytes, bool write);
void countShared(Counters& counters, const LaneAddresses& at, uint32_t mask, uint32_t bytes, bool write);
uint32_t sectorsOf(const LaneAddresses& at, uint32_t mask, uint32_t bytes, uint32_t* least);

}  // namespace softcuda::machine
