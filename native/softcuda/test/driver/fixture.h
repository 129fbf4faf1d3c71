// What the driver tests share: a context, a gate that holds a stream up, small kernels.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "driver/api.h"
#include "softcuda/softcuda.h"

#define OK(call) REQUIRE_EQ(static_cast<int>(call), static_cast<int>(CUDA_SUCCESS))
#define FAILS(call, code) CHECK_EQ(static_cast<int>(call), static_cast<int>(code))

// A context of its own, current while it lives.
struct Context {
  CUcontext handle = nullptr;
  explicit Context(unsigned flags = 0) {
    OK(cuInit(0));
    OK(cuCtxCreate_v2(&handle, flags, 0));
  }
  ~Context() { cuCtxDestroy_v2(handle); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

// Holds a stream up until it is opened.
class Gate {
 public:
  explicit Gate(CUstream stream) { OK(cuLaunchHostFunc(stream, &Gate::wait, this)); }
  ~Gate() {
    open();
    join();
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  static void wait(void* self) {
    Gate& gate = *static_cast<Gate*>(self);
    std::unique_lock lock(gate.mutex_);
    gate.changed_.wait(lock, [&] { return gate.open_; });
    gate.passed_ = true;
    gate.changed_.notify_all();
  }
  void join() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return passed_; });
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false, passed_ = false;
};

// Writes down the order in which host functions run.
class Journal {
 public:
  void add(CUstream stream, int what) {
    entries_.push_back(std::make_unique<Entry>(Entry{this, what}));
    OK(cuLaunchHostFunc(stream, &Journal::note, entries_.back().get()));
  }
  std::vector<int> read() {
    std::lock_guard lock(mutex_);
    return notes_;
  }
  bool has(int what) {
    for (int n : read()) {
      if (n == what) return true;
    }
    return false;
  }
  static void note(void* entry) {
    Entry& e = *static_cast<Entry*>(entry);
    std::lock_guard lock(e.journal->mutex_);
    e.journal->notes_.push_back(e.what);
  }
  struct Entry {
    Journal* journal;
    int what;
  };
  Entry* entry(int what) {
    entries_.push_back(std::make_unique<Entry>(Entry{this, what}));
    return entries_.back().get();
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<int> notes_;
};

inline std::string lastMessage() {
  char text[2000];
  softcudaLastMessage(text, sizeof text);
  return text;
}

inline std::string lastReport() {
  std::string text(softcudaLastReport(nullptr, 0) + 1, '\0');
  softcudaLastReport(&text[0], text.size());
  text.pop_back();
  return text;
}

// Kernels written by hand, small enough to be read here.
namespace ptx {

// c[i] = a[i] + scale * b[i] for i < n
inline const char* const add = R"(
.version 7.0
.target sm_80
.address_size 64
.visible .global .align 4 .f32 scale = 0f40000000;
.visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)
{
  .reg .pred %p<2>; .reg .f32 %f<5>; .reg .b32 %r<6>; .reg .b64 %rd<11>;
  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [c]; ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x; mov.u32 %r4, %ntid.x; mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r1, %r2;
  @%p1 bra DONE;
  mul.wide.s32 %rd5, %r1, 4;
  add.s64 %rd6, %rd1, %rd5; add.s64 %rd8, %rd2, %rd5; add.s64 %rd10, %rd3, %rd5;
  ld.global.f32 %f1, [%rd8]; ld.global.f32 %f2, [scale]; ld.global.f32 %f3, [%rd6];
  fma.rn.f32 %f4, %f2, %f1, %f3;
  st.global.f32 [%rd10], %f4;
DONE:
  ret;
}
)";

// *p = *p * factor + term, by one thread: the order of launches shows in the result
inline const char* const step = R"(
.version 7.0
.target sm_80
.address_size 64
.visible .entry step(.param .u64 p, .param .u32 factor, .param .u32 term)
{
  .reg .b32 %r<5>; .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [p]; ld.param.u32 %r1, [factor]; ld.param.u32 %r2, [term];
  ld.global.u32 %r3, [%rd1];
  mad.lo.u32 %r4, %r3, %r1, %r2;
  st.global.u32 [%rd1], %r4;
  ret;
}
)";

// writes 1 to *p
inline const char* const poke = R"(
.version 7.0
.target sm_80
.address_size 64
.visible .entry poke(.param .u64 p)
{
  .reg .b32 %r<2>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [p];
  mov.u32 %r1, 1;
  st.global.u32 [%rd1], %r1;
  ret;
}
.visible .entry nothing()
{
  ret;
}
)";

// 1 KiB of static shared memory; launch bounds of 128
inline const char* const bounded = R"(
.version 7.0
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.visible .entry bounded(.param .u64 p)
.maxntid 128, 1, 1
{
  .shared .align 4 .b8 fixed[1024];
  .reg .b32 %r<4>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [p];
  mov.u32 %r1, 7;
  st.shared.u32 [fixed], %r1;
  ld.shared.u32 %r2, [fixed];
  st.global.u32 [%rd1], %r2;
  ret;
}
.visible .entry exact(.param .u64 p)
.reqntid 64, 1, 1
{
  ret;
}
)";

}  // namespace ptx

struct Module {
  CUmodule handle = nullptr;
  explicit Module(const char* text) { OK(cuModuleLoadData(&handle, text)); }
  CUfunction function(const char* name) const {
    CUfunction f = nullptr;
    OK(cuModuleGetFunction(&f, handle, name));
    return f;
  }
};

struct Buffer {
  CUdeviceptr p = 0;
  explicit Buffer(size_t bytes) { OK(cuMemAlloc_v2(&p, bytes)); }
  ~Buffer() { cuMemFree_v2(p); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  template <typename T>
  std::vector<T> read(size_t n) const {
    std::vector<T> out(n);
    OK(cuMemcpyDtoH_v2(out.data(), p, n * sizeof(T)));
    return out;
  }
  template <typename T>
  void write(const std::vector<T>& in) const {
    OK(cuMemcpyHtoD_v2(p, in.data(), in.size() * sizeof(T)));
  }
};
