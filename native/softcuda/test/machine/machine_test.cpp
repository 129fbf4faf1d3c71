// The machine without the driver: device memory, scheduling, counters that do not depend on threads, load errors with
// their lines.
#include <cstdlib>
#include <string>
#include <vector>

#include "check.h"
#include "machine/machine.h"
#include "softcuda/softcuda.h"

using namespace softcuda;

namespace {

const char* const kHeader = ".version 9.0\n.target sm_80\n.address_size 64\n";

struct Kernel {
  std::unique_ptr<Memory> memory = Memory::create(size_t{1} << 28);
  std::unique_ptr<Module> module;
  Failure failure;
  explicit Kernel(const std::string& body) { failure = Module::load(kHeader + body, "", *memory, &module); }
  uint64_t allocate(size_t bytes) {
    uint64_t address = 0;
    memory->allocate(bytes, 256, AllocationKind::Device, &address);
    return address;
  }
  Failure run(uint32_t blocks, uint32_t threads, std::vector<uint64_t> parameters) {
    return softcuda::run(*module, 0, {{blocks, 1, 1}, {threads, 1, 1}, 0, false}, parameters.data(), *memory);
  }
};

std::string counters() {
  std::string text(softcudaLastCounters(nullptr, 0) + 1, '\0');
  text.resize(softcudaLastCounters(text.data(), text.size()));
  return text;
}

// Each thread adds its block's number to counter[thread % 7] and spins on nothing; loops diverge by thread.
const char* const kDivergent = R"(
.visible .entry k(.param .u64 p)
{
  .reg .pred %p<3>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [p];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  rem.u32 %r3, %r1, 7;
  mul.wide.u32 %rd2, %r3, 4;
  add.u64 %rd3, %rd1, %rd2;
  mov.u32 %r4, 0;
LOOP:
  atom.global.add.u32 %r5, [%rd3], %r2;
  add.u32 %r4, %r4, 1;
  setp.le.u32 %p1, %r4, %r3;
  @%p1 bra LOOP;
  bar.sync 0;
  ret;
})";

// A lock that lanes of one warp take in turn: the lane that has it must get on while the others spin.
const char* const kLock = R"(
.visible .entry k(.param .u64 lock, .param .u64 count)
{
  .reg .pred %p<2>;
  .reg .b32 %r<5>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [lock];
  ld.param.u64 %rd2, [count];
SPIN:
  atom.global.cas.b32 %r1, [%rd1], 0, 1;
  setp.ne.s32 %p1, %r1, 0;
  @%p1 bra SPIN;
  ld.volatile.global.u32 %r2, [%rd2];
  add.u32 %r2, %r2, 1;
  st.volatile.global.u32 [%rd2], %r2;
  membar.gl;
  atom.global.exch.b32 %r3, [%rd1], 0;
  ret;
})";

}  // namespace

TEST(memory_finds_what_is_live) {
  auto memory = Memory::create(1 << 20);
  uint64_t a = 0, b = 0;
  CHECK_EQ(memory->allocate(1000, 256, AllocationKind::Device, &a).code, 0);
  CHECK_EQ(memory->allocate(500, 256, AllocationKind::Managed, &b).code, 0);
  Allocation found;
  CHECK(memory->find(a, &found) && found.size == 1000);
  CHECK(memory->find(a + 999, &found));
  CHECK(!memory->find(a + 1000, &found));
  CHECK(memory->find(b + 7, &found) && found.kind == AllocationKind::Managed);
  CHECK_EQ(memory->bytesInUse(), size_t{1500});
  CHECK_EQ(memory->release(a + 1).code, 1);
  CHECK_EQ(memory->release(a).code, 0);
  CHECK_EQ(memory->release(a).code, 1);
  CHECK(!memory->find(a, &found));
  CHECK(memory->describe(a + 4).find("freed") != std::string::npos);
  CHECK_EQ(memory->allocate(size_t{2} << 20, 256, AllocationKind::Device, &a).code, 2);
  CHECK_EQ(memory->live().size(), size_t{1});
}

TEST(counters_do_not_depend_on_threads) {
  std::string first;
  for (const char* threads : {"1", "2", "5"}) {
    setenv("SOFTCUDA_THREADS", threads, 1);
    Kernel kernel(kDivergent);
    CHECK_EQ(kernel.failure.report, std::string());
    const uint64_t out = kernel.allocate(28);
    auto* values = reinterpret_cast<uint32_t*>(out);
    for (int i = 0; i < 7; ++i) values[i] = 0;
    softcudaCollectCounters(1);
    CHECK_EQ(kernel.run(20, 100, {out}).report, std::string());
    softcudaCollectCounters(0);
    for (uint32_t i = 0; i < 7; ++i) CHECK_EQ(values[i], (i < 2 ? 15u : 14u) * (i + 1) * 190u);
    if (first.empty()) first = counters();
    CHECK_EQ(counters(), first);
  }
  unsetenv("SOFTCUDA_THREADS");
  CHECK(first.find("\"blocksRun\": 20") != std::string::npos);
  CHECK(first.find("\"barriers\": 20,") != std::string::npos);
}

TEST(sampled_blocks_run_alone) {
  Kernel kernel(kDivergent);
  const uint64_t out = kernel.allocate(28);
  auto* values = reinterpret_cast<uint32_t*>(out);
  for (int i = 0; i < 7; ++i) values[i] = 0;
  const unsigned long long chosen[] = {3, 5};
  softcudaSelectBlocks(chosen, 2);
  softcudaCollectCounters(1);
  CHECK_EQ(kernel.run(20, 100, {out}).code, 0);
  softcudaResetCounters();
  CHECK_EQ(values[0], 15u * 8u);
}

TEST(a_lock_within_a_warp_gets_on) {
  for (const char* seed : {"0", "1", "9"}) {
    setenv("SOFTCUDA_SEED", seed, 1);
    Kernel kernel(kLock);
    CHECK_EQ(kernel.failure.report, std::string());
    const uint64_t lock = kernel.allocate(4), count = kernel.allocate(4);
    *reinterpret_cast<uint32_t*>(lock) = *reinterpret_cast<uint32_t*>(count) = 0;
    CHECK_EQ(kernel.run(3, 64, {lock, count}).report, std::string());
    CHECK_EQ(*reinterpret_cast<uint32_t*>(count), 192u);
  }
  unsetenv("SOFTCUDA_SEED");
}

TEST(endless_loops_end_at_the_limit) {
  setenv("SOFTCUDA_TIMEOUT", "0.2", 1);
  Kernel kernel(".visible .entry k()\n{\nL: bra L;\n}");
  CHECK_EQ(kernel.failure.report, std::string());
  const Failure failure = kernel.run(2, 32, {});
  CHECK_EQ(failure.code, 702);
  unsetenv("SOFTCUDA_TIMEOUT");
}

TEST(load_errors_name_their_line) {
  struct {
    const char* body;
    const char* line;
    const char* text;
  } cases[] = {
      {".visible .entry k()\n{\n  frob.u32 %r1;\n}", "line 6;", "%r1"},
      {".visible .entry k()\n{\n  .reg .b32 %r<2>;\n  frob.u32 %r1;\n}", "line 7;", "frob"},
      {".visible .entry k()\n{\n  .reg .b32 %r<2>;\n  add.u32.fast %r1, %r1, 1;\n}", "line 7;", "fast"},
      {".visible .entry k()\n{\n  .reg .b32 %r<2>;\n  .reg .b64 %d<2>;\n  add.u32 %r1, %d1, 1;\n}", "line 8;",
       "mismatch"},
      {".visible .entry k()\n{\n  bra NOWHERE;\n}", "line 6;", "NOWHERE"},
      {".visible .entry k()\n{\n  .reg .b32 %r<2>;\n  mov.u32 %r1, %r2;\n}", "line 7;", "%r2"},
      {".visible .entry k()\n{\n  .reg .b32 %r<2>;\n", "line 7;", "end of file"},
      {".global .surfref s;\n", "line 4;", "surf"},
  };
  for (const auto& c : cases) {
    const Kernel kernel(c.body);
    CHECK_EQ(kernel.failure.code, 218);
    CHECK(kernel.failure.report.find(c.line) != std::string::npos);
    CHECK(kernel.failure.report.find(c.text) != std::string::npos);
  }
}

MAIN()
