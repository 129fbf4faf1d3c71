// Several devices (SOFTCUDA_DEVICES): what each has of its own, and what lets one access the memory of another.
#include <cstdlib>
#include <cstring>

#include "fixture.h"

namespace {

[[maybe_unused]] const int devices = setenv("SOFTCUDA_DEVICES", "4", 1);

// A context on a device, current from its making on.
struct On {
  CUcontext handle = nullptr;
  explicit On(int device) {
    OK(cuInit(0));
    OK(cuCtxCreate_v2(&handle, 0, device));
  }
  ~On() { cuCtxDestroy_v2(handle); }
  On(const On&) = delete;
  On& operator=(const On&) = delete;
  void use() const { OK(cuCtxSetCurrent(handle)); }
};

CUdeviceptr allocate(const On& context, size_t bytes) {
  context.use();
  CUdeviceptr p = 0;
  OK(cuMemAlloc_v2(&p, bytes));
  OK(cuMemsetD8_v2(p, 0, bytes));
  OK(cuCtxSynchronize());
  return p;
}

// Writes 1 to *p by a kernel of the current context.
CUresult poke(CUdeviceptr p) {
  const Module module(ptx::poke);
  void* parameters[] = {&p};
  OK(cuLaunchKernel(module.function("poke"), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
  return cuCtxSynchronize();
}

uint32_t word(CUdeviceptr p) {
  uint32_t value = 0;
  OK(cuMemcpyDtoH_v2(&value, p, sizeof value));
  return value;
}

bool reported(const char* what) { return lastReport().find(what) != std::string::npos; }

}  // namespace

TEST(countedAndNamed) {
  OK(cuInit(0));
  int n = 0;
  OK(cuDeviceGetCount(&n));
  CHECK_EQ(n, 4);
  CUdevice dev = -1;
  OK(cuDeviceGet(&dev, 3));
  CHECK_EQ(dev, 3);
  FAILS(cuDeviceGet(&dev, 4), CUDA_ERROR_INVALID_DEVICE);
  CHECK_MSG(lastMessage().find("there are 4, 0 to 3") != std::string::npos, lastMessage());
  char first[20], last[20];
  OK(cuDeviceGetPCIBusId(first, sizeof first, 0));
  OK(cuDeviceGetPCIBusId(last, sizeof last, 3));
  CHECK_EQ(std::string(last), "0000:04:00.0");
  CHECK(std::string(first) != last);
  OK(cuDeviceGetByPCIBusId(&dev, last));
  CHECK_EQ(dev, 3);
  CUuuid a{}, b{};
  OK(cuDeviceGetUuid(&a, 0));
  OK(cuDeviceGetUuid(&b, 1));
  CHECK(std::memcmp(&a, &b, sizeof a) != 0);
}

TEST(eachHasItsOwnContexts) {
  OK(cuInit(0));
  CUcontext zero = nullptr, two = nullptr, again = nullptr;
  OK(cuDevicePrimaryCtxRetain(&zero, 0));
  OK(cuDevicePrimaryCtxRetain(&two, 2));
  OK(cuDevicePrimaryCtxRetain(&again, 2));
  CHECK(zero != two);
  CHECK(two == again);
  CUdevice dev = -1;
  OK(cuCtxGetDevice_v2(&dev, two));
  CHECK_EQ(dev, 2);
  unsigned flags = 0;
  int active = 9;
  OK(cuDevicePrimaryCtxGetState(1, &flags, &active));
  CHECK_EQ(active, 0);
  OK(cuDevicePrimaryCtxRelease_v2(2));
  OK(cuDevicePrimaryCtxRelease_v2(2));
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK_EQ(active, 1);
  OK(cuDevicePrimaryCtxRelease_v2(0));
  FAILS(cuDevicePrimaryCtxRetain(&zero, 4), CUDA_ERROR_INVALID_DEVICE);
}

TEST(eachHasItsOwnMemory) {
  const On zero(0), one(1);
  size_t free = 0, total = 0, after = 0;
  zero.use();
  OK(cuMemGetInfo_v2(&free, &total));
  const CUdeviceptr p = allocate(one, 1 << 20);
  zero.use();
  OK(cuMemGetInfo_v2(&after, &total));
  CHECK_EQ(after, free);
  one.use();
  OK(cuMemGetInfo_v2(&after, &total));
  CHECK_EQ(after, total - (1 << 20));
  int ordinal = -1;
  OK(cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, p));
  CHECK_EQ(ordinal, 1);
  CUcontext owner = nullptr;
  OK(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, p));
  CHECK(owner == one.handle);
}

TEST(streamsAndFunctionsBelongToTheirContext) {
  const On zero(0);
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  const Module module(ptx::poke);
  const CUfunction nothing = module.function("nothing");
  const On one(1);
  CUdevice dev = -1;
  OK(cuStreamGetDevice(nullptr, &dev));
  CHECK_EQ(dev, 1);
  FAILS(cuLaunchKernel(nothing, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuStreamSynchronize(stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST(peerAccessIsEnabledOnce) {
  const On zero(0), other(0), one(1);
  int can = 0;
  OK(cuDeviceCanAccessPeer(&can, 0, 1));
  CHECK_EQ(can, 1);
  OK(cuDeviceCanAccessPeer(&can, 1, 1));
  CHECK_EQ(can, 0);
  FAILS(cuDeviceCanAccessPeer(&can, 0, 4), CUDA_ERROR_INVALID_DEVICE);
  int value = -1;
  OK(cuDeviceGetP2PAttribute(&value, 2, 0, 3));
  CHECK_EQ(value, 1);
  FAILS(cuDeviceGetP2PAttribute(&value, 2, 3, 3), CUDA_ERROR_INVALID_DEVICE);
  zero.use();
  FAILS(cuCtxEnablePeerAccess(zero.handle, 0), CUDA_ERROR_INVALID_DEVICE);
  FAILS(cuCtxEnablePeerAccess(other.handle, 0), CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
  FAILS(cuCtxEnablePeerAccess(nullptr, 0), CUDA_ERROR_INVALID_CONTEXT);
  FAILS(cuCtxEnablePeerAccess(one.handle, 1), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuCtxDisablePeerAccess(one.handle), CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
  OK(cuCtxEnablePeerAccess(one.handle, 0));
  FAILS(cuCtxEnablePeerAccess(one.handle, 0), CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  OK(cuCtxDisablePeerAccess(one.handle));
  FAILS(cuCtxDisablePeerAccess(one.handle), CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
  OK(cuCtxEnablePeerAccess(one.handle, 0));
}

TEST(aKernelNeedsPeerAccess) {
  const On zero(0), one(1);
  const CUdeviceptr p = allocate(one, 4);
  {
    const On broken(0);
    FAILS(poke(p), CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK_MSG(reported("invalid write of 4 bytes"), lastReport());
    CHECK_MSG(reported("of device 1, 4 bytes at"), lastReport());
    CHECK_MSG(reported("cuCtxEnablePeerAccess"), lastReport());
    FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);  // it sticks to that context
  }
  one.use();
  CHECK_EQ(word(p), 0u);
  zero.use();
  OK(cuCtxEnablePeerAccess(one.handle, 0));
  OK(poke(p));
  one.use();
  CHECK_EQ(word(p), 1u);
  // Access goes one way, and to the memory of one context.
  const On third(1);
  const CUdeviceptr q = allocate(third, 4);
  zero.use();
  FAILS(poke(q), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(accessGoesOneWay) {
  const On zero(0), one(1);
  const CUdeviceptr p = allocate(zero, 4);
  zero.use();
  OK(cuCtxEnablePeerAccess(one.handle, 0));
  one.use();
  FAILS(poke(p), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(accessEndsWhenItIsDisabled) {
  const On zero(0), one(1);
  const CUdeviceptr p = allocate(one, 4);
  zero.use();
  OK(cuCtxEnablePeerAccess(one.handle, 0));
  OK(poke(p));
  OK(cuCtxDisablePeerAccess(one.handle));
  FAILS(poke(p), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(anyDeviceMayUseTheHostsMemory) {
  const On zero(0), one(1);
  void* pinned = nullptr;
  OK(cuMemAllocHost_v2(&pinned, 4));  // by device 1
  CUdeviceptr managed = 0;
  OK(cuMemAllocManaged(&managed, 4, CU_MEM_ATTACH_GLOBAL));
  zero.use();
  OK(poke(reinterpret_cast<CUdeviceptr>(pinned)));
  OK(poke(managed));
  CHECK_EQ(*static_cast<uint32_t*>(pinned), 1u);
}

TEST(peerCopiesNeedNoAccessAndAreCounted) {
  const On zero(0), three(3);
  const CUdeviceptr to = allocate(zero, 100), from = allocate(three, 100);
  OK(cuMemsetD8_v2(from, 7, 100));
  OK(cuCtxSynchronize());
  const unsigned long long before = softcudaPeerCopyBytes(3, 0), back = softcudaPeerCopyBytes(0, 3);
  zero.use();
  OK(cuMemcpyPeer(to, zero.handle, from, three.handle, 60));
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  OK(cuCtxSynchronize());
  OK(cuMemcpyPeerAsync(to + 60, zero.handle, from + 60, three.handle, 40, stream));
  OK(cuStreamSynchronize(stream));
  CHECK_EQ(word(to), 0x07070707u);
  CHECK_EQ(word(to + 96), 0x07070707u);
  CHECK_EQ(softcudaPeerCopyBytes(3, 0) - before, 100ull);
  CHECK_EQ(softcudaPeerCopyBytes(0, 3), back);
  CHECK_EQ(softcudaPeerCopyBytes(0, 4), 0ull);
  // The contexts must be those of the memory's devices.
  FAILS(cuMemcpyPeer(to, three.handle, from, zero.handle, 4), CUDA_ERROR_INVALID_VALUE);
  CHECK_MSG(lastMessage().find("lies on device 3, its context is on device 0") != std::string::npos, lastMessage());
  FAILS(cuMemcpyPeer(to, nullptr, from, three.handle, 4), CUDA_ERROR_INVALID_CONTEXT);
}

TEST(otherCopiesAndFillsNeedAccess) {
  const On zero(0), one(1);
  const CUdeviceptr to = allocate(zero, 64), from = allocate(one, 64);
  {
    const On broken(0);
    const CUdeviceptr mine = allocate(broken, 64);
    OK(cuMemcpyDtoDAsync_v2(mine, from, 64, nullptr));
    FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK_MSG(reported("a copy reads "), lastReport());
    CHECK_MSG(reported("cuCtxEnablePeerAccess"), lastReport());
  }
  {
    const On broken(0);
    OK(cuMemsetD8Async(from, 1, 64, nullptr));
    FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK_MSG(reported("a fill writes "), lastReport());
  }
  zero.use();
  OK(cuCtxEnablePeerAccess(one.handle, 0));
  OK(cuMemsetD8Async(from, 9, 64, nullptr));
  OK(cuMemcpyDtoDAsync_v2(to, from, 64, nullptr));
  OK(cuCtxSynchronize());
  CHECK_EQ(word(to), 0x09090909u);
}

// The host may copy to and from any device, whichever context is current.
TEST(copiesOfTheHostGoAnywhere) {
  const On zero(0), one(1);
  const CUdeviceptr p = allocate(one, 4);
  zero.use();
  const uint32_t value = 1234;
  OK(cuMemcpyHtoD_v2(p, &value, 4));
  CHECK_EQ(word(p), 1234u);
}

TEST(aStreamWaitsForAnEventOfAnotherDevice) {
  const On zero(0);
  CUstream first = nullptr, second = nullptr;
  CUevent done = nullptr;
  OK(cuStreamCreate(&first, CU_STREAM_NON_BLOCKING));
  OK(cuEventCreate(&done, CU_EVENT_DISABLE_TIMING));
  Journal journal;
  Gate gate(first);
  journal.add(first, 1);
  OK(cuEventRecord(done, first));
  const On one(1);
  OK(cuStreamCreate(&second, CU_STREAM_NON_BLOCKING));
  FAILS(cuEventRecord(done, second), CUDA_ERROR_INVALID_HANDLE);
  OK(cuStreamWaitEvent(second, done, 0));
  journal.add(second, 2);
  CHECK(journal.read().empty());
  gate.open();
  OK(cuStreamSynchronize(second));
  CHECK(journal.read() == (std::vector<int>{1, 2}));
}

// A synchronous peer copy comes after what both contexts were given, and before what they are given then.
TEST(peerCopiesAreInTheOrderOfBothContexts) {
  const On zero(0), one(1);
  const CUdeviceptr to = allocate(zero, 4), from = allocate(one, 4);
  one.use();
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  Gate gate(stream);
  OK(cuMemsetD32Async(from, 5, 1, stream));
  zero.use();
  OK(cuMemcpyPeer(to, zero.handle, from, one.handle, 4));
  one.use();
  OK(cuMemsetD32Async(from, 6, 1, nullptr));
  gate.open();
  OK(cuCtxSynchronize());
  zero.use();
  OK(cuCtxSynchronize());
  CHECK_EQ(word(to), 5u);
}

TEST(poolsAreOpenedToDevices) {
  const On zero(0), one(1);
  one.use();
  CUdeviceptr p = 0;
  OK(cuMemAllocAsync(&p, 4, nullptr));
  OK(cuMemsetD8Async(p, 0, 4, nullptr));
  OK(cuCtxSynchronize());
  CUmemoryPool pool = nullptr, other = nullptr;
  OK(cuDeviceGetDefaultMemPool(&pool, 1));
  OK(cuDeviceGetDefaultMemPool(&other, 0));
  CHECK(pool != other);
  FAILS(cuDeviceSetMemPool(0, pool), CUDA_ERROR_INVALID_VALUE);
  {
    const On broken(0);
    OK(cuCtxEnablePeerAccess(one.handle, 0));  // is not for pools
    FAILS(poke(p), CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK_MSG(reported("cuMemPoolSetAccess"), lastReport());
  }
  CUmemAccessDesc open{};
  open.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  open.location.id = 0;
  open.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  OK(cuMemPoolSetAccess(pool, &open, 1));
  zero.use();
  OK(poke(p));
  one.use();
  CHECK_EQ(word(p), 1u);
}

// Variables of a module lie on its context's device; a graph's kernels run where their functions are.
TEST(modulesLieOnTheirDevice) {
  const On one(1);
  const Module module(ptx::add);
  CUdeviceptr scale = 0;
  size_t bytes = 0;
  OK(cuModuleGetGlobal_v2(&scale, &bytes, module.handle, "scale"));
  int ordinal = -1;
  OK(cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, scale));
  CHECK_EQ(ordinal, 1);
  const On zero(0);
  FAILS(poke(scale), CUDA_ERROR_ILLEGAL_ADDRESS);
}

MAIN()
