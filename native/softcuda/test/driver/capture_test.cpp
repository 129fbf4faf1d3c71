#include "fixture.h"

namespace {

CUstream make(unsigned flags = CU_STREAM_NON_BLOCKING) {
  CUstream s = nullptr;
  OK(cuStreamCreate(&s, flags));
  return s;
}

int status(CUstream s) {
  CUstreamCaptureStatus value{};
  OK(cuStreamIsCapturing(s, &value));
  return value;
}

size_t nodeCount(CUgraph g) {
  size_t n = 0;
  OK(cuGraphGetNodes(g, nullptr, &n));
  return n;
}

size_t edgeCount(CUgraph g) {
  size_t n = 0;
  OK(cuGraphGetEdges(g, nullptr, nullptr, &n));
  return n;
}

void launch(CUgraph g, CUstream s) {
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, g, 0));
  OK(cuGraphLaunch(exec, s));
  OK(cuStreamSynchronize(s));
  OK(cuGraphExecDestroy(exec));
}

constexpr auto kGlobal = CU_STREAM_CAPTURE_MODE_GLOBAL;
constexpr auto kLocal = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
constexpr auto kRelaxed = CU_STREAM_CAPTURE_MODE_RELAXED;

}  // namespace

TEST(nothingRunsUntilTheGraphIsLaunched) {
  Context context;
  CUstream s = make();
  Buffer a(16);
  Journal journal;
  OK(cuMemsetD32_v2(a.p, 1, 4));
  OK(cuCtxSynchronize());
  Journal::Entry* entry = journal.entry(7);
  CHECK_EQ(status(s), CU_STREAM_CAPTURE_STATUS_NONE);
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  CHECK_EQ(status(s), CU_STREAM_CAPTURE_STATUS_ACTIVE);
  OK(cuMemsetD32Async(a.p, 2, 4, s));
  OK(cuMemcpyDtoDAsync_v2(a.p, a.p + 8, 8, s));
  OK(cuLaunchHostFunc(s, &Journal::note, entry));
  CUgraph g = nullptr;
  OK(cuStreamEndCapture(s, &g));
  CHECK_EQ(status(s), CU_STREAM_CAPTURE_STATUS_NONE);
  REQUIRE(g != nullptr);
  CHECK_EQ(nodeCount(g), size_t{3});
  CHECK_EQ(edgeCount(g), size_t{2});
  CHECK_EQ(a.read<int>(4)[0], 1);
  CHECK(journal.read().empty());
  launch(g, s);
  CHECK_EQ(a.read<int>(4)[0], 2);
  CHECK(journal.read() == std::vector<int>{7});
  launch(g, s);
  CHECK(journal.read() == (std::vector<int>{7, 7}));
  OK(cuGraphDestroy(g));
}

TEST(forkAndJoin) {
  Context context;
  CUstream a = make(), b = make();
  CUevent fork = nullptr, join = nullptr;
  OK(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  OK(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
  Buffer m(16);
  OK(cuStreamBeginCapture_v2(a, kGlobal));
  OK(cuMemsetD32Async(m.p, 1, 1, a));
  OK(cuEventRecord(fork, a));
  OK(cuStreamWaitEvent(b, fork, 0));
  CHECK_EQ(status(b), CU_STREAM_CAPTURE_STATUS_ACTIVE);
  OK(cuMemcpyDtoDAsync_v2(m.p + 4, m.p, 4, b));
  OK(cuMemcpyDtoDAsync_v2(m.p + 8, m.p, 4, a));
  OK(cuEventRecord(join, b));
  OK(cuStreamWaitEvent(a, join, 0));
  OK(cuMemcpyDtoDAsync_v2(m.p + 12, m.p + 4, 4, a));
  CUgraph g = nullptr;
  OK(cuStreamEndCapture(a, &g));
  CHECK_EQ(status(b), CU_STREAM_CAPTURE_STATUS_NONE);
  CHECK_EQ(nodeCount(g), size_t{4});
  CHECK_EQ(edgeCount(g), size_t{4});  // a diamond
  launch(g, a);
  CHECK(m.read<int>(4) == (std::vector<int>{1, 1, 1, 1}));
  // The events were captured only: outside they cannot be used.
  FAILS(cuEventQuery(fork), CUDA_ERROR_CAPTURED_EVENT);
  FAILS(cuEventSynchronize(join), CUDA_ERROR_CAPTURED_EVENT);
  OK(cuEventRecord(fork, a));
  OK(cuEventSynchronize(fork));
}

TEST(captureErrors) {
  Context context;
  CUstream s = make();
  CUgraph g = nullptr;
  FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_ILLEGAL_STATE);
  FAILS(cuStreamBeginCapture_v2(nullptr, kGlobal), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  FAILS(cuStreamBeginCapture_v2(s, static_cast<CUstreamCaptureMode>(9)), CUDA_ERROR_INVALID_VALUE);
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  FAILS(cuStreamBeginCapture_v2(s, kGlobal), CUDA_ERROR_ILLEGAL_STATE);
  FAILS(cuStreamEndCapture(s, nullptr), CUDA_ERROR_INVALID_VALUE);
  OK(cuStreamEndCapture(s, &g));
  CHECK_EQ(nodeCount(g), size_t{0});
  OK(cuGraphDestroy(g));
}

TEST(synchronisingInvalidates) {
  Context context;
  CUgraph g = nullptr;
  Buffer m(4);
  for (int what = 0; what < 6; ++what) {
    CUstream s = make();
    OK(cuStreamBeginCapture_v2(s, kRelaxed));
    switch (what) {
      case 0: FAILS(cuStreamSynchronize(s), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); break;
      case 1: FAILS(cuStreamQuery(s), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); break;
      case 2: FAILS(cuCtxSynchronize(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); break;
      case 3:
        FAILS(cuStreamAddCallback(
                  s, [](CUstream, CUresult, void*) {}, nullptr, 0),
              CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        break;
      case 4: FAILS(cuMemFreeAsync(m.p, s), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); break;
      default: FAILS(cuStreamWaitValue32_v2(s, m.p, 0, 0), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED); break;
    }
    CHECK_EQ(status(s), CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    FAILS(cuMemsetD32Async(m.p, 0, 1, s), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    g = reinterpret_cast<CUgraph>(1);
    FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK(g == nullptr);
    CHECK_EQ(status(s), CU_STREAM_CAPTURE_STATUS_NONE);
    OK(cuStreamSynchronize(s));  // usable again
  }
}

TEST(theLegacyStreamMustNotDependOnACapture) {
  Context context;
  CUgraph g = nullptr;
  Buffer m(4);
  CUstream s = make(CU_STREAM_DEFAULT);  // a blocking stream
  OK(cuStreamBeginCapture_v2(s, kRelaxed));
  FAILS(cuMemsetD32Async(m.p, 0, 1, nullptr), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  // A non-blocking stream's capture does not concern it.
  CUstream n = make();
  OK(cuStreamBeginCapture_v2(n, kRelaxed));
  OK(cuMemsetD32Async(m.p, 5, 1, nullptr));
  OK(cuStreamEndCapture(n, &g));
}

TEST(unjoined) {
  Context context;
  CUstream a = make(), b = make();
  CUevent e = nullptr;
  CUgraph g = nullptr;
  Buffer m(4);
  OK(cuEventCreate(&e, 0));
  OK(cuStreamBeginCapture_v2(a, kGlobal));
  OK(cuEventRecord(e, a));
  OK(cuStreamWaitEvent(b, e, 0));
  OK(cuMemsetD32Async(m.p, 0, 1, b));
  FAILS(cuStreamEndCapture(a, &g), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  CHECK(g == nullptr);
  CHECK_EQ(status(a), CU_STREAM_CAPTURE_STATUS_NONE);
  CHECK_EQ(status(b), CU_STREAM_CAPTURE_STATUS_NONE);
}

TEST(unmatched) {
  Context context;
  CUstream a = make(), b = make();
  CUevent e = nullptr;
  CUgraph g = nullptr;
  OK(cuEventCreate(&e, 0));
  OK(cuStreamBeginCapture_v2(a, kGlobal));
  OK(cuEventRecord(e, a));
  OK(cuStreamWaitEvent(b, e, 0));
  FAILS(cuStreamEndCapture(b, &g), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  FAILS(cuStreamEndCapture(a, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST(isolationAndMerge) {
  Context context;
  CUstream a = make(), b = make();
  CUevent outside = nullptr, inA = nullptr;
  CUgraph g = nullptr;
  OK(cuEventCreate(&outside, 0));
  OK(cuEventCreate(&inA, 0));
  OK(cuEventRecord(outside, b));
  OK(cuStreamBeginCapture_v2(a, kRelaxed));
  FAILS(cuStreamWaitEvent(a, outside, 0), CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  FAILS(cuStreamEndCapture(a, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  OK(cuStreamBeginCapture_v2(a, kRelaxed));
  OK(cuStreamBeginCapture_v2(b, kRelaxed));
  OK(cuEventRecord(inA, a));
  FAILS(cuStreamWaitEvent(b, inA, 0), CUDA_ERROR_STREAM_CAPTURE_MERGE);
  FAILS(cuStreamEndCapture(a, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  FAILS(cuStreamEndCapture(b, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST(wrongThread) {
  Context context;
  CUstream s = make();
  CUgraph g = nullptr;
  OK(cuStreamBeginCapture_v2(s, kLocal));
  std::thread([&] {
    FAILS(cuCtxSetCurrent(context.handle), CUDA_SUCCESS);
    FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  }).join();
  OK(cuStreamEndCapture(s, &g));
  OK(cuStreamBeginCapture_v2(s, kRelaxed));
  std::thread([&] {
    FAILS(cuCtxSetCurrent(context.handle), CUDA_SUCCESS);
    FAILS(cuStreamEndCapture(s, &g), CUDA_SUCCESS);
  }).join();
}

TEST(modesAndUnsafeCalls) {
  Context context;
  CUstream s = make();
  CUgraph g = nullptr;
  CUdeviceptr p = 0;
  // Global: unsafe calls are refused in every thread, and spoil the capture.
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  FAILS(cuMemAlloc_v2(&p, 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  std::thread([&] {
    FAILS(cuCtxSetCurrent(context.handle), CUDA_SUCCESS);
    FAILS(cuMemAlloc_v2(&p, 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }).join();
  FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  // Thread-local: other threads may.
  OK(cuStreamBeginCapture_v2(s, kLocal));
  std::thread([&] {
    FAILS(cuCtxSetCurrent(context.handle), CUDA_SUCCESS);
    FAILS(cuMemAlloc_v2(&p, 16), CUDA_SUCCESS);
    FAILS(cuMemFree_v2(p), CUDA_SUCCESS);
  }).join();
  FAILS(cuMemAlloc_v2(&p, 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  // Relaxed: everybody may.
  OK(cuStreamBeginCapture_v2(s, kRelaxed));
  OK(cuMemAlloc_v2(&p, 16));
  OK(cuStreamEndCapture(s, &g));
  // A thread may take the responsibility.
  CUstreamCaptureMode mode = kRelaxed;
  OK(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK_EQ(static_cast<int>(mode), static_cast<int>(kGlobal));
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  CUdeviceptr q = 0;
  OK(cuMemAlloc_v2(&q, 16));
  OK(cuStreamEndCapture(s, &g));
  OK(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK_EQ(static_cast<int>(mode), static_cast<int>(kRelaxed));
  OK(cuMemFree_v2(p));
  OK(cuMemFree_v2(q));
}

TEST(captureInfo) {
  Context context;
  CUstream s = make();
  Buffer m(4);
  CUstreamCaptureStatus st{};
  uint64_t id = 0;
  CUgraph g = nullptr, ended = nullptr;
  const CUgraphNode* dependencies = nullptr;
  size_t count = 99;
  OK(cuStreamGetCaptureInfo_v2(s, &st, &id, &g, &dependencies, &count));
  CHECK_EQ(static_cast<int>(st), static_cast<int>(CU_STREAM_CAPTURE_STATUS_NONE));
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  OK(cuMemsetD32Async(m.p, 0, 1, s));
  OK(cuStreamGetCaptureInfo_v2(s, &st, &id, &g, &dependencies, &count));
  CHECK_EQ(static_cast<int>(st), static_cast<int>(CU_STREAM_CAPTURE_STATUS_ACTIVE));
  CHECK(id != 0);
  REQUIRE_EQ(count, size_t{1});
  // A node put in by hand becomes what the stream goes on from.
  CUgraphNode added = nullptr;
  OK(cuGraphAddEmptyNode(&added, g, dependencies, count));
  OK(cuStreamUpdateCaptureDependencies(s, &added, 1, CU_STREAM_SET_CAPTURE_DEPENDENCIES));
  OK(cuMemsetD32Async(m.p, 0, 1, s));
  OK(cuStreamEndCapture(s, &ended));
  CHECK(ended == g);
  CHECK_EQ(nodeCount(g), size_t{3});
  CHECK_EQ(edgeCount(g), size_t{2});
}

TEST(externalEventsAndNestedGraphs) {
  Context context;
  CUstream s = make(), t = make();
  CUevent start = nullptr, end = nullptr;
  OK(cuEventCreate(&start, 0));
  OK(cuEventCreate(&end, 0));
  Buffer m(8);
  CUgraph inner = nullptr, outer = nullptr;
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  OK(cuMemsetD32Async(m.p, 3, 2, s));
  OK(cuStreamEndCapture(s, &inner));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, inner, 0));
  OK(cuStreamBeginCapture_v2(s, kGlobal));
  OK(cuEventRecordWithFlags(start, s, CU_EVENT_RECORD_EXTERNAL));
  OK(cuGraphLaunch(exec, s));
  OK(cuEventRecordWithFlags(end, s, CU_EVENT_RECORD_EXTERNAL));
  OK(cuStreamEndCapture(s, &outer));
  size_t n = 0;
  OK(cuGraphGetNodes(outer, nullptr, &n));
  REQUIRE_EQ(n, size_t{3});
  CUgraphNode nodes[3];
  OK(cuGraphGetNodes(outer, nodes, &n));
  CUgraphNodeType type{};
  OK(cuGraphNodeGetType(nodes[1], &type));
  CHECK_EQ(static_cast<int>(type), static_cast<int>(CU_GRAPH_NODE_TYPE_GRAPH));
  launch(outer, t);
  CHECK(m.read<int>(2) == (std::vector<int>{3, 3}));
  float ms = -1;
  OK(cuEventSynchronize(end));
  OK(cuEventElapsedTime(&ms, start, end));
  CHECK(ms >= 0);
}

MAIN()
