#include "machine/definedness.h"

#include <cstdio>
#include <cstring>

namespace softcuda::machine {
namespace {

constexpr uint32_t kAll = ~0u;

template <typename F>
void forLanes(uint32_t mask, F body) {
  for (; mask != 0; mask &= mask - 1) body(firstLane(mask));
}

Undefined get(const Context& c, Ref ref) { return (ref & 3) == 0 ? c.frame->undefined[ref >> 2] : Undefined(); }

void set(const Context& c, Ref ref, uint32_t mask, Undefined value) {
  if ((ref & 3) != 0) return;
  Undefined& held = c.frame->undefined[ref >> 2];
  held.lanes = (held.lanes & ~mask) | (value.lanes & mask);
  if ((value.lanes & mask) != 0) held.origin = value.origin;
}

Undefined joined(Undefined a, Undefined b) { return {a.lanes | b.lanes, a.lanes != 0 ? a.origin : b.origin}; }

Ref resultRef(const Instr& in, uint32_t i) { return in.refs[i]; }
Ref sourceRef(const Instr& in, uint32_t i) { return in.refs[in.results + i]; }

Undefined sources(const Context& c) {
  Undefined all;
  for (uint32_t i = 0; i < c.instr->sources; ++i) all = joined(all, get(c, sourceRef(*c.instr, i)));
  return all;
}

void setResults(const Context& c, uint32_t mask, Undefined value) {
  for (uint32_t i = 0; i < c.instr->results; ++i) set(c, resultRef(*c.instr, i), mask, value);
}

// A predicate's bits, as the instruction sees them.
uint32_t predicate(const Context& c, uint32_t source) {
  uint32_t bits;
  std::memcpy(&bits, c.at(sourceRef(*c.instr, source)), 4);
  return (c.instr->complement >> source & 1) != 0 ? ~bits : bits;
}

// Of a and b: where one is known and decides alone, the other does not matter.
Undefined decided(const Context& c, uint32_t a, uint32_t b, bool byTrue) {
  const Undefined ua = get(c, sourceRef(*c.instr, a)), ub = get(c, sourceRef(*c.instr, b));
  const uint32_t va = byTrue ? predicate(c, a) : ~predicate(c, a), vb = byTrue ? predicate(c, b) : ~predicate(c, b);
  Undefined all = joined(ua, ub);
  all.lanes &= ~((va & ~ua.lanes) | (vb & ~ub.lanes));
  return all;
}

// The last source is a known predicate that decides, or everything counts.
Undefined decidedByLast(const Context& c, bool byTrue) {
  const uint32_t last = c.instr->sources - 1u;
  const Undefined condition = get(c, sourceRef(*c.instr, last));
  const uint32_t bits = byTrue ? predicate(c, last) : ~predicate(c, last);
  Undefined all = sources(c);
  all.lanes &= ~(bits & ~condition.lanes);
  return all;
}

Undefined selected(const Context& c) {
  const Undefined a = get(c, sourceRef(*c.instr, 0)), b = get(c, sourceRef(*c.instr, 1)),
                  p = get(c, sourceRef(*c.instr, 2));
  const uint32_t bits = predicate(c, 2);
  return joined(joined({a.lanes & bits, a.origin}, {b.lanes & ~bits, b.origin}), p);
}

std::string placeOf(const Context& c) {
  const std::string source = c.worker.program.source->describe(c.frame->function->sources[c.pc]);
  return "line " + std::to_string(c.instr->line) + (source.empty() ? "" : " (" + source + ")");
}

// The value, which is undefined in these lanes, decides something. Where there may be a race that explains it, that is
// reported first: see Block::uninitialisedRead.
void report(const Context& c, uint32_t lanes, Undefined value, const std::string& how, bool mayWait) {
  Fault fault = c.worker.origins[value.origin];
  fault.lane = firstLane(lanes);
  fault.warp = c.warp.index;
  if (fault.function == nullptr) {
    fault.function = c.frame->function;
    fault.pc = c.pc;
  }
  fault.details = "  at " + placeOf(c) + " the value decides " + how + "\n";
  if (!mayWait || !c.block.races) throw fault;
  if (!c.block.uninitialisedRead) c.block.uninitialisedRead = std::make_unique<Fault>(fault);
}

void checkUse(const Context& c, Ref ref, uint32_t mask, const char* how, bool mayWait) {
  const Undefined value = get(c, ref);
  if ((value.lanes & mask) != 0) report(c, value.lanes & mask, value, how, mayWait);
}

void checkAddress(const Context& c, const Access& a, uint32_t mask) {
  if (a.base != Access::Base::None) checkUse(c, a.baseRef, mask, "an address", false);
}

void checkSources(const Context& c, uint32_t mask, const char* how) {
  for (uint32_t i = 0; i < c.instr->sources; ++i) checkUse(c, sourceRef(*c.instr, i), mask, how, true);
}

Undefined ofOperation(const Context& c) {
  switch (static_cast<Flow>(c.instr->target & 0xff)) {
    case Flow::Select: return selected(c);
    case Flow::And: return decided(c, 0, 1, false);
    case Flow::Or: return decided(c, 0, 1, true);
    case Flow::CompareAnd: return decidedByLast(c, false);
    case Flow::CompareOr: return decidedByLast(c, true);
    default: return sources(c);
  }
}

// The instruction from which undefined values come.
uint32_t originHere(const Context& c, const std::string& what) {
  const auto [entry, isNew] =
      c.worker.originByPlace.try_emplace({c.frame->function, c.pc}, static_cast<uint32_t>(c.worker.origins.size()));
  if (isNew) {
    Fault fault{kLaunchFailed, what, 0, "", false};
    fault.function = c.frame->function;
    fault.pc = c.pc;
    c.worker.origins.push_back(fault);
  }
  return entry->second;
}

// How many bytes from the place on were written: `bytes` if all.
size_t writtenBytes(const Context& c, Area area, uint64_t at, uint32_t lane, uint32_t bytes) {
  if (area == Area::Shared) {
    if (at + bytes > c.block.sharedWritten.size()) return bytes;
    const uint8_t* written = c.block.sharedWritten.data() + at;
    const void* hole = std::memchr(written, 0, bytes);
    return hole == nullptr ? bytes : static_cast<size_t>(static_cast<const uint8_t*>(hole) - written);
  }
  if (area == Area::Global) return c.worker.memory.firstUninitialised(at, bytes);
  if (area != Area::Local) return bytes;
  for (uint64_t row = at / 4; row <= (at + bytes - 1) / 4; ++row) {
    if ((c.warp.localUndefined[row] >> lane & 1) != 0) return 0;
  }
  return bytes;
}

std::string describeHole(const Context& c, Area area, uint64_t at) {
  if (area == Area::Shared)
    return "read of uninitialised shared memory: byte " + std::to_string(at) +
           " was not written since the block began";
  if (area == Area::Local) return "read of uninitialised local memory";
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(at));
  return "read of uninitialised global memory at " + std::string(text) + ": " + c.worker.memory.describe(at);
}

Undefined ofMemory(const Context& c, Area area, const LaneAddresses& at, uint64_t shift, uint32_t mask,
                   uint32_t bytes) {
  Undefined value;
  forLanes(mask, [&](uint32_t lane) {
    const uint64_t place = at.at[lane] + shift;
    const size_t written = writtenBytes(c, area, place, lane, bytes);
    if (written == bytes) return;
    if (value.lanes == 0) value.origin = originHere(c, describeHole(c, area, place + written));
    value.lanes |= 1u << lane;
  });
  return value;
}

void store(const Context& c, Area area, const LaneAddresses& at, uint64_t shift, uint32_t mask, uint32_t bytes,
           Undefined value) {
  if (area == Area::Local) {
    forLanes(mask, [&](uint32_t lane) {
      const uint64_t from = at.at[lane] + shift;
      for (uint64_t row = from / 4; row <= (from + bytes - 1) / 4; ++row) {
        uint32_t& lanes = c.warp.localUndefined[row];
        lanes = (lanes & ~(1u << lane)) | (value.lanes & (1u << lane));
      }
    });
    return;
  }
  value.lanes &= mask;
  if (value.lanes == 0) return;
  if (area == Area::Global) return report(c, value.lanes, value, "what is stored in global memory", true);
  if (area != Area::Shared) return;
  forLanes(value.lanes, [&](uint32_t lane) {
    const uint64_t from = at.at[lane] + shift;
    if (from + bytes <= c.block.sharedWritten.size()) std::memset(c.block.sharedWritten.data() + from, 0, bytes);
  });
}

void shuffle(const Context& c, uint32_t mask) {
  const Instr& in = *c.instr;
  const auto* b = reinterpret_cast<const uint32_t*>(c.at(sourceRef(in, 1)));
  const auto* bounds = reinterpret_cast<const uint32_t*>(c.at(sourceRef(in, 2)));
  const Undefined data = get(c, sourceRef(in, 0));
  Undefined control;
  for (uint32_t i = 1; i < in.sources; ++i) control = joined(control, get(c, sourceRef(in, i)));
  Undefined value;
  forLanes(mask, [&](uint32_t lane) {
    const uint32_t segment = bounds[lane] >> 8 & 31, clamp = bounds[lane] & 31, step = b[lane] & 31;
    const auto last = static_cast<int>((lane & segment) | (clamp & ~segment));
    int from = static_cast<int>(lane);
    bool inRange = true;
    switch (in.variant) {
      case ops::kShflUp: from -= static_cast<int>(step), inRange = from >= last; break;
      case ops::kShflDown: from += static_cast<int>(step), inRange = from <= last; break;
      case ops::kShflBfly: from = static_cast<int>(lane ^ step), inRange = from <= last; break;
      default: from = static_cast<int>((lane & segment) | (step & ~segment)), inRange = from <= last; break;
    }
    const uint32_t giver = (inRange ? static_cast<uint32_t>(from) : lane) & 31;
    if ((mask >> giver & 1) == 0) {
      if (value.lanes == 0)
        value.origin = originHere(c, "shuffle from a thread that takes no part in it: lane " + std::to_string(lane) +
                                         " reads from lane " + std::to_string(giver));
      value.lanes |= 1u << lane;
    } else if ((data.lanes >> giver & 1) != 0) {
      if (value.lanes == 0) value.origin = data.origin;
      value.lanes |= 1u << lane;
    }
  });
  set(c, resultRef(in, 0), mask, joined(value, {control.lanes & mask, control.origin}));
  if (in.results > 1) set(c, resultRef(in, 1), mask, {control.lanes & mask, control.origin});
}

// D's rows are those of A and its columns those of B. Lanes of a quad have a row of A and of D, or two, of which the
// second is in every other register of A and in the second half of D's. Lane l has column l / 4 of B, and of D the
// columns 2 * (l % 4) and the next.
void matrixProduct(const Context& c) {
  const Instr& in = *c.instr;
  const uint32_t countA = in.target >> 8 & 0xff, countB = in.target >> 16 & 0xff;
  const bool twoRows = countA > 1 && in.results > 1;
  Undefined rows[2], columns;
  for (uint32_t i = 0; i < countA + countB; ++i) {
    const Undefined one = get(c, sourceRef(in, i));
    if (one.lanes == 0) continue;
    Undefined part{0, one.origin};
    forLanes(one.lanes, [&](uint32_t lane) {
      if (i < countA) part.lanes |= 0xfu << (lane & ~3u);
      else part.lanes |= 0x11111111u << (lane / 8);
    });
    Undefined& all = i >= countA ? columns : rows[twoRows ? i % 2 : 0];
    all = joined(all, part);
  }
  const uint32_t countC = in.sources - countA - countB;
  for (uint32_t i = 0; i < in.results; ++i) {
    Undefined all = joined(columns, rows[twoRows && i >= in.results / 2u ? 1 : 0]);
    for (uint32_t k = 0; k < countC; ++k) {
      if (countC != in.results || k == i) all = joined(all, get(c, sourceRef(in, countA + countB + k)));
    }
    set(c, resultRef(in, i), kAll, all);
  }
}

}  // namespace

void trackGuard(const Context& c, uint32_t mask) {
  checkUse(c, c.instr->guard, mask, c.instr->kind == Kind::Branch ? "a branch" : "whether an instruction is executed",
           true);
}

void trackInstruction(const Context& c, uint32_t mask) {
  const Instr& in = *c.instr;
  const DecodedFunction& function = *c.frame->function;
  switch (in.kind) {
    case Kind::Lane1:
    case Kind::Lane2:
    case Kind::Lane3:
    case Kind::LaneMany:
    case Kind::LaneComplement: setResults(c, mask, ofOperation(c)); break;
    case Kind::Cvta:
    case Kind::Isspacep: setResults(c, mask, sources(c)); break;
    case Kind::Special:
    case Kind::LocalAddress:
    case Kind::StackSave:
    case Kind::Call: setResults(c, mask, {}); break;
    case Kind::Alloca:
      checkSources(c, mask, "the size of an allocation");
      setResults(c, mask, {});
      break;
    case Kind::Load:
    case Kind::Store: checkAddress(c, function.accesses[in.extra], mask); break;
    case Kind::Atomic:
      checkAddress(c, function.accesses[in.extra], mask);
      checkSources(c, mask, "what an atomic operation stores");
      setResults(c, mask, {});
      break;
    case Kind::CopyAsync:
      checkAddress(c, function.copies[in.extra].destination, mask);
      checkAddress(c, function.copies[in.extra].source, mask);
      checkSources(c, mask, "what is copied");
      break;
    case Kind::Mbarrier:
      checkAddress(c, function.mbarriers[in.extra].object, mask);
      checkSources(c, mask, "what an mbarrier does");
      setResults(c, mask, {});
      break;
    case Kind::BranchIndexed: checkSources(c, mask, "a branch"); break;
    case Kind::Barrier:
      checkSources(c, mask, "what a barrier does");
      setResults(c, mask, {});
      break;
    default: break;
  }
}

void trackTogether(const Context& c, uint32_t mask) {
  const Instr& in = *c.instr;
  if (in.kind == Kind::LoadMatrix || in.kind == Kind::WmmaLoad || in.kind == Kind::WmmaStore) {
    checkAddress(c, c.frame->function->accesses[in.extra], mask);
    return;
  }
  const auto flow = static_cast<Flow>(in.target & 0xff);
  if (flow == Flow::Shuffle) return shuffle(c, mask);
  if (flow == Flow::MatrixProduct) return matrixProduct(c);
  Undefined all = sources(c);
  all.lanes = (all.lanes & mask) != 0 ? mask : 0;
  setResults(c, mask, all);
}

void trackLoad(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask) {
  if (area == Area::Constant) area = Area::Global;
  for (uint32_t e = 0; e < a.count; ++e) {
    const Ref to = resultRef(*c.instr, e);
    if ((to & 3) == 0) set(c, to, mask, ofMemory(c, area, at, uint64_t{e} * a.bytes, mask, a.bytes));
  }
}

void trackStore(const Context& c, const Access& a, Area area, const LaneAddresses& at, uint32_t mask) {
  for (uint32_t e = 0; e < a.count; ++e)
    store(c, area, at, uint64_t{e} * a.bytes, mask, a.bytes, get(c, sourceRef(*c.instr, e)));
}

void trackLoadMatrix(const Context& c, const Access& a, const LaneAddresses& at) {
  for (uint32_t j = 0; j < c.instr->results; ++j) {
    Undefined value;
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t row = lane / 4, pair = 2 * (lane % 4);
      for (uint32_t e = 0; e < 2; ++e) {
        const uint64_t place = a.transposed ? at.at[j * 8 + pair + e] + row * 2 : at.at[j * 8 + row] + (pair + e) * 2;
        const size_t written = writtenBytes(c, Area::Shared, place, lane, 2);
        if (written == 2) continue;
        if (value.lanes == 0) value.origin = originHere(c, describeHole(c, Area::Shared, place + written));
        value.lanes |= 1u << lane;
      }
    }
    set(c, resultRef(*c.instr, j), kAll, value);
  }
}

void trackMatrixElement(const Context& c, Ref reg, bool first, bool isStore, Area area, const LaneAddresses& at,
                        uint32_t bytes) {
  if (isStore) return store(c, area, at, 0, kAll, bytes, get(c, reg));
  const Undefined value = ofMemory(c, area, at, 0, kAll, bytes);
  set(c, reg, kAll, first ? value : joined(get(c, reg), value));
}

}  // namespace softcuda::machine
