// The machine's own view of device memory: what the executor asks on every access.
#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "machine/machine.h"

namespace softcuda::machine {

class GlobalRaces;

// Allocations lie in one reserved range of addresses with gaps between them. Freed ranges are not used again while
// there is room, so that a use after free is recognised. With the init checker every byte of the range has a shadow
// byte.
class DeviceMemory final : public Memory {
 public:
  DeviceMemory(size_t capacity, int devices);
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  Failure allocate(size_t bytes, size_t alignment, AllocationKind kind, uint64_t* address,
                   const Owner& owner) override;
  Failure adopt(uint64_t base, size_t bytes, AllocationKind kind, const Owner& owner) override;
  Failure release(uint64_t base) override;
  bool find(uint64_t address, Allocation* found) const override;
  std::string describe(uint64_t address) const override;
  void markInitialised(uint64_t address, size_t bytes) override;
  std::string access(uint64_t address, size_t bytes, bool write, uint32_t operation,
                     const OperationOrder& order) override;
  size_t bytesInUse(int device) const override;
  std::vector<Allocation> live() const override;

  // Turns the shadow on; what is allocated then counts as initialised.
  bool enableInitChecks();
  // The first byte of [address, address + bytes) that nobody wrote; `bytes` if all were written. Only with the shadow
  // on.
  size_t firstUninitialised(uint64_t address, size_t bytes) const;
  // Which of these bytes were written: 1 or 0 each; does nothing where that is not known.
  void copyShadow(uint64_t address, size_t bytes, uint8_t* to) const;
  // No lock: threads of a kernel mark bytes that they write.
  void markWritten(uint64_t address, size_t bytes);
  GlobalRaces* races() const { return races_.get(); }  // null unless the race checker was on when memory was allocated
  bool checksInit() const { return shadow_ != nullptr; }

 private:
  struct Freed {
    Allocation allocation;
    uint64_t order;
  };
  Failure place(size_t size, size_t alignment, uint64_t* base);
  const Allocation* findLocked(uint64_t address) const;

  const size_t capacity_;  // of each device
  uint64_t arena_ = 0;
  size_t arenaSize_ = 0;
  uint64_t next_ = 0;
  uint8_t* shadow_ = nullptr;
  std::unique_ptr<GlobalRaces> races_;
  mutable std::shared_mutex mutex_;
  std::map<uint64_t, Allocation> live_;
  std::map<uint64_t, Allocation> freed_;      // by base; the quarantine
  std::multimap<size_t, uint64_t> reusable_;  // sizes of ranges taken out of the quarantine
  std::vector<size_t> inUse_;                 // by device
  uint64_t nextId_ = 1;
};

}  // namespace softcuda::machine
