// A warp: the register frames of its lanes and the paths on which they run.
//
// Lanes that run together form a path. A branch parts a path; the parts meet again at the branch's immediate
// post-dominator, where a Join collects them. Any path may be scheduled, so a lane that spins on what another lane
// must do does not stop it: see releaseWaiting in paths.h.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "program/program.h"

namespace softcuda::machine {

using namespace program;  // what the machine runs

struct Block;

// Of a mask that is not 0.
inline uint32_t firstLane(uint32_t mask) { return static_cast<uint32_t>(__builtin_ctz(mask)); }

// Of a register: the lanes in which it holds what nobody has written, and where that comes from (Worker::origins).
struct Undefined {
  uint32_t lanes = 0, origin = 0;
};

struct Frame {
  const DecodedFunction* function = nullptr;
  uint32_t functionIndex = 0;
  uint8_t* registers = nullptr;
  uint32_t localBase = 0, localTop = 0;  // of each lane's local memory, in bytes
  Frame* caller = nullptr;
  Undefined* undefined =
      nullptr;  // with the init checker: one for every 4 bytes of registers, used at their beginnings
};

// Where the lanes of `expected` meet: at pc of frame.
struct Join {
  Frame* frame = nullptr;
  uint32_t pc = 0;
  uint32_t expected = 0, arrived = 0;
  uint32_t direct = 0;  // of the arrived: those that a branch brought here
  Join* parent = nullptr;
  Frame* callee = nullptr;  // set if it is the return from a call
  const CallSite* site = nullptr;
};

enum class PathState : uint8_t { Ready, AtBarrier, AtWarpSync };

struct Path {
  uint32_t mask = 0, pc = 0;
  Frame* frame = nullptr;
  Join* join = nullptr;
  PathState state = PathState::Ready;
  uint8_t barrier = 0;
  bool direct = false;        // a branch brought it to pc
  uint16_t starved = 0;       // time slices since it last got on
  uint32_t polledAt = kNone;  // the instruction at which it last looked for what others do, in its last time slice
};

// An asynchronous copy that has been issued and not yet waited for.
struct PendingCopy {
  uint32_t mask;   // lanes whose copy is outstanding
  uint32_t group;  // of each of these lanes: the number of groups it had committed
  uint32_t bytes, pc;
  const DecodedFunction* function;
  std::array<uint32_t, 32> destination;
  std::array<uint64_t, 32> source;
  std::array<uint8_t, 32> sourceBytes;
};

// cp.async.mbarrier.arrive: arrives when the lane's earlier copies are complete.
struct PendingArrival {
  uint32_t mask;
  size_t copies;  // serial number of the first copy that it does not wait for
  std::array<uint32_t, 32> object;
};

struct Warp {
  Block* block = nullptr;
  uint32_t index = 0;
  uint32_t lanes = 0;  // that exist
  uint32_t exited = 0;
  uint32_t passedBy = 0;   // of the exited: those that ended other than by a return straight from a branch
  bool onlyWaits = false;  // in its last time slice it did nothing but look at mbarriers in vain
  std::array<uint32_t, 32> waitedFor{};  // offset of the mbarrier that the lane last looked at in vain
  std::vector<Path> paths;
  std::vector<std::unique_ptr<Join>> joinStorage;
  std::vector<Join*> freeJoins;
  std::array<uint32_t, 32> committed{};  // cp.async groups per lane
  std::vector<PendingCopy> copies;
  size_t copySerial = 0;  // of copies.front()
  std::vector<PendingArrival> arrivals;
  uint8_t* local = nullptr;  // rows of 4 bytes for each of 32 lanes
  size_t localRows = 0;
  std::vector<uint32_t> localUndefined;  // with the init checker, by row: lanes that have not written it
  std::vector<uint8_t> localStorage;
  size_t localShift = 0;  // of `local` within localStorage
  uint32_t frames = 0;
  Frame* kernelFrame = nullptr;

  uint32_t alive() const { return lanes & ~exited; }
  Join* newJoin();
  void freeJoin(Join* join) { freeJoins.push_back(join); }
  void ensureLocal(size_t bytesPerLane);
  void forgetLocal(uint32_t from, uint32_t to);  // nobody has written these bytes
  uint8_t* localAt(uint32_t lane, uint64_t offset) { return local + (offset >> 2) * 128 + lane * 4 + (offset & 3); }
  void readLocal(uint32_t lane, uint64_t offset, void* to, size_t bytes);
  void writeLocal(uint32_t lane, uint64_t offset, const void* from, size_t bytes);
  void copyLocalRows(uint32_t mask, uint32_t to, uint32_t from, uint32_t bytes);
};

}  // namespace softcuda::machine
