// Stream capture: streams that write down what they are told instead of doing it.
#pragma once
#include <memory>
#include <atomic>
#include <thread>
#include <vector>

#include "driver/context.h"
#include "driver/graph.h"

namespace softcuda::driver {

struct Capture {
  std::shared_ptr<Graph> graph;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  Stream* origin = nullptr;
  std::vector<std::weak_ptr<Stream>> streams;  // origin and those that joined
  uint64_t id = 0;
  std::atomic<bool> invalidated{false};
  std::atomic<bool> over{false};
};

// Throws STREAM_CAPTURE_UNSUPPORTED if a capture forbids calls that may be unsafe (allocations, synchronous copies,
// ...) to this thread, and invalidates that capture.
void refuseWhileCapturing(const char* what);

// The mode that cuThreadExchangeStreamCaptureMode sets, of the calling thread.
CUstreamCaptureMode& threadCaptureMode();

// Of a stream whose context's `order` is held:
// adds a node after the stream's frontier and makes it the frontier. Throws STREAM_CAPTURE_INVALIDATED.
void captureNode(Stream& stream, Work work);
// cuEventRecord and cuStreamWaitEvent where stream or event are capturing.
void captureEventRecord(Stream& stream, const std::shared_ptr<Event>& event);
void captureEventWait(const std::shared_ptr<Stream>& stream, Event& event);
// Marks the capture as spoilt and throws.
[[noreturn]] void invalidate(Capture& capture, CUresult code, const char* message);

}  // namespace softcuda::driver
