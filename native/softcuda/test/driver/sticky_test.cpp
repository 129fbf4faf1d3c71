// Kernels that fail spoil their context: everything that needs it answers with the same error until it is destroyed.
// Calls that are refused spoil nothing.
#include <cstdlib>

#include "fixture.h"

namespace {

// Starts a kernel that writes to an address of its choice.
void poke(CUdeviceptr at, CUstream stream = nullptr) {
  Module module(ptx::poke);
  void* list[] = {&at};
  OK(cuLaunchKernel(module.function("poke"), 1, 1, 1, 1, 1, 1, 0, stream, list, nullptr));
}

struct Quiet {
  Quiet() { setenv("SOFTCUDA_REPORT", "off", 1); }
} quiet;

}  // namespace

TEST(refusedCallsSpoilNothing) {
  Context context;
  CUdeviceptr p = 0;
  FAILS(cuMemAlloc_v2(&p, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemcpyHtoD_v2(1, "x", 1), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemAlloc_v2(&p, size_t{1} << 60), CUDA_ERROR_OUT_OF_MEMORY);
  FAILS(cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_HANDLE);
  CUmodule m = nullptr;
  FAILS(cuModuleLoadData(&m, "nonsense"), CUDA_ERROR_INVALID_PTX);
  OK(cuCtxSynchronize());
  OK(cuMemAlloc_v2(&p, 4));
}

TEST(anIllegalAddressIsSticky) {
  Context context;
  Buffer word(4);
  CUstream stream = nullptr;
  CUevent event = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  OK(cuEventCreate(&event, 0));
  Module module(ptx::poke);
  poke(8, stream);
  FAILS(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK_MSG(lastReport().find("poke") != std::string::npos, lastReport());

  CUdeviceptr p = 0;
  CUstream s = nullptr;
  CUmodule m = nullptr;
  CUfunction f = nullptr;
  size_t n = 0;
  int value = 0;
  FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuStreamQuery(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuStreamQuery(nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);  // other streams too
  FAILS(cuEventRecord(event, nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuEventQuery(event), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuMemAlloc_v2(&p, 16), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuMemFree_v2(word.p), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuMemcpyDtoH_v2(&value, word.p, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuMemsetD32Async(word.p, 0, 1, stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuMemGetInfo_v2(&n, &n), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuStreamCreate(&s, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuModuleLoadData(&m, ptx::add), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuModuleGetFunction(&f, module.handle, "poke"), CUDA_ERROR_ILLEGAL_ADDRESS);
  // What does not need the context goes on.
  CUcontext current = nullptr;
  OK(cuCtxGetCurrent(&current));
  CHECK(current == context.handle);
  int count = 0;
  OK(cuDeviceGetCount(&count));
  const char* text = nullptr;
  OK(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
}

TEST(anotherContextIsSound) {
  Context outer;
  {
    Context spoilt;
    poke(8);
    FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  Buffer word(4);
  OK(cuMemsetD32_v2(word.p, 0, 1));
  poke(word.p);
  OK(cuCtxSynchronize());
  CHECK_EQ(word.read<int>(1)[0], 1);
}

TEST(thePrimaryContextRecoversByAReset) {
  OK(cuInit(0));
  CUcontext c = nullptr;
  OK(cuDevicePrimaryCtxRetain(&c, 0));
  OK(cuCtxSetCurrent(c));
  poke(8);
  FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  OK(cuDevicePrimaryCtxReset_v2(0));
  OK(cuDevicePrimaryCtxRetain(&c, 0));
  OK(cuCtxSetCurrent(c));
  OK(cuCtxSynchronize());
  OK(cuDevicePrimaryCtxRelease_v2(0));
  OK(cuCtxSetCurrent(nullptr));
}

TEST(misalignedAccess) {
  Context context;
  Buffer words(8);
  poke(words.p + 2);
  FAILS(cuCtxSynchronize(), CUDA_ERROR_MISALIGNED_ADDRESS);
  FAILS(cuCtxSynchronize(), CUDA_ERROR_MISALIGNED_ADDRESS);
}

TEST(laterWorkIsSkippedAndCallbacksAreTold) {
  Context context;
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  Journal journal;
  static std::atomic<int> status{-1};
  {
    Gate gate(stream);
    poke(8, stream);
    journal.add(stream, 1);
    OK(cuStreamAddCallback(stream, [](CUstream, CUresult result, void*) { status = result; }, nullptr, 0));
  }
  FAILS(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  // Waiting fails as soon as the error is known; the callback may come a little later.
  for (int i = 0; i < 500 && status == -1; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(journal.read().empty());
  CHECK_EQ(status.load(), static_cast<int>(CUDA_ERROR_ILLEGAL_ADDRESS));
}

TEST(graphsFailTheSameWay) {
  Context context;
  Module module(ptx::poke);
  CUgraph g = nullptr;
  CUgraphNode n = nullptr;
  CUgraphExec e = nullptr;
  CUdeviceptr wrong = 8;
  void* list[] = {&wrong};
  CUDA_KERNEL_NODE_PARAMS k{};
  k.func = module.function("poke");
  k.gridDimX = k.gridDimY = k.gridDimZ = k.blockDimX = k.blockDimY = k.blockDimZ = 1;
  k.kernelParams = list;
  OK(cuGraphCreate(&g, 0));
  OK(cuGraphAddKernelNode_v2(&n, g, nullptr, 0, &k));
  OK(cuGraphInstantiateWithFlags(&e, g, 0));
  OK(cuGraphLaunch(e, nullptr));
  FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuGraphLaunch(e, nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(memoryThatIsFreedUnderAnAsynchronousCopy) {
  Context context;
  CUstream a = nullptr, b = nullptr;
  OK(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
  OK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = 0;
  OK(cuMemAllocAsync(&p, 64, a));
  OK(cuStreamSynchronize(a));
  Buffer to(64);
  {
    Gate gate(b);
    OK(cuMemcpyDtoDAsync_v2(to.p, p, 64, b));
    OK(cuMemFreeAsync(p, a));  // not ordered after the copy
    OK(cuStreamSynchronize(a));
  }
  FAILS(cuStreamSynchronize(b), CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK_MSG(lastReport().find("source") != std::string::npos, lastReport());
}

MAIN()
