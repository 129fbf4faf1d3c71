// Modules, functions, and libraries (modules that are loaded into each context when it needs them).
#pragma once
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver/handles.h"
#include "driver/peers.h"
#include "driver/work.h"
#include "machine/machine.h"

namespace softcuda::driver {

struct LoadedModule {
  CUmodule handle = nullptr;
  CUcontext context = nullptr;
  std::shared_ptr<Peers> peers;  // the context's: what its kernels may access
  std::unique_ptr<Module> machine;
  std::mutex mutex;
  std::map<std::string, CUfunction> functions;  // those that were asked for; guarded by mutex
};

struct Function {
  CUfunction handle = nullptr;
  std::shared_ptr<LoadedModule> module;
  size_t index = 0;
  std::atomic<int> maxDynamicShared{0};
  std::atomic<int> carveout{-1};
  std::atomic<int> cacheConfig{CU_FUNC_CACHE_PREFER_NONE};

  // State of the launch interface that was before cuLaunchKernel (cuFuncSetBlockShape, cuParamSet*, cuLaunch).
  std::mutex legacyMutex;
  std::array<uint32_t, 3> legacyBlock{1, 1, 1};
  uint32_t legacyShared = 0;
  std::vector<uint8_t> legacyParameters;

  const KernelInfo& info() const { return module->machine->kernels()[index]; }
};

struct Library {
  CUlibrary handle = nullptr;
  std::string ptx, fileName;
  std::mutex mutex;
  std::map<CUcontext, CUmodule> modules;
  std::map<std::string, CUkernel> kernels;
  std::vector<std::string> kernelNames;  // known once a module was loaded
};

struct Kernel {
  CUkernel handle = nullptr;
  CUlibrary library = nullptr;
  std::string name;
};

Handles<CUmodule, LoadedModule>& modules();
Handles<CUfunction, Function>& functions();
Handles<CUlibrary, Library>& libraries();
Handles<CUkernel, Kernel>& kernels();

// The log and limits that JIT options ask for.
class JitOptions {
 public:
  JitOptions(unsigned count, CUjit_option* options, void** values);
  // Fills the caller's buffers and sizes.
  void finish(const std::string& info, const std::string& error, float milliseconds);
  bool wantsErrorLog() const { return errorLog_ != nullptr; }

 private:
  static void fill(char* buffer, size_t size, const std::string& text, void** written);
  char *infoLog_ = nullptr, *errorLog_ = nullptr;
  size_t infoSize_ = 0, errorSize_ = 0;
  void **infoSlot_ = nullptr, **errorSlot_ = nullptr, **timeSlot_ = nullptr;
};

// Loads PTX into the context; throws what the machine says (INVALID_PTX, ...).
std::shared_ptr<LoadedModule> loadModule(Context& context, const std::string& ptx, const std::string& fileName,
                                         JitOptions& jit);

// The function of a handle, which may also be a CUkernel (loaded into the current context then). Throws
// INVALID_HANDLE.
std::shared_ptr<Function> findFunction(CUfunction handle);
CUfunction functionOf(const std::shared_ptr<LoadedModule>& module, const std::string& name);  // throws NOT_FOUND

// PTX text of an image: text, a fat binary, or the wrapper that nvcc puts around one. Throws NO_BINARY_FOR_GPU or
// INVALID_IMAGE, saying what there is instead. The image's size is unknown, as with cuModuleLoadData.
std::string ptxOf(const void* image);

}  // namespace softcuda::driver
