#include "driver/device.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "driver/call.h"
#include "driver/report.h"

namespace softcuda::driver {

namespace {

constexpr size_t kGiB = size_t{1} << 30;

constexpr DeviceProfile kProfiles[] = {
    // key, name, cc, SMs, clock, memory clock, bus, memory, L2, persisting, threads, blocks, shared per SM, opt-in,
    // 1:n, copy
    {"a100", "softcuda A100-SXM4-80GB (sm_80)", 8, 0, 108, 1410000, 1593000, 5120, 80 * kGiB, 40 << 20, 30 << 20, 2048,
     32, 164 * 1024, 163 * 1024, 2, 3},
    {"h100", "softcuda H100-SXM5-80GB (sm_90)", 9, 0, 132, 1980000, 2619000, 5120, 80 * kGiB, 50 << 20, 32 << 20, 2048,
     32, 228 * 1024, 227 * 1024, 2, 3},
    {"rtx4090", "softcuda GeForce RTX 4090 (sm_89)", 8, 9, 128, 2520000, 10501000, 384, 24 * kGiB, 72 << 20, 51 << 20,
     1536, 24, 100 * 1024, 99 * 1024, 64, 2},
};

const DeviceProfile& chooseProfile() {
  const char* wanted = std::getenv("SOFTCUDA_DEVICE");
  if (wanted == nullptr || *wanted == '\0') return kProfiles[0];
  for (const DeviceProfile& profile : kProfiles) {
    if (std::strcmp(wanted, profile.key) == 0) return profile;
  }
  report(std::string("softcuda: SOFTCUDA_DEVICE=") + wanted +
         " is not known; use a100, h100 or rtx4090. Going on as a100.");
  return kProfiles[0];
}

int chooseCount() {
  const char* wanted = std::getenv("SOFTCUDA_DEVICES");
  if (wanted == nullptr || *wanted == '\0') return 1;
  char* end = nullptr;
  const long number = std::strtol(wanted, &end, 10);
  if (*end == '\0' && number >= 1 && number <= kMostDevices) return static_cast<int>(number);
  report(std::string("softcuda: SOFTCUDA_DEVICES=") + wanted + " is not a number from 1 to " +
         std::to_string(kMostDevices) + ". Going on with one device.");
  return 1;
}

size_t chooseMemory() {
  struct sysinfo host{};
  size_t bytes = device().memoryBytes;
  if (sysinfo(&host) == 0) bytes = std::min<size_t>(bytes, size_t{host.totalram} * host.mem_unit / 4 * 3);
  const char* wanted = std::getenv("SOFTCUDA_MEMORY");
  if (wanted != nullptr && *wanted != '\0') {
    char* end = nullptr;
    const unsigned long long number = std::strtoull(wanted, &end, 10);
    const char unit = static_cast<char>(*end | 0x20);
    const int shift = *end == '\0' ? 0 : unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : -1;
    if (number == 0 || shift < 0) {
      report(std::string("softcuda: SOFTCUDA_MEMORY=") + wanted +
             " is not a size such as 4G, 512M or 1048576; ignored");
    } else {
      bytes = static_cast<size_t>(number) << shift;
    }
  }
  return bytes & ~size_t{0xffff};
}

}  // namespace

const DeviceProfile& device() {
  static const DeviceProfile& profile = chooseProfile();
  return profile;
}

int deviceCount() {
  static const int count = chooseCount();
  return count;
}

void checkDevice(CUdevice number) {
  if (number >= 0 && number < deviceCount()) return;
  throw Error(CUDA_ERROR_INVALID_DEVICE, "device " + std::to_string(number) + " does not exist: there " +
                                             (deviceCount() == 1 ? "is one, number 0"
                                                                 : "are " + std::to_string(deviceCount()) + ", 0 to " +
                                                                       std::to_string(deviceCount() - 1)));
}

size_t deviceMemory() {
  static const size_t bytes = chooseMemory();
  return bytes;
}

}  // namespace softcuda::driver
