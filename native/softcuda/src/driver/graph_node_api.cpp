// cuGraph*: nodes, their parameters and attributes.
#include "driver/graph_calls.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

CUgraphNode add(CUgraph graphHandle, const CUgraphNode* dependencies, size_t count, Work work) {
  require(dependencies != nullptr || count == 0, CUDA_ERROR_INVALID_VALUE, "null dependencies");
  const auto graph = findGraph(graphHandle);
  require(!graph->child, CUDA_ERROR_INVALID_VALUE, "the graph belongs to a child node and cannot be changed");
  std::vector<GraphNode*> after;
  for (size_t i = 0; i < count; ++i) after.push_back(&findNode(dependencies[i]));
  return graph->add(std::move(work), after)->handle;
}

template <typename Parameters>
void getKernel(GraphNode& node, Parameters* p) {
  require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
  KernelWork& work = workOf<KernelWork>(node);
  node.parameterPointers.clear();
  for (const Parameter& each : work.function->info().parameters)
    node.parameterPointers.push_back(work.parameters.data() + each.offset);
  *p = Parameters{};
  p->func = work.function->handle;
  p->gridDimX = work.launch.grid[0];
  p->gridDimY = work.launch.grid[1];
  p->gridDimZ = work.launch.grid[2];
  p->blockDimX = work.launch.block[0];
  p->blockDimY = work.launch.block[1];
  p->blockDimZ = work.launch.block[2];
  p->sharedMemBytes = work.launch.dynamicSharedBytes;
  p->kernelParams = node.parameterPointers.empty() ? nullptr : node.parameterPointers.data();
}

bool isKernelAttribute(int which) {
  return which == CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW || which == CU_LAUNCH_ATTRIBUTE_COOPERATIVE ||
         which == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION ||
         which == CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE || which == CU_LAUNCH_ATTRIBUTE_PRIORITY ||
         which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP || which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN ||
         which == CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
}

}  // namespace

CUresult cuGraphAddKernelNode_v2(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                 const CUDA_KERNEL_NODE_PARAMS* p) {
  return graphContextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, kernelWork(p));
  });
}

CUresult cuGraphAddKernelNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                              const CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return graphContextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, kernelWork(p));
  });
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* p) {
  return graphCall(__func__, [&] { getKernel(findNode(node), p); });
}

CUresult cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return graphCall(__func__, [&] { getKernel(findNode(node), p); });
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* p) {
  return graphContextCall(__func__, [&](Context&) { workOf<KernelWork>(node) = kernelWork(p); });
}

CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return graphContextCall(__func__, [&](Context&) { workOf<KernelWork>(node) = kernelWork(p); });
}

CUresult cuGraphAddMemcpyNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                              const CUDA_MEMCPY3D* p, CUcontext) {
  return graphContextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, copyWork(p));
  });
}

CUresult cuGraphMemcpyNodeGetParams(CUgraphNode node, CUDA_MEMCPY3D* p) {
  return graphCall(__func__, [&] {
    require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *p = workOf<CopyWork>(node).shape;
  });
}

CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D* p) {
  return graphContextCall(__func__, [&](Context&) { workOf<CopyWork>(node) = copyWork(p); });
}

CUresult cuGraphAddMemsetNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                              const CUDA_MEMSET_NODE_PARAMS* p, CUcontext) {
  return graphContextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, fillWork(p));
  });
}

CUresult cuGraphMemsetNodeGetParams(CUgraphNode node, CUDA_MEMSET_NODE_PARAMS* p) {
  return graphCall(__func__, [&] {
    require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *p = workOf<FillWork>(node).shape;
  });
}

CUresult cuGraphMemsetNodeSetParams(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS* p) {
  return graphContextCall(__func__, [&](Context&) { workOf<FillWork>(node) = fillWork(p); });
}

CUresult cuGraphAddHostNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                            const CUDA_HOST_NODE_PARAMS* p) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, hostWork(p));
  });
}

CUresult cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS* p) {
  return graphCall(__func__, [&] {
    require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const HostWork& work = workOf<HostWork>(node);
    *p = {work.function, work.userData};
  });
}

CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS* p) {
  return graphCall(__func__, [&] { workOf<HostWork>(node) = hostWork(p); });
}

CUresult cuGraphAddChildGraphNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                  CUgraph child) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    require(graph != child, CUDA_ERROR_INVALID_VALUE, "a graph cannot be its own child");
    *result = add(graph, after, count, childWork(child));
  });
}

CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph* result) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = workOf<ChildWork>(node).graph->handle;
  });
}

CUresult cuGraphAddEmptyNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, EmptyWork{});
  });
}

CUresult cuGraphAddEventRecordNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                   CUevent event) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, EventRecordWork{findEvent(event)});
  });
}

CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent* event) {
  return graphCall(__func__, [&] {
    require(event != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *event = workOf<EventRecordWork>(node).event->handle;
  });
}

CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event) {
  return graphCall(__func__, [&] { workOf<EventRecordWork>(node).event = findEvent(event); });
}

CUresult cuGraphAddEventWaitNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                 CUevent event) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = add(graph, after, count, EventWaitWork{findEvent(event)});
  });
}

CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent* event) {
  return graphCall(__func__, [&] {
    require(event != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *event = workOf<EventWaitWork>(node).event->handle;
  });
}

CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event) {
  return graphCall(__func__, [&] { workOf<EventWaitWork>(node).event = findEvent(event); });
}

CUresult cuGraphAddNode_v2(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, const CUgraphEdgeData*,
                           size_t count, CUgraphNodeParams* p) {
  return graphContextCall(__func__, [&](Context&) {
    require(result != nullptr && p != nullptr, CUDA_ERROR_INVALID_VALUE, "null pointer");
    *result = add(graph, after, count, workFrom(*p));
  });
}

CUresult cuGraphAddNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                        CUgraphNodeParams* p) {
  return cuGraphAddNode_v2(result, graph, after, nullptr, count, p);
}

CUresult cuGraphNodeSetParams(CUgraphNode handle, CUgraphNodeParams* p) {
  return graphContextCall(__func__, [&](Context&) {
    require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters");
    GraphNode& node = findNode(handle);
    require(typeOf(node.work) == p->type, CUDA_ERROR_INVALID_VALUE, "the graph node is of another type");
    node.work = workFrom(*p);
  });
}

CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  return graphCall(__func__, [&] {
    require(type != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *type = typeOf(findNode(node).work);
  });
}

// Kernel node attributes: cooperative launch is kept, the rest are hints.

CUresult cuGraphKernelNodeGetAttribute(CUgraphNode node, int which, CUlaunchAttributeValue* value) {
  return graphCall(__func__, [&] {
    require(value != nullptr && isKernelAttribute(which), CUDA_ERROR_INVALID_VALUE,
            "null result pointer, or no such attribute");
    const KernelWork& work = workOf<KernelWork>(node);
    *value = CUlaunchAttributeValue{};
    if (which == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) value->cooperative = work.launch.cooperative ? 1 : 0;
  });
}

CUresult cuGraphKernelNodeSetAttribute(CUgraphNode node, int which, const CUlaunchAttributeValue* value) {
  return graphCall(__func__, [&] {
    require(value != nullptr && isKernelAttribute(which), CUDA_ERROR_INVALID_VALUE,
            "null pointer, or no such attribute");
    KernelWork& work = workOf<KernelWork>(node);
    if (which == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) {
      Launch launch = work.launch;
      launch.cooperative = value->cooperative != 0;
      checkLaunch(*work.function, launch);
      work.launch = launch;
    } else if (which == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION &&
               uint64_t{value->clusterDim.x} * value->clusterDim.y * value->clusterDim.z > 1) {
      throw Error(CUDA_ERROR_NOT_SUPPORTED, "thread block clusters are not supported");
    }
  });
}

CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src) {
  return graphCall(__func__,
                   [&] { workOf<KernelWork>(dst).launch.cooperative = workOf<KernelWork>(src).launch.cooperative; });
}
