// What the environment and the C API ask of launches.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "machine/worker.h"

namespace softcuda::machine {

// SOFTCUDA_SEED, SOFTCUDA_CHECK=race,init,bounds,barrier,leak, SOFTCUDA_TIMEOUT (seconds), SOFTCUDA_COUNTERS; read at
// each launch.
Options optionsFromEnvironment();
size_t threadsFromEnvironment();        // SOFTCUDA_THREADS, else one per CPU
bool checkRequested(const char* name);  // whether SOFTCUDA_CHECK lists it
std::string countersFile();             // of SOFTCUDA_COUNTERS, or empty

// What include/softcuda/softcuda.h sets and reads. Guarded by its mutex.
struct Introspection {
  std::mutex mutex;
  bool countersWanted = false;
  uint64_t mostBlocks = 0;             // 0: all
  std::vector<uint64_t> chosenBlocks;  // empty: all
  std::string lastCounters, lastReport;
  uint64_t launches = 0;
  static Introspection& instance();
};

}  // namespace softcuda::machine
