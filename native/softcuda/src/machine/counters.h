// What a launch did, counted per warp instruction. Sums of integers: the same whatever thread ran which block.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "program/program.h"

namespace softcuda::machine {

using namespace program;  // what the machine runs

struct Counters {
  // By instruction of the program (all functions): how often it was issued, and to how many active lanes.
  std::vector<uint64_t> issued, lanes;
  uint64_t blocks = 0, warps = 0, threads = 0;
  uint64_t globalLoadSectors = 0, globalStoreSectors = 0;  // 32 bytes each
  uint64_t globalLoadSectorsLeast = 0,
           globalStoreSectorsLeast = 0;                  // had the same distinct bytes been adjacent and aligned
  uint64_t globalLoadBytes = 0, globalStoreBytes = 0;    // asked for by lanes
  uint64_t blockLoadSectors = 0, blockStoreSectors = 0;  // distinct ones of each block
  uint64_t blockLoadBytes = 0, blockStoreBytes = 0;      // distinct ones of each block
  uint64_t sharedLoadWavefronts = 0, sharedStoreWavefronts = 0;
  uint64_t sharedLoadWavefrontsLeast = 0, sharedStoreWavefrontsLeast = 0;
  uint64_t localSectors = 0;
  uint64_t atomicLanes = 0, atomicSectors = 0, sharedAtomicLanes = 0;
  uint64_t tensorFlop = 0;
  uint64_t barriers = 0;  // completed barriers of blocks
  uint64_t divergentBranches = 0, branches = 0;

  void prepare(uint32_t instructions) {
    issued.assign(instructions, 0);
    lanes.assign(instructions, 0);
  }
  void add(const Counters& other);
};

}  // namespace softcuda::machine
