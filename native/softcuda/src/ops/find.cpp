// Looks an operation up at the best instruction-set level of this machine.
#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/groups.h"

namespace softcuda::ops {
namespace {

using Finder = LaneOp (*)(const Key& key);
#define SOFTCUDA_SCALAR(finder) &scalar::finder,
#define SOFTCUDA_AVX2(finder) &avx2::finder,
#define SOFTCUDA_AVX512(finder) &avx512::finder,
constexpr Finder kScalar[] = {SOFTCUDA_GROUPS(SOFTCUDA_SCALAR)};
#if defined(__x86_64__)
constexpr Finder kAvx2[] = {SOFTCUDA_GROUPS(SOFTCUDA_AVX2)};
constexpr Finder kAvx512[] = {SOFTCUDA_GROUPS(SOFTCUDA_AVX512)};
#endif

Level detectLevel() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // F16C and LZCNT have no name that all compilers know.
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool f16c = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 29 & 1) != 0;
  const bool lzcnt = __get_cpuid(0x80000001u, &a, &b, &c, &d) != 0 && (c >> 5 & 1) != 0;
  const bool avx2 = f16c && lzcnt && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("popcnt");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  return avx512 ? Level::Avx512 : avx2 ? Level::Avx2 : Level::Scalar;
#else
  return Level::Scalar;
#endif
}
// CPUID is slow, above all in virtual machines.
Level machineLevel() {
  static const Level level = detectLevel();
  return level;
}
Level chooseLevel() {
  const Level best = machineLevel();
  const char* wish = std::getenv("SOFTCUDA_SIMD");
  if (wish == nullptr) return best;
  for (const Level level : {Level::Scalar, Level::Avx2, Level::Avx512})
    if (name(level) == wish) return level < best ? level : best;
  return best;
}

std::string_view nameOf(Rounding r) {
  constexpr std::string_view names[] = {"",     ".rn",  ".rna", ".rz",  ".rm",     ".rp",
                                        ".rni", ".rzi", ".rmi", ".rpi", ".approx", ".full"};
  return names[static_cast<size_t>(r)];
}
std::string describe(const Key& k) {
  std::string text(name(k.op));
  if (k.wide) text += ".wide";
  if (k.hi) text += ".hi";
  if (k.lo) text += ".lo";
  text += nameOf(k.rounding);
  if (k.carryOut) text += ".cc";
  if (k.ftz) text += ".ftz";
  if (k.sat) text += ".sat";
  if (k.relu) text += ".relu";
  if (k.nan) text += ".NaN";
  if (k.xorsign) text += ".xorsign";
  if (k.abs) text += ".abs";
  for (const Type t : {k.type, k.sourceType})
    if (t != Type::None) text += '.', text += name(t);
  return text;
}

}  // namespace

Level bestLevel() {
  static const Level level = chooseLevel();
  return level;
}

LaneOp find(const Key& key, Level level, std::string* whyNot) {
  if (level > machineLevel()) {
    if (whyNot != nullptr) *whyNot = "this machine cannot run " + std::string(name(level)) + " code";
    return nullptr;
  }
#if defined(__x86_64__)
  for (const Finder finder : level == Level::Avx512 ? kAvx512 : level == Level::Avx2 ? kAvx2 : kScalar)
#else
  for (const Finder finder : kScalar)
#endif
    if (const LaneOp op = finder(key)) return op;
  if (whyNot != nullptr)
    *whyNot = "softcuda does not know the instruction form '" + describe(key) + "' with these modifiers";
  return nullptr;
}

LaneOp find(const Key& key, std::string* whyNot) { return find(key, bestLevel(), whyNot); }

}  // namespace softcuda::ops
