// Moves of 32 lanes between memory and registers, in versions for AVX-512 and any CPU; the best that the CPU has is
// chosen at start.
#pragma once
#include <cstdint>

namespace softcuda::machine {

// Through an integer: offsets from a null pointer are no valid arithmetic.
inline uint8_t* hostBytes(uint64_t address) { return reinterpret_cast<uint8_t*>(address); }

// What a set of addresses has in common.
struct AddressSummary {
  uint64_t low = 0, high = 0;  // least and greatest
  uint64_t bits = 0;           // all or-ed: the low bits tell the alignment
  bool consecutive = false;    // lane i at the first lane's address + i * step (lanes of the mask)
  bool uniform = false;        // all the same
};

struct DataMovement {
  // at[i] = base[i] + offset
  void (*addresses64)(const uint64_t* base, uint64_t offset, uint64_t* at);
  void (*addresses32)(const uint32_t* base, uint32_t offset, uint64_t* at);
  // Of the lanes of a mask that is not 0; inactive lanes of `at` may hold anything.
  AddressSummary (*summarise)(const uint64_t* at, uint32_t mask, uint64_t step);
  // All 32 lanes. `origin + at[i]` is the host address. Each element goes to its own array of 32 registers.
  void (*gather32)(uint64_t origin, const uint64_t* at, uint32_t* const* to,
                   uint32_t count);  // count elements of 4 bytes per lane
  void (*gather64)(uint64_t origin, const uint64_t* at, uint64_t* const* to, uint32_t count);
  void (*scatter32)(uint64_t origin, const uint64_t* at, const uint32_t* const* from, uint32_t count);
  // Lanes' elements one after the other from `memory` on.
  void (*loadConsecutive32)(const uint8_t* memory, uint32_t* const* to, uint32_t count);
  void (*storeConsecutive32)(uint8_t* memory, const uint32_t* const* from, uint32_t count);
};

const DataMovement& dataMovement();
const DataMovement& dataMovementGeneric();
#if defined(__x86_64__)
const DataMovement& dataMovementAvx512();
#endif

}  // namespace softcuda::machine
