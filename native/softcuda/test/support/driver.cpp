#include "driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace test {
namespace {

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

template <typename F>
void bind(const Driver& d, F& function, const char* name, const char* olderName = nullptr) {
  void* address = d.symbol(name);
  if (!address && olderName) address = d.symbol(olderName);
  if (!address) die(d.path + " has no " + name);
  function = reinterpret_cast<F>(address);
}

Driver open() {
  Driver d;
  const char* chosen = std::getenv("SOFTCUDA_TEST_LIBRARY");
#ifdef SOFTCUDA_LIBRARY
  d.path = chosen ? chosen : SOFTCUDA_LIBRARY;
#else
  d.path = chosen ? chosen : "libcuda.so.1";
#endif
  d.library = dlopen(d.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!d.library) die(std::string("cannot open the driver library: ") + dlerror());
  bind(d, d.init, "cuInit");
  bind(d, d.deviceGet, "cuDeviceGet");
  bind(d, d.deviceGetAttribute, "cuDeviceGetAttribute");
  bind(d, d.ctxCreate, "cuCtxCreate_v2");
  bind(d, d.ctxDestroy, "cuCtxDestroy_v2");
  bind(d, d.ctxSynchronize, "cuCtxSynchronize");
  bind(d, d.moduleLoadDataEx, "cuModuleLoadDataEx");
  bind(d, d.moduleUnload, "cuModuleUnload");
  bind(d, d.moduleGetFunction, "cuModuleGetFunction");
  bind(d, d.moduleGetGlobal, "cuModuleGetGlobal_v2");
  bind(d, d.funcSetAttribute, "cuFuncSetAttribute");
  bind(d, d.funcGetAttribute, "cuFuncGetAttribute");
  bind(d, d.memAlloc, "cuMemAlloc_v2");
  bind(d, d.memFree, "cuMemFree_v2");
  bind(d, d.memcpyHtoD, "cuMemcpyHtoD_v2");
  bind(d, d.memcpyDtoH, "cuMemcpyDtoH_v2");
  bind(d, d.memsetD8, "cuMemsetD8_v2");
  bind(d, d.launchKernel, "cuLaunchKernel");
  bind(d, d.launchCooperativeKernel, "cuLaunchCooperativeKernel");
  bind(d, d.getErrorName, "cuGetErrorName");
  if (CUresult result = d.init(0)) die("cuInit of " + d.path + " answers " + std::to_string(result));
  return d;
}

}  // namespace

void* Driver::symbol(const char* name) const { return dlsym(library, name); }

const Driver& driver() {
  static const Driver instance = open();
  return instance;
}

std::string errorName(CUresult result) {
  const char* name = nullptr;
  if (driver().getErrorName(result, &name) != CUDA_SUCCESS || !name) return "CUresult " + std::to_string(result);
  return name;
}

}  // namespace test
