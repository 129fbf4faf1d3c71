// Which shared or local array an address was made from: as far as moves, sums and conversions lead back to one.
#pragma once
#include <unordered_map>
#include <vector>

#include "ptx/ast.h"
#include "ptx/register_layout.h"

namespace softcuda::ptx {

// What is known of the operands that are no registers.
struct KnownConstants {
  std::unordered_map<program::Ref, const Variable*> arrays;  // constants that are the address of a variable
  std::unordered_map<program::Ref, uint64_t> bits;
};

// By register; null where the address may come from elsewhere.
std::vector<const Variable*> findArrays(const std::vector<Emitted>& code, size_t registers,
                                        const KnownConstants& constants);

}  // namespace softcuda::ptx
