#include <cfenv>

#include "../support/test.h"

using namespace test;

namespace {

// One of the two 16-bit formats.
struct Format {
  std::string name;
  int precision, minExponent, maxExponent;
  double (*value)(uint16_t);
  uint16_t (*bits)(double);
  double round(double v) const { return roundTo(v, precision, minExponent, maxExponent); }
};
const Format kHalf{"half", 11, -14, 15, halfValue, halfBits}, kBf16{"bf16", 8, -126, 127, bf16Value, bf16Bits};

std::vector<uint16_t> patterns(size_t count, unsigned seed, const Format& f) {
  std::vector<uint16_t> all;
  const uint16_t one = f.bits(1), infinity = f.bits(INFINITY);
  for (uint16_t v :
       {uint16_t(0), uint16_t(1), uint16_t(2), uint16_t((1 << (f.precision - 1)) - 1),
        uint16_t(1 << (f.precision - 1)), one, uint16_t(one + 1), uint16_t(one - 1), f.bits(2), f.bits(3), f.bits(0.5),
        f.bits(100), uint16_t(infinity - 1), infinity, uint16_t(infinity + 1), uint16_t(0x7fff)}) {
    all.push_back(v);
    all.push_back(v | 0x8000);
  }
  const auto edges = all;
  Random random(seed);
  // all pairs of edges with each other when the seeds differ by one position: shuffled by stride
  std::vector<uint16_t> out;
  for (size_t i = 0; i < count; i++) {
    if (i < 1024) out.push_back(seed == 1 ? edges[i / 32] : seed == 2 ? edges[i % 32] : edges[random() % 32]);
    else if (i % 2) out.push_back(static_cast<uint16_t>(random()));
    else
      out.push_back(f.bits(std::ldexp(1 + random() / 4294967296.0, static_cast<int>(random() % 8) - 4) *
                           (random() & 1 ? 1 : -1)));
  }
  return out;
}

double least(double x, double y) {
  return std::isnan(x) ? y : std::isnan(y) ? x : x == y ? (std::signbit(x) ? x : y) : std::min(x, y);
}
double most(double x, double y) { return -least(-x, -y); }
double saturated(double v) { return std::isnan(v) ? 0 : v <= 0 ? 0 : std::min(v, 1.0); }

void expectBits(const std::string& what, const Format& f, const uint16_t* got, const std::vector<double>& expected) {
  std::vector<double> g, e;
  for (size_t i = 0; i < expected.size(); i++) g.push_back(f.value(got[i])), e.push_back(expected[i]);
  expectEqual(f.name + " " + what, g, e);
}

constexpr unsigned kCount = 4096;

// fma of 16-bit values: products and sums of halves are exact in double up to one rounding; for bf16 the sum may not
// be. x * y is exact in double; adding z rounds once, to odd so that the next rounding is right.
double fmaOdd(double x, double y, double z) {
  const double product = x * y;
  double sum = product + z;
  if (!std::isfinite(sum)) return sum;
  const double a = sum - product, error = (product - (sum - a)) + (z - a);
  if (error != 0) {
    uint64_t bits;
    std::memcpy(&bits, &sum, 8);
    if (!(bits & 1)) {
      // move towards the exact value where the rounded one is even
      const bool away = (error > 0) == (sum > 0);
      bits += away ? 1 : -1;
      if (sum != 0) std::memcpy(&sum, &bits, 8);
    }
  }
  return sum;
}

void arithmetic(const Format& f, const std::string& kernel) {
  const auto x = patterns(kCount, 1, f), y = patterns(kCount, 2, f), z = patterns(kCount, 3, f);
  Buffer<uint16_t> dx(x), dy(y), dz(z), out(16 * kCount);
  Module("half").run(kernel, {kCount / 64, 64}, dx, dy, dz, out);
  const auto got = out.download();
  std::vector<std::vector<double>> e(16);
  for (unsigned i = 0; i < kCount; i++) {
    const double a = f.value(x[i]), b = f.value(y[i]), c = f.value(z[i]);
    const double sum = f.round(a + b), product = f.round(a * b), fused = f.round(fmaOdd(a, b, c));
    const bool nan = std::isnan(a) || std::isnan(b);
    const double values[] = {sum,
                             f.round(a - b),
                             product,
                             fused,
                             -a,
                             std::fabs(a),
                             least(a, b),
                             most(a, b),
                             nan ? NAN : least(a, b),
                             nan ? NAN : most(a, b),
                             f.round(saturated(a + b)),
                             f.round(saturated(a * b)),
                             f.round(saturated(fmaOdd(a, b, c))),
                             std::isnan(fused) ? NAN
                             : fused <= 0      ? 0
                                               : fused,
                             f.round(a / b),
                             NAN};
    for (int k = 0; k < 15; k++) e[k].push_back(values[k]);
    e[15].push_back(f.round(a + f.round(b * c)));
  }
  const char* const names[] = {"add",     "sub",     "mul",     "fma",     "neg",     "abs",      "min", "max",
                               "min_nan", "max_nan", "add_sat", "mul_sat", "fma_sat", "fma_relu", "div", "add of mul"};
  std::string failures;
  for (int k = 0; k < 16; k++) try {
      if (k == 14) {
        // division goes through an approximate reciprocal in fp32 and one correction: right to the last place where
        // neither leaves its range
        std::vector<double> g, w;
        for (unsigned i = 0; i < kCount; i++) {
          const double d = f.value(y[i]), n = f.value(x[i]);
          if (std::isfinite(n) && std::fabs(d) < 0x1p100 && std::fabs(d) > 0x1p-100 && std::fabs(n) < 0x1p20 &&
              (n == 0 || std::fabs(n) > 0x1p-100))
            g.push_back(f.value(got[k * kCount + i])), w.push_back(e[k][i]);
        }
        expectNear(f.name + " div", g, w, std::ldexp(1, f.minExponent - f.precision + 1),
                   std::ldexp(1, 1 - f.precision));
      } else {
        expectBits(names[k], f, &got[k * kCount], e[k]);
      }
    } catch (const Error& error) {
      failures += std::string("\n  ") + error.what();
    }
  if (!failures.empty()) throw Error(failures);
}

void packedArithmetic(const Format& f, const std::string& kernel) {
  const auto x = patterns(kCount, 1, f), y = patterns(kCount, 2, f), z = patterns(kCount, 3, f);
  Buffer<uint16_t> dx(x), dy(y), dz(z), out(2 * 10 * kCount);
  Module("half").run(kernel, {kCount / 64, 64}, dx, dy, dz, out);
  const auto got = out.download();
  const char* const names[] = {"add2", "sub2", "mul2", "fma2", "neg2", "min2", "max2", "fma2_relu", "lt2", "eq2"};
  for (int k = 0; k < 10; k++) {
    std::vector<double> e;
    for (unsigned i = 0; i < 2 * kCount; i++) {
      const double first[] = {f.value(x[i / 2]), f.value(y[i / 2]), f.value(z[i / 2])};
      const double a = first[i % 2], b = first[1 + i % 2], c = first[i % 2 ? 0 : 2];
      const double fused = f.round(fmaOdd(a, b, c));
      const double values[] = {f.round(a + b),
                               f.round(a - b),
                               f.round(a * b),
                               fused,
                               -a,
                               least(a, b),
                               most(a, b),
                               std::isnan(fused) ? NAN
                               : fused <= 0      ? 0
                                                 : fused,
                               double(a < b),
                               double(a == b)};
      e.push_back(values[k]);
    }
    expectBits(names[k], f, &got[2 * k * kCount], e);
  }
}

void comparisons(const Format& f, const std::string& kernel) {
  const auto x = patterns(kCount, 1, f), y = patterns(kCount, 2, f);
  Buffer<uint16_t> dx(x), dy(y);
  Buffer<unsigned> out(kCount);
  Module("half").run(kernel, {kCount / 64, 64}, dx, dy, out);
  std::vector<unsigned> e;
  for (unsigned i = 0; i < kCount; i++) {
    const double a = f.value(x[i]), b = f.value(y[i]);
    const bool u = std::isnan(a) || std::isnan(b);
    const bool ordered[] = {a == b, !u && a != b, a<b, a <= b, a> b, a >= b};
    unsigned bits = 0;
    for (int k = 0; k < 6; k++)
      bits |= static_cast<unsigned>(ordered[k]) << k | static_cast<unsigned>(ordered[k] || u) << (k + 6);
    e.push_back(bits | static_cast<unsigned>(std::isnan(a)) << 12 | static_cast<unsigned>(std::isinf(a)) << 13);
  }
  expectEqual(kernel, out.download(), e);
}

double directed(const Format& f, double v, int mode) {
  std::fesetround(mode);
  const double r = f.round(v);
  std::fesetround(FE_TONEAREST);
  // beyond the largest finite value the directed modes stop there
  if (std::isinf(r) && std::isfinite(v)) {
    const double largest = std::ldexp(2 - std::ldexp(1, 1 - f.precision), f.maxExponent);
    if (mode == FE_TOWARDZERO || (mode == FE_UPWARD && v < 0) || (mode == FE_DOWNWARD && v > 0))
      return std::copysign(largest, v);
  }
  return r;
}

}  // namespace

TEST(half_arithmetic) { arithmetic(kHalf, "halfArithmetic"); }
TEST(half_bf16_arithmetic) { arithmetic(kBf16, "bf16Arithmetic"); }
TEST(half_packed) { packedArithmetic(kHalf, "halfPacked"); }
TEST(half_bf16_packed) { packedArithmetic(kBf16, "bf16Packed"); }
TEST(half_comparisons) { comparisons(kHalf, "halfComparisons"); }
TEST(half_bf16_comparisons) { comparisons(kBf16, "bf16Comparisons"); }

TEST(half_from_float) {
  std::vector<float> v;
  for (double base :
       {0.0,      0x1p-24, 0x1p-25,    0x1p-14,    1.0,         1 + 0x1p-11, 1 + 0x1p-10, 1 + 3 * 0x1p-11,
        65504.0,  65519.0, 65520.0,    65536.0,    1e10,        3.4e38,      0x1p-133,    0x1p-134,
        0x1p-149, 1e-40,   1.00390625, 1.01171875, 3.3961776e38})
    for (int step = -2; step <= 2; step++) {
      float x = static_cast<float>(base);
      for (int s = 0; s < std::abs(step); s++) x = std::nextafter(x, step < 0 ? -INFINITY : INFINITY);
      v.push_back(x), v.push_back(-x);
    }
  v.push_back(INFINITY), v.push_back(-INFINITY), v.push_back(NAN);
  Random random(3);
  while (v.size() < 2048)
    v.push_back(static_cast<float>(std::ldexp(1 + random() / 4294967296.0, static_cast<int>(random() % 60) - 35) *
                                   (random() & 1 ? 1 : -1)));
  const unsigned n = 2048;
  Buffer<float> in(v);
  Buffer<uint16_t> out(12 * n);
  Module("half").run("halfFromFloat", {n / 64, 64}, in, out);
  const auto got = out.download();
  const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
  for (int k = 0; k < 12; k++) {
    const Format& f = k < 4 || k == 8 || k == 9 ? kHalf : kBf16;
    std::vector<double> e;
    for (float x : v) e.push_back(directed(f, k == 9 || k == 11 ? -x : x, k < 8 ? modes[k % 4] : FE_TONEAREST));
    expectBits("conversion " + std::to_string(k), f, &got[k * n], e);
  }
}

TEST(half_from_double) {
  std::vector<double> v;
  // halfway cases that a detour through float would round twice
  for (double tie : {1 + 0x1p-11, 1 + 0x1p-8, 2049.0, 257.0, 0x1p-25, 0x1p-134})
    for (double off : {-0x1p-50, 0.0, 0x1p-50}) v.push_back(tie * (1 + off)), v.push_back(-tie * (1 + off));
  for (double x : {0.0, -0.0, 1e300, -1e300, 1e-300, 65504.0, 65519.999, 65520.0, double(INFINITY), double(-INFINITY),
                   double(NAN)})
    v.push_back(x);
  Random random(4);
  while (v.size() < 1024) v.push_back(std::ldexp(1 + random() / 4294967296.0, static_cast<int>(random() % 60) - 35));
  Buffer<double> in(v);
  Buffer<uint16_t> out(2048);
  Module("half").run("halfFromDouble", {16, 64}, in, out);
  const auto got = out.download();
  std::vector<double> h, b;
  for (double x : v) h.push_back(kHalf.round(x)), b.push_back(kBf16.round(x));
  expectBits("from double", kHalf, &got[0], h);
  expectBits("from double", kBf16, &got[1024], b);
}

template <typename T>
static T toInteger(double v, int mode) {
  if (std::isnan(v)) return sizeof(T) == 8 && std::is_signed_v<T> ? std::numeric_limits<T>::min() : 0;
  // Not nearbyint in a set mode: the optimiser may move it out of that mode.
  const double r = mode == FE_TOWARDZERO ? std::trunc(v)
                   : mode == FE_UPWARD   ? std::ceil(v)
                   : mode == FE_DOWNWARD ? std::floor(v)
                                         : std::nearbyint(v);
  if (r <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (r >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<T>(r);
}

TEST(half_to_all) {
  std::vector<uint16_t> v;
  for (int i = 0; i < 65536; i += 13) v.push_back(static_cast<uint16_t>(i));
  v.resize(5056);
  const unsigned n = 5056;
  Buffer<uint16_t> in(v);
  Buffer<float> f(2 * n);
  Buffer<int> ints(6 * n);
  Buffer<unsigned> unsigneds(2 * n);
  Buffer<short> shorts(2 * n);
  Buffer<long long> longs(2 * n);
  Module("half").run("halfToAll", {n / 64, 64}, in, f, ints, unsigneds, shorts, longs);
  std::vector<float> ef(2 * n);
  std::vector<int> ei(6 * n);
  std::vector<unsigned> eu(2 * n);
  std::vector<short> es(2 * n);
  std::vector<long long> el(2 * n);
  std::vector<char> nan(n);
  for (unsigned i = 0; i < n; i++) {
    const double h = halfValue(v[i]), b = bf16Value(v[i]);
    ef[i] = static_cast<float>(h), ef[n + i] = static_cast<float>(b);
    ei[i] = toInteger<int>(h, FE_TONEAREST), ei[n + i] = toInteger<int>(h, FE_TOWARDZERO),
    ei[2 * n + i] = toInteger<int>(h, FE_UPWARD), ei[3 * n + i] = toInteger<int>(h, FE_DOWNWARD);
    ei[4 * n + i] = toInteger<int>(b, FE_TONEAREST), ei[5 * n + i] = toInteger<int>(b, FE_TOWARDZERO);
    eu[i] = toInteger<unsigned>(h, FE_TONEAREST), eu[n + i] = toInteger<unsigned>(b, FE_TOWARDZERO);
    es[i] = toInteger<short>(h, FE_TOWARDZERO), es[n + i] = toInteger<short>(b, FE_TOWARDZERO);
    el[i] = toInteger<long long>(h, FE_TONEAREST), el[n + i] = toInteger<long long>(b, FE_DOWNWARD);
    nan[i] = std::isnan(h) || std::isnan(b);
  }
  expectEqual("to float", f.download(), ef);
  // the result for NaN differs between types: compare it only where the ISA says 0 (32-bit and narrower)
  expectEqual("to int", ints.download(), ei);
  expectEqual("to unsigned", unsigneds.download(), eu);
  expectEqual("to short", shorts.download(), es);
  auto gl = longs.download();
  for (unsigned i = 0; i < 2 * n; i++)
    if (nan[i % n]) gl[i] = el[i];
  expectEqual("to long long", gl, el);
}

TEST(half_from_integers) {
  auto v = randomIntegers<int>(960, INT32_MIN, INT32_MAX);
  for (int i = 0; i < 480; i++) v[i] >>= i % 31;
  for (int x : {0, 1, -1, 2047, 2048, 2049, 2050, 2051, -2049, 65504, 65519, 65520, -65520, 255, 257, 259, INT32_MAX,
                INT32_MIN})
    v.push_back(x);
  v.resize(1024);
  Buffer<int> in(v);
  Buffer<uint16_t> out(8 * 1024);
  Module("half").run("halfFromIntegers", {16, 64}, in, out);
  const auto got = out.download();
  std::vector<std::vector<double>> e(8);
  for (int x : v) {
    const auto u = static_cast<unsigned>(x);
    const uint64_t wide = static_cast<uint64_t>(static_cast<int64_t>(x)) << 20;
    const double odd = std::ldexp(static_cast<double>(wide >> 11 | ((wide & 0x7ff) != 0)),
                                  11);  // rounds to odd: rounding again is right
    const double values[] = {
        kHalf.round(x), directed(kHalf, x, FE_TOWARDZERO), kHalf.round(u),       kHalf.round(static_cast<short>(x)),
        kBf16.round(x), directed(kBf16, u, FE_UPWARD),     kHalf.round(x * 3.0), kBf16.round(odd)};
    for (int k = 0; k < 8; k++) e[k].push_back(values[k]);
  }
  for (int k = 0; k < 8; k++)
    expectBits("from integer " + std::to_string(k), k < 4 || k == 6 ? kHalf : kBf16, &got[k * 1024], e[k]);
}

TEST(half_functions) {
  std::vector<uint16_t> v;
  for (int i = 0; i < 65536; i += 11) v.push_back(static_cast<uint16_t>(i));
  v.resize(5952);
  const unsigned n = 5952;
  Buffer<uint16_t> in(v), out(28 * n);
  Module("half").run("halfFunctions", {n / 64, 64}, in, out);
  const auto got = out.download();
  struct Function {
    const char* name;
    double (*f)(double);
    double ulps;  // 0: exact
  };
  const Function functions[] = {
      {"sqrt", [](double x) { return std::sqrt(x); }, 1},
      {"rsqrt", [](double x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::sqrt(x); }, 1},
      {"rcp", [](double x) { return 1 / x; }, 1},
      {"exp", [](double x) { return std::exp(x); }, 1},
      {"exp2", [](double x) { return std::exp2(x); }, 1},
      {"log", [](double x) { return std::log(x); }, 1},
      {"log2", [](double x) { return std::log2(x); }, 1},
      {"sin", [](double x) { return std::sin(x); }, 1},
      {"cos", [](double x) { return std::cos(x); }, 1},
      {"floor", [](double x) { return std::floor(x); }, 0},
      {"ceil", [](double x) { return std::ceil(x); }, 0},
      {"rint", [](double x) { return std::rint(x); }, 0},
      {"trunc", [](double x) { return std::trunc(x); }, 0},
      {"tanh", [](double x) { return std::tanh(x); }, 2}};
  std::string failures;
  for (int k = 0; k < 14; k++)
    for (const Format* f : {&kHalf, &kBf16}) try {
        const uint16_t* g = &got[(2 * k + (f == &kBf16)) * n];
        std::vector<double> values, expected;
        for (unsigned i = 0; i < n; i++) {
          const double x = f->value(v[i]);
          const bool trigonometric = k == 7 || k == 8;
          // the library's bf16 sine and cosine reduce the argument in fp32: compare in the first quadrants
          if (trigonometric && (std::fabs(x) > 8 || std::fabs(std::remainder(x, 1.5707963267948966)) < 0.01)) continue;
          values.push_back(f->value(g[i])), expected.push_back(f->round(functions[k].f(x)));
        }
        if (functions[k].ulps == 0) expectEqual(f->name + " " + functions[k].name, values, expected);
        else
          expectNear(f->name + " " + functions[k].name, values, expected,
                     std::ldexp(1.01 * functions[k].ulps, f->minExponent - f->precision + 1),
                     std::ldexp(functions[k].ulps, 1 - f->precision));
      } catch (const Error& error) {
        failures += std::string("\n  ") + error.what();
      }
  if (!failures.empty()) throw Error(failures);
}

TEST(half_moves) {
  const auto v = randomIntegers<unsigned>(32, 0, UINT32_MAX);
  Buffer<unsigned> in(v), out(96);
  Module("half").run("halfMoves", {1, 32}, in, out);
  std::vector<unsigned> e(96);
  for (int i = 0; i < 32; i++) e[i] = v[i] << 16 | v[i] >> 16;
  for (int i = 0; i < 32; i++) e[32 + i] = (e[i] >> 16) | (e[i] & 0xffff) << 16, e[64 + i] = e[i ^ 3];
  expectEqual("moves", out.download(), e);
}
