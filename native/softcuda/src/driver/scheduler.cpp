#include "driver/scheduler.h"

#include "driver/history.h"

#include <cstdlib>
#include <thread>

namespace softcuda::driver {

namespace {
thread_local bool insideHostFunction = false;
thread_local const Operation* runningHere = nullptr;
}  // namespace

Scheduler& Scheduler::instance() {
  static Scheduler* const scheduler = new Scheduler();
  return *scheduler;
}

Scheduler::Scheduler() {
  // At exit no new work starts, and what runs gets a moment to end before static objects go.
  std::atexit([] { instance().stop(); });
}

const Operation* Scheduler::running() { return runningHere; }

bool Scheduler::inHostFunction() { return insideHostFunction; }

bool Scheduler::Later::operator()(const OperationPtr& a, const OperationPtr& b) const {
  if (a->priority != b->priority) return a->priority < b->priority;
  return a->sequence < b->sequence;
}

void Scheduler::submit(const OperationPtr& operation, const std::vector<OperationPtr>& after) {
  Histories::instance().begin(*operation, after);
  std::lock_guard lock(mutex_);
  operation->sequence = ++sequence_;
  for (const OperationPtr& before : after) {
    if (before == nullptr || before->done) continue;
    before->successors.push_back(operation);
    ++operation->pending;
  }
  if (operation->pending == 0) {
    std::vector<OperationPtr> doneNow;
    makeReady(operation, doneNow);
    for (OperationPtr& done : doneNow) completeLocked(std::move(done));
  }
}

void Scheduler::makeReady(const OperationPtr& operation, std::vector<OperationPtr>& doneNow) {
  operation->ready = true;
  switch (operation->lane) {
    case Lane::None: doneNow.push_back(operation); return;
    case Lane::Caller: changed_.notify_all(); return;
    case Lane::Kernel:
      kernels_.queue.insert(operation);
      start(kernels_, &Scheduler::work);
      return;
    case Lane::Copy:
      copies_.queue.insert(operation);
      start(copies_, &Scheduler::work);
      return;
    case Lane::Host:
      hosts_.queue.insert(operation);
      start(hosts_, &Scheduler::work);
      return;
    case Lane::Poll:
      polls_.queue.insert(operation);
      start(polls_, nullptr);
      return;
  }
}

void Scheduler::start(Worker& worker, void (Scheduler::*body)(Worker&)) {
  if (worker.started) {
    worker.wake.notify_one();
    return;
  }
  worker.started = true;
  if (body != nullptr) {
    std::thread([this, &worker, body] { (this->*body)(worker); }).detach();
  } else {
    std::thread([this] { poll(); }).detach();
  }
}

CUresult Scheduler::run(Operation& operation) {
  if (!operation.work) return CUDA_SUCCESS;
  const CUresult fault = operation.fault ? operation.fault->get() : CUDA_SUCCESS;
  if (fault != CUDA_SUCCESS && !operation.evenAfterFault) return fault;
  const bool outer = insideHostFunction;
  insideHostFunction = operation.lane == Lane::Host;
  const Operation* outerOperation = runningHere;
  runningHere = &operation;
  CUresult result = CUDA_SUCCESS;
  try {
    result = operation.work();
  } catch (const std::bad_alloc&) {
    result = CUDA_ERROR_OUT_OF_MEMORY;
  } catch (...) {
    result = CUDA_ERROR_UNKNOWN;
  }
  insideHostFunction = outer;
  runningHere = outerOperation;
  return result;
}

void Scheduler::work(Worker& worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    worker.busy = false;
    changed_.notify_all();
    worker.wake.wait(lock, [&] { return !worker.queue.empty() && !stopping_; });
    OperationPtr operation = *worker.queue.begin();
    worker.queue.erase(worker.queue.begin());
    worker.busy = true;
    lock.unlock();
    const CUresult result = run(*operation);
    if (result != CUDA_SUCCESS && operation->fault) operation->fault->set(result);
    operation->work = nullptr;  // what it holds may be the last reference: let go outside of the lock
    lock.lock();
    completeLocked(std::move(operation));
  }
}

void Scheduler::poll() {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  for (;;) {
    polls_.wake.wait(lock, [&] { return !polls_.queue.empty() && !stopping_; });
    const std::vector<OperationPtr> waiting(polls_.queue.begin(), polls_.queue.end());
    std::vector<OperationPtr> over;
    lock.unlock();
    for (const OperationPtr& operation : waiting) {
      if (run(*operation) != CUDA_ERROR_NOT_READY) over.push_back(operation);
    }
    if (over.empty()) std::this_thread::sleep_for(20us);
    lock.lock();
    for (OperationPtr& operation : over) {
      polls_.queue.erase(operation);
      completeLocked(std::move(operation));
    }
  }
}

void Scheduler::complete(const OperationPtr& operation) {
  std::lock_guard lock(mutex_);
  completeLocked(operation);
}

void Scheduler::completeLocked(OperationPtr operation) {
  std::vector<OperationPtr> doneNow{std::move(operation)};
  const auto now = Operation::Clock::now();
  while (!doneNow.empty()) {
    const OperationPtr done = std::move(doneNow.back());
    doneNow.pop_back();
    done->done = true;
    done->finished = now;
    std::vector<OperationPtr> successors;
    successors.swap(done->successors);
    for (const OperationPtr& next : successors) {
      if (--next->pending == 0) makeReady(next, doneNow);
    }
  }
  changed_.notify_all();
}

bool Scheduler::done(const OperationPtr& operation) {
  if (operation == nullptr) return true;
  {
    std::lock_guard lock(mutex_);
    if (!operation->done) return false;
  }
  Histories::instance().hostKnows(*operation);
  return true;
}

void Scheduler::wait(const OperationPtr& operation) {
  if (operation == nullptr) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return operation->done; });
  Histories::instance().hostKnows(*operation);
}

Operation::Clock::time_point Scheduler::finished(const OperationPtr& operation) {
  std::lock_guard lock(mutex_);
  return operation->finished;
}

CUresult Scheduler::runHere(const OperationPtr& operation) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return operation->ready; });
  }
  const CUresult result = run(*operation);
  complete(operation);
  operation->work = nullptr;
  Histories::instance().hostKnows(*operation);
  return result;
}

void Scheduler::stop() {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.wait_for(lock, 2s, [&] { return !kernels_.busy && !copies_.busy && !hosts_.busy; });
}

}  // namespace softcuda::driver
