#include "machine/executor.h"

#include <algorithm>
#include <cstring>

#include "machine/block_traffic.h"
#include "machine/race_checker.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

constexpr int64_t kSlice = 1 << 14;        // backward branches
constexpr int64_t kPollCost = 1 << 9;       // of an access that may wait for another thread
constexpr int kStarved = 64;               // time slices without getting on; one that was spent on polling is enough

// The ways of a warp's lanes through the code. See warp.h.
template <unsigned M>
class Executor {
 public:
  Executor(Worker& worker, Warp& warp) : worker_(worker), block_(*warp.block), warp_(warp) {}

  WarpState run() {
    worker_.fuel = kSlice;
    worker_.spinning = 0;
    for (;;) {
      size_t next = warp_.paths.size();
      for (size_t i = warp_.paths.size(); i-- > 0;) {
        if (warp_.paths[i].state == PathState::Ready) {
          next = i;
          break;
        }
      }
      if (next == warp_.paths.size()) return warp_.paths.empty() ? WarpState::Finished : WarpState::Waiting;
      if (execute(next)) continue;
      // Out of time: another path gets its turn. A path that never gets on may wait for lanes that wait for it.
      Path spinning = warp_.paths[next];
      spinning.starved = static_cast<uint16_t>(std::min(spinning.starved + (worker_.spinning != 0 ? kStarved : 1), 1000));
      warp_.paths.erase(warp_.paths.begin() + static_cast<std::ptrdiff_t>(next));
      warp_.paths.insert(warp_.paths.begin(), spinning);
      if (spinning.starved >= kStarved) releaseWaiting(warp_, false);
      mergePaths(warp_);
      return WarpState::Yielded;
    }
  }

 private:
  // Runs a path until it ends or waits (true), or is out of time (false). The path's entry is up to date on return.
  bool execute(size_t pathIndex);

  void runOp(const Instr& in, uint32_t mask, uint8_t* const* bases) {
    void* dst[255];
    const void* src[255];
    const Ref* ref = in.refs;
    for (uint32_t i = 0; i < in.results; ++i, ++ref) dst[i] = bases[*ref & 3] + (*ref & ~3u);
    for (uint32_t i = 0; i < in.sources; ++i, ++ref) src[i] = bases[*ref & 3] + (*ref & ~3u);
    uint32_t complemented[8];
    if (in.complement != 0) {
      for (uint32_t i = 0; i < in.sources && i < 8; ++i) {
        if ((in.complement >> i & 1) == 0) continue;
        uint32_t value;
        std::memcpy(&value, src[i], 4);
        complemented[i] = ~value;
        src[i] = &complemented[i];
      }
    }
    in.op(mask, dst, src, in.variant);
  }

  void count(const Frame* frame, uint32_t pc, uint32_t mask) {
    if constexpr ((M & kCounting) != 0) {
      const size_t index = frame->function->profileBase + pc;
      ++worker_.counters.issued[index];
      worker_.counters.lanes[index] += static_cast<uint32_t>(__builtin_popcount(mask));
    } else {
      (void)frame;
      (void)pc;
      (void)mask;
    }
  }

  void setBases(uint8_t** bases, const Frame* frame) const {
    bases[0] = frame->registers;
    bases[1] = static_cast<uint8_t*>(worker_.program.constants.data);
    bases[2] = nullptr;
    bases[3] = nullptr;
  }

  Context context(Frame* frame, uint32_t pc) const {
    Context c{worker_, block_, warp_, frame, &frame->function->code[pc], pc, {}};
    setBases(c.bases, frame);
    return c;
  }

  // Lanes leave the joins in which they were expected, from `join` up to (not including) `end`.
  void removeLanes(Join* join, uint32_t lanes, const Join* end) {
    for (Join* j = join; j != end; j = j->parent) j->expected &= ~lanes;
    while (join != end && join->arrived == join->expected) {
      Join* parent = join->parent;
      const uint32_t arrived = join->arrived;
      Path path;
      path.mask = arrived;
      path.pc = join->pc;
      path.frame = join->frame;
      path.join = parent;
      release(join);
      if (arrived != 0) {
        warp_.paths.push_back(path);
        break;
      }
      join = parent;
    }
  }

  void release(Join* join) {
    if (join->callee != nullptr) worker_.freeFrame(warp_, join->callee);
    warp_.freeJoin(join);
  }

  // Where lanes that do not take part in an instruction on which the others wait go on; where a branch sends them.
  void splitOff(const Path& path, uint32_t lanes, uint32_t pc, bool byBranch = false) {
    if (lanes == 0) return;
    Path rest = path;
    rest.direct = byBranch;
    rest.mask = lanes;
    rest.pc = pc;
    rest.state = PathState::Ready;
    warp_.paths.push_back(rest);
  }

  void exitLanes(Path path, uint32_t lanes, bool directly) {
    warp_.exited |= lanes;
    removeLanes(path.join, lanes, nullptr);
    block_.threadsExit(worker_, warp_, lanes, directly);
    retrySyncs();
  }

  // Instructions that wait for other lanes of the warp. `pathIndex` has just come to one.
  void waitForLanes(size_t pathIndex) {
    warp_.paths[pathIndex].state = PathState::AtWarpSync;
    trySync(warp_.paths[pathIndex].frame, warp_.paths[pathIndex].pc);
  }

  void retrySyncs() {
    // Each place once; trySync changes the paths.
    std::vector<std::pair<Frame*, uint32_t>> places;
    for (const Path& p : warp_.paths) {
      if (p.state != PathState::AtWarpSync) continue;
      const auto place = std::make_pair(p.frame, p.pc);
      if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
    }
    for (const auto& place : places) trySync(place.first, place.second);
  }

  static bool isConverged(Kind kind) { return kind == Kind::LaneConverged || kind == Kind::LoadMatrix || kind == Kind::WmmaLoad || kind == Kind::WmmaStore; }

  void memberMasks(const Path& path, uint32_t* members) const {
    const Instr& in = path.frame->function->code[path.pc];
    uint8_t* bases[4];
    setBases(bases, path.frame);
    for (uint32_t lanes = path.mask; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
      if (isConverged(in.kind)) {
        members[lane] = warp_.alive();
      } else {
        const Ref ref = in.refs[in.results + in.sources - 1u];
        std::memcpy(&members[lane], bases[ref & 3] + (ref & ~3u) + lane * 4, 4);
        if ((members[lane] >> lane & 1) == 0) throw Fault{kIllegalInstruction, "the thread is not in the membermask of the instruction that it executes", lane, "", false};
      }
    }
  }

  void trySync(Frame* frame, uint32_t pc) {
    const Instr& in = frame->function->code[pc];
    const bool barrier = in.kind == Kind::WarpBarrier;
    uint32_t members[32];
    uint32_t waiting = 0;
    for (const Path& p : warp_.paths) {
      if (p.state != PathState::AtWarpSync) continue;
      const bool same = barrier ? p.frame->function->code[p.pc].kind == Kind::WarpBarrier : p.frame == frame && p.pc == pc;
      if (!same) continue;
      memberMasks(p, members);
      waiting |= p.mask;
    }
    uint32_t released = 0;
    for (uint32_t lanes = waiting; lanes != 0;) {
      const uint32_t mask = members[__builtin_ctz(lanes)];
      uint32_t group = 0;
      for (uint32_t l = lanes; l != 0; l &= l - 1) {
        if (members[__builtin_ctz(l)] == mask) group |= l & (0u - l);
      }
      lanes &= ~group;
      if ((mask & warp_.alive() & ~group) != 0) continue;
      if (!barrier) runTogether(frame, pc, group);
      else synchronised(group);
      released |= group;
    }
    if (released == 0) return;
    const size_t count = warp_.paths.size();
    for (size_t i = 0; i < count; ++i) {
      Path& p = warp_.paths[i];
      const uint32_t go = p.mask & released;
      if (p.state != PathState::AtWarpSync || go == 0) continue;
      if (go == p.mask) {
        p.state = PathState::Ready;
        p.starved = 0;
        ++p.pc;
      } else {
        Path part = p;
        p.mask &= ~go;
        part.mask = go;
        part.state = PathState::Ready;
        part.starved = 0;
        ++part.pc;
        warp_.paths.push_back(part);
      }
    }
    mergePaths(warp_);
  }

  void synchronised(uint32_t lanes) {
    if constexpr ((M & kChecking) != 0) {
      if (block_.races) block_.races->warpSync(warp_.index, lanes);
    } else {
      (void)lanes;
    }
  }

  void runTogether(Frame* frame, uint32_t pc, uint32_t mask) {
    Context c = context(frame, pc);
    const Instr& in = *c.instr;
    count(frame, pc, mask);
    const DecodedFunction& f = *frame->function;
    switch (in.kind) {
      case Kind::LaneSync:
        runOp(in, mask, c.bases);
        synchronised(mask);
        break;
      case Kind::LaneConverged:
        requireFullWarp();
        runOp(in, ~0u, c.bases);
        if constexpr ((M & kCounting) != 0) worker_.counters.tensorFlop += in.extra;
        break;
      case Kind::LoadMatrix:
        requireFullWarp();
        executeLoadMatrix<M>(c, f.accesses[in.extra], mask);
        break;
      default:
        requireFullWarp();
        executeWmma<M>(c, f.accesses[in.extra], mask, in.kind == Kind::WmmaStore);
        break;
    }
  }

  void requireFullWarp() const {
    if (warp_.lanes != ~0u) throw Fault{kIllegalInstruction, "a matrix instruction needs all 32 threads of a warp; this warp has " + std::to_string(__builtin_popcount(warp_.lanes)), static_cast<uint32_t>(__builtin_ctz(warp_.lanes)), "", false};
  }

  void enterFunction(Frame* caller, uint32_t pc, uint32_t mask, uint32_t passive, Join* join, uint32_t functionIndex, const CallSite& site, Path& path);
  void copyResults(const Join& join, uint32_t mask);

  Worker& worker_;
  Block& block_;
  Warp& warp_;
};

template <unsigned M>
void Executor<M>::enterFunction(Frame* caller, uint32_t pc, uint32_t mask, uint32_t passive, Join* join, uint32_t functionIndex, const CallSite& site, Path& path) {
  if (warp_.frames > 20000) throw Fault{kHardwareStackError, "stack overflow: calls are nested too deeply", static_cast<uint32_t>(__builtin_ctz(mask)), "", false};
  const DecodedFunction& callee = *worker_.program.functions[functionIndex];
  if (callee.parameters.size() != site.arguments.size() || callee.results.size() != site.results.size())
    throw Fault{kInvalidPc, "indirect call of '" + callee.name + "' with other parameters than it has", static_cast<uint32_t>(__builtin_ctz(mask)), "", false};
  Frame* frame = worker_.newFrame(warp_, functionIndex, caller);
  uint8_t* bases[4];
  setBases(bases, caller);
  for (size_t i = 0; i < site.arguments.size(); ++i) {
    const CallSite::Argument& a = site.arguments[i];
    const Formal& formal = callee.parameters[i];
    if (a.place.size < formal.size) throw Fault{kInvalidPc, "call of '" + callee.name + "' with other parameters than it has", static_cast<uint32_t>(__builtin_ctz(mask)), "", false};
    if (a.inFrame) {
      warp_.copyLocalRows(mask, frame->localBase + formal.offset, caller->localBase + a.place.offset, formal.size);
    } else {
      const uint8_t* value = bases[a.ref & 3] + (a.ref & ~3u);
      const uint32_t slot = a.place.size == 8 ? 8 : 4;
      for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
        warp_.writeLocal(lane, frame->localBase + formal.offset, value + lane * slot, formal.size);
      }
    }
  }
  Join* back = warp_.newJoin();
  back->frame = caller;
  back->pc = pc + 1;
  back->expected = mask | passive;
  back->arrived = passive;
  back->parent = join;
  back->callee = frame;
  back->site = &site;
  path.mask = mask;
  path.pc = 0;
  path.frame = frame;
  path.join = back;
}

template <unsigned M>
void Executor<M>::copyResults(const Join& join, uint32_t mask) {
  const DecodedFunction& callee = *join.callee->function;
  for (size_t i = 0; i < join.site->results.size(); ++i) {
    const CallSite::Argument& a = join.site->results[i];
    const Formal& formal = callee.results[i];
    const uint32_t size = std::min(a.place.size, formal.size);
    if (a.inFrame) {
      warp_.copyLocalRows(mask, join.frame->localBase + a.place.offset, join.callee->localBase + formal.offset, size);
    } else {
      const uint32_t slot = a.place.size == 8 ? 8 : 4;
      for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
        uint64_t value = 0;
        warp_.readLocal(lane, join.callee->localBase + formal.offset, &value, size);
        std::memcpy(join.frame->registers + (a.ref & ~3u) + lane * slot, &value, slot);
      }
    }
  }
}

template <unsigned M>
bool Executor<M>::execute(size_t pathIndex) {
  Path path = warp_.paths[pathIndex];   // the entry in the vector is brought up to date by save()
  auto save = [&] { warp_.paths[pathIndex] = path; };
  bool owned = true;                    // the entry in the vector is still this path's
  auto end = [&] {
    warp_.paths.erase(warp_.paths.begin() + static_cast<std::ptrdiff_t>(pathIndex));
    owned = false;
  };
  uint8_t* bases[4];
  const Instr* code = path.frame->function->code.data();
  setBases(bases, path.frame);
  auto at = [&](Ref ref) { return bases[ref & 3] + (ref & ~3u); };
  uint32_t pc = path.pc;
  uint32_t mask = path.mask;
  int64_t fuel = worker_.fuel;
  bool direct = path.direct;            // a branch brought the path here
  path.direct = false;

  // For instructions in other files.
  auto makeContext = [&] {
    Context c{worker_, block_, warp_, path.frame, code + pc, pc, {bases[0], bases[1], nullptr, nullptr}};
    return c;
  };
  auto leave = [&] {
    path.pc = pc;
    path.mask = mask;
    worker_.fuel = fuel;
    save();
  };

  try {
  for (;;) {
    const Instr& in = code[pc];
    uint32_t m = mask;
    if (in.guardMode != Guard::None) {
      uint32_t guard;
      std::memcpy(&guard, bases[0] + in.guard, 4);
      m &= in.guardMode == Guard::IfTrue ? guard : ~guard;
      // A branch that no lane takes is issued all the same, and so is any instruction that its guard turns off.
      if (m == 0) {
        count(path.frame, pc, 0);
        if ((M & kCounting) != 0 && in.kind == Kind::Branch) ++worker_.counters.branches;
        direct = in.kind == Kind::Branch;
        ++pc;
        continue;
      }
    }
    if ((M & kCounting) != 0 && in.kind != Kind::LaneSync && !isConverged(in.kind) && in.kind != Kind::Reconverge) count(path.frame, pc, m);
    switch (in.kind) {
      case Kind::Lane1: {
        void* dst = at(in.refs[0]);
        const void* src = at(in.refs[1]);
        in.op(m, &dst, &src, in.variant);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Lane2: {
        void* dst = at(in.refs[0]);
        const void* src[2] = {at(in.refs[1]), at(in.refs[2])};
        in.op(m, &dst, src, in.variant);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Lane3: {
        void* dst = at(in.refs[0]);
        const void* src[3] = {at(in.refs[1]), at(in.refs[2]), at(in.refs[3])};
        in.op(m, &dst, src, in.variant);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::LaneMany:
      case Kind::LaneComplement:
        runOp(in, m, bases);
        direct = false;
        ++pc;
        continue;
      case Kind::LaneSync: {
        direct = false;
        const Ref ref = in.refs[in.results + in.sources - 1u];
        const uint8_t* members = at(ref);
        uint32_t first;
        std::memcpy(&first, members + static_cast<uint32_t>(__builtin_ctz(m)) * 4, 4);
        bool same = m == mask;
        if (same && (ref & 3) != kInConstants) {
          for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) same = same && std::memcmp(members + static_cast<uint32_t>(__builtin_ctz(lanes)) * 4, &first, 4) == 0;
        }
        if (same && (first & warp_.alive()) == m) {
          count(path.frame, pc, m);
          runOp(in, m, bases);
          synchronised(m);
          ++pc;
          continue;
        }
        splitOff(path, mask & ~m, pc + 1);
        mask = m;
        leave();
        owned = false;
        waitForLanes(pathIndex);
        return true;
      }
      case Kind::LaneConverged:
        direct = false;
        if (m == warp_.alive() && warp_.lanes == ~0u) {
          count(path.frame, pc, m);
          runOp(in, ~0u, bases);
          if constexpr ((M & kCounting) != 0) worker_.counters.tensorFlop += in.extra;
          ++pc;
          continue;
        }
        splitOff(path, mask & ~m, pc + 1);
        mask = m;
        leave();
        owned = false;
        waitForLanes(pathIndex);
        return true;
      case Kind::LoadMatrix:
      case Kind::WmmaLoad:
      case Kind::WmmaStore:
        direct = false;
        if (m == warp_.alive()) {
          runTogether(path.frame, pc, m);
          ++pc;
          continue;
        }
        splitOff(path, mask & ~m, pc + 1);
        mask = m;
        leave();
        owned = false;
        waitForLanes(pathIndex);
        return true;
      case Kind::Special: {
        Context c = makeContext();
        readSpecial(c, in.variant, at(in.refs[0]), m);
        if ((in.variant & 0xff) >= static_cast<uint32_t>(SpecialRegister::Clock) && (in.variant & 0xff) <= static_cast<uint32_t>(SpecialRegister::GlobalTimerHi)) fuel -= kPollCost;
        direct = false;
        ++pc;
        continue;
      }
      case Kind::LocalAddress: {
        const uint64_t value = path.frame->localBase + in.extra;
        uint8_t* to = at(in.refs[0]);
        for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
          const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
          std::memcpy(to + lane * (in.variant != 0 ? 8 : 4), &value, in.variant != 0 ? 8 : 4);
        }
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Load: {
        const Access& a = path.frame->function->accesses[in.extra];
        Context c = makeContext();
        executeLoad<M>(c, a, m);
        if (a.polls) {
          fuel -= kPollCost;
          worker_.spinning = 1;
        }
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Store: {
        Context c = makeContext();
        executeStore<M>(c, path.frame->function->accesses[in.extra], m);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Atomic: {
        const Access& a = path.frame->function->accesses[in.extra];
        Context c = makeContext();
        executeAtomic<M>(c, a, m);
        if (a.polls) {
          fuel -= kPollCost;
          worker_.spinning = 1;
        }
        direct = false;
        ++pc;
        continue;
      }
      case Kind::CopyAsync: {
        Context c = makeContext();
        executeCopyAsync<M>(c, path.frame->function->copies[in.extra], m);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::CommitGroup:
        commitCopies(warp_, m);
        direct = false;
        ++pc;
        continue;
      case Kind::WaitGroup: {
        Context c = makeContext();
        waitForCopies<M>(c, m, in.extra);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Mbarrier: {
        Context c = makeContext();
        if (executeMbarrier<M>(c, path.frame->function->mbarriers[in.extra], m)) {
          fuel -= kPollCost;
          worker_.spinning = 1;
        }
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Touch: {
        Context c = makeContext();
        executeTouch<M>(c, path.frame->function->accesses[in.extra], m);
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Fence:
        std::atomic_thread_fence(std::memory_order_seq_cst);
        direct = false;
        ++pc;
        continue;
      case Kind::Cvta: {
        const uint64_t window = in.extra == 1 ? kSharedWindow : in.extra == 2 ? kLocalWindow : 0;
        const auto* from = reinterpret_cast<const uint64_t*>(at(in.refs[1]));
        auto* to = reinterpret_cast<uint64_t*>(at(in.refs[0]));
        const uint64_t add = in.variant != 0 ? 0 - window : window;
        if (m == ~0u) {
          for (uint32_t i = 0; i < 32; ++i) to[i] = from[i] + add;
        } else {
          for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) to[__builtin_ctz(lanes)] = from[__builtin_ctz(lanes)] + add;
        }
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Isspacep: {
        const auto* from = reinterpret_cast<const uint64_t*>(at(in.refs[1]));
        auto* to = reinterpret_cast<uint32_t*>(at(in.refs[0]));
        for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
          const uint64_t address = from[__builtin_ctz(lanes)];
          const bool shared = address - kSharedWindow < kSharedWindowSize, local = address - kLocalWindow < kLocalWindowSize;
          const bool parameter = address - kKernelParameterBase < kKernelParameterSize;
          bool yes = false;
          switch (static_cast<Area>(in.extra)) {
            case Area::Shared: yes = shared; break;
            case Area::Local: yes = local; break;
            case Area::KernelParameter: yes = parameter; break;
            case Area::Constant: {
              Allocation found;
              yes = !shared && !local && worker_.memory.find(address, &found) && found.kind == AllocationKind::Constant;
              break;
            }
            default: yes = !shared && !local && !parameter; break;
          }
          const uint32_t bit = lanes & (0u - lanes);
          *to = yes ? *to | bit : *to & ~bit;
        }
        direct = false;
        ++pc;
        continue;
      }
      case Kind::Nothing:
        direct = false;
        ++pc;
        continue;
      case Kind::Reconverge: {
        Join* join = path.join;
        if (join == nullptr || join->pc != pc || join->frame != path.frame || join->callee != nullptr) {
          ++pc;
          continue;
        }
        join->arrived |= mask;
        if (direct) join->direct |= mask;
        if (join->arrived != join->expected) {
          worker_.fuel = fuel;
          end();
          return true;
        }
        mask = join->arrived;
        direct = (join->arrived & ~join->direct) == 0;
        path.join = join->parent;
        path.starved = 0;
        warp_.freeJoin(join);
        continue;   // the next join may lie here too
      }
      case Kind::Branch: {
        if constexpr ((M & kCounting) != 0) ++worker_.counters.branches;
        direct = true;
        if (m == mask) {
          if (in.backward && --fuel < 0) {
            leave();
            path.pc = in.target;
            save();
            return false;
          }
          pc = in.target;
          if (fuel < 0) {
            leave();
            return false;
          }
          continue;
        }
        if constexpr ((M & kCounting) != 0) ++worker_.counters.divergentBranches;
        const uint32_t rest = mask & ~m;
        if (in.backward) --fuel;
        if (in.reconverge == kNone) {
          // They meet at the end of the function only. The lanes that fall through go first.
          splitOff(path, m, in.target, true);
          mask = rest;
          ++pc;
        } else {
          Join* join = path.join;
          if (join == nullptr || join->pc != in.reconverge || join->frame != path.frame || join->callee != nullptr) {
            join = warp_.newJoin();
            join->frame = path.frame;
            join->pc = in.reconverge;
            join->expected = mask;
            join->parent = path.join;
          }
          path.join = join;
          if (in.target == in.reconverge) {
            join->arrived |= m;
            join->direct |= m;
            mask = rest;
            ++pc;
          } else if (pc + 1 == in.reconverge) {
            join->arrived |= rest;
            join->direct |= rest;
            mask = m;
            pc = in.target;
          } else {
            splitOff(path, m, in.target, true);
            mask = rest;
            ++pc;
          }
        }
        if (fuel < 0) {
          leave();
          return false;
        }
        continue;
      }
      case Kind::BranchIndexed: {
        if constexpr ((M & kCounting) != 0) ++worker_.counters.branches;
        direct = true;
        if (in.backward) --fuel;
        const std::vector<uint32_t>& table = path.frame->function->tables[in.extra];
        const auto* index = reinterpret_cast<const uint32_t*>(at(in.refs[0]));
        const uint32_t first = index[__builtin_ctz(m)];
        for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
          const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
          if (index[lane] >= table.size()) throw Fault{kInvalidPc, "brx.idx with index " + std::to_string(index[lane]) + " into a table of " + std::to_string(table.size()), lane, "", false};
        }
        bool uniform = m == mask;
        for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) uniform = uniform && table[index[__builtin_ctz(lanes)]] == table[first];
        if (uniform) {
          pc = table[first];
          if (fuel < 0) {
            leave();
            return false;
          }
          continue;
        }
        if constexpr ((M & kCounting) != 0) ++worker_.counters.divergentBranches;
        if (in.reconverge != kNone) {
          Join* join = path.join;
          if (join == nullptr || join->pc != in.reconverge || join->frame != path.frame || join->callee != nullptr) {
            join = warp_.newJoin();
            join->frame = path.frame;
            join->pc = in.reconverge;
            join->expected = mask;
            join->parent = path.join;
          }
          path.join = join;
        }
        uint32_t left = m;
        const uint32_t rest = mask & ~m;
        if (rest != 0) splitOff(path, rest, pc + 1);
        mask = 0;
        while (left != 0) {
          const uint32_t target = table[index[__builtin_ctz(left)]];
          uint32_t group = 0;
          for (uint32_t lanes = left; lanes != 0; lanes &= lanes - 1) {
            if (table[index[__builtin_ctz(lanes)]] == target) group |= lanes & (0u - lanes);
          }
          left &= ~group;
          if (mask == 0) {
            mask = group;
            pc = target;
          } else {
            splitOff(path, group, target, true);
          }
        }
        continue;
      }
      case Kind::Call: {
        direct = false;
        const CallSite& site = path.frame->function->calls[in.extra];
        if (site.builtin != Builtin::None) {
          Context c = makeContext();
          callBuiltin(c, site, m);
          ++pc;
          continue;
        }
        uint32_t target = site.function;
        uint32_t callers = m;
        if (target == kNone) {
          const auto* pointers = reinterpret_cast<const uint64_t*>(at(site.pointer));
          const uint64_t pointer = pointers[__builtin_ctz(m)];
          for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
            if (pointers[__builtin_ctz(lanes)] != pointer) callers &= ~(lanes & (0u - lanes));
          }
          uint32_t moduleIndex = 0;
          const auto lane = static_cast<uint32_t>(__builtin_ctz(m));
          if (!functionFromAddress(pointer, &moduleIndex) || moduleIndex >= worker_.program.byModuleIndex.size() || worker_.program.byModuleIndex[moduleIndex] == kNone) {
            char text[64];
            std::snprintf(text, sizeof text, "call of address 0x%llx, which is no function", static_cast<unsigned long long>(pointer));
            throw Fault{kInvalidPc, text, lane, "", false};
          }
          target = worker_.program.byModuleIndex[moduleIndex];
        }
        if (callers != m || m != mask) {
          // Lanes that call something else, or nothing, meet these after the call.
          Join* join = warp_.newJoin();
          join->frame = path.frame;
          join->pc = pc + 1;
          join->expected = mask;
          join->arrived = mask & ~m;
          join->parent = path.join;
          join->site = nullptr;
          path.join = join;
          if (callers != m) splitOff(path, m & ~callers, pc);
          // These joins are no Reconverge instructions: Return looks after them.
          Path callee;
          enterFunction(path.frame, pc, callers, 0, join, target, site, callee);
          path = callee;
        } else {
          Path callee;
          enterFunction(path.frame, pc, m, 0, path.join, target, site, callee);
          path = callee;
        }
        path.state = PathState::Ready;
        path.starved = 0;
        code = path.frame->function->code.data();
        setBases(bases, path.frame);
        mask = path.mask;
        pc = 0;
        if (--fuel < 0) {
          leave();
          return false;
        }
        continue;
      }
      case Kind::Return: {
        Join* back = path.join;
        while (back != nullptr && back->callee == nullptr) back = back->parent;
        if (back == nullptr) throw Fault{kLaunchFailed, "return without a call", static_cast<uint32_t>(__builtin_ctz(m)), "", false};
        copyResults(*back, m);
        const uint32_t rest = mask & ~m;
        back->arrived |= m;
        if (rest != 0) {
          removeLanes(path.join, m, back);
          mask = rest;
          ++pc;
          continue;
        }
        Join* innermost = path.join;
        for (Join* j = innermost; j != back; j = j->parent) j->expected &= ~m;
        while (innermost != back && innermost->arrived == innermost->expected) {
          Join* parent = innermost->parent;
          const uint32_t arrived = innermost->arrived;
          Path released;
          released.mask = arrived;
          released.pc = innermost->pc;
          released.frame = innermost->frame;
          released.join = parent;
          release(innermost);
          innermost = parent;
          if (arrived != 0) {
            warp_.paths.push_back(released);
            break;
          }
        }
        if (back->arrived != back->expected) {
          worker_.fuel = fuel;
          end();
          return true;
        }
        mask = back->arrived;
        path.frame = back->frame;
        path.join = back->parent;
        pc = back->pc;
        release(back);
        // The join of a call that not all lanes made.
        while (path.join != nullptr && path.join->callee == nullptr && path.join->frame == path.frame && path.join->pc == pc && path.frame->function->code[pc].kind != Kind::Reconverge && path.frame->function->code[pc - 1].kind == Kind::Call) {
          Join* join = path.join;
          join->arrived |= mask;
          if (join->arrived != join->expected) {
            worker_.fuel = fuel;
            end();
            return true;
          }
          mask = join->arrived;
          path.join = join->parent;
          warp_.freeJoin(join);
        }
        code = path.frame->function->code.data();
        setBases(bases, path.frame);
        continue;
      }
      case Kind::Exit: {
        const uint32_t rest = mask & ~m;
        const bool directly = direct || in.guardMode != Guard::None;
        worker_.fuel = fuel;
        path.mask = rest;
        path.pc = pc + 1;
        if (rest != 0) save();
        else end();
        owned = false;
        exitLanes(path, m, directly);
        return true;
      }
      case Kind::Trap:
        throw Fault{kLaunchFailed, "trap", static_cast<uint32_t>(__builtin_ctz(m)), "", false};
      case Kind::Breakpoint:
        throw Fault{kLaunchFailed, "brkpt without a debugger", static_cast<uint32_t>(__builtin_ctz(m)), "", false};
      case Kind::Barrier: {
        direct = false;
        splitOff(path, mask & ~m, pc + 1);
        mask = m;
        leave();
        owned = false;
        block_.arriveAtBarrier(worker_, warp_, warp_.paths[pathIndex], in, bases);
        return true;
      }
      case Kind::WarpBarrier: {
        direct = false;
        const auto* members = reinterpret_cast<const uint32_t*>(at(in.refs[0]));
        const uint32_t first = members[__builtin_ctz(m)];
        bool same = m == mask;
        for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) same = same && members[__builtin_ctz(lanes)] == first;
        if (same && (first & warp_.alive()) == m) {
          synchronised(m);
          ++pc;
          continue;
        }
        splitOff(path, mask & ~m, pc + 1);
        mask = m;
        leave();
        owned = false;
        waitForLanes(pathIndex);
        return true;
      }
      case Kind::Nanosleep:
        fuel -= kPollCost;
        worker_.spinning = 1;
        direct = false;
        ++pc;
        if (fuel < 0) {
          leave();
          return false;
        }
        continue;
      case Kind::StackSave:
      case Kind::StackRestore:
      case Kind::Alloca: {
        // The stack of a frame is common to its lanes; what a lane allocates is taken from all.
        direct = false;
        Frame& frame = *path.frame;
        const uint32_t width = in.variant != 0 ? 8 : 4;
        uint64_t value = frame.localTop;
        if (in.kind == Kind::Alloca) {
          uint64_t size = 0;
          for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
            uint64_t one = 0;
            std::memcpy(&one, at(in.refs[1]) + static_cast<uint32_t>(__builtin_ctz(lanes)) * width, width);
            size = std::max(size, one);
          }
          value = (value + in.extra - 1) / in.extra * in.extra;
          if (size > (uint64_t{1} << 24)) throw Fault{kHardwareStackError, "stack overflow: alloca of " + std::to_string(size) + " bytes", static_cast<uint32_t>(__builtin_ctz(m)), "", false};
          const uint64_t top = (value + size + 15) & ~uint64_t{15};
          warp_.ensureLocal(top);
          frame.localTop = static_cast<uint32_t>(top);
        } else if (in.kind == Kind::StackRestore) {
          uint64_t wanted = 0;
          std::memcpy(&wanted, at(in.refs[0]) + static_cast<uint32_t>(__builtin_ctz(m)) * width, width);
          bool alone = true;
          for (const Path& other : warp_.paths) alone = alone && (&other == &warp_.paths[pathIndex] || other.frame != &frame);
          if (alone && path.join == nullptr && wanted >= frame.localBase + frame.function->localBytes && wanted <= frame.localTop) frame.localTop = static_cast<uint32_t>(wanted);
          ++pc;
          continue;
        }
        for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
          const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
          std::memcpy(at(in.refs[0]) + lane * width, &value, width);
        }
        ++pc;
        continue;
      }
    }
  }
  } catch (Fault& fault) {
    if (fault.function == nullptr) {
      fault.function = path.frame->function;
      fault.pc = pc;
      fault.warp = warp_.index;
    }
    if (owned) leave();
    throw;
  }
}

}  // namespace

WarpState runWarp(Worker& worker, Warp& warp) {
  const Options& options = worker.launch.options;
  const bool checks = options.race || options.init;
  if (options.counters) return checks ? Executor<kCounting | kChecking>(worker, warp).run() : Executor<kCounting>(worker, warp).run();
  return checks ? Executor<kChecking>(worker, warp).run() : Executor<kPlain>(worker, warp).run();
}

bool releaseWaiting(Warp& warp, bool onlyToEnd) {
  std::vector<Join*> joins;
  for (const Path& p : warp.paths) {
    for (Join* j = p.join; j != nullptr; j = j->parent) {
      if (j->arrived != 0 && std::find(joins.begin(), joins.end(), j) == joins.end()) joins.push_back(j);
    }
  }
  bool any = false;
  for (Join* j : joins) {
    if (onlyToEnd) {   // a branch that leads straight to the end
      const auto& code = j->frame->function->code;
      uint32_t pc = j->pc;
      while (code[pc].kind == Kind::Reconverge) ++pc;
      if (code[pc].kind != Kind::Exit || code[pc].guardMode != Guard::None || (j->arrived & ~j->direct) != 0) continue;
    }
    Path path;
    path.mask = j->arrived;
    path.pc = j->pc;
    path.frame = j->frame;
    path.join = j->parent;
    path.direct = (j->arrived & ~j->direct) == 0;
    j->expected &= ~j->arrived;
    j->arrived = j->direct = 0;
    // Outer joins still expect these lanes.
    warp.paths.push_back(path);
    any = true;
  }
  return any;
}

void mergePaths(Warp& warp) {
  for (size_t i = 0; i < warp.paths.size(); ++i) {
    for (size_t k = i + 1; k < warp.paths.size();) {
      Path& a = warp.paths[i];
      const Path& b = warp.paths[k];
      if (a.state == PathState::Ready && b.state == PathState::Ready && a.frame == b.frame && a.pc == b.pc && a.join == b.join) {
        a.mask |= b.mask;
        warp.paths.erase(warp.paths.begin() + static_cast<std::ptrdiff_t>(k));
      } else {
        ++k;
      }
    }
  }
}

}  // namespace softcuda::machine
