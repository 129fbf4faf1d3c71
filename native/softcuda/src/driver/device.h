// The devices that softcuda pretends to be: all of one kind.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "driver/abi.h"

namespace softcuda::driver {

inline constexpr int kDriverVersion = 13000;

// Published properties of a GPU; sources: the CUDA C++ Programming Guide's table of compute capabilities and NVIDIA's
// architecture white papers.
struct DeviceProfile {
  const char* key;  // value of SOFTCUDA_DEVICE
  const char* name;
  int major, minor;
  int multiprocessors;
  int clockKHz, memoryClockKHz, memoryBusBits;
  size_t memoryBytes;
  int l2Bytes, persistingL2Bytes;
  int threadsPerMultiprocessor, blocksPerMultiprocessor;
  int sharedPerMultiprocessor, sharedPerBlockOptin;
  int singleToDoubleRatio;
  int copyEngines;

  int sharedPerBlock() const { return 48 * 1024; }
  int reservedSharedPerBlock() const { return 1024; }
  int registersPerMultiprocessor() const { return 65536; }
  int registersPerBlock() const { return 65536; }
  int maxThreadsPerBlock() const { return 1024; }
  int warpsPerMultiprocessor() const { return threadsPerMultiprocessor / 32; }
};

// That of SOFTCUDA_DEVICE (a100, h100, rtx4090; default a100).
const DeviceProfile& device();

// How many there are: SOFTCUDA_DEVICES, 1 to kMostDevices; default 1.
inline constexpr int kMostDevices = 16;
int deviceCount();

// Throws INVALID_DEVICE unless there is a device of that number.
void checkDevice(CUdevice number);

// Bytes of memory of each device: SOFTCUDA_MEMORY (bytes, or with a suffix K, M, G), else the profile's, but at most
// three quarters of the host's.
size_t deviceMemory();

}  // namespace softcuda::driver
