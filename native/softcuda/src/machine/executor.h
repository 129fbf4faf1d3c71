// Runs the decoded instructions of a warp. Compiled once per Mode, so that counting and checking cost nothing when they are off.
#pragma once
#include <cstdint>

#include "machine/worker.h"

namespace softcuda::machine {

enum class WarpState : uint8_t { Finished, Waiting, Yielded };

// Runs the ready paths of the warp until none is ready or the time slice is used up.
WarpState runWarp(Worker& worker, Warp& warp);

// Of a warp that cannot go on: lets lanes that wait for others at a meeting point go on without them. Returns whether there were any.
bool releaseWaiting(Warp& warp, bool onlyToEnd);

// Paths that stand at the same place become one.
void mergePaths(Warp& warp);

// What one memory instruction needs to know.
struct Context {
  Worker& worker;
  Block& block;
  Warp& warp;
  Frame* frame;
  const Instr* instr;
  uint32_t pc;
  uint8_t* bases[4];
  uint8_t* at(Ref ref) const { return bases[ref & 3] + (ref & ~3u); }
};

// memory_access.cpp
template <unsigned M> void executeLoad(Context& c, const Access& a, uint32_t mask);
template <unsigned M> void executeStore(Context& c, const Access& a, uint32_t mask);
template <unsigned M> void executeLoadMatrix(Context& c, const Access& a, uint32_t mask);
template <unsigned M> void executeWmma(Context& c, const Access& a, uint32_t mask, bool store);
template <unsigned M> void executeTouch(Context& c, const Access& a, uint32_t mask);
// atomics.cpp
template <unsigned M> void executeAtomic(Context& c, const Access& a, uint32_t mask);
// async_copy.cpp
template <unsigned M> void executeCopyAsync(Context& c, const CopyAsync& copy, uint32_t mask);
void commitCopies(Warp& warp, uint32_t mask);
template <unsigned M> void waitForCopies(Context& c, uint32_t mask, uint32_t pendingGroups);
// mbarriers.cpp: returns whether it was a wait that failed
template <unsigned M> bool executeMbarrier(Context& c, const Mbarrier& m, uint32_t mask);
// special_values.cpp
void readSpecial(Context& c, uint32_t variant, uint8_t* to, uint32_t mask);
// builtins.cpp
void callBuiltin(Context& c, const CallSite& site, uint32_t mask);

}  // namespace softcuda::machine
