// cuCtx* and cuDevicePrimaryCtx*.
#include <algorithm>
#include <array>
#include <mutex>

#include "driver/current_context.h"
#include "driver/device.h"

namespace softcuda::driver {

namespace {

struct Primary {
  std::mutex mutex;
  std::shared_ptr<Context> context;
  unsigned retained = 0;
  unsigned flags = CU_CTX_SCHED_AUTO;
};

// That of a device; throws INVALID_DEVICE.
Primary& primary(CUdevice dev) {
  static auto* const all = new std::array<Primary, kMostDevices>();
  checkDevice(dev);
  return (*all)[static_cast<size_t>(dev)];
}

void checkFlags(unsigned flags) {
  const unsigned schedule = flags & CU_CTX_SCHED_MASK;
  require((flags & ~CU_CTX_FLAGS_MASK) == 0 && (schedule & (schedule - 1)) == 0, CUDA_ERROR_INVALID_VALUE,
          "unknown or contradicting context flags");
}

}  // namespace

}  // namespace softcuda::driver

using namespace softcuda::driver;

CUresult cuCtxCreate_v2(CUcontext* result, unsigned int flags, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkFlags(flags);
    checkDevice(dev);
    *result = Context::create(flags, false, dev)->handle();
    contextStack().push_back(*result);
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxCreate_v3(CUcontext* result, void* affinity, int affinities, unsigned int flags, CUdevice dev) {
  if (affinity != nullptr || affinities != 0) {
    return driverCall(__func__, []() -> CUresult {
      throw Error(CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY, "execution affinities are not supported");
    });
  }
  return cuCtxCreate_v2(result, flags, dev);
}

CUresult cuCtxCreate_v4(CUcontext* result, void* parameters, unsigned int flags, CUdevice dev) {
  if (parameters != nullptr) {
    return driverCall(__func__, []() -> CUresult {
      throw Error(CUDA_ERROR_NOT_SUPPORTED, "execution affinities and graphics contexts are not supported");
    });
  }
  return cuCtxCreate_v2(result, flags, dev);
}

CUresult cuCtxDestroy_v2(CUcontext handle) {
  return driverCall(__func__, [&] {
    const std::shared_ptr<Context> context = findContext(handle);
    require(!context->primary(), CUDA_ERROR_INVALID_CONTEXT,
            "the primary context is released by cuDevicePrimaryCtxRelease");
    if (topContext() == handle) contextStack().pop_back();
    context->destroy();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxAttach(CUcontext* result, unsigned int flags) {
  return driverCall(__func__, [&] {
    require(result != nullptr && flags == 0, CUDA_ERROR_INVALID_VALUE, "null result pointer or flags not 0");
    *result = currentContext()->handle();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxDetach(CUcontext handle) { return cuCtxDestroy_v2(handle); }

CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  return driverCall(__func__, [&] {
    findContext(handle);
    contextStack().push_back(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxPopCurrent_v2(CUcontext* result) {
  return driverCall(__func__, [&] {
    require(!contextStack().empty(), CUDA_ERROR_INVALID_CONTEXT, "this thread's context stack is empty");
    if (result != nullptr) *result = contextStack().back();
    contextStack().pop_back();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetCurrent(CUcontext handle) {
  return driverCall(__func__, [&] {
    if (handle == nullptr) {
      if (!contextStack().empty()) contextStack().pop_back();
      return CUDA_SUCCESS;
    }
    findContext(handle);
    if (contextStack().empty()) {
      contextStack().push_back(handle);
    } else {
      contextStack().back() = handle;
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetCurrent(CUcontext* result) {
  return driverCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = topContext();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetDevice(CUdevice* dev) {
  return driverCall(__func__, [&] {
    require(dev != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *dev = currentContext(true)->device();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetDevice_v2(CUdevice* dev, CUcontext handle) {
  return driverCall(__func__, [&] {
    require(dev != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *dev = (handle == nullptr ? currentContext(true) : findContext(handle))->device();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetFlags(unsigned int* flags) {
  return driverCall(__func__, [&] {
    require(flags != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *flags = currentContext(true)->flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetFlags(unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    checkFlags(flags);
    context.flags = flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  return driverCall(__func__, [&] {
    require(id != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *id = (handle == nullptr ? currentContext(true) : findContext(handle))->id();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetApiVersion(CUcontext handle, unsigned int* version) {
  return driverCall(__func__, [&] {
    require(version != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    handle == nullptr ? currentContext(true) : findContext(handle);
    *version = 3020;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSynchronize(void) {
  return contextCall(__func__, [&](Context& context) {
    context.synchronize();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSynchronize_v2(CUcontext handle) {
  return driverCall(__func__, [&] {
    (handle == nullptr ? currentContext() : findContext(handle))->synchronize();
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetLimit(size_t* value, CUlimit limit) {
  return contextCall(__func__, [&](Context& context) {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    if (static_cast<size_t>(limit) >= context.limits.size())
      throw Error(CUDA_ERROR_UNSUPPORTED_LIMIT, "no such limit");
    *value = context.limits[limit];
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  return contextCall(__func__, [&](Context& context) {
    if (static_cast<size_t>(limit) >= context.limits.size())
      throw Error(CUDA_ERROR_UNSUPPORTED_LIMIT, "no such limit");
    if (limit == CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH && device().major >= 9) {
      throw Error(CUDA_ERROR_UNSUPPORTED_LIMIT,
                  "the synchronisation depth does not exist from compute capability 9.0 on");
    }
    switch (limit) {
      case CU_LIMIT_STACK_SIZE:
        if (value > 512 * 1024) throw Error(CUDA_ERROR_INVALID_VALUE, "a thread's stack is at most 512 KiB");
        value = (value + 15) & ~size_t{15};
        break;
      case CU_LIMIT_MAX_L2_FETCH_GRANULARITY:
        if (value > 128) throw Error(CUDA_ERROR_INVALID_VALUE, "the granularity is at most 128 bytes");
        break;
      case CU_LIMIT_PERSISTING_L2_CACHE_SIZE:
        value = std::min<size_t>(value, static_cast<size_t>(device().persistingL2Bytes));
        break;
      default: break;
    }
    context.limits[limit] = value;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxResetPersistingL2Cache(void) {
  return contextCall(__func__, [](Context&) { return CUDA_SUCCESS; });
}

CUresult cuCtxGetCacheConfig(CUfunc_cache* config) {
  return contextCall(__func__, [&](Context& context) {
    require(config != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *config = static_cast<CUfunc_cache>(context.cacheConfig.load());
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  return contextCall(__func__, [&](Context& context) {
    require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL, CUDA_ERROR_INVALID_VALUE,
            "unknown cache preference");
    context.cacheConfig = config;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetSharedMemConfig(CUsharedconfig* config) {
  return contextCall(__func__, [&](Context& context) {
    require(config != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *config = static_cast<CUsharedconfig>(context.sharedConfig.load());
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetSharedMemConfig(CUsharedconfig config) {
  return contextCall(__func__, [&](Context&) {
    require(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE && config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE,
            CUDA_ERROR_INVALID_VALUE, "unknown bank size");
    return CUDA_SUCCESS;  // banks are 4 bytes wide on all devices from compute capability 5.0 on
  });
}

CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return contextCall(__func__, [&](Context&) {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxEnablePeerAccess(CUcontext handle, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags must be 0");
    const std::shared_ptr<Context> peer = findContext(handle);
    require(peer.get() != &context, CUDA_ERROR_INVALID_DEVICE, "a context is not its own peer");
    require(peer->device() != context.device(), CUDA_ERROR_PEER_ACCESS_UNSUPPORTED,
            "both contexts are on the same device");
    context.peers()->enable(peer->id());
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxDisablePeerAccess(CUcontext handle) {
  return contextCall(__func__, [&](Context& context) {
    const std::shared_ptr<Context> peer = findContext(handle);
    context.waitIdle();  // what still uses the access ends first
    context.peers()->disable(peer->id());
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* result, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    Primary& mine = primary(dev);
    std::lock_guard lock(mine.mutex);
    if (mine.context == nullptr) mine.context = Context::create(mine.flags, true, dev);
    ++mine.retained;
    *result = mine.context->handle();
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  return driverCall(__func__, [&] {
    Primary& mine = primary(dev);
    std::shared_ptr<Context> last;
    {
      std::lock_guard lock(mine.mutex);
      require(mine.retained > 0, CUDA_ERROR_INVALID_CONTEXT, "the primary context is not retained");
      if (--mine.retained == 0) last = std::move(mine.context);
    }
    if (last != nullptr) last->destroy();
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  return driverCall(__func__, [&] {
    Primary& mine = primary(dev);
    std::shared_ptr<Context> old;
    {
      std::lock_guard lock(mine.mutex);
      old = std::move(mine.context);
      mine.retained = 0;
      mine.flags = CU_CTX_SCHED_AUTO;
    }
    if (old != nullptr) old->destroy();
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  return driverCall(__func__, [&] {
    Primary& mine = primary(dev);
    checkFlags(flags);
    std::lock_guard lock(mine.mutex);
    mine.flags = flags;
    if (mine.context != nullptr) mine.context->flags = flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  return driverCall(__func__, [&] {
    require(flags != nullptr && active != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    Primary& mine = primary(dev);
    std::lock_guard lock(mine.mutex);
    *flags = mine.flags;
    *active = mine.context != nullptr ? 1 : 0;
    return CUDA_SUCCESS;
  });
}
