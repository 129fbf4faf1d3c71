// ld, st, ldmatrix, wmma.load, wmma.store, discard.
#include <algorithm>
#include <cstring>

#include "machine/definedness.h"
#include "machine/global_races.h"
#include "machine/memory_access.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

// One element into a register of the instruction's width: zero- or sign-extended; registers of 16 bits lie in 32 with
// zeros above.
inline void loadElement(const uint8_t* from, uint32_t bytes, bool sign, uint32_t registerBytes, void* to,
                        uint32_t lane) {
  uint64_t value = 0;
  std::memcpy(&value, from, bytes <= 8 ? bytes : 8);
  if (sign && bytes < 8) {
    const uint32_t shift = 64 - bytes * 8;
    value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
  }
  if (registerBytes == 8) {
    static_cast<uint64_t*>(to)[lane] = value;
  } else if (registerBytes == 4) {
    static_cast<uint32_t*>(to)[lane] = static_cast<uint32_t>(value);
  } else if (registerBytes == 16) {
    uint64_t high = 0;
    if (bytes == 16) std::memcpy(&high, from + 8, 8);
    else if (sign && static_cast<int64_t>(value) < 0) high = ~uint64_t{0};
    static_cast<uint64_t*>(to)[lane * 2] = value;
    static_cast<uint64_t*>(to)[lane * 2 + 1] = high;
  } else {
    static_cast<uint32_t*>(to)[lane] = static_cast<uint32_t>(value & 0xffff);
  }
}

inline const uint8_t* registerAt(const void* from, uint32_t registerBytes, uint32_t lane) {
  const uint32_t slot = registerBytes <= 4 ? 4 : registerBytes;
  return static_cast<const uint8_t*>(from) + lane * slot;
}

uint64_t sharedOrigin(const Context& c) { return reinterpret_cast<uint64_t>(c.block.shared); }

struct Registers {
  void* at[4];
};

Registers resultRegisters(const Context& c, const Instr& in) {
  Registers r{};
  for (uint32_t i = 0; i < in.results && i < 4; ++i) r.at[i] = c.at(in.refs[i]);
  return r;
}

bool anyDiscarded(const Registers& r, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (r.at[i] == nullptr) return true;
  }
  return false;
}

template <uint32_t Bytes>
void loadElements(uint64_t origin, const LaneAddresses& at, uint32_t mask, const Access& a, const Registers& to) {
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    const uint8_t* from = hostBytes(origin + at.at[lane]);
    for (uint32_t e = 0; e < a.count; ++e) {
      if (to.at[e] != nullptr) loadElement(from + e * Bytes, Bytes, a.signExtend, a.registerBytes, to.at[e], lane);
    }
  }
}

void loadLanes(uint64_t origin, const LaneAddresses& at, uint32_t mask, const Access& a, const Registers& to) {
  switch (a.bytes) {
    case 1: return loadElements<1>(origin, at, mask, a, to);
    case 2: return loadElements<2>(origin, at, mask, a, to);
    case 4: return loadElements<4>(origin, at, mask, a, to);
    case 8: return loadElements<8>(origin, at, mask, a, to);
    default: return loadElements<16>(origin, at, mask, a, to);
  }
}

void load(uint64_t origin, const LaneAddresses& at, uint32_t mask, const AddressSummary& summary, const Access& a,
          const Registers& to) {
  if (mask != ~0u || anyDiscarded(to, a.count)) {
    loadLanes(origin, at, mask, a, to);
    return;
  }
  const DataMovement& move = dataMovement();
  if (a.bytes == 4 && a.registerBytes == 4) {
    auto* const* words = reinterpret_cast<uint32_t* const*>(to.at);
    if (summary.consecutive) {
      move.loadConsecutive32(hostBytes(origin + at.at[0]), words, a.count);
    } else if (summary.uniform && a.count == 1) {
      uint32_t value;
      std::memcpy(&value, hostBytes(origin + at.at[0]), 4);
      for (uint32_t i = 0; i < 32; ++i) words[0][i] = value;
    } else {
      move.gather32(origin, at.at, words, a.count);
    }
    return;
  }
  if (a.bytes == 8 && a.registerBytes == 8) {
    auto* const* words = reinterpret_cast<uint64_t* const*>(to.at);
    if (summary.consecutive && a.count == 1) std::memcpy(words[0], hostBytes(origin + at.at[0]), 256);
    else move.gather64(origin, at.at, words, a.count);
    return;
  }
  if (a.bytes == 2 && a.registerBytes == 2 && a.count == 1) {
    auto* words = static_cast<uint32_t*>(to.at[0]);
    for (uint32_t i = 0; i < 32; ++i) {
      uint16_t value;
      std::memcpy(&value, hostBytes(origin + at.at[i]), 2);
      words[i] = value;
    }
    return;
  }
  loadLanes(origin, at, mask, a, to);
}

// What lanes store, by lane.
void valuesOf(const Access& a, uint32_t mask, const void* const* from, uint8_t (*values)[16]) {
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    for (uint32_t e = 0; e < a.count; ++e)
      std::memcpy(values[lane] + e * a.bytes, registerAt(from[e], a.registerBytes, lane), a.bytes);
  }
}

void storeLanes(uint64_t origin, const LaneAddresses& at, uint32_t mask, const Access& a, const void* const* from) {
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    uint8_t* to = hostBytes(origin + at.at[lane]);
    // One copy of all elements, so that other threads never see part of a vector's word.
    uint8_t bytes[16];
    for (uint32_t e = 0; e < a.count; ++e)
      std::memcpy(bytes + e * a.bytes, registerAt(from[e], a.registerBytes, lane), a.bytes);
    switch (a.bytes * a.count) {
      case 1: std::memcpy(to, bytes, 1); break;
      case 2: std::memcpy(to, bytes, 2); break;
      case 4: std::memcpy(to, bytes, 4); break;
      case 8: std::memcpy(to, bytes, 8); break;
      default: std::memcpy(to, bytes, 16); break;
    }
  }
}

void store(uint64_t origin, const LaneAddresses& at, uint32_t mask, const AddressSummary& summary, const Access& a,
           const void* const* from) {
  if (mask == ~0u && a.bytes == 4 && a.registerBytes == 4) {
    const DataMovement& move = dataMovement();
    const auto* const* words = reinterpret_cast<const uint32_t* const*>(from);
    if (summary.consecutive) move.storeConsecutive32(hostBytes(origin + at.at[0]), words, a.count);
    else move.scatter32(origin, at.at, words, a.count);
    return;
  }
  if (mask == ~0u && a.bytes == 8 && a.registerBytes == 8 && a.count == 1 && summary.consecutive) {
    std::memcpy(hostBytes(origin + at.at[0]), from[0], 256);
    return;
  }
  storeLanes(origin, at, mask, a, from);
}

// Local memory lies in rows of 4 bytes per lane.
void loadLocal(const Context& c, const LaneAddresses& at, uint32_t mask, const AddressSummary& summary,
               const Access& a, const Registers& to) {
  Warp& warp = c.warp;
  if (mask == ~0u && summary.uniform && a.bytes == 4 && a.registerBytes == 4) {
    for (uint32_t e = 0; e < a.count; ++e) {
      if (to.at[e] != nullptr) std::memcpy(to.at[e], warp.localAt(0, at.at[0] + e * 4), 128);
    }
    return;
  }
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    for (uint32_t e = 0; e < a.count; ++e) {
      if (to.at[e] == nullptr) continue;
      uint8_t bytes[16];
      warp.readLocal(lane, at.at[lane] + e * a.bytes, bytes, a.bytes);
      loadElement(bytes, a.bytes, a.signExtend, a.registerBytes, to.at[e], lane);
    }
  }
}

void storeLocal(const Context& c, const LaneAddresses& at, uint32_t mask, const AddressSummary& summary,
                const Access& a, const void* const* from) {
  Warp& warp = c.warp;
  if (mask == ~0u && summary.uniform && a.bytes == 4 && a.registerBytes == 4) {
    for (uint32_t e = 0; e < a.count; ++e) std::memcpy(warp.localAt(0, at.at[0] + e * 4), from[e], 128);
    return;
  }
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    for (uint32_t e = 0; e < a.count; ++e)
      warp.writeLocal(lane, at.at[lane] + e * a.bytes, registerAt(from[e], a.registerBytes, lane), a.bytes);
  }
}

// What a vector load brings for nobody is not looked at: compilers widen loads.
template <typename F>
void forUsedElements(const Access& a, const LaneAddresses& at, uint32_t mask, F check) {
  if (a.count == 1) return check(at, a.bytes);
  for (uint32_t e = 0; e < a.count; ++e) {
    if ((a.unusedElements >> e & 1) != 0) continue;
    LaneAddresses element;
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1)
      element.at[__builtin_ctz(lanes)] = at.at[__builtin_ctz(lanes)] + e * a.bytes;
    check(element, a.bytes);
  }
}

template <unsigned M>
void loadFrom(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask,
              const Registers& to) {
  const uint32_t bytes = static_cast<uint32_t>(a.bytes) * a.count;
  const AddressSummary summary = dataMovement().summarise(at.at, mask, bytes);
  checkAlignment(c, a, at, mask, summary, bytes);
  switch (area) {
    case Area::Shared:
      checkShared(c, a, at, mask, summary, bytes);
      if constexpr ((M & kChecking) != 0) checkArray(c, a, area, at, mask, bytes);
      if constexpr ((M & kChecking) != 0)
        forUsedElements(a, at, mask, [&](const LaneAddresses& part, uint32_t size) {
          recordShared(c, part, mask, size, {true, false, a.isVolatile});
        });
      if ((M & kChecking) != 0 && tracksValues(*c.frame)) trackLoad(c, a, area, at, mask);
      if constexpr ((M & kCounting) != 0) countShared(c.worker.counters, at, mask, bytes, false);
      load(sharedOrigin(c), at, mask, summary, a, to);
      break;
    case Area::Local:
      checkLocal(c, a, at, mask, summary, bytes);
      if constexpr ((M & kChecking) != 0) checkArray(c, a, area, at, mask, bytes);
      if constexpr ((M & kCounting) != 0)
        c.worker.counters.localSectors +=
            a.frameRelative ? 0 : (static_cast<uint64_t>(__builtin_popcount(mask)) * bytes + 31) / 32;
      if ((M & kChecking) != 0 && tracksValues(*c.frame)) trackLoad(c, a, area, at, mask);
      loadLocal(c, at, mask, summary, a, to);
      break;
    case Area::KernelParameter: {
      if ((M & kChecking) != 0 && tracksValues(*c.frame)) trackLoad(c, a, area, at, mask);
      const std::vector<uint8_t>& parameters = c.worker.launch.parameters;
      if (summary.high + bytes > parameters.size() || summary.high + bytes < summary.high) {
        for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
          const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
          if (at.at[lane] + bytes > parameters.size() || at.at[lane] + bytes < at.at[lane])
            failAccess(c, kIllegalAddress, lane, at.at[lane], bytes, "parameter read",
                       "the kernel has " + std::to_string(parameters.size()) + " bytes of parameters");
        }
      }
      if (summary.uniform && a.count == 1 && a.bytes == a.registerBytes && mask == ~0u && to.at[0] != nullptr) {
        if (a.bytes == 4) {
          uint32_t value;
          std::memcpy(&value, parameters.data() + at.at[0], 4);
          for (uint32_t i = 0; i < 32; ++i) static_cast<uint32_t*>(to.at[0])[i] = value;
          break;
        }
        if (a.bytes == 8) {
          uint64_t value;
          std::memcpy(&value, parameters.data() + at.at[0], 8);
          for (uint32_t i = 0; i < 32; ++i) static_cast<uint64_t*>(to.at[0])[i] = value;
          break;
        }
      }
      loadLanes(reinterpret_cast<uint64_t>(parameters.data()), at, mask, a, to);
      break;
    }
    default:
      checkGlobal(c, a, at, mask, summary, bytes);
      if ((M & kChecking) != 0 && tracksValues(*c.frame)) trackLoad(c, a, area, at, mask);
      if constexpr ((M & kChecking) != 0)
        forUsedElements(a, at, mask, [&](const LaneAddresses& part, uint32_t size) {
          if (area != Area::Constant) recordGlobal(c, a, part, mask, size, {true, false, a.isVolatile});
        });
      if constexpr ((M & kCounting) != 0) {
        if (area != Area::Constant) countGlobal(c, at, mask, bytes, false);
      }
      load(0, at, mask, summary, a, to);
      if ((M & kChecking) != 0 && a.isVolatile) hearGlobal(c, at, mask);
      break;
  }
}

template <unsigned M>
void storeTo(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask,
             const void* const* from) {
  const uint32_t bytes = static_cast<uint32_t>(a.bytes) * a.count;
  const AddressSummary summary = dataMovement().summarise(at.at, mask, bytes);
  checkAlignment(c, a, at, mask, summary, bytes);
  switch (area) {
    case Area::Shared:
      checkShared(c, a, at, mask, summary, bytes);
      if constexpr ((M & kChecking) != 0) {
        checkArray(c, a, area, at, mask, bytes);
        uint8_t values[32][16];
        valuesOf(a, mask, from, values);
        recordShared(c, at, mask, bytes, {false, true, a.isVolatile, values});
        if (tracksValues(*c.frame)) trackStore(c, a, area, at, mask);
      }
      if constexpr ((M & kCounting) != 0) countShared(c.worker.counters, at, mask, bytes, true);
      store(sharedOrigin(c), at, mask, summary, a, from);
      break;
    case Area::Local:
      checkLocal(c, a, at, mask, summary, bytes);
      if constexpr ((M & kChecking) != 0) checkArray(c, a, area, at, mask, bytes);
      if constexpr ((M & kCounting) != 0)
        c.worker.counters.localSectors +=
            a.frameRelative ? 0 : (static_cast<uint64_t>(__builtin_popcount(mask)) * bytes + 31) / 32;
      storeLocal(c, at, mask, summary, a, from);
      if ((M & kChecking) != 0 && tracksValues(*c.frame)) trackStore(c, a, area, at, mask);
      break;
    case Area::KernelParameter:
      failAccess(c, kIllegalAddress, static_cast<uint32_t>(__builtin_ctz(mask)), at.at[__builtin_ctz(mask)], bytes,
                 "write", "kernel parameters cannot be written");
    default:
      checkGlobal(c, a, at, mask, summary, bytes);
      if constexpr ((M & kChecking) != 0) {
        checkInitGlobal(c, a, at, mask, bytes, true);
        uint8_t values[32][16];
        valuesOf(a, mask, from, values);
        recordGlobal(c, a, at, mask, bytes, {false, true, a.isVolatile, values});
        if (tracksValues(*c.frame)) trackStore(c, a, Area::Global, at, mask);
      }
      if constexpr ((M & kCounting) != 0) countGlobal(c, at, mask, bytes, true);
      store(0, at, mask, summary, a, from);
      break;
  }
}

Area plainArea(const Access& a) { return a.area; }

}  // namespace

template <unsigned M>
void executeLoad(const Context& c, const Access& a, uint32_t mask) {
  LaneAddresses at;
  computeAddresses(c, a, at);
  const Registers to = resultRegisters(c, *c.instr);
  if (a.area == Area::KernelParameter && a.base == Access::Base::None) {
    for (uint64_t& one : at.at) one -= kKernelParameterBase;
  } else if (a.area == Area::KernelParameter) {
    for (uint64_t& one : at.at) one -= one >= kKernelParameterBase ? kKernelParameterBase : 0;
  }
  if (a.area != Area::Generic) {
    loadFrom<M>(c, a, plainArea(a), at, mask, to);
    return;
  }
  while (mask != 0) {
    Area area;
    const uint32_t part = takeArea(at, &mask, &area);
    loadFrom<M>(c, a, area, at, part, to);
  }
}

template <unsigned M>
void executeStore(const Context& c, const Access& a, uint32_t mask) {
  LaneAddresses at;
  computeAddresses(c, a, at);
  const void* from[4];
  for (uint32_t i = 0; i < c.instr->sources && i < 4; ++i) from[i] = c.at(c.instr->refs[c.instr->results + i]);
  if (a.area != Area::Generic) {
    storeTo<M>(c, a, plainArea(a), at, mask, from);
    return;
  }
  while (mask != 0) {
    Area area;
    const uint32_t part = takeArea(at, &mask, &area);
    storeTo<M>(c, a, area, at, part, from);
  }
}

// Rows of 8 elements of 16 bits: lane i gives the address of row i % 8 of matrix i / 8. Register j of lane l holds, of
// matrix j, elements 2*(l%4), +1 of row l/4; transposed: rows 2*(l%4), +1 of column l/4.
template <unsigned M>
void executeLoadMatrix(const Context& c, const Access& a, uint32_t mask) {
  (void)mask;
  const uint32_t count = c.instr->results;
  LaneAddresses at;
  computeAddresses(c, a, at);
  const uint32_t givers = count == 4 ? ~0u : (1u << (count * 8)) - 1;
  if (a.area == Area::Generic) {
    uint32_t rest = givers;
    Area area;
    const uint32_t part = takeArea(at, &rest, &area);
    if (area != Area::Shared || part != givers) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(area != Area::Shared ? part : rest));
      failAccess(c, kInvalidAddressSpace, lane, at.at[lane], 16, "ldmatrix", "the address is not in shared memory");
    }
  }
  const AddressSummary summary = dataMovement().summarise(at.at, givers, 16);
  checkAlignment(c, a, at, givers, summary, 16);
  checkShared(c, a, at, givers, summary, 16);
  if constexpr ((M & kChecking) != 0) {
    checkArray(c, a, Area::Shared, at, givers, 16);
    recordShared(c, at, givers, 16, {true, false, false});
    if (tracksValues(*c.frame)) trackLoadMatrix(c, a, at);
  }
  if constexpr ((M & kCounting) != 0) countShared(c.worker.counters, at, givers, 16, false);
  const uint8_t* shared = c.block.shared;
  for (uint32_t j = 0; j < count; ++j) {
    uint32_t words[32];
    if (!a.transposed) {
      for (uint32_t row = 0; row < 8; ++row) std::memcpy(words + row * 4, shared + at.at[j * 8 + row], 16);
    } else {
      uint16_t rows[8][8];
      for (uint32_t row = 0; row < 8; ++row) std::memcpy(rows[row], shared + at.at[j * 8 + row], 16);
      for (uint32_t lane = 0; lane < 32; ++lane)
        words[lane] = rows[2 * (lane % 4)][lane / 4] | static_cast<uint32_t>(rows[2 * (lane % 4) + 1][lane / 4]) << 16;
    }
    std::memcpy(c.at(c.instr->refs[j]), words, 128);
  }
}

template <unsigned M>
void executeWmma(const Context& c, const Access& a, uint32_t mask, bool isStore) {
  (void)mask;
  const Instr& in = *c.instr;
  const uint32_t registers = isStore ? in.sources - 1u : in.results;
  const auto shape = static_cast<ops::Shape>(a.shape);
  const auto operand = static_cast<ops::Operand>(a.matrixOperand);
  const ops::Fragment fragment = ops::mmaFragment(ops::Opcode::WmmaMma, shape, operand, a.type);
  const ops::Extent extent = ops::extent(shape);
  const int columns = operand == ops::Operand::A ? extent.k : extent.n,
            rows = operand == ops::Operand::B ? extent.k : extent.m;
  LaneAddresses base;
  computeAddresses(c, a, base);
  Area area = a.area;
  if (area == Area::Generic) {
    uint32_t rest = ~0u;
    const uint32_t part = takeArea(base, &rest, &area);
    if (part != ~0u)
      failAccess(c, kInvalidAddressSpace, static_cast<uint32_t>(__builtin_ctz(rest)), base.at[__builtin_ctz(rest)], 1,
                 "wmma access", "threads of the warp give addresses of different state spaces");
  }
  const auto* strides = reinterpret_cast<const uint32_t*>(c.at(in.refs[in.results + in.sources - 1u]));
  for (uint32_t lane = 1; lane < 32; ++lane) {
    if (base.at[lane] != base.at[0] || strides[lane] != strides[0])
      throw Fault{kIllegalInstruction, "threads of a warp give wmma different addresses or strides", lane, "", false};
  }
  if (area != Area::Shared && area != Area::Global)
    failAccess(c, kInvalidAddressSpace, 0, base.at[0], 1, "wmma access",
               "the address is not in global or shared memory");
  // One register at a time, element by element; bits smaller than a byte share one.
  const auto bits = static_cast<uint32_t>(fragment.elementBits);
  const uint64_t stride = strides[0];
  const uint32_t elementBytes = bits < 8 ? 1 : bits / 8;
  const uint64_t alignment = bits <= 8 ? 16 : 32;
  if ((base.at[0] & (alignment - 1)) != 0)
    failAccess(c, kMisalignedAddress, 0, base.at[0], elementBytes, isStore ? "wmma.store" : "wmma.load",
               "the address is not a multiple of " + std::to_string(alignment));
  if ((stride * bits / 8 & 15) != 0)
    throw Fault{kMisalignedAddress, "the stride of wmma is not a multiple of 16 bytes", 0, "", false};
  (void)columns;
  (void)rows;
  Access element = a;
  element.bytes = static_cast<uint8_t>(elementBytes);
  for (uint32_t r = 0; r < registers; ++r) {
    uint8_t* to = c.at(in.refs[isStore ? in.results + r : r]);
    const uint32_t registerBytes = a.registerBytes;
    if (!isStore) std::memset(to, 0, 32 * registerBytes);
    for (uint32_t e = 0; e < static_cast<uint32_t>(fragment.elementsPerRegister); ++e) {
      LaneAddresses at;
      uint32_t bitOffset[32];
      for (uint32_t lane = 0; lane < 32; ++lane) {
        const ops::Element where =
            fragment.at(shape, operand, a.type, static_cast<int>(lane), static_cast<int>(r), static_cast<int>(e));
        const uint64_t index = a.columnMajor ? where.column * stride + where.row : where.row * stride + where.column;
        at.at[lane] = base.at[0] + index * bits / 8;
        bitOffset[lane] = static_cast<uint32_t>(index * bits % 8);
      }
      const AddressSummary summary = dataMovement().summarise(at.at, ~0u, elementBytes);
      if (area == Area::Shared) {
        checkShared(c, element, at, ~0u, summary, elementBytes);
        if constexpr ((M & kChecking) != 0) {
          checkArray(c, element, area, at, ~0u, elementBytes);
          recordShared(c, at, ~0u, elementBytes, {!isStore, isStore, false});
        }
      } else {
        checkGlobal(c, element, at, ~0u, summary, elementBytes);
        if constexpr ((M & kChecking) != 0) {
          checkInitGlobal(c, element, at, ~0u, elementBytes, isStore);
          recordGlobal(c, element, at, ~0u, elementBytes, {!isStore, isStore, false});
        }
      }
      if ((M & kChecking) != 0 && tracksValues(*c.frame))
        trackMatrixElement(c, in.refs[isStore ? in.results + r : r], e == 0, isStore, area, at, elementBytes);
      const uint64_t origin = area == Area::Shared ? sharedOrigin(c) : 0;
      const uint32_t shift = e * bits;
      for (uint32_t lane = 0; lane < 32; ++lane) {
        uint8_t* memory = hostBytes(origin + at.at[lane]);
        uint8_t* reg = to + lane * registerBytes;
        if (bits >= 8) {
          if (isStore) std::memcpy(memory, reg + shift / 8, elementBytes);
          else std::memcpy(reg + shift / 8, memory, elementBytes);
        } else {
          uint32_t word;
          std::memcpy(&word, reg, 4);
          const uint32_t ones = (1u << bits) - 1;
          if (isStore) {
            *memory = static_cast<uint8_t>((*memory & ~(ones << bitOffset[lane])) | (word >> shift & ones)
                                                                                        << bitOffset[lane]);
          } else {
            word |= (*memory >> bitOffset[lane] & ones) << shift;
            std::memcpy(reg, &word, 4);
          }
        }
      }
      if constexpr ((M & kCounting) != 0) {
        // Rows are fetched together: count per register, with the elements of a lane side by side.
        if (e == 0) {
          const uint32_t span = std::max(1u, bits * static_cast<uint32_t>(fragment.elementsPerRegister) / 8);
          if (area == Area::Shared) countShared(c.worker.counters, at, ~0u, span, isStore);
          else countGlobal(c, at, ~0u, span, isStore);
        }
      }
    }
  }
}

template <unsigned M>
void executeTouch(const Context& c, const Access& a, uint32_t mask) {
  LaneAddresses at;
  computeAddresses(c, a, at);
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    if ((at.at[lane] & 127) != 0)
      failAccess(c, kMisalignedAddress, lane, at.at[lane], 128, "access", "the address is not a multiple of 128");
    Allocation found;
    if (!c.worker.memory.find(at.at[lane], &found))
      failAccess(c, kIllegalAddress, lane, at.at[lane], 128, "access", c.worker.memory.describe(at.at[lane]));
    const std::string outOfReach = whyOutOfReach(c.worker, found);
    if (!outOfReach.empty())
      failAccess(c, kIllegalAddress, lane, at.at[lane], 128, "access",
                 c.worker.memory.describe(at.at[lane]) + ": " + outOfReach);
  }
}

#define SOFTCUDA_INSTANTIATE(M)                                                \
  template void executeLoad<M>(const Context&, const Access&, uint32_t);       \
  template void executeStore<M>(const Context&, const Access&, uint32_t);      \
  template void executeLoadMatrix<M>(const Context&, const Access&, uint32_t); \
  template void executeWmma<M>(const Context&, const Access&, uint32_t, bool); \
  template void executeTouch<M>(const Context&, const Access&, uint32_t);
SOFTCUDA_INSTANTIATE(0)
SOFTCUDA_INSTANTIATE(1)
SOFTCUDA_INSTANTIATE(2)
SOFTCUDA_INSTANTIATE(3)
#undef SOFTCUDA_INSTANTIATE

}  // namespace softcuda::machine
