#include "ptx/arrays.h"

namespace softcuda::ptx {
namespace {

using program::Kind;
using program::Ref;
using O = ops::Opcode;

// Of a register, or of what an instruction gives: nothing seen yet; made from one array; a number, or made from
// several.
struct Origin {
  bool seen = false;
  const Variable* array = nullptr;
};

class Search {
 public:
  Search(const std::vector<Emitted>& code, size_t registers, const KnownConstants& constants)
      : code_(code), constants_(constants), origins_(registers) {}

  std::vector<const Variable*> run() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const Emitted& e : code_) changed = step(e) || changed;
    }
    std::vector<const Variable*> arrays;
    for (const Origin& o : origins_) arrays.push_back(o.array);
    return arrays;
  }

 private:
  // An instruction's results join what their registers hold by other instructions.
  bool step(const Emitted& e) {
    bool changed = false;
    for (size_t i = 0; i < e.results.size(); ++i) {
      if (!isRegister(e.results[i])) continue;
      const Origin made = i == 0 ? result(e) : Origin{true, nullptr};
      Origin& held = origins_[registerOf(e.results[i])];
      if (!made.seen) continue;
      const Origin joined{true, !held.seen || held.array == made.array ? made.array : nullptr};
      changed = changed || !held.seen || held.array != joined.array;
      held = joined;
    }
    return changed;
  }

  Origin of(Ref ref) const {
    if (isRegister(ref)) return origins_[registerOf(ref)];
    const auto found = constants_.arrays.find(ref);
    return {true, found == constants_.arrays.end() ? nullptr : found->second};
  }

  // Of an address and numbers: the address's array. Of two addresses: a number.
  Origin sum(const Emitted& e) const {
    Origin all;
    int arrays = 0;
    for (Ref r : e.sources) {
      const Origin one = of(r);
      all.seen = all.seen || one.seen;
      if (one.array == nullptr) continue;
      all.array = one.array;
      ++arrays;
    }
    return arrays > 1 ? Origin{true, nullptr} : all;
  }

  // Rounding down keeps an address one; the low bits of an address are a number.
  Origin masked(const Emitted& e) const {
    for (Ref r : e.sources) {
      const auto mask = constants_.bits.find(r);
      if (mask == constants_.bits.end()) continue;
      const bool high = mask->second >> 63 != 0 || (mask->second >> 32 == 0 && mask->second >> 31 != 0);
      return high ? sum(e) : Origin{true, nullptr};
    }
    return {true, nullptr};
  }

  Origin result(const Emitted& e) const {
    if (e.instr.kind == Kind::LocalAddress) return {true, e.variable};
    if (e.instr.kind == Kind::Cvta) return of(e.sources[0]);
    if (!e.isOperation || e.results.size() != 1) return {true, nullptr};
    switch (e.opcode) {
      case O::Mov:
      case O::Cvt: return e.sources.size() == 1 ? of(e.sources[0]) : Origin{true, nullptr};
      case O::Mad:
      case O::Mad24:
        if (of(e.sources[0]).array != nullptr || of(e.sources[1]).array != nullptr) return {true, nullptr};
        return of(e.sources[2]);
      case O::Add:
      case O::Or:
      case O::Xor:
      case O::Lop3: return sum(e);
      case O::And: return masked(e);
      case O::Sub: return of(e.sources[1]).array != nullptr ? Origin{true, nullptr} : of(e.sources[0]);
      case O::Selp: {
        const Origin a = of(e.sources[0]), b = of(e.sources[1]);
        if (!a.seen || !b.seen) return a.seen ? a : b;
        return {true, a.array == b.array ? a.array : nullptr};
      }
      default: return {true, nullptr};
    }
  }

  const std::vector<Emitted>& code_;
  const KnownConstants& constants_;
  std::vector<Origin> origins_;
};

}  // namespace

std::vector<const Variable*> findArrays(const std::vector<Emitted>& code, size_t registers,
                                        const KnownConstants& constants) {
  return Search(code, registers, constants).run();
}

}  // namespace softcuda::ptx
