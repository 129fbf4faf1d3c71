// Graphs and what they are instantiated to.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "driver/context.h"
#include "driver/work.h"

namespace softcuda::driver {

struct GraphNode {
  CUgraphNode handle = nullptr;
  CUgraphNode original = nullptr;  // in a clone: the node that this one was cloned from
  Graph* graph = nullptr;          // null once destroyed
  Work work;
  std::vector<GraphNode*> before, after;  // dependencies and dependents, in the order of their adding
  std::vector<void*> parameterPointers;   // what cuGraphKernelNodeGetParams hands out
};

// All graph structure is guarded by one lock: graphLock().
struct Graph {
  CUgraph handle = nullptr;
  CUcontext context = nullptr;
  std::vector<std::shared_ptr<GraphNode>> nodes;  // in the order of their adding
  bool child = false;                             // belongs to a child node: cannot be destroyed by itself

  ~Graph();
  GraphNode* add(Work work, const std::vector<GraphNode*>& after);
  // Throws INVALID_VALUE for foreign nodes, doubles and cycles.
  void connect(GraphNode* from, GraphNode* to);
  bool reaches(const GraphNode* from, const GraphNode* to) const;
  std::shared_ptr<Graph> clone(bool remember) const;
};

struct GraphExec {
  CUgraphExec handle = nullptr;
  std::weak_ptr<Context> context;
  std::shared_ptr<Graph> graph;  // a private copy; its nodes' `original` are those of the source graph
  std::vector<CUgraphNode> disabled;
  unsigned long long flags = 0;
  OperationPtr last;  // launches of one executable graph come one after another
};

std::recursive_mutex& graphLock();
Handles<CUgraph, Graph>& graphs();
Handles<CUgraphNode, GraphNode>& graphNodes();
Handles<CUgraphExec, GraphExec>& graphExecs();

std::shared_ptr<Graph> findGraph(CUgraph handle);  // throw INVALID_VALUE
GraphNode& findNode(CUgraphNode handle);
std::shared_ptr<GraphExec> findExec(CUgraphExec handle);

// Submits all nodes in the order of the graph; the stream comes after them.
void launchGraph(Context& context, Stream& stream, GraphExec& exec);

// Gives a graph that capture has built a handle.
CUgraph publish(std::shared_ptr<Graph> graph);

}  // namespace softcuda::driver
