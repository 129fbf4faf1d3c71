// The part of include/softcuda/softcuda.h that belongs to the machine.
#include <algorithm>
#include <cstring>

#include "machine/options.h"
#include "softcuda/softcuda.h"

using softcuda::machine::Introspection;

#define SOFTCUDA_EXPORT __attribute__((visibility("default")))

extern "C" {

SOFTCUDA_EXPORT void softcudaCollectCounters(int on) {
  Introspection& i = Introspection::instance();
  std::lock_guard lock(i.mutex);
  i.countersWanted = on != 0;
}

SOFTCUDA_EXPORT size_t softcudaLastCounters(char* text, size_t size) {
  Introspection& i = Introspection::instance();
  std::lock_guard lock(i.mutex);
  if (text != nullptr && size > 0) {
    const size_t bytes = std::min(i.lastCounters.size(), size - 1);
    std::memcpy(text, i.lastCounters.data(), bytes);
    text[bytes] = '\0';
  }
  return i.lastCounters.size();
}

SOFTCUDA_EXPORT void softcudaSampleBlocks(unsigned long long most) {
  Introspection& i = Introspection::instance();
  std::lock_guard lock(i.mutex);
  i.mostBlocks = most;
}

SOFTCUDA_EXPORT void softcudaSelectBlocks(const unsigned long long* blocks, size_t count) {
  Introspection& i = Introspection::instance();
  std::lock_guard lock(i.mutex);
  i.chosenBlocks.assign(blocks, blocks + (blocks == nullptr ? 0 : count));
}

SOFTCUDA_EXPORT void softcudaResetCounters(void) {
  Introspection& i = Introspection::instance();
  std::lock_guard lock(i.mutex);
  i.countersWanted = false;
  i.mostBlocks = 0;
  i.chosenBlocks.clear();
  i.lastCounters.clear();
  i.lastReport.clear();
}

}  // extern "C"
