// What a stream or a graph node does.
#pragma once
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "driver/abi.h"
#include "driver/scheduler.h"
#include "machine/machine.h"

namespace softcuda::driver {

struct Function;
struct Event;
struct Graph;
struct Pool;
class Context;
class Peers;

struct KernelWork {
  std::shared_ptr<Function> function;
  Launch launch;
  std::vector<uint8_t> parameters;  // packed
};

struct CopyWork {
  CUDA_MEMCPY3D shape{};                         // as the caller gave it
  std::shared_ptr<std::vector<uint8_t>> staged;  // the source's bytes, where they were taken at the time of the call
  bool peer = false;  // by a function for copies between devices: through the host if need be
};

struct FillWork {
  CUDA_MEMSET_NODE_PARAMS shape{};
};

struct HostWork {
  CUhostFn function = nullptr;
  void* userData = nullptr;
};

struct EventRecordWork {
  std::shared_ptr<Event> event;
};

struct EventWaitWork {
  std::shared_ptr<Event> event;
};

struct ChildWork {
  std::shared_ptr<Graph> graph;
};

struct EmptyWork {};

using Work =
    std::variant<KernelWork, CopyWork, FillWork, HostWork, EventRecordWork, EventWaitWork, ChildWork, EmptyWork>;

// What executes the work of all but event, child and empty nodes.
OperationPtr makeOperation(Context& context, int priority, const Work& work);

CUgraphNodeType typeOf(const Work& work);

// Copies and fills: throws INVALID_VALUE for shapes that the driver API refuses and for ranges outside of allocations.
void checkCopy(const CUDA_MEMCPY3D& shape);
void checkFill(const CUDA_MEMSET_NODE_PARAMS& shape);
// Does it, checking the ranges once more; ILLEGAL_ADDRESS and a report if the memory is gone,
// or out of the context's reach.
CUresult executeCopy(const CopyWork& copy, const Peers& peers);
CUresult executeFill(const FillWork& fill, const Peers& peers);

}  // namespace softcuda::driver
