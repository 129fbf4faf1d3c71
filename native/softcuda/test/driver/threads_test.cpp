// Many threads on one context: everything that they share is shared by them at once.
#include <cstring>

#include "fixture.h"

TEST(allocationsCopiesAndStreams) {
  Context context;
  Module module(ptx::step);
  CUfunction f = module.function("step");
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      auto ok = [&](CUresult r) {
        if (r != CUDA_SUCCESS) ++wrong;
        return r == CUDA_SUCCESS;
      };
      if (!ok(cuCtxSetCurrent(context.handle))) return;
      for (int round = 0; round < 40; ++round) {
        CUstream s = nullptr;
        CUevent e = nullptr;
        CUdeviceptr p = 0;
        ok(cuStreamCreate(&s, round % 2 == 0 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT));
        ok(cuEventCreate(&e, 0));
        ok(cuMemAlloc_v2(&p, 4));
        ok(cuMemsetD32Async(p, static_cast<unsigned>(t), 1, s));
        unsigned factor = 3, term = 1, expected = static_cast<unsigned>(t);
        void* list[] = {&p, &factor, &term};
        for (int i = 0; i < 5; ++i) {
          ok(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, list, nullptr));
          expected = expected * 3 + 1;
        }
        ok(cuEventRecord(e, s));
        ok(cuEventSynchronize(e));
        unsigned got = 0;
        ok(cuMemcpyDtoHAsync_v2(&got, p, 4, s));
        if (got != expected) ++wrong;
        ok(cuMemFree_v2(p));
        ok(cuEventDestroy_v2(e));
        ok(cuStreamDestroy_v2(s));
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(contextsComeAndGo) {
  OK(cuInit(0));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        CUcontext c = nullptr;
        CUmodule m = nullptr;
        CUdeviceptr p = 0;
        int got = 0;
        if (cuCtxCreate_v2(&c, 0, 0) != CUDA_SUCCESS || cuModuleLoadData(&m, ptx::poke) != CUDA_SUCCESS ||
            cuMemAlloc_v2(&p, 4) != CUDA_SUCCESS) {
          ++wrong;
          return;
        }
        CUfunction f = nullptr;
        void* list[] = {&p};
        if (cuModuleGetFunction(&f, m, "poke") != CUDA_SUCCESS ||
            cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, list, nullptr) != CUDA_SUCCESS ||
            cuMemcpyDtoH_v2(&got, p, 4) != CUDA_SUCCESS || got != 1 || cuCtxDestroy_v2(c) != CUDA_SUCCESS) {
          ++wrong;
          return;
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(onePrimaryContextForAll) {
  OK(cuInit(0));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        CUcontext c = nullptr;
        if (cuDevicePrimaryCtxRetain(&c, 0) != CUDA_SUCCESS || cuCtxSetCurrent(c) != CUDA_SUCCESS ||
            cuCtxSynchronize() != CUDA_SUCCESS || cuDevicePrimaryCtxRelease_v2(0) != CUDA_SUCCESS) {
          ++wrong;
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK_EQ(wrong.load(), 0);
}

MAIN()
