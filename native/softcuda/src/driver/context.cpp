#include "driver/context.h"

#include <algorithm>
#include <sstream>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/device.h"
#include "driver/graph.h"
#include "driver/module.h"

namespace softcuda::driver {

namespace {

std::atomic<uint64_t> nextContextId{1};
std::atomic<uint64_t> nextStreamId{1};

void dropFinished(std::vector<OperationPtr>& operations) {
  operations.erase(
      std::remove_if(operations.begin(), operations.end(), [](const OperationPtr& o) { return scheduler().done(o); }),
      operations.end());
}

bool capturing(const Stream& stream) { return stream.capture != nullptr && !stream.capture->over; }

const char* kindName(AllocationKind kind) {
  switch (kind) {
    case AllocationKind::Device: return "device memory";
    case AllocationKind::Managed: return "managed memory";
    case AllocationKind::HostPinned: return "page-locked host memory";
    case AllocationKind::HostRegistered: return "registered host memory";
    case AllocationKind::StreamOrdered: return "stream-ordered memory";
    case AllocationKind::Global: return "module variable";
    case AllocationKind::Constant: return "module constant";
  }
  return "memory";
}

}  // namespace

Handles<CUcontext, Context>& contexts() {
  static auto* const table = new Handles<CUcontext, Context>();
  return *table;
}
Handles<CUstream, Stream>& streams() {
  static auto* const table = new Handles<CUstream, Stream>();
  return *table;
}
Handles<CUevent, Event>& events() {
  static auto* const table = new Handles<CUevent, Event>();
  return *table;
}

std::shared_ptr<Event> findEvent(CUevent handle) {
  std::shared_ptr<Event> event = events().find(handle);
  if (event == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "no such event, or it was destroyed");
  return event;
}

Context::Context(unsigned contextFlags, bool primary, int device)
    : flags(contextFlags),
      id_(nextContextId.fetch_add(1)),
      primary_(primary),
      peers_(std::make_shared<Peers>(Owner{device, id_})),
      fault_(std::make_shared<Fault>()),
      legacy_(std::make_shared<Stream>()) {
  const size_t defaults[] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0};
  for (size_t i = 0; i < limits.size(); ++i) limits[i] = defaults[i];
  legacy_->legacy = true;
  legacy_->handle = CU_STREAM_LEGACY;
  legacy_->id = nextStreamId.fetch_add(1);
}

std::shared_ptr<Context> Context::create(unsigned flags, bool primary, int device) {
  auto context = std::make_shared<Context>(flags, primary, device);
  context->legacy_->context = context;
  context->handle_ = contexts().add(context);
  return context;
}

std::shared_ptr<Stream> Context::stream(CUstream handle) {
  if (handle == nullptr) handle = PerThreadDefault::active() ? CU_STREAM_PER_THREAD : CU_STREAM_LEGACY;
  if (handle == CU_STREAM_LEGACY) return legacy_;
  if (handle == CU_STREAM_PER_THREAD) {
    std::lock_guard lock(order);
    std::shared_ptr<Stream>& mine = perThread_[std::this_thread::get_id()];
    if (mine == nullptr) {
      mine = std::make_shared<Stream>();
      mine->context = weak_from_this();
      mine->handle = CU_STREAM_PER_THREAD;
      mine->id = nextStreamId.fetch_add(1);
    }
    return mine;
  }
  std::shared_ptr<Stream> found = streams().find(handle);
  if (found == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "no such stream, or it was destroyed");
  if (found->context.lock().get() != this) {
    throw Error(CUDA_ERROR_INVALID_HANDLE, "the stream belongs to another context than the current one");
  }
  return found;
}

std::shared_ptr<Stream> Context::createStream(unsigned streamFlags, int priority) {
  auto stream = std::make_shared<Stream>();
  stream->context = weak_from_this();
  stream->flags = streamFlags;
  stream->priority = priority;
  stream->id = nextStreamId.fetch_add(1);
  stream->handle = streams().add(stream);
  std::lock_guard lock(order);
  streams_.push_back(stream);
  return stream;
}

void Context::forget(const std::shared_ptr<Stream>& stream) {
  std::lock_guard lock(order);
  if (capturing(*stream)) {
    stream->capture->invalidated = true;
    stream->capture = nullptr;
  }
  dropFinished(orphans_);
  dropFinished(orphansNonBlocking_);
  if (!scheduler().done(stream->tail)) (stream->blocking() ? orphans_ : orphansNonBlocking_).push_back(stream->tail);
  streams_.erase(std::remove(streams_.begin(), streams_.end(), stream), streams_.end());
}

void Context::refuseIfImplicit(const Stream& stream) {
  if (!stream.legacy) return;
  for (const auto& other : streams_) {
    if (other->blocking() && capturing(*other)) {
      invalidate(*other->capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                 "the legacy default stream waits for a stream that is capturing; create that one with "
                 "CU_STREAM_NON_BLOCKING");
    }
  }
  for (const auto& other : perThread_) {
    if (capturing(*other.second)) {
      invalidate(*other.second->capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                 "the legacy default stream waits for a per-thread default stream that is capturing");
    }
  }
}

void Context::addOrder(Stream& stream, std::vector<OperationPtr>& after) {
  after.push_back(stream.tail);
  if (stream.legacy) {
    for (const auto& other : streams_) {
      if (other->blocking()) after.push_back(other->tail);
    }
    for (const auto& other : perThread_) after.push_back(other.second->tail);
    after.insert(after.end(), orphans_.begin(), orphans_.end());
  } else if (stream.blocking()) {
    after.push_back(legacy_->tail);
  }
}

OperationPtr Context::enqueue(Stream& stream, Work work) {
  std::lock_guard lock(order);
  if (stream.capture != nullptr) {
    captureNode(stream, std::move(work));
    return nullptr;
  }
  refuseIfImplicit(stream);
  OperationPtr operation = makeOperation(*this, stream.priority, work);
  std::vector<OperationPtr> after;
  addOrder(stream, after);
  scheduler().submit(operation, after);
  stream.tail = operation;
  return operation;
}

OperationPtr Context::submit(Stream& stream, const OperationPtr& operation, std::vector<OperationPtr> after) {
  std::lock_guard lock(order);
  submitLocked(stream, operation, std::move(after));
  return operation;
}

void Context::submitLocked(Stream& stream, const OperationPtr& operation, std::vector<OperationPtr> after) {
  if (stream.capture != nullptr) {
    invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "this cannot be captured in a graph");
  }
  refuseIfImplicit(stream);
  operation->fault = fault_;
  addOrder(stream, after);
  scheduler().submit(operation, after);
  stream.tail = operation;
}

void Context::submitGroup(Stream& stream, std::vector<OperationPtr> after,
                          const std::function<std::vector<OperationPtr>(const OperationPtr&)>& build) {
  std::lock_guard lock(order);
  const auto entry = std::make_shared<Operation>();
  submitLocked(stream, entry, std::move(after));
  std::vector<OperationPtr> ends = build(entry);
  submitLocked(stream, std::make_shared<Operation>(), std::move(ends));
}

OperationPtr Context::join(Stream& stream) {
  std::lock_guard lock(order);
  if (stream.capture != nullptr) {
    invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
               "a capturing stream can be neither queried nor waited for");
  }
  refuseIfImplicit(stream);
  if (!stream.legacy) return stream.tail;
  std::vector<OperationPtr> after;
  addOrder(stream, after);
  auto operation = std::make_shared<Operation>();
  scheduler().submit(operation, after);
  return operation;
}

void Context::runHere(Stream& stream, std::function<CUresult()> body) {
  auto operation = std::make_shared<Operation>();
  operation->lane = Lane::Caller;
  operation->what = "a synchronous copy or fill";
  operation->work = std::move(body);
  submit(stream, operation);
  const CUresult result = scheduler().runHere(operation);
  if (result != CUDA_SUCCESS) throw Error(result, "the context has failed before, or the memory is gone");
}

void Context::comeAfter(const OperationPtr& operation) {
  submit(*legacy_, std::make_shared<Operation>(), {operation});
}

std::vector<OperationPtr> Context::tails() {
  std::lock_guard lock(order);
  std::vector<OperationPtr> all{legacy_->tail};
  for (const auto& stream : streams_) all.push_back(stream->tail);
  for (const auto& stream : perThread_) all.push_back(stream.second->tail);
  all.insert(all.end(), orphans_.begin(), orphans_.end());
  all.insert(all.end(), orphansNonBlocking_.begin(), orphansNonBlocking_.end());
  return all;
}

void Context::waitIdle() {
  for (const OperationPtr& tail : tails()) scheduler().wait(tail);
}

void Context::synchronize() {
  {
    std::lock_guard lock(order);
    auto refuse = [](Stream& stream) {
      if (capturing(stream)) {
        invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream of the context is capturing");
      }
    };
    for (const auto& stream : streams_) refuse(*stream);
    for (const auto& stream : perThread_) refuse(*stream.second);
  }
  waitIdle();
  const CUresult fault = fault_->get();
  if (fault != CUDA_SUCCESS) throw Error(fault, "work that ran before has failed; see its report");
}

void Context::destroy() {
  if (destroyed_.exchange(true)) return;
  waitIdle();
  contexts().remove(handle_);
  modules().removeIf([&](const LoadedModule& m) { return m.context == handle_; });
  functions().removeIf([&](const Function& f) { return f.module->context == handle_; });
  streams().removeIf([&](const Stream& s) { return s.context.lock().get() == this; });
  events().removeIf([&](const Event& e) { return e.context.lock().get() == this; });

  const std::vector<Record> left = Records::instance().ofContext(id_);
  if (checksFor("leak")) reportLeaks(left);
  for (const Record& record : left) {
    Records::instance().release(record.allocation.base, {record.allocation.kind}, CUDA_ERROR_INVALID_VALUE);
  }
  std::lock_guard lock(order);
  streams_.clear();
  perThread_.clear();
}

void Context::reportLeaksAtExit() {
  if (!checksFor("leak")) return;
  for (const auto& context : contexts().all()) {
    context->reportLeaks(Records::instance().ofContext(context->id_));
  }
}

void Context::reportLeaks(const std::vector<Record>& left) const {
  // After a fault nothing can be freed any more: what is left says nothing about the program.
  if (left.empty() || fault_->get() != CUDA_SUCCESS) return;
  size_t bytes = 0;
  for (const Record& record : left) bytes += record.allocation.size;
  std::ostringstream text;
  text << "softcuda: leak: " << left.size() << " allocation" << (left.size() == 1 ? "" : "s") << " (" << bytes
       << " bytes) not freed when context " << id_ << " ended\n";
  for (const Record& record : left) {
    text << "  allocation " << record.allocation.id << ": " << record.allocation.size << " bytes of "
         << kindName(record.allocation.kind) << " at " << hex(record.allocation.base) << "\n";
  }
  report(text.str());
}

}  // namespace softcuda::driver
