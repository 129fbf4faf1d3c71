// Device memory as the driver sees it: the machine's Memory plus whose an allocation is and how it was made.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver/abi.h"
#include "machine/machine.h"

namespace softcuda::driver {

class Context;

// The memory of all devices, for the process; never destroyed.
Memory& memory();

struct Pool;

struct Record {
  Allocation allocation;
  uint64_t contextId = 0;
  CUcontext context = nullptr;
  unsigned flags = 0;          // of cuMemHostAlloc, cuMemHostRegister, cuMemAllocManaged
  std::shared_ptr<Pool> pool;  // stream-ordered allocations
  bool freePending = false;    // cuMemFreeAsync was called and has not been executed yet
};

// Live allocations by address, thread-safe.
class Records {
 public:
  static Records& instance();

  // Allocates or throws OUT_OF_MEMORY with what was asked and what is free.
  uint64_t allocate(Context& context, size_t bytes, size_t alignment, AllocationKind kind, unsigned flags,
                    std::shared_ptr<Pool> pool = nullptr);
  void adopt(Context& context, uint64_t base, size_t bytes, unsigned flags);
  // Frees the allocation that begins at `base`, if it is of one of the kinds; else throws `code`.
  void release(uint64_t base, const std::vector<AllocationKind>& kinds, CUresult code);
  // Marks a stream-ordered free; throws INVALID_VALUE if it is not an allocation or was freed before.
  void beginFree(uint64_t base);

  bool find(uint64_t address, Record* found) const;
  std::vector<Record> ofContext(uint64_t contextId) const;

 private:
  mutable std::mutex mutex_;
  std::map<uint64_t, Record> records_;
};

// Throws INVALID_VALUE unless [address, address + bytes) lies in one live allocation (or module variable).
void checkDeviceRange(uint64_t address, size_t bytes, const char* what);

// True if the address is known to the driver (device, managed, pinned, registered, module variable).
bool isKnown(uint64_t address);

std::string hex(uint64_t value);

}  // namespace softcuda::driver
