#include "driver/allocation.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "driver/call.h"
#include "driver/context.h"
#include "driver/device.h"
#include "driver/pool.h"

namespace softcuda::driver {

Memory& memory() {
  static Memory* const all = Memory::create(deviceMemory(), deviceCount()).release();
  return *all;
}

Records& Records::instance() {
  static Records* const records = new Records();
  return *records;
}

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, value);
  return text;
}

uint64_t Records::allocate(Context& context, size_t bytes, size_t alignment, AllocationKind kind, unsigned flags,
                           std::shared_ptr<Pool> pool) {
  uint64_t address = 0;
  const Owner owner = pool != nullptr ? Owner{pool->device, context.id()} : context.peers()->self();
  const Failure failure = memory().allocate(bytes, alignment, kind, &address, owner);
  if (failure.code != CUDA_SUCCESS) {
    throw Error(static_cast<CUresult>(failure.code),
                std::to_string(bytes) + " bytes asked for, " +
                    std::to_string(deviceMemory() - std::min(deviceMemory(), memory().bytesInUse(owner.device))) +
                    " of " + std::to_string(deviceMemory()) + " free. " + failure.report);
  }
  Record record;
  memory().find(address, &record.allocation);
  record.contextId = context.id();
  record.context = context.handle();
  record.flags = flags;
  record.pool = std::move(pool);
  std::lock_guard lock(mutex_);
  records_[address] = std::move(record);
  return address;
}

void Records::adopt(Context& context, uint64_t base, size_t bytes, unsigned flags) {
  const Failure failure = memory().adopt(base, bytes, AllocationKind::HostRegistered, context.peers()->self());
  if (failure.code != CUDA_SUCCESS) throw Error(static_cast<CUresult>(failure.code), failure.report);
  Record record;
  memory().find(base, &record.allocation);
  record.contextId = context.id();
  record.context = context.handle();
  record.flags = flags;
  std::lock_guard lock(mutex_);
  records_[base] = std::move(record);
}

void Records::release(uint64_t base, const std::vector<AllocationKind>& kinds, CUresult code) {
  Record record;
  {
    std::lock_guard lock(mutex_);
    const auto found = records_.find(base);
    if (found == records_.end() ||
        std::find(kinds.begin(), kinds.end(), found->second.allocation.kind) == kinds.end()) {
      throw Error(code, hex(base) + " is not the beginning of such an allocation: " + memory().describe(base));
    }
    record = std::move(found->second);
    records_.erase(found);
  }
  if (record.pool != nullptr) record.pool->give(record.allocation.size);
  const Failure failure = memory().release(base);
  if (failure.code != CUDA_SUCCESS) throw Error(static_cast<CUresult>(failure.code), failure.report);
}

void Records::beginFree(uint64_t base) {
  std::lock_guard lock(mutex_);
  const auto found = records_.find(base);
  const bool possible = found != records_.end() && !found->second.freePending &&
                        (found->second.allocation.kind == AllocationKind::StreamOrdered ||
                         found->second.allocation.kind == AllocationKind::Device);
  if (!possible)
    throw Error(CUDA_ERROR_INVALID_VALUE,
                hex(base) + " is not allocated, or freed already: " + memory().describe(base));
  found->second.freePending = true;
}

bool Records::find(uint64_t address, Record* found) const {
  std::lock_guard lock(mutex_);
  auto after = records_.upper_bound(address);
  if (after == records_.begin()) return false;
  const Record& record = (--after)->second;
  if (address - record.allocation.base >= record.allocation.size) return false;
  if (found != nullptr) *found = record;
  return true;
}

std::vector<Record> Records::ofContext(uint64_t contextId) const {
  std::lock_guard lock(mutex_);
  std::vector<Record> all;
  for (const auto& each : records_) {
    if (each.second.contextId == contextId) all.push_back(each.second);
  }
  return all;
}

bool isKnown(uint64_t address) {
  Allocation found;
  return memory().find(address, &found);
}

void checkDeviceRange(uint64_t address, size_t bytes, const char* what) {
  if (bytes == 0) return;
  Allocation allocation;
  if (!memory().find(address, &allocation)) {
    throw Error(CUDA_ERROR_INVALID_VALUE,
                std::string(what) + " " + hex(address) + " is not device memory: " + memory().describe(address));
  }
  const uint64_t offset = address - allocation.base;
  if (bytes > allocation.size - offset) {
    throw Error(CUDA_ERROR_INVALID_VALUE, std::string(what) + " " + hex(address) + ": " + std::to_string(bytes) +
                                              " bytes reach " + std::to_string(bytes - (allocation.size - offset)) +
                                              " beyond the end of allocation " + std::to_string(allocation.id) + " (" +
                                              std::to_string(allocation.size) + " bytes)");
  }
}

}  // namespace softcuda::driver
