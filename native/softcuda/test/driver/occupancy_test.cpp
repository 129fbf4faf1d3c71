// Occupancy on the A100 by the published limits: 64 warps, 32 blocks, 65,536 registers given out in units of 256 per
// warp, 164 KiB of shared memory of which each block costs 1 KiB more than it asks for.
#include <algorithm>

#include "fixture.h"

namespace {

int active(CUfunction f, int block, size_t shared) {
  int blocks = -1;
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, block, shared));
  return blocks;
}

// Counted out: add blocks until something runs out. Warps live in four partitions with 16,384 registers each.
int counted(int registers, int block, int shared) {
  const int perWarp = (registers * 32 + 255) / 256 * 256;
  const int warpsPerPartition = 16384 / perWarp;
  const int warps = (block + 31) / 32;
  if ((warps + 3) / 4 > warpsPerPartition) return 0;
  int blocks = 0, usedWarps = 0, usedShared = 0;
  while (blocks < 32 && usedWarps + warps <= std::min(64, 4 * warpsPerPartition) &&
         usedShared + (shared + 1024 + 127) / 128 * 128 <= 164 * 1024) {
    ++blocks;
    usedWarps += warps;
    usedShared += (shared + 1024 + 127) / 128 * 128;
  }
  return blocks;
}

}  // namespace

TEST(activeBlocks) {
  Context context;
  Module module(ptx::poke);
  CUfunction f = module.function("nothing");
  int registers = 0;
  OK(cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 163 * 1024));
  for (int block : {1, 31, 32, 33, 64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024}) {
    for (int shared : {0, 1, 127, 128, 1000, 5000, 16384, 49152, 80000, 81920, 100000, 163 * 1024}) {
      CHECK_EQ(active(f, block, static_cast<size_t>(shared)), counted(registers, block, shared));
    }
  }
  CHECK_EQ(active(f, 1024, 0), 2);  // 2,048 threads
  CHECK_EQ(active(f, 32, 0), 32);   // 32 blocks
  CHECK_EQ(active(f, 32, 163 * 1024), 1);
  CHECK_EQ(active(f, 1025, 0), 0);
  int blocks = 0;
  FAILS(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 0, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuOccupancyMaxActiveBlocksPerMultiprocessor(nullptr, f, 32, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST(withoutTheOptIn) {
  Context context;
  Module module(ptx::poke);
  CUfunction f = module.function("nothing");
  CHECK(active(f, 32, 48 * 1024) > 0);
  CHECK_EQ(active(f, 32, 48 * 1024 + 1), 0);
}

TEST(potentialBlockSize) {
  Context context;
  Module module(ptx::poke), bounded(ptx::bounded);
  int grid = 0, block = 0;
  OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, module.function("nothing"), nullptr, 0, 0));
  CHECK_EQ(block, 1024);
  CHECK_EQ(grid, 2 * 108);
  OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, module.function("nothing"), nullptr, 0, 200));
  CHECK(block <= 200);
  CHECK_EQ(grid % 108, 0);
  OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, bounded.function("bounded"), nullptr, 0, 0));
  CHECK_EQ(block, 128);
  // Shared memory that grows with the block.
  OK(cuOccupancyMaxPotentialBlockSize(
      &grid, &block, module.function("nothing"),
      [](int threads) -> size_t { return static_cast<size_t>(threads) * 64; }, 0, 0));
  CHECK(block > 0 && block * 64 <= 48 * 1024);
}

TEST(availableSharedMemory) {
  Context context;
  Module module(ptx::poke);
  CUfunction f = module.function("nothing");
  size_t bytes = 0;
  OK(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, f, 1, 128));
  CHECK_EQ(bytes, size_t{163 * 1024});
  OK(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, f, 2, 128));
  CHECK_EQ(bytes, size_t{81 * 1024});
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 163 * 1024));
  CHECK_EQ(active(f, 128, bytes), 2);
  CHECK_EQ(active(f, 128, bytes + 1), 1);
  FAILS(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, f, 33, 128), CUDA_ERROR_INVALID_VALUE);
}

MAIN()
