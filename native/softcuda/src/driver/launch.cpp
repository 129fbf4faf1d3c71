#include "driver/launch.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "driver/capture.h"
#include "driver/current_context.h"
#include "driver/device.h"

namespace softcuda::driver {

namespace {

std::string dims(const std::array<uint32_t, 3>& d) {
  return std::to_string(d[0]) + "x" + std::to_string(d[1]) + "x" + std::to_string(d[2]);
}

}  // namespace

void checkLaunch(const Function& function, const Launch& launch) {
  const KernelInfo& kernel = function.info();
  const auto& g = launch.grid;
  const auto& b = launch.block;
  auto refuse = [&](CUresult code, const std::string& why) {
    throw Error(code, "kernel " + kernel.name + ": " + why);
  };
  if (g[0] == 0 || g[1] == 0 || g[2] == 0 || g[0] > 2147483647u || g[1] > 65535 || g[2] > 65535) {
    refuse(CUDA_ERROR_INVALID_VALUE, "a grid of " + dims(g) + " blocks; allowed are 1x1x1 to 2147483647x65535x65535");
  }
  if (b[0] == 0 || b[1] == 0 || b[2] == 0 || b[0] > 1024 || b[1] > 1024 || b[2] > 64) {
    refuse(CUDA_ERROR_INVALID_VALUE, "a block of " + dims(b) + " threads; allowed are 1x1x1 to 1024x1024x64");
  }
  const uint64_t threads = uint64_t{b[0]} * b[1] * b[2];
  if (threads > static_cast<uint64_t>(device().maxThreadsPerBlock())) {
    refuse(CUDA_ERROR_INVALID_VALUE,
           "a block of " + dims(b) + " has " + std::to_string(threads) + " threads; the limit is 1024");
  }
  if (kernel.requiredBlock[0] != 0 && kernel.requiredBlock != b) {
    refuse(CUDA_ERROR_INVALID_VALUE,
           "a block of " + dims(b) + ", but the kernel requires " + dims(kernel.requiredBlock) + " (.reqntid)");
  }
  if (threads > kernel.maxThreads) {
    refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "a block of " + std::to_string(threads) +
                                                   " threads; the kernel was compiled for at most " +
                                                   std::to_string(kernel.maxThreads) + " (launch bounds, .maxntid)");
  }
  if (!kernel.registersEstimated) {
    const uint64_t perWarp = (uint64_t{kernel.registers} * 32 + 255) / 256 * 256;
    const uint64_t warps = (threads + 31) / 32;
    if (perWarp * ((warps + 3) / 4 * 4) > static_cast<uint64_t>(device().registersPerBlock())) {
      refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
             std::to_string(threads) + " threads of " + std::to_string(kernel.registers) +
                 " registers are more than the " + std::to_string(device().registersPerBlock()) + " of a block");
    }
  }
  if (launch.dynamicSharedBytes > static_cast<uint32_t>(std::max(0, function.maxDynamicShared.load()))) {
    refuse(CUDA_ERROR_INVALID_VALUE,
           std::to_string(launch.dynamicSharedBytes) + " bytes of dynamic shared memory; the kernel may have " +
               std::to_string(function.maxDynamicShared.load()) +
               " (more, up to the device's limit, after cuFuncSetAttribute MAX_DYNAMIC_SHARED_SIZE_BYTES)");
  }
  const uint64_t shared = uint64_t{launch.dynamicSharedBytes} + kernel.staticSharedBytes;
  if (shared > static_cast<uint64_t>(device().sharedPerBlockOptin)) {
    refuse(CUDA_ERROR_INVALID_VALUE, std::to_string(shared) + " bytes of shared memory; a block can have " +
                                         std::to_string(device().sharedPerBlockOptin));
  }
  if (launch.cooperative) {
    const uint64_t fit =
        static_cast<uint64_t>(activeBlocks(function, static_cast<int>(threads), launch.dynamicSharedBytes)) *
        static_cast<uint64_t>(device().multiprocessors);
    const uint64_t blocks = uint64_t{g[0]} * g[1] * g[2];
    if (blocks > fit) {
      refuse(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "a cooperative launch of " + std::to_string(blocks) +
                                                          " blocks; " + std::to_string(fit) +
                                                          " fit on the device at once");
    }
  }
}

std::vector<uint8_t> packParameters(const KernelInfo& kernel, void** parameters, void** extra) {
  auto refuse = [&](const std::string& why) {
    throw Error(CUDA_ERROR_INVALID_VALUE, "kernel " + kernel.name + ": " + why);
  };
  if (parameters != nullptr && extra != nullptr) refuse("both kernelParams and extra were given");
  std::vector<uint8_t> packed(kernel.parameterBytes);
  if (extra != nullptr) {
    const void* buffer = nullptr;
    const size_t* size = nullptr;
    for (size_t i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
      if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
        buffer = extra[i + 1];
      } else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
        size = static_cast<const size_t*>(extra[i + 1]);
      } else {
        refuse("extra holds something other than CU_LAUNCH_PARAM_BUFFER_POINTER, _BUFFER_SIZE and _END");
      }
    }
    if (buffer == nullptr || size == nullptr) refuse("extra needs both the parameter buffer and its size");
    // A caller's buffer may be padded at its end as a C struct is, not more.
    if (*size < kernel.parameterBytes || *size > (size_t{kernel.parameterBytes} + 15) / 16 * 16) {
      refuse("a parameter buffer of " + std::to_string(*size) + " bytes; the parameters take " +
             std::to_string(kernel.parameterBytes));
    }
    if (!packed.empty()) std::memcpy(packed.data(), buffer, packed.size());
    return packed;
  }
  if (parameters == nullptr) {
    if (!kernel.parameters.empty())
      refuse("it has " + std::to_string(kernel.parameters.size()) + " parameters, none were given");
    return packed;
  }
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    if (parameters[i] == nullptr) refuse("the pointer to parameter " + std::to_string(i) + " is null");
    std::memcpy(packed.data() + kernel.parameters[i].offset, parameters[i], kernel.parameters[i].size);
  }
  return packed;
}

KernelWork makeLaunch(CUfunction handle, uint32_t gridX, uint32_t gridY, uint32_t gridZ, uint32_t blockX,
                      uint32_t blockY, uint32_t blockZ, uint32_t sharedBytes, void** parameters, void** extra,
                      bool cooperative) {
  KernelWork work;
  work.function = findFunction(handle);
  work.launch.grid = {gridX, gridY, gridZ};
  work.launch.block = {blockX, blockY, blockZ};
  work.launch.dynamicSharedBytes = sharedBytes;
  work.launch.cooperative = cooperative;
  checkLaunch(*work.function, work.launch);
  work.parameters = packParameters(work.function->info(), parameters, extra);
  return work;
}

}  // namespace softcuda::driver

using namespace softcuda;
using namespace softcuda::driver;

CUresult cuLaunchKernel(CUfunction f, unsigned int gridX, unsigned int gridY, unsigned int gridZ, unsigned int blockX,
                        unsigned int blockY, unsigned int blockZ, unsigned int sharedBytes, CUstream stream,
                        void** parameters, void** extra) {
  return contextCall(__func__, [&](Context& context) {
    const auto s = context.stream(stream);
    context.enqueue(*s, makeLaunch(f, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, parameters, extra));
    return CUDA_SUCCESS;
  });
}

CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridX, unsigned int gridY, unsigned int gridZ,
                                   unsigned int blockX, unsigned int blockY, unsigned int blockZ,
                                   unsigned int sharedBytes, CUstream stream, void** parameters) {
  return contextCall(__func__, [&](Context& context) {
    const auto s = context.stream(stream);
    context.enqueue(
        *s, makeLaunch(f, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, parameters, nullptr, true));
    return CUDA_SUCCESS;
  });
}

CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS* launches, unsigned int count, unsigned int) {
  return contextCall(__func__, [&](Context& context) {
    require(launches != nullptr && count == 1, CUDA_ERROR_INVALID_VALUE,
            "launches on one device only are supported: give one");
    const CUDA_LAUNCH_PARAMS& l = launches[0];
    require(l.hStream != nullptr && l.hStream != CU_STREAM_LEGACY, CUDA_ERROR_INVALID_VALUE,
            "the default stream cannot be used");
    const auto s = context.stream(l.hStream);
    context.enqueue(*s, makeLaunch(l.function, l.gridDimX, l.gridDimY, l.gridDimZ, l.blockDimX, l.blockDimY,
                                   l.blockDimZ, l.sharedMemBytes, l.kernelParams, nullptr, true));
    return CUDA_SUCCESS;
  });
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** parameters, void** extra) {
  return contextCall(__func__, [&](Context& context) {
    require(config != nullptr && (config->numAttrs == 0 || config->attrs != nullptr), CUDA_ERROR_INVALID_VALUE,
            "null pointer");
    bool cooperative = false;
    for (unsigned i = 0; i < config->numAttrs; ++i) {
      const CUlaunchAttribute& a = config->attrs[i];
      switch (static_cast<int>(a.id)) {
        case CU_LAUNCH_ATTRIBUTE_COOPERATIVE: cooperative = a.value.cooperative != 0; break;
        case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
        case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
          if (uint64_t{a.value.clusterDim.x} * a.value.clusterDim.y * a.value.clusterDim.z > 1) {
            throw Error(CUDA_ERROR_NOT_SUPPORTED, "thread block clusters are not supported");
          }
          break;
        case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
        case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
        case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
          throw Error(CUDA_ERROR_NOT_SUPPORTED,
                      "launch attribute " + std::to_string(static_cast<int>(a.id)) + " is not supported");
        default:
          // The others are hints (caches, priorities, early starts), which change no result here.
          break;
      }
    }
    const auto s = context.stream(config->hStream);
    context.enqueue(
        *s, makeLaunch(f, config->gridDimX, config->gridDimY, config->gridDimZ, config->blockDimX, config->blockDimY,
                       config->blockDimZ, config->sharedMemBytes, parameters, extra, cooperative));
    return CUDA_SUCCESS;
  });
}

// The launch interface that was before cuLaunchKernel.

CUresult cuFuncSetBlockShape(CUfunction f, int x, int y, int z) {
  return contextCall(__func__, [&](Context&) {
    require(x > 0 && y > 0 && z > 0, CUDA_ERROR_INVALID_VALUE, "block dimensions must be positive");
    const auto function = findFunction(f);
    std::lock_guard lock(function->legacyMutex);
    function->legacyBlock = {static_cast<uint32_t>(x), static_cast<uint32_t>(y), static_cast<uint32_t>(z)};
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetSharedSize(CUfunction f, unsigned int bytes) {
  return contextCall(__func__, [&](Context&) {
    const auto function = findFunction(f);
    std::lock_guard lock(function->legacyMutex);
    function->legacyShared = bytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuParamSetSize(CUfunction f, unsigned int bytes) {
  return contextCall(__func__, [&](Context&) {
    require(bytes <= 32764, CUDA_ERROR_INVALID_VALUE, "a kernel has at most 32764 bytes of parameters");
    const auto function = findFunction(f);
    std::lock_guard lock(function->legacyMutex);
    function->legacyParameters.resize(bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuParamSetv(CUfunction f, int offset, void* data, unsigned int bytes) {
  return contextCall(__func__, [&](Context&) {
    require(offset >= 0 && (data != nullptr || bytes == 0) && static_cast<size_t>(offset) + bytes <= 32764,
            CUDA_ERROR_INVALID_VALUE, "bad offset, size or pointer");
    const auto function = findFunction(f);
    std::lock_guard lock(function->legacyMutex);
    auto& all = function->legacyParameters;
    if (all.size() < static_cast<size_t>(offset) + bytes) all.resize(static_cast<size_t>(offset) + bytes);
    if (bytes != 0) std::memcpy(all.data() + offset, data, bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuParamSeti(CUfunction f, int offset, unsigned int value) {
  return cuParamSetv(f, offset, &value, sizeof value);
}
CUresult cuParamSetf(CUfunction f, int offset, float value) { return cuParamSetv(f, offset, &value, sizeof value); }

CUresult cuLaunchGridAsync(CUfunction f, int width, int height, CUstream stream) {
  return contextCall(__func__, [&](Context& context) {
    require(width > 0 && height > 0, CUDA_ERROR_INVALID_VALUE, "grid dimensions must be positive");
    const auto function = findFunction(f);
    const auto s = context.stream(stream);
    std::lock_guard lock(function->legacyMutex);
    size_t size = function->legacyParameters.size();
    void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, function->legacyParameters.data(), CU_LAUNCH_PARAM_BUFFER_SIZE,
                     &size, CU_LAUNCH_PARAM_END};
    const auto& b = function->legacyBlock;
    context.enqueue(*s, makeLaunch(f, static_cast<uint32_t>(width), static_cast<uint32_t>(height), 1, b[0], b[1], b[2],
                                   function->legacyShared, nullptr, size != 0 ? extra : nullptr));
    return CUDA_SUCCESS;
  });
}

CUresult cuLaunchGrid(CUfunction f, int width, int height) { return cuLaunchGridAsync(f, width, height, nullptr); }
CUresult cuLaunch(CUfunction f) { return cuLaunchGridAsync(f, 1, 1, nullptr); }
