#include "machine/executor.h"

#include <algorithm>
#include <cstring>

#include "machine/calls.h"
#include "machine/definedness.h"
#include "machine/global_races.h"
#include "machine/instructions.h"
#include "machine/paths.h"
#include "machine/race_checker.h"

namespace softcuda::machine {
namespace {

constexpr int64_t kSlice = 1 << 14;    // backward branches
constexpr int64_t kPollCost = 1 << 9;  // of an access that may wait for another thread
constexpr int kStarved = 64;           // time slices without getting on; one that was spent on polling is enough

bool readsClock(const Instr& special) {
  const auto which = static_cast<SpecialRegister>(special.variant & 0xff);
  return which >= SpecialRegister::Clock && which <= SpecialRegister::GlobalTimerHi;
}

// Most comparisons come here: a call more would show.
[[gnu::always_inline]] inline void runOp(const Instr& in, uint32_t mask, uint8_t* const* bases) {
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

// How a path goes on: with the next instruction; where path_ says; not at all, for it has ended or waits; after other
// paths.
enum class Step : uint8_t { Next, Elsewhere, Stopped, OutOfTime };

// The ways of a warp's lanes through the code. See warp.h.
template <unsigned M>
class Executor {
 public:
  Executor(Worker& worker, Warp& warp) : worker_(worker), block_(*warp.block), warp_(warp) {}
  WarpState run();

 private:
  static constexpr bool kCounts = (M & kCounting) != 0, kChecks = (M & kChecking) != 0;

  // Runs a path until it stops (true), or is out of time (false).
  bool execute(size_t index);

  // ---- the path that runs
  void take(size_t index);
  uint32_t guardOf(const Instr& in) const;
  void skip(const Instr& in, uint32_t pc);
  void place(uint32_t pc, uint32_t mask);
  void enterFrame();
  void save();
  void end();
  Step goOnInTime();
  void park(uint32_t lanes);
  const Access& accessed(const Instr& in);
  void poll();
  void waitInVain();
  void idle(int64_t cost);
  void blame(Fault& fault, uint32_t pc, uint32_t mask);

  // ---- instructions after which the path may be elsewhere, or no more
  Step reconverge();
  Step passOver();
  bool arriveAt(Join* join);
  Step branch(const Instr& in, uint32_t m);
  Step branchIndexed(const Instr& in, uint32_t m);
  void spread(const std::vector<uint32_t>& table, const uint32_t* index, uint32_t lanes);
  Step call(const Instr& in, uint32_t m);
  Step returnFromFunction(uint32_t m);
  bool standsBehindCall() const;
  Step exit(const Instr& in, uint32_t m);
  Step barrier(const Instr& in, uint32_t m);
  Step sleep();

  // ---- instructions that wait for other lanes of the warp
  bool allAreHere(const Instr& in, uint32_t m) const;
  Step waitForLanes(uint32_t lanes);
  uint32_t waitingLanes(Frame* frame, uint32_t pc, uint32_t* members) const;
  void memberMasks(const Path& path, uint32_t* members) const;
  void trySync(Frame* frame, uint32_t pc);
  void retrySyncs();
  void goOn(uint32_t lanes);
  void runTogether(Frame* frame, uint32_t pc, uint32_t mask);
  void requireFullWarp() const;
  void synchronised(uint32_t lanes);

  // ---- tools
  void count(const Frame* frame, uint32_t pc, uint32_t mask);
  const DecodedFunction& function() const { return *path_.frame->function; }
  bool cameByBranch() const { return path_.pc == branchedTo_; }
  uint8_t* at(Ref ref) const { return bases_[ref & 3] + (ref & ~3u); }
  void setBases(uint8_t** bases, const Frame* frame) const;
  Context context(const Instr& in) const { return contextAt(in, path_.pc); }
  Context contextAt(const Instr& in, uint32_t pc) const;
  bool isAlone() const;

  Worker& worker_;
  Block& block_;
  Warp& warp_;
  int64_t fuel_ = kSlice;
  bool polled_ = false, looked_ = false;  // at what others do; at memory
  int64_t idle_ = 0;                      // of the fuel: spent on waiting

  Path path_;                    // a copy; save() brings the warp's up to date
  size_t index_ = 0;             // in the warp's paths
  bool owned_ = false;           // the warp's is still this one
  uint32_t branchedTo_ = kNone;  // where the last branch led: lanes that exit there have been sent straight to the end
  const Instr* code_ = nullptr;  // of path_.frame, as are the bases
  uint8_t* bases_[4] = {};
};

template <unsigned M>
WarpState Executor<M>::run() {
  for (;;) {
    size_t next = warp_.paths.size();
    while (next > 0 && warp_.paths[next - 1].state != PathState::Ready) --next;
    if (next == 0) return warp_.paths.empty() ? WarpState::Finished : WarpState::Waiting;
    if (execute(next - 1)) continue;
    // Out of time: another path gets its turn. A path that never gets on may wait for lanes that wait for it.
    const auto place = warp_.paths.begin() + static_cast<std::ptrdiff_t>(next - 1);
    Path spinning = *place;
    spinning.starved = static_cast<uint16_t>(std::min(spinning.starved + (polled_ ? kStarved : 1), 1000));
    warp_.paths.erase(place);
    warp_.paths.insert(warp_.paths.begin(), spinning);
    if (spinning.starved >= kStarved) releaseWaiting(warp_, false);
    mergePaths(warp_);
    const bool forMbarrier = spinning.polledAt != kNone && !looked_;
    warp_.onlyWaits = forMbarrier && idle_ >= kSlice / 4 * 3;
    return WarpState::Yielded;
  }
}

// The place and the lanes are in local variables, too, as long as ordinary instructions follow one another: path_ lies
// in memory.
template <unsigned M>
bool Executor<M>::execute(size_t index) {
  take(index);
  const Instr* code = code_;
  uint32_t pc = path_.pc, mask = path_.mask;
  try {
    for (;;) {
      const Instr& in = code[pc];
      uint32_t m = mask;
      if (in.guardMode != Guard::None) {
        if (kChecks && tracksValues(*path_.frame)) trackGuard(contextAt(in, pc), mask);
        m &= guardOf(in);
        if (m == 0) {
          skip(in, pc++);
          continue;
        }
      }
      if (kCounts && in.kind != Kind::LaneSync && !isConverged(in.kind) && in.kind != Kind::Reconverge) {
        count(path_.frame, pc, m);
      }
      place(pc, mask);
      Step step = Step::Next;
      if (kChecks && tracksValues(*path_.frame)) trackInstruction(context(in), m);
      switch (in.kind) {
        case Kind::Lane1: {
          void* dst = at(in.refs[0]);
          const void* src = at(in.refs[1]);
          in.op(m, &dst, &src, in.variant);
          break;
        }
        case Kind::Lane2: {
          void* dst = at(in.refs[0]);
          const void* src[2] = {at(in.refs[1]), at(in.refs[2])};
          in.op(m, &dst, src, in.variant);
          break;
        }
        case Kind::Lane3: {
          void* dst = at(in.refs[0]);
          const void* src[3] = {at(in.refs[1]), at(in.refs[2]), at(in.refs[3])};
          in.op(m, &dst, src, in.variant);
          break;
        }
        case Kind::LaneMany:
        case Kind::LaneComplement: runOp(in, m, bases_); break;
        case Kind::LaneSync:
        case Kind::LaneConverged:
        case Kind::LoadMatrix:
        case Kind::WmmaLoad:
        case Kind::WmmaStore:
        case Kind::WarpBarrier:
          if (allAreHere(in, m)) runTogether(path_.frame, pc, m);
          else step = waitForLanes(m);
          break;
        case Kind::Special:
          readSpecial(context(in), in.variant, at(in.refs[0]), m);
          if (readsClock(in)) idle(kPollCost);
          break;
        case Kind::Load: executeLoad<M>(context(in), accessed(in), m); break;
        case Kind::Store: executeStore<M>(context(in), function().accesses[in.extra], m); break;
        case Kind::Atomic: executeAtomic<M>(context(in), accessed(in), m); break;
        case Kind::CopyAsync: executeCopyAsync<M>(context(in), function().copies[in.extra], m); break;
        case Kind::CommitGroup: commitCopies(warp_, m); break;
        case Kind::WaitGroup: waitForCopies<M>(context(in), m, in.extra); break;
        case Kind::Mbarrier:
          if (executeMbarrier<M>(context(in), function().mbarriers[in.extra], m)) waitInVain();
          break;
        case Kind::Touch: executeTouch<M>(context(in), function().accesses[in.extra], m); break;
        case Kind::Fence:
          std::atomic_thread_fence(std::memory_order_seq_cst);
          if (kChecks && in.variant == 0) fenceGlobal(context(in));
          break;
        case Kind::LocalAddress: executeLocalAddress(context(in), m); break;
        case Kind::Cvta: executeCvta(context(in), m); break;
        case Kind::Isspacep: executeIsspacep(context(in), m); break;
        case Kind::StackSave: executeStackSave(context(in), m); break;
        case Kind::StackRestore: executeStackRestore(context(in), m, isAlone()); break;
        case Kind::Alloca: executeAlloca(context(in), m); break;
        case Kind::Nothing: break;
        case Kind::Branch:
          if (kCounts) ++worker_.counters.branches;
          if (in.backward) --fuel_;
          if (m == mask && fuel_ >= 0) {
            pc = branchedTo_ = in.target;
            continue;
          }
          step = branch(in, m);
          break;
        case Kind::Reconverge: step = reconverge(); break;
        case Kind::BranchIndexed: step = branchIndexed(in, m); break;
        case Kind::Call: step = call(in, m); break;
        case Kind::Return: step = returnFromFunction(m); break;
        case Kind::Exit: step = exit(in, m); break;
        case Kind::Barrier: step = barrier(in, m); break;
        case Kind::Nanosleep: step = sleep(); break;
        case Kind::Trap: throw Fault{kLaunchFailed, "trap", firstLane(m), "", false};
        case Kind::Breakpoint: throw Fault{kLaunchFailed, "brkpt without a debugger", firstLane(m), "", false};
      }
      if (step == Step::Next) {
        ++pc;
        continue;
      }
      if (step != Step::Elsewhere) return step == Step::Stopped;
      code = code_;
      pc = path_.pc;
      mask = path_.mask;
    }
  } catch (Fault& fault) {
    blame(fault, pc, mask);
    throw;
  }
}

// ---- the path that runs

template <unsigned M>
void Executor<M>::take(size_t index) {
  index_ = index;
  owned_ = true;
  path_ = warp_.paths[index];
  branchedTo_ = path_.direct ? path_.pc : kNone;
  path_.direct = false;  // kept in branchedTo_ while it runs
  path_.polledAt = kNone;
  enterFrame();
}

template <unsigned M>
uint32_t Executor<M>::guardOf(const Instr& in) const {
  uint32_t guard;
  std::memcpy(&guard, bases_[0] + in.guard, 4);
  return in.guardMode == Guard::IfTrue ? guard : ~guard;
}

// A branch that no lane takes is issued all the same, and so is any instruction that its guard turns off.
template <unsigned M>
void Executor<M>::skip(const Instr& in, uint32_t pc) {
  count(path_.frame, pc, 0);
  if (in.kind != Kind::Branch) return;
  if (kCounts) ++worker_.counters.branches;
  branchedTo_ = pc + 1;
}

template <unsigned M>
void Executor<M>::place(uint32_t pc, uint32_t mask) {
  path_.pc = pc;
  path_.mask = mask;
}

template <unsigned M>
void Executor<M>::enterFrame() {
  code_ = function().code.data();
  setBases(bases_, path_.frame);
}

template <unsigned M>
void Executor<M>::save() {
  warp_.paths[index_] = path_;
}

template <unsigned M>
void Executor<M>::end() {
  warp_.paths.erase(warp_.paths.begin() + static_cast<std::ptrdiff_t>(index_));
  owned_ = false;
}

template <unsigned M>
Step Executor<M>::goOnInTime() {
  if (fuel_ >= 0) return Step::Elsewhere;
  save();
  return Step::OutOfTime;
}

// The lanes stay at this instruction; those that do not take part in it go on.
template <unsigned M>
void Executor<M>::park(uint32_t lanes) {
  splitOff(warp_, path_, path_.mask & ~lanes, path_.pc + 1);
  path_.mask = lanes;
  save();
  owned_ = false;
}

// By a load or an atomic.
template <unsigned M>
const Access& Executor<M>::accessed(const Instr& in) {
  const Access& access = function().accesses[in.extra];
  if (access.polls) poll();
  return access;
}

template <unsigned M>
void Executor<M>::poll() {
  fuel_ -= kPollCost;
  polled_ = looked_ = true;
  path_.polledAt = path_.pc;
}

// For an mbarrier's phase.
template <unsigned M>
void Executor<M>::waitInVain() {
  path_.polledAt = path_.pc;
  polled_ = true;
  idle(kPollCost);
}

template <unsigned M>
void Executor<M>::idle(int64_t cost) {
  fuel_ -= cost;
  idle_ += cost;
}

template <unsigned M>
void Executor<M>::blame(Fault& fault, uint32_t pc, uint32_t mask) {
  if (fault.function == nullptr) {
    fault.function = path_.frame->function;
    fault.pc = pc;
    fault.warp = warp_.index;
  }
  if (!owned_) return;
  place(pc, mask);
  save();
}

// ---- instructions after which the path may be elsewhere, or no more

template <unsigned M>
Step Executor<M>::reconverge() {
  if (!meetsAt(path_, path_.pc)) return passOver();
  Join* join = path_.join;
  if (cameByBranch()) join->direct |= path_.mask;
  const uint32_t allDirect = join->direct;
  if (!arriveAt(join)) return Step::Stopped;
  branchedTo_ = (path_.mask & ~allDirect) == 0 ? path_.pc : kNone;
  path_.starved = 0;
  return Step::Elsewhere;  // the next join may lie here too
}

// The instruction is as if it were not there: who came to it by a branch came to the next by a branch.
template <unsigned M>
Step Executor<M>::passOver() {
  if (cameByBranch()) ++branchedTo_;
  ++path_.pc;
  return Step::Elsewhere;
}

// The path waits for the others, or is the last and goes on with them.
template <unsigned M>
bool Executor<M>::arriveAt(Join* join) {
  join->arrived |= path_.mask;
  if (join->arrived != join->expected) {
    end();
    return false;
  }
  path_.mask = join->arrived;
  path_.join = join->parent;
  warp_.freeJoin(join);
  return true;
}

template <unsigned M>
Step Executor<M>::branch(const Instr& in, uint32_t m) {
  if (m == path_.mask) {
    path_.pc = branchedTo_ = in.target;
    return goOnInTime();
  }
  if constexpr (kCounts) ++worker_.counters.divergentBranches;
  const uint32_t rest = path_.mask & ~m;
  // Without a meeting point they meet at the end of the function only.
  if (in.reconverge != kNone) path_.join = joinAt(warp_, path_, in.reconverge);
  if (in.target == in.reconverge) {
    path_.join->arrived |= m;
    path_.join->direct |= m;
  } else if (path_.pc + 1 == in.reconverge) {
    path_.join->arrived |= rest;
    path_.join->direct |= rest;
    path_.mask = m;
    path_.pc = branchedTo_ = in.target;
    return goOnInTime();
  } else {
    splitOff(warp_, path_, m, in.target, true);
  }
  // The lanes that fall through go first.
  path_.mask = rest;
  branchedTo_ = ++path_.pc;
  return goOnInTime();
}

template <unsigned M>
Step Executor<M>::branchIndexed(const Instr& in, uint32_t m) {
  if constexpr (kCounts) ++worker_.counters.branches;
  if (in.backward) --fuel_;
  const std::vector<uint32_t>& table = path_.frame->function->tables[in.extra];
  const auto* index = reinterpret_cast<const uint32_t*>(at(in.refs[0]));
  for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
    const uint32_t lane = firstLane(lanes);
    if (index[lane] < table.size()) continue;
    throw Fault{
        kInvalidPc,
        "brx.idx with index " + std::to_string(index[lane]) + " into a table of " + std::to_string(table.size()), lane,
        "", false};
  }
  const uint32_t target = table[index[firstLane(m)]];
  bool uniform = m == path_.mask;
  for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1)
    uniform = uniform && table[index[firstLane(lanes)]] == target;
  if (uniform) {
    path_.pc = branchedTo_ = target;
    return goOnInTime();
  }
  if constexpr (kCounts) ++worker_.counters.divergentBranches;
  if (in.reconverge != kNone) path_.join = joinAt(warp_, path_, in.reconverge);
  splitOff(warp_, path_, path_.mask & ~m, path_.pc + 1);
  spread(table, index, m);
  return Step::Elsewhere;
}

// The lanes go where the table says: those of the first as this path, others as paths of their own.
template <unsigned M>
void Executor<M>::spread(const std::vector<uint32_t>& table, const uint32_t* index, uint32_t lanes) {
  path_.mask = 0;
  while (lanes != 0) {
    const uint32_t target = table[index[firstLane(lanes)]];
    uint32_t group = 0;
    for (uint32_t l = lanes; l != 0; l &= l - 1) {
      if (table[index[firstLane(l)]] == target) group |= l & (0u - l);
    }
    lanes &= ~group;
    if (path_.mask == 0) {
      path_.mask = group;
      path_.pc = branchedTo_ = target;
    } else {
      splitOff(warp_, path_, group, target, true);
    }
  }
}

template <unsigned M>
Step Executor<M>::call(const Instr& in, uint32_t m) {
  const CallSite& site = path_.frame->function->calls[in.extra];
  if (site.builtin != Builtin::None) {
    callBuiltin(context(in), site, m);
    ++path_.pc;
    return Step::Elsewhere;
  }
  uint32_t callers = m, target = site.function;
  if (target == kNone) target = calledFunction(worker_, reinterpret_cast<const uint64_t*>(at(site.pointer)), &callers);
  if (callers != path_.mask) {
    // Lanes that call something else, or nothing, meet these after the call: in a join that returnFromFunction looks
    // after.
    Join* join = warp_.newJoin();
    join->frame = path_.frame;
    join->pc = path_.pc + 1;
    join->expected = path_.mask;
    join->arrived = path_.mask & ~m;
    join->parent = path_.join;
    path_.join = join;
    splitOff(warp_, path_, m & ~callers, path_.pc);
  }
  enterFunction(worker_, warp_, path_, callers, target, site);
  branchedTo_ = kNone;
  enterFrame();
  --fuel_;
  return goOnInTime();
}

template <unsigned M>
Step Executor<M>::returnFromFunction(uint32_t m) {
  Join* back = path_.join;
  while (back != nullptr && back->callee == nullptr) back = back->parent;
  if (back == nullptr) throw Fault{kLaunchFailed, "return without a call", firstLane(m), "", false};
  copyResults(warp_, *back, m);
  back->arrived |= m;
  if (path_.join != back) leaveJoins(worker_, warp_, path_.join, m, back);
  if (m != path_.mask) {
    path_.mask &= ~m;
    return passOver();
  }
  if (back->arrived != back->expected) {
    end();
    return Step::Stopped;
  }
  const bool direct = cameByBranch();
  path_.mask = back->arrived;
  path_.frame = back->frame;
  path_.join = back->parent;
  path_.pc = back->pc;
  releaseJoin(worker_, warp_, back);
  while (standsBehindCall()) {
    if (!arriveAt(path_.join)) return Step::Stopped;
  }
  branchedTo_ = direct ? path_.pc : kNone;
  enterFrame();
  return Step::Elsewhere;
}

// Behind a call that not all lanes made.
template <unsigned M>
bool Executor<M>::standsBehindCall() const {
  const auto& code = path_.frame->function->code;
  return meetsAt(path_, path_.pc) && code[path_.pc].kind != Kind::Reconverge && code[path_.pc - 1].kind == Kind::Call;
}

template <unsigned M>
Step Executor<M>::exit(const Instr& in, uint32_t m) {
  const bool directly = cameByBranch() || in.guardMode != Guard::None;
  Join* join = path_.join;
  path_.mask &= ~m;
  ++path_.pc;
  if (path_.mask != 0) save();
  else end();
  owned_ = false;
  warp_.exited |= m;
  leaveJoins(worker_, warp_, join, m, nullptr);
  block_.threadsExit(worker_, warp_, m, directly);
  retrySyncs();
  return Step::Stopped;
}

template <unsigned M>
Step Executor<M>::barrier(const Instr& in, uint32_t m) {
  park(m);
  block_.arriveAtBarrier(worker_, warp_, warp_.paths[index_], in, bases_);
  return Step::Stopped;
}

template <unsigned M>
Step Executor<M>::sleep() {
  polled_ = true;
  idle(kPollCost);
  ++path_.pc;
  return goOnInTime();
}

// ---- instructions that wait for other lanes of the warp

// Whether the lanes, all of a path, need not wait: they are all that the instruction is for.
template <unsigned M>
bool Executor<M>::allAreHere(const Instr& in, uint32_t m) const {
  if (isConverged(in.kind)) return m == warp_.alive();
  if (m != path_.mask) return false;
  const Ref ref = in.refs[in.results + in.sources - 1u];
  const auto* members = reinterpret_cast<const uint32_t*>(at(ref));
  const uint32_t first = members[firstLane(m)];
  if ((ref & 3) != kInConstants) {
    for (uint32_t lanes = m; lanes != 0; lanes &= lanes - 1) {
      if (members[firstLane(lanes)] != first) return false;
    }
  }
  return (first & warp_.alive()) == m;
}

template <unsigned M>
Step Executor<M>::waitForLanes(uint32_t lanes) {
  const Kind kind = code_[path_.pc].kind;
  if (isConverged(kind) && lanes != path_.mask)
    throw Fault{kLaunchFailed, "warp divergence: the guard of an .aligned instruction differs within a warp",
                firstLane(path_.mask & ~lanes), "", false};
  path_.state = PathState::AtWarpSync;
  park(lanes);
  trySync(path_.frame, path_.pc);
  return Step::Stopped;
}

template <unsigned M>
void Executor<M>::retrySyncs() {
  // Each place once; trySync changes the paths.
  std::vector<std::pair<Frame*, uint32_t>> places;
  for (const Path& p : warp_.paths) {
    if (p.state != PathState::AtWarpSync) continue;
    const auto place = std::make_pair(p.frame, p.pc);
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  }
  for (const auto& place : places) trySync(place.first, place.second);
}

template <unsigned M>
void Executor<M>::memberMasks(const Path& path, uint32_t* members) const {
  const Instr& in = path.frame->function->code[path.pc];
  uint8_t* bases[4];
  setBases(bases, path.frame);
  for (uint32_t lanes = path.mask; lanes != 0; lanes &= lanes - 1) {
    const uint32_t lane = firstLane(lanes);
    if (isConverged(in.kind)) {
      members[lane] = warp_.alive();
      continue;
    }
    const Ref ref = in.refs[in.results + in.sources - 1u];
    std::memcpy(&members[lane], bases[ref & 3] + (ref & ~3u) + lane * 4, 4);
    if ((members[lane] >> lane & 1) != 0) continue;
    throw Fault{kIllegalInstruction, "the thread is not in the membermask of the instruction that it executes", lane,
                "", false};
  }
}

// The lanes that wait at the instruction (barriers: at any), and for which each of them waits.
template <unsigned M>
uint32_t Executor<M>::waitingLanes(Frame* frame, uint32_t pc, uint32_t* members) const {
  const bool barrier = frame->function->code[pc].kind == Kind::WarpBarrier;
  uint32_t waiting = 0;
  for (const Path& p : warp_.paths) {
    if (p.state != PathState::AtWarpSync) continue;
    const bool same =
        barrier ? p.frame->function->code[p.pc].kind == Kind::WarpBarrier : p.frame == frame && p.pc == pc;
    if (!same) continue;
    memberMasks(p, members);
    waiting |= p.mask;
  }
  return waiting;
}

template <unsigned M>
void Executor<M>::trySync(Frame* frame, uint32_t pc) {
  uint32_t members[32];
  uint32_t released = 0;
  for (uint32_t lanes = waitingLanes(frame, pc, members); lanes != 0;) {
    const uint32_t mask = members[firstLane(lanes)];
    uint32_t group = 0;
    for (uint32_t l = lanes; l != 0; l &= l - 1) {
      if (members[firstLane(l)] == mask) group |= l & (0u - l);
    }
    lanes &= ~group;
    if ((mask & warp_.alive() & ~group) != 0) continue;
    runTogether(frame, pc, group);
    released |= group;
  }
  if (released != 0) goOn(released);
}

// After an instruction for which they have waited.
template <unsigned M>
void Executor<M>::goOn(uint32_t lanes) {
  const size_t count = warp_.paths.size();
  for (size_t i = 0; i < count; ++i) {
    const Path path = warp_.paths[i];
    const uint32_t go = path.mask & lanes;
    if (path.state != PathState::AtWarpSync || go == 0) continue;
    Path part = path;
    part.mask = go;
    part.state = PathState::Ready;
    part.starved = 0;
    ++part.pc;
    if (go == path.mask) {
      warp_.paths[i] = part;
    } else {
      warp_.paths[i].mask &= ~go;
      warp_.paths.push_back(part);
    }
  }
  mergePaths(warp_);
}

template <unsigned M>
void Executor<M>::runTogether(Frame* frame, uint32_t pc, uint32_t mask) {
  const DecodedFunction& function = *frame->function;
  const Instr& in = function.code[pc];
  if (in.kind == Kind::WarpBarrier) return synchronised(mask);  // counted when lanes come to it
  count(frame, pc, mask);
  Context c{worker_, block_, warp_, frame, &in, pc, {}};
  setBases(c.bases, frame);
  if (kChecks && tracksValues(*frame)) trackTogether(c, mask);
  if (in.kind == Kind::LaneSync) {
    runOp(in, mask, c.bases);
    synchronised(mask);
    return;
  }
  requireFullWarp();
  if (in.kind == Kind::LaneConverged) {
    runOp(in, ~0u, c.bases);
    if constexpr (kCounts) worker_.counters.tensorFlop += in.extra;
  } else if (in.kind == Kind::LoadMatrix) {
    executeLoadMatrix<M>(c, function.accesses[in.extra], mask);
  } else {
    executeWmma<M>(c, function.accesses[in.extra], mask, in.kind == Kind::WmmaStore);
  }
}

template <unsigned M>
void Executor<M>::requireFullWarp() const {
  if (warp_.alive() == ~0u) return;
  const std::string lanes = std::to_string(__builtin_popcount(warp_.alive()));
  const char* ended = warp_.lanes == ~0u ? " that have not ended" : "";
  throw Fault{kIllegalInstruction,
              "a matrix instruction needs all 32 threads of a warp; this warp has " + lanes + ended,
              firstLane(warp_.alive()), "", false};
}

template <unsigned M>
void Executor<M>::synchronised(uint32_t lanes) {
  if (kChecks && block_.races) block_.races->warpSync(warp_.index, lanes);
}

// ---- tools

template <unsigned M>
void Executor<M>::count(const Frame* frame, uint32_t pc, uint32_t mask) {
  if constexpr (kCounts) {
    const size_t index = frame->function->profileBase + pc;
    ++worker_.counters.issued[index];
    worker_.counters.lanes[index] += static_cast<uint32_t>(__builtin_popcount(mask));
  } else {
    (void)frame;
    (void)pc;
    (void)mask;
  }
}

template <unsigned M>
void Executor<M>::setBases(uint8_t** bases, const Frame* frame) const {
  bases[0] = frame->registers;
  bases[1] = static_cast<uint8_t*>(worker_.program.constants.data);
  bases[2] = nullptr;
  bases[3] = nullptr;
}

template <unsigned M>
Context Executor<M>::contextAt(const Instr& in, uint32_t pc) const {
  return {worker_, block_, warp_, path_.frame, &in, pc, {bases_[0], bases_[1], nullptr, nullptr}};
}

// In its frame: no other path runs there or comes back to it.
template <unsigned M>
bool Executor<M>::isAlone() const {
  for (size_t i = 0; i < warp_.paths.size(); ++i) {
    if (i != index_ && warp_.paths[i].frame == path_.frame) return false;
  }
  return path_.join == nullptr;
}

}  // namespace

WarpState runWarp(Worker& worker, Warp& warp) {
  const Options& options = worker.launch.options;
  const bool checks = options.race || options.init || options.bounds;
  if (options.counters) {
    return checks ? Executor<kCounting | kChecking>(worker, warp).run() : Executor<kCounting>(worker, warp).run();
  }
  return checks ? Executor<kChecking>(worker, warp).run() : Executor<kPlain>(worker, warp).run();
}

}  // namespace softcuda::machine
