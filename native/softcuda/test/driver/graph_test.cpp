#include <cstdio>
#include <fstream>
#include <sstream>

#include "fixture.h"

namespace {

CUDA_MEMCPY3D copyShape(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  CUDA_MEMCPY3D s{};
  s.srcMemoryType = s.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  s.srcDevice = from, s.dstDevice = to, s.WidthInBytes = bytes, s.Height = s.Depth = 1;
  return s;
}

CUDA_MEMSET_NODE_PARAMS fillShape(CUdeviceptr to, unsigned value, size_t words) { return {to, 0, value, 4, words, 1}; }

CUgraphExec instantiate(CUgraph g) {
  CUgraphExec e = nullptr;
  OK(cuGraphInstantiateWithFlags(&e, g, 0));
  return e;
}

void run(CUgraphExec e, CUstream s = nullptr) {
  OK(cuGraphLaunch(e, s));
  OK(cuStreamSynchronize(s));
}

// A graph of four steps on one word, each `word = word * factor + term`.
struct Steps {
  Module module{ptx::step};
  CUfunction f = module.function("step");
  Buffer word{4};
  CUdeviceptr p = word.p;
  unsigned factor = 0, term = 0;
  void* parameters[3] = {&p, &factor, &term};

  CUDA_KERNEL_NODE_PARAMS node(unsigned a, unsigned b) {
    factor = a, term = b;
    CUDA_KERNEL_NODE_PARAMS k{};
    k.func = f;
    k.gridDimX = k.gridDimY = k.gridDimZ = k.blockDimX = k.blockDimY = k.blockDimZ = 1;
    k.kernelParams = parameters;
    return k;
  }
};

}  // namespace

TEST(kernelsInOrder) {
  Context context;
  Steps steps;
  CUgraph g = nullptr;
  OK(cuGraphCreate(&g, 0));
  CUgraphNode fill = nullptr, last = nullptr;
  const auto start = fillShape(steps.p, 1, 1);
  OK(cuGraphAddMemsetNode(&fill, g, nullptr, 0, &start, context.handle));
  last = fill;
  unsigned expected = 1;
  for (unsigned i = 2; i < 8; ++i) {
    const auto k = steps.node(i, i + 1);
    CUgraphNode next = nullptr;
    OK(cuGraphAddKernelNode_v2(&next, g, &last, 1, &k));
    last = next;
    expected = expected * i + i + 1;
  }
  CUgraphExec e = instantiate(g);
  for (int i = 0; i < 3; ++i) {
    run(e);
    CHECK_EQ(steps.word.read<unsigned>(1)[0], expected);
  }
  // Parameters were copied when the node was made; asking gives them back.
  CUDA_KERNEL_NODE_PARAMS got{};
  OK(cuGraphKernelNodeGetParams_v2(last, &got));
  CHECK(got.func == steps.f);
  CHECK_EQ(*static_cast<unsigned*>(got.kernelParams[1]), 7u);
  CHECK_EQ(*static_cast<unsigned*>(got.kernelParams[2]), 8u);
  CHECK_EQ(got.blockDimX, 1u);
  // Changing the graph's node does not change the executable one, changing that one does.
  const auto changed = steps.node(0, 77);
  OK(cuGraphKernelNodeSetParams_v2(last, &changed));
  run(e);
  CHECK_EQ(steps.word.read<unsigned>(1)[0], expected);
  OK(cuGraphExecKernelNodeSetParams_v2(e, last, &changed));
  run(e);
  CHECK_EQ(steps.word.read<unsigned>(1)[0], 77u);
  OK(cuGraphExecDestroy(e));
  FAILS(cuGraphExecDestroy(e), CUDA_ERROR_INVALID_VALUE);
  OK(cuGraphDestroy(g));
  FAILS(cuGraphDestroy(g), CUDA_ERROR_INVALID_VALUE);
  CUgraphNodeType type{};
  FAILS(cuGraphNodeGetType(last, &type), CUDA_ERROR_INVALID_VALUE);
}

TEST(everyKindOfNode) {
  Context context;
  Buffer m(16);
  Journal journal;
  CUevent recorded = nullptr, waited = nullptr;
  OK(cuEventCreate(&recorded, 0));
  OK(cuEventCreate(&waited, 0));
  CUgraph g = nullptr, child = nullptr;
  OK(cuGraphCreate(&child, 0));
  CUgraphNode inChild = nullptr;
  const auto inner = copyShape(m.p + 4, m.p, 4);
  OK(cuGraphAddMemcpyNode(&inChild, child, nullptr, 0, &inner, context.handle));

  OK(cuGraphCreate(&g, 0));
  CUgraphNode n[7];
  const auto fill = fillShape(m.p, 9, 1);
  OK(cuGraphAddEventWaitNode(&n[0], g, nullptr, 0, waited));
  OK(cuGraphAddMemsetNode(&n[1], g, &n[0], 1, &fill, context.handle));
  OK(cuGraphAddChildGraphNode(&n[2], g, &n[1], 1, child));
  OK(cuGraphAddEmptyNode(&n[3], g, &n[2], 1));
  const auto outer = copyShape(m.p + 8, m.p + 4, 4);
  OK(cuGraphAddMemcpyNode(&n[4], g, &n[3], 1, &outer, context.handle));
  const CUDA_HOST_NODE_PARAMS host{&Journal::note, journal.entry(5)};
  OK(cuGraphAddHostNode(&n[5], g, &n[4], 1, &host));
  OK(cuGraphAddEventRecordNode(&n[6], g, &n[5], 1, recorded));
  const CUgraphNodeType types[] = {CU_GRAPH_NODE_TYPE_WAIT_EVENT,  CU_GRAPH_NODE_TYPE_MEMSET, CU_GRAPH_NODE_TYPE_GRAPH,
                                   CU_GRAPH_NODE_TYPE_EMPTY,       CU_GRAPH_NODE_TYPE_MEMCPY, CU_GRAPH_NODE_TYPE_HOST,
                                   CU_GRAPH_NODE_TYPE_EVENT_RECORD};
  for (int i = 0; i < 7; ++i) {
    CUgraphNodeType type{};
    OK(cuGraphNodeGetType(n[i], &type));
    CHECK_EQ(static_cast<int>(type), static_cast<int>(types[i]));
  }
  CUgraph inside = nullptr;
  OK(cuGraphChildGraphNodeGetGraph(n[2], &inside));
  CHECK(inside != child && inside != nullptr);
  FAILS(cuGraphDestroy(inside), CUDA_ERROR_INVALID_VALUE);
  CUevent got = nullptr;
  OK(cuGraphEventRecordNodeGetEvent(n[6], &got));
  CHECK(got == recorded);
  OK(cuGraphEventWaitNodeGetEvent(n[0], &got));
  CHECK(got == waited);
  FAILS(cuGraphEventWaitNodeGetEvent(n[1], &got), CUDA_ERROR_INVALID_VALUE);
  CUDA_HOST_NODE_PARAMS hostBack{};
  OK(cuGraphHostNodeGetParams(n[5], &hostBack));
  CHECK(hostBack.userData == host.userData);
  CUDA_MEMSET_NODE_PARAMS fillBack{};
  OK(cuGraphMemsetNodeGetParams(n[1], &fillBack));
  CHECK_EQ(fillBack.value, 9u);
  CUDA_MEMCPY3D copyBack{};
  OK(cuGraphMemcpyNodeGetParams(n[4], &copyBack));
  CHECK_EQ(copyBack.dstDevice, m.p + 8);

  CUgraphExec e = instantiate(g);
  CUstream s = nullptr, t = nullptr;
  OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  OK(cuStreamCreate(&t, CU_STREAM_NON_BLOCKING));
  // The wait node waits for what the event records outside.
  CUdeviceptr word = m.p + 12;
  OK(cuMemsetD32_v2(m.p, 0, 4));
  OK(cuCtxSynchronize());
  OK(cuStreamWaitValue32_v2(t, word, 1, CU_STREAM_WAIT_VALUE_EQ));
  OK(cuEventRecord(waited, t));
  OK(cuGraphLaunch(e, s));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  FAILS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
  CHECK(journal.read().empty());
  CUstream w = nullptr;
  OK(cuStreamCreate(&w, CU_STREAM_NON_BLOCKING));
  OK(cuStreamWriteValue32_v2(w, word, 1, 0));
  OK(cuStreamSynchronize(s));
  CHECK(m.read<int>(4) == (std::vector<int>{9, 9, 9, 1}));
  CHECK(journal.read() == std::vector<int>{5});
  OK(cuEventSynchronize(recorded));
}

TEST(edges) {
  Context context;
  CUgraph g = nullptr, other = nullptr;
  OK(cuGraphCreate(&g, 0));
  OK(cuGraphCreate(&other, 0));
  CUgraphNode a = nullptr, b = nullptr, c = nullptr, foreign = nullptr;
  OK(cuGraphAddEmptyNode(&a, g, nullptr, 0));
  OK(cuGraphAddEmptyNode(&b, g, &a, 1));
  OK(cuGraphAddEmptyNode(&c, g, nullptr, 0));
  OK(cuGraphAddEmptyNode(&foreign, other, nullptr, 0));
  OK(cuGraphAddDependencies(g, &b, &c, 1));
  FAILS(cuGraphAddDependencies(g, &b, &c, 1), CUDA_ERROR_INVALID_VALUE);  // twice
  FAILS(cuGraphAddDependencies(g, &c, &a, 1), CUDA_ERROR_INVALID_VALUE);  // a cycle
  FAILS(cuGraphAddDependencies(g, &a, &a, 1), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuGraphAddDependencies(g, &a, &foreign, 1), CUDA_ERROR_INVALID_VALUE);
  CUgraphNode d = nullptr;
  FAILS(cuGraphAddEmptyNode(&d, g, &foreign, 1), CUDA_ERROR_INVALID_VALUE);
  CUgraphNode twice[] = {a, a};
  FAILS(cuGraphAddEmptyNode(&d, g, twice, 2), CUDA_ERROR_INVALID_VALUE);

  size_t n = 0;
  OK(cuGraphGetEdges(g, nullptr, nullptr, &n));
  REQUIRE_EQ(n, size_t{2});
  CUgraphNode from[3], to[3];
  n = 3;
  OK(cuGraphGetEdges(g, from, to, &n));
  CHECK_EQ(n, size_t{2});
  CHECK(from[0] == a && to[0] == b && from[1] == b && to[1] == c && from[2] == nullptr);
  n = 3;
  OK(cuGraphGetRootNodes(g, from, &n));
  CHECK(n == 1 && from[0] == a);
  n = 1;
  OK(cuGraphNodeGetDependencies(c, from, &n));
  CHECK(n == 1 && from[0] == b);
  OK(cuGraphNodeGetDependentNodes(a, from, &n));
  CHECK(n == 1 && from[0] == b);
  OK(cuGraphRemoveDependencies(g, &b, &c, 1));
  FAILS(cuGraphRemoveDependencies(g, &b, &c, 1), CUDA_ERROR_INVALID_VALUE);
  OK(cuGraphDestroyNode(b));
  OK(cuGraphGetNodes(g, nullptr, &n));
  CHECK_EQ(n, size_t{2});
  OK(cuGraphGetEdges(g, nullptr, nullptr, &n));
  CHECK_EQ(n, size_t{0});
  FAILS(cuGraphDestroyNode(b), CUDA_ERROR_INVALID_VALUE);
}

TEST(cloning) {
  Context context;
  Steps steps;
  CUgraph g = nullptr, clone = nullptr;
  OK(cuGraphCreate(&g, 0));
  CUgraphNode fill = nullptr, kernel = nullptr, twin = nullptr;
  const auto start = fillShape(steps.p, 10, 1);
  OK(cuGraphAddMemsetNode(&fill, g, nullptr, 0, &start, context.handle));
  const auto k = steps.node(3, 4);
  OK(cuGraphAddKernelNode_v2(&kernel, g, &fill, 1, &k));
  OK(cuGraphClone(&clone, g));
  OK(cuGraphNodeFindInClone(&twin, kernel, clone));
  CHECK(twin != kernel);
  const auto other = steps.node(5, 6);
  OK(cuGraphKernelNodeSetParams_v2(twin, &other));
  run(instantiate(clone));
  CHECK_EQ(steps.word.read<unsigned>(1)[0], 56u);
  run(instantiate(g));
  CHECK_EQ(steps.word.read<unsigned>(1)[0], 34u);
  FAILS(cuGraphNodeFindInClone(&twin, kernel, g), CUDA_ERROR_INVALID_VALUE);
}

TEST(updatingExecutables) {
  Context context;
  Steps steps;
  auto build = [&](unsigned a, unsigned b, bool extra) {
    CUgraph g = nullptr;
    OK(cuGraphCreate(&g, 0));
    CUgraphNode fill = nullptr, kernel = nullptr, more = nullptr;
    const auto start = fillShape(steps.p, 2, 1);
    OK(cuGraphAddMemsetNode(&fill, g, nullptr, 0, &start, context.handle));
    const auto k = steps.node(a, b);
    OK(cuGraphAddKernelNode_v2(&kernel, g, &fill, 1, &k));
    if (extra) OK(cuGraphAddEmptyNode(&more, g, nullptr, 0));
    return g;
  };
  CUgraphExec e = instantiate(build(1, 1, false));
  run(e);
  CHECK_EQ(steps.word.read<unsigned>(1)[0], 3u);
  CUgraphExecUpdateResultInfo info{};
  OK(cuGraphExecUpdate_v2(e, build(10, 5, false), &info));
  CHECK_EQ(static_cast<int>(info.result), static_cast<int>(CU_GRAPH_EXEC_UPDATE_SUCCESS));
  run(e);
  CHECK_EQ(steps.word.read<unsigned>(1)[0], 25u);
  FAILS(cuGraphExecUpdate_v2(e, build(1, 1, true), &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  CHECK_EQ(static_cast<int>(info.result), static_cast<int>(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED));
  CUgraph different = nullptr;
  OK(cuGraphCreate(&different, 0));
  CUgraphNode x = nullptr, y = nullptr;
  OK(cuGraphAddEmptyNode(&x, different, nullptr, 0));
  OK(cuGraphAddEmptyNode(&y, different, &x, 1));
  FAILS(cuGraphExecUpdate_v2(e, different, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  CHECK_EQ(static_cast<int>(info.result), static_cast<int>(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED));
  CHECK(info.errorNode == x);
  run(e);  // as it was
  CHECK_EQ(steps.word.read<unsigned>(1)[0], 25u);
}

TEST(enablingAndOtherExecParameters) {
  Context context;
  Buffer m(16);
  OK(cuMemsetD32_v2(m.p, 0, 4));
  CUgraph g = nullptr;
  OK(cuGraphCreate(&g, 0));
  CUgraphNode fill = nullptr, copy = nullptr, host = nullptr;
  Journal journal;
  const auto f = fillShape(m.p, 1, 1);
  const auto c = copyShape(m.p + 4, m.p, 4);
  const CUDA_HOST_NODE_PARAMS h{&Journal::note, journal.entry(1)}, h2{&Journal::note, journal.entry(2)};
  OK(cuGraphAddMemsetNode(&fill, g, nullptr, 0, &f, context.handle));
  OK(cuGraphAddMemcpyNode(&copy, g, &fill, 1, &c, context.handle));
  OK(cuGraphAddHostNode(&host, g, &copy, 1, &h));
  CUgraphExec e = instantiate(g);
  OK(cuGraphNodeSetEnabled(e, copy, 0));
  unsigned enabled = 9;
  OK(cuGraphNodeGetEnabled(e, copy, &enabled));
  CHECK_EQ(enabled, 0u);
  run(e);
  CHECK(m.read<int>(2) == (std::vector<int>{1, 0}));
  OK(cuGraphNodeSetEnabled(e, copy, 1));
  const auto f2 = fillShape(m.p, 6, 1);
  const auto c2 = copyShape(m.p + 8, m.p, 4);
  OK(cuGraphExecMemsetNodeSetParams(e, fill, &f2, context.handle));
  OK(cuGraphExecMemcpyNodeSetParams(e, copy, &c2, context.handle));
  OK(cuGraphExecHostNodeSetParams(e, host, &h2));
  run(e);
  CHECK(m.read<int>(3) == (std::vector<int>{6, 0, 6}));
  CHECK(journal.read() == (std::vector<int>{1, 2}));
  FAILS(cuGraphNodeSetEnabled(e, host, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuGraphExecMemsetNodeSetParams(e, copy, &f2, context.handle), CUDA_ERROR_INVALID_VALUE);
}

TEST(launchesTakePartInStreamOrder) {
  Context context;
  Steps steps;
  CUstream s = nullptr;
  OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  CUgraph g = nullptr;
  OK(cuGraphCreate(&g, 0));
  CUgraphNode kernel = nullptr;
  const auto k = steps.node(3, 1);
  OK(cuGraphAddKernelNode_v2(&kernel, g, nullptr, 0, &k));
  CUgraphExec e = instantiate(g);
  OK(cuMemsetD32Async(steps.p, 1, 1, s));
  unsigned expected = 1;
  for (int i = 0; i < 20; ++i) {
    OK(cuGraphLaunch(e, s));
    steps.factor = 2, steps.term = static_cast<unsigned>(i);
    OK(cuLaunchKernel(steps.f, 1, 1, 1, 1, 1, 1, 0, s, steps.parameters, nullptr));
    expected = (expected * 3 + 1) * 2 + static_cast<unsigned>(i);
  }
  OK(cuStreamSynchronize(s));
  CHECK_EQ(steps.word.read<unsigned>(1)[0], expected);
  // Launches of one executable graph exclude each other even in different streams.
  CUstream t = nullptr;
  OK(cuStreamCreate(&t, CU_STREAM_NON_BLOCKING));
  OK(cuMemsetD32_v2(steps.p, 1, 1));
  OK(cuCtxSynchronize());
  expected = 1;
  for (int i = 0; i < 10; ++i) {
    OK(cuGraphLaunch(e, i % 2 == 0 ? s : t));
    expected = expected * 3 + 1;
  }
  OK(cuCtxSynchronize());
  CHECK_EQ(steps.word.read<unsigned>(1)[0], expected);
  OK(cuGraphUpload(e, s));
}

TEST(graphRefuses) {
  Context context;
  Steps steps;
  CUgraph g = nullptr;
  CUgraphNode n = nullptr;
  FAILS(cuGraphCreate(&g, 1), CUDA_ERROR_INVALID_VALUE);
  OK(cuGraphCreate(&g, 0));
  auto k = steps.node(1, 1);
  k.blockDimX = 2000;
  FAILS(cuGraphAddKernelNode_v2(&n, g, nullptr, 0, &k), CUDA_ERROR_INVALID_VALUE);
  const auto f = fillShape(steps.p, 0, 2);
  FAILS(cuGraphAddMemsetNode(&n, g, nullptr, 0, &f, context.handle), CUDA_ERROR_INVALID_VALUE);
  const auto c = copyShape(steps.p, steps.p, 5);
  FAILS(cuGraphAddMemcpyNode(&n, g, nullptr, 0, &c, context.handle), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuGraphAddChildGraphNode(&n, g, nullptr, 0, g), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuGraphAddHostNode(&n, g, nullptr, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  CUgraphExec e = nullptr;
  FAILS(cuGraphInstantiateWithFlags(&e, g, 4), CUDA_ERROR_NOT_SUPPORTED);
  FAILS(cuGraphInstantiateWithFlags(&e, nullptr, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuGraphLaunch(nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST(attributesOfKernelNodes) {
  Context context;
  Steps steps;
  CUgraph g = nullptr;
  OK(cuGraphCreate(&g, 0));
  CUgraphNode a = nullptr, b = nullptr;
  const auto k = steps.node(1, 1);
  OK(cuGraphAddKernelNode_v2(&a, g, nullptr, 0, &k));
  OK(cuGraphAddKernelNode_v2(&b, g, nullptr, 0, &k));
  CUlaunchAttributeValue v{};
  v.cooperative = 1;
  OK(cuGraphKernelNodeSetAttribute(a, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &v));
  OK(cuGraphKernelNodeCopyAttributes(b, a));
  v.cooperative = 0;
  OK(cuGraphKernelNodeGetAttribute(b, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &v));
  CHECK_EQ(v.cooperative, 1);
  FAILS(cuGraphKernelNodeGetAttribute(b, 99, &v), CUDA_ERROR_INVALID_VALUE);
}

TEST(dotFile) {
  Context context;
  Steps steps;
  CUgraph g = nullptr;
  OK(cuGraphCreate(&g, 0));
  CUgraphNode a = nullptr, b = nullptr;
  OK(cuGraphAddEmptyNode(&a, g, nullptr, 0));
  const auto k = steps.node(1, 1);
  OK(cuGraphAddKernelNode_v2(&b, g, &a, 1, &k));
  char path[] = "/tmp/softcuda-graph-XXXXXX";
  const int file = mkstemp(path);
  CHECK(file >= 0);
  OK(cuGraphDebugDotPrint(g, path, 0));
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::remove(path);
  CHECK(text.str().find("digraph") == 0);
  CHECK(text.str().find("KERNEL\\nstep") != std::string::npos);
  CHECK(text.str().find("\"graph_1_node_0\" -> \"graph_1_node_1\"") != std::string::npos);
  FAILS(cuGraphDebugDotPrint(g, "/nowhere/at/all.dot", 0), CUDA_ERROR_OPERATING_SYSTEM);
}

MAIN()
