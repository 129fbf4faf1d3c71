// SOFTCUDA_CHECK=leak, set before the library looks.
#include <cstdlib>

#include "fixture.h"

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
