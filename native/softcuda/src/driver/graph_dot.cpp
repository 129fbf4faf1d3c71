// cuGraphDebugDotPrint.
#include <cstdio>
#include <sstream>

#include "driver/graph_calls.h"

using namespace softcuda;
using namespace softcuda::driver;

namespace {

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

}  // namespace

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
