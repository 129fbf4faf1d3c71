#include "driver/work.h"

#include <algorithm>
#include <cstring>

#include "driver/allocation.h"
#include "driver/context.h"
#include "driver/history.h"
#include "driver/module.h"
#include "driver/peers.h"

namespace softcuda::driver {

namespace {

// One side of a copy: rows of `width` bytes at pitch, layers of `height` rows.
struct Side {
  uint64_t begin = 0;  // of the first row that is copied
  size_t pitch = 0, layer = 0;
  bool known = false;  // checked against allocations

  uint64_t row(size_t y, size_t z) const { return begin + z * layer + y * pitch; }
};

bool multiply(size_t a, size_t b, size_t* out) { return !__builtin_mul_overflow(a, b, out); }

// Bytes from the first copied one to the last, or SIZE_MAX.
size_t span(const CUDA_MEMCPY3D& s, size_t pitch, size_t layer) {
  size_t rows = 0, layers = 0, all = 0;
  if (!multiply(s.Height - 1, pitch, &rows) || !multiply(s.Depth - 1, layer, &layers) ||
      __builtin_add_overflow(rows, layers, &all) || __builtin_add_overflow(all, s.WidthInBytes, &all)) {
    return SIZE_MAX;
  }
  return all;
}

Side resolve(const CUDA_MEMCPY3D& s, bool source) {
  const char* what = source ? "the copy's source" : "the copy's destination";
  const CUmemorytype type = source ? s.srcMemoryType : s.dstMemoryType;
  const size_t x = source ? s.srcXInBytes : s.dstXInBytes, y = source ? s.srcY : s.dstY, z = source ? s.srcZ : s.dstZ;
  size_t pitch = source ? s.srcPitch : s.dstPitch;
  const size_t height = source ? s.srcHeight : s.dstHeight;
  require((source ? s.srcLOD : s.dstLOD) == 0, CUDA_ERROR_INVALID_VALUE, "a level of detail must be 0");

  uint64_t base = 0;
  switch (type) {
    case CU_MEMORYTYPE_HOST: base = reinterpret_cast<uint64_t>(source ? s.srcHost : s.dstHost); break;
    case CU_MEMORYTYPE_DEVICE:
    case CU_MEMORYTYPE_UNIFIED: base = source ? s.srcDevice : s.dstDevice; break;
    case CU_MEMORYTYPE_ARRAY: throw Error(CUDA_ERROR_NOT_SUPPORTED, "CUDA arrays are not supported");
    default: throw Error(CUDA_ERROR_INVALID_VALUE, std::string(what) + " has an unknown memory type");
  }
  if (base == 0) throw Error(CUDA_ERROR_INVALID_VALUE, std::string(what) + " is null");

  const bool oneRow = s.Height == 1 && s.Depth == 1;
  if (pitch == 0 && oneRow && y == 0 && z == 0) pitch = x + s.WidthInBytes;
  if (pitch < x + s.WidthInBytes || pitch > (oneRow ? SIZE_MAX : 2147483647u)) {
    throw Error(CUDA_ERROR_INVALID_VALUE, std::string(what) + " has a pitch of " + std::to_string(pitch) +
                                              " bytes for rows of " + std::to_string(x + s.WidthInBytes));
  }
  size_t rows = height;
  if (rows == 0 && s.Depth == 1 && z == 0) rows = y + s.Height;
  if (rows < y + s.Height)
    throw Error(CUDA_ERROR_INVALID_VALUE, std::string(what) + " has fewer rows than are copied");

  Side side;
  side.pitch = pitch;
  size_t skip = 0, down = 0, all = 0;
  if (!multiply(pitch, rows, &side.layer) && s.Depth > 1) all = SIZE_MAX;
  if (!multiply(side.layer, z, &skip) || !multiply(pitch, y, &down)) all = SIZE_MAX;
  side.begin = base + skip + down + x;
  if (all != SIZE_MAX) all = span(s, pitch, side.layer);
  require(all != SIZE_MAX, CUDA_ERROR_INVALID_VALUE, "more bytes than can be counted");

  side.known = type == CU_MEMORYTYPE_DEVICE || isKnown(side.begin) || isKnown(base);
  if (side.known) checkDeviceRange(side.begin, all, what);
  return side;
}

bool isEmpty(const CUDA_MEMCPY3D& s) { return s.WidthInBytes == 0 || s.Height == 0 || s.Depth == 0; }

template <typename T>
void fillRow(uint64_t row, uint32_t value, size_t count) {
  std::fill_n(reinterpret_cast<T*>(row), count, static_cast<T>(value));
}

CUresult gone(const Error& e) {
  report(std::string("softcuda: ") + e.what());
  return e.code() == CUDA_ERROR_LAUNCH_FAILED ? e.code() : CUDA_ERROR_ILLEGAL_ADDRESS;
}

constexpr int kNoDevice = -1;

// Where one side of a copy lies; kNoDevice for the host.
int deviceOf(const Side& side) {
  Allocation found;
  return side.known && memory().find(side.begin, &found) && !isHost(found.kind) ? found.owner.device : kNoDevice;
}

// Throws ILLEGAL_ADDRESS if the context may not access the memory.
void checkReach(const Peers& peers, uint64_t address, const char* what) {
  const std::string why = peers.whyNot(address);
  if (!why.empty())
    throw Error(CUDA_ERROR_ILLEGAL_ADDRESS, what + hex(address) + ", " + memory().describe(address) + ": " + why);
}

// Throws LAUNCH_FAILED if another operation uses the memory that is not ordered with the running one.
void checkOrder(uint64_t address, size_t bytes, bool write) {
  const std::string race = raceOf(address, bytes, write);
  if (!race.empty()) throw Error(CUDA_ERROR_LAUNCH_FAILED, race);
}

}  // namespace

void checkCopy(const CUDA_MEMCPY3D& shape) {
  if (isEmpty(shape)) return;
  resolve(shape, true);
  resolve(shape, false);
}

CUresult executeCopy(const CopyWork& copy, const Peers& peers) {
  const CUDA_MEMCPY3D& s = copy.shape;
  if (isEmpty(s)) return CUDA_SUCCESS;
  try {
    Side from;
    if (copy.staged != nullptr) {
      from.begin = reinterpret_cast<uint64_t>(copy.staged->data());
      from.pitch = s.WidthInBytes;
      from.layer = s.WidthInBytes * s.Height;
    } else {
      from = resolve(s, true);
    }
    const Side to = resolve(s, false);
    const int source = copy.staged == nullptr ? deviceOf(from) : kNoDevice, target = deviceOf(to);
    const bool between = source != kNoDevice && target != kNoDevice;
    if (between && !copy.peer) {
      checkReach(peers, from.begin, "a copy reads ");
      checkReach(peers, to.begin, "a copy writes ");
    }
    if (between && source != target) countPeerCopy(source, target, s.WidthInBytes * s.Height * s.Depth);
    const bool whole = from.pitch == s.WidthInBytes && to.pitch == s.WidthInBytes;
    const size_t rows = whole ? 1 : s.Height;
    const size_t bytes = whole ? s.WidthInBytes * s.Height : s.WidthInBytes;
    for (size_t z = 0; z < s.Depth; ++z) {
      for (size_t y = 0; y < rows; ++y) {
        if (from.known) checkOrder(from.row(y, z), bytes, false);
        if (to.known) checkOrder(to.row(y, z), bytes, true);
        std::memmove(reinterpret_cast<void*>(to.row(y, z)), reinterpret_cast<const void*>(from.row(y, z)), bytes);
        if (to.known) memory().markInitialised(to.row(y, z), bytes);
      }
    }
    return CUDA_SUCCESS;
  } catch (const Error& e) {
    return gone(e);
  }
}

void checkFill(const CUDA_MEMSET_NODE_PARAMS& s) {
  require(s.elementSize == 1 || s.elementSize == 2 || s.elementSize == 4, CUDA_ERROR_INVALID_VALUE,
          "the element size must be 1, 2 or 4");
  if (s.width == 0 || s.height == 0) return;
  size_t row = 0, rows = 0;
  if (!multiply(s.width, s.elementSize, &row)) throw Error(CUDA_ERROR_INVALID_VALUE, "more bytes than can be counted");
  if (s.dst % s.elementSize != 0) {
    throw Error(CUDA_ERROR_INVALID_VALUE, "the fill's destination " + hex(s.dst) + " is not aligned to elements of " +
                                              std::to_string(s.elementSize) + " bytes");
  }
  if (s.height > 1) {
    require(s.pitch >= row && s.pitch % s.elementSize == 0, CUDA_ERROR_INVALID_VALUE,
            "the fill's pitch is smaller than its rows, or not a multiple of its elements");
    if (!multiply(s.pitch, s.height - 1, &rows))
      throw Error(CUDA_ERROR_INVALID_VALUE, "more bytes than can be counted");
  }
  checkDeviceRange(s.dst, rows + row, "the fill's destination");
}

CUresult executeFill(const FillWork& fill, const Peers& peers) {
  const CUDA_MEMSET_NODE_PARAMS& s = fill.shape;
  try {
    checkFill(s);
    if (s.width != 0) checkReach(peers, s.dst, "a fill writes ");
    if (s.width != 0) {
      for (size_t y = 0; y < s.height; ++y) checkOrder(s.dst + y * s.pitch, s.width * s.elementSize, true);
    }
  } catch (const Error& e) {
    return gone(e);
  }
  if (s.width == 0) return CUDA_SUCCESS;
  for (size_t y = 0; y < s.height; ++y) {
    const uint64_t row = s.dst + y * s.pitch;
    switch (s.elementSize) {
      case 1: std::memset(reinterpret_cast<void*>(row), static_cast<int>(s.value & 0xff), s.width); break;
      case 2: fillRow<uint16_t>(row, s.value, s.width); break;
      default: fillRow<uint32_t>(row, s.value, s.width); break;
    }
    memory().markInitialised(row, s.width * s.elementSize);
  }
  return CUDA_SUCCESS;
}

CUgraphNodeType typeOf(const Work& work) {
  static constexpr CUgraphNodeType kTypes[] = {CU_GRAPH_NODE_TYPE_KERNEL,       CU_GRAPH_NODE_TYPE_MEMCPY,
                                               CU_GRAPH_NODE_TYPE_MEMSET,       CU_GRAPH_NODE_TYPE_HOST,
                                               CU_GRAPH_NODE_TYPE_EVENT_RECORD, CU_GRAPH_NODE_TYPE_WAIT_EVENT,
                                               CU_GRAPH_NODE_TYPE_GRAPH,        CU_GRAPH_NODE_TYPE_EMPTY};
  return kTypes[work.index()];
}

OperationPtr makeOperation(Context& context, int priority, const Work& work) {
  auto operation = std::make_shared<Operation>();
  operation->priority = priority;
  operation->fault = context.fault();
  if (const auto* kernel = std::get_if<KernelWork>(&work)) {
    operation->lane = Lane::Kernel;
    operation->what = "kernel " + kernel->function->info().name;
    operation->work = [k = *kernel]() mutable -> CUresult {
      if (const Operation* self = Scheduler::running(); self->history != nullptr) {
        k.launch.order = self->history.get();
        k.launch.operation = self->history->id;
      }
      k.launch.owner = k.function->module->peers->self();
      k.launch.reach = k.function->module->peers.get();
      const Failure failure =
          run(*k.function->module->machine, k.function->index, k.launch, k.parameters.data(), memory());
      if (!failure.report.empty()) report(failure.report);
      return static_cast<CUresult>(failure.code);
    };
  } else if (const auto* copy = std::get_if<CopyWork>(&work)) {
    operation->lane = Lane::Copy;
    operation->what = "a copy";
    operation->work = [c = *copy, peers = context.peers()] { return executeCopy(c, *peers); };
  } else if (const auto* fill = std::get_if<FillWork>(&work)) {
    operation->lane = Lane::Copy;
    operation->what = "a fill";
    operation->work = [f = *fill, peers = context.peers()] { return executeFill(f, *peers); };
  } else if (const auto* host = std::get_if<HostWork>(&work)) {
    operation->lane = Lane::Host;
    operation->work = [h = *host] {
      h.function(h.userData);
      return CUDA_SUCCESS;
    };
  }
  return operation;
}

}  // namespace softcuda::driver
