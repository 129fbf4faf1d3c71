#include "driver/peers.h"

#include <array>
#include <atomic>

#include "driver/allocation.h"
#include "driver/call.h"
#include "driver/device.h"
#include "driver/pool.h"

namespace softcuda::driver {

namespace {

std::atomic<uint64_t>& copied(int from, int to) {
  static std::array<std::atomic<uint64_t>, size_t{kMostDevices} * kMostDevices> bytes{};
  return bytes[static_cast<size_t>(from) * kMostDevices + static_cast<size_t>(to)];
}

}  // namespace

void Peers::enable(uint64_t context) {
  std::lock_guard lock(mutex_);
  if (!enabled_.insert(context).second)
    throw Error(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, "access to the other context's memory is enabled already");
}

void Peers::disable(uint64_t context) {
  std::lock_guard lock(mutex_);
  if (enabled_.erase(context) == 0)
    throw Error(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, "access to the other context's memory is not enabled");
}

std::string Peers::whyNot(const Allocation& allocation) const {
  const Owner& owner = allocation.owner;
  if (owner.device == self_.device || isHost(allocation.kind)) return "";
  const std::string who =
      "device " + std::to_string(self_.device) + " (context " + std::to_string(self_.context) + ")";
  if (allocation.kind == AllocationKind::StreamOrdered) {
    Record record;
    if (Records::instance().find(allocation.base, &record) && record.pool != nullptr &&
        record.pool->isOpenTo(self_.device))
      return "";
    return who + " has no access to the memory pool that it is from; cuMemPoolSetAccess gives it";
  }
  std::lock_guard lock(mutex_);
  if (enabled_.count(owner.context) != 0) return "";
  return who + " has no access to the memory of context " + std::to_string(owner.context) +
         "; cuCtxEnablePeerAccess, called in the former for the latter, gives it";
}

std::string Peers::whyNot(uint64_t address) const {
  Allocation found;
  return memory().find(address, &found) ? whyNot(found) : "";
}

void countPeerCopy(int from, int to, uint64_t bytes) { copied(from, to) += bytes; }

uint64_t peerCopyBytes(int from, int to) { return copied(from, to); }

}  // namespace softcuda::driver
