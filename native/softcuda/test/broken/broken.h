// What the tests of broken kernels share.
#pragma once
#include <cstdlib>
#include <functional>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "../support/capture.h"
#include "../support/test.h"

namespace broken {

using namespace test;

inline bool checking(const char* what) {
  const char* list = std::getenv("SOFTCUDA_CHECK");
  return list && std::string(list).find(what) != std::string::npos;
}

// Line of broken.cu with the comment "// BUG name" (or another word for BUG).
inline std::string place(const std::string& name, const std::string& word = "BUG") {
  std::istringstream source(readFile(ptxFolder() + "/../broken.cu"));
  int number = 1;
  for (std::string line; std::getline(source, line); number++)
    if (line.size() > name.size() && line.find("// " + word + " " + name) != std::string::npos)
      return "broken.cu:" + std::to_string(number);
  throw Error("broken.cu has no line marked " + name);
}

struct Outcome {
  CUresult result = CUDA_SUCCESS;
  std::string report;
};

template <typename... Arguments>
Outcome launch(const Module& m, const std::string& kernel, const Shape& shape, const Arguments&... arguments) {
  Outcome o;
  o.report = captured(STDERR_FILENO, [&] { o.result = m.tryRun(kernel, shape, arguments...); });
  return o;
}

inline void expectReport(const Outcome& o, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    if (o.report.find(part) == std::string::npos)
      throw Error("the report does not say \"" + part + "\":\n" + o.report);
}

inline void expectFault(const Outcome& o, CUresult code, const std::vector<std::string>& parts) {
  if (o.result != code)
    throw Error("ended with " + errorName(o.result) + " instead of " + errorName(code) + ":\n" + o.report);
  expectReport(o, parts);
}

inline void expectClean(const Outcome& o) {
  if (o.result != CUDA_SUCCESS || !o.report.empty())
    throw Error("the corrected kernel ends with " + errorName(o.result) + ":\n" + o.report);
}

inline Module module() { return Module("broken"); }

inline std::vector<int> numbers(int count) {
  std::vector<int> v(count);
  std::iota(v.begin(), v.end(), 0);
  return v;
}

// Runs a test's part in a context of its own, since a fault spoils the one it happens in.
template <typename F>
void inContext(F body) {
  Context context;
  body();
}

using Launcher = std::function<Outcome(const Module&, const std::string& kernel)>;

// The broken kernel is reported with all the parts, the twin is clean; each in a context of its own.
inline void found(const std::string& kernel, const std::vector<std::string>& parts, const Launcher& launcher) {
  inContext([&] { expectClean(launcher(module(), kernel + "Fixed")); });
  inContext([&] {
    const Outcome o = launcher(module(), kernel);
    if (o.result == CUDA_SUCCESS) throw Error(kernel + " was not found out");
    expectReport(o, parts);
  });
}

inline void race(const std::string& kernel, const std::vector<std::string>& places, const Launcher& launcher) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  std::vector<std::string> parts = {kernel, "race", "shared"};
  parts.insert(parts.end(), places.begin(), places.end());
  found(kernel, parts, launcher);
}

inline const Launcher kFromInToOut = [](const Module& m, const std::string& kernel) {
  Buffer<int> in(numbers(128)), out(128);
  return launch(m, kernel, {1, 128}, in, out);
};
inline const Launcher kToOut = [](const Module& m, const std::string& kernel) {
  Buffer<int> out(128);
  return launch(m, kernel, {1, 128}, out);
};

}  // namespace broken
