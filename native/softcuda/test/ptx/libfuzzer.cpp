// The loader under libFuzzer:
//   cmake -S native/softcuda -B build -DCMAKE_CXX_COMPILER=clang++ -DSOFTCUDA_SANITIZE=address,undefined
//   -DSOFTCUDA_FUZZER=ON cmake --build build --target ptx_fuzzer && mkdir corpus && build/test/ptx/fuzz --corpus
//   corpus build/test/ptx/ptx_fuzzer -max_len=20000 -max_total_time=180 corpus
#include <cstdlib>
#include <string>

#include "../support/test.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace test;
  static const Context context;
  const std::string text(reinterpret_cast<const char*>(data), size);
  CUmodule module = nullptr;
  if (driver().moduleLoadDataEx(&module, text.c_str(), 0, nullptr, nullptr) == CUDA_SUCCESS)
    driver().moduleUnload(module);
  return 0;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  setenv("SOFTCUDA_REPORT", "off", 0);
  return 0;
}
