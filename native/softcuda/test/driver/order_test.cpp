// SOFTCUDA_CHECK=race: operations of streams, of the host and of the allocator that nothing orders, and those that
// events, streams and waiting order.
#include <cstdlib>

#include "fixture.h"

namespace {

const bool kChecked = [] {
  setenv("SOFTCUDA_CHECK", "race", 1);
  setenv("SOFTCUDA_REPORT", "off", 1);
  return true;
}();

struct Stream {
  CUstream handle = nullptr;
  Stream() { OK(cuStreamCreate(&handle, CU_STREAM_NON_BLOCKING)); }
  ~Stream() { cuStreamDestroy_v2(handle); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

void step(const Module& m, CUdeviceptr p, CUstream stream) {
  unsigned factor = 2, term = 1;
  void* parameters[] = {&p, &factor, &term};
  OK(cuLaunchKernel(m.function("step"), 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr));
}

// Runs the body in a context of its own; it must end well, or with a race that is reported by all the words.
template <typename F>
void expect(bool race, const std::vector<std::string>& words, F body) {
  CHECK(kChecked);
  Context context;
  Module m(ptx::step);
  body(m);
  const CUresult result = cuCtxSynchronize();
  CHECK_EQ(static_cast<int>(result), static_cast<int>(race ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS));
  if (!race) return;
  const std::string report = lastReport();
  for (const std::string& word : words) CHECK_MSG(report.find(word) != std::string::npos, report);
}

void zero(const Buffer& b) { b.write(std::vector<uint32_t>(64, 0)); }

}  // namespace

TEST(anEventOrdersStreamsIfItWasRecorded) {
  for (bool recorded : {true, false}) {
    expect(!recorded, {"race on global memory", "kernel step", "another operation", "are not ordered"},
           [&](Module& m) {
             Buffer word(256);
             zero(word);
             Stream a, b;
             CUevent event = nullptr;
             OK(cuEventCreate(&event, 0));
             step(m, word.p, a.handle);
             if (recorded) OK(cuEventRecord(event, a.handle));
             OK(cuStreamWaitEvent(b.handle, event, 0));
             step(m, word.p, b.handle);
             cuStreamSynchronize(a.handle);
             cuStreamSynchronize(b.handle);
           });
  }
}

TEST(hostThatWaitsOrdersStreams) {
  for (bool waits : {true, false}) {
    expect(!waits, {"race on global memory", "a fill", "kernel step"}, [&](Module& m) {
      Buffer word(256);
      zero(word);
      Stream a, b;
      step(m, word.p, a.handle);
      if (waits) OK(cuStreamSynchronize(a.handle));
      OK(cuMemsetD32Async(word.p, 5, 1, b.handle));
      // the streams may end in either order; what is looked for is the same
      cuStreamSynchronize(b.handle);
      cuStreamSynchronize(a.handle);
    });
  }
}

// The legacy stream does not wait for one that is not blocking.
TEST(synchronousCopiesBesideAStream) {
  for (bool waits : {true, false}) {
    expect(!waits, {"kernel step", "a synchronous copy or fill", "are not ordered"}, [&](Module& m) {
      Buffer word(256);
      zero(word);
      Stream a;
      uint32_t read = 7;
      if (waits) {
        step(m, word.p, a.handle);
        OK(cuStreamSynchronize(a.handle));
        OK(cuMemcpyDtoH_v2(&read, word.p, 4));
      } else {
        Gate gate(a.handle);
        step(m, word.p, a.handle);
        OK(cuMemcpyDtoH_v2(&read, word.p, 4));  // the kernel, which comes later this time, is found out
      }
      CHECK_EQ(read, waits ? 1u : 0u);
      cuStreamSynchronize(a.handle);
    });
  }
}

TEST(placesBesideEachOtherAreNoRace) {
  expect(false, {}, [](Module& m) {
    Buffer words(256);
    zero(words);
    Stream a, b;
    for (int i = 0; i < 3; ++i) {
      step(m, words.p, a.handle);
      step(m, words.p + 4, b.handle);
    }
    OK(cuStreamSynchronize(a.handle));
    OK(cuMemsetD32Async(words.p, 1, 1, a.handle));
  });
}

TEST(freesInAnotherStream) {
  for (bool ordered : {true, false}) {
    expect(!ordered, {"cuMemFreeAsync", "kernel step", "are not ordered"}, [&](Module& m) {
      Stream a, b;
      CUdeviceptr p = 0;
      CUevent event = nullptr;
      OK(cuEventCreate(&event, 0));
      OK(cuMemAllocAsync(&p, 256, a.handle));
      OK(cuMemsetD32Async(p, 0, 64, a.handle));
      step(m, p, a.handle);
      OK(cuEventRecord(event, a.handle));
      if (ordered) OK(cuStreamWaitEvent(b.handle, event, 0));
      // Only to have the kernel run first: a query that the test does not make lets the host know nothing.
      std::this_thread::sleep_for(std::chrono::milliseconds(ordered ? 0 : 300));
      OK(cuMemFreeAsync(p, b.handle));
      cuStreamSynchronize(b.handle);
    });
  }
}

TEST(graphsOrderTheirNodes) {
  expect(false, {}, [](Module& m) {
    Buffer word(256);
    zero(word);
    Stream s;
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    OK(cuStreamBeginCapture_v2(s.handle, CU_STREAM_CAPTURE_MODE_GLOBAL));
    step(m, word.p, s.handle);
    step(m, word.p, s.handle);
    OK(cuMemsetD32Async(word.p, 3, 1, s.handle));
    OK(cuStreamEndCapture(s.handle, &graph));
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    for (int i = 0; i < 3; ++i) OK(cuGraphLaunch(exec, s.handle));
    step(m, word.p, s.handle);
    OK(cuStreamSynchronize(s.handle));
    CHECK_EQ(word.read<uint32_t>(1)[0], 7u);
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphDestroy(graph));
  });
}

MAIN()
