// Broken kernels: each ends with the error that CUDA gives and a report that names the place, or is counted as it
// should be; its corrected twin is clean. ctest runs this under several values of SOFTCUDA_SEED, with and without
// SOFTCUDA_CHECK.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "../support/capture.h"
#include "../support/test.h"

using namespace test;

namespace {

bool checking(const char* what) {
  const char* list = std::getenv("SOFTCUDA_CHECK");
  return list && std::string(list).find(what) != std::string::npos;
}

// Line of broken.cu with the comment "// BUG name" (or another word for BUG).
std::string place(const std::string& name, const std::string& word = "BUG") {
  std::istringstream source(readFile(ptxFolder() + "/../broken.cu"));
  int number = 1;
  for (std::string line; std::getline(source, line); number++)
    if (line.size() > name.size() && line.find("// " + word + " " + name) != std::string::npos)
      return "broken.cu:" + std::to_string(number);
  throw Error("broken.cu has no line marked " + name);
}

struct Outcome {
  CUresult result = CUDA_SUCCESS;
  std::string report;
};

template <typename... Arguments>
Outcome launch(const Module& m, const std::string& kernel, const Shape& shape, const Arguments&... arguments) {
  Outcome o;
  o.report = captured(STDERR_FILENO, [&] { o.result = m.tryRun(kernel, shape, arguments...); });
  return o;
}

void expectReport(const Outcome& o, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    if (o.report.find(part) == std::string::npos)
      throw Error("the report does not say \"" + part + "\":\n" + o.report);
}

void expectFault(const Outcome& o, CUresult code, const std::vector<std::string>& parts) {
  if (o.result != code)
    throw Error("ended with " + errorName(o.result) + " instead of " + errorName(code) + ":\n" + o.report);
  expectReport(o, parts);
}

void expectClean(const Outcome& o) {
  if (o.result != CUDA_SUCCESS || !o.report.empty())
    throw Error("the corrected kernel ends with " + errorName(o.result) + ":\n" + o.report);
}

Module module() { return Module("broken"); }

std::vector<int> numbers(int count) {
  std::vector<int> v(count);
  std::iota(v.begin(), v.end(), 0);
  return v;
}

// Runs a test's part in a context of its own, since a fault spoils the one it happens in.
template <typename F>
void inContext(F body) {
  Context context;
  body();
}

}  // namespace

namespace {

using Launcher = std::function<Outcome(const Module&, const std::string& kernel)>;

// The broken kernel is reported with all the parts, the twin is clean; each in a context of its own.
void found(const std::string& kernel, const std::vector<std::string>& parts, const Launcher& launcher) {
  inContext([&] { expectClean(launcher(module(), kernel + "Fixed")); });
  inContext([&] {
    const Outcome o = launcher(module(), kernel);
    if (o.result == CUDA_SUCCESS) throw Error(kernel + " was not found out");
    expectReport(o, parts);
  });
}

void race(const std::string& kernel, const std::vector<std::string>& places, const Launcher& launcher) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  std::vector<std::string> parts = {kernel, "race", "shared"};
  parts.insert(parts.end(), places.begin(), places.end());
  found(kernel, parts, launcher);
}

const Launcher kFromInToOut = [](const Module& m, const std::string& kernel) {
  Buffer<int> in(numbers(128)), out(128);
  return launch(m, kernel, {1, 128}, in, out);
};
const Launcher kToOut = [](const Module& m, const std::string& kernel) {
  Buffer<int> out(128);
  return launch(m, kernel, {1, 128}, out);
};

}  // namespace

TEST(fault_off_by_one) {
  inContext([] {
    Buffer<float> in(std::vector<float>(100, 1)), out(100);
    Module m = module();
    expectClean(launch(m, "offByOneFixed", {2, 64}, in, out, 100));
    const Outcome o = launch(m, "offByOne", {2, 64}, in, out, 100);
    expectFault(o, CUDA_ERROR_ILLEGAL_ADDRESS,
                {"offByOne", place("offByOne"), "block", "thread", "36", "past the end"});
    // sticky
    CHECK(driver().ctxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
    CUdeviceptr p = 0;
    CHECK(driver().memAlloc(&p, 16) == CUDA_ERROR_ILLEGAL_ADDRESS);
  });
  // the next context is sound
  inContext([] {
    Buffer<float> in(std::vector<float>(100, 1)), out(100);
    module().run("offByOneFixed", {2, 64}, in, out, 100);
    expectEqual("out", out.download(), std::vector<float>(100, 2));
  });
}

// .loc names the place where a function was inlined by file, line and column, and that place may have been inlined
// twice.
TEST(fault_in_a_function_inlined_twice) {
  const std::string bad = "st.global.u32 [8], 1;\n", good = "st.global.u32 [%rd1], 1;\n";
  const auto run = [](const std::string& body) {
    Buffer<int> out(1);
    const Module m = Module::fromText(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n.reg .b64 %rd1;\n.loc 1 "
        "30 1\nld.param.u64 %rd1, [p];\n" +
        body + "ret;\n}\n.file 1 \"twice.cu\"\n");
    return launch(m, "k", {1, 1}, out);
  };
  const std::string first = ".loc 1 20 3, function_name $L0, inlined_at 1 31 5\n",
                    second = ".loc 1 20 3, function_name $L0, inlined_at 1 32 5\n",
                    inner = ".loc 1 10 2, function_name $L1, inlined_at 1 20 3\n";
  inContext([&] {
    expectReport(run(first + inner + bad), {"(twice.cu:10, inlined at twice.cu:20, inlined at twice.cu:31)"});
  });
  inContext([&] {
    expectReport(run(first + inner + good + second + inner + bad),
                 {"(twice.cu:10, inlined at twice.cu:20, inlined at twice.cu:32)"});
  });
  // back in one of the two, no one knows which
  inContext([&] {
    expectReport(run(first + inner + good + second + inner + good + ".loc 1 33 1\n" + good + inner + bad),
                 {"(twice.cu:10, inlined at twice.cu:20, probably inlined at twice.cu:32)"});
  });
}

TEST(fault_use_after_free) {
  Buffer<int> in(numbers(64)), out(64);
  Module m = module();
  expectClean(launch(m, "readThrough", {1, 64}, in, out));
  const CUdeviceptr freed = in.address();
  in.free();
  expectFault(launch(m, "readThrough", {1, 64}, freed, out), CUDA_ERROR_ILLEGAL_ADDRESS,
              {"readThrough", place("readThrough"), "freed"});
}

TEST(fault_use_after_free_reallocated) {
  // memory that was freed is not given out again at once, so the stale pointer is still found
  Buffer<int> in(numbers(64)), out(64);
  const CUdeviceptr freed = in.address();
  in.free();
  Buffer<int> next(numbers(64));
  expectFault(launch(module(), "readThrough", {1, 64}, freed, out), CUDA_ERROR_ILLEGAL_ADDRESS, {"readThrough"});
}

TEST(fault_null) {
  Buffer<int> out(64);
  expectFault(launch(module(), "readThrough", {1, 64}, CUdeviceptr(0), out), CUDA_ERROR_ILLEGAL_ADDRESS,
              {"readThrough", place("readThrough")});
}

TEST(fault_host_pointer) {
  Buffer<int> out(64);
  std::vector<int> host(64);
  expectFault(launch(module(), "readThrough", {1, 64}, static_cast<void*>(host.data()), out),
              CUDA_ERROR_ILLEGAL_ADDRESS, {"readThrough", place("readThrough")});
}

TEST(fault_before_allocation) {
  Buffer<int> in(numbers(64)), out(64);
  expectFault(launch(module(), "readThrough", {1, 64}, in.address() - 4, out), CUDA_ERROR_ILLEGAL_ADDRESS,
              {"readThrough", place("readThrough"), "before"});
}

TEST(fault_atomic) {
  auto cell = Buffer<int>::zeros(63);
  expectFault(launch(module(), "addThrough", {1, 64}, cell), CUDA_ERROR_ILLEGAL_ADDRESS,
              {"addThrough", place("addThrough"), "63"});
}

TEST(fault_misaligned) {
  Buffer<float> in(std::vector<float>(80, 1)), out(4 * 64);
  Module m = module();
  expectClean(launch(m, "misalignedFixed", {1, 64}, in, out));
  expectFault(launch(m, "misaligned", {1, 64}, in, out), CUDA_ERROR_MISALIGNED_ADDRESS,
              {"misaligned", place("misaligned"), "16"});
}

TEST(fault_misaligned_atomic) {
  auto cell = Buffer<int>::zeros(64);
  expectFault(launch(module(), "addThrough", {1, 32}, cell.address() + 2), CUDA_ERROR_MISALIGNED_ADDRESS,
              {"addThrough", place("addThrough")});
}

TEST(fault_shared) {
  inContext([] {
    Buffer<int> out(64);
    Module m = module();
    expectClean(launch(m, "pastShared", {1, 64}, out, 0));
    expectFault(launch(m, "pastShared", {1, 64}, out, 1), CUDA_ERROR_ILLEGAL_ADDRESS,
                {"pastShared", place("pastShared"), "63", "shared"});
  });
  inContext([] {
    Buffer<int> out(64);
    Module m = module();
    expectClean(launch(m, "pastDynamicShared", {1, 64, 256}, out));
    expectFault(launch(m, "pastDynamicShared", {1, 64, 252}, out), CUDA_ERROR_ILLEGAL_ADDRESS,
                {"pastDynamicShared", place("pastDynamicShared"), "63", "shared"});
  });
}

TEST(fault_local) {
  for (int reach : {16, 100000})
    inContext([reach] {
      Buffer<int> out(64);
      Module m = module();
      expectFault(launch(m, "pastLocal", {1, 64}, out, reach), CUDA_ERROR_ILLEGAL_ADDRESS,
                  {"pastLocal", place("pastLocal"), "local"});
    });
}

TEST(fault_constant) {
  auto out = Buffer<int>::zeros(64);
  expectFault(launch(module(), "writeConstant", {1, 32}, out), CUDA_ERROR_ILLEGAL_ADDRESS,
              {"writeConstant", place("writeConstant"), "constant"});
}

TEST(fault_async_copy) {
  Buffer<int> in(numbers(64 * 4)), out(64 * 4);
  Module m = module();
  expectClean(launch(m, "asyncCopyPast", {1, 64}, in, out, 32));
  expectFault(launch(m, "asyncCopyPast", {1, 64}, in, out, 33), CUDA_ERROR_ILLEGAL_ADDRESS,
              {"asyncCopyPast", place("asyncCopyPast"), "63"});
}

TEST(fault_load_matrix) {
  Buffer<int> out(32);
  Module m = module();
  expectClean(launch(m, "loadMatrixMisaligned", {1, 32}, out, 0));
  expectFault(launch(m, "loadMatrixMisaligned", {1, 32}, out, 1), CUDA_ERROR_MISALIGNED_ADDRESS,
              {"loadMatrixMisaligned", place("loadMatrixMisaligned")});
}

TEST(fault_wild_call) {
  Buffer<unsigned long long> table(std::vector<unsigned long long>(32, 0x123456789abcdef));
  Buffer<int> out(32);
  const Outcome o = launch(module(), "wildCall", {1, 32}, table, out);
  CHECK(o.result == CUDA_ERROR_INVALID_PC || o.result == CUDA_ERROR_ILLEGAL_ADDRESS ||
        o.result == CUDA_ERROR_ILLEGAL_INSTRUCTION);
  expectReport(o, {"wildCall", place("wildCall")});
}

TEST(fault_endless_recursion) {
  Buffer<int> out(32);
  const Outcome o = launch(module(), "endlessRecursion", {1, 32}, out);
  CHECK(o.result == CUDA_ERROR_HARDWARE_STACK_ERROR || o.result == CUDA_ERROR_ILLEGAL_ADDRESS);
  expectReport(o, {"endlessRecursion", "stack"});
}

TEST(fault_divergent_barrier) {
  inContext([] {
    Buffer<int> out(64);
    const Outcome o = launch(module(), "barrierInOneArm", {1, 64}, out);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"barrierInOneArm", place("barrierInOneArm"), "barrier"});
  });
  inContext([] {
    Buffer<int> out(64);
    Module m = module();
    expectClean(launch(m, "barrierInBothArmsFixed", {1, 64}, out));
    const Outcome o = launch(m, "barrierInBothArms", {1, 64}, out);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"barrierInBothArms", "broken.cu", "barrier"});
  });
}

TEST(fault_deadlock) {
  inContext([] {
    Buffer<int> out(64);
    Module m = module();
    expectClean(launch(m, "deadlockFixed", {1, 64}, out));
    const Outcome o = launch(m, "deadlock", {1, 64}, out);
    CHECK(o.result != CUDA_SUCCESS);
    // who waits where: both warps, both barriers
    expectReport(o, {"deadlock", place("deadlock"), "barrier 1", "barrier 2"});
  });
  inContext([] {
    Buffer<int> out(64);
    Module m = module();
    expectClean(launch(m, "barrierInUnequalLoops", {1, 64}, out, 0));
    const Outcome o = launch(m, "barrierInUnequalLoops", {1, 64}, out, 1);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"barrierInUnequalLoops", place("barrierInUnequalLoops"), "barrier 5"});
  });
  inContext([] {
    Buffer<int> out(64);
    Module m = module();
    expectClean(launch(m, "shuffleWithAbsentFixed", {1, 64}, out));
    const Outcome o = launch(m, "shuffleWithAbsent", {1, 64}, out);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"shuffleWithAbsent", place("shuffleWithAbsent")});
  });
}

TEST(fault_half_warp) {
  for (const char* kernel :
       {"halfWarpMatrix", "halfWarpMatrixThenBarrier", "guardedMatrix", "loadMatrixAfterReturn"}) {
    const std::string name = kernel, line = name == "halfWarpMatrixThenBarrier" ? "halfWarpMatrix" : name;
    for (int lanes : {32, 16})
      inContext([&] {
        Buffer<float> out(64);
        const Outcome o = launch(module(), name, {1, name == "loadMatrixAfterReturn" ? 32u : 64u}, out, lanes);
        if (lanes == 32) return expectClean(o);
        if (o.result == CUDA_SUCCESS) throw Error(name + " was not found out");
        expectReport(o, {name, place(line), "warp"});
      });
  }
}

TEST(fault_vote_from_outside) { found("voteFromOutside", {place("voteFromOutside"), "membermask"}, kToOut); }

TEST(fault_return_before_barrier) {
  for (int staying : {64, 32}) {
    Buffer<int> out(128);
    expectClean(launch(module(), "returnBeforeBarrier", {1, 128}, out, staying));
    std::vector<int> expected(128, -1);
    for (int i = 0; i < staying; i++) expected[i] = staying - 1 - i;
    expectEqual("out", out.download(), expected);
    expectClean(launch(module(), "returnBetweenBarriers", {1, 128}, out, staying));
  }
  if (!checking("barrier")) return;
  for (const char* kernel : {"returnBeforeBarrier", "returnBetweenBarriers"})
    inContext([&] {
      Buffer<int> out(128);
      const Outcome o = launch(module(), kernel, {1, 128}, out, 80);
      CHECK(o.result != CUDA_SUCCESS);
      expectReport(o, {kernel, "barrier divergence", "all threads of a warp"});
    });
}

TEST(barrier_masks) {
  if (!checking("barrier")) throw Error("run this with SOFTCUDA_CHECK=barrier");
  found("voteWithAbsent", {place("voteWithAbsent"), "(16,0,0)", "membermask"}, kToOut);
  found("matchWithAbsent", {place("matchWithAbsent"), "(16,0,0)", "membermask"}, kToOut);
}

TEST(fault_mbarrier_deadlock) {
  found("countTooHigh",
        {"deadlock", place("countTooHigh"), "warp 3: 32 threads from (96,0,0)", "mbarrier at offset 0",
         "128 of 129 arrivals"},
        kToOut);
  found("classCountTooHigh", {"deadlock", "warp 3: 32 threads from (96,0,0)", "128 of 129 arrivals"}, kToOut);
  found("waitCrosswise",
        {"deadlock", place("countTooHigh"), place("waitCrosswise", "WAIT"), "64 of 128 arrivals",
         "barrier 0, where 64 of 128 threads have arrived"},
        kToOut);
}

TEST(fault_spin) {
  setenv("SOFTCUDA_TIMEOUT", "0.5", 1);
  for (int set : {1, 0})
    inContext([set] {
      Buffer<int> out(128), flag(std::vector<int>(1, set));
      const Outcome o = launch(module(), "spinOnFlag", {1, 128}, out, flag);
      if (set) return expectClean(o);
      expectFault(o, CUDA_ERROR_LAUNCH_TIMEOUT,
                  {"spinOnFlag", place("spinOnFlag"), "warp 0: 32 threads from (0,0,0) spin at line", "ld.volatile",
                   "warp 3: 32 threads from (96,0,0) spin"});
    });
  unsetenv("SOFTCUDA_TIMEOUT");
}

// Without the wait the data has not arrived, whatever the seed; the race checker may stop the launch instead.
TEST(async_missing_wait) {
  const auto values = numbers(64 * 4);
  std::vector<int> reversed;
  for (int t = 63; t >= 0; t--) reversed.insert(reversed.end(), values.begin() + 4 * t, values.begin() + 4 * t + 4);
  Module m = module();
  Buffer<int> in(values), out(64 * 4);
  expectClean(launch(m, "missingWaitFixed", {1, 64}, in, out));
  expectEqual("waited", out.download(), reversed);
  const Outcome o = launch(m, "missingWait", {1, 64}, in, out);
  if (o.result == CUDA_SUCCESS) expectEqual("not waited", out.download(), std::vector<int>(256, -1));
  else CHECK(checking("race") || checking("init"));
}

TEST(async_wait_short) {
  const auto values = numbers(96 * 4);
  std::vector<int> reversed;
  for (int t = 63; t >= 32; t--) reversed.insert(reversed.end(), values.begin() + 4 * t, values.begin() + 4 * t + 4);
  Module m = module();
  Buffer<int> in(values), out(32 * 4);
  expectClean(launch(m, "waitShortFixed", {1, 32}, in, out));
  expectEqual("waited", out.download(), reversed);
  const Outcome o = launch(m, "waitShort", {1, 32}, in, out);
  if (o.result == CUDA_SUCCESS) expectEqual("not waited", out.download(), std::vector<int>(128, -1));
  else CHECK(checking("race") || checking("init"));
}

TEST(race_missing_barrier) {
  race("missingBarrier", {place("missingBarrier"), place("missingBarrier", "WRITE")}, kFromInToOut);
}

TEST(race_missing_second_barrier) {
  race("missingSecondBarrier", {}, [](const Module& m, const std::string& kernel) {
    Buffer<int> in(numbers(128)), out(128);
    return launch(m, kernel, {1, 128}, in, out, 5);
  });
}

TEST(race_two_writers) { race("writeWrite", {place("writeWrite")}, kToOut); }
TEST(race_plain_count) { race("plainCount", {place("plainCount")}, kToOut); }
TEST(race_double_arrival) { race("doubleArrival", {place("doubleArrival")}, kFromInToOut); }

TEST(race_others_copies) {
  race("othersCopies", {place("othersCopies")}, [](const Module& m, const std::string& kernel) {
    Buffer<int> in(numbers(256)), out(256);
    return launch(m, kernel, {1, 64}, in, out);
  });
}

TEST(race_with_copies) {
  const Launcher launcher = [](const Module& m, const std::string& kernel) {
    Buffer<int> in(numbers(512)), out(1024);
    return launch(m, kernel, {1, 128}, in, out);
  };
  for (const char* kernel : {"storeUnderCopy", "loadUnderCopy", "copyOverCopy"})
    race(kernel, {place(kernel), place("whileCopying", "COPY"), "cp.async"}, launcher);
}

TEST(race_unseen_mbarrier) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  found("unseenBarrier", {"unseenBarrier", place("unseenBarrier"), "mbarrier", "initialis"}, kToOut);
}

TEST(race_same_value) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  inContext([] {
    Buffer<int> out(128);
    const Outcome o = launch(module(), "sameFlag", {1, 128}, out, 1);
    CHECK(o.result == CUDA_SUCCESS);
    expectReport(o, {"note: ", "the same value", "sameFlag", place("sameFlag")});
    expectEqual("out", out.download(), std::vector<int>(128, 1));
  });
  inContext([] {
    Buffer<int> out(128);
    const Outcome o = launch(module(), "sameFlag", {1, 128}, out, 2);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"race", "sameFlag", place("sameFlag")});
  });
}

TEST(race_none) {
  expectClean(kToOut(module(), "bytesOfOneWord"));
  expectClean(kFromInToOut(module(), "orderedOtherwise"));
}

namespace {

// The broken kernel is told to be wrong by its last argument.
void globalRace(const std::string& kernel, const std::vector<std::string>& places, int wrong, int right,
                const std::function<Outcome(const Module&, int)>& launcher) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  inContext([&] { expectClean(launcher(module(), right)); });
  inContext([&] {
    const Outcome o = launcher(module(), wrong);
    if (o.result == CUDA_SUCCESS) throw Error(kernel + " was not found out");
    std::vector<std::string> parts = {kernel, "race on global memory", "another block", "by block ("};
    parts.insert(parts.end(), places.begin(), places.end());
    expectReport(o, parts);
  });
}

}  // namespace

TEST(race_between_blocks) {
  globalRace("blocksOverlap", {place("blocksOverlap")}, 1, 0, [](const Module& m, int beyond) {
    Buffer<int> in(numbers(1024)), out(1024);
    return launch(m, "blocksOverlap", {8, 64}, in, out, beyond);
  });
  globalRace("blocksRead", {place("blocksRead")}, 1, 0, [](const Module& m, int neighbour) {
    auto data = Buffer<int>::zeros(512);
    return launch(m, "blocksRead", {8, 64}, data, neighbour);
  });
  globalRace("blocksCount", {place("blocksCount")}, 0, 1, [](const Module& m, int atomic) {
    auto count = Buffer<int>::zeros(1);
    return launch(m, "blocksCount", {8, 64}, count, atomic);
  });
}

TEST(race_last_block) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  found("lastBlockSums", {"race on global memory", place("lastBlockSums"), "by block ("},
        [](const Module& m, const std::string& kernel) {
          Buffer<int> in(numbers(64)), parts(512), out(64);
          auto done = Buffer<unsigned>::zeros(1);
          const Outcome o = launch(m, kernel, {8, 64}, in, parts, done, out);
          if (o.result != CUDA_SUCCESS) return o;
          std::vector<int> expected(64);
          for (int i = 0; i < 64; i++) expected[i] = 8 * i + 28;
          expectEqual("sums", out.download(), expected);
          return o;
        });
}

TEST(race_blocks_same_value) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  for (int same : {1, 0})
    inContext([same] {
      auto flag = Buffer<int>::zeros(1);
      const Outcome o = launch(module(), "blocksFlag", {8, 64}, flag, same);
      CHECK((o.result == CUDA_SUCCESS) == (same == 1));
      if (same) expectReport(o, {"note: ", "the same value", place("blocksFlag")});
      else expectReport(o, {"race on global memory", place("blocksFlag")});
    });
}

TEST(bounds_shared) {
  if (!checking("bounds")) throw Error("run this with SOFTCUDA_CHECK=bounds");
  for (const char* name : {"intoNeighbour", "storeIntoNeighbour", "copyIntoNeighbour"})
    for (int reach : {0, 1})
      inContext([&] {
        const std::string kernel = name;
        const Module m = module();
        Buffer<int> in(numbers(512)), out(512);
        const Outcome o = kernel == "copyIntoNeighbour" ? launch(m, kernel, {1, 128, 2048}, in, out, reach)
                                                        : launch(m, kernel, {1, 128}, out, reach);
        if (reach == 0) return expectClean(o);
        expectFault(o, CUDA_ERROR_ILLEGAL_ADDRESS, {kernel, place(kernel), "(127,0,0)", "out of bounds"});
      });
}

// nvcc puts the local arrays of a function into one; PTX may name each.
TEST(bounds_local) {
  if (!checking("bounds")) throw Error("run this with SOFTCUDA_CHECK=bounds");
  for (int reach : {3, 4})
    inContext([reach] {
      Buffer<int> out(1);
      const Module m = Module::fromText(
          ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p, .param .u32 reach)\n{\n"
          ".local .align 4 .b8 first[16];\n.local .align 4 .b8 second[16];\n.reg .b64 %rd<5>;\n.reg .b32 %r<5>;\n"
          "ld.param.u64 %rd1, [p];\nld.param.u32 %r1, [reach];\nmov.u64 %rd2, first;\nmul.wide.u32 %rd3, %r1, 4;\n"
          "add.u64 %rd2, %rd2, %rd3;\nst.local.u32 [second], 5;\nst.local.u32 [%rd2], 7;\nld.local.u32 %r2, [%rd2];\n"
          "st.global.u32 [%rd1], %r2;\nret;\n}\n");
      const Outcome o = launch(m, "k", {1, 1}, out, reach);
      if (reach == 3) return expectClean(o);
      expectFault(o, CUDA_ERROR_ILLEGAL_ADDRESS, {"local write of 4 bytes at offset 16 of 'first' (16 bytes)"});
    });
}

TEST(init_shared) {
  if (!checking("init")) throw Error("run this with SOFTCUDA_CHECK=init");
  for (int n : {128, 127})
    inContext([n] {
      Buffer<int> out(128);
      const Outcome o = launch(module(), "uninitialisedShared", {1, 128}, out, n);
      if (n == 128) return expectClean(o);
      CHECK(o.result != CUDA_SUCCESS);
      expectReport(o, {"uninitialisedShared", place("uninitialisedShared"), "uninitialised", "shared"});
    });
}

TEST(init_global) {
  if (!checking("init")) throw Error("run this with SOFTCUDA_CHECK=init");
  // written by a copy, by a fill, by a kernel: all initialise
  inContext([] {
    Buffer<int> out(128), again(128);
    const auto zeros = Buffer<int>::zeros(128);
    const Module m = module();
    expectClean(launch(m, "uninitialisedGlobal", {1, 128}, zeros, out));
    expectClean(launch(m, "uninitialisedGlobal", {1, 128}, out, again));
    expectEqual("again", again.download(), std::vector<int>(128, 2));
  });
  // all but the last word
  inContext([] {
    Buffer<int> in(128), out(128);
    CHECK(driver().memsetD8(in.address(), 0, 127 * 4) == CUDA_SUCCESS);
    const Outcome o = launch(module(), "uninitialisedGlobal", {1, 128}, in, out);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"uninitialisedGlobal", place("uninitialisedGlobal"), "uninitialised", "127"});
  });
}

TEST(init_in_vain) {
  if (!checking("init")) throw Error("run this with SOFTCUDA_CHECK=init");
  const Launcher some = [](const Module& m, const std::string& kernel) {
    auto out = Buffer<int>::zeros(128);
    return launch(m, kernel, {1, 128}, out, 100);
  };
  found("storedInVain", {place("storedInVain"), "uninitialised shared", "(100,0,0)", "stored in global memory"}, some);
  found("addressInVain", {place("addressInVain"), "uninitialised shared", "(100,0,0)", "decides an address"}, some);
  found("branchInVain", {place("branchInVain"), "uninitialised global", "(100,0,0)", "decides"},
        [](const Module& m, const std::string& kernel) {
          Buffer<int> in(128), out(128);
          CHECK(driver().memsetD8(in.address(), 0, 400) == CUDA_SUCCESS);
          return launch(m, kernel, {1, 128}, in, out, 100);
        });
}

TEST(init_matrix_rows) {
  if (!checking("init")) throw Error("run this with SOFTCUDA_CHECK=init");
  for (int wanted : {5, 6})
    inContext([wanted] {
      Buffer<float> out(32);
      const Outcome o = launch(module(), "productOfRows", {1, 32}, out, 5, wanted);
      if (wanted == 5) return expectClean(o);
      CHECK(o.result != CUDA_SUCCESS);
      expectReport(o, {"productOfRows", place("productOfRows"), "uninitialised shared", "(20,0,0)"});
    });
}

TEST(init_shuffle) {
  if (!checking("init")) throw Error("run this with SOFTCUDA_CHECK=init");
  for (int used : {8, 16})
    inContext([used] {
      Buffer<int> out(64);
      const Outcome o = launch(module(), "shuffleFromAbsent", {1, 64}, out, used);
      if (used == 8) return expectClean(o);
      CHECK(o.result != CUDA_SUCCESS);
      expectReport(o, {"shuffleFromAbsent", place("shuffleFromAbsent"), "(8,0,0)", "takes no part", "lane 16"});
    });
}

TEST(init_register_and_local) {
  if (!checking("init")) throw Error("run this with SOFTCUDA_CHECK=init");
  const auto run = [](const std::string& body, const std::string& what) {
    inContext([&] {
      Buffer<int> out(32);
      const Module m = Module::fromText(
          ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n.local .align 4 .b8 "
          "array[16];\n.reg .b64 %rd<5>;\n.reg .b32 %r<5>;\n.reg .pred %p<3>;\nld.param.u64 %rd1, [p];\nmov.u32 %r1, "
          "%tid.x;\nmul.wide.u32 %rd2, %r1, 4;\nadd.u64 %rd1, %rd1, %rd2;\nsetp.lt.u32 %p1, %r1, 7;\n" +
          body + "st.global.u32 [%rd1], %r2;\nret;\n}\n");
      const Outcome o = launch(m, "k", {1, 32}, out);
      if (what.empty()) return expectClean(o);
      CHECK(o.result != CUDA_SUCCESS);
      expectReport(o, {what, "thread (7,0,0)", "stored in global memory"});
    });
  };
  run("@%p1 mov.u32 %r2, 1;\n", "uninitialised register");
  run("@%p1 mov.u32 %r3, 1;\nselp.u32 %r2, %r3, 2, %p1;\n", "");
  run("@%p1 st.local.u32 [array+4], %r1;\nld.local.u32 %r2, [array+4];\n", "uninitialised local");
  run("@%p1 st.local.u32 [array+4], %r1;\n@!%p1 st.local.u32 [array+4], 5;\nld.local.u32 %r2, [array+4];\n", "");
}

TEST(leak_reported) {
  if (!checking("leak")) throw Error("run this with SOFTCUDA_CHECK=leak");
  CUdeviceptr p = 0;
  const std::string leaking = captured(STDERR_FILENO, [&] {
    Context context;
    CHECK(driver().memAlloc(&p, 12345) == CUDA_SUCCESS);
  });
  CHECK(leaking.find("12345") != std::string::npos && leaking.find("leak") != std::string::npos);
  const std::string clean = captured(STDERR_FILENO, [] {
    Context context;
    Buffer<int> freed(10);
    Module m = module();
  });
  CHECK(clean.empty());
}

// ---- counted ----

namespace {

// Counters of a launch, by name; what the launch did is the same whatever the seed and the threads.
std::function<unsigned long long(const std::string&)> counted(
    const std::string& kernel, const Shape& shape,
    const std::function<void(const Module&, const std::string&, const Shape&)>& run) {
  const auto collect = reinterpret_cast<void (*)(int)>(driver().symbol("softcudaCollectCounters"));
  const auto last = reinterpret_cast<size_t (*)(char*, size_t)>(driver().symbol("softcudaLastCounters"));
  const auto reset = reinterpret_cast<void (*)()>(driver().symbol("softcudaResetCounters"));
  if (!collect || !last || !reset) throw Error(driver().path + " has no counters");
  collect(1);
  run(module(), kernel, shape);
  std::string json(last(nullptr, 0) + 1, ' ');
  last(&json[0], json.size());
  reset();
  CHECK(json.find('"' + kernel + '"') != std::string::npos);
  return [json](const std::string& name) {
    const size_t at = json.find('"' + name + "\": ");
    if (at == std::string::npos) throw Error("no counter " + name + " in " + json);
    return std::strtoull(json.c_str() + at + name.size() + 4, nullptr, 10);
  };
}

void expectCount(const char* what, unsigned long long got, unsigned long long expected) {
  if (got != expected)
    throw Error(std::string(what) + " are " + std::to_string(got) + ", not " + std::to_string(expected));
}

}  // namespace

TEST(count_bank_conflicts) {
  const auto run = [](const Module& m, const std::string& kernel, const Shape& shape) {
    Buffer<float> out(256);
    m.run(kernel, shape, out);
    expectEqual("sums", out.download(), [] {
      // each warp adds up four of the 32 columns: rows are constant
      std::vector<float> v(256);
      for (int t = 0; t < 256; t++) v[t] = static_cast<float>(t % 32 * 4);
      return v;
    }());
  };
  const auto broken = counted("bankConflicts", {1, 256}, run), fixed = counted("bankConflictsFixed", {1, 256}, run);
  expectCount("conflicting load wavefronts", broken("sharedLoadWavefronts"), 1024);
  expectCount("fewest load wavefronts", broken("sharedLoadWavefrontsLeast"), 32);
  expectCount("store wavefronts", broken("sharedStoreWavefronts"), 32);
  expectCount("padded load wavefronts", fixed("sharedLoadWavefronts"), 32);
  expectCount("padded store wavefronts", fixed("sharedStoreWavefronts"), 32);
  expectCount("barriers", fixed("barriers"), 1);
}

TEST(count_uncoalesced) {
  const auto run = [](const Module& m, const std::string& kernel, const Shape& shape) {
    Buffer<float> in(std::vector<float>(8192, 1)), out(256);
    m.run(kernel, shape, in, out);
    expectEqual("sums", out.download(), std::vector<float>(256, 32));
  };
  const auto broken = counted("uncoalesced", {2, 128}, run), fixed = counted("uncoalescedFixed", {2, 128}, run);
  expectCount("sectors, uncoalesced", broken("globalLoadSectors"), 8 * 32 * 32);
  expectCount("fewest sectors, uncoalesced", broken("globalLoadSectorsLeast"), 8 * 32 * 4);
  expectCount("sectors", fixed("globalLoadSectors"), 8 * 32 * 4);
  expectCount("fewest sectors", fixed("globalLoadSectorsLeast"), 8 * 32 * 4);
  expectCount("bytes loaded", fixed("globalLoadBytes"), 8192 * 4);
  expectCount("stored sectors", fixed("globalStoreSectors"), 8 * 4);
}

TEST(count_divergence) {
  const auto run = [](int split) {
    return [split](const Module& m, const std::string& kernel, const Shape& shape) {
      Buffer<float> out(64);
      m.run(kernel, shape, out, split);
    };
  };
  CHECK(counted("divergent", {1, 64}, run(2))("divergentBranches") > 0);
  expectCount("divergent branches", counted("divergent", {1, 64}, run(1))("divergentBranches"), 0);
}
