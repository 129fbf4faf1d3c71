// Broken kernels: each ends with the error that CUDA gives and a report that names the place, or is counted as it
// should be; its corrected twin is clean. ctest runs this under several values of SOFTCUDA_SEED, with and without
// SOFTCUDA_CHECK. Here: what is found without a checker.
#include "broken.h"

using namespace broken;

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
