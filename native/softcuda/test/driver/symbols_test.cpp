// Every function that JCuda's driver library imports exists; those that are not supported say so; cuGetProcAddress.
#include <dlfcn.h>

#include <fstream>

#include "fixture.h"

namespace {
std::vector<std::string> lines(const char* name) {
  std::ifstream in(std::string(SOFTCUDA_TEST_DATA) + "/driver/data/" + name);
  REQUIRE(in.good());
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}
}  // namespace

TEST(allThatJCudaImports) {
  const auto names = lines("jcuda-12.6.0-imports.txt");
  CHECK_EQ(names.size(), size_t{312});
  for (const std::string& name : names) CHECK_MSG(dlsym(RTLD_DEFAULT, name.c_str()) != nullptr, name);
}

TEST(unsupportedFunctionsSaySo) {
  OK(cuInit(0));
  for (const char* name : {"cuTexObjectCreate", "cuArrayCreate_v2", "cuIpcGetMemHandle", "cuMemCreate", "cuGLInit",
                           "cuGreenCtxCreate", "cuTensorMapEncodeTiled"}) {
    auto* function = reinterpret_cast<CUresult (*)(void*, void*, void*)>(dlsym(RTLD_DEFAULT, name));
    REQUIRE(function != nullptr);
    FAILS(function(nullptr, nullptr, nullptr), CUDA_ERROR_NOT_SUPPORTED);
    CHECK_MSG(lastMessage().find(name) == 0, lastMessage());
  }
}

TEST(procAddresses) {
  void* p = nullptr;
  int status = 9;
  OK(cuGetProcAddress_v2("cuMemAlloc", &p, 12000, 0, &status));
  CHECK(p == reinterpret_cast<void*>(&cuMemAlloc_v2));
  CHECK_EQ(status, 0);
  // Functions whose parameters have changed go by version.
  OK(cuGetProcAddress_v2("cuCtxCreate", &p, 11000, 0, &status));
  CHECK(p == reinterpret_cast<void*>(&cuCtxCreate_v2));
  OK(cuGetProcAddress_v2("cuCtxCreate", &p, 13000, 0, &status));
  CHECK(p == reinterpret_cast<void*>(&cuCtxCreate_v4));
  OK(cuGetProcAddress_v2("cuGraphInstantiate", &p, 11000, 0, &status));
  CHECK(p == reinterpret_cast<void*>(&cuGraphInstantiate_v2));
  OK(cuGetProcAddress_v2("cuGraphInstantiate", &p, 12000, 0, &status));
  CHECK(p == reinterpret_cast<void*>(&cuGraphInstantiateWithFlags));
  OK(cuGetProcAddress_v2("cuGraphAddNode", &p, 10000, 0, &status));
  CHECK(p == nullptr);
  CHECK_EQ(status, 2);
  OK(cuGetProcAddress_v2("cuNoSuchThing", &p, 12000, 0, &status));
  CHECK(p == nullptr);
  CHECK_EQ(status, 1);
  OK(cuGetProcAddress_v2("cuStreamQuery", &p, 12000, 2, &status));
  CHECK(p == dlsym(RTLD_DEFAULT, "cuStreamQuery_ptsz"));
  FAILS(cuGetProcAddress_v2("cuInit", &p, 99999, 0, &status), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuGetProcAddress("cuNoSuchThing", &p, 12000, 0), CUDA_ERROR_NOT_FOUND);
  const void* table = &table;
  CUuuid id{};
  FAILS(cuGetExportTable(&table, &id), CUDA_ERROR_NOT_FOUND);
  CHECK(table == nullptr);
}

MAIN()
