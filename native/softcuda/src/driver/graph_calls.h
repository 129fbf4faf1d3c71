// What the cuGraph* functions share.
#pragma once
#include <mutex>

#include "driver/current_context.h"
#include "driver/graph.h"
#include "driver/launch.h"

namespace softcuda::driver {

template <typename Body>
CUresult graphCall(const char* function, Body body) {
  return driverCall(function, [&]() -> CUresult {
    std::lock_guard lock(graphLock());
    body();
    return CUDA_SUCCESS;
  });
}

// For calls that need the context too (kernels, memory).
template <typename Body>
CUresult graphContextCall(const char* function, Body body) {
  return contextCall(function, [&](Context& context) -> CUresult {
    std::lock_guard lock(graphLock());
    body(context);
    return CUDA_SUCCESS;
  });
}

// A node's work of the type that the call is about.
template <typename T>
T& workOf(GraphNode& node) {
  T* work = std::get_if<T>(&node.work);
  if (work == nullptr) throw Error(CUDA_ERROR_INVALID_VALUE, "the graph node is of another type");
  return *work;
}

template <typename T>
T& workOf(CUgraphNode node) {
  return workOf<T>(findNode(node));
}

// Works from the parameters that callers give.
template <typename Parameters>
KernelWork kernelWork(const Parameters* p) {
  require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters");
  CUfunction function = p->func;
  if constexpr (std::is_same_v<Parameters, CUDA_KERNEL_NODE_PARAMS>) {
    if (function == nullptr) function = reinterpret_cast<CUfunction>(p->kern);
  }
  return makeLaunch(function, p->gridDimX, p->gridDimY, p->gridDimZ, p->blockDimX, p->blockDimY, p->blockDimZ,
                    p->sharedMemBytes, p->kernelParams, p->extra);
}

CopyWork copyWork(const CUDA_MEMCPY3D* shape);
FillWork fillWork(const CUDA_MEMSET_NODE_PARAMS* shape);
HostWork hostWork(const CUDA_HOST_NODE_PARAMS* p);
ChildWork childWork(CUgraph handle);
Work workFrom(const CUgraphNodeParams& p);

// The node that was made of a node when its graph was cloned or instantiated, or null.
GraphNode* findTwin(Graph& graph, CUgraphNode original);

}  // namespace softcuda::driver
