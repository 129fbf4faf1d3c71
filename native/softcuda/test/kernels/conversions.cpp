#include <cfenv>

#include "../support/test.h"

using namespace test;

namespace {

using u64 = uint64_t;
using s64 = int64_t;
constexpr unsigned kCount = 1024;

template <typename T>
std::vector<T> sources(unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<T> out;
  if constexpr (std::is_integral_v<T>) {
    for (int b = 0; b < static_cast<int>(sizeof(T)) * 8; b++)
      for (int d = -1; d <= 1; d++)
        out.push_back(static_cast<T>((u64(1) << b) + static_cast<u64>(d))),
            out.push_back(static_cast<T>(0 - (u64(1) << b) + static_cast<u64>(d)));
    out.push_back(std::numeric_limits<T>::min()), out.push_back(std::numeric_limits<T>::max());
    // halfway cases of the conversions to float and double
    for (u64 tie : {0x1000001ull, 0x1000003ull, 0x20000000000001ull, 0x20000000000003ull, 0x8000008000000000ull,
                    0x8000018000000000ull, 0x80000080000000ull, 0x7fffffbfffffffffull, 0x7fffff8000000000ull,
                    0x4000004000000000ull, 0x4000004000000001ull, 0x400000c000000000ull})
      out.push_back(static_cast<T>(tie)), out.push_back(static_cast<T>(0 - tie));
    while (out.size() < kCount) out.push_back(static_cast<T>(random() >> (random() % 64)));
  } else {
    using L = std::numeric_limits<T>;
    for (T v : {T(0),
                L::denorm_min(),
                L::min(),
                T(0.25),
                T(0.5),
                std::nextafter(T(0.5), T(1)),
                std::nextafter(T(0.5), T(0)),
                T(1),
                T(1.5),
                T(2.5),
                T(3.5),
                T(127),
                T(127.5),
                T(128),
                T(255),
                T(255.5),
                T(256),
                T(32767),
                T(32767.5),
                T(32768),
                T(65535),
                T(65535.5),
                T(65536),
                T(8388607.5),
                T(2147483520),
                T(2147483647),
                T(2147483647.5),
                T(2147483648),
                T(2147483649),
                T(4294967040.0),
                T(4294967295.0),
                T(4294967295.5),
                T(4294967296.0),
                T(9223372036854774784.0),
                T(9223372036854775808.0),
                T(18446744073709549568.0),
                T(18446744073709551616.0),
                T(1e30),
                T(3.40282357e38),
                T(3.4028235677973366e38),
                T(1 + 0x1p-24),
                T(1 + 0x3p-24),
                T(0x1p-150),
                T(0x1.8p-149),
                T(0x1.fffffep-127),
                L::max(),
                L::infinity()})
      out.push_back(v), out.push_back(-v), out.push_back(std::nextafter(v, L::infinity())),
          out.push_back(std::nextafter(-v, T(0)));
    out.push_back(L::quiet_NaN());
    while (out.size() < kCount)
      out.push_back(static_cast<T>(
          std::ldexp(static_cast<double>(static_cast<s64>(random())), -63 + static_cast<int>(random() % 70))));
  }
  out.resize(kCount);
  return out;
}

// PTX ISA, cvt: conversions to integers clamp; NaN gives 0, but the highest bit alone for f64 sources and for 64-bit
// results.
template <typename To, typename From>
To toInteger(From value, int mode) {
  using Bits = std::make_unsigned_t<To>;
  const long double v = value;
  if (std::isnan(v))
    return sizeof(From) == 8 || sizeof(To) == 8 ? static_cast<To>(Bits(1) << (sizeof(To) * 8 - 1)) : To(0);
  std::fesetround(mode);
  const long double r = std::nearbyint(v);
  std::fesetround(FE_TONEAREST);
  if (r <= static_cast<long double>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (r >= static_cast<long double>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return static_cast<To>(r);
}

template <typename From, typename To>
To converted(From v) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) return toInteger<To>(v, FE_TOWARDZERO);
  else return static_cast<To>(v);
}

// Values that C++ leaves undefined (a float outside the integer's range) are left to PTX's own tests: nvcc goes
// through wider types for 8 and 16 bits.
template <typename From, typename To>
bool defined(From v) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    return v > static_cast<long double>(std::numeric_limits<To>::min()) - 1 &&
           v < static_cast<long double>(std::numeric_limits<To>::max()) + 1;
  else return true;
}

template <typename From, typename To>
void pair(const Module& m, const std::string& from, const std::string& to) {
  const auto values = sources<From>(7);
  Buffer<From> in(values);
  Buffer<To> out(kCount);
  m.run(from + "To" + to, {kCount / 64, 64}, in, out);
  auto got = out.download();
  std::vector<To> expected;
  for (unsigned i = 0; i < kCount; i++) {
    const bool is = defined<From, To>(values[i]);
    expected.push_back(is ? converted<From, To>(values[i]) : To(0));
    if (!is) got[i] = To(0);
  }
  expectEqual(from + " to " + to, got, expected);
}

template <typename From>
void row(const Module& m, const std::string& from) {
  pair<From, int8_t>(m, from, "S8");
  pair<From, uint8_t>(m, from, "U8");
  pair<From, int16_t>(m, from, "S16");
  pair<From, uint16_t>(m, from, "U16");
  pair<From, int32_t>(m, from, "S32");
  pair<From, uint32_t>(m, from, "U32");
  pair<From, s64>(m, from, "S64");
  pair<From, u64>(m, from, "U64");
  pair<From, float>(m, from, "F32");
  pair<From, double>(m, from, "F64");
}

template <typename From, typename To>
void rounded(const Module& m, const char* kernel) {
  const auto values = sources<From>(8);
  Buffer<From> in(values);
  Buffer<To> out(4 * kCount);
  m.run(kernel, {kCount / 64, 64}, in, out);
  const auto got = out.download();
  const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
  std::vector<To> expected;
  for (int mode : modes)
    for (From v : values) {
      if constexpr (std::is_integral_v<To>) {
        expected.push_back(toInteger<To>(v, mode));
      } else {
        volatile From input = v;
        std::fesetround(mode);
        volatile To result = static_cast<To>(input);
        std::fesetround(FE_TONEAREST);
        // unsigned zeros are not negative, though clang's own conversion makes them so when rounding down
        expected.push_back(std::is_unsigned_v<From> && v == 0 ? To(0) : To(result));
      }
    }
  expectEqual(kernel, got, expected);
}

}  // namespace

TEST(conversions_lattice) {
  Module m("conversions");
  row<int8_t>(m, "S8");
  row<uint8_t>(m, "U8");
  row<int16_t>(m, "S16");
  row<uint16_t>(m, "U16");
  row<int32_t>(m, "S32");
  row<uint32_t>(m, "U32");
  row<s64>(m, "S64");
  row<u64>(m, "U64");
  row<float>(m, "F32");
  row<double>(m, "F64");
}

TEST(conversions_rounded) {
  Module m("conversions");
  rounded<float, int>(m, "float2int");
  rounded<float, unsigned>(m, "float2uint");
  rounded<float, s64>(m, "float2ll");
  rounded<float, u64>(m, "float2ull");
  rounded<double, int>(m, "double2int");
  rounded<double, unsigned>(m, "double2uint");
  rounded<double, s64>(m, "double2ll");
  rounded<double, u64>(m, "double2ull");
  rounded<double, float>(m, "double2float");
  rounded<int, float>(m, "int2float");
  rounded<unsigned, float>(m, "uint2float");
  rounded<s64, float>(m, "ll2float");
  rounded<u64, float>(m, "ull2float");
  rounded<s64, double>(m, "ll2double");
  rounded<u64, double>(m, "ull2double");
}

TEST(conversions_reinterpreted) {
  const auto values = sources<double>(9);
  Buffer<double> in(values), back(kCount);
  Buffer<int> high(kCount), low(kCount), asInt(kCount);
  Buffer<float> asFloat(kCount);
  Module("conversions").run("reinterpretations", {kCount / 64, 64}, in, high, low, back, asFloat, asInt);
  std::vector<int> eh, el, ei;
  std::vector<double> eb;
  std::vector<float> ef;
  for (double v : values) {
    u64 bits;
    std::memcpy(&bits, &v, 8);
    eh.push_back(static_cast<int>(bits >> 32)), el.push_back(static_cast<int>(bits));
    bits ^= 0xffffffffu;
    std::memcpy(&v, &bits, 8);
    eb.push_back(v);
    float f;
    std::memcpy(&f, &eh.back(), 4);
    ef.push_back(f);
    ei.push_back(0);
  }
  for (unsigned i = 0; i < kCount; i++) {
    const auto f = static_cast<float>(values[i]);
    std::memcpy(&ei[i], &f, 4);
    if (std::isnan(f)) ei[i] = 0x7fffffff;  // the canonical NaN of cvt
  }
  expectEqual("high", high.download(), eh);
  expectEqual("low", low.download(), el);
  expectEqual("back", back.download(), eb);
  expectEqual("as float", asFloat.download(), ef);
  expectEqual("as int", asInt.download(), ei);
}
