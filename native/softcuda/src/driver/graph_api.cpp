// cuGraph*: graphs and the edges between their nodes.
#include <algorithm>
#include <cstring>

#include "driver/graph_calls.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

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
