// cuMemcpy* and cuMemset*.
//
// Asynchronous copies from pageable host memory take the bytes before they return, and those to pageable memory return
// when they are done, as the real driver's do; only page-locked memory is copied later.
#include <cstring>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/current_context.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

constexpr CUmemorytype kHost = CU_MEMORYTYPE_HOST, kDevice = CU_MEMORYTYPE_DEVICE, kUnified = CU_MEMORYTYPE_UNIFIED;

bool isPageable(CUmemorytype type, const void* host, CUdeviceptr device) {
  if (type == CU_MEMORYTYPE_HOST) return !isKnown(reinterpret_cast<uint64_t>(host));
  return type == CU_MEMORYTYPE_UNIFIED && !isKnown(device);
}

bool isOnDevice(CUmemorytype type, const void* host, CUdeviceptr device) {
  const uint64_t address = type == CU_MEMORYTYPE_HOST ? reinterpret_cast<uint64_t>(host) : device;
  Allocation found;
  return memory().find(address, &found) && found.kind != AllocationKind::HostPinned &&
         found.kind != AllocationKind::HostRegistered;
}

bool isCapturing(Context& context, const Stream& stream) {
  std::lock_guard lock(context.order);
  return stream.capture != nullptr;
}

// The source's rows, one after another.
std::shared_ptr<std::vector<uint8_t>> stage(Context& context, const CUDA_MEMCPY3D& s) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(s.WidthInBytes * s.Height * s.Depth);
  CUDA_MEMCPY3D to = s;
  to.dstMemoryType = CU_MEMORYTYPE_HOST;
  to.dstHost = bytes->data();
  to.dstXInBytes = to.dstY = to.dstZ = 0;
  to.dstPitch = s.WidthInBytes;
  to.dstHeight = s.Height;
  CopyWork copy;
  copy.shape = to;
  executeCopy(copy, *context.peers());
  return bytes;
}

void copyAsync(Context& context, const CUDA_MEMCPY3D& s, CUstream handle, bool peer = false) {
  const auto stream = context.stream(handle);
  checkCopy(s);
  CopyWork copy;
  copy.shape = s;
  copy.peer = peer;
  if (!isCapturing(context, *stream) && s.WidthInBytes != 0 && s.Height != 0 && s.Depth != 0) {
    if (isPageable(s.srcMemoryType, s.srcHost, s.srcDevice)) copy.staged = stage(context, s);
    if (isPageable(s.dstMemoryType, s.dstHost, s.dstDevice)) {
      context.runHere(*stream, [&] { return executeCopy(copy, *context.peers()); });
      return;
    }
  }
  context.enqueue(*stream, std::move(copy));
}

void copyNow(Context& context, const CUDA_MEMCPY3D& s) {
  const auto stream = context.stream(nullptr);
  refuseWhileCapturing("a synchronous copy");
  checkCopy(s);
  CopyWork copy;
  copy.shape = s;
  if (isOnDevice(s.srcMemoryType, s.srcHost, s.srcDevice) && isOnDevice(s.dstMemoryType, s.dstHost, s.dstDevice)) {
    context.enqueue(*stream, std::move(copy));  // the host does not wait for copies within the device
    return;
  }
  context.runHere(*stream, [&] { return executeCopy(copy, *context.peers()); });
}

CUDA_MEMCPY3D linear(CUmemorytype dstType, CUdeviceptr dst, CUmemorytype srcType, CUdeviceptr src, size_t bytes) {
  CUDA_MEMCPY3D s{};
  s.srcMemoryType = srcType;
  (srcType == CU_MEMORYTYPE_HOST ? reinterpret_cast<CUdeviceptr&>(s.srcHost) : s.srcDevice) = src;
  s.dstMemoryType = dstType;
  (dstType == CU_MEMORYTYPE_HOST ? reinterpret_cast<CUdeviceptr&>(s.dstHost) : s.dstDevice) = dst;
  s.WidthInBytes = bytes;
  s.Height = s.Depth = 1;
  return s;
}

CUdeviceptr of(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

CUDA_MEMCPY3D from2D(const CUDA_MEMCPY2D& c) {
  CUDA_MEMCPY3D s{};
  s.srcXInBytes = c.srcXInBytes;
  s.srcY = c.srcY;
  s.srcMemoryType = c.srcMemoryType;
  s.srcHost = c.srcHost;
  s.srcDevice = c.srcDevice;
  s.srcArray = c.srcArray;
  s.srcPitch = c.srcPitch;
  s.dstXInBytes = c.dstXInBytes;
  s.dstY = c.dstY;
  s.dstMemoryType = c.dstMemoryType;
  s.dstHost = c.dstHost;
  s.dstDevice = c.dstDevice;
  s.dstArray = c.dstArray;
  s.dstPitch = c.dstPitch;
  s.WidthInBytes = c.WidthInBytes;
  s.Height = c.Height;
  s.Depth = 1;
  return s;
}

CUDA_MEMCPY3D fromPeer(const CUDA_MEMCPY3D_PEER& c) {
  CUDA_MEMCPY3D s;
  static_assert(sizeof s == sizeof c, "the structs differ in two reserved members only");
  std::memcpy(&s, &c, sizeof s);
  s.reserved0 = s.reserved1 = nullptr;
  return s;
}

// The contexts of a copy between devices.
struct Ends {
  std::shared_ptr<Context> source, target;

  Ends(CUcontext from, CUcontext to) : source(findContext(from)), target(findContext(to)) {}

  // Throws INVALID_VALUE where memory does not lie on the device of the context that is named for it.
  void check(const CUDA_MEMCPY3D& s) const {
    if (s.srcMemoryType == kDevice) checkSide(*source, s.srcDevice, "source");
    if (s.dstMemoryType == kDevice) checkSide(*target, s.dstDevice, "destination");
  }

 private:
  static void checkSide(const Context& context, CUdeviceptr address, const char* what) {
    Allocation found;
    if (!memory().find(address, &found) || isHost(found.kind) || found.owner.device == context.device()) return;
    throw Error(CUDA_ERROR_INVALID_VALUE, std::string("the copy's ") + what + " " + hex(address) + " lies on device " +
                                              std::to_string(found.owner.device) + ", its context is on device " +
                                              std::to_string(context.device()));
  }
};

// It comes after all that the three contexts have been given, and what they are given then comes after it.
CUresult peerNow(const char* function, const Ends& ends, const CUDA_MEMCPY3D& s) {
  return contextCall(function, [&](Context& context) {
    ends.check(s);
    refuseWhileCapturing("a synchronous copy");
    checkCopy(s);
    CopyWork copy;
    copy.shape = s;
    copy.peer = true;
    std::vector<OperationPtr> after = ends.source->tails();
    const std::vector<OperationPtr> more = ends.target->tails();
    after.insert(after.end(), more.begin(), more.end());
    const OperationPtr operation = makeOperation(context, 0, copy);
    context.submit(*context.stream(CU_STREAM_LEGACY), operation, std::move(after));
    for (Context* each : {ends.source.get(), ends.target.get()}) {
      if (each != &context) each->comeAfter(operation);
    }
    return CUDA_SUCCESS;
  });
}

CUresult peerLater(const char* function, const Ends& ends, const CUDA_MEMCPY3D& s, CUstream stream) {
  return contextCall(function, [&](Context& context) {
    ends.check(s);
    copyAsync(context, s, stream, true);
    return CUDA_SUCCESS;
  });
}

template <typename Make>
CUresult now(const char* function, Make make) {
  return contextCall(function, [&](Context& context) {
    copyNow(context, make());
    return CUDA_SUCCESS;
  });
}

template <typename Make>
CUresult later(const char* function, CUstream stream, Make make) {
  return contextCall(function, [&](Context& context) {
    copyAsync(context, make(), stream);
    return CUDA_SUCCESS;
  });
}

template <typename T>
const T& checked(const T* shape) {
  require(shape != nullptr, CUDA_ERROR_INVALID_VALUE, "null copy parameters");
  return *shape;
}

}  // namespace

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t n) {
  return now(__func__, [&] { return linear(kUnified, dst, kUnified, src, n); });
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr dst, const void* src, size_t n) {
  return now(__func__, [&] { return linear(kDevice, dst, kHost, of(src), n); });
}
CUresult cuMemcpyDtoH_v2(void* dst, CUdeviceptr src, size_t n) {
  return now(__func__, [&] { return linear(kHost, of(dst), kDevice, src, n); });
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr dst, CUdeviceptr src, size_t n) {
  return now(__func__, [&] { return linear(kDevice, dst, kDevice, src, n); });
}
CUresult cuMemcpyPeer(CUdeviceptr dst, CUcontext to, CUdeviceptr src, CUcontext from, size_t n) {
  return driverCall(__func__,
                    [&] { return peerNow("cuMemcpyPeer", Ends(from, to), linear(kDevice, dst, kDevice, src, n)); });
}
CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* c) {
  return now(__func__, [&] { return from2D(checked(c)); });
}
CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* c) {
  return now(__func__, [&] { return from2D(checked(c)); });
}
CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* c) {
  return now(__func__, [&] { return checked(c); });
}
CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* c) {
  return driverCall(
      __func__, [&] { return peerNow("cuMemcpy3DPeer", Ends(checked(c).srcContext, c->dstContext), fromPeer(*c)); });
}

CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s) {
  return later(__func__, s, [&] { return linear(kUnified, dst, kUnified, src, n); });
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void* src, size_t n, CUstream s) {
  return later(__func__, s, [&] { return linear(kDevice, dst, kHost, of(src), n); });
}
CUresult cuMemcpyDtoHAsync_v2(void* dst, CUdeviceptr src, size_t n, CUstream s) {
  return later(__func__, s, [&] { return linear(kHost, of(dst), kDevice, src, n); });
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s) {
  return later(__func__, s, [&] { return linear(kDevice, dst, kDevice, src, n); });
}
CUresult cuMemcpyPeerAsync(CUdeviceptr dst, CUcontext to, CUdeviceptr src, CUcontext from, size_t n, CUstream s) {
  return driverCall(__func__, [&] {
    return peerLater("cuMemcpyPeerAsync", Ends(from, to), linear(kDevice, dst, kDevice, src, n), s);
  });
}
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* c, CUstream s) {
  return later(__func__, s, [&] { return from2D(checked(c)); });
}
CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* c, CUstream s) {
  return later(__func__, s, [&] { return checked(c); });
}
CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* c, CUstream s) {
  return driverCall(__func__, [&] {
    return peerLater("cuMemcpy3DPeerAsync", Ends(checked(c).srcContext, c->dstContext), fromPeer(*c), s);
  });
}

namespace {

CUresult fill(const char* function, CUstream stream, CUdeviceptr dst, size_t pitch, unsigned value, unsigned size,
              size_t width, size_t height, bool wait) {
  return contextCall(function, [&](Context& context) {
    FillWork work;
    work.shape = {dst, pitch, value, size, width, height};
    const auto s = context.stream(stream);
    if (wait) refuseWhileCapturing("a synchronous fill");
    checkFill(work.shape);
    // The host waits for a fill only where it may see the memory.
    if (wait && !isOnDevice(CU_MEMORYTYPE_DEVICE, nullptr, dst)) {
      context.runHere(*s, [&] { return executeFill(work, *context.peers()); });
    } else {
      context.enqueue(*s, work);
    }
    return CUDA_SUCCESS;
  });
}

}  // namespace

CUresult cuMemsetD8_v2(CUdeviceptr d, unsigned char v, size_t n) {
  return fill(__func__, nullptr, d, 0, v, 1, n, 1, true);
}
CUresult cuMemsetD16_v2(CUdeviceptr d, unsigned short v, size_t n) {
  return fill(__func__, nullptr, d, 0, v, 2, n, 1, true);
}
CUresult cuMemsetD32_v2(CUdeviceptr d, unsigned int v, size_t n) {
  return fill(__func__, nullptr, d, 0, v, 4, n, 1, true);
}
CUresult cuMemsetD2D8_v2(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h) {
  return fill(__func__, nullptr, d, p, v, 1, w, h, true);
}
CUresult cuMemsetD2D16_v2(CUdeviceptr d, size_t p, unsigned short v, size_t w, size_t h) {
  return fill(__func__, nullptr, d, p, v, 2, w, h, true);
}
CUresult cuMemsetD2D32_v2(CUdeviceptr d, size_t p, unsigned int v, size_t w, size_t h) {
  return fill(__func__, nullptr, d, p, v, 4, w, h, true);
}
CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream s) {
  return fill(__func__, s, d, 0, v, 1, n, 1, false);
}
CUresult cuMemsetD16Async(CUdeviceptr d, unsigned short v, size_t n, CUstream s) {
  return fill(__func__, s, d, 0, v, 2, n, 1, false);
}
CUresult cuMemsetD32Async(CUdeviceptr d, unsigned int v, size_t n, CUstream s) {
  return fill(__func__, s, d, 0, v, 4, n, 1, false);
}
CUresult cuMemsetD2D8Async(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h, CUstream s) {
  return fill(__func__, s, d, p, v, 1, w, h, false);
}
CUresult cuMemsetD2D16Async(CUdeviceptr d, size_t p, unsigned short v, size_t w, size_t h, CUstream s) {
  return fill(__func__, s, d, p, v, 2, w, h, false);
}
CUresult cuMemsetD2D32Async(CUdeviceptr d, size_t p, unsigned int v, size_t w, size_t h, CUstream s) {
  return fill(__func__, s, d, p, v, 4, w, h, false);
}
