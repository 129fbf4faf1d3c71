#include <chrono>

#include "fixture.h"

using namespace std::chrono_literals;

// What cuStreamQuery and cuMemsetD32Async are with --default-stream per-thread.
extern "C" CUresult cuStreamQuery_ptsz(CUstream stream);
extern "C" CUresult cuMemsetD32Async_ptsz(CUdeviceptr p, unsigned int value, size_t n, CUstream stream);

namespace {

CUstream make(unsigned flags = CU_STREAM_DEFAULT, int priority = 0) {
  CUstream s = nullptr;
  OK(cuStreamCreateWithPriority(&s, flags, priority));
  return s;
}

// Time enough for work that is wrongly not held back to run.
void moment() { std::this_thread::sleep_for(20ms); }

}  // namespace

TEST(propertiesOfStreams) {
  Context context;
  CUstream s = make(CU_STREAM_NON_BLOCKING, -99);
  unsigned flags = 0;
  int priority = 0, least = 0, greatest = 0;
  OK(cuStreamGetFlags(s, &flags));
  CHECK_EQ(flags, static_cast<unsigned>(CU_STREAM_NON_BLOCKING));
  OK(cuStreamGetPriority(s, &priority));
  OK(cuCtxGetStreamPriorityRange(&least, &greatest));
  CHECK_EQ(priority, greatest);  // clamped
  CUcontext owner = nullptr;
  OK(cuStreamGetCtx(s, &owner));
  CHECK(owner == context.handle);
  unsigned long long a = 0, b = 0;
  OK(cuStreamGetId(s, &a));
  OK(cuStreamGetId(nullptr, &b));
  CHECK(a != b);
  FAILS(cuStreamCreate(&s, 8), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuStreamCreate(nullptr, 0), CUDA_ERROR_INVALID_VALUE);
  OK(cuStreamDestroy_v2(s));
  FAILS(cuStreamDestroy_v2(s), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuStreamSynchronize(s), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuStreamDestroy_v2(nullptr), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuStreamDestroy_v2(CU_STREAM_LEGACY), CUDA_ERROR_INVALID_HANDLE);
}

TEST(streamsOfOtherContextsAreRefused) {
  Context outer;
  CUstream s = make();
  Context inner;
  FAILS(cuStreamSynchronize(s), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuLaunchHostFunc(s, [](void*) {}, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

TEST(workRunsLaterAndInOrder) {
  Context context;
  CUstream s = make(CU_STREAM_NON_BLOCKING);
  Journal journal;
  {
    Gate gate(s);
    for (int i = 0; i < 50; ++i) journal.add(s, i);
    FAILS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    moment();
    CHECK(journal.read().empty());
  }
  OK(cuStreamSynchronize(s));
  OK(cuStreamQuery(s));
  std::vector<int> expected(50);
  for (int i = 0; i < 50; ++i) expected[static_cast<size_t>(i)] = i;
  CHECK(journal.read() == expected);
}

TEST(blockingStreamsAndTheLegacyStreamWaitForEachOther) {
  Context context;
  CUstream a = make(), b = make();
  Journal journal;
  CUdeviceptr word = 0;
  OK(cuMemAlloc_v2(&word, 4));
  OK(cuMemsetD32_v2(word, 0, 1));
  OK(cuCtxSynchronize());
  // a waits for memory (not for a host function, so that the others' host functions can run).
  OK(cuStreamWaitValue32_v2(a, word, 1, CU_STREAM_WAIT_VALUE_EQ));
  journal.add(a, 1);
  journal.add(nullptr, 2);  // after a
  journal.add(b, 3);        // after the legacy stream
  moment();
  CHECK(journal.read().empty());
  CUstream c = make(CU_STREAM_NON_BLOCKING);
  journal.add(c, 4);  // waits for nobody
  OK(cuStreamSynchronize(c));
  CHECK(journal.read() == std::vector<int>{4});
  OK(cuStreamWriteValue32_v2(c, word, 1, 0));
  OK(cuCtxSynchronize());
  CHECK(journal.read() == (std::vector<int>{4, 1, 2, 3}));
}

TEST(blockingStreamsDoNotWaitForEachOther) {
  Context context;
  CUstream a = make(), b = make();
  CUdeviceptr word = 0;
  OK(cuMemAlloc_v2(&word, 4));
  OK(cuMemsetD32_v2(word, 0, 1));
  OK(cuCtxSynchronize());
  OK(cuStreamWaitValue32_v2(a, word, 1, CU_STREAM_WAIT_VALUE_EQ));
  OK(cuMemsetD32Async(word, 1, 1, b));
  OK(cuCtxSynchronize());  // would hang
}

TEST(perThreadDefaultStreams) {
  Context context;
  CUdeviceptr word = 0;
  OK(cuMemAlloc_v2(&word, 4));
  OK(cuMemsetD32_v2(word, 0, 1));
  OK(cuCtxSynchronize());
  OK(cuStreamWaitValue32_v2(CU_STREAM_PER_THREAD, word, 1, CU_STREAM_WAIT_VALUE_EQ));
  FAILS(cuStreamQuery(CU_STREAM_PER_THREAD), CUDA_ERROR_NOT_READY);
  FAILS(cuStreamQuery_ptsz(nullptr), CUDA_ERROR_NOT_READY);  // the same stream
  std::thread([&] {
    FAILS(cuCtxSetCurrent(context.handle), CUDA_SUCCESS);
    FAILS(cuStreamQuery(CU_STREAM_PER_THREAD), CUDA_SUCCESS);  // another one
    FAILS(cuMemsetD32Async_ptsz(word, 1, 1, nullptr), CUDA_SUCCESS);
  }).join();
  OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
  // It is a blocking stream: the legacy stream waits for it.
  Journal journal;
  OK(cuMemsetD32_v2(word, 0, 1));
  OK(cuStreamWaitValue32_v2(CU_STREAM_PER_THREAD, word, 1, CU_STREAM_WAIT_VALUE_EQ));
  journal.add(nullptr, 1);
  moment();
  CHECK(journal.read().empty());
  CUstream other = make(CU_STREAM_NON_BLOCKING);
  OK(cuStreamWriteValue32_v2(other, word, 1, 0));
  OK(cuCtxSynchronize());
  CHECK(journal.has(1));
}

TEST(priorities) {
  Context context;
  CUstream low = make(CU_STREAM_NON_BLOCKING, 0), high = make(CU_STREAM_NON_BLOCKING, -5),
           gateStream = make(CU_STREAM_NON_BLOCKING);
  CUevent open = nullptr;
  OK(cuEventCreate(&open, CU_EVENT_DISABLE_TIMING));
  Journal journal;
  {
    Gate gate(gateStream);
    OK(cuEventRecord(open, gateStream));
    OK(cuStreamWaitEvent(low, open, 0));
    OK(cuStreamWaitEvent(high, open, 0));
    journal.add(low, 1);
    journal.add(high, 2);
  }
  OK(cuCtxSynchronize());
  CHECK(journal.read() == (std::vector<int>{2, 1}));
}

TEST(eventsOrderStreams) {
  Context context;
  CUstream a = make(CU_STREAM_NON_BLOCKING), b = make(CU_STREAM_NON_BLOCKING);
  CUevent e = nullptr;
  OK(cuEventCreate(&e, 0));
  CUdeviceptr words = 0;
  OK(cuMemAlloc_v2(&words, 8));
  OK(cuMemsetD32_v2(words, 0, 2));
  OK(cuCtxSynchronize());
  OK(cuStreamWaitEvent(b, e, 0));  // never recorded: no wait
  OK(cuStreamSynchronize(b));
  OK(cuStreamWaitValue32_v2(a, words, 1, CU_STREAM_WAIT_VALUE_EQ));
  OK(cuEventRecord(e, a));
  OK(cuStreamWaitEvent(b, e, 0));
  OK(cuMemsetD32Async(words + 4, 5, 1, b));
  moment();
  FAILS(cuStreamQuery(b), CUDA_ERROR_NOT_READY);
  FAILS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
  // The wait is for the record that came before it, whatever is recorded later.
  CUstream c = make(CU_STREAM_NON_BLOCKING);
  OK(cuStreamWriteValue32_v2(c, words, 1, 0));
  OK(cuStreamSynchronize(b));
  OK(cuEventQuery(e));
  int got[2];
  OK(cuMemcpyDtoH_v2(got, words, 8));
  CHECK_EQ(got[1], 5);
}

TEST(destroyedStreamsFinishTheirWork) {
  Context context;
  CUstream s = make();
  Journal journal;
  {
    Gate gate(s);
    journal.add(s, 1);
    OK(cuStreamDestroy_v2(s));
  }
  journal.add(nullptr, 2);  // the legacy stream still comes after it
  OK(cuCtxSynchronize());
  CHECK(journal.read() == (std::vector<int>{1, 2}));
}

TEST(hostFunctionsMustNotCallCuda) {
  Context context;
  static std::atomic<int> code{-1};
  OK(cuLaunchHostFunc(
      nullptr,
      [](void*) {
        CUdeviceptr p = 0;
        code = cuMemAlloc_v2(&p, 16);
      },
      nullptr));
  OK(cuCtxSynchronize());
  CHECK_EQ(code.load(), static_cast<int>(CUDA_ERROR_NOT_PERMITTED));
  FAILS(cuLaunchHostFunc(nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST(callbacks) {
  Context context;
  CUstream s = make();
  struct Seen {
    CUstream stream;
    CUresult status;
    std::atomic<int> calls{0};
  } seen;
  OK(cuStreamAddCallback(
      s,
      [](CUstream stream, CUresult status, void* data) {
        auto* seen = static_cast<Seen*>(data);
        seen->stream = stream;
        seen->status = status;
        ++seen->calls;
      },
      &seen, 0));
  OK(cuStreamSynchronize(s));
  CHECK_EQ(seen.calls.load(), 1);
  CHECK(seen.stream == s);
  CHECK_EQ(static_cast<int>(seen.status), 0);
  FAILS(cuStreamAddCallback(s, nullptr, nullptr, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuStreamAddCallback(s, [](CUstream, CUresult, void*) {}, nullptr, 1), CUDA_ERROR_INVALID_VALUE);
}

TEST(memoryWaits) {
  Context context;
  CUdeviceptr p = 0;
  OK(cuMemAlloc_v2(&p, 16));
  OK(cuMemsetD32_v2(p, 0, 4));
  CUstream a = make(CU_STREAM_NON_BLOCKING), b = make(CU_STREAM_NON_BLOCKING);
  struct Case {
    unsigned how;
    uint32_t wait, not_yet, then;
  };
  for (const Case& c :
       {Case{CU_STREAM_WAIT_VALUE_GEQ, 5, 4, 6}, Case{CU_STREAM_WAIT_VALUE_GEQ, 0xfffffffe, 0xfffffffd, 2},
        Case{CU_STREAM_WAIT_VALUE_EQ, 9, 10, 9}, Case{CU_STREAM_WAIT_VALUE_AND, 4, 3, 6},
        Case{CU_STREAM_WAIT_VALUE_NOR, 0xfffffff0, 0xf, 0xe}}) {
    OK(cuStreamWriteValue32_v2(b, p, c.not_yet, 0));
    OK(cuStreamSynchronize(b));
    OK(cuStreamWaitValue32_v2(a, p, c.wait, c.how));
    moment();
    FAILS(cuStreamQuery(a), CUDA_ERROR_NOT_READY);
    OK(cuStreamWriteValue32_v2(b, p, c.then, 0));
    OK(cuStreamSynchronize(a));
  }
  OK(cuStreamWaitValue64_v2(a, p + 8, uint64_t{1} << 40, CU_STREAM_WAIT_VALUE_GEQ));
  OK(cuStreamWriteValue64_v2(b, p + 8, (uint64_t{1} << 40) + 1, 0));
  OK(cuStreamSynchronize(a));
  FAILS(cuStreamWaitValue32_v2(a, p + 2, 0, 0), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuStreamWriteValue32_v2(a, p + 16, 0, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST(attributes) {
  Context context;
  CUstream a = make(), b = make(0, -3);
  CUlaunchAttributeValue v{};
  OK(cuStreamGetAttribute(b, CU_LAUNCH_ATTRIBUTE_PRIORITY, &v));
  CHECK_EQ(v.priority, -3);
  OK(cuStreamCopyAttributes(a, b));
  OK(cuStreamGetAttribute(a, CU_LAUNCH_ATTRIBUTE_PRIORITY, &v));
  CHECK_EQ(v.priority, -3);
  FAILS(cuStreamGetAttribute(a, 77, &v), CUDA_ERROR_INVALID_VALUE);
}

TEST(eventTimes) {
  Context context;
  CUevent a = nullptr, b = nullptr, untimed = nullptr;
  OK(cuEventCreate(&a, CU_EVENT_DEFAULT));
  OK(cuEventCreate(&b, CU_EVENT_BLOCKING_SYNC));
  OK(cuEventCreate(&untimed, CU_EVENT_DISABLE_TIMING));
  float ms = -1;
  FAILS(cuEventElapsedTime(&ms, a, b), CUDA_ERROR_INVALID_HANDLE);  // never recorded
  OK(cuEventQuery(a));                                              // which counts as done
  OK(cuEventSynchronize(a));
  OK(cuEventRecord(a, nullptr));
  OK(cuLaunchHostFunc(nullptr, [](void*) { std::this_thread::sleep_for(30ms); }, nullptr));
  OK(cuEventRecord(b, nullptr));
  const CUresult early = cuEventElapsedTime(&ms, a, b);
  CHECK(early == CUDA_ERROR_NOT_READY || early == CUDA_SUCCESS);
  OK(cuEventSynchronize(b));
  OK(cuEventElapsedTime(&ms, a, b));
  CHECK_MSG(ms >= 29 && ms < 5000, std::to_string(ms));
  OK(cuEventRecord(untimed, nullptr));
  OK(cuEventSynchronize(untimed));
  FAILS(cuEventElapsedTime(&ms, a, untimed), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuEventElapsedTime(nullptr, a, b), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuEventCreate(&a, 64), CUDA_ERROR_INVALID_VALUE);
  OK(cuEventDestroy_v2(b));
  FAILS(cuEventRecord(b, nullptr), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuEventRecordWithFlags(untimed, nullptr, CU_EVENT_RECORD_EXTERNAL), CUDA_ERROR_INVALID_VALUE);  // for captures
}

TEST(eventsOfOtherContexts) {
  Context outer;
  CUevent e = nullptr;
  OK(cuEventCreate(&e, 0));
  Context inner;
  FAILS(cuEventRecord(e, nullptr), CUDA_ERROR_INVALID_HANDLE);
  OK(cuStreamWaitEvent(nullptr, e, 0));  // waiting works across contexts
}

MAIN()
