// mbarrier objects: 64 bits in shared memory. Their layout is our own, as it is the hardware's own there:
//   bits 0-20 threads still to arrive in this phase, 21-41 threads expected per phase, 42-62 number of the phase
//   (modulo 2^21), 63 one.
#include <algorithm>
#include <cstring>
#include <string>

#include "machine/async_copy.h"
#include "machine/block_traffic.h"
#include "machine/memory_access.h"
#include "machine/race_checker.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

constexpr uint64_t kField = (uint64_t{1} << 21) - 1;
constexpr uint32_t kMaxCount = (1u << 20) - 1;

struct State {
  uint64_t pending, expected, phase;
};

State unpack(uint64_t bits) { return {bits & kField, bits >> 21 & kField, bits >> 42 & kField}; }
uint64_t pack(const State& s) { return s.pending | s.expected << 21 | s.phase << 42 | uint64_t{1} << 63; }

// What one lane does to one object.
template <unsigned M>
class LaneMbarrier {
 public:
  LaneMbarrier(const Context& c, const Mbarrier& m, uint32_t lane, uint32_t object)
      : c_(c), in_(*c.instr), m_(m), lane_(lane), object_(object), place_(c.block.shared + object) {
    std::memcpy(&bits_, place_, 8);
    state_ = unpack(bits_);
  }

  // Returns whether it was a wait that failed.
  bool execute() {
    checkVisible();
    const bool failedWait = perform();
    if (!failedWait) ++c_.block.mbarrierEvents;
    else c_.warp.waitedFor[lane_] = object_;
    return failedWait;
  }

 private:
  bool perform() {
    if (m_.op == MbarrierOp::Init) return init();
    if (bits_ >> 63 == 0 || bits_ == ~uint64_t{0} || state_.expected == 0) {
      const std::string what = "the mbarrier at offset " + std::to_string(object_) + " is not initialised";
      throw Fault{kIllegalInstruction, what, lane_, "", false};
    }
    switch (m_.op) {
      case MbarrierOp::Invalidate: return invalidate();
      case MbarrierOp::Arrive:
      case MbarrierOp::ArriveDrop: return arrive();
      case MbarrierOp::TestWait:
      case MbarrierOp::TestWaitParity: return !testWait();
      case MbarrierOp::CopyAsyncArrive: return arriveAfterCopies();
      default: return false;
    }
  }

  bool init() {
    const uint32_t count = operand(0);
    if (count == 0 || count > kMaxCount) {
      const std::string most = std::to_string(kMaxCount);
      const std::string what =
          "mbarrier.init with a count of " + std::to_string(count) + ": 1 to " + most + " are allowed";
      throw Fault{kIllegalInstruction, what, lane_, "", false};
    }
    state_ = {count, count, 0};
    put();
    return false;
  }

  bool invalidate() {
    bits_ = 0;
    std::memcpy(place_, &bits_, 8);
    return false;
  }

  bool arrive() {
    const uint32_t count = m_.hasCount ? operand(0) : 1;
    if (count == 0 || count > kMaxCount) {
      const std::string what = "arrival at an mbarrier with a count of " + std::to_string(count);
      throw Fault{kIllegalInstruction, what, lane_, "", false};
    }
    const uint64_t before = bits_;
    if (m_.op == MbarrierOp::ArriveDrop) state_.expected -= std::min<uint64_t>(count, state_.expected);
    if (state_.pending == count && m_.noComplete) {
      throw Fault{kLaunchFailed, "mbarrier.arrive.noComplete completes the phase", lane_, "", false};
    }
    sync(false);
    countArrivals(count);
    put();
    uint8_t* to = c_.at(in_.refs[0]);
    if (to != nullptr) std::memcpy(to + lane_ * 8, &before, 8);
    return false;
  }

  // Returns whether the phase is complete.
  bool testWait() {
    // Copies whose completion this phase counts arrive now: no one can have looked earlier.
    const uint32_t arrivals = completeArrivals(c_.block, c_.worker.memory, object_);
    for (uint32_t i = 0; i < arrivals; ++i) countArrivals(1);
    if (arrivals != 0) {
      put();
      ++c_.block.mbarrierEvents;
    }
    bool complete;
    if (m_.op == MbarrierOp::TestWait) {
      uint64_t token;
      std::memcpy(&token, c_.at(in_.refs[1]) + lane_ * 8, 8);
      complete = unpack(token).phase != state_.phase;
    } else {
      complete = (state_.phase & 1) != (operand(0) & 1);  // the phase of this parity is over
    }
    if (complete) sync(true);
    uint32_t predicate;
    uint8_t* to = c_.at(in_.refs[0]);
    std::memcpy(&predicate, to, 4);
    predicate = complete ? predicate | 1u << lane_ : predicate & ~(1u << lane_);
    std::memcpy(to, &predicate, 4);
    return complete;
  }

  bool arriveAfterCopies() {
    if (!m_.noIncrement) {
      state_.pending += 1;
      if (state_.pending > kMaxCount) {
        throw Fault{kLaunchFailed, "too many arrivals pending at an mbarrier", lane_, "", false};
      }
      put();
    }
    sync(false);
    PendingArrival arrival;
    arrival.mask = 1u << lane_;
    arrival.copies = c_.warp.copySerial + c_.warp.copies.size();
    arrival.object.fill(0);
    arrival.object[lane_] = object_;
    std::vector<PendingArrival>& pending = c_.warp.arrivals;
    if (!pending.empty() && (pending.back().mask & (1u << lane_)) == 0 && pending.back().copies == arrival.copies) {
      pending.back().mask |= 1u << lane_;
      pending.back().object[lane_] = object_;
    } else {
      pending.push_back(arrival);
    }
    return false;
  }

  void countArrivals(uint64_t count) {
    if (count > state_.pending) {
      const std::string object = std::to_string(object_), expected = std::to_string(state_.expected);
      const std::string what = "more arrivals at the mbarrier at offset " + object + " than the " + expected;
      throw Fault{kLaunchFailed, what + " that its phase expects", lane_, "", false};
    }
    state_.pending -= count;
    if (state_.pending != 0) return;
    state_.phase = (state_.phase + 1) & kField;
    state_.pending = state_.expected;
  }

  void put() {
    bits_ = pack(state_);
    std::memcpy(place_, &bits_, 8);
    if (!c_.block.sharedWritten.empty()) std::memset(c_.block.sharedWritten.data() + object_, 1, 8);
  }

  uint32_t operand(uint32_t index) const {
    uint32_t value;
    std::memcpy(&value, c_.at(in_.refs[in_.results + index]) + lane_ * 4, 4);
    return value;
  }

  // An object's initialisation is a plain write, which must be ordered with what others do with it.
  void checkVisible() {
    if constexpr ((M & kChecking) != 0) {
      LaneAddresses at;
      at.at[lane_] = object_;
      const bool writes = m_.op == MbarrierOp::Init || m_.op == MbarrierOp::Invalidate;
      if (c_.block.races) recordShared(c_, at, 1u << lane_, 8, {false, writes, false});
    }
  }

  void sync(bool acquire) {
    if ((M & kChecking) == 0 || !c_.block.races) return;
    if (acquire) c_.block.races->acquire(c_.warp.index, lane_, object_ | 0x20000000u);
    else c_.block.races->publish(c_.warp.index, lane_, object_ | 0x20000000u);
  }

  const Context& c_;
  const Instr& in_;
  const Mbarrier& m_;
  const uint32_t lane_, object_;
  uint8_t* const place_;
  uint64_t bits_;
  State state_;
};

// The addresses within shared memory.
void findObjects(const Context& c, const Mbarrier& m, uint32_t mask, LaneAddresses& at) {
  computeAddresses(c, m.object, at);
  if (m.object.area == Area::Generic) {
    uint32_t rest = mask;
    Area area;
    const uint32_t part = takeArea(at, &rest, &area);
    if (area != Area::Shared || rest != 0) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(area != Area::Shared ? part : rest));
      failAccess(c, kInvalidAddressSpace, lane, at.at[lane], 8, "mbarrier operation",
                 "the address is not in shared memory");
    }
  }
  const AddressSummary summary = dataMovement().summarise(at.at, mask, 8);
  checkAlignment(c, m.object, at, mask, summary, 8);
  checkShared(c, m.object, at, mask, summary, 8);
}

}  // namespace

template <unsigned M>
bool executeMbarrier(const Context& c, const Mbarrier& m, uint32_t mask) {
  if (m.op == MbarrierOp::PendingCount) {
    const auto* states = reinterpret_cast<const uint64_t*>(c.at(c.instr->refs[1]));
    auto* to = reinterpret_cast<uint32_t*>(c.at(c.instr->refs[0]));
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
      to[__builtin_ctz(lanes)] = static_cast<uint32_t>(unpack(states[__builtin_ctz(lanes)]).pending);
    }
    return false;
  }
  LaneAddresses at;
  findObjects(c, m, mask, at);
  bool failedWait = false;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    failedWait = LaneMbarrier<M>(c, m, lane, static_cast<uint32_t>(at.at[lane])).execute() || failedWait;
  }
  return failedWait;
}

std::string describeMbarrier(const Block& block, uint32_t object) {
  uint64_t bits;
  std::memcpy(&bits, block.shared + object, 8);
  const State state = unpack(bits);
  std::string text = "mbarrier at offset " + std::to_string(object) + ", whose phase " + std::to_string(state.phase);
  if (state.pending <= state.expected)
    return text + " has had " + std::to_string(state.expected - state.pending) + " of " +
           std::to_string(state.expected) + " arrivals";
  return text + " waits for " + std::to_string(state.pending) + " arrivals more";
}

template bool executeMbarrier<0>(const Context&, const Mbarrier&, uint32_t);
template bool executeMbarrier<1>(const Context&, const Mbarrier&, uint32_t);
template bool executeMbarrier<2>(const Context&, const Mbarrier&, uint32_t);
template bool executeMbarrier<3>(const Context&, const Mbarrier&, uint32_t);

}  // namespace softcuda::machine
