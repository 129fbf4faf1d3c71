// The threads that run blocks. They live as long as the process.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace softcuda::machine {

class ThreadPool {
 public:
  static ThreadPool& instance();
  // Calls task(0) ... task(count - 1), task(0) on the calling thread, and returns when all have returned. Not
  // re-entrant.
  void run(size_t count, const std::function<void(size_t)>& task);

 private:
  void work(size_t index);
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  const std::function<void(size_t)>* task_ = nullptr;
  uint64_t generation_ = 0;
  size_t wanted_ = 0, running_ = 0;
};

}  // namespace softcuda::machine
