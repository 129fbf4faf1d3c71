// cuGraph*: building, asking, instantiating, updating, launching.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "driver/allocation.h"
#include "driver/capture.h"
#include "driver/current_context.h"
#include "driver/graph.h"
#include "driver/launch.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

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

CUgraphNode add(CUgraph graphHandle, const CUgraphNode* dependencies, size_t count, Work work) {
  require(dependencies != nullptr || count == 0, CUDA_ERROR_INVALID_VALUE, "null dependencies");
  const auto graph = findGraph(graphHandle);
  require(!graph->child, CUDA_ERROR_INVALID_VALUE, "the graph belongs to a child node and cannot be changed");
  std::vector<GraphNode*> after;
  for (size_t i = 0; i < count; ++i) after.push_back(&findNode(dependencies[i]));
  return graph->add(std::move(work), after)->handle;
}

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

// The executable graph's node for a node of the graph that it was made from.
GraphNode* findTwin(Graph& graph, CUgraphNode original) {
  for (const auto& node : graph.nodes) {
    if (node->original == original) return node.get();
    if (auto* child = std::get_if<ChildWork>(&node->work)) {
      if (GraphNode* found = findTwin(*child->graph, original)) return found;
    }
  }
  return nullptr;
}

template <typename T>
T& twinWork(CUgraphExec exec, CUgraphNode node) {
  GraphNode* twin = findTwin(*findExec(exec)->graph, node);
  if (twin == nullptr)
    throw Error(CUDA_ERROR_INVALID_VALUE, "the node does not belong to the graph that was instantiated");
  return workOf<T>(*twin);
}

// Copies a list of handles by the driver's convention: a null array asks for the count; what does not fit is left out,
// what is left over is set to null.
void giveNodes(const std::vector<GraphNode*>& nodes, CUgraphNode* out, size_t* count) {
  require(count != nullptr, CUDA_ERROR_INVALID_VALUE, "null count");
  if (out == nullptr) {
    *count = nodes.size();
    return;
  }
  for (size_t i = 0; i < *count; ++i) out[i] = i < nodes.size() ? nodes[i]->handle : nullptr;
  *count = std::min(*count, nodes.size());
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

const char* typeName(CUgraphNodeType type) {
  switch (type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: return "KERNEL";
    case CU_GRAPH_NODE_TYPE_MEMCPY: return "MEMCPY";
    case CU_GRAPH_NODE_TYPE_MEMSET: return "MEMSET";
    case CU_GRAPH_NODE_TYPE_HOST: return "HOST";
    case CU_GRAPH_NODE_TYPE_GRAPH: return "GRAPH";
    case CU_GRAPH_NODE_TYPE_EMPTY: return "EMPTY";
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return "WAIT_EVENT";
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return "EVENT_RECORD";
    default: return "NODE";
  }
}

std::string label(const GraphNode& node) {
  std::ostringstream text;
  text << typeName(typeOf(node.work));
  if (const auto* k = std::get_if<KernelWork>(&node.work)) {
    text << "\\n"
         << k->function->info().name << "\\n<<<" << k->launch.grid[0] << "x" << k->launch.grid[1] << "x"
         << k->launch.grid[2] << ", " << k->launch.block[0] << "x" << k->launch.block[1] << "x" << k->launch.block[2]
         << ", " << k->launch.dynamicSharedBytes << ">>>";
  } else if (const auto* c = std::get_if<CopyWork>(&node.work)) {
    text << "\\n" << c->shape.WidthInBytes << "x" << c->shape.Height << "x" << c->shape.Depth << " bytes";
  } else if (const auto* f = std::get_if<FillWork>(&node.work)) {
    text << "\\n"
         << f->shape.width << "x" << f->shape.height << " elements of " << f->shape.elementSize
         << " bytes = " << f->shape.value;
  }
  return text.str();
}

void dot(std::ostream& out, const Graph& graph, const std::string& prefix) {
  out << "subgraph \"cluster_" << prefix << "\" {\nlabel=\"" << prefix << "\"\n";
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::string name = prefix + "_node_" + std::to_string(i);
    out << "\"" << name << "\" [shape=\"box\" label=\"" << i << "\\n" << label(*graph.nodes[i]) << "\"];\n";
    if (const auto* child = std::get_if<ChildWork>(&graph.nodes[i]->work)) dot(out, *child->graph, name);
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const GraphNode* after : graph.nodes[i]->after) {
      for (size_t j = 0; j < graph.nodes.size(); ++j) {
        if (graph.nodes[j].get() == after)
          out << "\"" << prefix << "_node_" << i << "\" -> \"" << prefix << "_node_" << j << "\";\n";
      }
    }
  }
  out << "}\n";
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

}  // namespace

CUresult cuGraphCreate(CUgraph* result, unsigned int flags) {
  return graphCall(__func__, [&] {
    require(result != nullptr && flags == 0, CUDA_ERROR_INVALID_VALUE, "null result pointer, or flags not 0");
    *result = publish(std::make_shared<Graph>());
  });
}

CUresult cuGraphDestroy(CUgraph handle) {
  return graphCall(__func__, [&] {
    require(!findGraph(handle)->child, CUDA_ERROR_INVALID_VALUE, "the graph belongs to a child node");
    graphs().remove(handle);
  });
}

CUresult cuGraphClone(CUgraph* result, CUgraph handle) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *result = publish(findGraph(handle)->clone(true));
  });
}

CUresult cuGraphNodeFindInClone(CUgraphNode* result, CUgraphNode original, CUgraph clone) {
  return graphCall(__func__, [&] {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    GraphNode* twin = findTwin(*findGraph(clone), original);
    require(twin != nullptr, CUDA_ERROR_INVALID_VALUE, "the node was not cloned to this graph");
    *result = twin->handle;
  });
}

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

CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode handle, CUgraphNodeParams* p) {
  return graphContextCall(__func__, [&](Context&) {
    require(p != nullptr, CUDA_ERROR_INVALID_VALUE, "null node parameters");
    GraphNode* twin = findTwin(*findExec(exec)->graph, handle);
    require(twin != nullptr && typeOf(twin->work) == p->type, CUDA_ERROR_INVALID_VALUE,
            "no such node, or it is of another type");
    twin->work = workFrom(*p);
  });
}

CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  return graphCall(__func__, [&] {
    require(type != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    *type = typeOf(findNode(node).work);
  });
}

CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  return graphCall(__func__, [&] {
    std::vector<GraphNode*> all;
    for (const auto& node : findGraph(handle)->nodes) all.push_back(node.get());
    giveNodes(all, nodes, count);
  });
}

CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  return graphCall(__func__, [&] {
    std::vector<GraphNode*> roots;
    for (const auto& node : findGraph(handle)->nodes) {
      if (node->before.empty()) roots.push_back(node.get());
    }
    giveNodes(roots, nodes, count);
  });
}

CUresult cuGraphGetEdges(CUgraph handle, CUgraphNode* from, CUgraphNode* to, size_t* count) {
  return graphCall(__func__, [&] {
    require(count != nullptr && (from == nullptr) == (to == nullptr), CUDA_ERROR_INVALID_VALUE, "null pointer");
    std::vector<GraphNode*> begins, ends;
    for (const auto& node : findGraph(handle)->nodes) {
      for (GraphNode* after : node->after) {
        begins.push_back(node.get());
        ends.push_back(after);
      }
    }
    if (from == nullptr) {
      *count = begins.size();
      return;
    }
    size_t same = *count;
    giveNodes(begins, from, count);
    giveNodes(ends, to, &same);
  });
}

CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data, size_t* count) {
  const CUresult result = cuGraphGetEdges(graph, from, to, count);
  if (result == CUDA_SUCCESS && data != nullptr && from != nullptr) std::memset(data, 0, *count * sizeof *data);
  return result;
}

CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode* nodes, size_t* count) {
  return graphCall(__func__, [&] { giveNodes(findNode(node).before, nodes, count); });
}

CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data, size_t* count) {
  const CUresult result = cuGraphNodeGetDependencies(node, nodes, count);
  if (result == CUDA_SUCCESS && data != nullptr && nodes != nullptr) std::memset(data, 0, *count * sizeof *data);
  return result;
}

CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode* nodes, size_t* count) {
  return graphCall(__func__, [&] { giveNodes(findNode(node).after, nodes, count); });
}

CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data, size_t* count) {
  const CUresult result = cuGraphNodeGetDependentNodes(node, nodes, count);
  if (result == CUDA_SUCCESS && data != nullptr && nodes != nullptr) std::memset(data, 0, *count * sizeof *data);
  return result;
}

CUresult cuGraphAddDependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, size_t count) {
  return graphCall(__func__, [&] {
    require((from != nullptr && to != nullptr) || count == 0, CUDA_ERROR_INVALID_VALUE, "null pointer");
    const auto graph = findGraph(handle);
    for (size_t i = 0; i < count; ++i) graph->connect(&findNode(from[i]), &findNode(to[i]));
  });
}

CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                   const CUgraphEdgeData*, size_t count) {
  return cuGraphAddDependencies(graph, from, to, count);
}

CUresult cuGraphRemoveDependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, size_t count) {
  return graphCall(__func__, [&] {
    require((from != nullptr && to != nullptr) || count == 0, CUDA_ERROR_INVALID_VALUE, "null pointer");
    const auto graph = findGraph(handle);
    for (size_t i = 0; i < count; ++i) {
      GraphNode &a = findNode(from[i]), &b = findNode(to[i]);
      const auto edge = std::find(a.after.begin(), a.after.end(), &b);
      require(a.graph == graph.get() && edge != a.after.end(), CUDA_ERROR_INVALID_VALUE, "there is no such edge");
      a.after.erase(edge);
      b.before.erase(std::find(b.before.begin(), b.before.end(), &a));
    }
  });
}

CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                      const CUgraphEdgeData*, size_t count) {
  return cuGraphRemoveDependencies(graph, from, to, count);
}

CUresult cuGraphDestroyNode(CUgraphNode handle) {
  return graphCall(__func__, [&] {
    GraphNode& node = findNode(handle);
    Graph& graph = *node.graph;
    require(!graph.child, CUDA_ERROR_INVALID_VALUE, "the graph belongs to a child node and cannot be changed");
    for (GraphNode* before : node.before)
      before->after.erase(std::find(before->after.begin(), before->after.end(), &node));
    for (GraphNode* after : node.after)
      after->before.erase(std::find(after->before.begin(), after->before.end(), &node));
    if (const auto* child = std::get_if<ChildWork>(&node.work)) graphs().remove(child->graph->handle);
    node.graph = nullptr;
    graphNodes().remove(handle);
    graph.nodes.erase(
        std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const auto& n) { return n.get() == &node; }));
  });
}

// Kernel node attributes: cooperative launch is kept, the rest are hints.

namespace {

bool isKernelAttribute(int which) {
  return which == CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW || which == CU_LAUNCH_ATTRIBUTE_COOPERATIVE ||
         which == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION ||
         which == CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE || which == CU_LAUNCH_ATTRIBUTE_PRIORITY ||
         which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP || which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN ||
         which == CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
}

}  // namespace

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

// Executable graphs.

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

CUresult cuGraphDebugDotPrint(CUgraph handle, const char* path, unsigned int) {
  return graphCall(__func__, [&] {
    require(path != nullptr, CUDA_ERROR_INVALID_VALUE, "null path");
    std::ostringstream text;
    text << "digraph dot {\n";
    dot(text, *findGraph(handle), "graph_1");
    text << "}\n";
    std::FILE* out = std::fopen(path, "w");
    if (out == nullptr) throw Error(CUDA_ERROR_OPERATING_SYSTEM, std::string("cannot write ") + path);
    const std::string all = text.str();
    const bool written = std::fwrite(all.data(), 1, all.size(), out) == all.size();
    if (std::fclose(out) != 0 || !written)
      throw Error(CUDA_ERROR_OPERATING_SYSTEM, std::string("cannot write ") + path);
  });
}
