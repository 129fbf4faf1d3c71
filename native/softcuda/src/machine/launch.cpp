// Runs the blocks of a launch on the thread pool.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <limits>
#include <new>
#include <numeric>
#include <set>
#include <thread>

#include "machine/block.h"
#include "machine/block_traffic.h"
#include "machine/counters_report.h"
#include "machine/global_races.h"
#include "machine/loaded_module.h"
#include "machine/options.h"
#include "machine/race_checker.h"
#include "machine/thread_pool.h"
#include "machine/worker.h"

namespace softcuda::machine {
namespace {

constexpr size_t kMostResident = 256;  // blocks of a thread that have begun and not ended

const char* nameOfCode(int code) {
  switch (code) {
    case kOutOfMemory: return "CUDA_ERROR_OUT_OF_MEMORY";
    case kIllegalAddress: return "CUDA_ERROR_ILLEGAL_ADDRESS";
    case kLaunchTimeout: return "CUDA_ERROR_LAUNCH_TIMEOUT";
    case kAssert: return "CUDA_ERROR_ASSERT";
    case kHardwareStackError: return "CUDA_ERROR_HARDWARE_STACK_ERROR";
    case kIllegalInstruction: return "CUDA_ERROR_ILLEGAL_INSTRUCTION";
    case kMisalignedAddress: return "CUDA_ERROR_MISALIGNED_ADDRESS";
    case kInvalidAddressSpace: return "CUDA_ERROR_INVALID_ADDRESS_SPACE";
    case kInvalidPc: return "CUDA_ERROR_INVALID_PC";
    case kSuccess: return "note";
    default: return "CUDA_ERROR_LAUNCH_FAILED";
  }
}

// All blocks of a launch that run, in the order in which they begin.
class BlockOrder {
 public:
  BlockOrder(uint64_t total, uint64_t seed, const std::vector<uint64_t>& chosen, uint64_t most)
      : total_(total), chosen_(chosen) {
    if (!chosen_.empty()) {
      chosen_.erase(std::remove_if(chosen_.begin(), chosen_.end(), [&](uint64_t b) { return b >= total; }),
                    chosen_.end());
    } else if (most != 0 && most < total) {  // spread evenly
      for (uint64_t i = 0; i < most; ++i)
        chosen_.push_back(static_cast<uint64_t>((static_cast<unsigned __int128>(i) * 2 + 1) * total / (most * 2)));
    }
    subset_ = !chosen.empty() || !chosen_.empty();
    const uint64_t n = count();
    if (seed != 0 && n > 1) {  // i -> (i * factor + shift) mod n, with a factor that has no divisor in common with n
      uint64_t x = seed * 0x9e3779b97f4a7c15u ^ 0x1234567;
      x ^= x >> 29;
      factor_ = x % n | 1;
      while (std::gcd(factor_, n) != 1) factor_ = factor_ + 2 < n ? factor_ + 2 : 1;
      shift_ = (x >> 17) % n;
    }
  }
  uint64_t count() const { return subset_ ? chosen_.size() : total_; }
  bool isSubset() const { return subset_; }
  uint64_t at(uint64_t position) const {
    const uint64_t i =
        factor_ == 1 && shift_ == 0
            ? position
            : static_cast<uint64_t>((static_cast<unsigned __int128>(position) * factor_ + shift_) % count());
    return subset_ ? chosen_[i] : i;
  }

 private:
  uint64_t total_;
  std::vector<uint64_t> chosen_;
  bool subset_ = false;
  uint64_t factor_ = 1, shift_ = 0;
};

class Run {
 public:
  Run(LaunchState& state, const LoadedModule& module, const BlockOrder& order, size_t threads)
      : state_(state), module_(module), order_(order), threads_(threads), start_(std::chrono::steady_clock::now()) {}

  void work(size_t index) {
    try {
      Worker worker(state_);
      blocks(worker, index);
      std::lock_guard lock(mutex_);
      counters_.add(worker.counters);
    } catch (const std::bad_alloc&) {
      fail(0, {kOutOfMemory, "out of host memory while running a kernel"});
    }
  }

  // With code 0 and a report: the launch is right, and there is something to say about it.
  Failure failure() const { return failure_.code != 0 ? failure_ : Failure{0, notes_}; }
  const Counters& counters() const { return counters_; }

 private:
  void blocks(Worker& worker, size_t index) {
    std::deque<std::unique_ptr<Block>> active;
    std::vector<std::unique_ptr<Block>> idle;
    const bool together = state_.launch.cooperative || state_.program->needsAllBlocks;  // blocks wait for each other
    uint64_t mine = index;
    bool more = true;
    auto begin = [&] {
      uint64_t position;
      if (together) {
        position = mine;
        mine += threads_;
      } else {
        position = next_.fetch_add(1, std::memory_order_relaxed);
      }
      if (position >= order_.count() || position >= failedPosition_.load(std::memory_order_relaxed)) {
        more = false;
        return false;
      }
      std::unique_ptr<Block> block;
      if (idle.empty()) {
        block = std::make_unique<Block>();
      } else {
        block = std::move(idle.back());
        idle.pop_back();
      }
      block->start(worker, order_.at(position));
      block->position = position;
      active.push_back(std::move(block));
      return true;
    };
    if (together) {
      while (begin()) {}
    }
    for (;;) {
      if (active.empty() && !(more && begin())) break;
      std::unique_ptr<Block> block = std::move(active.front());
      active.pop_front();
      if (block->position > failedPosition_.load(std::memory_order_relaxed)) continue;
      bool ended = true;
      try {
        ended = block->run(worker);
      } catch (const Fault& fault) {
        fail(block->position, {fault.code, report(*block, worker, fault)});
        continue;
      }
      note(*block, worker);
      if (ended) {
        idle.push_back(std::move(block));
        continue;
      }
      if (outOfTime()) {
        Fault fault{kLaunchTimeout,
                    "the kernel runs longer than the limit of " + std::to_string(state_.options.timeoutSeconds) + " s",
                    0, block->describePaths(worker), true};
        for (const Warp& warp : block->warps) {
          if (warp.paths.empty()) continue;
          const Path& path = warp.paths.back();
          fault.function = path.frame->function;
          fault.pc = path.polledAt != kNone ? path.polledAt : path.pc;
          fault.warp = warp.index;
          fault.lane = static_cast<uint32_t>(__builtin_ctz(path.mask));
          fault.placed = false;
        }
        fail(block->position, {fault.code, report(*block, worker, fault)});
        continue;
      }
      // It may wait for a block that has not begun.
      active.push_back(std::move(block));
      if (active.size() < kMostResident && more) begin();
      if (active.size() == 1 && threads_ > 1) std::this_thread::yield();
    }
  }

  // What a block has to say, once for each place.
  void note(Block& block, const Worker& worker) {
    if (block.notes.empty()) return;
    std::lock_guard lock(mutex_);
    for (const Fault& fault : block.notes) {
      if (noted_.insert({fault.function, fault.pc}).second) notes_ += report(block, worker, fault);
    }
    block.notes.clear();
  }

  bool outOfTime() const {
    if (state_.options.timeoutSeconds <= 0) return false;
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() >
           state_.options.timeoutSeconds;
  }

  // The first block in order wins, whatever thread was quicker.
  void fail(uint64_t position, Failure failure) {
    std::lock_guard lock(mutex_);
    if (failure_.code != 0 && position >= failedPosition_.load()) return;
    failedPosition_ = position;
    failure_ = std::move(failure);
  }

  std::string report(const Block& block, const Worker& worker, const Fault& fault) const {
    std::string text = std::string(nameOfCode(fault.code)) + ": " + fault.what + "\n";
    text += "  kernel " + state_.kernelName + ", block (" + std::to_string(block.index[0]) + "," +
            std::to_string(block.index[1]) + "," + std::to_string(block.index[2]) + ")";
    if (!fault.placed) text += ", thread " + block.threadName(worker, fault.warp * 32 + fault.lane);
    text += "\n";
    if (fault.function != nullptr && fault.pc < fault.function->code.size()) {
      const uint32_t line = fault.function->code[fault.pc].line;
      const SourceText& ptx = *module_.source;
      text += "  at " + (ptx.fileName.empty() ? std::string("PTX") : ptx.fileName) + " line " + std::to_string(line);
      const std::string source = ptx.describe(fault.function->sources[fault.pc]);
      if (!source.empty()) text += " (" + source + ")";
      if (fault.function->name != state_.kernelName) text += " in " + fault.function->name;
      text += ": " + ptx.line(line) + "\n";
    }
    return text + fault.details;
  }

  LaunchState& state_;
  const LoadedModule& module_;
  const BlockOrder& order_;
  size_t threads_;
  std::chrono::steady_clock::time_point start_;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> failedPosition_{std::numeric_limits<uint64_t>::max()};
  std::mutex mutex_;
  Failure failure_;
  std::set<std::pair<const DecodedFunction*, uint32_t>> noted_;
  std::string notes_;
  Counters counters_;
};

Failure checkLaunch(const KernelInfo& info, const Program& program, const Launch& launch, uint64_t* threads,
                    uint64_t* blocks) {
  *threads = uint64_t{launch.block[0]} * launch.block[1];
  *threads = *threads > 1024 ? *threads : *threads * launch.block[2];
  const uint64_t plane = uint64_t{launch.grid[0]} * launch.grid[1];
  if (*threads == 0 || plane == 0 || launch.grid[2] == 0)
    return {kInvalidValue, "a grid and its blocks need at least one thread"};
  if (launch.block[0] > 1024 || launch.block[1] > 1024 || launch.block[2] > 64 || *threads > 1024)
    return {kInvalidValue, "a block has at most 1024 threads (1024, 1024, 64)"};
  if (launch.grid[0] > 0x7fffffff || launch.grid[1] > 65535 || launch.grid[2] > 65535)
    return {kInvalidValue, "a grid has at most (2147483647, 65535, 65535) blocks"};
  *blocks = plane * launch.grid[2];
  if (*threads > info.maxThreads)
    return {kInvalidValue, "kernel '" + info.name + "' is compiled for at most " + std::to_string(info.maxThreads) +
                               " threads per block, launched with " + std::to_string(*threads)};
  if (info.requiredBlock[0] != 0 &&
      (info.requiredBlock[0] != launch.block[0] || info.requiredBlock[1] != launch.block[1] ||
       info.requiredBlock[2] != launch.block[2]))
    return {kInvalidValue, "kernel '" + info.name + "' requires other block dimensions"};
  if (uint64_t{program.dynamicSharedOffset} + launch.dynamicSharedBytes > 227 * 1024)
    return {kInvalidValue, "a block has at most 227 KiB of shared memory"};
  return {};
}

}  // namespace

void Counters::add(const Counters& other) {
  if (issued.size() < other.issued.size()) prepare(static_cast<uint32_t>(other.issued.size()));
  for (size_t i = 0; i < other.issued.size(); ++i) {
    issued[i] += other.issued[i];
    lanes[i] += other.lanes[i];
  }
  blocks += other.blocks;
  warps += other.warps;
  threads += other.threads;
  globalLoadSectors += other.globalLoadSectors;
  globalStoreSectors += other.globalStoreSectors;
  globalLoadSectorsLeast += other.globalLoadSectorsLeast;
  globalStoreSectorsLeast += other.globalStoreSectorsLeast;
  globalLoadBytes += other.globalLoadBytes;
  globalStoreBytes += other.globalStoreBytes;
  blockLoadSectors += other.blockLoadSectors;
  blockStoreSectors += other.blockStoreSectors;
  blockLoadBytes += other.blockLoadBytes;
  blockStoreBytes += other.blockStoreBytes;
  sharedLoadWavefronts += other.sharedLoadWavefronts;
  sharedStoreWavefronts += other.sharedStoreWavefronts;
  sharedLoadWavefrontsLeast += other.sharedLoadWavefrontsLeast;
  sharedStoreWavefrontsLeast += other.sharedStoreWavefrontsLeast;
  localSectors += other.localSectors;
  atomicLanes += other.atomicLanes;
  atomicSectors += other.atomicSectors;
  sharedAtomicLanes += other.sharedAtomicLanes;
  tensorFlop += other.tensorFlop;
  barriers += other.barriers;
  divergentBranches += other.divergentBranches;
  branches += other.branches;
}

}  // namespace softcuda::machine

namespace softcuda {

Failure run(const Module& module, size_t kernelIndex, const Launch& launch, const void* parameters, Memory& memory) {
  using namespace machine;
  const auto& loaded = static_cast<const LoadedModule&>(module);
  if (kernelIndex >= loaded.kernels().size()) return {kInvalidValue, "no such kernel"};
  const KernelInfo& info = loaded.kernels()[kernelIndex];
  LaunchState state;
  state.program = loaded.programs[kernelIndex].get();
  state.memory = static_cast<DeviceMemory*>(&memory);
  state.launch = launch;
  state.kernelName = info.name;
  state.options = optionsFromEnvironment();
  Introspection& introspection = Introspection::instance();
  std::vector<uint64_t> chosen;
  uint64_t most = 0;
  {
    std::lock_guard lock(introspection.mutex);
    state.options.counters = state.options.counters || introspection.countersWanted;
    chosen = introspection.chosenBlocks;
    most = introspection.mostBlocks;
    state.gridId = ++introspection.launches;
  }
  state.operation = launch.order != nullptr ? launch.operation : static_cast<uint32_t>(state.gridId);
  if (state.options.race) state.messages = std::make_unique<BlockMessages>();
  uint64_t threads = 0, blocks = 0;
  Failure failure = checkLaunch(info, *state.program, launch, &threads, &blocks);
  if (failure.code != 0) return failure;
  state.blockThreads = static_cast<uint32_t>(threads);
  state.warpsPerBlock = (state.blockThreads + 31) / 32;
  state.sharedBytes = launch.dynamicSharedBytes != 0 ? state.program->dynamicSharedOffset + launch.dynamicSharedBytes
                                                     : state.program->staticShared;
  state.parameters.resize(state.program->parameterBytes);
  if (!state.parameters.empty()) {
    if (parameters == nullptr) return {kInvalidValue, "kernel '" + info.name + "' needs parameters"};
    std::memcpy(state.parameters.data(), parameters, state.parameters.size());
  }
  if (launch.cooperative && state.program->needsAllBlocks) {  // the barrier of cooperative groups lies there
    failure = memory.allocate(256, 256, AllocationKind::Global, &state.gridWorkspace, launch.owner);
    if (failure.code != 0) return failure;
    std::memset(reinterpret_cast<void*>(state.gridWorkspace), 0, 256);
  }
  const BlockOrder order(blocks, state.options.seed, chosen, launch.cooperative ? 0 : most);
  const size_t workers =
      static_cast<size_t>(std::min<uint64_t>(threadsFromEnvironment(), std::max<uint64_t>(order.count(), 1)));
  Run work(state, loaded, order, workers);
  ThreadPool::instance().run(workers, [&](size_t index) { work.work(index); });
  if (state.gridWorkspace != 0) memory.release(state.gridWorkspace);
  failure = work.failure();
  if (state.options.counters) {
    const std::string json = countersJson(work.counters(), state, info, blocks);
    appendToCountersFile(json);
    std::lock_guard lock(introspection.mutex);
    introspection.lastCounters = json;
  }
  if (failure.code != 0) {
    std::lock_guard lock(introspection.mutex);
    introspection.lastReport = failure.report;
  }
  return failure;
}

}  // namespace softcuda
