#include "machine/race_checker.h"

#include <algorithm>

namespace softcuda::machine {

RaceChecker::RaceChecker(uint32_t warps, uint32_t sharedBytes)
    : threads_(warps * 32),
      clock_(threads_, 1),
      knows_(threads_, Clocks(threads_, 0)),
      cells_(sharedBytes),
      inFlight_(sharedBytes, 0) {}

void RaceChecker::joinInto(Clocks& into, const Clocks& from) const {
  for (uint32_t i = 0; i < threads_; ++i) into[i] = std::max(into[i], from[i]);
}

RaceChecker::Race RaceChecker::access(uint32_t warp, uint32_t lane, uint32_t offset, uint32_t bytes, bool write,
                                      bool atomic, const Access& what) {
  const uint32_t thread = warp * 32 + lane;
  Race race;
  if (offset + bytes > cells_.size()) return race;
  if (atomic) acquire(warp, lane, offset | 0x80000000u);
  for (uint32_t i = offset; i < offset + bytes; ++i) {
    Cell& cell = cells_[i];
    if (!race.found && !ordered(cell.write, thread) && !(atomic && cell.writeAtomic)) race = {true, true, cell.write};
    if (write) {
      for (size_t r = 0; r < cell.reads.size(); ++r) {
        if (!race.found && !ordered(cell.reads[r], thread) && !(atomic && cell.readAtomic[r]))
          race = {true, false, cell.reads[r]};
      }
      cell.write = what;
      cell.writeAtomic = atomic;
      cell.reads = {};
    } else {
      // Keeps the reads that later writes could still race with; an ordered or older one of the same thread makes
      // room.
      size_t slot = cell.reads.size();
      for (size_t r = 0; r < cell.reads.size(); ++r) {
        if (cell.reads[r].clock == 0 || cell.reads[r].thread == thread) {
          slot = r;
          break;
        }
      }
      if (slot == cell.reads.size()) {
        for (size_t r = 0; r < cell.reads.size() && slot == cell.reads.size(); ++r) {
          if (ordered(cell.reads[r], thread)) slot = r;
        }
      }
      if (slot == cell.reads.size()) slot = cell.nextRead++ % cell.reads.size();
      cell.reads[slot] = what;
      cell.readAtomic[slot] = atomic;
    }
  }
  if (atomic) publish(warp, lane, offset | 0x80000000u);
  return race;
}

void RaceChecker::takeOff(uint32_t offset, uint32_t bytes) {
  for (uint32_t i = offset; i < offset + bytes && i < inFlight_.size(); ++i) inFlight_[i] = 1;
}

void RaceChecker::land(uint32_t offset, uint32_t bytes) {
  for (uint32_t i = offset; i < offset + bytes && i < inFlight_.size(); ++i) inFlight_[i] = 0;
}

bool RaceChecker::inFlight(uint32_t offset, uint32_t bytes) const {
  for (uint32_t i = offset; i < offset + bytes && i < inFlight_.size(); ++i) {
    if (inFlight_[i] != 0) return true;
  }
  return false;
}

void RaceChecker::warpSync(uint32_t warp, uint32_t lanes) {
  if ((lanes & (lanes - 1)) == 0) return;
  Clocks all(threads_, 0);
  for (uint32_t l = lanes; l != 0; l &= l - 1) {
    const uint32_t thread = warp * 32 + static_cast<uint32_t>(__builtin_ctz(l));
    joinInto(all, knows_[thread]);
    all[thread] = std::max(all[thread], clock_[thread]);
  }
  for (uint32_t l = lanes; l != 0; l &= l - 1) {
    const uint32_t thread = warp * 32 + static_cast<uint32_t>(__builtin_ctz(l));
    knows_[thread] = all;
    ++clock_[thread];
  }
}

void RaceChecker::barrier(const std::vector<uint32_t>& lanesByWarp) {
  Clocks all(threads_, 0);
  auto each = [&](auto&& what) {
    for (uint32_t w = 0; w < lanesByWarp.size(); ++w) {
      for (uint32_t l = lanesByWarp[w]; l != 0; l &= l - 1) what(w * 32 + static_cast<uint32_t>(__builtin_ctz(l)));
    }
  };
  each([&](uint32_t thread) {
    joinInto(all, knows_[thread]);
    all[thread] = std::max(all[thread], clock_[thread]);
  });
  each([&](uint32_t thread) {
    knows_[thread] = all;
    ++clock_[thread];
  });
}

void RaceChecker::publish(uint32_t warp, uint32_t lane, uint32_t object) {
  const uint32_t thread = warp * 32 + lane;
  Clocks& clocks = objects_.try_emplace(object, Clocks(threads_, 0)).first->second;
  joinInto(clocks, knows_[thread]);
  clocks[thread] = std::max(clocks[thread], clock_[thread]);
  ++clock_[thread];
}

void RaceChecker::acquire(uint32_t warp, uint32_t lane, uint32_t object) {
  const auto found = objects_.find(object);
  if (found != objects_.end()) joinInto(knows_[warp * 32 + lane], found->second);
}

}  // namespace softcuda::machine
