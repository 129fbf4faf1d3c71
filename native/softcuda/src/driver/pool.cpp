#include "driver/pool.h"

#include <cstring>
#include <vector>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/current_context.h"
#include "driver/device.h"
#include "driver/history.h"
#include "driver/report.h"

namespace softcuda::driver {

Handles<CUmemoryPool, Pool>& pools() {
  static auto* const table = new Handles<CUmemoryPool, Pool>();
  return *table;
}

std::shared_ptr<Pool> defaultPool(int device) {
  static const auto* const all = [] {
    auto* const made = new std::vector<std::shared_ptr<Pool>>();
    for (int i = 0; i < deviceCount(); ++i) {
      auto pool = std::make_shared<Pool>();
      pool->device = i;
      pool->handle = pools().add(pool);
      made->push_back(std::move(pool));
    }
    return made;
  }();
  return (*all)[static_cast<size_t>(device)];
}

namespace {

std::mutex chosenLock;
std::shared_ptr<Pool>& chosen(int device) {
  static auto* const all = new std::vector<std::shared_ptr<Pool>>(static_cast<size_t>(deviceCount()));
  return (*all)[static_cast<size_t>(device)];
}

std::shared_ptr<Pool> findPool(CUmemoryPool handle) {
  auto pool = pools().find(handle);
  if (pool == nullptr) throw Error(CUDA_ERROR_INVALID_VALUE, "no such memory pool, or it was destroyed");
  return pool;
}

CUresult allocateAsync(const char* function, CUdeviceptr* result, size_t bytes, CUmemoryPool from, CUstream stream) {
  return contextCall(function, [&](Context& context) {
    require(result != nullptr && bytes > 0, CUDA_ERROR_INVALID_VALUE, "null result pointer, or no bytes");
    const auto s = context.stream(stream);
    const auto pool = from != nullptr ? findPool(from) : currentPool(context.device());
    if (pool->maxSize != 0 && pool->used + bytes > pool->maxSize) {
      throw Error(CUDA_ERROR_OUT_OF_MEMORY, "the pool's largest size would be exceeded");
    }
    // Nothing to run, but it is refused in captures and takes its place in the stream's order.
    context.submit(*s, std::make_shared<Operation>());
    auto take = [&] {
      *result = Records::instance().allocate(context, bytes, 256, AllocationKind::StreamOrdered, 0, pool);
    };
    try {
      take();
    } catch (const Error& e) {
      if (e.code() != CUDA_ERROR_OUT_OF_MEMORY) throw;
      context.waitIdle();  // frees that were asked for may still be to come
      take();
    }
    pool->take(bytes);
    return CUDA_SUCCESS;
  });
}

}  // namespace

std::shared_ptr<Pool> currentPool(int device) {
  std::lock_guard lock(chosenLock);
  return chosen(device) != nullptr ? chosen(device) : defaultPool(device);
}

}  // namespace softcuda::driver

using namespace softcuda;
using namespace softcuda::driver;

CUresult cuMemAllocAsync(CUdeviceptr* result, size_t bytes, CUstream stream) {
  return allocateAsync(__func__, result, bytes, nullptr, stream);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr* result, size_t bytes, CUmemoryPool pool, CUstream stream) {
  if (pool == nullptr) {
    return driverCall(__func__, []() -> CUresult { throw Error(CUDA_ERROR_INVALID_VALUE, "null memory pool"); });
  }
  return allocateAsync(__func__, result, bytes, pool, stream);
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  return contextCall(__func__, [&](Context& context) {
    const auto s = context.stream(stream);
    if (address == 0) return CUDA_SUCCESS;
    {
      std::lock_guard lock(context.order);
      if (s->capture != nullptr)
        invalidate(*s->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "frees cannot be captured in a graph");
    }
    Records::instance().beginFree(address);
    auto operation = std::make_shared<Operation>();
    operation->lane = Lane::Copy;
    operation->what = "cuMemFreeAsync";
    operation->work = [address]() -> CUresult {
      try {
        Record record;
        if (Records::instance().find(address, &record)) {
          const std::string race = raceOf(address, record.allocation.size, true);
          if (!race.empty()) {
            report("softcuda: " + race);
            return CUDA_ERROR_LAUNCH_FAILED;
          }
        }
        Records::instance().release(address, {AllocationKind::StreamOrdered, AllocationKind::Device},
                                    CUDA_ERROR_INVALID_VALUE);
      } catch (const Error&) {
        // Freed by the end of its context meanwhile.
      }
      return CUDA_SUCCESS;
    };
    operation->evenAfterFault = true;
    context.submit(*s, operation);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolCreate(CUmemoryPool* result, const CUmemPoolProps* properties) {
  return driverCall(__func__, [&] {
    require(result != nullptr && properties != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    require(properties->allocType == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_INVALID_VALUE,
            "a pool's type must be pinned");
    require(properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE && properties->location.id >= 0 &&
                properties->location.id < deviceCount(),
            CUDA_ERROR_INVALID_VALUE, "a pool's location must be a device");
    require(properties->handleTypes == 0, CUDA_ERROR_NOT_SUPPORTED, "pools cannot be shared between processes");
    auto pool = std::make_shared<Pool>();
    pool->device = properties->location.id;
    pool->maxSize = properties->maxSize;
    pool->handle = pools().add(pool);
    *result = pool->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolDestroy(CUmemoryPool handle) {
  return driverCall(__func__, [&] {
    const auto pool = findPool(handle);
    require(pool != defaultPool(pool->device), CUDA_ERROR_INVALID_VALUE, "the default pool cannot be destroyed");
    pools().remove(handle);  // allocations keep it until they are freed
    std::lock_guard lock(chosenLock);
    if (chosen(pool->device) == pool) chosen(pool->device) = nullptr;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  return driverCall(__func__, [&] {
    findPool(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute which, void* value) {
  return driverCall(__func__, [&] {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto pool = findPool(handle);
    std::lock_guard lock(pool->mutex);
    auto set = [&](uint64_t v) { std::memcpy(value, &v, sizeof v); };
    switch (static_cast<int>(which)) {
      case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
      case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
      case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        std::memcpy(value, &pool->reuse[which - 1], sizeof(int));
        break;
      case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: set(pool->releaseThreshold); break;
      case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
      case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: set(pool->used); break;
      case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      case CU_MEMPOOL_ATTR_USED_MEM_HIGH: set(pool->usedHigh); break;
      default: throw Error(CUDA_ERROR_INVALID_VALUE, "no such pool attribute");
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute which, void* value) {
  return driverCall(__func__, [&] {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    const auto pool = findPool(handle);
    std::lock_guard lock(pool->mutex);
    uint64_t wide = 0;
    switch (static_cast<int>(which)) {
      case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
      case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
      case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        std::memcpy(&pool->reuse[which - 1], value, sizeof(int));
        break;
      case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: std::memcpy(&pool->releaseThreshold, value, sizeof(uint64_t)); break;
      case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        std::memcpy(&wide, value, sizeof wide);
        require(wide == 0, CUDA_ERROR_INVALID_VALUE, "a high-water mark can be reset to 0 only");
        pool->usedHigh = pool->used;
        break;
      default: throw Error(CUDA_ERROR_INVALID_VALUE, "no such pool attribute, or it cannot be set");
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc* map, size_t count) {
  return driverCall(__func__, [&] {
    const auto pool = findPool(handle);
    require(map != nullptr || count == 0, CUDA_ERROR_INVALID_VALUE, "null pointer");
    std::lock_guard lock(pool->mutex);
    for (size_t i = 0; i < count; ++i) {
      require(map[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE, CUDA_ERROR_INVALID_DEVICE, "not a device");
      checkDevice(map[i].location.id);
      const bool all = map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
      if (map[i].location.id == pool->device) {
        require(all, CUDA_ERROR_INVALID_VALUE, "the device that a pool is on always has read and write access");
      } else if (all) {
        pool->open.insert(map[i].location.id);
      } else {
        require(map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_NONE, CUDA_ERROR_NOT_SUPPORTED,
                "access is to read and write, or none");
        pool->open.erase(map[i].location.id);
      }
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool handle, CUmemLocation* location) {
  return driverCall(__func__, [&] {
    require(flags != nullptr && location != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    require(location->type == CU_MEM_LOCATION_TYPE_DEVICE, CUDA_ERROR_INVALID_DEVICE, "not a device");
    checkDevice(location->id);
    *flags =
        findPool(handle)->isOpenTo(location->id) ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* result, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *result = defaultPool(dev)->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetMemPool(CUmemoryPool* result, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *result = currentPool(dev)->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool handle) {
  return driverCall(__func__, [&] {
    checkDevice(dev);
    const auto pool = findPool(handle);
    require(pool->device == dev, CUDA_ERROR_INVALID_VALUE, "the pool is on another device");
    std::lock_guard lock(chosenLock);
    chosen(dev) = pool;
    return CUDA_SUCCESS;
  });
}
