// The mathematical library that nvcc compiles into kernels, against the host's in extended precision. The bounds are
// those of the CUDA C++ Programming Guide ("Mathematical Functions Appendix"), in units in the last place beyond
// correct rounding.
#include <cfenv>
#include <functional>

#include "../support/test.h"

using namespace test;

namespace {

using Real = long double;
constexpr Real kPi = 3.14159265358979323846264338327950288L;

Real sinPi(Real x) {
  if (!std::isfinite(x)) return NAN;
  const Real r = std::remainder(x, 2.0L), a = std::fabs(r);
  if (r == std::rint(r)) return std::copysign(0.0L, x);
  return std::copysign(std::sin((a > 0.5L ? 1 - a : a) * kPi), r);
}
Real cosPi(Real x) {
  if (!std::isfinite(x)) return NAN;
  const Real r = std::fabs(std::remainder(x, 2.0L));
  if (r == 0.5L) return 0;
  return r < 0.25L ? std::cos(r * kPi) : r > 0.75L ? -std::cos((1 - r) * kPi) : std::sin((0.5L - r) * kPi);
}
// Zeros of f - y by bisection, for the inverse functions; f increases on [low, high].
Real inverse(const std::function<Real(Real)>& f, Real y, Real low, Real high) {
  for (int i = 0; i < 200; i++) {
    const Real middle = (low + high) / 2;
    (f(middle) < y ? low : high) = middle;
  }
  return (low + high) / 2;
}
Real erfInverse(Real y) {
  if (std::isnan(y) || y < -1 || y > 1) return NAN;
  if (y == 0) return y;
  if (std::fabs(y) == 1) return std::copysign(INFINITY, y);
  const Real a = std::fabs(y);
  if (a < 1e-7L) return std::sqrt(kPi) / 2 * (y + kPi / 12 * y * y * y);
  const Real x = a < 0.5L ? inverse([](Real v) { return std::erf(v); }, a, 0, 1)
                          : inverse([](Real v) { return -std::erfc(v); }, a - 1, 0, 150);
  return std::copysign(x, y);
}
Real erfcInverse(Real y) {
  if (std::isnan(y) || y < 0 || y > 2) return NAN;
  if (y == 0) return INFINITY;
  if (y == 2) return -INFINITY;
  if (y > 0.5L && y < 1.5L) return y == 1 ? 0 : erfInverse(1 - y);
  return y < 1 ? inverse([](Real v) { return -std::erfc(v); }, -y, 0, 150)
               : -inverse([](Real v) { return -std::erfc(v); }, -(2 - y), 0, 150);
}
Real normalCdf(Real x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; }
Real normalCdfInverse(Real p) {
  return std::isnan(p) || p < 0 || p > 1 ? NAN : p == 0.5L ? 0 : -std::sqrt(2.0L) * erfcInverse(2 * p);
}
Real scaledErfc(Real x) {
  if (x < 80) return std::exp(x * x) * std::erfc(x);
  // asymptotic series
  Real sum = 1, term = 1;
  for (int k = 1; k < 20; k++) sum += term *= -(2 * k - 1) / (2 * x * x);
  return std::isinf(x) ? 0 : sum / (x * std::sqrt(kPi));
}
Real besselI(int order, Real x) {
  if (std::isinf(x)) return order ? x : INFINITY;
  const Real h = x * x / 4;
  if (std::fabs(x) > 11000) return std::copysign(INFINITY, order ? x : 1);
  Real term = order ? x / 2 : 1, sum = term;
  for (int k = 1; k < 100000; k++) {
    term *= h / k / (k + order);
    sum += term;
    if (term == 0 || std::fabs(term) < std::fabs(sum) * 1e-22L) break;
  }
  return sum;
}

template <typename T>
Real ulp(Real value) {
  const T v = std::fabs(static_cast<T>(value));
  if (v >= std::numeric_limits<T>::max())
    return std::ldexp(1.0L, std::numeric_limits<T>::max_exponent - std::numeric_limits<T>::digits);
  const int exponent = v == 0 ? std::numeric_limits<T>::min_exponent - 1
                              : std::max(std::ilogb(v), std::numeric_limits<T>::min_exponent - 1);
  return std::ldexp(1.0L, exponent + 1 - std::numeric_limits<T>::digits);
}

template <typename T>
std::vector<T> edges() {
  using L = std::numeric_limits<T>;
  std::vector<T> all;
  for (T v : {T(0),
              L::denorm_min(),
              L::min() / 2,
              L::min(),
              L::epsilon(),
              T(0.1),
              T(0.25),
              T(0.5),
              std::nextafter(T(0.5), T(1)),
              T(0.75),
              std::nextafter(T(1), T(0)),
              T(1),
              std::nextafter(T(1), T(2)),
              T(1.5),
              T(2),
              T(2.5),
              T(3),
              T(3.14159265358979),
              T(4),
              T(5.5),
              T(10),
              T(20),
              T(34),
              T(35.0401),
              T(36),
              T(88),
              T(89),
              T(100),
              T(104),
              T(127.5),
              T(150),
              T(170.6),
              T(171),
              T(709),
              T(710),
              T(746),
              T(1000),
              T(105615),
              T(1e6),
              T(8388608.5),
              T(1e10),
              T(1e15),
              T(1e20),
              T(1e30),
              L::max() / 2,
              L::max(),
              L::infinity(),
              L::quiet_NaN()}) {
    all.push_back(v);
    all.push_back(-v);
  }
  return all;
}

// A multiple of 64 values: the edges, then random ones with magnitudes of all sizes, then random ones in [low, high].
template <typename T>
std::vector<T> inputs(double low, double high, unsigned seed) {
  auto all = edges<T>();
  Random random(seed);
  std::uniform_real_distribution<double> mantissa(1, 2), uniform(low, high);
  std::uniform_int_distribution<int> exponent(std::numeric_limits<T>::min_exponent - 10,
                                              std::numeric_limits<T>::max_exponent - 1);
  std::uniform_int_distribution<int> small(-10, 10);
  while (all.size() < 384)
    all.push_back(static_cast<T>(std::ldexp(mantissa(random), exponent(random)) * (random() & 1 ? 1 : -1)));
  while (all.size() < 768)
    all.push_back(static_cast<T>(std::ldexp(mantissa(random), small(random)) * (random() & 1 ? 1 : -1)));
  while (all.size() < 1024) all.push_back(static_cast<T>(uniform(random)));
  return all;
}

// Where the domain has a bound, only values inside are kept (others are replaced by `low`).
template <typename T>
std::vector<T> clamped(std::vector<T> values, double low, double high) {
  for (T& v : values)
    if (!std::isnan(v) && !(v >= low && v <= high)) v = static_cast<T>(low);
  return values;
}

template <typename T>
void compare(const std::string& name, const std::vector<T>& got, const std::vector<Real>& expected, double bound,
             const std::function<std::string(size_t)>& arguments) {
  size_t wrong = 0;
  std::string first;
  for (size_t i = 0; i < got.size(); i++) {
    const T e = static_cast<T>(expected[i]);
    bool good;
    if (std::isnan(e)) good = std::isnan(got[i]);
    else if (std::isinf(e) && bound == 0) good = got[i] == e;
    else if (std::isinf(e))
      good = got[i] == e || (std::isfinite(expected[i]) && std::signbit(got[i]) == std::signbit(e) &&
                             std::fabs(got[i]) == std::numeric_limits<T>::max());
    else if (bound == 0) good = got[i] == e && std::signbit(got[i]) == std::signbit(e);
    else
      good =
          std::fabs((std::isinf(got[i]) ? std::copysign(std::ldexp(1.0L, std::numeric_limits<T>::max_exponent), got[i])
                                        : static_cast<Real>(got[i])) -
                    expected[i]) <= (bound + 0.51L) * ulp<T>(expected[i]) &&
          (e != 0 || got[i] != 0 || std::signbit(got[i]) == std::signbit(e));
    if (!good && wrong++ == 0)
      first = name + "(" + arguments(i) + ") is " + show(got[i]) + " and should be " + show(e);
  }
  if (wrong) throw Error(first + " (" + std::to_string(wrong) + " of " + std::to_string(got.size()) + " wrong)");
}

struct Failures {
  std::string text;
  template <typename F>
  void attempt(F f) {
    try {
      f();
    } catch (const Error& e) {
      text += std::string("\n  ") + e.what();
    }
  }
  ~Failures() noexcept(false) {
    if (!text.empty() && !std::uncaught_exceptions()) throw Error(text);
  }
};

template <typename T>
using One = std::function<Real(Real)>;

template <typename T>
void unary(const Module& m, const std::string& name, double bound, const std::function<Real(Real)>& reference,
           double low = -1e300, double high = 1e300) {
  auto x = inputs<T>(std::max(low, -20.0), std::min(high, 20.0), 11);
  if (low > -1e300 || high < 1e300) x = clamped(x, low, high);
  Buffer<T> in(x), out(x.size());
  m.run("k_" + name, {static_cast<unsigned>(x.size() / 64), 64}, in, out);
  std::vector<Real> expected;
  for (T v : x) expected.push_back(reference(v));
  compare<T>(name, out.download(), expected, bound, [&](size_t i) { return show(x[i]); });
}

template <typename T>
void binary(const Module& m, const std::string& name, double bound, const std::function<Real(Real, Real)>& reference,
            bool positive = false, double low = 0, double high = 1e300) {
  // all pairs of edges, then random pairs
  const auto e = edges<T>(), r = inputs<T>(-20, 20, 12), s = inputs<T>(-20, 20, 13);
  std::vector<T> x, y;
  for (T a : e)
    for (T b : e) x.push_back(a), y.push_back(b);
  for (size_t i = 0; i < 1024; i++) x.push_back(r[i]), y.push_back(s[(i * 7) % 1024]);
  if (positive)
    for (T& v : x) v = std::fabs(v);
  if (low > 0)
    for (T& v : y)
      if (!(std::fabs(v) >= low && std::fabs(v) <= high)) v = 1;
  while (x.size() % 64) x.push_back(1), y.push_back(2);
  Buffer<T> inX(x), inY(y), out(x.size());
  m.run("k_" + name, {static_cast<unsigned>(x.size() / 64), 64}, inX, inY, out);
  std::vector<Real> expected;
  for (size_t i = 0; i < x.size(); i++) expected.push_back(reference(x[i], y[i]));
  compare<T>(name, out.download(), expected, bound, [&](size_t i) { return show(x[i]) + ", " + show(y[i]); });
}

// The functions of one precision; `f` is "f" or "".
template <typename T>
void functions(const std::string& module, const std::string& f) {
  constexpr bool single = sizeof(T) == 4;
  const auto either = [](double forFloat, double forDouble) { return single ? forFloat : forDouble; };
  Module m(module);
  Failures failures;
  const auto u = [&](const char* name, double bound, const std::function<Real(Real)>& reference, double low = -1e300,
                     double high = 1e300) {
    failures.attempt([&] { unary<T>(m, name + f, bound, reference, low, high); });
  };
  const auto b = [&](const char* name, double bound, const std::function<Real(Real, Real)>& reference,
                     bool positive = false) {
    failures.attempt([&] { binary<T>(m, name + f, bound, reference, positive); });
  };
  u("sqrt", 0, [](Real x) { return std::sqrt(static_cast<T>(x)); });
  u("rsqrt", either(2, 1), [](Real x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::sqrt(x); });
  u("cbrt", 1, [](Real x) { return std::cbrt(x); });
  u("rcbrt", 1, [](Real x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::cbrt(x); });
  u("exp", either(2, 1), [](Real x) { return std::exp(x); });
  u("exp2", either(2, 1), [](Real x) { return std::exp2(x); });
  u("exp10", either(2, 1), [](Real x) { return std::pow(10.0L, x); });
  u("expm1", 1, [](Real x) { return std::expm1(x); });
  u("log", 1, [](Real x) { return std::log(x); });
  u("log2", 1, [](Real x) { return std::log2(x); });
  u("log10", either(2, 1), [](Real x) { return std::log10(x); });
  u("log1p", 1, [](Real x) { return std::log1p(x); });
  u("sin", 2, [](Real x) { return std::sin(x); });
  u("cos", 2, [](Real x) { return std::cos(x); });
  u("tan", either(4, 2), [](Real x) { return std::tan(x); });
  u("sinpi", either(1, 2), sinPi);
  u("cospi", either(1, 2), cosPi);
  u("asin", 2, [](Real x) { return std::asin(x); });
  u("acos", 2, [](Real x) { return std::acos(x); });
  u("atan", 2, [](Real x) { return std::atan(x); });
  u("sinh", either(3, 2), [](Real x) { return std::sinh(x); });
  u("cosh", either(2, 1), [](Real x) { return std::cosh(x); });
  u("tanh", either(2, 1), [](Real x) { return std::tanh(x); });
  u("asinh", 3, [](Real x) { return std::asinh(x); });
  u("acosh", either(4, 3), [](Real x) { return std::acosh(x); });
  u("atanh", either(3, 2), [](Real x) { return std::atanh(x); });
  u("erf", 2, [](Real x) { return std::erf(x); });
  u("erfc", either(4, 5), [](Real x) { return std::erfc(x); });
  u("erfinv", either(2, 5), erfInverse);
  u("erfcinv", either(4, 6), erfcInverse);
  u("erfcx", 4, scaledErfc, -9);
  u("normcdf", 5, normalCdf);
  u("normcdfinv", either(5, 8), normalCdfInverse);
  u(
      "lgamma", either(6, 4),
      [](Real x) { return std::isinf(x)                  ? INFINITY
                          : x <= 0 && x == std::floor(x) ? INFINITY
                                                         : std::lgamma(x); },
      -2.2);
  u(
      "tgamma", either(5, 10),
      [](Real x) { return x == 0                        ? std::copysign(INFINITY, x)
                          : x < 0 && x == std::floor(x) ? NAN
                                                        : std::tgamma(x); },
      -33);
  u("j0", either(9, 7), [](Real x) { return j0l(x); }, -7.9, 7.9);
  u("j1", either(9, 7), [](Real x) { return j1l(x); }, -7.9, 7.9);
  u("y0", either(9, 7), [](Real x) { return y0l(x); }, 0.001, 7.9);
  u("y1", either(9, 7), [](Real x) { return y1l(x); }, 0.001, 7.9);
  u("cyl_bessel_i0", 6, [](Real x) { return besselI(0, x); }, -700, 700);
  u("cyl_bessel_i1", 6, [](Real x) { return besselI(1, x); }, -700, 700);
  u("floor", 0, [](Real x) { return std::floor(x); });
  u("ceil", 0, [](Real x) { return std::ceil(x); });
  u("trunc", 0, [](Real x) { return std::trunc(x); });
  u("rint", 0, [](Real x) { return std::rint(x); });
  u("nearbyint", 0, [](Real x) { return std::rint(x); });
  u("round", 0, [](Real x) { return std::round(x); });
  u("logb", 0, [](Real x) { return std::logb(x); });
  u("fabs", 0, [](Real x) { return std::fabs(x); });
  b("pow", either(4, 2), [](Real x, Real y) { return std::pow(x, y); });
  b("atan2", either(3, 2), [](Real x, Real y) { return std::atan2(x, y); });
  b("hypot", either(3, 2), [](Real x, Real y) { return std::hypot(x, y); });
  b("rhypot", either(2, 1), [](Real x, Real y) { return 1 / std::hypot(x, y); });
  b("fmod", 0, [](Real x, Real y) { return std::fmod(x, y); });
  b("remainder", 0, [](Real x, Real y) { return std::remainder(x, y); });
  b("fdim", 0, [](Real x, Real y) { return std::isnan(x) || std::isnan(y) ? Real(NAN) : x > y ? x - y : 0; });
  b("fmax", 0, [](Real x, Real y) { return x == y ? (std::signbit(x) ? y : x) : std::fmax(x, y); });
  b("fmin", 0, [](Real x, Real y) { return x == y ? (std::signbit(x) ? x : y) : std::fmin(x, y); });
  b("copysign", 0, [](Real x, Real y) { return std::copysign(x, y); });
  b("nextafter", 0, [](Real x, Real y) { return std::nextafter(static_cast<T>(x), static_cast<T>(y)); });
}

const int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
const char* const kSuffixes[] = {"_rn", "_rz", "_ru", "_rd"};

// f(x, y, z) by the host's own arithmetic in the rounding mode asked for.
template <typename T, typename F>
T rounded(int mode, F f, T x, T y = 0, T z = 0) {
  volatile T a = x, b = y, c = z;
  std::fesetround(mode);
  volatile T r = f(a, b, c);
  std::fesetround(FE_TONEAREST);
  return r;
}

// __fadd_rn, __dmul_ru and so on: exact in every rounding mode.
template <typename T>
void directed(const std::string& module, const std::string& prefix, const std::string& fma) {
  Module m(module);
  Failures failures;
  struct Operation {
    const char* name;
    T (*f)(T, T, T);
  };
  for (int mode = 0; mode < 4; mode++) {
    const auto r = [mode](T (*f)(T, T, T)) {
      return [=](Real x, Real y) -> Real { return rounded<T>(kModes[mode], f, static_cast<T>(x), static_cast<T>(y)); };
    };
    const std::string s = kSuffixes[mode];
    for (const Operation& o :
         {Operation{"add", [](T x, T y, T) { return x + y; }}, Operation{"sub", [](T x, T y, T) { return x - y; }},
          Operation{"mul", [](T x, T y, T) { return x * y; }}, Operation{"div", [](T x, T y, T) { return x / y; }}})
      failures.attempt([&] { binary<T>(m, prefix + o.name + s, 0, r(o.f)); });
    for (const Operation& o : {Operation{"rcp", [](T x, T, T) { return 1 / x; }},
                               Operation{"sqrt", [](T x, T, T) { return std::sqrt(x); }}})
      failures.attempt([&] { unary<T>(m, prefix + o.name + s, 0, [&](Real x) { return r(o.f)(x, 0); }); });
    failures.attempt([&] {
      const auto e = edges<T>();
      Random random(9);
      std::vector<T> x, y, z;
      for (int i = 0; i < 8192; i++)
        x.push_back(e[random() % e.size()]), y.push_back(e[random() % e.size()]), z.push_back(e[random() % e.size()]);
      const auto v = inputs<T>(-3, 3, 14);
      for (int i = 0; i < 8192; i++) {
        x.push_back(v[random() % 1024]), y.push_back(v[random() % 1024]);
        // near cancellation often enough
        z.push_back(i % 2 ? v[random() % 1024] : -x.back() * y.back());
      }
      Buffer<T> dx(x), dy(y), dz(z), out(x.size());
      m.run("k_" + fma + s, {static_cast<unsigned>(x.size() / 64), 64}, dx, dy, dz, out);
      std::vector<Real> expected;
      for (size_t i = 0; i < x.size(); i++)
        expected.push_back(
            rounded<T>(kModes[mode], [](T p, T q, T w) { return std::fma(p, q, w); }, x[i], y[i], z[i]));
      compare<T>(fma + s, out.download(), expected, 0,
                 [&](size_t i) { return show(x[i]) + ", " + show(y[i]) + ", " + show(z[i]); });
    });
  }
}

}  // namespace

TEST(math_float_functions) { functions<float>("math_float", "f"); }
TEST(math_double_functions) { functions<double>("math_double", ""); }
TEST(math_float_directed) { directed<float>("math_float", "__f", "__fmaf"); }
TEST(math_double_directed) { directed<double>("math_double", "__d", "__fma"); }

// The fast intrinsics, with the errors that the guide states for the hardware.
TEST(math_float_fast) {
  Module m("math_float");
  Failures failures;
  const auto absolute = [&](const char* name, double low, double high, double bound,
                            const std::function<Real(Real)>& f) {
    failures.attempt([&] {
      const auto x = randomReals<float>(1024, low, high, 21);
      Buffer<float> in(x), out(1024);
      m.run(std::string("k_") + name, {16, 64}, in, out);
      std::vector<double> expected;
      for (float v : x) expected.push_back(static_cast<double>(f(v)));
      expectNear(name, out.download(), expected, bound);
    });
  };
  const double pi = static_cast<double>(kPi);
  absolute("__sinf", -pi, pi, 0x1p-21 * 0.76, [](Real x) { return std::sin(x); });
  absolute("__cosf", -pi, pi, 0x1p-21 * 0.88, [](Real x) { return std::cos(x); });
  absolute("__logf", 0.5, 2, 0x1p-21 * 0.76, [](Real x) { return std::log(x); });
  absolute("__log2f", 0.5, 2, 0x1p-22, [](Real x) { return std::log2(x); });
  absolute("__log10f", 0.5, 2, 0x1p-24, [](Real x) { return std::log10(x); });
  absolute("__saturatef", -2, 2, 0, [](Real x) { return x < 0 ? 0 : x > 1 ? 1 : x; });
  failures.attempt([&] {
    const auto x = randomReals<float>(1024, -80, 80, 22);
    Buffer<float> in(x), out(1024);
    m.run("k___expf", {16, 64}, in, out);
    const auto got = out.download();
    for (size_t i = 0; i < 1024; i++) {
      const Real e = std::exp(static_cast<Real>(x[i]));
      if (std::fabs(got[i] - e) > (2.51L + std::floor(std::fabs(1.173L * x[i]))) * ulp<float>(e))
        throw Error("__expf(" + show(x[i]) + ") is " + show(got[i]));
    }
  });
  failures.attempt(
      [&] { binary<float>(m, "__fdividef", 2, [](Real x, Real y) { return x / y; }, false, 0x1p-126, 0x1p126); });
  failures.attempt([&] {
    unary<float>(m, "__frsqrt_rn", 0, [](Real x) { return x == 0 ? std::copysign(INFINITY, x) : 1 / std::sqrt(x); });
  });
  // 0 / 0 of lg2 and ex2 at the edges: IEEE's special values
  failures.attempt([&] {
    Buffer<float> in(std::vector<float>(64, 0.0f)), out(64);
    m.run("k___logf", {1, 64}, in, out);
    CHECK(out.download()[0] == -INFINITY);
    m.run("k___expf", {1, 64}, in, out);
    CHECK(out.download()[0] == 1);
    m.run("k___sinf", {1, 64}, in, out);
    CHECK(out.download()[0] == 0);
  });
}

TEST(math_parts) {
  Module m("math_float");
  const auto x = inputs<float>(-20, 20, 31);
  const unsigned n = static_cast<unsigned>(x.size());
  Buffer<float> in(x), mantissas(n), whole(n), fraction(n), scaled(n), s(n), c(n);
  Buffer<int> exponents(n), logs(n), classes(n);
  m.run("k_parts", {n / 64, 64}, in, exponents, mantissas, whole, fraction, logs, scaled);
  m.run("k_sincosf", {n / 64, 64}, in, s, c);
  m.run("k_classes", {n / 64, 64}, in, classes);
  std::vector<float> em, ew, ef, es;
  std::vector<int> ee, el, ec;
  for (unsigned i = 0; i < n; i++) {
    int e = 0;
    em.push_back(std::frexp(x[i], &e));
    ee.push_back(std::isfinite(x[i]) ? e : 0);
    float w;
    ef.push_back(std::modf(x[i], &w));
    ew.push_back(w);
    el.push_back(std::isnan(x[i])   ? INT32_MIN
                 : x[i] == 0        ? INT32_MIN
                 : std::isinf(x[i]) ? INT32_MAX
                                    : std::ilogb(x[i]));
    es.push_back(std::ldexp(x[i], static_cast<int>(i % 300) - 150));
    ec.push_back(std::isnan(x[i]) | std::isinf(x[i]) << 1 | std::isfinite(x[i]) << 2 | std::signbit(x[i]) << 3);
  }
  auto gotExponents = exponents.download();
  for (unsigned i = 0; i < n; i++)
    if (!std::isfinite(x[i])) gotExponents[i] = 0;  // unspecified
  expectEqual("frexp", mantissas.download(), em);
  expectEqual("frexp's exponent", gotExponents, ee);
  expectEqual("modf", fraction.download(), ef);
  expectEqual("modf's whole", whole.download(), ew);
  expectEqual("ilogb", logs.download(), el);
  expectEqual("ldexp", scaled.download(), es);
  expectEqual("classes", classes.download(), ec);
  std::vector<Real> sines, cosines;
  for (float v : x) sines.push_back(std::sin(static_cast<Real>(v))), cosines.push_back(std::cos(static_cast<Real>(v)));
  compare<float>("sincosf", s.download(), sines, 2, [&](size_t i) { return show(x[i]); });
  compare<float>("sincosf", c.download(), cosines, 2, [&](size_t i) { return show(x[i]); });
}
