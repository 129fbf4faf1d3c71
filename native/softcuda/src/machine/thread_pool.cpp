#include "machine/thread_pool.h"

#include <cstdint>

namespace softcuda::machine {

ThreadPool& ThreadPool::instance() {
  static auto* pool = new ThreadPool();  // never destroyed: its threads may outlive static objects
  return *pool;
}

void ThreadPool::work(size_t index) {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return generation_ != seen; });
    seen = generation_;
    if (index >= wanted_) continue;
    const auto* task = task_;
    lock.unlock();
    (*task)(index);
    lock.lock();
    if (--running_ == 0) done_.notify_all();
  }
}

void ThreadPool::run(size_t count, const std::function<void(size_t)>& task) {
  if (count > 1) {
    std::lock_guard lock(mutex_);
    while (threads_.size() + 1 < count) {
      const size_t index = threads_.size() + 1;
      threads_.emplace_back([this, index] { work(index); });
      threads_.back().detach();
    }
    task_ = &task;
    wanted_ = count;
    running_ = count - 1;
    ++generation_;
    wake_.notify_all();
  }
  task(0);
  if (count > 1) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return running_ == 0; });
    task_ = nullptr;
    wanted_ = 0;
  }
}

}  // namespace softcuda::machine
