// What one thread of the pool needs while it runs blocks of a launch.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "machine/block.h"
#include "machine/counters.h"
#include "machine/device_memory.h"
#include "machine/fault.h"
#include "machine/machine.h"
#include "program/program.h"

namespace softcuda::machine {

enum Mode : unsigned { kPlain = 0, kCounting = 1, kChecking = 2 };

struct Options {
  bool counters = false, race = false, init = false, strictBarriers = false, bounds = false;
  uint64_t seed = 0;
  double timeoutSeconds = 0;
};

class BlockMessages;

// Of a launch, shared by all workers.
struct LaunchState {
  LaunchState();
  ~LaunchState();
  const Program* program = nullptr;
  DeviceMemory* memory = nullptr;
  Launch launch;
  std::vector<uint8_t> parameters;
  uint32_t sharedBytes = 0, blockThreads = 0, warpsPerBlock = 0;
  uint64_t gridWorkspace = 0;
  uint64_t gridId = 0;
  uint32_t operation = 0;                   // see Launch; the grid's number where there is none
  std::unique_ptr<BlockMessages> messages;  // with the race checker
  Options options;
  std::string kernelName;
};

struct AllocationCache {
  uint64_t base = 1, end = 0;
  bool constant = false;
};

struct Worker {
  explicit Worker(LaunchState& state);
  ~Worker();
  LaunchState& launch;
  const Program& program;
  DeviceMemory& memory;
  Counters counters;
  std::vector<AllocationCache> caches;
  // Where undefined values come from; the first are registers that nothing has set.
  std::vector<Fault> origins;
  std::map<std::pair<const DecodedFunction*, uint32_t>, uint32_t> originByPlace;

  Frame* newFrame(Warp& warp, uint32_t functionIndex, Frame* caller);
  void freeFrame(Warp& warp, Frame* frame);

 private:
  std::vector<std::vector<Frame*>> freeFrames_;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::vector<uint8_t*> registerStorage_;
  std::vector<std::unique_ptr<Undefined[]>> undefinedStorage_;
};

}  // namespace softcuda::machine
