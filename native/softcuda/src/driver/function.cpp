// cuFunc*, and the cuKernel* that do the same.
#include <algorithm>
#include <cstring>

#include "driver/current_context.h"
#include "driver/device.h"
#include "driver/module.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

int attributeOf(const Function& f, int which) {
  const KernelInfo& info = f.info();
  switch (which) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: {
      // What the launch bounds and the registers allow, a multiple of the warp size.
      const int registers = static_cast<int>(std::max<uint32_t>(info.registers, 1));
      const int perWarp = (registers * 32 + 255) / 256 * 256;
      const int warps = device().registersPerBlock() / perWarp / 4 * 4;
      return std::min({device().maxThreadsPerBlock(), static_cast<int>(info.maxThreads), warps * 32});
    }
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: return static_cast<int>(info.staticSharedBytes);
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: return static_cast<int>(info.constantBytes);
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: return static_cast<int>(info.localBytes);
    case CU_FUNC_ATTRIBUTE_NUM_REGS: return static_cast<int>(info.registers);
    case CU_FUNC_ATTRIBUTE_PTX_VERSION: return static_cast<int>(info.target);
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: return device().major * 10 + device().minor;
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA: return 0;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: return f.maxDynamicShared;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: return f.carveout;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE: return 0;
    default: throw Error(CUDA_ERROR_INVALID_VALUE, "no function attribute " + std::to_string(which));
  }
}

void setAttribute(Function& f, int which, int value) {
  switch (which) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: {
      const int limit = device().sharedPerBlockOptin - static_cast<int>(f.info().staticSharedBytes);
      if (value < 0 || value > limit) {
        throw Error(CUDA_ERROR_INVALID_VALUE, std::to_string(value) +
                                                  " bytes of dynamic shared memory asked for; kernel " +
                                                  f.info().name + " can have 0 to " + std::to_string(limit));
      }
      f.maxDynamicShared = value;
      return;
    }
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      require(value >= -1 && value <= 100, CUDA_ERROR_INVALID_VALUE, "a carve-out is -1 (default) or a percentage");
      f.carveout = value;
      return;
    default: throw Error(CUDA_ERROR_INVALID_VALUE, "function attribute " + std::to_string(which) + " cannot be set");
  }
}

}  // namespace

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute which, CUfunction handle) {
  return contextCall(__func__, [&](Context&) {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *value = attributeOf(*findFunction(handle), which);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute which, int value) {
  return contextCall(__func__, [&](Context&) {
    setAttribute(*findFunction(handle), which, value);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config) {
  return contextCall(__func__, [&](Context&) {
    require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL, CUDA_ERROR_INVALID_VALUE,
            "unknown cache preference");
    findFunction(handle)->cacheConfig = config;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig config) {
  return contextCall(__func__, [&](Context&) {
    require(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE && config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE,
            CUDA_ERROR_INVALID_VALUE, "unknown bank size");
    findFunction(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetModule(CUmodule* module, CUfunction handle) {
  return contextCall(__func__, [&](Context&) {
    require(module != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *module = findFunction(handle)->module->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetName(const char** name, CUfunction handle) {
  return contextCall(__func__, [&](Context&) {
    require(name != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *name = findFunction(handle)->info().name.c_str();
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t* offset, size_t* size) {
  return contextCall(__func__, [&](Context&) {
    require(offset != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto function = findFunction(handle);
    const auto& parameters = function->info().parameters;
    require(index < parameters.size(), CUDA_ERROR_INVALID_VALUE, "the kernel has fewer parameters");
    *offset = parameters[index].offset;
    if (size != nullptr) *size = parameters[index].size;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncIsLoaded(int* state, CUfunction handle) {
  return contextCall(__func__, [&](Context&) {
    require(state != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    findFunction(handle);
    *state = 1;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncLoad(CUfunction handle) {
  return contextCall(__func__, [&](Context&) {
    findFunction(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetAttribute(int* value, CUfunction_attribute which, CUkernel handle, CUdevice dev) {
  return contextCall(__func__, [&](Context&) {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *value = attributeOf(*findFunction(reinterpret_cast<CUfunction>(handle)), which);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelSetAttribute(CUfunction_attribute which, int value, CUkernel handle, CUdevice dev) {
  return contextCall(__func__, [&](Context&) {
    checkDevice(dev);
    setAttribute(*findFunction(reinterpret_cast<CUfunction>(handle)), which, value);
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetParamInfo(CUkernel handle, size_t index, size_t* offset, size_t* size) {
  return cuFuncGetParamInfo(reinterpret_cast<CUfunction>(handle), index, offset, size);
}

CUresult cuKernelSetCacheConfig(CUkernel handle, CUfunc_cache config, CUdevice) {
  return cuFuncSetCacheConfig(reinterpret_cast<CUfunction>(handle), config);
}
