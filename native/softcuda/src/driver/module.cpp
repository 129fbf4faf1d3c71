#include "driver/module.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/current_context.h"
#include "driver/device.h"

namespace softcuda::driver {

Handles<CUmodule, LoadedModule>& modules() {
  static auto* const table = new Handles<CUmodule, LoadedModule>();
  return *table;
}
Handles<CUfunction, Function>& functions() {
  static auto* const table = new Handles<CUfunction, Function>();
  return *table;
}

JitOptions::JitOptions(unsigned count, CUjit_option* options, void** values) {
  require(count == 0 || (options != nullptr && values != nullptr), CUDA_ERROR_INVALID_VALUE,
          "options without their values");
  for (unsigned i = 0; i < count; ++i) {
    const auto number = static_cast<size_t>(reinterpret_cast<uintptr_t>(values[i]));
    switch (static_cast<int>(options[i])) {
      case CU_JIT_WALL_TIME: timeSlot_ = &values[i]; break;
      case CU_JIT_INFO_LOG_BUFFER: infoLog_ = static_cast<char*>(values[i]); break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
        infoSize_ = number & 0xffffffff;
        infoSlot_ = &values[i];
        break;
      case CU_JIT_ERROR_LOG_BUFFER: errorLog_ = static_cast<char*>(values[i]); break;
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
        errorSize_ = number & 0xffffffff;
        errorSlot_ = &values[i];
        break;
      default:
        // The others choose how to compile; there is nothing to compile here.
        if (static_cast<int>(options[i]) < 0 || static_cast<int>(options[i]) >= CU_JIT_NUM_OPTIONS) {
          throw Error(CUDA_ERROR_INVALID_VALUE, "no JIT option " + std::to_string(static_cast<int>(options[i])));
        }
    }
  }
}

void JitOptions::fill(char* buffer, size_t size, const std::string& text, void** written) {
  size_t bytes = 0;
  if (buffer != nullptr && size > 0) {
    bytes = std::min(text.size(), size - 1);
    std::memcpy(buffer, text.data(), bytes);
    buffer[bytes] = '\0';
  }
  if (written != nullptr) *written = reinterpret_cast<void*>(static_cast<uintptr_t>(bytes));
}

void JitOptions::finish(const std::string& info, const std::string& error, float milliseconds) {
  fill(infoLog_, infoSize_, info, infoSlot_);
  fill(errorLog_, errorSize_, error, errorSlot_);
  if (timeSlot_ != nullptr) std::memcpy(timeSlot_, &milliseconds, sizeof milliseconds);
}

namespace {

// PTX for a newer architecture than the device's is refused, as by the real driver.
void checkTarget(const Module& module, JitOptions& jit) {
  const uint32_t have = static_cast<uint32_t>(device().major * 10 + device().minor);
  for (const KernelInfo& kernel : module.kernels()) {
    if (kernel.target <= have) continue;
    const std::string text = "the PTX is for sm_" + std::to_string(kernel.target) + ", the device is sm_" +
                             std::to_string(have) + " (SOFTCUDA_DEVICE chooses another)";
    jit.finish(
        "",
        "ptxas fatal   : SM version specified by .target is higher than default SM version assumed\n" + text + "\n",
        0);
    throw Error(CUDA_ERROR_INVALID_PTX, text);
  }
}

std::string readFile(const char* name) {
  std::ifstream in(name, std::ios::binary);
  if (!in) throw Error(CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot open ") + name);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

std::shared_ptr<LoadedModule> findModule(CUmodule handle) {
  std::shared_ptr<LoadedModule> module = modules().find(handle);
  if (module == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "no such module, or it was unloaded");
  return module;
}

CUresult load(const char* function, CUmodule* result, const void* image, unsigned count, CUjit_option* options,
              void** values) {
  return contextCall(function, [&](Context& context) {
    require(result != nullptr && image != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    refuseWhileCapturing("loading a module");
    JitOptions jit(count, options, values);
    *result = loadModule(context, ptxOf(image), "", jit)->handle;
    return CUDA_SUCCESS;
  });
}

}  // namespace

std::shared_ptr<LoadedModule> loadModule(Context& context, const std::string& ptx, const std::string& fileName,
                                         JitOptions& jit) {
  const auto begin = std::chrono::steady_clock::now();
  auto loaded = std::make_shared<LoadedModule>();
  const Failure failure = Module::load(ptx, fileName, memory(), &loaded->machine, context.peers()->self());
  const std::chrono::duration<float, std::milli> took = std::chrono::steady_clock::now() - begin;
  if (failure.code != CUDA_SUCCESS) {
    jit.finish("", failure.report, took.count());
    if (!jit.wantsErrorLog()) report("softcuda: module not loaded: " + failure.report);
    throw Error(static_cast<CUresult>(failure.code), failure.report);
  }
  checkTarget(*loaded->machine, jit);
  std::ostringstream info;
  for (const KernelInfo& kernel : loaded->machine->kernels()) {
    info << "info : kernel " << kernel.name << ": " << kernel.registers
         << (kernel.registersEstimated ? " registers (estimate), " : " registers, ") << kernel.staticSharedBytes
         << " bytes shared, " << kernel.localBytes << " bytes local, " << kernel.parameterBytes
         << " bytes parameters\n";
  }
  jit.finish(info.str(), "", took.count());
  loaded->context = context.handle();
  loaded->peers = context.peers();
  loaded->handle = modules().add(loaded);
  return loaded;
}

CUfunction functionOf(const std::shared_ptr<LoadedModule>& module, const std::string& name) {
  std::lock_guard lock(module->mutex);
  const auto known = module->functions.find(name);
  if (known != module->functions.end()) return known->second;
  const std::vector<KernelInfo>& all = module->machine->kernels();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].name != name) continue;
    auto function = std::make_shared<Function>();
    function->module = module;
    function->index = i;
    function->maxDynamicShared = std::max(0, device().sharedPerBlock() - static_cast<int>(all[i].staticSharedBytes));
    function->handle = functions().add(function);
    module->functions.emplace(name, function->handle);
    return function->handle;
  }
  std::string names;
  for (size_t i = 0; i < all.size() && i < 8; ++i) names += (i != 0 ? ", " : "") + all[i].name;
  throw Error(CUDA_ERROR_NOT_FOUND, "no kernel '" + name + "' in the module; it has " +
                                        (all.empty() ? "none" : names + (all.size() > 8 ? ", ..." : "")));
}

}  // namespace softcuda::driver

using namespace softcuda;
using namespace softcuda::driver;

CUresult cuModuleLoad(CUmodule* result, const char* fileName) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && fileName != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    refuseWhileCapturing("loading a module");
    JitOptions jit(0, nullptr, nullptr);
    const std::string bytes = readFile(fileName);
    *result = loadModule(context, ptxOf(bytes.c_str()), fileName, jit)->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleLoadData(CUmodule* result, const void* image) {
  return load(__func__, result, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadDataEx(CUmodule* result, const void* image, unsigned int count, CUjit_option* options,
                            void** values) {
  return load(__func__, result, image, count, options, values);
}

CUresult cuModuleLoadFatBinary(CUmodule* result, const void* image) {
  return load(__func__, result, image, 0, nullptr, nullptr);
}

CUresult cuModuleUnload(CUmodule handle) {
  return contextCall(__func__, [&](Context& context) {
    const std::shared_ptr<LoadedModule> module = findModule(handle);
    refuseWhileCapturing("unloading a module");
    context.waitIdle();
    functions().removeIf([&](const Function& f) { return f.module == module; });
    modules().remove(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetLoadingMode(int* mode) {
  return driverCall(__func__, [&] {
    require(mode != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *mode = 1;  // eager
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetFunction(CUfunction* result, CUmodule handle, const char* name) {
  return contextCall(__func__, [&](Context&) {
    require(result != nullptr && name != nullptr && *name != '\0', CUDA_ERROR_INVALID_VALUE,
            "no name, or null result pointer");
    *result = functionOf(findModule(handle), name);
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule handle) {
  return contextCall(__func__, [&](Context&) {
    require(count != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *count = static_cast<unsigned>(findModule(handle)->machine->kernels().size());
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleEnumerateFunctions(CUfunction* result, unsigned int count, CUmodule handle) {
  return contextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const std::shared_ptr<LoadedModule> module = findModule(handle);
    const auto& all = module->machine->kernels();
    for (size_t i = 0; i < all.size() && i < count; ++i) result[i] = functionOf(module, all[i].name);
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule handle, const char* name) {
  return contextCall(__func__, [&](Context&) -> CUresult {
    require(name != nullptr && (address != nullptr || bytes != nullptr), CUDA_ERROR_INVALID_VALUE, "null pointer");
    const std::shared_ptr<LoadedModule> module = findModule(handle);
    for (const GlobalInfo& global : module->machine->globals()) {
      if (global.name != name) continue;
      if (address != nullptr) *address = global.address;
      if (bytes != nullptr) *bytes = global.size;
      return CUDA_SUCCESS;
    }
    throw Error(CUDA_ERROR_NOT_FOUND, std::string("no variable '") + name + "' in the module");
  });
}
