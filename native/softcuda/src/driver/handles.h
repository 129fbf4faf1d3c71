// Handles: what a CUstream, CUevent, ... is to the caller. A handle is a number that is never used twice, so that one
// of a destroyed object is recognised for ever; objects live as long as somebody holds their shared_ptr.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace softcuda::driver {

inline uintptr_t nextHandle() {
  static std::atomic<uintptr_t> next{0x5c0000000000};  // not an address that a process maps
  return next.fetch_add(16, std::memory_order_relaxed);
}

template <typename Handle, typename Object>
class Handles {
 public:
  Handle add(std::shared_ptr<Object> object) {
    const uintptr_t value = nextHandle();
    std::unique_lock lock(mutex_);
    objects_.emplace(value, std::move(object));
    return reinterpret_cast<Handle>(value);
  }

  std::shared_ptr<Object> find(Handle handle) const {
    std::shared_lock lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<uintptr_t>(handle));
    return found == objects_.end() ? nullptr : found->second;
  }

  std::shared_ptr<Object> remove(Handle handle) {
    std::unique_lock lock(mutex_);
    const auto found = objects_.find(reinterpret_cast<uintptr_t>(handle));
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<Object> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  std::vector<std::shared_ptr<Object>> all() const {
    std::vector<std::shared_ptr<Object>> objects;
    std::shared_lock lock(mutex_);
    for (const auto& each : objects_) objects.push_back(each.second);
    return objects;
  }

  // Forgets the objects for which the predicate holds and returns them.
  template <typename Predicate>
  std::vector<std::shared_ptr<Object>> removeIf(Predicate predicate) {
    std::vector<std::shared_ptr<Object>> removed;
    std::unique_lock lock(mutex_);
    for (auto it = objects_.begin(); it != objects_.end();) {
      if (predicate(*it->second)) {
        removed.push_back(std::move(it->second));
        it = objects_.erase(it);
      } else {
        ++it;
      }
    }
    return removed;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<uintptr_t, std::shared_ptr<Object>> objects_;
};

}  // namespace softcuda::driver
