// The tests' few lines of framework: TEST(name) { CHECK(x); CHECK_EQ(a, b); } and MAIN() once per program.
// A failed check is reported and counted, and the test goes on; REQUIRE ends the test. Arguments on the command line
// choose the tests whose names contain one of them.
#pragma once
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace check {

struct Stop : std::exception {};

inline std::vector<std::pair<std::string, std::function<void()>>>& tests() {
  static std::vector<std::pair<std::string, std::function<void()>>> all;
  return all;
}
inline long& checks() {
  static long n = 0;
  return n;
}
inline long& failures() {
  static long n = 0;
  return n;
}

struct Register {
  Register(const char* name, std::function<void()> body) { tests().emplace_back(name, std::move(body)); }
};

template <typename T>
std::string show(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<long long>(value));
  } else if constexpr (std::is_same_v<T, unsigned char> || std::is_same_v<T, signed char>) {
    return std::to_string(static_cast<int>(value));
  } else {
    std::ostringstream out;
    out.precision(17);
    out << value;
    return out.str();
  }
}

inline void fail(const char* file, int line, const std::string& what) {
  // After many failures only the count matters.
  if (++failures() <= 100) std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

inline bool that(bool holds, const char* file, int line, const std::string& what) {
  ++checks();
  if (!holds) fail(file, line, what);
  return holds;
}

template <typename A, typename B>
bool equal(const A& a, const B& b, const char* file, int line, const char* texts) {
  ++checks();
  if (a == b) return true;
  fail(file, line, std::string(texts) + ": got " + show(a) + ", expected " + show(b));
  return false;
}

inline int run(int argc, char** argv) {
  long ran = 0, failedTests = 0;
  for (auto& test : tests()) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; ++i) wanted |= test.first.find(argv[i]) != std::string::npos;
    if (!wanted) continue;
    const long before = failures();
    ++ran;
    try {
      test.second();
    } catch (const Stop&) {
    } catch (const std::exception& e) {
      fail("exception", 0, e.what());
    }
    if (failures() != before) {
      ++failedTests;
      std::fprintf(stderr, "FAILED %s\n", test.first.c_str());
    }
  }
  std::printf("%ld tests, %ld checks, %ld failed checks in %ld tests\n", ran, checks(), failures(), failedTests);
  return failures() != 0 || ran == 0 ? 1 : 0;
}

}  // namespace check

#define TEST(name)                                                  \
  static void test_##name();                                        \
  static const check::Register register_##name(#name, test_##name); \
  static void test_##name()
#define CHECK(...) check::that(static_cast<bool>(__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)
#define CHECK_MSG(condition, message) \
  check::that(static_cast<bool>(condition), __FILE__, __LINE__, std::string(#condition) + ": " + (message))
#define CHECK_EQ(got, expected) check::equal((got), (expected), __FILE__, __LINE__, #got " == " #expected)
#define REQUIRE(...)                              \
  do {                                            \
    if (!CHECK(__VA_ARGS__)) throw check::Stop(); \
  } while (0)
#define REQUIRE_EQ(got, expected)                      \
  do {                                                 \
    if (!CHECK_EQ(got, expected)) throw check::Stop(); \
  } while (0)
#define MAIN() \
  int main(int argc, char** argv) { return check::run(argc, argv); }
