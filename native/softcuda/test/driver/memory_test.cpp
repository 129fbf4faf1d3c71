#include <cstdlib>
#include <cstring>

#include "fixture.h"

TEST(allocateAndFree) {
  Context context;
  CUdeviceptr p = 0;
  OK(cuMemAlloc_v2(&p, 1000));
  CHECK_EQ(p % 256, 0u);
  CUdeviceptr base = 0;
  size_t size = 0;
  OK(cuMemGetAddressRange_v2(&base, &size, p + 999));
  CHECK_EQ(base, p);
  CHECK_EQ(size, size_t{1000});
  FAILS(cuMemGetAddressRange_v2(&base, &size, 64), CUDA_ERROR_NOT_FOUND);
  OK(cuMemFree_v2(p));
  FAILS(cuMemFree_v2(p), CUDA_ERROR_INVALID_VALUE);
  CHECK(lastMessage().find("cuMemFree_v2") == 0);
  FAILS(cuMemGetAddressRange_v2(&base, &size, p), CUDA_ERROR_NOT_FOUND);
  OK(cuMemFree_v2(0));
}

TEST(allocationRefuses) {
  Context context;
  CUdeviceptr p = 0;
  FAILS(cuMemAlloc_v2(&p, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemAlloc_v2(nullptr, 16), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemAlloc_v2(&p, size_t{1} << 60), CUDA_ERROR_OUT_OF_MEMORY);
  CHECK(lastMessage().find("1152921504606846976 bytes asked for") != std::string::npos);
  OK(cuMemAlloc_v2(&p, 64));
  FAILS(cuMemFree_v2(p + 4), CUDA_ERROR_INVALID_VALUE);  // not its beginning
  FAILS(cuMemFreeHost(reinterpret_cast<void*>(p)), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemFree_v2(p));
  int local = 0;
  FAILS(cuMemFree_v2(reinterpret_cast<CUdeviceptr>(&local)), CUDA_ERROR_INVALID_VALUE);
}

TEST(pitched) {
  Context context;
  CUdeviceptr p = 0;
  size_t pitch = 0;
  OK(cuMemAllocPitch_v2(&p, &pitch, 100, 7, 4));
  CHECK(pitch >= 100);
  CHECK_EQ(pitch % 256, size_t{0});
  size_t size = 0;
  OK(cuMemGetAddressRange_v2(nullptr, &size, p));
  CHECK_EQ(size, pitch * 7);
  FAILS(cuMemAllocPitch_v2(&p, &pitch, 100, 7, 3), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemAllocPitch_v2(&p, &pitch, 0, 7, 4), CUDA_ERROR_INVALID_VALUE);
}

TEST(pageLockedHostMemory) {
  Context context;
  void* p = nullptr;
  OK(cuMemHostAlloc(&p, 5000, CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED));
  std::memset(p, 0x5a, 5000);
  unsigned flags = 0;
  OK(cuMemHostGetFlags(&flags, p));
  CHECK((flags & CU_MEMHOSTALLOC_WRITECOMBINED) != 0);
  CUdeviceptr device = 0;
  OK(cuMemHostGetDevicePointer_v2(&device, static_cast<char*>(p) + 8, 0));
  CHECK_EQ(device, reinterpret_cast<CUdeviceptr>(p) + 8);
  FAILS(cuMemFree_v2(reinterpret_cast<CUdeviceptr>(p)), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemFreeHost(p));
  FAILS(cuMemFreeHost(p), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemHostAlloc(&p, 16, 0x80), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemHostAlloc(&p, 0, 0), CUDA_ERROR_INVALID_VALUE);
  int local = 0;
  FAILS(cuMemHostGetDevicePointer_v2(&device, &local, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemHostGetFlags(&flags, &local), CUDA_ERROR_INVALID_VALUE);
}

TEST(registeredHostMemory) {
  Context context;
  std::vector<char> bytes(10000);
  OK(cuMemHostRegister_v2(bytes.data(), bytes.size(), CU_MEMHOSTREGISTER_DEVICEMAP));
  FAILS(cuMemHostRegister_v2(bytes.data(), bytes.size(), 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  FAILS(cuMemHostRegister_v2(bytes.data() + 5000, 10, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  CUdeviceptr device = 0;
  OK(cuMemHostGetDevicePointer_v2(&device, bytes.data(), 0));
  FAILS(cuMemHostUnregister(bytes.data() + 8), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  OK(cuMemHostUnregister(bytes.data()));
  FAILS(cuMemHostUnregister(bytes.data()), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  bytes[0] = 1;  // still the caller's
}

TEST(managed) {
  Context context;
  CUdeviceptr p = 0;
  OK(cuMemAllocManaged(&p, 4096, CU_MEM_ATTACH_GLOBAL));
  auto* words = reinterpret_cast<int*>(p);
  words[5] = 42;
  int got = 0;
  OK(cuMemcpyDtoH_v2(&got, p + 20, 4));
  CHECK_EQ(got, 42);
  OK(cuMemPrefetchAsync(p, 4096, 0, nullptr));
  OK(cuMemPrefetchAsync(p, 4096, CU_DEVICE_CPU, nullptr));
  FAILS(cuMemPrefetchAsync(p, 4096, 5, nullptr), CUDA_ERROR_INVALID_DEVICE);
  FAILS(cuMemPrefetchAsync(p, 5000, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemAdvise(p, 4096, 1, 0));
  FAILS(cuMemAdvise(p, 4096, 99, 0), CUDA_ERROR_INVALID_VALUE);
  OK(cuStreamAttachMemAsync(nullptr, p, 0, CU_MEM_ATTACH_GLOBAL));
  FAILS(cuMemAllocManaged(&p, 4096, 0), CUDA_ERROR_INVALID_VALUE);
  CUdeviceptr plain = 0;
  OK(cuMemAlloc_v2(&plain, 64));
  FAILS(cuMemPrefetchAsync(plain, 64, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST(pointerAttributes) {
  Context context;
  CUdeviceptr device = 0, managed = 0;
  void* pinned = nullptr;
  OK(cuMemAlloc_v2(&device, 100));
  OK(cuMemAllocManaged(&managed, 100, CU_MEM_ATTACH_GLOBAL));
  OK(cuMemAllocHost_v2(&pinned, 100));
  unsigned type = 0, isManaged = 9;
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, device + 50));
  CHECK_EQ(type, static_cast<unsigned>(CU_MEMORYTYPE_DEVICE));
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(pinned)));
  CHECK_EQ(type, static_cast<unsigned>(CU_MEMORYTYPE_HOST));
  OK(cuPointerGetAttribute(&isManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED, managed));
  CHECK_EQ(isManaged, 1u);
  OK(cuPointerGetAttribute(&isManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED, device));
  CHECK_EQ(isManaged, 0u);
  CUcontext owner = nullptr;
  OK(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, device));
  CHECK(owner == context.handle);
  CUdeviceptr start = 0;
  size_t size = 0;
  OK(cuPointerGetAttribute(&start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, device + 99));
  OK(cuPointerGetAttribute(&size, CU_POINTER_ATTRIBUTE_RANGE_SIZE, device));
  CHECK_EQ(start, device);
  CHECK_EQ(size, size_t{100});
  void* host = &host;
  FAILS(cuPointerGetAttribute(&host, CU_POINTER_ATTRIBUTE_HOST_POINTER, device), CUDA_ERROR_INVALID_VALUE);
  OK(cuPointerGetAttribute(&host, CU_POINTER_ATTRIBUTE_HOST_POINTER, reinterpret_cast<CUdeviceptr>(pinned)));
  CHECK(host == pinned);
  unsigned long long id1 = 0, id2 = 0;
  OK(cuPointerGetAttribute(&id1, CU_POINTER_ATTRIBUTE_BUFFER_ID, device));
  OK(cuPointerGetAttribute(&id2, CU_POINTER_ATTRIBUTE_BUFFER_ID, managed));
  CHECK(id1 != id2);

  int local = 0;
  const auto unknown = reinterpret_cast<CUdeviceptr>(&local);
  FAILS(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, unknown), CUDA_ERROR_INVALID_VALUE);
  // The function for several attributes does not fail for unknown pointers.
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_CONTEXT, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  int ordinal = 7;
  void* data[] = {&owner, &ordinal};
  OK(cuPointerGetAttributes(2, which, data, unknown));
  CHECK(owner == nullptr);
  CHECK_EQ(ordinal, CU_DEVICE_INVALID);
  OK(cuPointerGetAttributes(2, which, data, device));
  CHECK(owner == context.handle);
  CHECK_EQ(ordinal, 0);
  unsigned sync = 1;
  OK(cuPointerSetAttribute(&sync, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, device));
  FAILS(cuPointerSetAttribute(&sync, CU_POINTER_ATTRIBUTE_IS_MANAGED, device), CUDA_ERROR_INVALID_VALUE);
}

TEST(streamOrdered) {
  Context context;
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = 0;
  OK(cuMemAllocAsync(&p, 1 << 16, stream));
  OK(cuMemsetD8Async(p, 7, 1 << 16, stream));
  std::vector<unsigned char> got(1 << 16);
  OK(cuMemcpyDtoHAsync_v2(got.data(), p, got.size(), stream));
  {
    Gate gate(stream);
    OK(cuMemFreeAsync(p, stream));
    FAILS(cuMemFreeAsync(p, stream), CUDA_ERROR_INVALID_VALUE);  // asked for already
    OK(cuMemGetAddressRange_v2(nullptr, nullptr, p));            // not done yet: the stream is held up
  }
  OK(cuStreamSynchronize(stream));
  FAILS(cuMemGetAddressRange_v2(nullptr, nullptr, p), CUDA_ERROR_NOT_FOUND);
  for (unsigned char c : got) {
    if (!CHECK_EQ(c, 7)) break;
  }
  FAILS(cuMemAllocAsync(&p, 0, stream), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemAllocAsync(&p, 64, stream));
  OK(cuMemFree_v2(p));  // the plain free takes it too
}

TEST(pools) {
  Context context;
  CUmemoryPool pool = nullptr, standard = nullptr, current = nullptr;
  OK(cuDeviceGetDefaultMemPool(&standard, 0));
  OK(cuDeviceGetMemPool(&current, 0));
  CHECK(current == standard);
  CUmemPoolProps props{};
  FAILS(cuMemPoolCreate(&pool, &props), CUDA_ERROR_INVALID_VALUE);
  props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  props.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  OK(cuMemPoolCreate(&pool, &props));
  CUdeviceptr p = 0;
  OK(cuMemAllocFromPoolAsync(&p, 10000, pool, nullptr));
  uint64_t used = 0, high = 0;
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
  CHECK_EQ(used, 10000u);
  CUmemoryPool of = nullptr;
  OK(cuPointerGetAttribute(&of, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, p));
  CHECK(of == pool);
  OK(cuMemFreeAsync(p, nullptr));
  OK(cuCtxSynchronize());
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &high));
  CHECK_EQ(used, 0u);
  CHECK_EQ(high, 10000u);
  uint64_t threshold = 123456;
  OK(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  threshold = 0;
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  CHECK_EQ(threshold, 123456u);
  FAILS(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &threshold), CUDA_ERROR_INVALID_VALUE);
  OK(cuDeviceSetMemPool(0, pool));
  OK(cuDeviceGetMemPool(&current, 0));
  CHECK(current == pool);
  OK(cuMemPoolTrimTo(pool, 0));
  OK(cuMemPoolDestroy(pool));
  OK(cuDeviceGetMemPool(&current, 0));
  CHECK(current == standard);
  FAILS(cuMemPoolDestroy(pool), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemPoolDestroy(standard), CUDA_ERROR_INVALID_VALUE);
}

// Another context's memory is freed with it, this one's stays.
TEST(contextsOwnTheirMemory) {
  Context outer;
  CUdeviceptr mine = 0, theirs = 0;
  OK(cuMemAlloc_v2(&mine, 64));
  {
    Context inner;
    OK(cuMemAlloc_v2(&theirs, 64));
  }
  OK(cuMemGetAddressRange_v2(nullptr, nullptr, mine));
  FAILS(cuMemGetAddressRange_v2(nullptr, nullptr, theirs), CUDA_ERROR_NOT_FOUND);
}

MAIN()
