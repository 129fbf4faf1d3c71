// Instructions that make or look at addresses without an access, and the stack of local memory.
#include <algorithm>
#include <cstring>
#include <string>

#include "machine/instructions.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

// The same for all lanes.
void put(const Context& c, uint32_t mask, uint64_t value) {
  const uint32_t width = c.instr->variant != 0 ? 8 : 4;
  uint8_t* to = c.at(c.instr->refs[0]);
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1)
    std::memcpy(to + firstLane(lanes) * width, &value, width);
}

uint64_t get(const Context& c, Ref ref, uint32_t lane) {
  const uint32_t width = c.instr->variant != 0 ? 8 : 4;
  uint64_t value = 0;
  std::memcpy(&value, c.at(ref) + lane * width, width);
  return value;
}

bool liesIn(Area area, uint64_t address, const DeviceMemory& memory) {
  const bool shared = address - kSharedWindow < kSharedWindowSize, local = address - kLocalWindow < kLocalWindowSize;
  const bool parameter = address - kKernelParameterBase < kKernelParameterSize;
  switch (area) {
    case Area::Shared: return shared;
    case Area::Local: return local;
    case Area::KernelParameter: return parameter;
    case Area::Constant: {
      Allocation found;
      return !shared && !local && memory.find(address, &found) && found.kind == AllocationKind::Constant;
    }
    default: return !shared && !local && !parameter;
  }
}

}  // namespace

void executeLocalAddress(const Context& c, uint32_t mask) { put(c, mask, c.frame->localBase + c.instr->extra); }

void executeCvta(const Context& c, uint32_t mask) {
  const Instr& in = *c.instr;
  const uint64_t window = in.extra == 1 ? kSharedWindow : in.extra == 2 ? kLocalWindow : 0;
  const auto* from = reinterpret_cast<const uint64_t*>(c.at(in.refs[1]));
  auto* to = reinterpret_cast<uint64_t*>(c.at(in.refs[0]));
  const uint64_t add = in.variant != 0 ? 0 - window : window;
  if (mask == ~0u) {
    for (uint32_t i = 0; i < 32; ++i) to[i] = from[i] + add;
  } else {
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) to[firstLane(lanes)] = from[firstLane(lanes)] + add;
  }
}

void executeIsspacep(const Context& c, uint32_t mask) {
  const auto* from = reinterpret_cast<const uint64_t*>(c.at(c.instr->refs[1]));
  auto* to = reinterpret_cast<uint32_t*>(c.at(c.instr->refs[0]));
  const auto area = static_cast<Area>(c.instr->extra);
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const uint32_t bit = lanes & (0u - lanes);
    *to = liesIn(area, from[firstLane(lanes)], c.worker.memory) ? *to | bit : *to & ~bit;
  }
}

// The stack of a frame is common to its lanes; what a lane allocates is taken from all.
void executeStackSave(const Context& c, uint32_t mask) { put(c, mask, c.frame->localTop); }

void executeStackRestore(const Context& c, uint32_t mask, bool alone) {
  Frame& frame = *c.frame;
  const uint64_t wanted = get(c, c.instr->refs[0], firstLane(mask));
  const bool within = wanted >= frame.localBase + frame.function->localBytes && wanted <= frame.localTop;
  if (alone && within) frame.localTop = static_cast<uint32_t>(wanted);
}

void executeAlloca(const Context& c, uint32_t mask) {
  uint64_t size = 0;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    size = std::max(size, get(c, c.instr->refs[1], firstLane(lanes)));
  }
  if (size > (uint64_t{1} << 24)) {
    throw Fault{kHardwareStackError, "stack overflow: alloca of " + std::to_string(size) + " bytes", firstLane(mask),
                "", false};
  }
  const uint64_t alignment = c.instr->extra;
  const uint64_t begin = (c.frame->localTop + alignment - 1) / alignment * alignment;
  const uint64_t top = (begin + size + 15) & ~uint64_t{15};
  c.warp.ensureLocal(top);
  if (c.frame->undefined != nullptr) c.warp.forgetLocal(static_cast<uint32_t>(begin), static_cast<uint32_t>(top));
  c.frame->localTop = static_cast<uint32_t>(top);
  put(c, mask, begin);
}

}  // namespace softcuda::machine
