#include "machine/options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

namespace softcuda::machine {

Introspection& Introspection::instance() {
  static auto* one = new Introspection();
  return *one;
}

bool checkRequested(const char* name) {
  const char* text = std::getenv("SOFTCUDA_CHECK");
  if (text == nullptr) return false;
  std::string_view rest(text);
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (rest.substr(0, comma) == name) return true;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return false;
}

std::string countersFile() {
  const char* text = std::getenv("SOFTCUDA_COUNTERS");
  return text == nullptr ? "" : text;
}

Options optionsFromEnvironment() {
  Options options;
  options.race = checkRequested("race");
  options.init = checkRequested("init");
  options.bounds = checkRequested("bounds");
  options.strictBarriers = checkRequested("barrier");
  if (const char* seed = std::getenv("SOFTCUDA_SEED")) options.seed = std::strtoull(seed, nullptr, 0);
  if (const char* timeout = std::getenv("SOFTCUDA_TIMEOUT"))
    options.timeoutSeconds = std::max(0.0, std::strtod(timeout, nullptr));
  options.counters = !countersFile().empty();
  return options;
}

size_t threadsFromEnvironment() {
  if (const char* text = std::getenv("SOFTCUDA_THREADS")) {
    const unsigned long count = std::strtoul(text, nullptr, 10);
    if (count >= 1) return std::min<size_t>(count, 1024);
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace softcuda::machine
