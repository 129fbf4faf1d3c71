// Finds accesses to shared memory by two threads, at least one a write, that no barrier and no warp synchronisation
// orders.
//
// Vector clocks: each lane knows how far it has synchronised with each lane of its warp and with each other warp. A
// barrier, a .sync instruction or an mbarrier's phase lets its participants know what all of them know. Atomic and
// volatile accesses synchronise through the location that they access and do not race among themselves.
#pragma once
#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace softcuda::machine {

class RaceChecker {
 public:
  RaceChecker(uint32_t warps, uint32_t sharedBytes);

  struct Access {
    uint32_t thread = 0;  // linear within the block
    uint32_t line = 0;
    uint32_t clock = 0;  // of the thread when it made the access; 0: none
    const void* function = nullptr;
    uint32_t pc = 0;
  };
  struct Race {
    bool found = false;
    bool earlierWrote = false;
    Access earlier;
  };

  // An access by one lane. Atomic: does not race with other atomic accesses.
  Race access(uint32_t warp, uint32_t lane, uint32_t offset, uint32_t bytes, bool write, bool atomic,
              const Access& what);
  // Copies under way (cp.async): from their start until a thread waits for them.
  void takeOff(uint32_t offset, uint32_t bytes);
  void land(uint32_t offset, uint32_t bytes);
  bool inFlight(uint32_t offset, uint32_t bytes) const;
  void warpSync(uint32_t warp, uint32_t lanes);
  // A barrier of these warps' lanes (mask by warp).
  void barrier(const std::vector<uint32_t>& lanesByWarp);
  void publish(uint32_t warp, uint32_t lane, uint32_t object);  // arrive at an mbarrier
  void acquire(uint32_t warp, uint32_t lane, uint32_t object);  // wait for it
  uint32_t clockOf(uint32_t warp, uint32_t lane) const { return clock_[warp * 32 + lane]; }

 private:
  using Clocks = std::vector<uint32_t>;  // by thread
  struct Cell {
    Access write;
    bool writeAtomic = false;
    std::array<Access, 4> reads;
    std::array<bool, 4> readAtomic{};
    uint8_t nextRead = 0;
  };
  bool ordered(const Access& earlier, uint32_t thread) const {
    return earlier.clock == 0 || earlier.thread == thread || knows_[thread][earlier.thread] >= earlier.clock;
  }
  void joinInto(Clocks& into, const Clocks& from) const;

  uint32_t threads_;
  std::vector<uint32_t> clock_;  // by thread
  std::vector<Clocks> knows_;    // by thread, by thread
  std::vector<Cell> cells_;      // by byte
  std::unordered_map<uint32_t, Clocks> objects_;
  std::vector<uint8_t> inFlight_;  // by byte: whether one writes it
};

}  // namespace softcuda::machine
