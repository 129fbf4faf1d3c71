// A thread block: its warps, shared memory and barriers, and who may run.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "machine/fault.h"
#include "machine/warp.h"

namespace softcuda::machine {

struct Worker;
class BlockTraffic;
class RaceChecker;
struct BlockKnowledge;

struct BlockBarrier {
  uint32_t arrivedThreads = 0;
  uint32_t expectedThreads = 0;  // 0: all threads of the block
  bool inUse = false;
  bool predicateAnd = true, predicateOr = false;
  uint32_t predicateCount = 0;
  uint32_t line = 0;          // of the first arrival
  uint64_t arrivedWarps = 0;  // bit per warp
};

struct Block {
  std::array<uint32_t, 3> index{};
  uint64_t linearIndex = 0;
  uint64_t position = 0;  // in the order in which blocks begin
  std::vector<Warp> warps;
  std::vector<uint32_t> order;  // in which warps get their turn
  uint8_t* shared = nullptr;
  std::vector<uint8_t> sharedStorage;
  uint32_t sharedBytes = 0;
  std::array<BlockBarrier, 16> barriers{};
  uint32_t threads = 0, exitedThreads = 0;
  uint64_t mbarrierEvents = 0;  // whatever may let a thread go on that waits for an mbarrier
  uint32_t idleRounds = 0;      // rounds of turns in which all threads did nothing but wait
  uint32_t barrierEpoch = 0;
  std::unique_ptr<RaceChecker> races;
  std::unique_ptr<BlockKnowledge> knowledge;  // of other blocks, for races on global memory
  std::unique_ptr<BlockTraffic> traffic;
  std::vector<uint8_t> sharedWritten;  // init checker: one byte per byte
  std::unique_ptr<Fault>
      uninitialisedRead;        // reported when the next barrier, or the end, comes without a race that explains it
  uint32_t reservedShared = 0;  // offset of what the system has, for %reserved_smem_offset
  std::vector<Fault> notes;     // what is worth a word and no error

  Block();
  ~Block();
  void start(Worker& worker, uint64_t linear);
  // Runs until the block ends (true) or all its warps have used up their time (false).
  bool run(Worker& worker);

  // Of the same place one is kept.
  void note(const Fault& what);

  // Called by the executor.
  bool arriveAtBarrier(Worker& worker, Warp& warp, Path& path, const Instr& instr, uint8_t* const* bases);
  void threadsExit(Worker& worker, Warp& warp, uint32_t lanes, bool directly);
  std::string threadName(const Worker& worker, uint32_t linearThread) const;
  // Who waits where for what, a line for each path.
  std::string describePaths(const Worker& worker) const;

 private:
  void completeIfFull(Worker& worker, uint32_t id);
  void completeBarrier(Worker& worker, uint32_t id);
  bool resolveStall(Worker& worker);
  void checkLeftAlone(Worker& worker, const Warp& warp, const Path& path);
  std::string describe(const Worker& worker, const Warp& warp, const Path& path) const;
  [[noreturn]] void reportDeadlock(Worker& worker);
};

}  // namespace softcuda::machine
