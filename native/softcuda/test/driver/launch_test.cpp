#include <cstring>

#include "fixture.h"

namespace {
CUresult launch(CUfunction f, std::array<unsigned, 3> grid, std::array<unsigned, 3> block, unsigned shared,
                void** parameters, void** extra = nullptr) {
  return cuLaunchKernel(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, nullptr, parameters,
                        extra);
}
}  // namespace

TEST(vectorAdd) {
  Context context;
  Module module(ptx::add);
  CUfunction f = module.function("add");
  const size_t n = 1000;
  std::vector<float> x(n), y(n);
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i), y[i] = 0.5f * static_cast<float>(i);
  Buffer a(n * 4), b(n * 4), c(n * 4);
  a.write(x);
  b.write(y);
  unsigned count = n;
  void* parameters[] = {&a.p, &b.p, &c.p, &count};
  OK(launch(f, {8, 1, 1}, {128, 1, 1}, 0, parameters));
  OK(cuCtxSynchronize());
  auto got = c.read<float>(n);
  for (size_t i = 0; i < n; ++i) {
    if (!CHECK_EQ(got[i], 2.0f * static_cast<float>(i))) break;
  }
  // The module's variable.
  CUdeviceptr scale = 0;
  size_t size = 0;
  OK(cuModuleGetGlobal_v2(&scale, &size, module.handle, "scale"));
  CHECK_EQ(size, size_t{4});
  const float four = 4;
  OK(cuMemcpyHtoD_v2(scale, &four, 4));
  OK(launch(f, {8, 1, 1}, {128, 1, 1}, 0, parameters));
  OK(cuCtxSynchronize());
  CHECK_EQ(c.read<float>(n)[10], 10.0f + 4 * 5.0f);
  FAILS(cuModuleGetGlobal_v2(&scale, &size, module.handle, "none"), CUDA_ERROR_NOT_FOUND);
}

TEST(shapesThatTheDeviceDoesNotHave) {
  Context context;
  Module module(ptx::poke);
  CUfunction f = module.function("nothing");
  OK(launch(f, {1, 1, 1}, {1024, 1, 1}, 0, nullptr));
  OK(launch(f, {1, 1, 1}, {1, 1024, 1}, 0, nullptr));
  OK(launch(f, {1, 1, 1}, {16, 1, 64}, 0, nullptr));
  OK(launch(f, {1, 65535, 1}, {1, 1, 1}, 0, nullptr));
  FAILS(launch(f, {1, 1, 1}, {1025, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(f, {1, 1, 1}, {1, 1, 65}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(f, {1, 1, 1}, {32, 33, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  CHECK(lastMessage().find("1056 threads") != std::string::npos);
  FAILS(launch(f, {0, 1, 1}, {1, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(f, {1, 1, 1}, {0, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(f, {1, 65536, 1}, {1, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(f, {0x80000000u, 1, 1}, {1, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(nullptr, {1, 1, 1}, {1, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_HANDLE);
  OK(cuCtxSynchronize());  // none of this spoils the context
}

TEST(launchBounds) {
  Context context;
  Module module(ptx::bounded);
  Buffer b(4);
  void* parameters[] = {&b.p};
  CUfunction f = module.function("bounded"), exact = module.function("exact");
  OK(launch(f, {1, 1, 1}, {128, 1, 1}, 0, parameters));
  FAILS(launch(f, {1, 1, 1}, {129, 1, 1}, 0, parameters), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  OK(launch(exact, {1, 1, 1}, {64, 1, 1}, 0, parameters));
  FAILS(launch(exact, {1, 1, 1}, {32, 1, 1}, 0, parameters), CUDA_ERROR_INVALID_VALUE);
  OK(cuCtxSynchronize());
  CHECK_EQ(b.read<int>(1)[0], 7);
  int value = 0;
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, f));
  CHECK_EQ(value, 128);
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f));
  CHECK_EQ(value, 1024);
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_BINARY_VERSION, f));
  CHECK_EQ(value, 80);
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
  CHECK(value > 0);
  FAILS(cuFuncGetAttribute(&value, static_cast<CUfunction_attribute>(99), f), CUDA_ERROR_INVALID_VALUE);
}

TEST(sharedMemoryOptIn) {
  Context context;
  Module module(ptx::bounded);
  Buffer b(4);
  void* parameters[] = {&b.p};
  CUfunction f = module.function("bounded");
  const unsigned plain = 48 * 1024 - 1024, most = 163 * 1024 - 1024;
  int value = 0;
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
  CHECK_EQ(value, static_cast<int>(plain));
  OK(launch(f, {1, 1, 1}, {32, 1, 1}, plain, parameters));
  FAILS(launch(f, {1, 1, 1}, {32, 1, 1}, plain + 1, parameters), CUDA_ERROR_INVALID_VALUE);
  CHECK(lastMessage().find("MAX_DYNAMIC_SHARED_SIZE_BYTES") != std::string::npos);
  FAILS(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(most + 1)),
        CUDA_ERROR_INVALID_VALUE);
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(most)));
  OK(launch(f, {1, 1, 1}, {32, 1, 1}, most, parameters));
  FAILS(launch(f, {1, 1, 1}, {32, 1, 1}, most + 1, parameters), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_NUM_REGS, 5), CUDA_ERROR_INVALID_VALUE);
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50));
  FAILS(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 101), CUDA_ERROR_INVALID_VALUE);
  OK(cuCtxSynchronize());
}

TEST(parameters) {
  Context context;
  Module module(ptx::step);
  CUfunction f = module.function("step");
  Buffer b(4);
  OK(cuMemsetD32_v2(b.p, 10, 1));
  unsigned factor = 3, term = 4;
  void* list[] = {&b.p, &factor, &term};
  void* hole[] = {&b.p, nullptr, &term};
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, hole), CUDA_ERROR_INVALID_VALUE);

  struct {
    CUdeviceptr p;
    unsigned factor, term;
  } block{b.p, 3, 4};
  size_t size = sizeof block;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  OK(launch(f, {1, 1, 1}, {1, 1, 1}, 0, nullptr, extra));
  OK(cuCtxSynchronize());
  CHECK_EQ(b.read<unsigned>(1)[0], 34u);
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, list, extra), CUDA_ERROR_INVALID_VALUE);
  size = 12;
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, nullptr, extra), CUDA_ERROR_INVALID_VALUE);
  CHECK(lastMessage().find("12 bytes; the parameters take 16") != std::string::npos);
  size = 64;
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, nullptr, extra), CUDA_ERROR_INVALID_VALUE);
  void* onlyPointer[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_END};
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, nullptr, onlyPointer), CUDA_ERROR_INVALID_VALUE);

  // They are taken at the time of the call.
  CUstream s = nullptr;
  OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  {
    Gate gate(s);
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, list, nullptr));
    factor = term = 1000;
  }
  OK(cuStreamSynchronize(s));
  CHECK_EQ(b.read<unsigned>(1)[0], 34u * 3 + 4);

  size_t offset = 0, bytes = 0;
  OK(cuFuncGetParamInfo(f, 2, &offset, &bytes));
  CHECK_EQ(offset, size_t{12});
  CHECK_EQ(bytes, size_t{4});
  FAILS(cuFuncGetParamInfo(f, 3, &offset, &bytes), CUDA_ERROR_INVALID_VALUE);
}

TEST(theInterfaceBeforeCuLaunchKernel) {
  Context context;
  Module module(ptx::step);
  CUfunction f = module.function("step");
  Buffer b(4);
  OK(cuMemsetD32_v2(b.p, 5, 1));
  OK(cuFuncSetBlockShape(f, 1, 1, 1));
  OK(cuParamSetv(f, 0, &b.p, 8));
  OK(cuParamSeti(f, 8, 6));
  OK(cuParamSeti(f, 12, 7));
  OK(cuParamSetSize(f, 16));
  OK(cuLaunch(f));
  OK(cuCtxSynchronize());
  CHECK_EQ(b.read<unsigned>(1)[0], 37u);
  OK(cuLaunchGrid(f, 1, 1));
  OK(cuLaunchGridAsync(f, 1, 1, nullptr));
  OK(cuCtxSynchronize());
  CHECK_EQ(b.read<unsigned>(1)[0], (37u * 6 + 7) * 6 + 7);
  FAILS(cuFuncSetBlockShape(f, 0, 1, 1), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchGrid(f, 0, 1), CUDA_ERROR_INVALID_VALUE);
}

TEST(cooperative) {
  Context context;
  Module module(ptx::poke);
  CUfunction f = module.function("nothing");
  int blocks = 0;
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 256, 0));
  const unsigned fit = static_cast<unsigned>(blocks) * 108;
  OK(cuLaunchCooperativeKernel(f, fit, 1, 1, 256, 1, 1, 0, nullptr, nullptr));
  FAILS(cuLaunchCooperativeKernel(f, fit + 1, 1, 1, 256, 1, 1, 0, nullptr, nullptr),
        CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  OK(cuCtxSynchronize());
}

TEST(launchEx) {
  Context context;
  Module module(ptx::step);
  CUfunction f = module.function("step");
  Buffer b(4);
  OK(cuMemsetD32_v2(b.p, 1, 1));
  unsigned factor = 2, term = 5;
  void* list[] = {&b.p, &factor, &term};
  CUlaunchAttribute attributes[1] = {};
  attributes[0].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attributes[0].value.cooperative = 1;
  CUlaunchConfig config{1, 1, 1, 1, 1, 1, 0, nullptr, attributes, 1};
  OK(cuLaunchKernelEx(&config, f, list, nullptr));
  OK(cuCtxSynchronize());
  CHECK_EQ(b.read<unsigned>(1)[0], 7u);
  attributes[0].id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attributes[0].value.clusterDim = {2, 1, 1};
  FAILS(cuLaunchKernelEx(&config, f, list, nullptr), CUDA_ERROR_NOT_SUPPORTED);
}

TEST(functionsOfOtherContexts) {
  Context outer;
  Module module(ptx::poke);
  CUfunction f = module.function("nothing");
  Context inner;
  FAILS(launch(f, {1, 1, 1}, {1, 1, 1}, 0, nullptr), CUDA_ERROR_INVALID_HANDLE);
}

MAIN()
