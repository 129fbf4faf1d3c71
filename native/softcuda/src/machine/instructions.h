// The instructions that have files of their own: what one needs to know, and what executes it for the lanes of `mask`.
#pragma once
#include <cstdint>
#include <string>

#include "machine/worker.h"

namespace softcuda::machine {

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

// loads_and_stores.cpp
template <unsigned M>
void executeLoad(const Context& c, const Access& a, uint32_t mask);
template <unsigned M>
void executeStore(const Context& c, const Access& a, uint32_t mask);
template <unsigned M>
void executeLoadMatrix(const Context& c, const Access& a, uint32_t mask);
template <unsigned M>
void executeWmma(const Context& c, const Access& a, uint32_t mask, bool store);
template <unsigned M>
void executeTouch(const Context& c, const Access& a, uint32_t mask);
// atomics.cpp
template <unsigned M>
void executeAtomic(const Context& c, const Access& a, uint32_t mask);
// async_copy.cpp
template <unsigned M>
void executeCopyAsync(const Context& c, const CopyAsync& copy, uint32_t mask);
void commitCopies(Warp& warp, uint32_t mask);
template <unsigned M>
void waitForCopies(const Context& c, uint32_t mask, uint32_t pendingGroups);
// mbarriers.cpp: returns whether it was a wait that failed
template <unsigned M>
bool executeMbarrier(const Context& c, const Mbarrier& m, uint32_t mask);
// "mbarrier at offset 0, in whose phase 3 of 4 arrivals have come"
std::string describeMbarrier(const Block& block, uint32_t object);
// special_values.cpp
void readSpecial(const Context& c, uint32_t variant, uint8_t* to, uint32_t mask);
// builtins.cpp
void callBuiltin(const Context& c, const CallSite& site, uint32_t mask);
// addresses.cpp
void executeLocalAddress(const Context& c, uint32_t mask);
void executeCvta(const Context& c, uint32_t mask);
void executeIsspacep(const Context& c, uint32_t mask);
void executeStackSave(const Context& c, uint32_t mask);
// `alone`: no other lanes run in the frame.
void executeStackRestore(const Context& c, uint32_t mask, bool alone);
void executeAlloca(const Context& c, uint32_t mask);

}  // namespace softcuda::machine
