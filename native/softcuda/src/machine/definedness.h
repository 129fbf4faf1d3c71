// The init checker: which registers hold what nobody has written, and what comes of it. Such a value may be loaded,
// moved and computed with; it is an error where it decides something: an address, a branch, what is stored in global
// memory. A register is defined or not as a whole, for each lane; shared and global memory by bytes, local memory by
// words.
#pragma once
#include <cstdint>

#include "machine/memory_access.h"

namespace softcuda::machine {

inline bool tracksValues(const Frame& frame) { return frame.undefined != nullptr; }

// Before an instruction that lanes execute each for itself: its guard, its addresses and operands, its results.
void trackGuard(const Context& c, uint32_t mask);
void trackInstruction(const Context& c, uint32_t mask);
// Before one that lanes execute together: shuffles, votes, mma.
void trackTogether(const Context& c, uint32_t mask);

// Before data moves: registers that are loaded, and memory that is stored to. `at` are offsets in the area.
void trackLoad(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask);
void trackStore(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask);
void trackLoadMatrix(const Context& c, const Access& a, const LaneAddresses& at);
// An element of a register of a matrix: of wmma.load, of wmma.store.
void trackMatrixElement(const Context& c, Ref reg, bool first, bool isStore, Area area, const LaneAddresses& at,
                        uint32_t bytes);

}  // namespace softcuda::machine
