// cuLibrary* and cuKernel*: modules that are loaded into a context when a kernel of theirs is first used there.
#include <fstream>
#include <sstream>

#include "driver/current_context.h"
#include "driver/module.h"

namespace softcuda::driver {

Handles<CUlibrary, Library>& libraries() {
  static auto* const table = new Handles<CUlibrary, Library>();
  return *table;
}
Handles<CUkernel, Kernel>& kernels() {
  static auto* const table = new Handles<CUkernel, Kernel>();
  return *table;
}

namespace {

std::shared_ptr<Library> findLibrary(CUlibrary handle) {
  std::shared_ptr<Library> library = libraries().find(handle);
  if (library == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "no such library, or it was unloaded");
  return library;
}

std::shared_ptr<Kernel> findKernel(CUkernel handle) {
  std::shared_ptr<Kernel> kernel = kernels().find(handle);
  if (kernel == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "no such kernel, or its library was unloaded");
  return kernel;
}

// The library's module in a context.
std::shared_ptr<LoadedModule> moduleIn(Context& context, Library& library) {
  std::lock_guard lock(library.mutex);
  const auto known = library.modules.find(context.handle());
  if (known != library.modules.end()) {
    if (std::shared_ptr<LoadedModule> module = modules().find(known->second)) return module;
  }
  JitOptions jit(0, nullptr, nullptr);
  std::shared_ptr<LoadedModule> module = loadModule(context, library.ptx, library.fileName, jit);
  library.modules[context.handle()] = module->handle;
  return module;
}

CUresult load(const char* function, CUlibrary* result, const std::string& ptx, const std::string& fileName) {
  return driverCall(function, [&] {
    auto library = std::make_shared<Library>();
    library->ptx = ptx;
    library->fileName = fileName;
    library->handle = libraries().add(library);
    *result = library->handle;
    return CUDA_SUCCESS;
  });
}

CUkernel kernelOf(Library& library, const std::string& name) {
  std::lock_guard lock(library.mutex);
  const auto known = library.kernels.find(name);
  if (known != library.kernels.end()) return known->second;
  auto kernel = std::make_shared<Kernel>();
  kernel->library = library.handle;
  kernel->name = name;
  kernel->handle = kernels().add(kernel);
  library.kernels.emplace(name, kernel->handle);
  return kernel->handle;
}

}  // namespace

std::shared_ptr<Function> findFunction(CUfunction handle) {
  if (std::shared_ptr<Function> function = functions().find(handle)) {
    if (function->module->context != currentContext()->handle()) {
      throw Error(CUDA_ERROR_INVALID_HANDLE, "the function belongs to another context than the current one");
    }
    return function;
  }
  if (const auto kernel = kernels().find(reinterpret_cast<CUkernel>(handle))) {
    const auto context = currentContext();
    return functions().find(functionOf(moduleIn(*context, *findLibrary(kernel->library)), kernel->name));
  }
  throw Error(CUDA_ERROR_INVALID_HANDLE, "no such function, or its module was unloaded");
}

}  // namespace softcuda::driver

using namespace softcuda::driver;

CUresult cuLibraryLoadData(CUlibrary* result, const void* image, CUjit_option*, void**, unsigned int, int*, void**,
                           unsigned int) {
  return driverCall(__func__, [&] {
    require(result != nullptr && image != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    return load("cuLibraryLoadData", result, ptxOf(image), "");
  });
}

CUresult cuLibraryLoadFromFile(CUlibrary* result, const char* fileName, CUjit_option*, void**, unsigned int, int*,
                               void**, unsigned int) {
  return driverCall(__func__, [&] {
    require(result != nullptr && fileName != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    std::ifstream in(fileName, std::ios::binary);
    if (!in) throw Error(CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot open ") + fileName);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return load("cuLibraryLoadFromFile", result, ptxOf(bytes.str().c_str()), fileName);
  });
}

CUresult cuLibraryUnload(CUlibrary handle) {
  return driverCall(__func__, [&] {
    const auto library = findLibrary(handle);
    std::map<CUcontext, CUmodule> loaded;
    {
      std::lock_guard lock(library->mutex);
      loaded = library->modules;
    }
    for (const auto& each : loaded) {
      if (const auto context = contexts().find(each.first)) context->waitIdle();
      functions().removeIf([&](const Function& f) { return f.module->handle == each.second; });
      modules().remove(each.second);
    }
    kernels().removeIf([&](const Kernel& k) { return k.library == handle; });
    libraries().remove(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetKernel(CUkernel* result, CUlibrary handle, const char* name) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && name != nullptr && *name != '\0', CUDA_ERROR_INVALID_VALUE,
            "no name, or null result pointer");
    const auto library = findLibrary(handle);
    functionOf(moduleIn(context, *library), name);  // NOT_FOUND
    *result = kernelOf(*library, name);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary handle) {
  return contextCall(__func__, [&](Context& context) {
    require(count != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *count = static_cast<unsigned>(moduleIn(context, *findLibrary(handle))->machine->kernels().size());
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryEnumerateKernels(CUkernel* result, unsigned int count, CUlibrary handle) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto library = findLibrary(handle);
    const auto module = moduleIn(context, *library);
    const auto& all = module->machine->kernels();
    for (size_t i = 0; i < all.size() && i < count; ++i) result[i] = kernelOf(*library, all[i].name);
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetModule(CUmodule* result, CUlibrary handle) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = moduleIn(context, *findLibrary(handle))->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuLibraryGetGlobal(CUdeviceptr* address, size_t* bytes, CUlibrary handle, const char* name) {
  CUmodule module = nullptr;
  const CUresult result = cuLibraryGetModule(&module, handle);
  return result != CUDA_SUCCESS ? result : cuModuleGetGlobal_v2(address, bytes, module, name);
}

CUresult cuLibraryGetManaged(CUdeviceptr* address, size_t* bytes, CUlibrary handle, const char* name) {
  return cuLibraryGetGlobal(address, bytes, handle, name);
}

CUresult cuKernelGetFunction(CUfunction* result, CUkernel handle) {
  return contextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    findKernel(handle);
    *result = findFunction(reinterpret_cast<CUfunction>(handle))->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetLibrary(CUlibrary* result, CUkernel handle) {
  return driverCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = findKernel(handle)->library;
    return CUDA_SUCCESS;
  });
}

CUresult cuKernelGetName(const char** name, CUkernel handle) {
  return contextCall(__func__, [&](Context&) {
    require(name != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    findKernel(handle);
    *name = findFunction(reinterpret_cast<CUfunction>(handle))->info().name.c_str();
    return CUDA_SUCCESS;
  });
}
