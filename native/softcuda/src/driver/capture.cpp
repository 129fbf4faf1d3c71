#include "driver/capture.h"

#include <algorithm>
#include <atomic>

#include "driver/current_context.h"
#include "driver/this_thread.h"

namespace softcuda::driver {

namespace {

// All captures that have not ended, for the rules that reach beyond one stream.
std::mutex activeLock;
std::atomic<int> activeCount{0};
std::vector<std::shared_ptr<Capture>>& active() {
  static auto* const captures = new std::vector<std::shared_ptr<Capture>>();
  return *captures;
}
std::atomic<uint64_t> nextCaptureId{1};

void checkMode(CUstreamCaptureMode mode) {
  require(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED, CUDA_ERROR_INVALID_VALUE,
          "unknown capture mode");
}

void leave(Capture& capture) {
  capture.over = true;
  for (const auto& member : capture.streams) {
    if (const auto stream = member.lock()) {
      stream->capture = nullptr;
      stream->frontier.clear();
    }
  }
  std::lock_guard lock(activeLock);
  auto& all = active();
  all.erase(std::remove_if(all.begin(), all.end(), [&](const auto& c) { return c.get() == &capture; }), all.end());
  activeCount = static_cast<int>(all.size());
}

void addUnique(std::vector<GraphNode*>& to, const std::vector<GraphNode*>& nodes) {
  for (GraphNode* node : nodes) {
    if (std::find(to.begin(), to.end(), node) == to.end()) to.push_back(node);
  }
}

CUresult begin(const char* function, CUstream handle, CUstreamCaptureMode mode, CUgraph into,
               const CUgraphNode* dependencies, size_t count) {
  return contextCall(function, [&](Context& context) {
    checkMode(mode);
    const auto stream = context.stream(handle);
    require(!stream->legacy, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the legacy default stream cannot be captured");
    auto capture = std::make_shared<Capture>();
    std::vector<GraphNode*> frontier;
    if (into != nullptr) {
      std::lock_guard graphs(graphLock());
      capture->graph = findGraph(into);
      for (size_t i = 0; i < count; ++i) frontier.push_back(&findNode(dependencies[i]));
    } else {
      capture->graph = std::make_shared<Graph>();
      capture->graph->context = context.handle();
    }
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->origin = stream.get();
    capture->streams.push_back(stream);
    capture->id = nextCaptureId.fetch_add(1);
    std::lock_guard lock(context.order);
    require(stream->capture == nullptr, CUDA_ERROR_ILLEGAL_STATE, "the stream is capturing already");
    stream->capture = capture;
    stream->frontier = frontier;
    std::lock_guard activeGuard(activeLock);
    active().push_back(capture);
    activeCount = static_cast<int>(active().size());
    return CUDA_SUCCESS;
  });
}

}  // namespace

CUstreamCaptureMode& threadCaptureMode() {
  thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

void invalidate(Capture& capture, CUresult code, const char* message) {
  if (capture.invalidated)
    throw Error(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier error");
  capture.invalidated = true;
  throw Error(code, message);
}

void refuseWhileCapturing(const char* what) {
  if (activeCount.load(std::memory_order_relaxed) == 0) return;
  const CUstreamCaptureMode mine = threadCaptureMode();
  if (mine == CU_STREAM_CAPTURE_MODE_RELAXED) return;
  std::lock_guard lock(activeLock);
  for (const auto& capture : active()) {
    const bool local =
        capture->thread == std::this_thread::get_id() && capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    const bool global = mine == CU_STREAM_CAPTURE_MODE_GLOBAL && capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (local || global) {
      capture->invalidated = true;
      throw Error(
          CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
          std::string(what) +
              " while a stream is capturing in a mode that forbids it (see cuThreadExchangeStreamCaptureMode)");
    }
  }
}

void captureNode(Stream& stream, Work work) {
  Capture& capture = *stream.capture;
  if (capture.invalidated)
    throw Error(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier error");
  std::lock_guard lock(graphLock());
  stream.frontier = {capture.graph->add(std::move(work), stream.frontier)};
}

void captureEventRecord(Stream& stream, const std::shared_ptr<Event>& event) {
  if (stream.capture->invalidated)
    throw Error(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier error");
  std::lock_guard lock(event->mutex);
  event->capture = stream.capture;
  event->captured = stream.frontier;
}

void captureEventWait(const std::shared_ptr<Stream>& stream, Event& event) {
  const bool eventCaptured = event.capture != nullptr && !event.capture->over;
  if (stream->capture == nullptr) {
    // The stream joins the capture.
    if (stream->legacy) {
      invalidate(*event.capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                 "the legacy default stream cannot join a capture");
    }
    if (event.capture->invalidated)
      throw Error(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier error");
    stream->capture = event.capture;
    stream->capture->streams.push_back(stream);
    stream->frontier = event.captured;
    return;
  }
  if (stream->capture->invalidated)
    throw Error(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier error");
  if (!eventCaptured) {
    if (event.recorded == nullptr && event.capture == nullptr) return;  // never recorded: nothing to wait for
    invalidate(*stream->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "the event was recorded outside of the capture");
  }
  if (event.capture != stream->capture) {
    event.capture->invalidated = true;
    invalidate(*stream->capture, CUDA_ERROR_STREAM_CAPTURE_MERGE, "the event belongs to another capture");
  }
  addUnique(stream->frontier, event.captured);
}

}  // namespace softcuda::driver

using namespace softcuda::driver;

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return begin(__func__, stream, mode, nullptr, nullptr, 0);
}

CUresult cuStreamBeginCapture(CUstream stream) {
  return begin(__func__, stream, CU_STREAM_CAPTURE_MODE_GLOBAL, nullptr, nullptr, 0);
}

CUresult cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode* dependencies,
                                     const CUgraphEdgeData*, size_t count, CUstreamCaptureMode mode) {
  if (graph == nullptr || (count != 0 && dependencies == nullptr)) {
    return driverCall(__func__, []() -> CUresult { throw Error(CUDA_ERROR_INVALID_VALUE, "null pointer"); });
  }
  return begin(__func__, stream, mode, graph, dependencies, count);
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph* result) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = nullptr;
    const auto stream = context.stream(handle);
    std::lock_guard lock(context.order);
    require(!stream->legacy, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the legacy default stream cannot be captured");
    require(stream->capture != nullptr, CUDA_ERROR_ILLEGAL_STATE, "the stream is not capturing");
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture->origin != stream.get()) {
      capture->invalidated = true;
      throw Error(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began in another stream and must end there");
    }
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
      throw Error(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD,
                  "another thread began the capture, in a mode that is not relaxed");
    }
    const std::vector<GraphNode*> joined = stream->frontier;
    leave(*capture);
    if (capture->invalidated)
      throw Error(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated by an earlier error");
    std::lock_guard graphs(graphLock());
    for (const auto& node : capture->graph->nodes) {
      if (!node->after.empty() || std::find(joined.begin(), joined.end(), node.get()) != joined.end()) continue;
      if (capture->graph->handle != nullptr) continue;  // a graph that was there before may have other ends
      throw Error(CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
                  "a stream that joined the capture was not joined again: record an event in it and let the first "
                  "stream wait for it");
    }
    *result = publish(capture->graph);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  return contextCall(__func__, [&](Context& context) {
    require(status != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto stream = context.stream(handle);
    if (stream->legacy) context.join(*stream);  // STREAM_CAPTURE_IMPLICIT
    std::lock_guard lock(context.order);
    *status = stream->capture == nullptr     ? CU_STREAM_CAPTURE_STATUS_NONE
              : stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                             : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetCaptureInfo_v3(CUstream handle, CUstreamCaptureStatus* status, uint64_t* id, CUgraph* graph,
                                   const CUgraphNode** dependencies, const CUgraphEdgeData** edges, size_t* count) {
  return contextCall(__func__, [&](Context& context) {
    require(status != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto stream = context.stream(handle);
    if (stream->legacy) context.join(*stream);
    std::lock_guard lock(context.order);
    *status = CU_STREAM_CAPTURE_STATUS_NONE;
    if (stream->capture == nullptr) return CUDA_SUCCESS;
    *status = stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return CUDA_SUCCESS;
    if (id != nullptr) *id = stream->capture->id;
    std::lock_guard graphs(graphLock());
    if (graph != nullptr) *graph = publish(stream->capture->graph);
    struct Frontier;
    auto& handles = ofThisThread<std::vector<CUgraphNode>, Frontier>();
    auto& none = ofThisThread<std::vector<CUgraphEdgeData>, Frontier>();
    handles.clear();
    for (const GraphNode* node : stream->frontier) handles.push_back(node->handle);
    none.assign(handles.size(), CUgraphEdgeData{});
    if (dependencies != nullptr) *dependencies = handles.data();
    if (edges != nullptr) *edges = none.data();
    if (count != nullptr) *count = handles.size();
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus* status, uint64_t* id, CUgraph* graph,
                                   const CUgraphNode** dependencies, size_t* count) {
  return cuStreamGetCaptureInfo_v3(stream, status, id, graph, dependencies, nullptr, count);
}

CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus* status, uint64_t* id) {
  return cuStreamGetCaptureInfo_v3(stream, status, id, nullptr, nullptr, nullptr, nullptr);
}

CUresult cuStreamUpdateCaptureDependencies_v2(CUstream handle, CUgraphNode* dependencies, const CUgraphEdgeData*,
                                              size_t count, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(flags <= CU_STREAM_SET_CAPTURE_DEPENDENCIES && (dependencies != nullptr || count == 0),
            CUDA_ERROR_INVALID_VALUE, "null pointer or unknown flags");
    const auto stream = context.stream(handle);
    std::lock_guard lock(context.order);
    require(stream->capture != nullptr, CUDA_ERROR_ILLEGAL_STATE, "the stream is not capturing");
    std::lock_guard graphs(graphLock());
    std::vector<GraphNode*> nodes;
    for (size_t i = 0; i < count; ++i) {
      nodes.push_back(&findNode(dependencies[i]));
      require(nodes.back()->graph == stream->capture->graph.get(), CUDA_ERROR_INVALID_VALUE,
              "the node belongs to another graph");
    }
    if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES) stream->frontier.clear();
    addUnique(stream->frontier, nodes);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode* dependencies, size_t count,
                                           unsigned int flags) {
  return cuStreamUpdateCaptureDependencies_v2(stream, dependencies, nullptr, count, flags);
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return driverCall(__func__, [&] {
    require(mode != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    checkMode(*mode);
    std::swap(*mode, threadCaptureMode());
    return CUDA_SUCCESS;
  });
}
