// Tests of single instructions: each case is a line of PTX with operands %a, %b, %c and result %d, and a formula in
// plain C++ for the result's bits. All cases of a test go into one module, one kernel each, and run over the operands'
// edge values.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace test {

// What an operand or result is: its register, its edge values, and when two results count as the same.
enum class Kind { Pred, U8, S8, U16, S16, U32, S32, U64, S64, F16, Bf16, F16x2, Bf16x2, F32, F64 };

using Formula = std::function<uint64_t(const uint64_t* operands)>;

struct Case {
  std::string text;  // "add.s32 %d, %a, %b;", or several instructions
  Kind result;
  std::vector<Kind> operands;
  Formula formula;
  double ulps = 0;      // how far a result may be from the formula's, in units in the last place
  double absolute = 0;  // or by how much in all
  // Operands to leave out, where PTX leaves the result open.
  std::function<bool(const uint64_t* operands)> open = {};
};

// Runs all cases and throws with the first wrong result of each wrong case.
void runCases(const std::vector<Case>& cases);

int bitsOf(Kind kind);
// Edge values of a kind, as bits.
const std::vector<uint64_t>& edgesOf(Kind kind);
// "%a" and so on replaced by "%x" in a text.
std::string replaced(std::string text, const std::string& from, const std::string& to);

}  // namespace test
