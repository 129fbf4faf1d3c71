// Checks of launches.
#pragma once
#include "driver/module.h"

namespace softcuda::driver {

// Throws what the driver gives for a grid or block that the device or the kernel cannot have.
void checkLaunch(const Function& function, const Launch& launch);

// The packed parameter block from an array of pointers or from CU_LAUNCH_PARAM_* extras; throws INVALID_VALUE.
std::vector<uint8_t> packParameters(const KernelInfo& kernel, void** parameters, void** extra);

// A checked launch, ready to be enqueued.
KernelWork makeLaunch(CUfunction function, uint32_t gridX, uint32_t gridY, uint32_t gridZ, uint32_t blockX,
                      uint32_t blockY, uint32_t blockZ, uint32_t sharedBytes, void** parameters, void** extra,
                      bool cooperative = false);

// Resident blocks per multiprocessor by the architecture's published limits; throws INVALID_VALUE for a bad block
// size.
int activeBlocks(const Function& function, int blockSize, size_t dynamicSharedBytes);

}  // namespace softcuda::driver
