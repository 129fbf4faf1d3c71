// What happens before cuInit, and without a context. The tests run in this order.
#include "fixture.h"

TEST(callsBeforeInit) {
  int n = 0;
  CUdevice dev = 0;
  CUcontext context = nullptr;
  FAILS(cuDeviceGetCount(&n), CUDA_ERROR_NOT_INITIALIZED);
  FAILS(cuDeviceGet(&dev, 0), CUDA_ERROR_NOT_INITIALIZED);
  FAILS(cuCtxCreate_v2(&context, 0, 0), CUDA_ERROR_NOT_INITIALIZED);
  FAILS(cuCtxSynchronize(), CUDA_ERROR_NOT_INITIALIZED);
  CHECK(lastMessage().find("cuInit") != std::string::npos);
  int version = 0;
  OK(cuDriverGetVersion(&version));  // this one needs no cuInit
  CHECK_EQ(version, 13000);
}

TEST(initRefusesFlags) {
  FAILS(cuInit(1), CUDA_ERROR_INVALID_VALUE);
  int n = 0;
  FAILS(cuDeviceGetCount(&n), CUDA_ERROR_NOT_INITIALIZED);
}

TEST(callsWithoutContext) {
  OK(cuInit(0));
  OK(cuInit(0));
  CUdeviceptr p = 0;
  CUstream stream = nullptr;
  CUmodule module = nullptr;
  FAILS(cuMemAlloc_v2(&p, 4), CUDA_ERROR_INVALID_CONTEXT);
  FAILS(cuStreamCreate(&stream, 0), CUDA_ERROR_INVALID_CONTEXT);
  FAILS(cuModuleLoadData(&module, ptx::add), CUDA_ERROR_INVALID_CONTEXT);
  FAILS(cuCtxSynchronize(), CUDA_ERROR_INVALID_CONTEXT);
  CUcontext none = reinterpret_cast<CUcontext>(1);
  OK(cuCtxGetCurrent(&none));
  CHECK(none == nullptr);
  FAILS(cuCtxPopCurrent_v2(&none), CUDA_ERROR_INVALID_CONTEXT);
}

MAIN()
