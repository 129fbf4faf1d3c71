// How programs find functions: cuGetProcAddress, and the names that exist without doing anything.
#include <dlfcn.h>

#include <cstring>
#include <string>

#include "driver/call.h"
#include "driver/current_context.h"
#include "driver/device.h"

namespace softcuda::driver {

namespace {

// Functions whose signature has changed: the symbol for each CUDA version from which on it is the one that is meant.
struct Versions {
  const char* name;
  struct {
    int since;
    const char* symbol;
  } of[4];
};

constexpr Versions kVersions[] = {
    {"cuCtxCreate", {{3020, "cuCtxCreate_v2"}, {11040, "cuCtxCreate_v3"}, {12050, "cuCtxCreate_v4"}, {0, nullptr}}},
    {"cuDeviceGetUuid", {{9020, "cuDeviceGetUuid"}, {11040, "cuDeviceGetUuid_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuEventElapsedTime",
     {{2000, "cuEventElapsedTime"}, {12080, "cuEventElapsedTime_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGetProcAddress", {{11030, "cuGetProcAddress"}, {12000, "cuGetProcAddress_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphAddDependencies",
     {{10000, "cuGraphAddDependencies"}, {12030, "cuGraphAddDependencies_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphAddKernelNode",
     {{10000, "cuGraphAddKernelNode"}, {12000, "cuGraphAddKernelNode_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphAddNode", {{12020, "cuGraphAddNode"}, {12030, "cuGraphAddNode_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphExecKernelNodeSetParams",
     {{10010, "cuGraphExecKernelNodeSetParams"},
      {12000, "cuGraphExecKernelNodeSetParams_v2"},
      {0, nullptr},
      {0, nullptr}}},
    {"cuGraphExecUpdate", {{10020, "cuGraphExecUpdate"}, {12000, "cuGraphExecUpdate_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphGetEdges", {{10000, "cuGraphGetEdges"}, {12030, "cuGraphGetEdges_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphInstantiate",
     {{10000, "cuGraphInstantiate_v2"}, {12000, "cuGraphInstantiateWithFlags"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphKernelNodeGetParams",
     {{10000, "cuGraphKernelNodeGetParams"}, {12000, "cuGraphKernelNodeGetParams_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphKernelNodeSetParams",
     {{10000, "cuGraphKernelNodeSetParams"}, {12000, "cuGraphKernelNodeSetParams_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphNodeGetDependencies",
     {{10000, "cuGraphNodeGetDependencies"}, {12030, "cuGraphNodeGetDependencies_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuGraphNodeGetDependentNodes",
     {{10000, "cuGraphNodeGetDependentNodes"},
      {12030, "cuGraphNodeGetDependentNodes_v2"},
      {0, nullptr},
      {0, nullptr}}},
    {"cuGraphRemoveDependencies",
     {{10000, "cuGraphRemoveDependencies"}, {12030, "cuGraphRemoveDependencies_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuMemAdvise", {{8000, "cuMemAdvise"}, {12020, "cuMemAdvise_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuMemPrefetchAsync",
     {{8000, "cuMemPrefetchAsync"}, {12020, "cuMemPrefetchAsync_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuStreamBeginCapture",
     {{10000, "cuStreamBeginCapture"}, {10010, "cuStreamBeginCapture_v2"}, {0, nullptr}, {0, nullptr}}},
    {"cuStreamGetCaptureInfo",
     {{10010, "cuStreamGetCaptureInfo"},
      {11030, "cuStreamGetCaptureInfo_v2"},
      {12030, "cuStreamGetCaptureInfo_v3"},
      {0, nullptr}}},
    {"cuStreamUpdateCaptureDependencies",
     {{11030, "cuStreamUpdateCaptureDependencies"},
      {12030, "cuStreamUpdateCaptureDependencies_v2"},
      {0, nullptr},
      {0, nullptr}}},
};

// This library, whatever else is loaded.
void* self() {
  static void* const handle = [] {
    Dl_info info;
    return dladdr(reinterpret_cast<void*>(&cuInit), &info) != 0 ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)
                                                                : nullptr;
  }();
  return handle;
}

void* symbolOf(const std::string& name, bool perThread) {
  if (self() == nullptr) return nullptr;
  if (perThread) {
    for (const char* suffix : {"_ptsz", "_ptds"}) {
      if (void* found = dlsym(self(), (name + suffix).c_str())) return found;
    }
  }
  return dlsym(self(), name.c_str());
}

enum Status { kFound = 0, kNotFound = 1, kNewer = 2 };

void* lookUp(const std::string& name, int version, bool perThread, int* status) {
  *status = kFound;
  for (const Versions& each : kVersions) {
    if (name != each.name) continue;
    const char* symbol = nullptr;
    for (const auto& of : each.of) {
      if (of.symbol != nullptr && version >= of.since) symbol = of.symbol;
    }
    if (symbol != nullptr) return symbolOf(symbol, perThread);
    *status = kNewer;
    return nullptr;
  }
  for (const char* suffix : {"_v4", "_v3", "_v2", ""}) {
    if (void* found = symbolOf(name + suffix, perThread)) return found;
  }
  *status = kNotFound;
  return nullptr;
}

CUresult unsupported(const char* function) {
  return driverCall(function, []() -> CUresult {
    throw Error(CUDA_ERROR_NOT_SUPPORTED, "softcuda does not implement this function");
  });
}

}  // namespace

}  // namespace softcuda::driver

using namespace softcuda::driver;

CUresult cuGetProcAddress_v2(const char* name, void** function, int version, uint64_t flags, int* status) {
  return call(__func__, [&] {
    require(name != nullptr && function != nullptr && flags <= 2, CUDA_ERROR_INVALID_VALUE,
            "null pointer or unknown flags");
    if (version > kDriverVersion) {
      throw Error(CUDA_ERROR_INVALID_VALUE, "version " + std::to_string(version) + " is newer than the driver's " +
                                                std::to_string(kDriverVersion));
    }
    int found = kFound;
    *function = lookUp(name, version, flags == 2, &found);
    if (status != nullptr) *status = found;
    return CUDA_SUCCESS;
  });
}

CUresult cuGetProcAddress(const char* name, void** function, int version, uint64_t flags) {
  int status = kFound;
  const CUresult result = cuGetProcAddress_v2(name, function, version, flags, &status);
  return result == CUDA_SUCCESS && status != kFound ? CUDA_ERROR_NOT_FOUND : result;
}

CUresult cuGetExportTable(const void** table, const CUuuid* id) {
  return call(__func__, [&]() -> CUresult {
    require(table != nullptr && id != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    *table = nullptr;
    throw Error(CUDA_ERROR_NOT_FOUND, "softcuda has no private tables");
  });
}

// Profilers attach to nothing here.
CUresult cuProfilerStart(void) {
  return contextCall(__func__, [](Context&) { return CUDA_SUCCESS; });
}
CUresult cuProfilerStop(void) {
  return contextCall(__func__, [](Context&) { return CUDA_SUCCESS; });
}

// In a source without the declarations of these functions, so that the names alone are defined. The caller's arguments
// are of no interest, and in the calling conventions of x86-64 and arm64 the caller removes them.
#define X(name) \
  extern "C" SOFTCUDA_API CUresult name() { return unsupported(#name); }
#include "driver/unsupported.def"
#undef X
