// The calling thread's stack of contexts, and calls that need the one on top.
#pragma once
#include <memory>
#include <vector>

#include "driver/call.h"
#include "driver/context.h"

namespace softcuda::driver {

std::vector<CUcontext>& contextStack();
CUcontext topContext();                                  // null: none
std::shared_ptr<Context> findContext(CUcontext handle);  // throws INVALID_CONTEXT

// checkDriver, and the calling thread's context, which must exist (INVALID_CONTEXT, CONTEXT_IS_DESTROYED) and, unless
// `evenFaulted`, not carry a sticky error.
std::shared_ptr<Context> currentContext(bool evenFaulted = false);

// For calls that need a current context; the body takes it.
template <typename Body>
CUresult contextCall(const char* function, Body body) noexcept {
  return call(function, [&]() -> CUresult {
    const std::shared_ptr<Context> context = currentContext();
    return body(*context);
  });
}

}  // namespace softcuda::driver
