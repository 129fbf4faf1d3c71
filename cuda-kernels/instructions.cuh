// The instructions of sm_80 that CUDA C++ has no words for. Layouts: g = lane / 4, t = lane % 4; the manual's groupID and
// threadID_in_group. They are defined in NVIDIA's "Parallel Thread Execution ISA", chapter "Warp Level Matrix
// Multiply-Accumulate Instructions"; its sections are named here by their titles, since their numbers differ from edition to edition.
#pragma once

#include <cstdint>

#include "types.cuh"

namespace resfuse {

__device__ __forceinline__ uint32_t sharedAddress(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

// Keeps the compiler from computing a value anew where it is used: it stays in a register.
template <class Number>
__device__ __forceinline__ Number kept(Number x) {
  if constexpr (sizeof(Number) == 8)
    asm volatile("" : "+l"(x));
  else
    asm volatile("" : "+r"(x));
  return x;
}

// blockIdx, read anew each time: what follows from it is computed where it is needed, and takes no registers before.
__device__ __forceinline__ int blockX() {
  int x;
  asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(x));
  return x;
}
__device__ __forceinline__ int blockY() {
  int y;
  asm volatile("mov.u32 %0, %%ctaid.y;" : "=r"(y));
  return y;
}

template <int VALUE>
struct Constant {
  __host__ __device__ constexpr operator int() const { return VALUE; }
};
// Calls f with 0 to COUNT - 1 as compile-time constants: offsets become part of the instructions.
template <int COUNT, int FROM = 0, class Function>
__device__ __forceinline__ void repeat(Function&& f) {
  if constexpr (FROM < COUNT) {
    f(Constant<FROM>());
    repeat<COUNT, FROM + 1>(f);
  }
}

// Starts copying 16 bytes from global to shared memory (at 'to' + OFFSET), bypassing L1; with bytes 0: zeros.
template <int OFFSET>
__device__ __forceinline__ void copyAsync(uint32_t to, const char* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0 + %3], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes), "n"(OFFSET) : "memory");
}
__device__ __forceinline__ void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for all groups of this thread's copies but the last 'pending' ones.
template <int pending>
__device__ __forceinline__ void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Four 8x8 matrices of 16-bit elements; lane i gives the address of row i % 8 of matrix i / 8. Register j gets row g,
// elements 2t and 2t + 1 of matrix j; transposed: rows 2t and 2t + 1, column g. Layout: section "Warp-level matrix load instruction:
// ldmatrix".
template <int OFFSET>
__device__ __forceinline__ void loadMatrices(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4 + %5];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address), "n"(OFFSET)
               : "memory");
}
template <int OFFSET>
__device__ __forceinline__ void loadMatricesTransposed(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4 + %5];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address), "n"(OFFSET)
               : "memory");
}
template <int OFFSET>
__device__ __forceinline__ uint32_t loadShared(uint32_t address) {
  uint32_t r;
  asm volatile("ld.shared.u32 %0, [%1 + %2];" : "=r"(r) : "r"(address), "n"(OFFSET) : "memory");
  return r;
}
template <int OFFSET>
__device__ __forceinline__ float4 loadSharedVector(uint32_t address) {
  float4 r;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4 + %5];"
               : "=f"(r.x), "=f"(r.y), "=f"(r.z), "=f"(r.w)
               : "r"(address), "n"(OFFSET)
               : "memory");
  return r;
}
// These stores stay whole: stores of float4s and float2s in C++ may become those of their elements, which meet in the banks.
template <int OFFSET>
__device__ __forceinline__ void storeSharedVector(uint32_t address, float4 x) {
  asm volatile("st.shared.v4.f32 [%0 + %5], {%1, %2, %3, %4};" ::"r"(address), "f"(x.x), "f"(x.y), "f"(x.z), "f"(x.w), "n"(OFFSET) : "memory");
}
template <int OFFSET>
__device__ __forceinline__ void storeSharedPair(uint32_t address, float x, float y) {
  asm volatile("st.shared.v2.f32 [%0 + %3], {%1, %2};" ::"r"(address), "f"(x), "f"(y), "n"(OFFSET) : "memory");
}
template <int OFFSET>
__device__ __forceinline__ void storeShared(uint32_t address, float x) {
  asm volatile("st.shared.f32 [%0 + %2], %1;" ::"r"(address), "f"(x), "n"(OFFSET) : "memory");
}
template <int OFFSET>
__device__ __forceinline__ void storeSharedPair(uint32_t address, uint32_t x, uint32_t y) {
  asm volatile("st.shared.v2.u32 [%0 + %3], {%1, %2};" ::"r"(address), "r"(x), "r"(y), "n"(OFFSET) : "memory");
}
template <int OFFSET>
__device__ __forceinline__ void storeSharedPair(uint32_t address, int x, int y) {
  storeSharedPair<OFFSET>(address, (uint32_t)x, (uint32_t)y);
}
template <int OFFSET>
__device__ __forceinline__ uint4 loadSharedChunk(uint32_t address) {
  uint4 r;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4 + %5];"
               : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w)
               : "r"(address), "n"(OFFSET)
               : "memory");
  return r;
}
template <int OFFSET>
__device__ __forceinline__ void storeSharedChunk(uint32_t address, uint4 x) {
  asm volatile("st.shared.v4.u32 [%0 + %5], {%1, %2, %3, %4};" ::"r"(address), "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w), "n"(OFFSET) : "memory");
}
template <int OFFSET>
__device__ __forceinline__ uint2 loadSharedPair(uint32_t address) {
  uint2 r;
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2 + %3];" : "=r"(r.x), "=r"(r.y) : "r"(address), "n"(OFFSET) : "memory");
  return r;
}

// d += a b, 16 x 8 outputs over 32 bytes of k. Registers of a: rows g, g + 8, then the second 16 bytes; of b: column g, the
// first and the second 16 bytes; d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1). Layouts: sections "Matrix Fragments for
// mma.m16n8k16 with floating point type" (f16, bf16) and "Matrix Fragments for mma.m16n8k8" (tf32).
template <class Type>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
// The same with sums of integers (bytes.cuh).
template <class Type>
__device__ __forceinline__ void multiply(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);

#define RESFUSE_MULTIPLY(TYPE, SHAPE, NAME)                                                                                      \
  template <>                                                                                                                    \
  __device__ __forceinline__ void multiply<TYPE>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {               \
    asm volatile("mma.sync.aligned." SHAPE ".row.col.f32." NAME "." NAME ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "    \
                 "{%0, %1, %2, %3};"                                                                                             \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                                \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                                \
  }
RESFUSE_MULTIPLY(F16, "m16n8k16", "f16")
RESFUSE_MULTIPLY(BF16, "m16n8k16", "bf16")
RESFUSE_MULTIPLY(TF32, "m16n8k8", "tf32")
#undef RESFUSE_MULTIPLY

}  // namespace resfuse
