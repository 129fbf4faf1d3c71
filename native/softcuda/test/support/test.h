// A small test frame: tests register themselves, a program runs those whose names start with one of its arguments (all
// without arguments), and device memory, modules and launches are objects that throw with a clear text.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "driver.h"

namespace test {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A driver call that failed.
struct CudaError : Error {
  CudaError(CUresult result, const std::string& what) : Error(what + " answers " + errorName(result)), code(result) {}
  CUresult code;
};

inline void check(CUresult result, const char* what) {
  if (result != CUDA_SUCCESS) throw CudaError(result, what);
}

struct Registration {
  Registration(const char* name, std::function<void()> body);
};

#define TEST(name)                                                           \
  static void test_##name();                                                 \
  static const ::test::Registration registration_##name{#name, test_##name}; \
  static void test_##name()

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition))                                                                                        \
      throw ::test::Error(std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": not so: " #condition); \
  } while (0)

// A context of its own, current on this thread; a failed kernel spoils the context only.
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

 private:
  CUcontext context_ = nullptr;
};

template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Buffer(size_t count) : count_(count) { check(driver().memAlloc(&address_, bytes()), "cuMemAlloc"); }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) { upload(values); }
  ~Buffer() {
    if (address_) driver().memFree(address_);
  }
  Buffer(Buffer&& other) noexcept : address_(other.address_), count_(other.count_) { other.address_ = 0; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  static Buffer filled(size_t count, unsigned char byte) {
    Buffer b(count);
    check(driver().memsetD8(b.address_, byte, b.bytes()), "cuMemsetD8");
    return b;
  }
  static Buffer zeros(size_t count) { return filled(count, 0); }

  void upload(const std::vector<T>& values) {
    CHECK(values.size() == count_);
    check(driver().memcpyHtoD(address_, values.data(), bytes()), "cuMemcpyHtoD");
  }
  std::vector<T> download() const {
    std::vector<T> values(count_);
    check(driver().memcpyDtoH(values.data(), address_, bytes()), "cuMemcpyDtoH");
    return values;
  }
  void free() {
    check(driver().memFree(address_), "cuMemFree");
    address_ = 0;
  }
  CUdeviceptr address() const { return address_; }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }

 private:
  CUdeviceptr address_ = 0;
  size_t count_ = 0;
};

struct Dim {
  unsigned x = 1, y = 1, z = 1;
  Dim(unsigned x_, unsigned y_ = 1, unsigned z_ = 1)
      : x(x_), y(y_), z(z_) {}  // NOLINT: `run(k, 3, {8, 8})` reads well
};

struct Shape {
  Dim grid, block;
  unsigned shared = 0;
  bool cooperative = false;
  Shape(Dim grid_, Dim block_, unsigned shared_ = 0, bool cooperative_ = false)
      : grid(grid_), block(block_), shared(shared_), cooperative(cooperative_) {}
};

class Module {
 public:
  // The committed PTX `ptx/<name>.ptx` of this test folder.
  explicit Module(const std::string& name);
  static Module fromText(const std::string& ptx);
  ~Module() {
    if (module_) driver().moduleUnload(module_);
  }
  Module(Module&& other) noexcept : module_(other.module_) { other.module_ = nullptr; }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  CUfunction function(const std::string& kernel) const;

  template <typename T>
  void setGlobal(const char* name, const std::vector<T>& values) const {
    check(driver().memcpyHtoD(global(name, values.size() * sizeof(T)), values.data(), values.size() * sizeof(T)),
          name);
  }
  template <typename T>
  std::vector<T> getGlobal(const char* name, size_t count) const {
    std::vector<T> values(count);
    check(driver().memcpyDtoH(values.data(), global(name, count * sizeof(T)), count * sizeof(T)), name);
    return values;
  }
  CUdeviceptr global(const char* name, size_t bytesAtLeast) const;

  // Launches and waits; throws CudaError where either fails.
  template <typename... Arguments>
  void run(const std::string& kernel, const Shape& shape, const Arguments&... arguments) const {
    if (CUresult result = tryRun(kernel, shape, arguments...)) throw CudaError(result, "kernel " + kernel);
  }
  // The first error of launch and wait, as the caller wants it.
  template <typename... Arguments>
  CUresult tryRun(const std::string& kernel, const Shape& shape, const Arguments&... arguments) const {
    auto values = std::make_tuple(argument(arguments)...);
    return std::apply(
        [&](auto&... v) {
          void* pointers[] = {const_cast<void*>(static_cast<const void*>(&v))..., nullptr};
          return launch(function(kernel), shape, pointers);
        },
        values);
  }

 private:
  Module() = default;
  void load(const std::string& ptx, const std::string& name);
  static CUresult launch(CUfunction function, const Shape& shape, void** parameters);
  template <typename T>
  static CUdeviceptr argument(const Buffer<T>& buffer) {
    return buffer.address();
  }
  template <typename T>
  static T argument(const T& value) {
    return value;
  }

  CUmodule module_ = nullptr;
};

// Runs the program's tests; the exit status.
int runAll(int argc, char** argv);
// Where the test folder's committed PTX lies; SOFTCUDA_TEST_PTX names another folder, for PTX that other options made.
std::string ptxFolder();
std::string readFile(const std::string& path);

// ---- comparing ----

template <typename T>
std::string show(const T& value) {
  std::ostringstream text;
  if constexpr (std::is_floating_point_v<T>) text.precision(std::numeric_limits<T>::max_digits10);
  if constexpr (sizeof(T) == 1 && std::is_arithmetic_v<T>) text << +value;
  else text << value;
  return text.str();
}

[[noreturn]] void differ(const std::string& what, size_t index, size_t wrong, size_t count, const std::string& got,
                         const std::string& expected);

// Equal bit for bit apart from NaNs, which equal each other.
template <typename T>
void expectEqual(const std::string& what, const std::vector<T>& got, const std::vector<T>& expected) {
  if (got.size() != expected.size()) throw Error(what + ": sizes differ");
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < got.size(); i++) {
    bool same;
    if constexpr (std::is_floating_point_v<T>)
      same = (std::isnan(got[i]) && std::isnan(expected[i])) ||
             (got[i] == expected[i] && std::signbit(got[i]) == std::signbit(expected[i]));
    else same = got[i] == expected[i];
    if (!same && wrong++ == 0) first = i;
  }
  if (wrong) differ(what, first, wrong, got.size(), show(got[first]), show(expected[first]));
}

// |got - expected| <= absolute + relative * |expected|; NaNs and infinities must agree.
template <typename T, typename U>
void expectNear(const std::string& what, const std::vector<T>& got, const std::vector<U>& expected, double absolute,
                double relative = 0) {
  if (got.size() != expected.size()) throw Error(what + ": sizes differ");
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < got.size(); i++) {
    const double g = static_cast<double>(got[i]), e = static_cast<double>(expected[i]);
    const bool same = std::isnan(e)   ? std::isnan(g)
                      : std::isinf(e) ? g == e
                                      : std::fabs(g - e) <= absolute + relative * std::fabs(e);
    if (!same && wrong++ == 0) first = i;
  }
  if (wrong) differ(what, first, wrong, got.size(), show(got[first]), show(expected[first]));
}

// ---- inputs ----

using Random = std::mt19937;

template <typename T>
std::vector<T> randomIntegers(size_t count, long long low, long long high, unsigned seed = 1) {
  Random random(seed);
  std::uniform_int_distribution<long long> pick(low, high);
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(pick(random));
  return values;
}

template <typename T>
std::vector<T> randomReals(size_t count, double low, double high, unsigned seed = 1) {
  Random random(seed);
  std::uniform_real_distribution<double> pick(low, high);
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(pick(random));
  return values;
}

// ---- 16-bit floats, by definition rather than by table ----

// The nearest value (ties to even) with `precision` significant bits and exponents as in a format whose smallest
// normal number is 2^minExponent and whose largest power of two is 2^maxExponent; beyond it infinity.
double roundTo(double value, int precision, int minExponent, int maxExponent);
inline double roundHalf(double v) { return roundTo(v, 11, -14, 15); }
inline double roundBf16(double v) { return roundTo(v, 8, -126, 127); }
inline double roundTf32(double v) { return roundTo(v, 11, -126, 127); }
inline double roundFloat(double v) { return roundTo(v, 24, -126, 127); }

uint16_t halfBits(double value);
double halfValue(uint16_t bits);
uint16_t bf16Bits(double value);
double bf16Value(uint16_t bits);

}  // namespace test
