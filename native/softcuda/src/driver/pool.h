// Pools of stream-ordered memory: they count what is taken from them. Freed memory goes back at once (use after free
// is to be found), so a pool reserves nothing beyond what is in use and its release threshold is only remembered.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

#include "driver/abi.h"
#include "driver/handles.h"

namespace softcuda::driver {

struct Pool {
  CUmemoryPool handle = nullptr;
  int device = 0;
  size_t maxSize = 0;  // 0: unlimited
  std::mutex mutex;
  uint64_t used = 0, usedHigh = 0, releaseThreshold = 0;
  int reuse[3] = {1, 1, 1};
  std::set<int> open;  // other devices that may access its memory; guarded by mutex

  bool isOpenTo(int other) {
    std::lock_guard lock(mutex);
    return other == device || open.count(other) != 0;
  }
  void take(size_t bytes) {
    std::lock_guard lock(mutex);
    used += bytes;
    usedHigh = std::max(usedHigh, used);
  }
  void give(size_t bytes) {
    std::lock_guard lock(mutex);
    used -= std::min<uint64_t>(used, bytes);
  }
};

Handles<CUmemoryPool, Pool>& pools();
std::shared_ptr<Pool> defaultPool(int device);
std::shared_ptr<Pool> currentPool(int device);  // cuDeviceSetMemPool

}  // namespace softcuda::driver
