#include "machine/block.h"

#include <algorithm>
#include <cstring>

#include "machine/block_traffic.h"
#include "machine/executor.h"
#include "machine/global_races.h"
#include "machine/instructions.h"
#include "machine/paths.h"
#include "machine/race_checker.h"
#include "machine/worker.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

constexpr int kRoundsPerTurn = 16;
constexpr uint32_t kIdleRounds = 64;  // of some thirty looks each: who still only waits, waits for ever

// "12 (file.cu:3)"
std::string lineOf(const Worker& worker, const DecodedFunction& function, uint32_t pc) {
  const std::string source = worker.program.source->describe(function.sources[pc]);
  return std::to_string(function.code[pc].line) + (source.empty() ? "" : " (" + source + ")");
}
std::string lineOf(const Worker& worker, const Path& path) { return lineOf(worker, *path.frame->function, path.pc); }

}  // namespace

Block::Block() = default;
Block::~Block() = default;

void Block::note(const Fault& what) {
  for (const Fault& known : notes) {
    if (known.function == what.function && known.pc == what.pc) return;
  }
  notes.push_back(what);
}

std::string Block::threadName(const Worker& worker, uint32_t linearThread) const {
  const auto& size = worker.launch.launch.block;
  return "(" + std::to_string(linearThread % size[0]) + "," + std::to_string(linearThread / size[0] % size[1]) + "," +
         std::to_string(linearThread / size[0] / size[1]) + ")";
}

void Block::start(Worker& worker, uint64_t linear) {
  const LaunchState& state = worker.launch;
  linearIndex = linear;
  index = {static_cast<uint32_t>(linear % state.launch.grid[0]),
           static_cast<uint32_t>(linear / state.launch.grid[0] % state.launch.grid[1]),
           static_cast<uint32_t>(linear / state.launch.grid[0] / state.launch.grid[1])};
  threads = state.blockThreads;
  exitedThreads = 0;
  mbarrierEvents = 0;
  idleRounds = 0;
  notes.clear();
  barriers = {};
  sharedBytes = state.sharedBytes;
  reservedShared = (sharedBytes + 127) & ~127u;
  const uint32_t everything = reservedShared + (worker.program.usesReservedShared ? kReservedSharedBytes : 0);
  if (sharedStorage.size() < everything + 256u) sharedStorage.resize(everything + 256u);
  const auto address = reinterpret_cast<uintptr_t>(sharedStorage.data());
  shared = sharedStorage.data() + ((128 - (address & 127)) & 127);
  // Nothing may rely on what shared memory holds at the start: NaNs show.
  std::memset(shared, 0xff, sharedBytes);
  if (everything != reservedShared) std::memset(shared + reservedShared, 0, kReservedSharedBytes);
  warps.resize(state.warpsPerBlock);
  order.resize(state.warpsPerBlock);
  for (uint32_t w = 0; w < state.warpsPerBlock; ++w) {
    order[w] = w;
    Warp& warp = warps[w];
    warp.block = this;
    warp.index = w;
    const uint32_t first = w * 32;
    warp.lanes = threads - first >= 32 ? ~0u : (1u << (threads - first)) - 1;
    warp.exited = warp.passedBy = 0;
    warp.onlyWaits = false;
    warp.committed.fill(0);
    warp.copies.clear();
    warp.copySerial = 0;
    warp.arrivals.clear();
    warp.frames = 0;
    warp.paths.clear();
    Path path;
    path.mask = warp.lanes;
    path.frame = warp.kernelFrame = worker.newFrame(warp, 0, nullptr);
    warp.paths.push_back(path);
    worker.counters.warps += 1;
  }
  worker.counters.blocks += 1;
  worker.counters.threads += threads;
  if (state.options.seed != 0) {  // a permutation that depends on the seed and the block only
    uint64_t x = state.options.seed * 0x9e3779b97f4a7c15u + linear * 0xbf58476d1ce4e5b9u + 1;
    for (uint32_t i = state.warpsPerBlock; i > 1; --i) {
      x ^= x >> 12;
      x ^= x << 25;
      x ^= x >> 27;
      std::swap(order[i - 1], order[(x * 0x2545f4914f6cdd1du >> 33) % i]);
    }
  }
  races = state.options.race && sharedBytes != 0 ? std::make_unique<RaceChecker>(state.warpsPerBlock, sharedBytes)
                                                 : nullptr;
  knowledge = state.options.race ? std::make_unique<BlockKnowledge>() : nullptr;
  if (!state.options.counters) traffic = nullptr;
  else if (!traffic) traffic = std::make_unique<BlockTraffic>();
  uninitialisedRead.reset();
  if (state.options.init) sharedWritten.assign(sharedBytes, 0);
}

bool Block::run(Worker& worker) {
  for (int rounds = 0; rounds < kRoundsPerTurn;) {
    bool progressed = false, yielded = false, finished = true, onlyWaits = true;
    const uint64_t events = mbarrierEvents;
    for (uint32_t w : order) {
      Warp& warp = warps[w];
      if (warp.paths.empty()) continue;
      bool ready = false;
      for (const Path& p : warp.paths) ready = ready || p.state == PathState::Ready;
      if (ready) {
        progressed = true;
        const bool outOfTime = runWarp(worker, warp) == WarpState::Yielded;
        yielded = yielded || outOfTime;
        onlyWaits = onlyWaits && outOfTime && warp.onlyWaits;
      }
      finished = finished && warp.paths.empty();
    }
    if (finished) {
      if (uninitialisedRead) throw *uninitialisedRead;
      for (Warp& warp : warps) worker.freeFrame(warp, warp.kernelFrame);
      if (traffic) traffic->addTo(worker.counters);
      return true;
    }
    if (!progressed && !resolveStall(worker)) reportDeadlock(worker);
    idleRounds = progressed && onlyWaits && events == mbarrierEvents ? idleRounds + 1 : 0;
    if (idleRounds == kIdleRounds) reportDeadlock(worker);
    if (yielded) ++rounds;
  }
  return false;
}

bool Block::arriveAtBarrier(Worker& worker, Warp& warp, Path& path, const Instr& instr, uint8_t* const* bases) {
  const Barrier& what = path.frame->function->barriers[instr.extra];
  const Ref* sources = instr.refs + instr.results;
  auto uniform = [&](Ref ref, const char* name) {
    const uint8_t* values = bases[ref & 3] + (ref & ~3u);
    const auto first = static_cast<uint32_t>(__builtin_ctz(path.mask));
    uint32_t value;
    std::memcpy(&value, values + first * 4, 4);
    for (uint32_t lanes = path.mask; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
      if (std::memcmp(values + lane * 4, &value, 4) != 0)
        throw Fault{kLaunchFailed, std::string("threads of a warp give a barrier different ") + name, lane, "", false};
    }
    return value;
  };
  const auto lane = static_cast<uint32_t>(__builtin_ctz(path.mask));
  const uint32_t id = uniform(sources[0], "numbers");
  if (id > 15)
    throw Fault{kIllegalInstruction, "barrier " + std::to_string(id) + " does not exist: there are 16", lane, "",
                false};
  const uint32_t count = what.hasCount ? uniform(sources[1], "numbers of threads") : 0;
  if (what.hasCount && (count == 0 || count % 32 != 0 || count > ((threads + 31) & ~31u)))
    throw Fault{kIllegalInstruction,
                "barrier " + std::to_string(id) + " for " + std::to_string(count) + " threads in a block of " +
                    std::to_string(threads),
                lane, "", false};
  BlockBarrier& b = barriers[id];
  if (!b.inUse) {
    b = BlockBarrier();
    b.inUse = true;
    b.expectedThreads = count;
    b.line = instr.line;
  } else if (b.expectedThreads != count) {
    throw Fault{kLaunchFailed,
                "barrier " + std::to_string(id) + " is used with different numbers of threads (line " +
                    std::to_string(b.line) + " and here)",
                lane, "", false};
  }
  const bool partialWarp = warp.lanes != ~0u && path.mask == warp.alive();
  const uint32_t arriving = count != 0 && partialWarp ? 32 : static_cast<uint32_t>(__builtin_popcount(path.mask));
  b.arrivedThreads += arriving;
  b.arrivedWarps |= uint64_t{1} << warp.index;
  if (instr.results != 0) {
    uint32_t predicate;
    const Ref ref = sources[what.hasCount ? 2 : 1];
    std::memcpy(&predicate, bases[ref & 3] + (ref & ~3u), 4);
    if (what.complement) predicate = ~predicate;
    b.predicateCount += static_cast<uint32_t>(__builtin_popcount(predicate & path.mask));
    b.predicateAnd = b.predicateAnd && (predicate & path.mask) == path.mask;
    b.predicateOr = b.predicateOr || (predicate & path.mask) != 0;
  }
  if (what.op == BarrierOp::Arrive) {
    ++path.pc;
    if (races) {
      for (uint32_t lanes = path.mask; lanes != 0; lanes &= lanes - 1)
        races->publish(warp.index, static_cast<uint32_t>(__builtin_ctz(lanes)), 0x40000000u + id);
    }
  } else {
    path.state = PathState::AtBarrier;
    path.barrier = static_cast<uint8_t>(id);
  }
  completeIfFull(worker, id);
  return true;
}

void Block::completeIfFull(Worker& worker, uint32_t id) {
  BlockBarrier& b = barriers[id];
  if (!b.inUse) return;
  const uint32_t needed = b.expectedThreads != 0 ? b.expectedThreads : threads - exitedThreads;
  if (b.arrivedThreads < needed || b.arrivedThreads == 0) return;
  if (b.arrivedThreads > needed)
    throw Fault{kLaunchFailed,
                "more threads arrive at barrier " + std::to_string(id) + " than the " + std::to_string(needed) +
                    " that it waits for",
                0, "", true};
  completeBarrier(worker, id);
}

void Block::completeBarrier(Worker& worker, uint32_t id) {
  BlockBarrier& b = barriers[id];
  if (uninitialisedRead) throw *uninitialisedRead;  // no race has explained it
  // Threads that have ended count as arrived. But where a warp ended in part, others of it stand at a barrier that all
  // of its threads should meet together.
  for (const Warp& warp : warps) {
    const uint32_t missing = worker.launch.options.strictBarriers ? warp.exited : warp.passedBy;
    if (b.expectedThreads != 0 || missing == 0 || warp.alive() == 0) continue;
    throw Fault{kLaunchFailed,
                "barrier divergence: barrier " + std::to_string(id) + " (line " + std::to_string(b.line) +
                    ") is not reached by all threads of a warp",
                0,
                "  thread " + threadName(worker, warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(missing))) +
                    " has ended without reaching it; " + std::to_string(b.arrivedThreads) + " threads wait there\n",
                true};
  }
  std::vector<uint32_t> participants(warps.size(), 0);
  for (Warp& warp : warps) {
    bool any = false;
    const Path* first = nullptr;
    for (Path& p : warp.paths) {
      if (p.state != PathState::AtBarrier || p.barrier != id) continue;
      const Instr& in = p.frame->function->code[p.pc];
      if (first != nullptr && in.wholeWarp && (first->pc != p.pc || first->frame->function != p.frame->function)) {
        throw Fault{
            kLaunchFailed,
            "barrier divergence: threads of one warp meet barrier " + std::to_string(id) +
                " at different instructions (lines " + lineOf(worker, *first) + " and " + lineOf(worker, p) + ")",
            0,
            "  thread " + threadName(worker, warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(first->mask))) +
                " waits at line " + lineOf(worker, *first) + ", thread " +
                threadName(worker, warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(p.mask))) + " at line " +
                lineOf(worker, p) + "\n",
            true};
      }
      first = &p;
      any = true;
      participants[warp.index] |= p.mask;
    }
    if (!any) continue;
    for (Path& p : warp.paths) {
      if (p.state != PathState::AtBarrier || p.barrier != id) continue;
      const Instr& in = p.frame->function->code[p.pc];
      if (in.results != 0) {
        const Barrier& what = p.frame->function->barriers[in.extra];
        uint8_t* to = p.frame->registers + (in.refs[0] & ~3u);
        if (what.op == BarrierOp::RedPopc) {
          for (uint32_t lanes = p.mask; lanes != 0; lanes &= lanes - 1)
            std::memcpy(to + static_cast<uint32_t>(__builtin_ctz(lanes)) * 4, &b.predicateCount, 4);
        } else {
          uint32_t bits;
          std::memcpy(&bits, to, 4);
          const bool value = what.op == BarrierOp::RedAnd ? b.predicateAnd : b.predicateOr;
          bits = value ? bits | p.mask : bits & ~p.mask;
          std::memcpy(to, &bits, 4);
        }
      }
      p.state = PathState::Ready;
      p.starved = 0;
      ++p.pc;
    }
  }
  b = BlockBarrier();
  ++worker.counters.barriers;
  if (races) {
    for (Warp& warp : warps) {
      for (uint32_t lanes = participants[warp.index]; lanes != 0; lanes &= lanes - 1)
        races->acquire(warp.index, static_cast<uint32_t>(__builtin_ctz(lanes)), 0x40000000u + id);
    }
    races->barrier(participants);
  }
  for (Warp& warp : warps) {
    if (participants[warp.index] != 0) mergePaths(warp);
  }
}

void Block::threadsExit(Worker& worker, Warp& warp, uint32_t lanes, bool directly) {
  exitedThreads += static_cast<uint32_t>(__builtin_popcount(lanes));
  if (!directly) warp.passedBy |= lanes;
  if (exitedThreads == threads) return;
  for (uint32_t id = 0; id < barriers.size(); ++id) {
    if (barriers[id].inUse && barriers[id].expectedThreads == 0) completeIfFull(worker, id);
  }
}

// Whether threads of a warp that stand at the instruction wait for the warp's other threads to come to the same one.
static bool wantsWholeWarp(const Path& path) {
  const Instr& in = path.frame->function->code[path.pc];
  if (path.state == PathState::AtBarrier) return in.wholeWarp;
  return path.state == PathState::AtWarpSync && isConverged(in.kind);
}

// The lanes for which a path waits at a warp instruction with a membermask; 0 if it is at none.
static uint32_t membersAt(const Worker& worker, const Path& path) {
  const Instr& in = path.frame->function->code[path.pc];
  if (path.state != PathState::AtWarpSync || in.kind != Kind::LaneSync) return 0;
  const Ref ref = in.refs[in.results + in.sources - 1u];
  const auto* base =
      (ref & 3) == kInConstants ? static_cast<const uint8_t*>(worker.program.constants.data) : path.frame->registers;
  uint32_t members;
  std::memcpy(&members, base + (ref & ~3u) + static_cast<uint32_t>(__builtin_ctz(path.mask)) * 4, 4);
  return members;
}

// Nothing in the block goes on. Fails if threads of the path's warp have gone round the instruction at which it waits.
void Block::checkLeftAlone(Worker& worker, const Warp& warp, const Path& path) {
  const Instr& in = path.frame->function->code[path.pc];
  const bool whole = wantsWholeWarp(path);
  const uint32_t members = whole ? warp.alive() : membersAt(worker, path);
  for (const Path& p : warp.paths) {
    for (const Join* j = p.join; j != nullptr; j = j->parent) {
      if ((j->arrived & members) == 0) continue;
      const std::string what =
          path.state == PathState::AtBarrier
              ? "barrier divergence: barrier " + std::to_string(path.barrier) + " (line " + lineOf(worker, path) + ")"
              : std::string("warp divergence: ") + (whole ? "an .aligned" : "a .sync") + " instruction (line " +
                    lineOf(worker, path) + ")";
      const uint32_t waiting = warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(path.mask));
      const uint32_t around = warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(j->arrived & members));
      Fault fault{kLaunchFailed, what + " is not reached by all threads of " + (whole ? "a warp" : "its membermask"),
                  static_cast<uint32_t>(__builtin_ctz(path.mask)),
                  "  thread " + threadName(worker, waiting) + " waits at the " +
                      (in.kind == Kind::Barrier ? "barrier" : "instruction") + ", thread " +
                      threadName(worker, around) + " went round it and waits for the others at line " +
                      lineOf(worker, *j->frame->function, j->pc) + "\n",
                  false};
      fault.function = path.frame->function;
      fault.pc = path.pc;
      fault.warp = warp.index;
      throw fault;
    }
  }
}

// No path of the block can go on. Lanes that wait for others at a meeting point may be what these others wait for.
bool Block::resolveStall(Worker& worker) {
  bool any = false;
  for (Warp& warp : warps) {
    const Path* together = nullptr;
    for (const Path& p : warp.paths) {
      if (wantsWholeWarp(p)) together = &p;
      if (p.state == PathState::AtWarpSync && worker.launch.options.strictBarriers) checkLeftAlone(worker, warp, p);
    }
    if (together == nullptr) {
      any = releaseWaiting(warp, false) || any;
      continue;
    }
    if (together->state == PathState::AtWarpSync) checkLeftAlone(worker, warp, *together);
    // Threads that returned early no longer count. Others of the warp must not go round a barrier.
    if (releaseWaiting(warp, true)) any = true;
    else checkLeftAlone(worker, warp, *together);
  }
  return any;
}

std::string Block::describe(const Worker& worker, const Warp& warp, const Path& path) const {
  const auto lane = static_cast<uint32_t>(__builtin_ctz(path.mask));
  std::string text = "  warp " + std::to_string(warp.index) + ": " + std::to_string(__builtin_popcount(path.mask)) +
                     " threads from " + threadName(worker, warp.index * 32 + lane);
  if (path.state == PathState::AtBarrier) {
    const BlockBarrier& b = barriers[path.barrier];
    return text + " wait at line " + lineOf(worker, path) + " for barrier " + std::to_string(path.barrier) +
           ", where " + std::to_string(b.arrivedThreads) + " of " +
           std::to_string(b.expectedThreads != 0 ? b.expectedThreads : threads - exitedThreads) +
           " threads have arrived";
  }
  if (path.state == PathState::AtWarpSync)
    return text + " wait at line " + lineOf(worker, path) + " for other threads of the warp";
  if (path.polledAt == kNone) return text + " run at line " + lineOf(worker, path);
  const DecodedFunction& function = *path.frame->function;
  const Instr& in = function.code[path.polledAt];
  const std::string place = lineOf(worker, function, path.polledAt);
  if (in.kind == Kind::Mbarrier)
    return text + " wait at line " + place + " for the " + describeMbarrier(*this, warp.waitedFor[lane]);
  return text + " spin at line " + place + ": " + worker.program.source->line(in.line);
}

std::string Block::describePaths(const Worker& worker) const {
  std::string text;
  for (const Warp& warp : warps) {
    for (const Path& p : warp.paths) text += describe(worker, warp, p) + "\n";
  }
  return text;
}

void Block::reportDeadlock(Worker& worker) {
  Fault fault{kLaunchTimeout, "deadlock: no thread of the block can go on", 0, describePaths(worker), true};
  for (const Warp& warp : warps) {
    if (warp.paths.empty()) continue;
    const Path& p = warp.paths.front();
    fault.function = p.frame->function;
    fault.pc = p.state == PathState::Ready && p.polledAt != kNone ? p.polledAt : p.pc;
    break;
  }
  throw fault;
}

}  // namespace softcuda::machine
