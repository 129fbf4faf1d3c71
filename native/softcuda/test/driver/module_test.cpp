#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <tuple>

#include "fixture.h"

namespace {

const std::string kData = std::string(SOFTCUDA_TEST_DATA) + "/driver/data/";

std::string readFile(const std::string& name) {
  std::ifstream in(kData + name, std::ios::binary);
  REQUIRE(in.good());
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

// The kernel of add.cu: c[i] = a[i] + 2 * b[i].
void checkAdd(CUmodule module) {
  CUfunction f = nullptr;
  OK(cuModuleGetFunction(&f, module, "add"));
  Buffer a(12), b(12), c(12);
  a.write(std::vector<float>{1, 2, 3});
  b.write(std::vector<float>{10, 20, 30});
  int n = 3;
  void* parameters[] = {&a.p, &b.p, &c.p, &n};
  OK(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr));
  OK(cuCtxSynchronize());
  CHECK(c.read<float>(3) == (std::vector<float>{21, 42, 63}));
}

}  // namespace

TEST(textAndFile) {
  Context context;
  CUmodule m = nullptr;
  OK(cuModuleLoadData(&m, readFile("add.ptx").c_str()));
  checkAdd(m);
  OK(cuModuleUnload(m));
  OK(cuModuleLoad(&m, (kData + "add.ptx").c_str()));
  checkAdd(m);
  FAILS(cuModuleLoad(&m, (kData + "none.ptx").c_str()), CUDA_ERROR_FILE_NOT_FOUND);
  FAILS(cuModuleLoadData(&m, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuModuleLoadData(nullptr, "x"), CUDA_ERROR_INVALID_VALUE);
}

// What `ptxas -v` says, in a file beside the PTX, takes the place of the estimate; the warps that are resident follow.
TEST(registersFromPtxasReport) {
  const auto withReport = [](const std::string& report) {
    char folder[] = "/tmp/softcuda-module-XXXXXX";
    REQUIRE(mkdtemp(folder) != nullptr);
    const std::string path = std::string(folder) + "/add.ptx";
    std::ofstream(path) << readFile("add.ptx");
    if (!report.empty()) std::ofstream(path + ".ptxas") << report;
    Context context;
    CUmodule m = nullptr;
    CUfunction f = nullptr;
    int registers = 0, blocks = 0;
    OK(cuModuleLoad(&m, path.c_str()));
    OK(cuModuleGetFunction(&f, m, "add"));
    OK(cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 256, 0));
    softcudaCollectCounters(1);
    checkAdd(m);
    std::string json(softcudaLastCounters(nullptr, 0) + 1, ' ');
    softcudaLastCounters(&json[0], json.size());
    softcudaResetCounters();
    std::remove((path + ".ptxas").c_str());
    std::remove(path.c_str());
    rmdir(folder);
    return std::tuple(registers, blocks, json);
  };
  const auto has = [](const std::string& json, const char* part) {
    CHECK_MSG(json.find(part) != std::string::npos, json);
  };
  const auto [estimated, blocksByEstimate, estimate] = withReport("");
  CHECK(estimated > 0 && estimated < 96);
  has(estimate, "\"registersEstimated\": true");
  const auto [registers, blocks, json] = withReport(
      "ptxas info    : 4 bytes gmem\n"
      "ptxas info    : Compiling entry function 'other' for 'sm_80'\n"
      "ptxas info    : Function properties for other\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 8 registers, used 0 barriers, 380 bytes cmem[0]\n"
      "ptxas info    : Compiling entry function 'add' for 'sm_80'\n"
      "ptxas info    : Function properties for add\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 96 registers, used 0 barriers, 380 bytes cmem[0]\n");
  CHECK_EQ(registers, 96);
  // 65,536 registers, 96 * 256 of them for each block
  CHECK_EQ(blocks, 2);
  CHECK(blocksByEstimate > blocks);
  has(json, "\"registersEstimated\": false");
  has(json, "\"registers\": 96");
  // a warp of 96 * 32 registers: 16,384 of each partition hold five, 20 in all; a block is one warp here
  has(json, "\"gpu\": \"A100-SXM4-80GB\", \"residentBlocks\": 20, \"residentWarps\": 20");
  // nonsense changes nothing
  const auto [withNonsense, blocksWithNonsense, nonsense] =
      withReport("Compiling entry function 'add' for 'sm_80'\nUsed 99999 registers\nUsed many registers\n");
  CHECK_EQ(withNonsense, estimated);
  CHECK_EQ(blocksWithNonsense, blocksByEstimate);
  has(nonsense, "\"registersEstimated\": true");
}

TEST(functions) {
  Context context;
  CUmodule m = nullptr;
  OK(cuModuleLoadData(&m, ptx::poke));
  CUfunction a = nullptr, b = nullptr;
  OK(cuModuleGetFunction(&a, m, "poke"));
  OK(cuModuleGetFunction(&b, m, "poke"));
  CHECK(a == b);
  FAILS(cuModuleGetFunction(&b, m, "missing"), CUDA_ERROR_NOT_FOUND);
  CHECK(lastMessage().find("no kernel 'missing'") != std::string::npos);
  FAILS(cuModuleGetFunction(&b, m, ""), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuModuleGetFunction(&b, nullptr, "poke"), CUDA_ERROR_INVALID_HANDLE);
  unsigned count = 0;
  OK(cuModuleGetFunctionCount(&count, m));
  CHECK_EQ(count, 2u);
  CUmodule of = nullptr;
  OK(cuFuncGetModule(&of, a));
  CHECK(of == m);
  const char* name = nullptr;
  OK(cuFuncGetName(&name, a));
  CHECK_EQ(std::string(name), "poke");
  OK(cuModuleUnload(m));
  FAILS(cuModuleUnload(m), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuLaunchKernel(a, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

TEST(errorLog) {
  Context context;
  std::string bad = ptx::poke;
  bad.replace(bad.find("mov.u32"), 7, "move.uu");
  char error[2000] = "", info[2000] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
                            CU_JIT_INFO_LOG_BUFFER,  CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
                            CU_JIT_WALL_TIME,        CU_JIT_OPTIMIZATION_LEVEL};
  void* values[] = {error,   reinterpret_cast<void*>(sizeof error),
                    info,    reinterpret_cast<void*>(sizeof info),
                    nullptr, reinterpret_cast<void*>(4)};
  CUmodule m = nullptr;
  FAILS(cuModuleLoadDataEx(&m, bad.c_str(), 6, options, values), CUDA_ERROR_INVALID_PTX);
  CHECK_MSG(std::string(error).find("line 9") != std::string::npos, error);
  CHECK_EQ(reinterpret_cast<uintptr_t>(values[1]), std::strlen(error));
  // A good one writes about its kernels.
  values[1] = reinterpret_cast<void*>(sizeof error);
  values[3] = reinterpret_cast<void*>(sizeof info);
  OK(cuModuleLoadDataEx(&m, ptx::poke, 6, options, values));
  CHECK_MSG(std::string(info).find("poke") != std::string::npos, info);
  CHECK_EQ(reinterpret_cast<uintptr_t>(values[1]), uintptr_t{0});
  float ms = -1;
  std::memcpy(&ms, &values[4], sizeof ms);
  CHECK(ms >= 0 && ms < 60000);
  // A small buffer is not overrun.
  char small[8];
  std::memset(small, 'x', sizeof small);
  CUjit_option two[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* twoValues[] = {small, reinterpret_cast<void*>(5)};
  FAILS(cuModuleLoadDataEx(&m, bad.c_str(), 2, two, twoValues), CUDA_ERROR_INVALID_PTX);
  CHECK_EQ(std::strlen(small), size_t{4});
  CHECK_EQ(small[5], 'x');
  CUjit_option unknown[] = {static_cast<CUjit_option>(4711)};
  FAILS(cuModuleLoadDataEx(&m, ptx::poke, 1, unknown, values), CUDA_ERROR_INVALID_VALUE);
}

TEST(badImages) {
  Context context;
  CUmodule m = nullptr;
  setenv("SOFTCUDA_REPORT", "off", 1);
  FAILS(cuModuleLoadData(&m, ""), CUDA_ERROR_INVALID_IMAGE);
  FAILS(cuModuleLoadData(&m, "this is not PTX"), CUDA_ERROR_INVALID_PTX);
  std::string newer = ptx::poke;
  newer.replace(newer.find("sm_80"), 5, "sm_90");
  FAILS(cuModuleLoadData(&m, newer.c_str()), CUDA_ERROR_INVALID_PTX);
  CHECK(lastMessage().find("sm_90") != std::string::npos);
  FAILS(cuModuleLoadData(&m, readFile("add.cubin").data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  CHECK(lastMessage().find("compute_80") != std::string::npos);
  FAILS(cuModuleLoadData(&m, readFile("add_machine_code.fatbin").data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
}

TEST(fatBinaries) {
  Context context;
  for (const char* name : {"add_none.fatbin", "add_lz4.fatbin", "add_zstd.fatbin"}) {
    const std::string image = readFile(name);
    CUmodule m = nullptr;
    const CUresult result = cuModuleLoadFatBinary(&m, image.data());
    if (std::string(name) == "add_zstd.fatbin" && result == CUDA_ERROR_INVALID_IMAGE &&
        lastMessage().find("libzstd.so.1 is not there") != std::string::npos) {
      std::printf("skipped: %s (no libzstd.so.1 here)\n", name);
      continue;
    }
    OK(result);
    checkAdd(m);
    OK(cuModuleLoadData(&m, image.data()));
    checkAdd(m);
    // As nvcc wraps it in an executable.
    struct {
      unsigned magic, version;
      const void* data;
      void* unused;
    } wrapper{0x466243b1, 1, image.data(), nullptr};
    OK(cuModuleLoadFatBinary(&m, &wrapper));
    checkAdd(m);
  }
}

// Whatever is broken in a fat binary's headers and compressed data, loading answers. (Sizes in its first header cannot
// be checked, since the call gives no size of the image.)
TEST(brokenFatBinaries) {
  Context context;
  setenv("SOFTCUDA_REPORT", "off", 1);
  std::mt19937 random(3);
  for (const char* name : {"add_lz4.fatbin", "add_none.fatbin"}) {
    const std::string image = readFile(name);
    for (int round = 0; round < 3000; ++round) {
      std::string broken = image;
      for (int i = 0; i < 1 + round % 3; ++i)
        broken[16 + random() % (std::min<size_t>(broken.size(), 700) - 16)] = static_cast<char>(random());
      broken += std::string(64, '\0');
      CUmodule m = nullptr;
      const CUresult result = cuModuleLoadFatBinary(&m, broken.data());
      if (result == CUDA_SUCCESS) OK(cuModuleUnload(m));
    }
  }
}

TEST(linking) {
  Context context;
  CUlinkState link = nullptr;
  OK(cuLinkCreate_v2(0, nullptr, nullptr, &link));
  std::string text = ptx::add;
  OK(cuLinkAddData_v2(link, CU_JIT_INPUT_PTX, &text[0], text.size(), "add", 0, nullptr, nullptr));
  FAILS(cuLinkAddData_v2(link, CU_JIT_INPUT_PTX, &text[0], text.size(), "again", 0, nullptr, nullptr),
        CUDA_ERROR_NOT_SUPPORTED);
  FAILS(cuLinkAddData_v2(link, CU_JIT_INPUT_OBJECT, &text[0], text.size(), "object", 0, nullptr, nullptr),
        CUDA_ERROR_NOT_SUPPORTED);
  void* image = nullptr;
  size_t size = 0;
  OK(cuLinkComplete(link, &image, &size));
  CHECK(size > 100);
  CUmodule m = nullptr;
  OK(cuModuleLoadData(&m, image));
  OK(cuLinkDestroy(link));
  checkAdd(m);
  FAILS(cuLinkDestroy(link), CUDA_ERROR_INVALID_HANDLE);
}

TEST(librariesLoadIntoEachContext) {
  OK(cuInit(0));
  CUlibrary library = nullptr;
  OK(cuLibraryLoadData(&library, ptx::step, nullptr, nullptr, 0, nullptr, nullptr, 0));
  for (int i = 0; i < 2; ++i) {
    Context context;
    CUkernel kernel = nullptr;
    OK(cuLibraryGetKernel(&kernel, library, "step"));
    FAILS(cuLibraryGetKernel(&kernel, library, "missing"), CUDA_ERROR_NOT_FOUND);
    Buffer b(4);
    OK(cuMemsetD32_v2(b.p, 1, 1));
    unsigned factor = 2, term = 3;
    void* list[] = {&b.p, &factor, &term};
    CUfunction f = nullptr;
    OK(cuKernelGetFunction(&f, kernel));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, list, nullptr));
    OK(cuLaunchKernel(reinterpret_cast<CUfunction>(kernel), 1, 1, 1, 1, 1, 1, 0, nullptr, list, nullptr));  // as it is
    OK(cuCtxSynchronize());
    CHECK_EQ(b.read<int>(1)[0], 13);
    const char* name = nullptr;
    OK(cuKernelGetName(&name, kernel));
    CHECK_EQ(std::string(name), "step");
  }
  OK(cuLibraryUnload(library));
  FAILS(cuLibraryUnload(library), CUDA_ERROR_INVALID_HANDLE);
}

MAIN()
