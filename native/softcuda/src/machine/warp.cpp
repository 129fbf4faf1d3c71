#include "machine/warp.h"

#include <cstring>

#include "machine/fault.h"

namespace softcuda::machine {

namespace {
constexpr size_t kMaxLocalBytes = size_t{512} << 10;  // of a thread: what CUDA allows
}

Join* Warp::newJoin() {
  if (!freeJoins.empty()) {
    Join* join = freeJoins.back();
    freeJoins.pop_back();
    *join = Join();
    return join;
  }
  joinStorage.push_back(std::make_unique<Join>());
  return joinStorage.back().get();
}

void Warp::ensureLocal(size_t bytesPerLane) {
  const size_t rows = (bytesPerLane + 3) / 4;
  if (rows <= localRows) return;
  if (bytesPerLane > kMaxLocalBytes)
    throw Fault{kHardwareStackError,
                "stack overflow: more than " + std::to_string(kMaxLocalBytes) + " bytes of local memory in a thread",
                0, "", false};
  size_t wanted = localRows == 0 ? rows : localRows * 2;
  if (wanted < rows) wanted = rows;
  localStorage.resize(wanted * 128 + 64);
  const auto address = reinterpret_cast<uintptr_t>(localStorage.data());
  uint8_t* aligned = localStorage.data() + ((64 - (address & 63)) & 63);
  if (local != nullptr && aligned != local) {
    // resize moved the bytes with the old misalignment in front
    std::memmove(aligned, localStorage.data() + localShift, localRows * 128);
  }
  localShift = static_cast<size_t>(aligned - localStorage.data());
  local = aligned;
  localRows = wanted;
}

void Warp::forgetLocal(uint32_t from, uint32_t to) {
  if (localUndefined.size() < localRows) localUndefined.resize(localRows, ~0u);
  for (uint32_t row = from / 4; row < (to + 3) / 4; ++row) localUndefined[row] = ~0u;
}

void Warp::readLocal(uint32_t lane, uint64_t offset, void* to, size_t bytes) {
  auto* out = static_cast<uint8_t*>(to);
  while (bytes > 0) {
    const size_t part = bytes < 4 - (offset & 3) ? bytes : 4 - (offset & 3);
    std::memcpy(out, localAt(lane, offset), part);
    out += part;
    offset += part;
    bytes -= part;
  }
}

void Warp::writeLocal(uint32_t lane, uint64_t offset, const void* from, size_t bytes) {
  const auto* in = static_cast<const uint8_t*>(from);
  if (!localUndefined.empty() && bytes != 0) {
    for (uint64_t row = offset / 4; row <= (offset + bytes - 1) / 4; ++row) localUndefined[row] &= ~(1u << lane);
  }
  while (bytes > 0) {
    const size_t part = bytes < 4 - (offset & 3) ? bytes : 4 - (offset & 3);
    std::memcpy(localAt(lane, offset), in, part);
    in += part;
    offset += part;
    bytes -= part;
  }
}

void Warp::copyLocalRows(uint32_t mask, uint32_t to, uint32_t from, uint32_t bytes) {
  for (uint32_t row = 0; row < (bytes + 3) / 4; ++row) {
    uint8_t* target = localAt(0, to + row * 4);
    const uint8_t* origin = localAt(0, from + row * 4);
    if (!localUndefined.empty()) {
      uint32_t& undefined = localUndefined[to / 4 + row];
      undefined = (undefined & ~mask) | (localUndefined[from / 4 + row] & mask);
    }
    if (mask == ~0u) {
      std::memcpy(target, origin, 128);
    } else {
      for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
        std::memcpy(target + lane * 4, origin + lane * 4, 4);
      }
    }
  }
}

}  // namespace softcuda::machine
