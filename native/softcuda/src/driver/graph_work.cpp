// Graph nodes' works from the parameters that callers give.
#include "driver/allocation.h"
#include "driver/graph_calls.h"

namespace softcuda::driver {

CopyWork copyWork(const CUDA_MEMCPY3D* shape) {
  require(shape != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters");
  checkCopy(*shape);
  CopyWork work;
  work.shape = *shape;
  return work;
}

FillWork fillWork(const CUDA_MEMSET_NODE_PARAMS* shape) {
  require(shape != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters");
  require(shape->width > 0 && shape->height > 0, CUDA_ERROR_INVALID_VALUE,
          "a fill node must have a width and a height");
  checkFill(*shape);
  return FillWork{*shape};
}

HostWork hostWork(const CUDA_HOST_NODE_PARAMS* p) {
  require(p != nullptr && p->fn != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters or host function");
  return HostWork{p->fn, p->userData};
}

ChildWork childWork(CUgraph handle) {
  ChildWork work{findGraph(handle)->clone(true)};
  work.graph->child = true;
  publish(work.graph);
  return work;
}

Work workFrom(const CUgraphNodeParams& p) {
  switch (static_cast<int>(p.type)) {
    case CU_GRAPH_NODE_TYPE_KERNEL: return kernelWork(&p.kernel);
    case CU_GRAPH_NODE_TYPE_MEMCPY: return copyWork(&p.memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: return fillWork(reinterpret_cast<const CUDA_MEMSET_NODE_PARAMS*>(&p.memset));
    case CU_GRAPH_NODE_TYPE_HOST: return hostWork(&p.host);
    case CU_GRAPH_NODE_TYPE_GRAPH: return childWork(p.graph.graph);
    case CU_GRAPH_NODE_TYPE_EMPTY: return EmptyWork{};
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return EventWaitWork{findEvent(p.eventWait.event)};
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return EventRecordWork{findEvent(p.eventRecord.event)};
    default:
      throw Error(CUDA_ERROR_NOT_SUPPORTED,
                  "graph nodes of type " + std::to_string(static_cast<int>(p.type)) + " are not supported");
  }
}

GraphNode* findTwin(Graph& graph, CUgraphNode original) {
  for (const auto& node : graph.nodes) {
    if (node->original == original) return node.get();
    if (auto* child = std::get_if<ChildWork>(&node->work)) {
      if (GraphNode* found = findTwin(*child->graph, original)) return found;
    }
  }
  return nullptr;
}

}  // namespace softcuda::driver
