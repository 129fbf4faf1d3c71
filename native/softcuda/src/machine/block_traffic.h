// Which sectors of global memory a block touched, and which bytes of them: what would move if every repeat within the
// block hit a cache.
#pragma once
#include <cstdint>
#include <vector>

#include "machine/counters.h"
#include "machine/memory_access.h"

namespace softcuda::machine {

class BlockTraffic {
 public:
  void touch(const LaneAddresses& at, uint32_t mask, uint32_t bytes, bool write);
  // Adds what the block touched, and forgets it.
  void addTo(Counters& counters);

 private:
  // Sectors by number, in a table with open addressing; a sector's bits are its bytes. Number 0 marks a free place: no
  // allocation is there.
  struct Set {
    struct Sector {
      uint64_t number = 0;
      uint32_t bytes = 0;
    };
    std::vector<Sector> places;
    size_t used = 0;
    void add(uint64_t address, uint32_t bytes);
    Sector& find(uint64_t number);
    void grow();
    void count(uint64_t& sectors, uint64_t& bytes);
  };
  Set loaded_, stored_;
};

}  // namespace softcuda::machine
