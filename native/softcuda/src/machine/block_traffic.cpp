#include "machine/block_traffic.h"

#include <algorithm>

namespace softcuda::machine {

BlockTraffic::Set::Sector& BlockTraffic::Set::find(uint64_t number) {
  const size_t last = places.size() - 1;
  size_t at = (number * 0x9e3779b97f4a7c15u >> 32) & last;
  while (places[at].number != 0 && places[at].number != number) at = (at + 1) & last;
  return places[at];
}

void BlockTraffic::Set::grow() {
  std::vector<Sector> old(std::max<size_t>(1024, places.size() * 2));
  old.swap(places);
  for (const Sector& sector : old) {
    if (sector.number != 0) find(sector.number) = sector;
  }
}

void BlockTraffic::Set::add(uint64_t address, uint32_t bytes) {
  while (bytes != 0) {
    const auto begin = static_cast<uint32_t>(address & 31);
    const uint32_t count = std::min(bytes, 32 - begin);
    if (2 * used >= places.size()) grow();
    Sector& sector = find(address >> 5);
    if (sector.number == 0) {
      sector.number = address >> 5;
      ++used;
    }
    sector.bytes |= (count == 32 ? ~0u : (1u << count) - 1) << begin;
    address += count;
    bytes -= count;
  }
}

void BlockTraffic::Set::count(uint64_t& sectors, uint64_t& bytes) {
  sectors += used;
  for (Sector& sector : places) {
    bytes += static_cast<uint64_t>(__builtin_popcount(sector.bytes));
    sector = {};
  }
  used = 0;
}

void BlockTraffic::touch(const LaneAddresses& at, uint32_t mask, uint32_t bytes, bool write) {
  Set& set = write ? stored_ : loaded_;
  const AddressSummary summary = dataMovement().summarise(at.at, mask, bytes);
  const uint32_t lowest = mask & (0u - mask);
  if (summary.uniform || (summary.consecutive && (mask & (mask + lowest)) == 0)) {
    set.add(summary.low, static_cast<uint32_t>(summary.high - summary.low) + bytes);
    return;
  }
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) set.add(at.at[__builtin_ctz(lanes)], bytes);
}

void BlockTraffic::addTo(Counters& counters) {
  loaded_.count(counters.blockLoadSectors, counters.blockLoadBytes);
  stored_.count(counters.blockStoreSectors, counters.blockStoreBytes);
}

}  // namespace softcuda::machine
