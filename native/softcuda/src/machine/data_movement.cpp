#include "machine/data_movement.h"

#include <cstring>

#include "ops/ops.h"

namespace softcuda::machine {
namespace {

void addresses64(const uint64_t* base, uint64_t offset, uint64_t* at) {
  for (int i = 0; i < 32; ++i) at[i] = base[i] + offset;
}

void addresses32(const uint32_t* base, uint32_t offset, uint64_t* at) {
  for (int i = 0; i < 32; ++i) at[i] = static_cast<uint32_t>(base[i] + offset);
}

AddressSummary summarise(const uint64_t* at, uint32_t mask, uint64_t step) {
  AddressSummary s;
  const auto first = static_cast<uint32_t>(__builtin_ctz(mask));
  const uint64_t origin = at[first] - first * step;
  s.low = s.high = at[first];
  bool consecutive = true, uniform = true;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint64_t a = at[i];
    s.low = a < s.low ? a : s.low;
    s.high = a > s.high ? a : s.high;
    s.bits |= a;
    consecutive = consecutive && a == origin + i * step;
    uniform = uniform && a == at[first];
  }
  s.consecutive = consecutive;
  s.uniform = uniform;
  return s;
}

void gather32(uint64_t origin, const uint64_t* at, uint32_t* const* to, uint32_t count) {
  uint32_t lane[32][4];
  for (int i = 0; i < 32; ++i) std::memcpy(lane[i], hostBytes(origin + at[i]), count * 4);
  for (uint32_t e = 0; e < count; ++e) {
    for (int i = 0; i < 32; ++i) to[e][i] = lane[i][e];
  }
}

void gather64(uint64_t origin, const uint64_t* at, uint64_t* const* to, uint32_t count) {
  uint64_t lane[32][2];
  for (int i = 0; i < 32; ++i) std::memcpy(lane[i], hostBytes(origin + at[i]), count * 8);
  for (uint32_t e = 0; e < count; ++e) {
    for (int i = 0; i < 32; ++i) to[e][i] = lane[i][e];
  }
}

void scatter32(uint64_t origin, const uint64_t* at, const uint32_t* const* from, uint32_t count) {
  for (int i = 0; i < 32; ++i) {
    uint32_t lane[4];
    for (uint32_t e = 0; e < count; ++e) lane[e] = from[e][i];
    std::memcpy(hostBytes(origin + at[i]), lane, count * 4);
  }
}

void loadConsecutive32(const uint8_t* memory, uint32_t* const* to, uint32_t count) {
  if (count == 1) {
    std::memcpy(to[0], memory, 128);
    return;
  }
  for (int i = 0; i < 32; ++i) {
    for (uint32_t e = 0; e < count; ++e)
      std::memcpy(&to[e][i], memory + (static_cast<uint32_t>(i) * count + e) * 4, 4);
  }
}

void storeConsecutive32(uint8_t* memory, const uint32_t* const* from, uint32_t count) {
  if (count == 1) {
    std::memcpy(memory, from[0], 128);
    return;
  }
  for (int i = 0; i < 32; ++i) {
    for (uint32_t e = 0; e < count; ++e)
      std::memcpy(memory + (static_cast<uint32_t>(i) * count + e) * 4, &from[e][i], 4);
  }
}

const DataMovement kGeneric = {addresses64, addresses32, summarise,         gather32,
                               gather64,    scatter32,   loadConsecutive32, storeConsecutive32};

const DataMovement& choose() {
#if defined(__x86_64__)
  if (ops::bestLevel() == ops::Level::Avx512) return dataMovementAvx512();
#endif
  return kGeneric;
}

}  // namespace

const DataMovement& dataMovementGeneric() { return kGeneric; }

const DataMovement& dataMovement() {
  static const DataMovement& chosen = choose();
  return chosen;
}

}  // namespace softcuda::machine
