#include "test.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace test {
namespace {

struct Case {
  const char* name;
  std::function<void()> body;
};

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

bool selected(const std::string& name, int argc, char** argv) {
  if (argc < 2) return true;
  for (int i = 1; i < argc; i++)
    if (name.rfind(argv[i], 0) == 0) return true;
  return false;
}

// Bits of a 16-bit format with `fraction` fraction bits, of a value that the format holds.
uint16_t pack(double value, int fraction, int minExponent) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const int exponentBits = 15 - fraction;
  const uint16_t top = static_cast<uint16_t>(((1 << exponentBits) - 1) << fraction);
  if (std::isnan(value)) return 0x7fff;
  if (std::isinf(value)) return sign | top;
  if (value == 0) return sign;
  const int exponent = std::max(std::ilogb(value), minExponent);
  const auto scaled = static_cast<int>(std::ldexp(std::fabs(value), fraction - exponent));
  const int biased = scaled >> fraction ? exponent - minExponent + 1 : 0;
  return static_cast<uint16_t>(sign | (biased << fraction) | (scaled & ((1 << fraction) - 1)));
}

double unpack(uint16_t bits, int fraction, int minExponent) {
  const int exponentBits = 15 - fraction;
  const int biased = (bits >> fraction) & ((1 << exponentBits) - 1);
  const int rest = bits & ((1 << fraction) - 1);
  double magnitude;
  if (biased == (1 << exponentBits) - 1)
    magnitude = rest ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else
    magnitude = std::ldexp(biased ? rest + (1 << fraction) : rest, (biased ? biased - 1 : 0) + minExponent - fraction);
  return bits & 0x8000 ? -magnitude : magnitude;
}

}  // namespace

Registration::Registration(const char* name, std::function<void()> body) {
  cases().push_back({name, std::move(body)});
}

int runAll(int argc, char** argv) {
  int ran = 0, failed = 0;
  for (const Case& c : cases()) {
    if (!selected(c.name, argc, argv)) continue;
    ran++;
    const auto start = std::chrono::steady_clock::now();
    std::string failure;
    try {
      Context context;
      c.body();
    } catch (const std::exception& e) {
      failure = e.what();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%s %s (%.2f s)%s%s\n", failure.empty() ? "ok    " : "FAILED", c.name, seconds,
                failure.empty() ? "" : ": ", failure.c_str());
    std::fflush(stdout);
    failed += !failure.empty();
  }
  std::printf("%d tests, %d failed\n", ran, failed);
  if (ran == 0) std::printf("no test has a name that starts like that\n");
  return ran == 0 || failed ? 1 : 0;
}

Context::Context() {
  CUdevice device = 0;
  check(driver().deviceGet(&device, 0), "cuDeviceGet");
  check(driver().ctxCreate(&context_, 0, device), "cuCtxCreate");
}

Context::~Context() { driver().ctxDestroy(context_); }

std::string readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string ptxFolder() {
  const char* other = std::getenv("SOFTCUDA_TEST_PTX");
  return other ? other : PTX_FOLDER;
}

Module::Module(const std::string& name) { load(readFile(ptxFolder() + "/" + name + ".ptx"), name + ".ptx"); }

Module Module::fromText(const std::string& ptx) {
  Module m;
  m.load(ptx, "PTX text");
  return m;
}

void Module::load(const std::string& ptx, const std::string& name) {
  char log[8192] = "";
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  if (CUresult result = driver().moduleLoadDataEx(&module_, ptx.c_str(), 2, options, values)) {
    module_ = nullptr;
    throw CudaError(result, "loading " + name + " (" + log + ")");
  }
}

CUfunction Module::function(const std::string& kernel) const {
  CUfunction function = nullptr;
  if (CUresult result = driver().moduleGetFunction(&function, module_, kernel.c_str()))
    throw CudaError(result, "cuModuleGetFunction of " + kernel);
  return function;
}

CUdeviceptr Module::global(const char* name, size_t bytesAtLeast) const {
  CUdeviceptr address = 0;
  size_t bytes = 0;
  if (CUresult result = driver().moduleGetGlobal(&address, &bytes, module_, name))
    throw CudaError(result, std::string("cuModuleGetGlobal of ") + name);
  if (bytes < bytesAtLeast) throw Error(std::string(name) + " is smaller than the test expects");
  return address;
}

CUresult Module::launch(CUfunction function, const Shape& s, void** parameters) {
  if (s.shared > 32 * 1024) {  // with what is static it may be more than the 48 KiB that need no permission
    const CUresult result = driver().funcSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                                      static_cast<int>(s.shared));
    if (result) return result;
  }
  const CUresult result = s.cooperative
                              ? driver().launchCooperativeKernel(function, s.grid.x, s.grid.y, s.grid.z, s.block.x,
                                                                 s.block.y, s.block.z, s.shared, nullptr, parameters)
                              : driver().launchKernel(function, s.grid.x, s.grid.y, s.grid.z, s.block.x, s.block.y,
                                                      s.block.z, s.shared, nullptr, parameters, nullptr);
  return result ? result : driver().ctxSynchronize();
}

void differ(const std::string& what, size_t index, size_t wrong, size_t count, const std::string& got,
            const std::string& expected) {
  throw Error(what + "[" + std::to_string(index) + "] is " + got + " and should be " + expected + " (" +
              std::to_string(wrong) + " of " + std::to_string(count) + " differ)");
}

double roundTo(double value, int precision, int minExponent, int maxExponent) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int exponent = std::max(std::ilogb(value), minExponent);
  const double rounded =
      std::ldexp(std::nearbyint(std::ldexp(value, precision - 1 - exponent)), exponent - precision + 1);
  return std::fabs(rounded) >= std::ldexp(1.0, maxExponent + 1)
             ? std::copysign(std::numeric_limits<double>::infinity(), value)
             : rounded;
}

uint16_t halfBits(double value) { return pack(roundHalf(value), 10, -14); }
double halfValue(uint16_t bits) { return unpack(bits, 10, -14); }
uint16_t bf16Bits(double value) { return pack(roundBf16(value), 7, -126); }
double bf16Value(uint16_t bits) { return unpack(bits, 7, -126); }

}  // namespace test
