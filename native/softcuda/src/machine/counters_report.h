// Counters of a launch as JSON, with what they let one estimate for real GPUs.
#pragma once
#include <string>

#include "machine/counters.h"
#include "machine/machine.h"
#include "machine/worker.h"

namespace softcuda::machine {

// `blocks`: of the whole grid, of which counters.blocks were run.
std::string countersJson(const Counters& counters, const LaunchState& state, const KernelInfo& info, uint64_t blocks);
// To the file that SOFTCUDA_COUNTERS names: an array, valid after every launch. Nothing if it is not set.
void appendToCountersFile(const std::string& json);

}  // namespace softcuda::machine
