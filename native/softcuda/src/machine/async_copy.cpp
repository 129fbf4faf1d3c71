#include "machine/async_copy.h"

#include <algorithm>
#include <cstring>

#include "machine/block_traffic.h"
#include "machine/global_races.h"
#include "machine/memory_access.h"
#include "machine/race_checker.h"

namespace softcuda::machine {
namespace {

void perform(Block& block, const DeviceMemory& memory, const PendingCopy& copy, uint32_t lanes) {
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    uint8_t* to = block.shared + copy.destination[lane];
    const uint32_t bytes = copy.sourceBytes[lane];
    if (bytes == 16) {
      std::memcpy(to, reinterpret_cast<const void*>(copy.source[lane]), 16);
    } else {
      if (bytes != 0) std::memcpy(to, reinterpret_cast<const void*>(copy.source[lane]), bytes);
      std::memset(to + bytes, 0, copy.bytes - bytes);
    }
    if (!block.sharedWritten.empty()) {
      uint8_t* written = block.sharedWritten.data() + copy.destination[lane];
      std::memset(written, 1, copy.bytes);
      memory.copyShadow(copy.source[lane], bytes, written);
    }
    if (block.races) block.races->land(copy.destination[lane], copy.bytes);
  }
}

void dropComplete(Warp& warp) {
  size_t done = 0;
  while (done < warp.copies.size() && warp.copies[done].mask == 0) ++done;
  if (done == 0) return;
  warp.copies.erase(warp.copies.begin(), warp.copies.begin() + static_cast<std::ptrdiff_t>(done));
  warp.copySerial += done;
}

}  // namespace

void completeCopies(Block& block, const DeviceMemory& memory, Warp& warp, uint32_t lanes, size_t end) {
  for (size_t i = 0; i < warp.copies.size() && warp.copySerial + i < end; ++i) {
    PendingCopy& copy = warp.copies[i];
    const uint32_t part = copy.mask & lanes;
    if (part == 0) continue;
    perform(block, memory, copy, part);
    copy.mask &= ~part;
  }
  dropComplete(warp);
}

uint32_t completeArrivals(Block& block, const DeviceMemory& memory, uint32_t object) {
  uint32_t count = 0;
  for (Warp& warp : block.warps) {
    for (size_t i = 0; i < warp.arrivals.size();) {
      PendingArrival& arrival = warp.arrivals[i];
      uint32_t lanes = 0;
      for (uint32_t l = arrival.mask; l != 0; l &= l - 1) {
        if (arrival.object[static_cast<size_t>(__builtin_ctz(l))] == object) lanes |= l & (0u - l);
      }
      if (lanes != 0) {
        completeCopies(block, memory, warp, lanes, arrival.copies);
        count += static_cast<uint32_t>(__builtin_popcount(lanes));
        arrival.mask &= ~lanes;
      }
      if (arrival.mask == 0) warp.arrivals.erase(warp.arrivals.begin() + static_cast<std::ptrdiff_t>(i));
      else ++i;
    }
  }
  return count;
}

template <unsigned M>
void executeCopyAsync(const Context& c, const CopyAsync& copy, uint32_t mask) {
  const Instr& in = *c.instr;
  const uint32_t bytes = copy.destination.bytes;
  LaneAddresses to, from;
  computeAddresses(c, copy.destination, to);
  computeAddresses(c, copy.source, from);
  uint8_t sourceBytes[32];
  std::memset(sourceBytes, static_cast<int>(bytes), sizeof sourceBytes);
  uint32_t reading = mask;
  if (copy.hasSourceSize) {
    const auto* sizes = reinterpret_cast<const uint32_t*>(c.at(in.refs[0]));
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
      if (sizes[lane] > bytes)
        throw Fault{kIllegalInstruction,
                    "cp.async of " + std::to_string(bytes) + " bytes with a source of " + std::to_string(sizes[lane]),
                    lane, "", false};
      sourceBytes[lane] = static_cast<uint8_t>(sizes[lane]);
      if (sizes[lane] == 0) reading &= ~(1u << lane);
    }
  } else if (copy.hasIgnore) {
    uint32_t ignore;
    std::memcpy(&ignore, c.at(in.refs[0]), 4);
    if (in.complement != 0) ignore = ~ignore;
    for (uint32_t lanes = mask & ignore; lanes != 0; lanes &= lanes - 1) sourceBytes[__builtin_ctz(lanes)] = 0;
    reading &= ~ignore;
  }
  const AddressSummary toSummary = dataMovement().summarise(to.at, mask, bytes);
  checkAlignment(c, copy.destination, to, mask, toSummary, bytes);
  checkShared(c, copy.destination, to, mask, toSummary, bytes);
  if constexpr ((M & kChecking) != 0) checkArray(c, copy.destination, Area::Shared, to, mask, bytes);
  if (reading != 0) {
    const AddressSummary fromSummary = dataMovement().summarise(from.at, reading, bytes);
    checkAlignment(c, copy.source, from, reading, fromSummary, bytes);
    if (!copy.hasSourceSize) {
      checkGlobal(c, copy.source, from, reading, fromSummary, bytes);
      if constexpr ((M & kCounting) != 0) countGlobal(c, from, reading, bytes, false);
    } else {  // only the bytes that are read must exist
      bool whole = true;
      for (uint32_t lanes = reading; lanes != 0; lanes &= lanes - 1)
        whole = whole && sourceBytes[__builtin_ctz(lanes)] == bytes;
      if (whole) {
        checkGlobal(c, copy.source, from, reading, fromSummary, bytes);
      } else {
        for (uint32_t lanes = reading; lanes != 0; lanes &= lanes - 1) {
          const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
          const AddressSummary one = dataMovement().summarise(from.at, 1u << lane, bytes);
          checkGlobal(c, copy.source, from, 1u << lane, one, sourceBytes[lane]);
        }
      }
      if constexpr ((M & kCounting) != 0) countGlobal(c, from, reading, bytes, false);
    }
  }
  if constexpr ((M & kCounting) != 0) countShared(c.worker.counters, to, mask, bytes, true);
  if constexpr ((M & kChecking) != 0) {
    for (uint32_t lanes = reading; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
      recordGlobal(c, copy.source, from, 1u << lane, sourceBytes[lane], {true, false, false});
    }
  }
  if constexpr ((M & kChecking) != 0) {
    // The write takes place some time before the wait: it must be ordered with what came before it.
    if (c.block.races) {
      std::vector<uint8_t> written;
      written.swap(c.block.sharedWritten);
      for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
        const uint32_t lane = lanes & (0u - lanes);
        recordShared(c, to, lane, bytes, {false, true, false});
        c.block.races->takeOff(static_cast<uint32_t>(to.at[__builtin_ctz(lane)]), bytes);
      }
      written.swap(c.block.sharedWritten);
    }
    // Until then the bytes are not initialised.
    if (!c.block.sharedWritten.empty()) {
      for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1)
        std::memset(c.block.sharedWritten.data() + to.at[__builtin_ctz(lanes)], 0, bytes);
    }
  }
  Warp& warp = c.warp;
  // One entry per number of committed groups among the lanes: nearly always one.
  for (uint32_t left = mask; left != 0;) {
    const uint32_t group = warp.committed[static_cast<size_t>(__builtin_ctz(left))];
    uint32_t same = left;
    for (uint32_t lanes = left; lanes != 0; lanes &= lanes - 1) {
      if (warp.committed[static_cast<size_t>(__builtin_ctz(lanes))] != group) same &= ~(lanes & (0u - lanes));
    }
    left &= ~same;
    warp.copies.emplace_back();
    PendingCopy& pending = warp.copies.back();
    pending.mask = same;
    pending.group = group;
    pending.bytes = bytes;
    pending.pc = c.pc;
    pending.function = c.frame->function;
    for (size_t i = 0; i < 32; ++i) pending.destination[i] = static_cast<uint32_t>(to.at[i]);
    std::memcpy(pending.source.data(), from.at, sizeof from.at);
    std::memcpy(pending.sourceBytes.data(), sourceBytes, sizeof sourceBytes);
  }
}

void commitCopies(Warp& warp, uint32_t mask) {
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1)
    ++warp.committed[static_cast<size_t>(__builtin_ctz(lanes))];
}

template <unsigned M>
void waitForCopies(const Context& c, uint32_t mask, uint32_t pendingGroups) {
  Warp& warp = c.warp;
  for (PendingCopy& copy : warp.copies) {
    uint32_t lanes = copy.mask & mask;
    if (lanes == 0) continue;
    if (pendingGroups != kNone) {
      for (uint32_t l = lanes; l != 0; l &= l - 1) {
        const uint32_t committed = warp.committed[static_cast<size_t>(__builtin_ctz(l))];
        if (copy.group >= committed || committed - copy.group <= pendingGroups) lanes &= ~(l & (0u - l));
      }
    }
    perform(c.block, c.worker.memory, copy, lanes);
    copy.mask &= ~lanes;
  }
  dropComplete(warp);
}

template void executeCopyAsync<0>(const Context&, const CopyAsync&, uint32_t);
template void executeCopyAsync<1>(const Context&, const CopyAsync&, uint32_t);
template void executeCopyAsync<2>(const Context&, const CopyAsync&, uint32_t);
template void executeCopyAsync<3>(const Context&, const CopyAsync&, uint32_t);
template void waitForCopies<0>(const Context&, uint32_t, uint32_t);
template void waitForCopies<1>(const Context&, uint32_t, uint32_t);
template void waitForCopies<2>(const Context&, uint32_t, uint32_t);
template void waitForCopies<3>(const Context&, uint32_t, uint32_t);

}  // namespace softcuda::machine
