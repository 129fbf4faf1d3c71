// atom and red. Lanes take their turn in order; on global memory each is atomic for the whole device, on shared memory
// the block's thread is the only one.
#include <algorithm>
#include <cstring>

#include "machine/global_races.h"
#include "machine/memory_access.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

template <class T>
T combine(AtomicOp op, T old, T operand, T swap) {
  switch (op) {
    case AtomicOp::Add: return static_cast<T>(old + operand);
    case AtomicOp::Inc: return old >= operand ? T{0} : static_cast<T>(old + 1);
    case AtomicOp::Dec: return old == 0 || old > operand ? operand : static_cast<T>(old - 1);
    case AtomicOp::Min: return std::min(old, operand);
    case AtomicOp::Max: return std::max(old, operand);
    case AtomicOp::And: return static_cast<T>(old & operand);
    case AtomicOp::Or: return static_cast<T>(old | operand);
    case AtomicOp::Xor: return static_cast<T>(old ^ operand);
    case AtomicOp::Exchange: return operand;
    case AtomicOp::CompareAndSwap: return old == operand ? swap : old;
    default: return old;
  }
}

// atom.add.f32 on global memory flushes subnormal inputs and results; on shared memory it does not.
float flush(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7f800000u) == 0) bits &= 0x80000000u;
  std::memcpy(&x, &bits, 4);
  return x;
}

uint32_t addFloat(uint32_t old, uint32_t operand, bool flushes) {
  float a, b;
  std::memcpy(&a, &old, 4);
  std::memcpy(&b, &operand, 4);
  float sum = flushes ? flush(flush(a) + flush(b)) : a + b;
  if (sum != sum) return 0x7fffffffu;  // the canonical NaN
  uint32_t bits;
  std::memcpy(&bits, &sum, 4);
  return bits;
}

uint64_t addDouble(uint64_t old, uint64_t operand) {
  double a, b;
  std::memcpy(&a, &old, 8);
  std::memcpy(&b, &operand, 8);
  const double sum = a + b;
  uint64_t bits;
  std::memcpy(&bits, &sum, 8);
  return bits;
}

// f16, bf16 and their pairs, by the operation that add has.
uint32_t addHalf(const Instr& in, uint32_t old, uint32_t operand) {
  alignas(64) uint32_t a[32] = {}, b[32] = {}, d[32] = {};
  a[0] = old;
  b[0] = operand;
  void* dst = d;
  const void* src[2] = {a, b};
  in.op(1, &dst, src, in.variant);
  return d[0];
}

template <class T>
T update(const Access& a, const Instr& in, T old, T operand, T swap, bool global) {
  if (a.atomic == AtomicOp::Add) {
    if constexpr (sizeof(T) == 4) {
      if (a.type == ops::Type::F32) return addFloat(old, operand, global);
      if (a.type == ops::Type::F16x2 || a.type == ops::Type::BF16x2) return addHalf(in, old, operand);
    }
    if constexpr (sizeof(T) == 8) {
      if (a.type == ops::Type::F64) return addDouble(old, operand);
    }
    if constexpr (sizeof(T) == 2) {
      if (a.type == ops::Type::F16 || a.type == ops::Type::BF16) return static_cast<T>(addHalf(in, old, operand));
    }
  }
  if (a.type == ops::Type::S32 || a.type == ops::Type::S64) {
    using Signed = std::make_signed_t<T>;
    if (a.atomic == AtomicOp::Min)
      return static_cast<T>(std::min(static_cast<Signed>(old), static_cast<Signed>(operand)));
    if (a.atomic == AtomicOp::Max)
      return static_cast<T>(std::max(static_cast<Signed>(old), static_cast<Signed>(operand)));
  }
  return combine(a.atomic, old, operand, swap);
}

template <class T>
void lanes(const Context& c, const Access& a, const LaneAddresses& at, uint32_t mask, bool global) {
  const Instr& in = *c.instr;
  const uint32_t slot = sizeof(T) == 8 ? 8 : 4;
  uint8_t* result = c.at(in.refs[0]);
  const uint8_t* operands = c.at(in.refs[1]);
  const uint8_t* swaps = in.sources > 1 ? c.at(in.refs[2]) : nullptr;
  const uint64_t origin = global ? 0 : reinterpret_cast<uint64_t>(c.block.shared);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(left));
    T operand, swap = 0, old;
    std::memcpy(&operand, operands + lane * slot, sizeof(T));
    if (swaps != nullptr) std::memcpy(&swap, swaps + lane * slot, sizeof(T));
    auto* place = reinterpret_cast<T*>(hostBytes(origin + at.at[lane]));
    if (global) {
      if (a.atomic == AtomicOp::Add &&
          (a.type == ops::Type::U32 || a.type == ops::Type::S32 || a.type == ops::Type::U64)) {
        old = __atomic_fetch_add(place, operand, __ATOMIC_SEQ_CST);
      } else {
        old = __atomic_load_n(place, __ATOMIC_SEQ_CST);
        while (!__atomic_compare_exchange_n(place, &old, update<T>(a, in, old, operand, swap, true), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
      }
    } else {
      old = *place;
      *place = update<T>(a, in, old, operand, swap, false);
    }
    if (result != nullptr) {
      if constexpr (sizeof(T) == 8) {
        std::memcpy(result + lane * 8, &old, 8);
      } else {
        const uint32_t wide = old;
        std::memcpy(result + lane * 4, &wide, 4);
      }
    }
  }
}

template <unsigned M>
void atomicIn(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask) {
  const uint32_t bytes = a.bytes;
  const AddressSummary summary = dataMovement().summarise(at.at, mask, bytes);
  checkAlignment(c, a, at, mask, summary, bytes);
  if (area == Area::Local || area == Area::KernelParameter) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(mask));
    failAccess(c, kInvalidAddressSpace, lane, at.at[lane], bytes, "atomic operation",
               "atomic operations work on global and shared memory only");
  }
  const bool global = area != Area::Shared;
  if (global) {
    checkGlobal(c, a, at, mask, summary, bytes);
    if constexpr ((M & kChecking) != 0) {
      checkInitGlobal(c, a, at, mask, bytes, true);
      recordGlobal(c, a, at, mask, bytes, {true, true, true});
    }
  } else {
    checkShared(c, a, at, mask, summary, bytes);
    if constexpr ((M & kChecking) != 0) {
      checkArray(c, a, area, at, mask, bytes);
      recordShared(c, at, mask, bytes, {true, true, true});
    }
  }
  if constexpr ((M & kCounting) != 0) {
    Counters& counters = c.worker.counters;
    const auto count = static_cast<uint64_t>(__builtin_popcount(mask));
    if (global) {
      uint32_t least = 0;
      counters.atomicLanes += count;
      counters.atomicSectors += sectorsOf(at, mask, bytes, &least);
    } else {
      counters.sharedAtomicLanes += count;
    }
  }
  switch (bytes) {
    case 2: lanes<uint16_t>(c, a, at, mask, global); break;
    case 8: lanes<uint64_t>(c, a, at, mask, global); break;
    default: lanes<uint32_t>(c, a, at, mask, global); break;
  }
  if ((M & kChecking) != 0 && global) hearGlobal(c, at, mask);
}

}  // namespace

template <unsigned M>
void executeAtomic(const Context& c, const Access& a, uint32_t mask) {
  LaneAddresses at;
  computeAddresses(c, a, at);
  if (a.area != Area::Generic) {
    atomicIn<M>(c, a, a.area, at, mask);
    return;
  }
  while (mask != 0) {
    Area area;
    const uint32_t part = takeArea(at, &mask, &area);
    atomicIn<M>(c, a, area, at, part);
  }
}

template void executeAtomic<0>(const Context&, const Access&, uint32_t);
template void executeAtomic<1>(const Context&, const Access&, uint32_t);
template void executeAtomic<2>(const Context&, const Access&, uint32_t);
template void executeAtomic<3>(const Context&, const Access&, uint32_t);

}  // namespace softcuda::machine
