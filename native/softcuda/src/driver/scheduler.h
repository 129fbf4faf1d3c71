// Runs asynchronous work in the order that streams, events and graphs ask for.
//
// Everything that a stream executes is an Operation; the order is a graph of "after" edges. An operation starts when
// all that it comes after is done. Kernels run one after another (the machine uses all cores for one launch), copies,
// host functions and memory waits each on a thread of their own, so that they overlap with kernels as on a GPU.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "driver/abi.h"

namespace softcuda::driver {

// A context's sticky error: once set, the context's remaining work is skipped.
struct Fault {
  std::atomic<int> code{CUDA_SUCCESS};
  CUresult get() const { return static_cast<CUresult>(code.load(std::memory_order_acquire)); }
  void set(CUresult error) {
    int none = CUDA_SUCCESS;
    code.compare_exchange_strong(none, error, std::memory_order_acq_rel);
  }
};

enum class Lane : uint8_t {
  None,  // nothing to run: done as soon as it may start (events, joins)
  Kernel,
  Copy,
  Host,   // host functions and callbacks
  Poll,   // `work` is called again and again until it returns something other than CUDA_ERROR_NOT_READY
  Caller  // run by the thread that called a synchronous function, in Scheduler::runHere
};

struct History;

struct Operation {
  using Clock = std::chrono::steady_clock;

  Lane lane = Lane::None;
  int priority = 0;  // smaller goes first, as with stream priorities
  std::function<CUresult()> work;
  bool evenAfterFault = false;  // stream callbacks are told of the error; all else is skipped
  std::shared_ptr<Fault> fault;
  std::string what;                        // for reports
  std::shared_ptr<const History> history;  // with the race checker

 private:
  friend class Scheduler;
  std::vector<std::shared_ptr<Operation>> successors;
  size_t pending = 0;
  uint64_t sequence = 0;
  bool ready = false, done = false;
  Clock::time_point finished;
};

using OperationPtr = std::shared_ptr<Operation>;

class Scheduler {
 public:
  static Scheduler& instance();  // never destroyed

  // The operation starts once all of `after` (null entries are ignored) are done.
  void submit(const OperationPtr& operation, const std::vector<OperationPtr>& after);

  bool done(const OperationPtr& operation);
  void wait(const OperationPtr& operation);
  // Time at which an operation that is done ended.
  Operation::Clock::time_point finished(const OperationPtr& operation);
  // Waits until the operation of Lane::Caller may start, runs it on this thread and returns its result.
  CUresult runHere(const OperationPtr& operation);

  // True on a thread that is running a host function or stream callback, where CUDA calls are not permitted.
  static bool inHostFunction();
  // What this thread is running; null if nothing.
  static const Operation* running();

 private:
  struct Later {
    bool operator()(const OperationPtr& a, const OperationPtr& b) const;
  };
  struct Worker {
    std::set<OperationPtr, Later> queue;
    std::condition_variable wake;
    bool started = false;
    bool busy = false;
  };

  Scheduler();
  CUresult run(Operation& operation);
  void makeReady(const OperationPtr& operation, std::vector<OperationPtr>& doneNow);
  void complete(const OperationPtr& operation);
  void completeLocked(OperationPtr operation);
  void work(Worker& worker);
  void poll();
  void start(Worker& worker, void (Scheduler::*body)(Worker&));
  void stop();

  std::mutex mutex_;
  std::condition_variable changed_;  // some operation became ready for its caller, or done
  Worker kernels_, copies_, hosts_, polls_;
  uint64_t sequence_ = 0;
  bool stopping_ = false;
};

inline Scheduler& scheduler() { return Scheduler::instance(); }

}  // namespace softcuda::driver
