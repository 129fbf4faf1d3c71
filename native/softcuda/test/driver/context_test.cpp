#include "fixture.h"

TEST(createMakesCurrent) {
  OK(cuInit(0));
  CUcontext a = nullptr, b = nullptr, current = nullptr;
  OK(cuCtxCreate_v2(&a, 0, 0));
  OK(cuCtxGetCurrent(&current));
  CHECK(current == a);
  OK(cuCtxCreate_v2(&b, CU_CTX_SCHED_SPIN, 0));
  OK(cuCtxGetCurrent(&current));
  CHECK(current == b);
  unsigned flags = 99;
  OK(cuCtxGetFlags(&flags));
  CHECK_EQ(flags, static_cast<unsigned>(CU_CTX_SCHED_SPIN));
  OK(cuCtxDestroy_v2(b));  // pops
  OK(cuCtxGetCurrent(&current));
  CHECK(current == a);
  FAILS(cuCtxDestroy_v2(b), CUDA_ERROR_INVALID_CONTEXT);
  OK(cuCtxDestroy_v2(a));
  OK(cuCtxGetCurrent(&current));
  CHECK(current == nullptr);
  FAILS(cuCtxDestroy_v2(nullptr), CUDA_ERROR_INVALID_CONTEXT);
}

TEST(createRefuses) {
  OK(cuInit(0));
  CUcontext c = nullptr;
  FAILS(cuCtxCreate_v2(nullptr, 0, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuCtxCreate_v2(&c, 0, 1), CUDA_ERROR_INVALID_DEVICE);
  FAILS(cuCtxCreate_v2(&c, 0x10000, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuCtxCreate_v2(&c, CU_CTX_SCHED_SPIN | CU_CTX_SCHED_YIELD, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST(pushAndPop) {
  Context a;
  Context b;
  CUcontext popped = nullptr, current = nullptr;
  OK(cuCtxPushCurrent_v2(a.handle));
  OK(cuCtxGetCurrent(&current));
  CHECK(current == a.handle);
  OK(cuCtxPopCurrent_v2(&popped));
  CHECK(popped == a.handle);
  OK(cuCtxGetCurrent(&current));
  CHECK(current == b.handle);
  OK(cuCtxSetCurrent(a.handle));  // replaces the top
  OK(cuCtxGetCurrent(&current));
  CHECK(current == a.handle);
  OK(cuCtxSetCurrent(b.handle));
  FAILS(cuCtxPushCurrent_v2(nullptr), CUDA_ERROR_INVALID_CONTEXT);
}

TEST(eachThreadHasItsOwn) {
  Context mine;
  std::thread([&] {
    CUcontext current = reinterpret_cast<CUcontext>(1);
    FAILS(cuCtxGetCurrent(&current), CUDA_SUCCESS);
    CHECK(current == nullptr);
    CUdeviceptr p = 0;
    FAILS(cuMemAlloc_v2(&p, 16), CUDA_ERROR_INVALID_CONTEXT);
    FAILS(cuCtxSetCurrent(mine.handle), CUDA_SUCCESS);
    FAILS(cuMemAlloc_v2(&p, 16), CUDA_SUCCESS);
    FAILS(cuMemFree_v2(p), CUDA_SUCCESS);
  }).join();
}

TEST(aDestroyedContextStaysCurrentElsewhere) {
  OK(cuInit(0));
  CUcontext c = nullptr;
  OK(cuCtxCreate_v2(&c, 0, 0));
  std::thread([&] {
    FAILS(cuCtxSetCurrent(c), CUDA_SUCCESS);
    std::thread([&] { FAILS(cuCtxDestroy_v2(c), CUDA_SUCCESS); }).join();
    CUdeviceptr p = 0;
    FAILS(cuMemAlloc_v2(&p, 16), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  }).join();
  CUcontext popped = nullptr;
  OK(cuCtxPopCurrent_v2(&popped));
  CHECK(popped == c);
}

TEST(primary) {
  OK(cuInit(0));
  unsigned flags = 9;
  int active = 9;
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK_EQ(active, 0);
  FAILS(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
  OK(cuDevicePrimaryCtxSetFlags_v2(0, CU_CTX_SCHED_BLOCKING_SYNC));
  CUcontext a = nullptr, b = nullptr;
  OK(cuDevicePrimaryCtxRetain(&a, 0));
  OK(cuDevicePrimaryCtxRetain(&b, 0));
  CHECK(a == b);
  CUcontext current = nullptr;
  OK(cuCtxGetCurrent(&current));
  CHECK(current == nullptr);  // retaining does not make current
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK_EQ(active, 1);
  CHECK_EQ(flags, static_cast<unsigned>(CU_CTX_SCHED_BLOCKING_SYNC));
  OK(cuCtxSetCurrent(a));
  FAILS(cuCtxDestroy_v2(a), CUDA_ERROR_INVALID_CONTEXT);
  OK(cuDevicePrimaryCtxRelease_v2(0));
  OK(cuCtxSynchronize());
  OK(cuDevicePrimaryCtxRelease_v2(0));
  FAILS(cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  OK(cuCtxSetCurrent(nullptr));
  OK(cuDevicePrimaryCtxRetain(&a, 0));
  OK(cuDevicePrimaryCtxReset_v2(0));
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK_EQ(active, 0);
}

TEST(limits) {
  Context context;
  size_t value = 0;
  OK(cuCtxGetLimit(&value, CU_LIMIT_STACK_SIZE));
  CHECK_EQ(value, size_t{1024});
  OK(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 4096));
  OK(cuCtxGetLimit(&value, CU_LIMIT_STACK_SIZE));
  CHECK_EQ(value, size_t{4096});
  FAILS(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, size_t{1} << 30), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuCtxGetLimit(&value, static_cast<CUlimit>(55)), CUDA_ERROR_UNSUPPORTED_LIMIT);
  FAILS(cuCtxGetLimit(nullptr, CU_LIMIT_STACK_SIZE), CUDA_ERROR_INVALID_VALUE);
}

TEST(preferences) {
  Context context;
  CUfunc_cache cache = CU_FUNC_CACHE_PREFER_EQUAL;
  OK(cuCtxGetCacheConfig(&cache));
  CHECK_EQ(static_cast<int>(cache), static_cast<int>(CU_FUNC_CACHE_PREFER_NONE));
  OK(cuCtxSetCacheConfig(CU_FUNC_CACHE_PREFER_L1));
  OK(cuCtxGetCacheConfig(&cache));
  CHECK_EQ(static_cast<int>(cache), static_cast<int>(CU_FUNC_CACHE_PREFER_L1));
  FAILS(cuCtxSetCacheConfig(static_cast<CUfunc_cache>(9)), CUDA_ERROR_INVALID_VALUE);
  CUsharedconfig bank = CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE;
  OK(cuCtxGetSharedMemConfig(&bank));
  CHECK_EQ(static_cast<int>(bank), static_cast<int>(CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE));
  int least = 9, greatest = 9;
  OK(cuCtxGetStreamPriorityRange(&least, &greatest));
  CHECK(greatest < least);
  unsigned version = 0;
  OK(cuCtxGetApiVersion(context.handle, &version));
  CHECK(version >= 3010);
  CUdevice dev = -1;
  OK(cuCtxGetDevice(&dev));
  CHECK_EQ(dev, 0);
}

TEST(destroyFreesTheMemory) {
  OK(cuInit(0));
  size_t before = 0, after = 0, total = 0;
  {
    Context context;
    OK(cuMemGetInfo_v2(&before, &total));
  }
  {
    Context context;
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 1 << 20));
    OK(cuMemGetInfo_v2(&after, &total));
    CHECK(before - after >= size_t{1} << 20);
  }
  Context context;
  OK(cuMemGetInfo_v2(&after, &total));
  CHECK_EQ(after, before);
}

MAIN()
