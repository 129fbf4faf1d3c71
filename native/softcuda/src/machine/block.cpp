#include "machine/block.h"

#include <algorithm>
#include <cstring>

#include "machine/block_traffic.h"
#include "machine/executor.h"
#include "machine/paths.h"
#include "machine/race_checker.h"
#include "machine/worker.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

constexpr int kRoundsPerTurn = 16;

// "12 (file.cu:3)"
std::string lineOf(const Worker& worker, const DecodedFunction& function, uint32_t pc) {
  const std::string source = worker.program.source->describe(function.sources[pc]);
  return std::to_string(function.code[pc].line) + (source.empty() ? "" : " (" + source + ")");
}
std::string lineOf(const Worker& worker, const Path& path) { return lineOf(worker, *path.frame->function, path.pc); }

}  // namespace

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
  exitedThreads = passedBy = passedByThread = 0;
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
    warp.exited = 0;
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
  if (!state.options.counters) traffic = nullptr;
  else if (!traffic) traffic = std::make_unique<BlockTraffic>();
  uninitialisedRead.reset();
  if (state.options.init) sharedWritten.assign(sharedBytes, 0);
}

bool Block::run(Worker& worker) {
  for (int rounds = 0; rounds < kRoundsPerTurn;) {
    bool progressed = false, yielded = false, finished = true;
    for (uint32_t w : order) {
      Warp& warp = warps[w];
      if (warp.paths.empty()) continue;
      bool ready = false;
      for (const Path& p : warp.paths) ready = ready || p.state == PathState::Ready;
      if (ready) {
        progressed = true;
        if (runWarp(worker, warp) == WarpState::Yielded) yielded = true;
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
  if (b.expectedThreads == 0 && exitedThreads != 0 && (passedBy != 0 || worker.launch.options.strictBarriers)) {
    throw Fault{kLaunchFailed,
                "barrier divergence: barrier " + std::to_string(id) + " (line " + std::to_string(b.line) +
                    ") is not reached by all threads of the block",
                0,
                "  thread " + threadName(worker, passedByThread) + " has ended without reaching it; " +
                    std::to_string(b.arrivedThreads) + " threads wait there\n",
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
  const auto count = static_cast<uint32_t>(__builtin_popcount(lanes));
  exitedThreads += count;
  if (!directly) {
    passedBy += count;
    passedByThread = warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(lanes));
  }
  if (exitedThreads == threads) return;
  for (uint32_t id = 0; id < barriers.size(); ++id) {
    if (barriers[id].inUse && barriers[id].expectedThreads == 0) completeIfFull(worker, id);
  }
}

// No path of the block can go on. Lanes that wait for others at a meeting point may be what these others wait for.
bool Block::resolveStall(Worker& worker) {
  bool any = false;
  for (Warp& warp : warps) {
    const Path* atAligned = nullptr;
    for (const Path& p : warp.paths) {
      if (p.state == PathState::AtBarrier && p.frame->function->code[p.pc].wholeWarp) atAligned = &p;
    }
    if (atAligned == nullptr) {
      any = releaseWaiting(warp, false) || any;
      continue;
    }
    // Threads that returned early no longer count. Others of the warp must not go round a barrier.
    const bool released = releaseWaiting(warp, true);
    any = any || released;
    if (released) continue;
    for (const Path& p : warp.paths) {
      for (const Join* j = p.join; j != nullptr; j = j->parent) {
        if (j->arrived == 0) continue;
        const uint32_t waiting = warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(atAligned->mask));
        const uint32_t around = warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(j->arrived));
        Fault fault{kLaunchFailed,
                    "barrier divergence: barrier " + std::to_string(atAligned->barrier) + " (line " +
                        lineOf(worker, *atAligned) + ") is not reached by all threads of a warp",
                    static_cast<uint32_t>(__builtin_ctz(atAligned->mask)),
                    "  thread " + threadName(worker, waiting) + " waits at the barrier, thread " +
                        threadName(worker, around) + " went round it and waits for the others at line " +
                        lineOf(worker, *j->frame->function, j->pc) + "\n",
                    false};
        fault.function = atAligned->frame->function;
        fault.pc = atAligned->pc;
        fault.warp = warp.index;
        throw fault;
      }
    }
  }
  return any;
}

void Block::reportDeadlock(Worker& worker) {
  Fault fault{kLaunchTimeout, "deadlock: no thread of the block can go on", 0, "", true};
  for (const Warp& warp : warps) {
    for (const Path& p : warp.paths) {
      if (fault.function == nullptr) {
        fault.function = p.frame->function;
        fault.pc = p.pc;
        fault.warp = warp.index;
        fault.lane = static_cast<uint32_t>(__builtin_ctz(p.mask));
      }
      std::string text = "  warp " + std::to_string(warp.index) + ": " + std::to_string(__builtin_popcount(p.mask)) +
                         " threads from " +
                         threadName(worker, warp.index * 32 + static_cast<uint32_t>(__builtin_ctz(p.mask))) +
                         " wait at line " + lineOf(worker, p);
      if (p.state == PathState::AtBarrier) {
        const BlockBarrier& b = barriers[p.barrier];
        text += " for barrier " + std::to_string(p.barrier) + ", where " + std::to_string(b.arrivedThreads) + " of " +
                std::to_string(b.expectedThreads != 0 ? b.expectedThreads : threads - exitedThreads) +
                " threads have arrived";
      } else if (p.state == PathState::AtWarpSync) {
        text += " for other threads of the warp";
      }
      fault.details += text + "\n";
    }
  }
  throw fault;
}

}  // namespace softcuda::machine
