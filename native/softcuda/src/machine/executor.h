// Runs the decoded instructions of a warp. Compiled once per Mode, so that counting and checking cost nothing when
// they are off.
#pragma once
#include <cstdint>

#include "machine/worker.h"

namespace softcuda::machine {

enum class WarpState : uint8_t { Finished, Waiting, Yielded };

// Runs the ready paths of the warp until none is ready or the time slice is used up.
WarpState runWarp(Worker& worker, Warp& warp);

}  // namespace softcuda::machine
