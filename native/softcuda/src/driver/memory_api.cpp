// cuMemAlloc*, cuMemFree*, cuMemHost*, cuMemGetInfo, managed memory's hints.
#include <algorithm>
#include <cstring>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/current_context.h"
#include "driver/device.h"
#include "driver/pool.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

constexpr size_t kDeviceAlignment = 512;
constexpr size_t kHostAlignment = 4096;
constexpr size_t kPitch = 512;

}  // namespace

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return contextCall(__func__, [&](Context& context) {
    const size_t used = std::min(deviceMemory(), memory().bytesInUse(context.device()));
    if (free != nullptr) *free = deviceMemory() - used;
    if (total != nullptr) *total = deviceMemory();
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr* result, size_t bytes) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && bytes > 0, CUDA_ERROR_INVALID_VALUE, "null result pointer, or no bytes");
    refuseWhileCapturing("an allocation");
    *result = Records::instance().allocate(context, bytes, kDeviceAlignment, AllocationKind::Device, 0);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocPitch_v2(CUdeviceptr* result, size_t* pitch, size_t width, size_t height,
                            unsigned int elementBytes) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && pitch != nullptr && width > 0 && height > 0, CUDA_ERROR_INVALID_VALUE,
            "null result pointer, or no bytes");
    require(elementBytes == 4 || elementBytes == 8 || elementBytes == 16, CUDA_ERROR_INVALID_VALUE,
            "the element size must be 4, 8 or 16");
    refuseWhileCapturing("an allocation");
    require(width <= 2147483647u, CUDA_ERROR_INVALID_VALUE, "rows are wider than the largest pitch");
    const size_t row = (width + kPitch - 1) / kPitch * kPitch;
    require(height <= SIZE_MAX / row, CUDA_ERROR_OUT_OF_MEMORY, "more bytes than can be counted");
    *result = Records::instance().allocate(context, row * height, kDeviceAlignment, AllocationKind::Device, 0);
    *pitch = row;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  return contextCall(__func__, [&](Context& context) {
    if (address == 0) return CUDA_SUCCESS;
    refuseWhileCapturing("a free");
    context.waitIdle();  // as the real driver does: what still uses the memory ends first
    Record record;
    if (Records::instance().find(address, &record) && record.context != context.handle()) {
      if (const auto owner = contexts().find(record.context)) owner->waitIdle();
    }
    Records::instance().release(address,
                                {AllocationKind::Device, AllocationKind::Managed, AllocationKind::StreamOrdered},
                                CUDA_ERROR_INVALID_VALUE);
    const CUresult fault = context.fault()->get();
    if (fault != CUDA_SUCCESS) throw Error(fault, "work that ran before has failed; see its report");
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr address) {
  return contextCall(__func__, [&](Context&) {
    Allocation found;
    if (!memory().find(address, &found)) {
      throw Error(CUDA_ERROR_NOT_FOUND, hex(address) + " is not device memory: " + memory().describe(address));
    }
    if (base != nullptr) *base = found.base;
    if (bytes != nullptr) *bytes = found.size;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostAlloc(void** result, size_t bytes, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && bytes > 0, CUDA_ERROR_INVALID_VALUE, "null result pointer, or no bytes");
    require((flags & ~(CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED)) == 0u,
            CUDA_ERROR_INVALID_VALUE, "unknown flags");
    refuseWhileCapturing("an allocation");
    *result = reinterpret_cast<void*>(
        Records::instance().allocate(context, bytes, kHostAlignment, AllocationKind::HostPinned, flags));
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocHost_v2(void** result, size_t bytes) {
  // With unified addressing all page-locked memory is portable and mapped.
  return cuMemHostAlloc(result, bytes, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP);
}

CUresult cuMemFreeHost(void* pointer) {
  return contextCall(__func__, [&](Context& context) {
    if (pointer == nullptr) return CUDA_SUCCESS;
    refuseWhileCapturing("a free");
    context.waitIdle();
    Records::instance().release(reinterpret_cast<uint64_t>(pointer), {AllocationKind::HostPinned},
                                CUDA_ERROR_INVALID_VALUE);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(pointer != nullptr && bytes > 0, CUDA_ERROR_INVALID_VALUE, "null pointer, or no bytes");
    require((flags & ~0xfu) == 0, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    require((flags & CU_MEMHOSTREGISTER_IOMEMORY) == 0, CUDA_ERROR_NOT_SUPPORTED, "I/O memory is not supported");
    refuseWhileCapturing("registering memory");
    const auto base = reinterpret_cast<uint64_t>(pointer);
    if (isKnown(base) || isKnown(base + bytes - 1)) {
      throw Error(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
                  memory().describe(isKnown(base) ? base : base + bytes - 1));
    }
    Records::instance().adopt(context, base, bytes, flags);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostUnregister(void* pointer) {
  return contextCall(__func__, [&](Context& context) {
    require(pointer != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    refuseWhileCapturing("unregistering memory");
    context.waitIdle();
    Records::instance().release(reinterpret_cast<uint64_t>(pointer), {AllocationKind::HostRegistered},
                                CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* result, void* pointer, unsigned int flags) {
  return contextCall(__func__, [&](Context&) {
    require(result != nullptr && pointer != nullptr && flags == 0, CUDA_ERROR_INVALID_VALUE,
            "null pointer, or flags not 0");
    const auto address = reinterpret_cast<uint64_t>(pointer);
    Record record;
    if (!Records::instance().find(address, &record) || (record.allocation.kind != AllocationKind::HostPinned &&
                                                        record.allocation.kind != AllocationKind::HostRegistered)) {
      throw Error(CUDA_ERROR_INVALID_VALUE, hex(address) + " is not page-locked or registered host memory");
    }
    *result = address;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemHostGetFlags(unsigned int* flags, void* pointer) {
  return contextCall(__func__, [&](Context&) {
    require(flags != nullptr && pointer != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    Record record;
    if (!Records::instance().find(reinterpret_cast<uint64_t>(pointer), &record) ||
        record.allocation.kind != AllocationKind::HostPinned) {
      throw Error(CUDA_ERROR_INVALID_VALUE, "the memory does not come from cuMemHostAlloc");
    }
    *flags = record.flags | CU_MEMHOSTALLOC_DEVICEMAP;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAllocManaged(CUdeviceptr* result, size_t bytes, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(result != nullptr && bytes > 0, CUDA_ERROR_INVALID_VALUE, "null result pointer, or no bytes");
    require(flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST, CUDA_ERROR_INVALID_VALUE,
            "flags must be CU_MEM_ATTACH_GLOBAL or CU_MEM_ATTACH_HOST");
    refuseWhileCapturing("an allocation");
    *result = Records::instance().allocate(context, bytes, kHostAlignment, AllocationKind::Managed, flags);
    return CUDA_SUCCESS;
  });
}

namespace {

void checkManaged(CUdeviceptr address, size_t bytes) {
  require(bytes > 0, CUDA_ERROR_INVALID_VALUE, "no bytes");
  checkDeviceRange(address, bytes, "the range at");
  Record record;
  if (!Records::instance().find(address, &record) || record.allocation.kind != AllocationKind::Managed) {
    throw Error(CUDA_ERROR_INVALID_VALUE, hex(address) + " is not managed memory");
  }
}

bool isDevice(int id) { return id >= 0 && id < deviceCount(); }
bool isPlace(int id) { return isDevice(id) || id == CU_DEVICE_CPU; }

CUresult prefetch(const char* function, CUdeviceptr address, size_t bytes, bool known, CUstream stream) {
  return contextCall(function, [&](Context& context) {
    checkManaged(address, bytes);
    require(known, CUDA_ERROR_INVALID_DEVICE, "no such place to prefetch to");
    context.submit(*context.stream(stream), std::make_shared<Operation>());  // there is one memory: nothing moves
    return CUDA_SUCCESS;
  });
}

CUresult advise(const char* function, CUdeviceptr address, size_t bytes, int advice, bool known) {
  return contextCall(function, [&](Context&) {
    checkManaged(address, bytes);
    require(advice >= 1 && advice <= 6, CUDA_ERROR_INVALID_VALUE, "unknown advice");
    require(known || advice <= 2, CUDA_ERROR_INVALID_DEVICE, "no such device");
    return CUDA_SUCCESS;
  });
}

}  // namespace

CUresult cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice dev, CUstream stream) {
  return prefetch(__func__, address, bytes, isPlace(dev), stream);
}

CUresult cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes, CUmemLocation location, unsigned int,
                               CUstream stream) {
  return prefetch(__func__, address, bytes, location.type != CU_MEM_LOCATION_TYPE_DEVICE || isDevice(location.id),
                  stream);
}

CUresult cuMemAdvise(CUdeviceptr address, size_t bytes, int advice, CUdevice dev) {
  return advise(__func__, address, bytes, advice, isPlace(dev));
}

CUresult cuMemAdvise_v2(CUdeviceptr address, size_t bytes, int advice, CUmemLocation location) {
  return advise(__func__, address, bytes, advice,
                location.type != CU_MEM_LOCATION_TYPE_DEVICE || isDevice(location.id));
}

CUresult cuMemRangeGetAttribute(void* data, size_t size, int attribute, CUdeviceptr address, size_t bytes) {
  return contextCall(__func__, [&](Context&) {
    require(data != nullptr && size >= sizeof(int) && size % sizeof(int) == 0, CUDA_ERROR_INVALID_VALUE,
            "no room for the result");
    checkManaged(address, bytes);
    require(attribute >= 1 && attribute <= 8, CUDA_ERROR_INVALID_VALUE, "no such range attribute");
    // Nothing is remembered of hints: not mostly read, no preferred place, never prefetched.
    const int value = attribute == 1 || attribute == 5 || attribute == 7 ? 0 : CU_DEVICE_INVALID;
    for (size_t i = 0; i < size / sizeof(int); ++i)
      std::memcpy(static_cast<char*>(data) + i * sizeof(int), &value, sizeof value);
    return CUDA_SUCCESS;
  });
}

CUresult cuMemRangeGetAttributes(void** data, size_t* sizes, int* attributes, size_t count, CUdeviceptr address,
                                 size_t bytes) {
  if (data == nullptr || sizes == nullptr || attributes == nullptr) {
    return driverCall(__func__, []() -> CUresult { throw Error(CUDA_ERROR_INVALID_VALUE, "null pointer"); });
  }
  for (size_t i = 0; i < count; ++i) {
    const CUresult result = cuMemRangeGetAttribute(data[i], sizes[i], attributes[i], address, bytes);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

CUresult cuStreamAttachMemAsync(CUstream stream, CUdeviceptr address, size_t bytes, unsigned int flags) {
  return contextCall(__func__, [&](Context& context) {
    require(flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST || flags == CU_MEM_ATTACH_SINGLE,
            CUDA_ERROR_INVALID_VALUE, "flags must be one of CU_MEM_ATTACH_GLOBAL, _HOST and _SINGLE");
    Record record;
    if (!Records::instance().find(address, &record) || record.allocation.kind != AllocationKind::Managed ||
        record.allocation.base != address || (bytes != 0 && bytes != record.allocation.size)) {
      throw Error(CUDA_ERROR_INVALID_VALUE, "not a whole managed allocation");
    }
    context.submit(*context.stream(stream), std::make_shared<Operation>());
    return CUDA_SUCCESS;
  });
}

// Pointers.

namespace {

// False (with a defined "unknown" value) for a pointer that the driver does not know.
CUresult pointerAttribute(void* data, int which, CUdeviceptr address, bool lenient) {
  require(data != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
  Allocation allocation;
  const bool known = memory().find(address, &allocation);
  Record record;
  const bool recorded = Records::instance().find(address, &record);
  const bool host =
      known && (allocation.kind == AllocationKind::HostPinned || allocation.kind == AllocationKind::HostRegistered);
  const bool managed = known && allocation.kind == AllocationKind::Managed;
  auto put = [&](auto value) { std::memcpy(data, &value, sizeof value); };
  auto unknown = [&](auto value) {
    put(value);
    if (!lenient)
      throw Error(CUDA_ERROR_INVALID_VALUE,
                  hex(address) + " is not known to the driver: " + memory().describe(address));
    return CUDA_SUCCESS;
  };
  switch (which) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      if (!known) return unknown(CUcontext{nullptr});
      put(recorded ? record.context : currentContext()->handle());
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      if (!known) return unknown(0u);
      put(static_cast<unsigned>(host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      if (!known) return unknown(CUdeviceptr{0});
      put(address);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (!known || !(host || managed)) return unknown(static_cast<void*>(nullptr));
      put(reinterpret_cast<void*>(address));
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: {
      if (!known) return unknown(0u);
      put(0u);
      return CUDA_SUCCESS;
    }
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      if (!known) return unknown(0ull);
      put(static_cast<unsigned long long>(allocation.id));
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      if (!known) return unknown(0u);
      put(managed ? 1u : 0u);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      if (!known) return unknown(CU_DEVICE_INVALID);
      put(allocation.owner.device);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      if (!known) return unknown(CUdeviceptr{0});
      put(CUdeviceptr{allocation.base});
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      if (!known) return unknown(size_t{0});
      put(allocation.size);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPED: put(known ? 1u : 0u); return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: put(0ull); return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE: put(0u); return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
      put(known ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      put(recorded && record.pool != nullptr ? record.pool->handle : CUmemoryPool{nullptr});
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_P2P_TOKENS:
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE:
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR:
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID:
      throw Error(CUDA_ERROR_NOT_SUPPORTED, "this pointer attribute is not supported");
    default: throw Error(CUDA_ERROR_INVALID_VALUE, "no pointer attribute " + std::to_string(which));
  }
}

}  // namespace

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute which, CUdeviceptr address) {
  return contextCall(__func__, [&](Context&) { return pointerAttribute(data, which, address, false); });
}

CUresult cuPointerGetAttributes(unsigned int count, CUpointer_attribute* attributes, void** data,
                                CUdeviceptr address) {
  return contextCall(__func__, [&](Context&) {
    require(attributes != nullptr && data != nullptr && count > 0, CUDA_ERROR_INVALID_VALUE,
            "null pointer, or no attributes");
    // Unlike the function for one attribute, this one answers for unknown pointers too.
    for (unsigned i = 0; i < count; ++i) pointerAttribute(data[i], attributes[i], address, true);
    return CUDA_SUCCESS;
  });
}

CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute which, CUdeviceptr address) {
  return contextCall(__func__, [&](Context&) {
    require(value != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    require(which == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, CUDA_ERROR_INVALID_VALUE,
            "only CU_POINTER_ATTRIBUTE_SYNC_MEMOPS can be set");
    checkDeviceRange(address, 1, "the pointer");
    return CUDA_SUCCESS;
  });
}
