// What softcuda counts, held against what the kernels do by construction. On another driver there is nothing to count.
#include <cstdlib>

#include "../support/test.h"

using namespace test;

namespace {

// The counters of one launch as JSON; empty where the driver does not count.
template <typename F>
std::string counted(F run) {
  const auto collect = reinterpret_cast<void (*)(int)>(driver().symbol("softcudaCollectCounters"));
  const auto last = reinterpret_cast<size_t (*)(char*, size_t)>(driver().symbol("softcudaLastCounters"));
  const auto reset = reinterpret_cast<void (*)()>(driver().symbol("softcudaResetCounters"));
  if (!collect || !last || !reset) return "";
  collect(1);
  run();
  std::string json(last(nullptr, 0) + 1, ' ');
  last(&json[0], json.size());
  json.pop_back();
  reset();
  return json;
}

unsigned long long value(const std::string& json, const std::string& name) {
  const size_t at = json.find('"' + name + "\": ");
  if (at == std::string::npos) throw Error("no counter " + name + " in " + json);
  return std::strtoull(json.c_str() + at + name.size() + 4, nullptr, 10);
}

void expect(const std::string& json, const std::string& name, unsigned long long expected) {
  const unsigned long long got = value(json, name);
  if (got != expected) throw Error(name + " is " + std::to_string(got) + ", not " + std::to_string(expected));
}

}  // namespace

TEST(counters_tensor_gemm) {
  constexpr int m = 128, n = 128, k = 256;
  Module module("gemm_mma");
  const auto a = Buffer<uint16_t>::zeros(m * k), b = Buffer<uint16_t>::zeros(n * k);
  Buffer<float> c(m * n);
  const auto run = [&] { module.run("gemmF16", {{n / 64, m / 64}, 128, 3 * 2 * 64 * 64}, a, b, c, n, k); };
  const std::string json = counted(run);
  if (json.empty()) return;
  expect(json, "tensorFlop", 2ull * m * n * k);
  // one m16n8k16 a warp is 4096 FLOP; ldmatrix.x4 four a step of sixteen
  expect(json, "tensor", 2ull * m * n * k / 4096);
  expect(json, "blocks", 4);
  expect(json, "threadsRun", 4 * 128);
  // a barrier for each of the k * 2 / 64 stages of each block
  expect(json, "barriers", 4 * (k * 2 / 64));
  // the swizzle leaves no conflicts
  if (value(json, "sharedLoadWavefronts") != value(json, "sharedLoadWavefrontsLeast"))
    throw Error("conflicts in " + json);
  // each block reads its rows of A and B once, whole sectors
  expect(json, "globalLoadBytes", 4ull * 2 * 64 * k * 2);
  expect(json, "globalLoadSectors", 4ull * 2 * 64 * k * 2 / 32);
  // no block reads anything twice, and no sector in part
  expect(json, "blockLoadSectors", 4ull * 2 * 64 * k * 2 / 32);
  expect(json, "blockLoadBytes", 4ull * 2 * 64 * k * 2);
  expect(json, "blockStoreBytes", 4ull * m * n);
  // and again the same
  CHECK(counted(run) == json);
}

TEST(counters_quad_products) {
  // mma.m8n8k4 of f16 is four products at once, one for each eighth of the warp's threads
  const Module m = Module::fromText(
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %a<2>, %b<2>, %c<4>, %d<4>;\n"
      "mov.b32 %a0, 0; mov.b32 %a1, 0; mov.b32 %b0, 0; mov.b32 %b1, 0; mov.b32 %c0, 0; mov.b32 %c1, 0; mov.b32 %c2, "
      "0; mov.b32 %c3, 0;\n"
      "mma.sync.aligned.m8n8k4.row.col.f16.f16.f16.f16 {%d0, %d1, %d2, %d3}, {%a0, %a1}, {%b0, %b1}, {%c0, %c1, %c2, "
      "%c3};\nret;\n}\n");
  const std::string json = counted([&] { m.run("k", {1, 32}); });
  if (!json.empty()) expect(json, "tensorFlop", 4 * 2 * 8 * 8 * 4);
}

TEST(counters_transposes) {
  Module module("transposes");
  constexpr int rows = 64, columns = 64;
  const auto in = Buffer<float>::zeros(rows * columns);
  Buffer<float> out(rows * columns);
  const std::string naive = counted([&] { module.run("transposeNaive", {{2, 8}, {32, 8}}, in, out, rows, columns); });
  if (naive.empty()) return;
  const std::string tiled = counted([&] { module.run("transposeTiled", {{2, 2}, {32, 8}}, in, out, rows, columns); });
  const unsigned long long fewest = rows * columns * 4 / 32;
  expect(naive, "globalLoadSectors", fewest);
  expect(naive, "globalStoreSectors", rows * columns);  // each element a sector of its own
  expect(tiled, "globalLoadSectors", fewest);
  expect(tiled, "globalStoreSectors", fewest);
  expect(tiled, "sharedLoadWavefronts", rows * columns / 32);
  expect(tiled, "sharedStoreWavefronts", rows * columns / 32);
  // four bytes of a sector at a time, but the warps of a block fill it
  expect(naive, "blockStoreSectors", fewest);
  expect(naive, "blockStoreBytes", rows * columns * 4);
}
