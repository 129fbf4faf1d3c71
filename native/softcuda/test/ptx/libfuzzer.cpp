// The loader under libFuzzer: cmake -DCMAKE_CXX_COMPILER=clang++ -DSOFTCUDA_FUZZER=ON; ptx_fuzzer CORPUS_FOLDER
#include <string>

#include "../support/test.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace test;
  static const Context context;
  const std::string text(reinterpret_cast<const char*>(data), size);
  CUmodule module = nullptr;
  if (driver().moduleLoadDataEx(&module, text.c_str(), 0, nullptr, nullptr) == CUDA_SUCCESS) driver().moduleUnload(module);
  return 0;
}
