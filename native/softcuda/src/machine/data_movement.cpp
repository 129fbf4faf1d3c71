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

AddressSummary summariseSome(const uint64_t* at, uint32_t mask, uint64_t step) {
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

AddressSummary summarise(const uint64_t* at, uint32_t mask, uint64_t step) {
  if (mask != ~0u) return summariseSome(at, mask, step);
  // Loops without branches, which become vectors.
  AddressSummary s;
  uint64_t gaps = 0, differences = 0, expected = at[0];
  for (int i = 0; i < 32; ++i) {
    s.bits |= at[i];
    differences |= at[i] ^ at[0];
    gaps |= at[i] ^ expected;
    expected += step;
  }
  s.consecutive = gaps == 0;
  s.uniform = differences == 0;
  s.low = s.high = at[0];
  if (s.consecutive && at[31] >= at[0]) {
    s.high = at[31];
  } else if (!s.uniform) {
    for (int i = 1; i < 32; ++i) {
      s.low = at[i] < s.low ? at[i] : s.low;
      s.high = at[i] > s.high ? at[i] : s.high;
    }
  }
  return s;
}

// How many elements a lane has is known when compiling, so that copies of them are instructions, not calls.
template <uint32_t Count, class Word>
void gather(uint64_t origin, const uint64_t* at, Word* const* to) {
  for (int i = 0; i < 32; ++i) {
    Word lane[Count];
    std::memcpy(lane, hostBytes(origin + at[i]), sizeof lane);
    for (uint32_t e = 0; e < Count; ++e) to[e][i] = lane[e];
  }
}

template <uint32_t Count>
void scatter(uint64_t origin, const uint64_t* at, const uint32_t* const* from) {
  for (int i = 0; i < 32; ++i) {
    uint32_t lane[Count];
    for (uint32_t e = 0; e < Count; ++e) lane[e] = from[e][i];
    std::memcpy(hostBytes(origin + at[i]), lane, sizeof lane);
  }
}

void gather32(uint64_t origin, const uint64_t* at, uint32_t* const* to, uint32_t count) {
  switch (count) {
    case 1: return gather<1>(origin, at, to);
    case 2: return gather<2>(origin, at, to);
    default: return gather<4>(origin, at, to);
  }
}

void gather64(uint64_t origin, const uint64_t* at, uint64_t* const* to, uint32_t count) {
  return count == 1 ? gather<1>(origin, at, to) : gather<2>(origin, at, to);
}

void scatter32(uint64_t origin, const uint64_t* at, const uint32_t* const* from, uint32_t count) {
  switch (count) {
    case 1: return scatter<1>(origin, at, from);
    case 2: return scatter<2>(origin, at, from);
    default: return scatter<4>(origin, at, from);
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
