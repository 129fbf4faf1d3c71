#include "driver/current_context.h"

#include "driver/this_thread.h"

namespace softcuda::driver {

std::vector<CUcontext>& contextStack() {
  struct ContextStack;
  return ofThisThread<std::vector<CUcontext>, ContextStack>();
}

CUcontext topContext() { return contextStack().empty() ? nullptr : contextStack().back(); }

std::shared_ptr<Context> findContext(CUcontext handle) {
  require(handle != nullptr, CUDA_ERROR_INVALID_CONTEXT, "null context");
  std::shared_ptr<Context> context = contexts().find(handle);
  if (context == nullptr) throw Error(CUDA_ERROR_INVALID_CONTEXT, "no such context, or it was destroyed");
  return context;
}

std::shared_ptr<Context> currentContext(bool evenFaulted) {
  checkDriver();
  const CUcontext handle = topContext();
  if (handle == nullptr) {
    throw Error(CUDA_ERROR_INVALID_CONTEXT,
                "this thread has no current context: call cuCtxCreate or cuCtxSetCurrent on it");
  }
  std::shared_ptr<Context> context = contexts().find(handle);
  if (context == nullptr || context->destroyed()) {
    throw Error(CUDA_ERROR_CONTEXT_IS_DESTROYED, "this thread's current context was destroyed");
  }
  const CUresult fault = context->fault()->get();
  if (fault != CUDA_SUCCESS && !evenFaulted) {
    throw Error(fault, "an earlier failure has spoilt the context; destroy it and make a new one");
  }
  return context;
}

}  // namespace softcuda::driver
