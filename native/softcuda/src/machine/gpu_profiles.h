// The published limits and peaks of the GPUs for which estimates are made, and how many warps of a kernel one of their
// multiprocessors holds. Limits: CUDA C++ Programming Guide, "Compute Capabilities". Peaks: NVIDIA A100 80GB data
// sheet, NVIDIA H100 (SXM), H200 (SXM) and B200 (HGX) data sheets (dense), NVIDIA Ada and RTX Blackwell GPU Architecture
// white papers (RTX 4090, RTX 5090; dense, fp32 accumulation). Second-level caches: sizes from the same sources (H200's
// as its driver reports it); the rate is published for A100 only (white paper: 5,120 bytes per clock). For the others
// the same per clock is assumed, for B200, which has two dies, twice that.
#pragma once
#include <cstdint>

namespace softcuda::machine {

struct GpuProfile {
  const char* name;
  uint32_t multiprocessors;
  double clockGHz;  // boost, of which the peaks are made
  uint32_t warps, blocks, registers, sharedBytes, sharedPerBlock,
      reservedSharedPerBlock;  // per multiprocessor; the last two per block
  uint32_t fp32Lanes, int32Lanes, fp64Lanes, halfLanes, specialLanes,
      conversionLanes;  // results per clock and multiprocessor
  double memoryGBps;
  double tensorHalfTflops, tensorTf32Tflops, tensorFp64Tflops, tensorInt8Tops;
  uint32_t cacheMebibytes, cacheBytesPerClock;  // second level

  double cacheGBps() const { return cacheBytesPerClock * clockGHz; }
};

// clang-format off
inline constexpr GpuProfile kGpuProfiles[] = {
    {"A100-SXM4-80GB", 108, 1.41, 64, 32, 65536, 164 * 1024, 163 * 1024, 1024,
     64, 64, 32, 256, 16, 16, 2039, 312, 156, 19.5, 624, 40, 5120},
    {"H100-SXM5-80GB", 132, 1.98, 64, 32, 65536, 228 * 1024, 227 * 1024, 1024,
     128, 64, 64, 256, 16, 16, 3350, 989.4, 494.7, 66.9, 1979, 50, 5120},
    {"H200-SXM5-141GB", 132, 1.98, 64, 32, 65536, 228 * 1024, 227 * 1024, 1024,
     128, 64, 64, 256, 16, 16, 4800, 989.4, 494.7, 66.9, 1979, 60, 5120},
    {"B200-SXM6-180GB", 148, 1.965, 64, 32, 65536, 228 * 1024, 227 * 1024, 1024,
     128, 64, 64, 256, 16, 16, 8000, 2250, 1125, 40, 4500, 126, 10240},
    {"RTX 4090", 128, 2.52, 48, 24, 65536, 100 * 1024, 99 * 1024, 1024,
     128, 64, 2, 128, 16, 16, 1008, 165.2, 82.6, 0, 660.6, 72, 5120},
    {"RTX 5090", 170, 2.407, 48, 24, 65536, 100 * 1024, 99 * 1024, 1024,
     128, 128, 2, 128, 16, 16, 1792, 209.5, 104.8, 0, 838, 96, 5120},
};
// clang-format on

struct Residency {
  uint32_t blocks = 0, warps = 0;
  const char* limit = "";
};
Residency residency(const GpuProfile& gpu, uint32_t threads, uint32_t registers, uint32_t sharedBytes);

}  // namespace softcuda::machine
