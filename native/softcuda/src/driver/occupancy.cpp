// Occupancy by the published limits of an architecture: CUDA C++ Programming Guide, "Compute Capabilities", and the
// occupancy calculator's granularities for compute capability 8.x and 9.0 (registers go to warps in units of 256,
// warps in groups of 4, shared memory in units of 128 bytes with 1 KiB per block for the system).
#include <algorithm>

#include "driver/current_context.h"
#include "driver/device.h"
#include "driver/launch.h"

namespace {

constexpr int kRegisterUnit = 256;
constexpr int kWarpGroup = 4;
constexpr int kSharedUnit = 128;

int roundUp(int value, int unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

namespace softcuda::driver {

int activeBlocks(const Function& function, int blockSize, size_t dynamicSharedBytes) {
  const DeviceProfile& d = device();
  const KernelInfo& kernel = function.info();
  require(blockSize > 0, CUDA_ERROR_INVALID_VALUE, "the block size must be positive");
  if (blockSize > d.maxThreadsPerBlock() || static_cast<uint32_t>(blockSize) > kernel.maxThreads) return 0;
  const size_t wanted = dynamicSharedBytes + kernel.staticSharedBytes;
  if (dynamicSharedBytes > static_cast<size_t>(function.maxDynamicShared) ||
      wanted > static_cast<size_t>(d.sharedPerBlockOptin)) {
    return 0;
  }

  const int warps = (blockSize + 31) / 32;
  int blocks = std::min(d.blocksPerMultiprocessor, d.warpsPerMultiprocessor() / warps);

  const int registersPerWarp = roundUp(static_cast<int>(std::max<uint32_t>(kernel.registers, 1)) * 32, kRegisterUnit);
  // Each of the four partitions of a multiprocessor has a quarter of the registers and takes whole warps.
  const int warpsByRegisters = d.registersPerMultiprocessor() / kWarpGroup / registersPerWarp * kWarpGroup;
  if (roundUp(warps, kWarpGroup) > d.registersPerBlock() / kWarpGroup / registersPerWarp * kWarpGroup) return 0;
  blocks = std::min(blocks, warpsByRegisters / warps);

  const int shared = roundUp(static_cast<int>(wanted) + d.reservedSharedPerBlock(), kSharedUnit);
  return std::min(blocks, d.sharedPerMultiprocessor / shared);
}

}  // namespace softcuda::driver

using namespace softcuda;
using namespace softcuda::driver;

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction f, int blockSize,
                                                              size_t sharedBytes, unsigned int flags) {
  return contextCall(__func__, [&](Context&) {
    require(blocks != nullptr && flags <= 1, CUDA_ERROR_INVALID_VALUE, "null result pointer or unknown flags");
    *blocks = activeBlocks(*findFunction(f), blockSize, sharedBytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction f, int blockSize, size_t sharedBytes) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, f, blockSize, sharedBytes, 0);
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* gridSize, int* blockSize, CUfunction f,
                                                   CUoccupancyB2DSize sharedOf, size_t sharedBytes, int limit,
                                                   unsigned int flags) {
  return contextCall(__func__, [&](Context&) {
    require(gridSize != nullptr && blockSize != nullptr && flags <= 1, CUDA_ERROR_INVALID_VALUE,
            "null result pointer or unknown flags");
    const auto function = findFunction(f);
    const int largest = std::min<int>(device().maxThreadsPerBlock(), static_cast<int>(function->info().maxThreads));
    const int begin = limit > 0 ? std::min(limit, largest) : largest;
    int bestThreads = 0, bestBlock = 0, bestBlocks = 0;
    // From the largest down, so that of two sizes with as many resident threads the larger one is taken.
    for (int size = roundUp(begin, 32); size > 0; size -= 32) {
      const int threads = std::min(size, begin);
      const int blocks = activeBlocks(*function, threads, sharedOf != nullptr ? sharedOf(threads) : sharedBytes);
      if (blocks * threads > bestThreads) {
        bestThreads = blocks * threads;
        bestBlock = threads;
        bestBlocks = blocks;
      }
      if (bestThreads == device().threadsPerMultiprocessor) break;
    }
    *blockSize = bestBlock;
    *gridSize = bestBlocks * device().multiprocessors;
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxPotentialBlockSize(int* gridSize, int* blockSize, CUfunction f, CUoccupancyB2DSize sharedOf,
                                          size_t sharedBytes, int limit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(gridSize, blockSize, f, sharedOf, sharedBytes, limit, 0);
}

CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, CUfunction f, int blocks, int blockSize) {
  return contextCall(__func__, [&](Context&) {
    require(bytes != nullptr && blocks > 0 && blockSize > 0, CUDA_ERROR_INVALID_VALUE,
            "null result pointer or bad counts");
    const auto function = findFunction(f);
    const int fit = activeBlocks(*function, blockSize, 0);
    if (blocks > fit) {
      throw Error(CUDA_ERROR_INVALID_VALUE, std::to_string(blocks) + " blocks of " + std::to_string(blockSize) +
                                                " threads do not fit a multiprocessor, " + std::to_string(fit) +
                                                " do");
    }
    const DeviceProfile& d = device();
    const int each = d.sharedPerMultiprocessor / blocks / kSharedUnit * kSharedUnit - d.reservedSharedPerBlock() -
                     static_cast<int>(function->info().staticSharedBytes);
    *bytes = static_cast<size_t>(
        std::max(0, std::min(each, d.sharedPerBlockOptin - static_cast<int>(function->info().staticSharedBytes))));
    return CUDA_SUCCESS;
  });
}

CUresult cuOccupancyMaxPotentialClusterSize(int*, CUfunction, const CUlaunchConfig*) {
  return contextCall(
      __func__, [](Context&) -> CUresult { throw Error(CUDA_ERROR_NOT_SUPPORTED, "clusters are not supported"); });
}

CUresult cuOccupancyMaxActiveClusters(int*, CUfunction, const CUlaunchConfig*) {
  return contextCall(
      __func__, [](Context&) -> CUresult { throw Error(CUDA_ERROR_NOT_SUPPORTED, "clusters are not supported"); });
}
