// Calls of functions: which one, its arguments, its results.
#pragma once
#include <cstdint>

#include "machine/worker.h"

namespace softcuda::machine {

// The function that the first of the lanes calls by a pointer; those that call another leave `callers`.
uint32_t calledFunction(const Worker& worker, const uint64_t* pointers, uint32_t* callers);

// Takes the callers, lanes of a path at a call, to the beginning of the function; they meet again after the call.
void enterFunction(Worker& worker, Warp& warp, Path& path, uint32_t callers, uint32_t functionIndex,
                   const CallSite& site);

// From the frame of a function to its caller's; the join is that of the return.
void copyResults(Warp& warp, const Join& join, uint32_t mask);

}  // namespace softcuda::machine
