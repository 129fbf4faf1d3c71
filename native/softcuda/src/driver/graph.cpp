#include "driver/graph.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "driver/capture.h"

namespace softcuda::driver {

std::recursive_mutex& graphLock() {
  static auto* const lock = new std::recursive_mutex();
  return *lock;
}
Handles<CUgraph, Graph>& graphs() {
  static auto* const table = new Handles<CUgraph, Graph>();
  return *table;
}
Handles<CUgraphNode, GraphNode>& graphNodes() {
  static auto* const table = new Handles<CUgraphNode, GraphNode>();
  return *table;
}
Handles<CUgraphExec, GraphExec>& graphExecs() {
  static auto* const table = new Handles<CUgraphExec, GraphExec>();
  return *table;
}

std::shared_ptr<Graph> findGraph(CUgraph handle) {
  auto graph = graphs().find(handle);
  if (graph == nullptr) throw Error(CUDA_ERROR_INVALID_VALUE, "no such graph, or it was destroyed");
  return graph;
}

GraphNode& findNode(CUgraphNode handle) {
  const auto node = graphNodes().find(handle);
  if (node == nullptr || node->graph == nullptr)
    throw Error(CUDA_ERROR_INVALID_VALUE, "no such graph node, or it was destroyed");
  return *node;  // its graph holds it
}

std::shared_ptr<GraphExec> findExec(CUgraphExec handle) {
  auto exec = graphExecs().find(handle);
  if (exec == nullptr) throw Error(CUDA_ERROR_INVALID_VALUE, "no such executable graph, or it was destroyed");
  return exec;
}

Graph::~Graph() {
  for (const auto& node : nodes) {
    node->graph = nullptr;
    graphNodes().remove(node->handle);
    if (const auto* child = std::get_if<ChildWork>(&node->work)) graphs().remove(child->graph->handle);
  }
}

GraphNode* Graph::add(Work work, const std::vector<GraphNode*>& after) {
  for (size_t i = 0; i < after.size(); ++i) {
    require(after[i]->graph == this, CUDA_ERROR_INVALID_VALUE, "a dependency belongs to another graph");
    require(std::find(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(i), after[i]) ==
                after.begin() + static_cast<std::ptrdiff_t>(i),
            CUDA_ERROR_INVALID_VALUE, "a dependency is given twice");
  }
  auto node = std::make_shared<GraphNode>();
  node->graph = this;
  node->work = std::move(work);
  node->before = after;
  node->handle = graphNodes().add(node);
  for (GraphNode* before : after) before->after.push_back(node.get());
  nodes.push_back(node);
  return node.get();
}

bool Graph::reaches(const GraphNode* from, const GraphNode* to) const {
  std::vector<const GraphNode*> open{from};
  std::unordered_set<const GraphNode*> seen;
  while (!open.empty()) {
    const GraphNode* node = open.back();
    open.pop_back();
    if (node == to) return true;
    if (!seen.insert(node).second) continue;
    open.insert(open.end(), node->after.begin(), node->after.end());
  }
  return false;
}

void Graph::connect(GraphNode* from, GraphNode* to) {
  require(from->graph == this && to->graph == this, CUDA_ERROR_INVALID_VALUE, "a node belongs to another graph");
  require(std::find(to->before.begin(), to->before.end(), from) == to->before.end(), CUDA_ERROR_INVALID_VALUE,
          "the nodes are connected already");
  require(!reaches(to, from), CUDA_ERROR_INVALID_VALUE, "the edge would close a cycle");
  to->before.push_back(from);
  from->after.push_back(to);
}

std::shared_ptr<Graph> Graph::clone(bool remember) const {
  auto copy = std::make_shared<Graph>();
  copy->context = context;
  std::unordered_map<const GraphNode*, GraphNode*> twin;
  for (const auto& node : nodes) {
    Work work = node->work;
    if (auto* child = std::get_if<ChildWork>(&work)) {
      child->graph = child->graph->clone(remember);
      child->graph->child = true;
      publish(child->graph);
    }
    GraphNode* made = copy->add(std::move(work), {});
    if (remember) made->original = node->handle;
    twin[node.get()] = made;
  }
  for (const auto& node : nodes) {
    GraphNode* made = twin[node.get()];
    for (const GraphNode* before : node->before) made->before.push_back(twin[before]);
    for (const GraphNode* after : node->after) made->after.push_back(twin[after]);
  }
  return copy;
}

CUgraph publish(std::shared_ptr<Graph> graph) {
  if (graph->handle == nullptr) {
    Graph& g = *graph;
    g.handle = graphs().add(std::move(graph));
    return g.handle;
  }
  return graph->handle;
}

namespace {

// Submits a graph's nodes after `entry`; adds their operations that nothing follows to `ends`.
void submitNodes(Context& context, const Graph& graph, const GraphExec& exec, int priority,
                 const std::vector<OperationPtr>& entry, std::vector<OperationPtr>& ends) {
  std::unordered_map<const GraphNode*, std::vector<OperationPtr>> done;  // what stands for a node's end
  std::vector<const GraphNode*> open;
  std::unordered_map<const GraphNode*, size_t> missing;
  for (const auto& node : graph.nodes) {
    missing[node.get()] = node->before.size();
    if (node->before.empty()) open.push_back(node.get());
  }
  for (size_t i = 0; i < open.size(); ++i) {
    const GraphNode* node = open[i];
    std::vector<OperationPtr> after;
    for (const GraphNode* before : node->before) {
      const auto& operations = done[before];
      after.insert(after.end(), operations.begin(), operations.end());
    }
    if (node->before.empty()) after = entry;
    std::vector<OperationPtr>& mine = done[node];
    const bool disabled = std::find(exec.disabled.begin(), exec.disabled.end(), node->original) != exec.disabled.end();
    if (const auto* child = std::get_if<ChildWork>(&node->work)) {
      submitNodes(context, *child->graph, exec, priority, after, mine);
      if (mine.empty()) mine = after;  // an empty graph
    } else {
      OperationPtr operation;
      if (disabled) {
        operation = std::make_shared<Operation>();
      } else if (const auto* wait = std::get_if<EventWaitWork>(&node->work)) {
        operation = std::make_shared<Operation>();
        std::lock_guard lock(wait->event->mutex);
        after.push_back(wait->event->recorded);
      } else {
        operation = makeOperation(context, priority, node->work);
      }
      scheduler().submit(operation, after);
      if (const auto* record = std::get_if<EventRecordWork>(&node->work); record != nullptr && !disabled) {
        std::lock_guard lock(record->event->mutex);
        record->event->recorded = operation;
        record->event->capture = nullptr;
        record->event->captured.clear();
      }
      mine.push_back(operation);
    }
    if (node->after.empty()) ends.insert(ends.end(), mine.begin(), mine.end());
    for (const GraphNode* after_ : node->after) {
      if (--missing[after_] == 0) open.push_back(after_);
    }
  }
}

}  // namespace

void launchGraph(Context& context, Stream& stream, GraphExec& exec) {
  OperationPtr last;
  {
    std::lock_guard lock(graphLock());
    last = exec.last;
  }
  context.submitGroup(stream, {last}, [&](const OperationPtr& entry) {
    std::lock_guard lock(graphLock());
    std::vector<OperationPtr> ends;
    submitNodes(context, *exec.graph, exec, stream.priority, {entry}, ends);
    exec.last = std::make_shared<Operation>();
    ends.push_back(entry);
    scheduler().submit(exec.last, ends);
    return std::vector<OperationPtr>{exec.last};
  });
}

}  // namespace softcuda::driver
