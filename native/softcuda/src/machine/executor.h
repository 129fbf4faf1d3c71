// Runs the decoded instructions of a warp. Compiled once per Mode, so that counting and checking cost nothing when
// they are off.
#pragma once
#include <cstdint>

#include "machine/worker.h"

namespace softcuda::machine {

enum class WarpState : uint8_t { Finished, Waiting, Yielded };

// Executed when all lanes of the warp have come to it: `.aligned`.
inline bool isConverged(Kind kind) {
  return kind == Kind::LaneConverged || kind == Kind::LoadMatrix || kind == Kind::WmmaLoad || kind == Kind::WmmaStore;
}

// Runs the ready paths of the warp until none is ready or the time slice is used up.
WarpState runWarp(Worker& worker, Warp& warp);

}  // namespace softcuda::machine
