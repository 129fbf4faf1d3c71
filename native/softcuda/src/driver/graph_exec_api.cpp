// cuGraph*: instantiating, updating and launching.
#include <algorithm>

#include "driver/capture.h"
#include "driver/graph_calls.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

template <typename T>
T& twinWork(CUgraphExec exec, CUgraphNode node) {
  GraphNode* twin = findTwin(*findExec(exec)->graph, node);
  if (twin == nullptr)
    throw Error(CUDA_ERROR_INVALID_VALUE, "the node does not belong to the graph that was instantiated");
  return workOf<T>(*twin);
}

CUresult instantiate(const char* function, CUgraphExec* result, CUgraph graph, unsigned long long flags) {
  return graphContextCall(function, [&](Context& context) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    require((flags & ~15ull) == 0, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    require((flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) == 0, CUDA_ERROR_NOT_SUPPORTED,
            "graphs cannot be launched from the device");
    auto exec = std::make_shared<GraphExec>();
    exec->context = context.shared_from_this();
    exec->graph = findGraph(graph)->clone(true);
    exec->flags = flags;
    exec->handle = graphExecs().add(exec);
    *result = exec->handle;
  });
}

// Takes over the parameters of a graph of the same shape; the reason where the shapes differ.
CUgraphExecUpdateResult update(Graph& exec, const Graph& from, CUgraphNode* errorNode, CUgraphNode* errorFromNode,
                               bool apply) {
  if (exec.nodes.size() != from.nodes.size()) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  auto index = [](const Graph& graph, const GraphNode* node) {
    return std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const auto& n) { return n.get() == node; }) -
           graph.nodes.begin();
  };
  for (size_t i = 0; i < exec.nodes.size(); ++i) {
    GraphNode& mine = *exec.nodes[i];
    const GraphNode& theirs = *from.nodes[i];
    auto fail = [&](CUgraphExecUpdateResult why) {
      *errorNode = theirs.handle;
      *errorFromNode = nullptr;
      return why;
    };
    if (mine.work.index() != theirs.work.index()) return fail(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED);
    std::vector<std::ptrdiff_t> a, b;
    for (const GraphNode* n : mine.before) a.push_back(index(exec, n));
    for (const GraphNode* n : theirs.before) b.push_back(index(from, n));
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (a != b) return fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
    if (auto* child = std::get_if<ChildWork>(&mine.work)) {
      const auto result =
          update(*child->graph, *std::get<ChildWork>(theirs.work).graph, errorNode, errorFromNode, apply);
      if (result != CU_GRAPH_EXEC_UPDATE_SUCCESS) return result;
    } else if (apply) {
      mine.work = theirs.work;
    }
  }
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

}  // namespace

CUresult cuGraphInstantiateWithFlags(CUgraphExec* result, CUgraph graph, unsigned long long flags) {
  return instantiate(__func__, result, graph, flags);
}

CUresult cuGraphInstantiate_v2(CUgraphExec* result, CUgraph graph, CUgraphNode* errorNode, char* log, size_t size) {
  if (errorNode != nullptr) *errorNode = nullptr;
  if (log != nullptr && size > 0) *log = '\0';
  return instantiate(__func__, result, graph, 0);
}

CUresult cuGraphInstantiateWithParams(CUgraphExec* result, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* p) {
  if (p == nullptr)
    return driverCall(__func__, []() -> CUresult { throw Error(CUDA_ERROR_INVALID_VALUE, "null parameters"); });
  const CUresult code = instantiate(__func__, result, graph, p->flags);
  p->hErrNode_out = nullptr;
  p->result_out = code == CUDA_SUCCESS ? 0 : 1;
  return code;
}

CUresult cuGraphExecGetFlags(CUgraphExec exec, uint64_t* flags) {
  return graphCall(__func__, [&] {
    require(flags != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *flags = findExec(exec)->flags;
  });
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return graphCall(__func__, [&] {
    findExec(handle);
    graphExecs().remove(handle);  // launches that have begun go on: they hold what they need
  });
}

CUresult cuGraphUpload(CUgraphExec handle, CUstream stream) {
  return contextCall(__func__, [&](Context& context) {
    findExec(handle);
    context.submit(*context.stream(stream), std::make_shared<Operation>());
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream streamHandle) {
  return contextCall(__func__, [&](Context& context) {
    const auto exec = findExec(handle);
    const auto stream = context.stream(streamHandle);
    require(exec->context.lock().get() == &context, CUDA_ERROR_INVALID_VALUE,
            "the graph was instantiated in another context");
    {
      std::lock_guard lock(context.order);
      if (stream->capture != nullptr) {
        std::lock_guard graphs(graphLock());
        ChildWork child{exec->graph->clone(false)};
        child.graph->child = true;
        publish(child.graph);
        captureNode(*stream, std::move(child));
        return CUDA_SUCCESS;
      }
    }
    launchGraph(context, *stream, *exec);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graph, CUgraphExecUpdateResultInfo* info) {
  return graphContextCall(__func__, [&](Context&) {
    require(info != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *info = CUgraphExecUpdateResultInfo{};
    const auto exec = findExec(handle);
    const auto from = findGraph(graph);
    info->result = update(*exec->graph, *from, &info->errorNode, &info->errorFromNode, false);
    if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS) {
      throw Error(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
                  "the graph differs from the instantiated one in its nodes or edges");
    }
    update(*exec->graph, *from, &info->errorNode, &info->errorFromNode, true);
  });
}

CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode* errorNode, CUgraphExecUpdateResult* result) {
  CUgraphExecUpdateResultInfo info{};
  const CUresult code = cuGraphExecUpdate_v2(exec, graph, &info);
  if (errorNode != nullptr) *errorNode = info.errorNode;
  if (result != nullptr) *result = code == CUDA_SUCCESS ? CU_GRAPH_EXEC_UPDATE_SUCCESS : info.result;
  return code;
}

CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode handle, CUgraphNodeParams* p) {
  return graphContextCall(__func__, [&](Context&) {
    require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters");
    GraphNode* twin = findTwin(*findExec(exec)->graph, handle);
    require(twin != nullptr && typeOf(twin->work) == p->type, CUDA_ERROR_INVALID_VALUE,
            "no such node, or it is of another type");
    twin->work = workFrom(*p);
  });
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* p) {
  return graphContextCall(__func__, [&](Context&) { twinWork<KernelWork>(exec, node) = kernelWork(p); });
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return graphContextCall(__func__, [&](Context&) { twinWork<KernelWork>(exec, node) = kernelWork(p); });
}

CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D* p, CUcontext) {
  return graphContextCall(__func__, [&](Context&) { twinWork<CopyWork>(exec, node) = copyWork(p); });
}

CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS* p,
                                        CUcontext) {
  return graphContextCall(__func__, [&](Context&) { twinWork<FillWork>(exec, node) = fillWork(p); });
}

CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS* p) {
  return graphCall(__func__, [&] { twinWork<HostWork>(exec, node) = hostWork(p); });
}

CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph child) {
  return graphCall(__func__, [&] {
    CUgraphNode errorNode = nullptr, errorFrom = nullptr;
    Graph& mine = *twinWork<ChildWork>(exec, node).graph;
    const auto theirs = findGraph(child);
    require(update(mine, *theirs, &errorNode, &errorFrom, false) == CU_GRAPH_EXEC_UPDATE_SUCCESS,
            CUDA_ERROR_INVALID_VALUE, "the graph differs from the instantiated child in its nodes or edges");
    update(mine, *theirs, &errorNode, &errorFrom, true);
  });
}

CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  return graphCall(__func__, [&] { twinWork<EventRecordWork>(exec, node).event = findEvent(event); });
}

CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event) {
  return graphCall(__func__, [&] { twinWork<EventWaitWork>(exec, node).event = findEvent(event); });
}

CUresult cuGraphNodeSetEnabled(CUgraphExec handle, CUgraphNode node, unsigned int enabled) {
  return graphCall(__func__, [&] {
    const auto exec = findExec(handle);
    const GraphNode* twin = findTwin(*exec->graph, node);
    require(twin != nullptr, CUDA_ERROR_INVALID_VALUE, "the node does not belong to the graph that was instantiated");
    const CUgraphNodeType type = typeOf(twin->work);
    require(
        type == CU_GRAPH_NODE_TYPE_KERNEL || type == CU_GRAPH_NODE_TYPE_MEMCPY || type == CU_GRAPH_NODE_TYPE_MEMSET,
        CUDA_ERROR_INVALID_VALUE, "only kernel, copy and fill nodes can be disabled");
    auto& off = exec->disabled;
    off.erase(std::remove(off.begin(), off.end(), node), off.end());
    if (enabled == 0) off.push_back(node);
  });
}

CUresult cuGraphNodeGetEnabled(CUgraphExec handle, CUgraphNode node, unsigned int* enabled) {
  return graphCall(__func__, [&] {
    require(enabled != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto exec = findExec(handle);
    require(findTwin(*exec->graph, node) != nullptr, CUDA_ERROR_INVALID_VALUE,
            "the node does not belong to the graph that was instantiated");
    *enabled = std::find(exec->disabled.begin(), exec->disabled.end(), node) == exec->disabled.end() ? 1 : 0;
  });
}
