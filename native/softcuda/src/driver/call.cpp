#include "driver/call.h"

#include <atomic>

#include "driver/scheduler.h"

namespace softcuda::driver {

namespace {

std::atomic<bool> isInitialised{false};

}  // namespace

bool initialised() { return isInitialised.load(std::memory_order_acquire); }

void setInitialised() { isInitialised.store(true, std::memory_order_release); }

void checkDriver() {
  if (!initialised()) throw Error(CUDA_ERROR_NOT_INITIALIZED, "cuInit has not been called");
  if (Scheduler::inHostFunction()) {
    throw Error(CUDA_ERROR_NOT_PERMITTED, "host functions and stream callbacks must not call CUDA");
  }
}

}  // namespace softcuda::driver
