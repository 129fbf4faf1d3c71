#include "machine/device_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "machine/global_races.h"
#include "machine/options.h"
#include "program/address_space.h"

namespace softcuda::machine {

using namespace program;

namespace {

constexpr int kHostAlreadyRegistered = 712;
constexpr size_t kGap = 4096;  // between allocations, belongs to none
constexpr size_t kHugePage = size_t{2} << 20;

size_t roundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

const char* nameOf(AllocationKind kind) {
  switch (kind) {
    case AllocationKind::Device: return "device memory";
    case AllocationKind::Managed: return "managed memory";
    case AllocationKind::HostPinned: return "pinned host memory";
    case AllocationKind::HostRegistered: return "registered host memory";
    case AllocationKind::Global: return "a module's global variable";
    case AllocationKind::Constant: return "a module's constant";
    case AllocationKind::StreamOrdered: return "stream-ordered memory";
  }
  return "memory";
}

}  // namespace

DeviceMemory::DeviceMemory(size_t capacity, int devices) : capacity_(capacity), inUse_(static_cast<size_t>(devices)) {
  // Only addresses: pages are made when they are first written.
  for (size_t size = size_t{1} << 40; size >= (size_t{1} << 28); size /= 2) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at != MAP_FAILED) {
      arena_ = reinterpret_cast<uint64_t>(at);
      arenaSize_ = size;
      break;
    }
  }
  next_ = roundUp(arena_, kHugePage);
}

DeviceMemory::~DeviceMemory() {
  if (arenaSize_ != 0) munmap(reinterpret_cast<void*>(arena_), arenaSize_);
  if (shadow_ != nullptr) munmap(shadow_, arenaSize_);
}

std::unique_ptr<Memory> makeMemory(size_t capacity, int devices) {
  return std::make_unique<DeviceMemory>(capacity, devices);
}

Failure DeviceMemory::place(size_t size, size_t alignment, uint64_t* base) {
  const size_t span = roundUp(size + kGap, kGap);
  const uint64_t at = roundUp(next_, std::max(alignment, size >= kHugePage ? kHugePage : size_t{4096}));
  if (at + span <= arena_ + arenaSize_ && at >= arena_) {
    next_ = at + span;
    *base = at;
    return {};
  }
  // The range is used up: the freed ranges come back, the oldest ids first.
  std::vector<Allocation> candidates;
  for (const auto& entry : freed_) candidates.push_back(entry.second);
  std::sort(candidates.begin(), candidates.end(),
            [](const Allocation& a, const Allocation& b) { return a.id < b.id; });
  for (const Allocation& old : candidates) {
    if (old.base % alignment == 0 && old.size >= size) {
      freed_.erase(old.base);
      *base = old.base;
      return {};
    }
  }
  return {kOutOfMemory, "no addresses left for " + std::to_string(size) + " bytes of device memory"};
}

Failure DeviceMemory::allocate(size_t bytes, size_t alignment, AllocationKind kind, uint64_t* address,
                               const Owner& owner) {
  if (bytes == 0 || address == nullptr) return {kInvalidValue, "an allocation needs at least one byte"};
  if (alignment == 0) alignment = 1;
  if ((alignment & (alignment - 1)) != 0 || alignment > (size_t{1} << 30))
    return {kInvalidValue, "an alignment must be a power of two"};
  if (checkRequested("init")) enableInitChecks();
  std::unique_lock lock(mutex_);
  if (races_ == nullptr && checkRequested("race")) {
    races_ = std::make_unique<GlobalRaces>(arena_, arenaSize_);
    if (!races_->works()) races_.reset();
  }
  size_t& inUse = inUse_[static_cast<size_t>(owner.device)];
  if (bytes > capacity_ || inUse > capacity_ - bytes) {
    return {kOutOfMemory, "out of device memory: " + std::to_string(bytes) + " bytes asked for, " +
                              std::to_string(inUse) + " of " + std::to_string(capacity_) + " in use"};
  }
  uint64_t base = 0;
  Failure failure = place(bytes, std::max<size_t>(alignment, 512), &base);
  if (failure.code != 0) return failure;
  if (bytes >= 2 * kHugePage) madvise(reinterpret_cast<void*>(base), bytes, MADV_HUGEPAGE);
  Allocation allocation{base, bytes, kind, nextId_++, true, owner};
  live_[base] = allocation;
  inUse += bytes;
  // What the host can write behind the driver's back counts as written.
  const bool unknown = kind == AllocationKind::Device || kind == AllocationKind::StreamOrdered;
  if (shadow_ != nullptr && !unknown) std::memset(shadow_ + (base - arena_), 1, bytes);
  *address = base;
  return {};
}

Failure DeviceMemory::adopt(uint64_t base, size_t bytes, AllocationKind kind, const Owner& owner) {
  if (bytes == 0 || base == 0 || base + bytes < base) return {kInvalidValue, "an empty range cannot be registered"};
  std::unique_lock lock(mutex_);
  auto next = live_.lower_bound(base);
  if (next != live_.end() && next->first < base + bytes)
    return {kHostAlreadyRegistered, "the range is registered already"};
  if (next != live_.begin()) {
    --next;
    if (next->second.base + next->second.size > base)
      return {kHostAlreadyRegistered, "the range is registered already"};
  }
  live_[base] = Allocation{base, bytes, kind, nextId_++, true, owner};
  freed_.erase(base);
  return {};
}

Failure DeviceMemory::release(uint64_t base) {
  std::unique_lock lock(mutex_);
  const auto found = live_.find(base);
  if (found == live_.end()) return {kInvalidValue, "not the start of a live allocation"};
  Allocation allocation = found->second;
  live_.erase(found);
  allocation.live = false;
  if (base >= arena_ && base < arena_ + arenaSize_) {
    inUse_[static_cast<size_t>(allocation.owner.device)] -= allocation.size;
    // Whole pages go back to the system, and so do those that say what was written; the addresses stay taken.
    const size_t pages = roundUp(allocation.size, 4096);
    madvise(reinterpret_cast<void*>(base), pages, MADV_DONTNEED);
    if (shadow_ != nullptr) madvise(shadow_ + (base - arena_), pages, MADV_DONTNEED);
    if (races_ != nullptr) races_->forget(base, allocation.size);
    freed_[base] = allocation;
  } else {
    freed_[base] = allocation;
    if (freed_.size() > 100000) freed_.erase(freed_.begin());
  }
  return {};
}

const Allocation* DeviceMemory::findLocked(uint64_t address) const {
  auto next = live_.upper_bound(address);
  if (next == live_.begin()) return nullptr;
  --next;
  return address - next->second.base < next->second.size ? &next->second : nullptr;
}

bool DeviceMemory::find(uint64_t address, Allocation* found) const {
  std::shared_lock lock(mutex_);
  const Allocation* a = findLocked(address);
  if (a == nullptr) return false;
  *found = *a;
  return true;
}

std::string DeviceMemory::describe(uint64_t address) const {
  if (address < 4096) return "near address 0 (a null pointer)";
  if (address >= kSharedWindow && address < kSharedWindow + kSharedWindowSize)
    return "in the shared memory window, offset " + std::to_string(address - kSharedWindow);
  if (address >= kLocalWindow && address < kLocalWindow + kLocalWindowSize)
    return "in the local memory window, offset " + std::to_string(address - kLocalWindow);
  std::shared_lock lock(mutex_);
  auto text = [this](const Allocation& a) {
    char base[32];
    std::snprintf(base, sizeof base, "0x%llx", static_cast<unsigned long long>(a.base));
    const std::string on = inUse_.size() > 1 && !isHost(a.kind) ? " of device " + std::to_string(a.owner.device) : "";
    return "allocation " + std::to_string(a.id) + " (" + nameOf(a.kind) + on + ", " + std::to_string(a.size) +
           " bytes at " + base + ")";
  };
  if (const Allocation* a = findLocked(address))
    return "at offset " + std::to_string(address - a->base) + " of " + text(*a);
  for (auto it = freed_.upper_bound(address); it != freed_.begin();) {
    --it;
    if (address - it->second.base < it->second.size)
      return "at offset " + std::to_string(address - it->second.base) + " of " + text(it->second) +
             ", which has been freed";
    break;
  }
  const Allocation* before = nullptr;
  const Allocation* after = nullptr;
  auto next = live_.upper_bound(address);
  if (next != live_.end()) after = &next->second;
  if (next != live_.begin()) before = &std::prev(next)->second;
  const uint64_t past = before != nullptr ? address - (before->base + before->size) : ~uint64_t{0};
  const uint64_t ahead = after != nullptr ? after->base - address : ~uint64_t{0};
  if (before == nullptr && after == nullptr) return "there are no allocations";
  if (past <= ahead)
    return (past == 0 ? "just past the end of " : std::to_string(past) + " bytes past the end of ") + text(*before);
  return std::to_string(ahead) + " bytes before " + text(*after);
}

std::string DeviceMemory::access(uint64_t address, size_t bytes, bool write, uint32_t operation,
                                 const OperationOrder& order) {
  if (races_ == nullptr) return "";
  struct Whole final : GlobalAccessor {
    Whole(uint32_t operation_, const OperationOrder& order_) : operation(operation_), order(order_) {}
    bool ordered(const GlobalAccess& earlier) override { return order.isBefore(earlier.operation, operation); }
    void conflict(const GlobalConflict& one) override {
      if (count++ == 0) first = one;
    }
    const uint32_t operation;
    const OperationOrder& order;
    uint64_t count = 0;
    GlobalConflict first;
  };
  Whole whole(operation, order);
  races_->access(address, bytes, {operation, 0, 0, 0, false, false}, write, whole);
  if (whole.count == 0) return "";
  return std::string("race on global memory: ") + (write ? "write" : "read") + " by " + order.describe(operation) +
         " and an earlier " + (whole.first.earlierWrote ? "write" : "read") + " by " +
         order.describe(whole.first.earlier.operation) + " are not ordered: " + describe(whole.first.address);
}

size_t DeviceMemory::bytesInUse(int device) const {
  std::shared_lock lock(mutex_);
  return inUse_[static_cast<size_t>(device)];
}

std::vector<Allocation> DeviceMemory::live() const {
  std::shared_lock lock(mutex_);
  std::vector<Allocation> result;
  for (const auto& entry : live_) result.push_back(entry.second);
  return result;
}

bool DeviceMemory::enableInitChecks() {
  std::unique_lock lock(mutex_);
  if (shadow_ != nullptr) return true;
  void* at = mmap(nullptr, arenaSize_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return false;
  shadow_ = static_cast<uint8_t*>(at);
  for (const auto& entry : live_) {
    if (entry.first >= arena_ && entry.first < arena_ + arenaSize_)
      std::memset(shadow_ + (entry.first - arena_), 1, entry.second.size);
  }
  return true;
}

void DeviceMemory::markWritten(uint64_t address, size_t bytes) {
  if (shadow_ == nullptr || address < arena_ || address + bytes > arena_ + arenaSize_) return;
  std::memset(shadow_ + (address - arena_), 1, bytes);
}

void DeviceMemory::markInitialised(uint64_t address, size_t bytes) { markWritten(address, bytes); }

void DeviceMemory::copyShadow(uint64_t address, size_t bytes, uint8_t* to) const {
  if (shadow_ == nullptr || address < arena_ || address + bytes > arena_ + arenaSize_) return;
  std::memcpy(to, shadow_ + (address - arena_), bytes);
}

size_t DeviceMemory::firstUninitialised(uint64_t address, size_t bytes) const {
  if (shadow_ == nullptr || address < arena_ || address + bytes > arena_ + arenaSize_) return bytes;
  const void* hole = std::memchr(shadow_ + (address - arena_), 0, bytes);
  return hole == nullptr ? bytes
                         : static_cast<size_t>(static_cast<const uint8_t*>(hole) - (shadow_ + (address - arena_)));
}

}  // namespace softcuda::machine

namespace softcuda {
namespace machine {
std::unique_ptr<Memory> makeMemory(size_t capacity, int devices);
}
std::unique_ptr<Memory> Memory::create(size_t capacity, int devices) { return machine::makeMemory(capacity, devices); }
}  // namespace softcuda
