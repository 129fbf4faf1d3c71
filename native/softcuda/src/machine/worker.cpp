#include "machine/worker.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "machine/global_races.h"

namespace softcuda::machine {

LaunchState::LaunchState() = default;
LaunchState::~LaunchState() = default;

Worker::Worker(LaunchState& state) : launch(state), program(*state.program), memory(*state.memory) {
  caches.resize(program.cacheSlots);
  freeFrames_.resize(program.functions.size());
  origins.push_back({kLaunchFailed, "use of an uninitialised register: nothing has set it", 0, "", false});
  if (state.options.counters) counters.prepare(program.instructions);
}

Worker::~Worker() {
  for (uint8_t* storage : registerStorage_) std::free(storage);
}

Frame* Worker::newFrame(Warp& warp, uint32_t functionIndex, Frame* caller) {
  const DecodedFunction& function = *program.functions[functionIndex];
  Frame* frame;
  if (!freeFrames_[functionIndex].empty()) {
    frame = freeFrames_[functionIndex].back();
    freeFrames_[functionIndex].pop_back();
  } else {
    frames_.push_back(std::make_unique<Frame>());
    frame = frames_.back().get();
    auto* storage = static_cast<uint8_t*>(std::aligned_alloc(64, function.registerBytes + 64u));
    if (storage == nullptr) throw std::bad_alloc();
    registerStorage_.push_back(storage);
    frame->registers = storage;
    frame->function = &function;
    frame->functionIndex = functionIndex;
    if (launch.options.init) {
      undefinedStorage_.push_back(std::make_unique<Undefined[]>(function.registerBytes / 4 + 1));
      frame->undefined = undefinedStorage_.back().get();
    }
  }
  if (frame->undefined != nullptr) std::fill_n(frame->undefined, function.registerBytes / 4 + 1, Undefined{~0u, 0});
  std::memset(frame->registers, 0, function.registerBytes);
  frame->caller = caller;
  frame->localBase = caller != nullptr ? caller->localTop : 0;
  frame->localTop = frame->localBase + function.localBytes;
  try {
    warp.ensureLocal(frame->localTop);
  } catch (...) {
    freeFrames_[functionIndex].push_back(frame);
    throw;
  }
  if (frame->undefined != nullptr) warp.forgetLocal(frame->localBase, frame->localTop);
  ++warp.frames;
  return frame;
}

void Worker::freeFrame(Warp& warp, Frame* frame) {
  --warp.frames;
  freeFrames_[frame->functionIndex].push_back(frame);
}

}  // namespace softcuda::machine
