// mbarrier objects: 64 bits in shared memory. Their layout is our own, as it is the hardware's own there:
//   bits 0-20 threads still to arrive in this phase, 21-41 threads expected per phase, 42-62 number of the phase
//   (modulo 2^21), 63 one.
#include <algorithm>
#include <cstring>

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

}  // namespace

template <unsigned M>
bool executeMbarrier(const Context& c, const Mbarrier& m, uint32_t mask) {
  const Instr& in = *c.instr;
  if (m.op == MbarrierOp::PendingCount) {
    const auto* states = reinterpret_cast<const uint64_t*>(c.at(in.refs[1]));
    auto* to = reinterpret_cast<uint32_t*>(c.at(in.refs[0]));
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1)
      to[__builtin_ctz(lanes)] = static_cast<uint32_t>(unpack(states[__builtin_ctz(lanes)]).pending);
    return false;
  }
  LaneAddresses at;
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
  bool failedWait = false;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const auto object = static_cast<uint32_t>(at.at[lane]);
    uint8_t* place = c.block.shared + object;
    uint64_t bits;
    std::memcpy(&bits, place, 8);
    State s = unpack(bits);
    auto put = [&] {
      bits = pack(s);
      std::memcpy(place, &bits, 8);
      if (!c.block.sharedWritten.empty()) std::memset(c.block.sharedWritten.data() + object, 1, 8);
    };
    auto arrive = [&](uint64_t count) {
      if (count > s.pending)
        throw Fault{kLaunchFailed,
                    "more arrivals at the mbarrier at offset " + std::to_string(object) + " than the " +
                        std::to_string(s.expected) + " that its phase expects",
                    lane, "", false};
      s.pending -= count;
      if (s.pending == 0) {
        s.phase = (s.phase + 1) & kField;
        s.pending = s.expected;
      }
    };
    auto operand = [&](uint32_t index) {
      uint32_t value;
      std::memcpy(&value, c.at(in.refs[in.results + index]) + lane * 4, 4);
      return value;
    };
    if (m.op == MbarrierOp::Init) {
      const uint32_t count = operand(0);
      if (count == 0 || count > kMaxCount)
        throw Fault{kIllegalInstruction,
                    "mbarrier.init with a count of " + std::to_string(count) + ": 1 to " + std::to_string(kMaxCount) +
                        " are allowed",
                    lane, "", false};
      s = {count, count, 0};
      put();
      continue;
    }
    if (bits >> 63 == 0 || bits == ~uint64_t{0} || s.expected == 0)
      throw Fault{kIllegalInstruction, "the mbarrier at offset " + std::to_string(object) + " is not initialised",
                  lane, "", false};
    auto sync = [&](bool acquire) {
      if constexpr ((M & kChecking) != 0) {
        if (!c.block.races) return;
        if (acquire) c.block.races->acquire(c.warp.index, lane, object | 0x20000000u);
        else c.block.races->publish(c.warp.index, lane, object | 0x20000000u);
      } else {
        (void)acquire;
      }
    };
    switch (m.op) {
      case MbarrierOp::Invalidate:
        bits = 0;
        std::memcpy(place, &bits, 8);
        break;
      case MbarrierOp::Arrive:
      case MbarrierOp::ArriveDrop: {
        const uint32_t count = m.hasCount ? operand(0) : 1;
        if (count == 0 || count > kMaxCount)
          throw Fault{kIllegalInstruction, "arrival at an mbarrier with a count of " + std::to_string(count), lane, "",
                      false};
        const uint64_t before = bits;
        if (m.op == MbarrierOp::ArriveDrop) s.expected -= std::min<uint64_t>(count, s.expected);
        const uint64_t phase = s.phase;
        if (s.pending == count && m.noComplete)
          throw Fault{kLaunchFailed, "mbarrier.arrive.noComplete completes the phase", lane, "", false};
        sync(false);
        arrive(count);
        if (s.expected == 0 && s.phase != phase) s.expected = 0;
        put();
        uint8_t* to = c.at(in.refs[0]);
        if (to != nullptr) std::memcpy(to + lane * 8, &before, 8);
        break;
      }
      case MbarrierOp::TestWait:
      case MbarrierOp::TestWaitParity: {
        // Copies whose completion this phase counts arrive now: no one can have looked earlier.
        const uint32_t arrivals = completeArrivals(c.block, object);
        for (uint32_t i = 0; i < arrivals; ++i) arrive(1);
        if (arrivals != 0) put();
        bool complete;
        if (m.op == MbarrierOp::TestWait) {
          uint64_t token;
          std::memcpy(&token, c.at(in.refs[1]) + lane * 8, 8);
          complete = unpack(token).phase != s.phase;
        } else {
          complete = (s.phase & 1) != (operand(0) & 1);  // the phase of this parity is over
        }
        if (complete) sync(true);
        else failedWait = true;
        uint32_t predicate;
        uint8_t* to = c.at(in.refs[0]);
        std::memcpy(&predicate, to, 4);
        predicate = complete ? predicate | 1u << lane : predicate & ~(1u << lane);
        std::memcpy(to, &predicate, 4);
        break;
      }
      case MbarrierOp::CopyAsyncArrive: {
        if (!m.noIncrement) {
          s.pending += 1;
          if (s.pending > kMaxCount)
            throw Fault{kLaunchFailed, "too many arrivals pending at an mbarrier", lane, "", false};
          put();
        }
        sync(false);
        PendingArrival arrival;
        arrival.mask = 1u << lane;
        arrival.copies = c.warp.copySerial + c.warp.copies.size();
        arrival.object.fill(0);
        arrival.object[lane] = object;
        if (!c.warp.arrivals.empty() && (c.warp.arrivals.back().mask & (1u << lane)) == 0 &&
            c.warp.arrivals.back().copies == arrival.copies) {
          c.warp.arrivals.back().mask |= 1u << lane;
          c.warp.arrivals.back().object[lane] = object;
        } else {
          c.warp.arrivals.push_back(arrival);
        }
        break;
      }
      default: break;
    }
  }
  return failedWait;
}

template bool executeMbarrier<0>(const Context&, const Mbarrier&, uint32_t);
template bool executeMbarrier<1>(const Context&, const Mbarrier&, uint32_t);
template bool executeMbarrier<2>(const Context&, const Mbarrier&, uint32_t);
template bool executeMbarrier<3>(const Context&, const Mbarrier&, uint32_t);

}  // namespace softcuda::machine
