#include "machine/gpu_profiles.h"

#include <algorithm>

namespace softcuda::machine {

// Registers are given out to warps in units of 256, on each quarter of a multiprocessor; shared memory in units of 128
// bytes.
Residency residency(const GpuProfile& gpu, uint32_t threads, uint32_t registers, uint32_t sharedBytes) {
  const uint32_t warps = (threads + 31) / 32;
  if (warps == 0) return {};
  const uint32_t registersPerWarp = (std::max(registers, 1u) * 32 + 255) / 256 * 256;
  const uint32_t warpsByRegisters = gpu.registers / 4 / registersPerWarp * 4;
  const uint32_t sharedPerBlock = (sharedBytes + gpu.reservedSharedPerBlock + 127) / 128 * 128;
  if (sharedBytes > gpu.sharedPerBlock) return {0, 0, "shared memory"};
  struct {
    uint32_t blocks;
    const char* limit;
  } limits[] = {{gpu.blocks, "blocks"},
                {gpu.warps / warps, "warps"},
                {warpsByRegisters / warps, "registers"},
                {gpu.sharedBytes / sharedPerBlock, "shared memory"}};
  Residency r{~0u, 0, ""};
  for (const auto& l : limits) {
    if (l.blocks < r.blocks) {
      r.blocks = l.blocks;
      r.limit = l.limit;
    }
  }
  r.warps = r.blocks * warps;
  return r;
}

}  // namespace softcuda::machine
