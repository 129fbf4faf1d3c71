// cuInit, cuDriverGetVersion and cuDevice*.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "driver/call.h"
#include "driver/context.h"
#include "driver/device.h"

namespace softcuda::driver {

namespace {

constexpr size_t kBusIdLength = 12;

// Each device is alone on a bus, as if behind a switch of its own.
int busOf(CUdevice dev) { return dev + 1; }

std::string busId(CUdevice dev) {
  const int bus = busOf(dev);
  return std::string("0000:") + "0123456789abcdef"[bus / 16] + "0123456789abcdef"[bus % 16] + ":00.0";
}

CUuuid uuidOf(CUdevice dev) {
  CUuuid uuid{};
  std::snprintf(uuid.bytes, sizeof uuid.bytes, "softcuda device");
  uuid.bytes[sizeof uuid.bytes - 1] = "0123456789abcdef"[dev];
  return uuid;
}

// Value of a CUdevice_attribute; false for one that does not exist.
bool attribute(int attribute, CUdevice dev, int* value) {
  const DeviceProfile& d = device();
  switch (attribute) {
    case 1: *value = d.maxThreadsPerBlock(); return true;
    case 2: *value = 1024; return true;  // block x
    case 3: *value = 1024; return true;
    case 4: *value = 64; return true;
    case 5: *value = 2147483647; return true;  // grid x
    case 6: *value = 65535; return true;
    case 7: *value = 65535; return true;
    case 8: *value = d.sharedPerBlock(); return true;
    case 9: *value = 65536; return true;  // constant memory
    case 10: *value = 32; return true;
    case 11: *value = 2147483647; return true;  // pitch
    case 12: *value = d.registersPerBlock(); return true;
    case 13: *value = d.clockKHz; return true;
    case 14: *value = 512; return true;  // texture alignment
    case 15: *value = 1; return true;    // overlap
    case 16: *value = d.multiprocessors; return true;
    case 17: *value = 0; return true;       // time limit
    case 18: *value = 0; return true;       // integrated
    case 19: *value = 1; return true;       // maps host memory
    case 20: *value = 0; return true;       // compute mode
    case 21: *value = 131072; return true;  // textures and surfaces: sizes as published, though
    case 22: *value = 131072; return true;  // softcuda has none
    case 23: *value = 65536; return true;
    case 24:
    case 25:
    case 26: *value = 16384; return true;
    case 27:
    case 28: *value = 32768; return true;
    case 29: *value = 2048; return true;
    case 30: *value = 512; return true;
    case 31: *value = 1; return true;                                           // concurrent kernels
    case 32: *value = std::strcmp(d.key, "rtx4090") == 0 ? 0 : 1; return true;  // ECC
    case 33: *value = busOf(dev); return true;                                  // PCI bus
    case 34: *value = 0; return true;
    case 35: *value = 0; return true;
    case 36: *value = d.memoryClockKHz; return true;
    case 37: *value = d.memoryBusBits; return true;
    case 38: *value = d.l2Bytes; return true;
    case 39: *value = d.threadsPerMultiprocessor; return true;
    case 40: *value = d.copyEngines; return true;
    case 41: *value = 1; return true;  // unified addressing
    case 42: *value = 32768; return true;
    case 43: *value = 2048; return true;
    case 44: *value = 1; return true;
    case 45:
    case 46: *value = 32768; return true;
    case 47:
    case 48: *value = 8192; return true;
    case 49: *value = 32768; return true;
    case 50: *value = 0; return true;   // PCI domain
    case 51: *value = 32; return true;  // texture pitch alignment
    case 52:
    case 53: *value = 32768; return true;
    case 54: *value = 2046; return true;
    case 55: *value = 32768; return true;
    case 56: *value = 131072; return true;
    case 57: *value = 65536; return true;
    case 58:
    case 59:
    case 60: *value = 16384; return true;
    case 61: *value = 32768; return true;
    case 62: *value = 2048; return true;
    case 63:
    case 64: *value = 32768; return true;
    case 65: *value = 2048; return true;
    case 66:
    case 67: *value = 32768; return true;
    case 68: *value = 2046; return true;
    case 69: *value = 268435456; return true;
    case 70: *value = 131072; return true;
    case 71: *value = 65000; return true;
    case 72: *value = 2097120; return true;
    case 73:
    case 74: *value = 32768; return true;
    case 75: *value = d.major; return true;
    case 76: *value = d.minor; return true;
    case 77: *value = 32768; return true;
    case 78: *value = 1; return true;  // stream priorities
    case 79: *value = 1; return true;
    case 80: *value = 1; return true;
    case 81: *value = d.sharedPerMultiprocessor; return true;
    case 82: *value = d.registersPerMultiprocessor(); return true;
    case 83: *value = 1; return true;  // managed memory
    case 84: *value = 0; return true;
    case 85: *value = 0; return true;
    case 86: *value = 0; return true;  // native host atomics
    case 87: *value = d.singleToDoubleRatio; return true;
    case 88: *value = 0; return true;  // pageable memory access: checked, so no
    case 89: *value = 1; return true;  // concurrent managed access
    case 90: *value = 1; return true;
    case 91: *value = 1; return true;
    case 92:
    case 93:
    case 94: *value = 0; return true;  // v1 memory operations
    case 95: *value = 1; return true;  // cooperative launch
    case 96: *value = 0; return true;
    case 97: *value = d.sharedPerBlockOptin; return true;
    case 98: *value = 0; return true;
    case 99: *value = 1; return true;  // host register
    case 100:
    case 101: *value = 0; return true;
    case 102: *value = 0; return true;  // virtual memory management
    case 103:
    case 104:
    case 105: *value = 0; return true;
    case 106: *value = d.blocksPerMultiprocessor; return true;
    case 107: *value = 0; return true;
    case 108: *value = d.persistingL2Bytes; return true;
    case 109: *value = 134213632; return true;
    case 110: *value = 0; return true;
    case 111: *value = d.reservedSharedPerBlock(); return true;
    case 112:
    case 113:
    case 114: *value = 0; return true;
    case 115: *value = 1; return true;  // memory pools
    case 116:
    case 117:
    case 118:
    case 119: *value = 0; return true;
    case 120: *value = 0; return true;  // cluster launch: not done here
    case 121: *value = 0; return true;
    case 122: *value = 1; return true;  // 64-bit stream memory operations
    case 123: *value = 1; return true;
    case 124:
    case 125: *value = 0; return true;
    case 126: *value = 1; return true;  // memory sync domains
    case 127:
    case 128: *value = 0; return true;  // tensor maps, fabric handles
    case 129: *value = 0; return true;
    case 130: *value = 0; return true;
    case 131: *value = -1; return true;
    case 132:
    case 133: *value = 0; return true;
    case 134: *value = -1; return true;
    default: break;
  }
  if (attribute > 134 && attribute < CU_DEVICE_ATTRIBUTE_MAX) {
    *value = 0;
    return true;
  }
  return false;
}

}  // namespace

}  // namespace softcuda::driver

using namespace softcuda::driver;

CUresult cuInit(unsigned int flags) {
  return call(__func__, [&] {
    require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags must be 0");
    static std::once_flag once;
    std::call_once(once, [] { std::atexit(Context::reportLeaksAtExit); });
    setInitialised();
    return CUDA_SUCCESS;
  });
}

CUresult cuDriverGetVersion(int* version) {
  return call(__func__, [&] {
    require(version != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *version = kDriverVersion;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGet(CUdevice* dev, int ordinal) {
  return driverCall(__func__, [&] {
    require(dev != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(ordinal);
    *dev = ordinal;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetCount(int* count) {
  return driverCall(__func__, [&] {
    require(count != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *count = deviceCount();
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetName(char* name, int length, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(name != nullptr && length > 0, CUDA_ERROR_INVALID_VALUE, "no room for the name");
    checkDevice(dev);
    std::snprintf(name, static_cast<size_t>(length), "%s", device().name);
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(uuid != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *uuid = uuidOf(dev);
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) { return cuDeviceGetUuid(uuid, dev); }

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(bytes != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *bytes = deviceMemory();
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute which, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    if (!attribute(static_cast<int>(which), dev, value)) {
      throw Error(CUDA_ERROR_INVALID_VALUE, "no device attribute " + std::to_string(static_cast<int>(which)));
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(major != nullptr && minor != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *major = device().major;
    *minor = device().minor;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetProperties(CUdevprop* properties, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(properties != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    const DeviceProfile& d = device();
    *properties = CUdevprop{d.maxThreadsPerBlock(),
                            {1024, 1024, 64},
                            {2147483647, 65535, 65535},
                            d.sharedPerBlock(),
                            65536,
                            32,
                            2147483647,
                            d.registersPerBlock(),
                            d.clockKHz,
                            512};
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(id != nullptr && length > 0, CUDA_ERROR_INVALID_VALUE, "no room for the bus id");
    checkDevice(dev);
    require(length > static_cast<int>(kBusIdLength), CUDA_ERROR_INVALID_VALUE, "13 bytes are needed for the bus id");
    std::snprintf(id, static_cast<size_t>(length), "%s", busId(dev).c_str());
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* id) {
  return driverCall(__func__, [&]() -> CUresult {
    require(dev != nullptr && id != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    const std::string wanted(id);
    for (CUdevice one = 0; one < deviceCount(); ++one) {
      const std::string there = busId(one);
      if (wanted == there || wanted == there.substr(0, 10) || wanted == there.substr(5)) {
        *dev = one;
        return CUDA_SUCCESS;
      }
    }
    throw Error(CUDA_ERROR_INVALID_DEVICE,
                "no device at PCI bus id '" + wanted + "'; the last is at " + busId(deviceCount() - 1));
  });
}

CUresult cuDeviceGetLuid(char*, unsigned int*, CUdevice) {
  return driverCall(__func__,
                    []() -> CUresult { throw Error(CUDA_ERROR_NOT_SUPPORTED, "LUIDs exist on Windows only"); });
}

CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t* width, int format, unsigned channels, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(width != nullptr && channels >= 1 && channels <= 4 && format > 0, CUDA_ERROR_INVALID_VALUE,
            "bad argument");
    checkDevice(dev);
    *width = 268435456;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceCanAccessPeer(int* can, CUdevice dev, CUdevice peer) {
  return driverCall(__func__, [&] {
    require(can != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    checkDevice(peer);
    *can = dev != peer ? 1 : 0;  // a device is not its own peer
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetP2PAttribute(int* value, int which, CUdevice from, CUdevice to) {
  return driverCall(__func__, [&] {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(from);
    checkDevice(to);
    require(from != to, CUDA_ERROR_INVALID_DEVICE, "both devices are the same");
    switch (which) {
      case 1: *value = 0; break;  // performance rank: all links are alike
      case 2: *value = 1; break;  // access
      case 3: *value = 1; break;  // atomic operations
      case 4: *value = 0; break;  // CUDA arrays: there are none
      case 5: *value = 0; break;
      default: throw Error(CUDA_ERROR_INVALID_VALUE, "no peer attribute " + std::to_string(which));
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetExecAffinitySupport(int* supported, int, CUdevice dev) {
  return driverCall(__func__, [&] {
    require(supported != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkDevice(dev);
    *supported = 0;
    return CUDA_SUCCESS;
  });
}
