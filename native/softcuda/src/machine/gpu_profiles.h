// The published limits and peaks of the GPUs for which estimates are made, and how many warps of a kernel one of their
// multiprocessors holds. Limits: CUDA C++ Programming Guide, "Compute Capabilities". Peaks: NVIDIA A100 80GB data
// sheet, NVIDIA H100 (SXM) data sheet (dense), NVIDIA Ada GPU Architecture white paper (RTX 4090, dense, fp32
// accumulation).
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
};

inline constexpr GpuProfile kGpuProfiles[] = {
    {"A100-SXM4-80GB",
     108,
     1.41,
     64,
     32,
     65536,
     164 * 1024,
     163 * 1024,
     1024,
     64,
     64,
     32,
     256,
     16,
     16,
     2039,
     312,
     156,
     19.5,
     624},
    {"H100-SXM5-80GB",
     132,
     1.98,
     64,
     32,
     65536,
     228 * 1024,
     227 * 1024,
     1024,
     128,
     64,
     64,
     256,
     16,
     16,
     3350,
     989.4,
     494.7,
     66.9,
     1979},
    {"RTX 4090", 128, 2.52, 48, 24, 65536, 100 * 1024, 99 * 1024, 1024, 128,
     64,         2,   128,  16, 16, 1008,  165.2,      82.6,      0,    660.6},
};

struct Residency {
  uint32_t blocks = 0, warps = 0;
  const char* limit = "";
};
Residency residency(const GpuProfile& gpu, uint32_t threads, uint32_t registers, uint32_t sharedBytes);

}  // namespace softcuda::machine
