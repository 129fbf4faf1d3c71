// What the other checkers find: bounds, init, leak; see faults.cpp.
#include "broken.h"

using namespace broken;

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
