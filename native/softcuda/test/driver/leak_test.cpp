// SOFTCUDA_CHECK=leak, set before the library looks.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "fixture.h"

// First, before this process starts threads: a child that ends without destroying its context.
TEST(aContextThatNobodyDestroysIsReportedAtExit) {
  char path[] = "/tmp/softcuda-leak-XXXXXX";
  REQUIRE(mkstemp(path) >= 0);
  const pid_t child = fork();
  if (child == 0) {
    setenv("SOFTCUDA_CHECK", "leak", 1);
    setenv("SOFTCUDA_REPORT", path, 1);
    CUcontext c = nullptr;
    CUdeviceptr p = 0;
    if (cuInit(0) != CUDA_SUCCESS || cuCtxCreate_v2(&c, 0, 0) != CUDA_SUCCESS ||
        cuMemAlloc_v2(&p, 321) != CUDA_SUCCESS)
      std::_Exit(1);
    std::exit(0);
  }
  int status = -1;
  REQUIRE_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  unlink(path);
  CHECK_MSG(text.str().find("leak: 1 allocation (321 bytes)") != std::string::npos, text.str());
}

TEST(leaksAreReportedWhenTheContextEnds) {
  setenv("SOFTCUDA_CHECK", "race,leak", 1);
  setenv("SOFTCUDA_REPORT", "off", 1);
  {
    Context context;
    CUdeviceptr p = 0, freed = 0;
    void* host = nullptr;
    OK(cuMemAlloc_v2(&freed, 64));
    OK(cuMemAlloc_v2(&p, 12345));
    OK(cuMemAllocHost_v2(&host, 77));
    OK(cuMemFree_v2(freed));
  }
  const std::string report = lastReport();
  CHECK_MSG(report.find("leak: 2 allocations (12422 bytes)") != std::string::npos, report);
  CHECK_MSG(report.find("12345 bytes of device memory") != std::string::npos, report);
  CHECK_MSG(report.find("77 bytes of page-locked host memory") != std::string::npos, report);
}

TEST(afterAFaultNothingCanBeFreedAndNothingIsCalledALeak) {
  {
    Context context;
    CUdeviceptr p = 0, nowhere = 8;
    OK(cuMemAlloc_v2(&p, 777));
    Module module(ptx::poke);
    void* parameters[] = {&nowhere};
    OK(cuLaunchKernel(module.function("poke"), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
    FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    FAILS(cuMemFree_v2(p), CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  CHECK_MSG(lastReport().find("poke") != std::string::npos && lastReport().find("leak") == std::string::npos,
            lastReport());
}

TEST(aCleanContextReportsNothing) {
  const std::string before = lastReport();
  {
    Context context;
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 999));
    OK(cuMemFree_v2(p));
  }
  CHECK_EQ(lastReport(), before);
}

TEST(offByDefault) {
  unsetenv("SOFTCUDA_CHECK");
  const std::string before = lastReport();
  {
    Context context;
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 4321));
  }
  CHECK_EQ(lastReport(), before);
}

MAIN()
