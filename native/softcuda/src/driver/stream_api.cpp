// cuStream*, cuEvent*, host functions, and waits for and writes of memory in stream order.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/current_context.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

void checkFault(Context& context) {
  const CUresult fault = context.fault()->get();
  if (fault != CUDA_SUCCESS) throw Error(fault, "work that ran before has failed; see its report");
}

CUresult create(const char* function, CUstream* result, unsigned flags, int priority) {
  return contextCall(function, [&](Context& context) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    require((flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING)) == 0, CUDA_ERROR_INVALID_VALUE,
            "unknown stream flags");
    *result = context.createStream(flags, std::clamp(priority, -5, 0))->handle;
    return CUDA_SUCCESS;
  });
}

}  // namespace

CUresult cuStreamCreate(CUstream* result, unsigned int flags) { return create(__func__, result, flags, 0); }

CUresult cuStreamCreateWithPriority(CUstream* result, unsigned int flags, int priority) {
  return create(__func__, result, flags, priority);
}

CUresult cuStreamDestroy_v2(CUstream handle) {
  return contextCall(__func__, [&](Context& context) {
    require(handle != nullptr && handle != CU_STREAM_LEGACY && handle != CU_STREAM_PER_THREAD,
            CUDA_ERROR_INVALID_HANDLE, "a default stream cannot be destroyed");
    const auto stream = context.stream(handle);
    context.forget(stream);
    streams().remove(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetPriority(CUstream handle, int* priority) {
  return contextCall(__func__, [&](Context& context) {
    require(priority != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *priority = context.stream(handle)->priority;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetFlags(CUstream handle, unsigned int* flags) {
  return contextCall(__func__, [&](Context& context) {
    require(flags != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *flags = context.stream(handle)->flags;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetId(CUstream handle, unsigned long long* id) {
  return contextCall(__func__, [&](Context& context) {
    require(id != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *id = context.stream(handle)->id;
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetDevice(CUstream handle, CUdevice* dev) {
  return contextCall(__func__, [&](Context& context) {
    require(dev != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    context.stream(handle);
    *dev = context.device();
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamGetCtx(CUstream handle, CUcontext* result) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = context.stream(handle)->context.lock()->handle();
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamQuery(CUstream handle) {
  return contextCall(__func__, [&](Context& context) -> CUresult {
    const auto stream = context.stream(handle);
    const bool done = scheduler().done(context.join(*stream));
    checkFault(context);
    if (!done) throw Error(CUDA_ERROR_NOT_READY, "");
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamSynchronize(CUstream handle) {
  return contextCall(__func__, [&](Context& context) {
    const auto stream = context.stream(handle);
    scheduler().wait(context.join(*stream));
    checkFault(context);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent eventHandle, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(flags <= CU_EVENT_WAIT_EXTERNAL, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    const auto stream = context.stream(handle);
    const auto event = findEvent(eventHandle);
    OperationPtr recorded;
    {
      std::lock_guard lock(context.order);
      std::lock_guard eventLock(event->mutex);
      if (flags == CU_EVENT_WAIT_EXTERNAL) {
        require(stream->capture != nullptr, CUDA_ERROR_INVALID_VALUE,
                "CU_EVENT_WAIT_EXTERNAL is for capturing streams");
        captureNode(*stream, EventWaitWork{event});
        return CUDA_SUCCESS;
      }
      if (stream->capture != nullptr || (event->capture != nullptr && !event->capture->over)) {
        captureEventWait(stream, *event);
        return CUDA_SUCCESS;
      }
      recorded = event->recorded;
    }
    if (recorded == nullptr) return CUDA_SUCCESS;  // never recorded: nothing to wait for
    context.submit(*stream, std::make_shared<Operation>(), {recorded});
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* userData, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(callback != nullptr && flags == 0, CUDA_ERROR_INVALID_VALUE, "null callback, or flags not 0");
    auto operation = std::make_shared<Operation>();
    operation->lane = Lane::Host;
    operation->evenAfterFault = true;
    operation->work = [callback, handle, userData, fault = context.fault()] {
      callback(handle, fault->get(), userData);
      return CUDA_SUCCESS;
    };
    context.submit(*context.stream(handle), operation);
    return CUDA_SUCCESS;
  });
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* userData) {
  return contextCall(__func__, [&](Context& context) {
    require(function != nullptr, CUDA_ERROR_INVALID_VALUE, "null host function");
    context.enqueue(*context.stream(handle), HostWork{function, userData});
    return CUDA_SUCCESS;
  });
}

// Attributes.

namespace {

void checkStreamAttribute(int which) {
  require(which == CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW || which == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY ||
              which == CU_LAUNCH_ATTRIBUTE_PRIORITY || which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP ||
              which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN,
          CUDA_ERROR_INVALID_VALUE, "no such stream attribute");
}

}  // namespace

CUresult cuStreamGetAttribute(CUstream handle, int which, CUlaunchAttributeValue* value) {
  return contextCall(__func__, [&](Context& context) {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    checkStreamAttribute(which);
    const auto stream = context.stream(handle);
    std::lock_guard lock(context.order);
    const auto set = stream->attributes.find(which);
    *value = set != stream->attributes.end() ? set->second : CUlaunchAttributeValue{};
    if (which == CU_LAUNCH_ATTRIBUTE_PRIORITY) value->priority = stream->priority;
    if (which == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY && set == stream->attributes.end())
      value->cooperative = 1;  // automatic
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamSetAttribute(CUstream handle, int which, const CUlaunchAttributeValue* value) {
  return contextCall(__func__, [&](Context& context) {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    checkStreamAttribute(which);
    const auto stream = context.stream(handle);
    std::lock_guard lock(context.order);
    if (which == CU_LAUNCH_ATTRIBUTE_PRIORITY) {
      stream->priority = std::clamp(value->priority, -5, 0);
    } else {
      stream->attributes[which] = *value;  // hints; nothing here is changed by them
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamCopyAttributes(CUstream dst, CUstream src) {
  return contextCall(__func__, [&](Context& context) {
    const auto to = context.stream(dst), from = context.stream(src);
    std::lock_guard lock(context.order);
    to->attributes = from->attributes;
    to->priority = from->priority;
    return CUDA_SUCCESS;
  });
}

// Events.

CUresult cuEventCreate(CUevent* result, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && (flags & ~7u) == 0, CUDA_ERROR_INVALID_VALUE,
            "null result pointer, or unknown event flags");
    require((flags & CU_EVENT_INTERPROCESS) == 0, CUDA_ERROR_NOT_SUPPORTED,
            "events cannot be shared between processes");
    auto event = std::make_shared<Event>();
    event->context = context.shared_from_this();
    event->flags = flags;
    event->handle = events().add(event);
    *result = event->handle;
    return CUDA_SUCCESS;
  });
}

CUresult cuEventDestroy_v2(CUevent handle) {
  return contextCall(__func__, [&](Context&) {
    findEvent(handle);
    events().remove(handle);
    return CUDA_SUCCESS;
  });
}

CUresult cuEventRecordWithFlags(CUevent handle, CUstream streamHandle, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(flags <= CU_EVENT_RECORD_EXTERNAL, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    const auto event = findEvent(handle);
    const auto stream = context.stream(streamHandle);
    if (event->context.lock().get() != &context) {
      throw Error(CUDA_ERROR_INVALID_HANDLE, "the event belongs to another context than the stream");
    }
    {
      std::lock_guard lock(context.order);
      if (flags == CU_EVENT_RECORD_EXTERNAL) {
        require(stream->capture != nullptr, CUDA_ERROR_INVALID_VALUE,
                "CU_EVENT_RECORD_EXTERNAL is for capturing streams");
        captureNode(*stream, EventRecordWork{event});
        return CUDA_SUCCESS;
      }
      if (stream->capture != nullptr) {
        captureEventRecord(*stream, event);
        return CUDA_SUCCESS;
      }
    }
    auto operation = std::make_shared<Operation>();
    context.submit(*stream, operation);
    std::lock_guard lock(event->mutex);
    event->recorded = operation;
    event->capture = nullptr;
    event->captured.clear();
    return CUDA_SUCCESS;
  });
}

CUresult cuEventRecord(CUevent event, CUstream stream) { return cuEventRecordWithFlags(event, stream, 0); }

namespace {

// The operation that last recorded the event; throws CAPTURED_EVENT.
OperationPtr recordedOf(Event& event) {
  std::lock_guard lock(event.mutex);
  if (event.capture != nullptr) {
    if (!event.capture->over) event.capture->invalidated = true;
    throw Error(CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capturing stream");
  }
  return event.recorded;
}

}  // namespace

CUresult cuEventQuery(CUevent handle) {
  return contextCall(__func__, [&](Context& context) -> CUresult {
    const auto event = findEvent(handle);
    const OperationPtr recorded = recordedOf(*event);
    refuseWhileCapturing("querying an event");
    const bool done = scheduler().done(recorded);
    checkFault(context);
    if (!done) throw Error(CUDA_ERROR_NOT_READY, "");
    return CUDA_SUCCESS;
  });
}

CUresult cuEventSynchronize(CUevent handle) {
  return contextCall(__func__, [&](Context& context) {
    const auto event = findEvent(handle);
    const OperationPtr recorded = recordedOf(*event);
    refuseWhileCapturing("waiting for an event");
    scheduler().wait(recorded);
    checkFault(context);
    return CUDA_SUCCESS;
  });
}

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return contextCall(__func__, [&](Context& context) -> CUresult {
    require(milliseconds != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto first = findEvent(start), second = findEvent(end);
    if (((first->flags | second->flags) & CU_EVENT_DISABLE_TIMING) != 0) {
      throw Error(CUDA_ERROR_INVALID_HANDLE, "an event was created with CU_EVENT_DISABLE_TIMING");
    }
    const OperationPtr a = recordedOf(*first), b = recordedOf(*second);
    if (a == nullptr || b == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "an event was never recorded");
    checkFault(context);
    if (!scheduler().done(a) || !scheduler().done(b)) throw Error(CUDA_ERROR_NOT_READY, "");
    const std::chrono::duration<float, std::milli> time = scheduler().finished(b) - scheduler().finished(a);
    *milliseconds = time.count();
    return CUDA_SUCCESS;
  });
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

// Waits for and writes of memory.

namespace {

template <typename T>
void checkWord(CUdeviceptr address) {
  require(address % sizeof(T) == 0, CUDA_ERROR_INVALID_VALUE, "the address is not aligned");
  checkDeviceRange(address, sizeof(T), "the word at");
}

template <typename T>
OperationPtr makeWait(CUdeviceptr address, T value, unsigned flags) {
  checkWord<T>(address);
  const unsigned how = flags & ~static_cast<unsigned>(CU_STREAM_WAIT_VALUE_FLUSH);
  require(how <= CU_STREAM_WAIT_VALUE_NOR, CUDA_ERROR_INVALID_VALUE, "unknown flags");
  auto operation = std::make_shared<Operation>();
  operation->lane = Lane::Poll;
  operation->work = [address, value, how] {
    const T now = __atomic_load_n(reinterpret_cast<const T*>(address), __ATOMIC_ACQUIRE);
    using Signed = std::make_signed_t<T>;
    const bool holds = how == CU_STREAM_WAIT_VALUE_GEQ   ? static_cast<Signed>(now - value) >= 0
                       : how == CU_STREAM_WAIT_VALUE_EQ  ? now == value
                       : how == CU_STREAM_WAIT_VALUE_AND ? (now & value) != 0
                                                         : static_cast<T>(~(now | value)) != 0;
    return holds ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  };
  return operation;
}

template <typename T>
OperationPtr makeWrite(CUdeviceptr address, T value, unsigned flags) {
  checkWord<T>(address);
  require(flags <= 1, CUDA_ERROR_INVALID_VALUE, "unknown flags");
  auto operation = std::make_shared<Operation>();
  operation->lane = Lane::Copy;
  operation->work = [address, value] {
    __atomic_store_n(reinterpret_cast<T*>(address), value, __ATOMIC_RELEASE);
    memory().markInitialised(address, sizeof(T));
    return CUDA_SUCCESS;
  };
  return operation;
}

template <typename Make>
CUresult wordOperation(const char* function, CUstream stream, Make make) {
  return contextCall(function, [&](Context& context) {
    const auto s = context.stream(stream);
    context.submit(*s, make());
    return CUDA_SUCCESS;
  });
}

}  // namespace

CUresult cuStreamWaitValue32_v2(CUstream s, CUdeviceptr a, uint32_t v, unsigned int flags) {
  return wordOperation(__func__, s, [&] { return makeWait<uint32_t>(a, v, flags); });
}
CUresult cuStreamWaitValue64_v2(CUstream s, CUdeviceptr a, uint64_t v, unsigned int flags) {
  return wordOperation(__func__, s, [&] { return makeWait<uint64_t>(a, v, flags); });
}
CUresult cuStreamWriteValue32_v2(CUstream s, CUdeviceptr a, uint32_t v, unsigned int flags) {
  return wordOperation(__func__, s, [&] { return makeWrite<uint32_t>(a, v, flags); });
}
CUresult cuStreamWriteValue64_v2(CUstream s, CUdeviceptr a, uint64_t v, unsigned int flags) {
  return wordOperation(__func__, s, [&] { return makeWrite<uint64_t>(a, v, flags); });
}
