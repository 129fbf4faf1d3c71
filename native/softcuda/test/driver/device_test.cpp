#include "fixture.h"

namespace {
int attribute(int which) {
  int value = -12345;
  OK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(which), 0));
  return value;
}
}  // namespace

TEST(oneDevice) {
  OK(cuInit(0));
  int n = 0;
  OK(cuDeviceGetCount(&n));
  CHECK_EQ(n, 1);
  CUdevice dev = -1;
  OK(cuDeviceGet(&dev, 0));
  CHECK_EQ(dev, 0);
  FAILS(cuDeviceGet(&dev, 1), CUDA_ERROR_INVALID_DEVICE);
  FAILS(cuDeviceGet(&dev, -1), CUDA_ERROR_INVALID_DEVICE);
  FAILS(cuDeviceGet(nullptr, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuDeviceGetCount(nullptr), CUDA_ERROR_INVALID_VALUE);
  char name[100];
  OK(cuDeviceGetName(name, sizeof name, 0));
  CHECK(std::string(name).find("softcuda") != std::string::npos);
  char cut[5];
  OK(cuDeviceGetName(cut, sizeof cut, 0));
  CHECK_EQ(std::string(cut), "soft");
  FAILS(cuDeviceGetName(name, 0, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuDeviceGetName(name, sizeof name, 7), CUDA_ERROR_INVALID_DEVICE);
  CUuuid uuid{};
  OK(cuDeviceGetUuid(&uuid, 0));
  CHECK(uuid.bytes[0] != 0);
}

TEST(everyAttributeHasAValue) {
  OK(cuInit(0));
  for (int which = 1; which < CU_DEVICE_ATTRIBUTE_MAX; ++which)
    CHECK_MSG(attribute(which) != -12345, std::to_string(which));
  int value = 0;
  FAILS(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(0), 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MAX, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 3), CUDA_ERROR_INVALID_DEVICE);
}

// The A100 as published (white paper; programming guide, "Compute Capabilities").
TEST(defaultDeviceIsAnA100) {
  OK(cuInit(0));
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 8);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR), 0);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 108);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE), 32);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK), 1024);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR), 2048);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK), 48 * 1024);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), 163 * 1024);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR), 164 * 1024);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR), 32);
  CHECK_EQ(attribute(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR), 65536);
  int major = 0, minor = 0;
  OK(cuDeviceComputeCapability(&major, &minor, 0));
  CHECK_EQ(major * 10 + minor, 80);
  CUdevprop p{};
  OK(cuDeviceGetProperties(&p, 0));
  CHECK_EQ(p.maxThreadsPerBlock, 1024);
  CHECK_EQ(p.maxThreadsDim[2], 64);
  CHECK_EQ(p.maxGridSize[1], 65535);
  CHECK_EQ(p.SIMDWidth, 32);
}

TEST(memoryIsThatOfTheHostAtMost) {
  OK(cuInit(0));
  size_t bytes = 0;
  OK(cuDeviceTotalMem_v2(&bytes, 0));
  CHECK(bytes > (size_t{64} << 20));
  CHECK(bytes <= size_t{80} << 30);
  Context context;
  size_t free = 0, total = 0;
  OK(cuMemGetInfo_v2(&free, &total));
  CHECK_EQ(total, bytes);
  CHECK(free <= total);
}

TEST(busId) {
  OK(cuInit(0));
  char id[20];
  OK(cuDeviceGetPCIBusId(id, sizeof id, 0));
  CUdevice dev = -1;
  OK(cuDeviceGetByPCIBusId(&dev, id));
  CHECK_EQ(dev, 0);
  FAILS(cuDeviceGetByPCIBusId(&dev, "0000:ff:00.0"), CUDA_ERROR_INVALID_DEVICE);
  FAILS(cuDeviceGetPCIBusId(id, 5, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST(peers) {
  OK(cuInit(0));
  int can = 1;
  OK(cuDeviceCanAccessPeer(&can, 0, 0));
  CHECK_EQ(can, 0);
  FAILS(cuDeviceCanAccessPeer(&can, 0, 1), CUDA_ERROR_INVALID_DEVICE);
}

MAIN()
