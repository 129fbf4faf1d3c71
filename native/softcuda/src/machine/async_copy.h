// cp.async: data arrives when the program waits for it, not before.
#pragma once
#include "machine/instructions.h"

namespace softcuda::machine {

// Performs the copies of these lanes that were issued before copy `end` (a serial number), and forgets those that are
// complete.
void completeCopies(Block& block, const DeviceMemory& memory, Warp& warp, uint32_t lanes, size_t end);
// Performs what arrivals at this mbarrier wait for and returns how many arrived.
uint32_t completeArrivals(Block& block, const DeviceMemory& memory, uint32_t object);

}  // namespace softcuda::machine
