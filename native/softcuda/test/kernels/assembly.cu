// Inline PTX of kinds that the compiler itself seldom writes.
typedef unsigned long long u64;

// ---- carries: products of 256-bit numbers, a number pair a thread ----
extern "C" __global__ void bigProducts(const unsigned* as, const unsigned* bs, unsigned* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned a[8], r[16] = {};
  for (int k = 0; k < 8; k++) a[k] = as[i * 8 + k];
#pragma unroll
  for (int j = 0; j < 8; j++) {
    const unsigned b = bs[i * 8 + j];
    asm("mad.lo.cc.u32 %0, %9, %17, %0;\n\tmadc.lo.cc.u32 %1, %10, %17, %1;\n\tmadc.lo.cc.u32 %2, %11, %17, %2;\n\tmadc.lo.cc.u32 %3, %12, %17, %3;\n\t"
        "madc.lo.cc.u32 %4, %13, %17, %4;\n\tmadc.lo.cc.u32 %5, %14, %17, %5;\n\tmadc.lo.cc.u32 %6, %15, %17, %6;\n\tmadc.lo.cc.u32 %7, %16, %17, %7;\n\taddc.u32 %8, %8, 0;"
        : "+r"(r[j]), "+r"(r[j + 1]), "+r"(r[j + 2]), "+r"(r[j + 3]), "+r"(r[j + 4]), "+r"(r[j + 5]), "+r"(r[j + 6]), "+r"(r[j + 7]), "+r"(r[j + 8])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b));
    asm("mad.hi.cc.u32 %0, %8, %16, %0;\n\tmadc.hi.cc.u32 %1, %9, %16, %1;\n\tmadc.hi.cc.u32 %2, %10, %16, %2;\n\tmadc.hi.cc.u32 %3, %11, %16, %3;\n\t"
        "madc.hi.cc.u32 %4, %12, %16, %4;\n\tmadc.hi.cc.u32 %5, %13, %16, %5;\n\tmadc.hi.cc.u32 %6, %14, %16, %6;\n\tmadc.hi.u32 %7, %15, %16, %7;"
        : "+r"(r[j + 1]), "+r"(r[j + 2]), "+r"(r[j + 3]), "+r"(r[j + 4]), "+r"(r[j + 5]), "+r"(r[j + 6]), "+r"(r[j + 7]), "+r"(r[j + 8])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b));
  }
  for (int k = 0; k < 16; k++) out[i * 16 + k] = r[k];
}

// ---- a table of branches, guards, predicates from predicates, scopes with names that hide others ----
extern "C" __global__ void branchTable(const int* in, int* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  int r;
  asm volatile(
      "{\n\t.reg .pred p, q;\n\t.reg .b32 x;\n\t"
      "mov.b32 x, %1;\n\t"
      "setp.lt.u32 p, x, 5;\n\t"
      "@!p bra OTHER;\n\t"
      "table: .branchtargets ZERO, ONE, TWO, TWO, FOUR;\n\t"
      "brx.idx x, table;\n\t"
      "ZERO: mov.b32 %0, 100;\n\tbra.uni DONE;\n\t"
      "ONE: { .reg .b32 x; mov.b32 x, 7; add.s32 %0, x, 1; }\n\tbra DONE;\n\t"
      "TWO: setp.eq.and.s32 p|q, x, 2, p;\n\tselp.b32 %0, 20, 30, p;\n\t@q add.s32 %0, %0, 3;\n\tbra DONE;\n\t"
      "FOUR: lop3.b32 %0, x, 3, 9, 0x96;\n\tbra DONE;\n\t"
      "OTHER: mad.lo.s32 %0, x, -2, 1;\n\t"
      "DONE:\n\t}"
      : "=r"(r)
      : "r"(in[i]));
  out[i] = r;
}

// ---- vectors, wide products, byte moves ----
extern "C" __global__ void vectors(const uint4* in, u64* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned x, y, z, w;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(x), "=r"(y), "=r"(z), "=r"(w) : "l"(in + i));
  u64 product, field;
  unsigned turned, funnel;
  asm("mad.wide.u32 %0, %1, %2, %3;" : "=l"(product) : "r"(x), "r"(y), "l"(u64(z) << 20));
  asm("prmt.b32 %0, %1, %2, 0x5140;" : "=r"(turned) : "r"(z), "r"(w));
  asm("shf.r.wrap.b32 %0, %1, %2, %3;" : "=r"(funnel) : "r"(x), "r"(w), "r"(y));
  asm("{ .reg .b64 t; bfe.u64 t, %1, 13, 29; bfi.b64 %0, t, %2, 30, 31; }" : "=l"(field) : "l"(product), "l"(u64(w) << 32 | x));
  asm volatile("st.global.cs.v2.u64 [%0], {%1, %2};" ::"l"(out + 4 * i), "l"(product), "l"(field) : "memory");
  asm volatile("st.global.wt.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(out + 4 * i + 2), "r"(turned), "r"(funnel), "r"(x ^ w), "r"(0x12345678) : "memory");
}

// ---- named barriers: a warp that makes, a warp that takes, and one that has nothing to do with either ----
extern "C" __global__ void namedBarriers(const int* in, int* out, int rounds) {
  __shared__ int slots[2][32];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (warp == 0) {
    for (int r = 0; r < rounds; r++) {
      if (r >= 2) asm volatile("bar.sync %0, 64;" ::"r"(4 + (r & 1)) : "memory");   // until the slot has been read
      slots[r & 1][lane] = in[r * 32 + lane] * 3;
      asm volatile("bar.arrive %0, 64;" ::"r"(2 + (r & 1)) : "memory");
    }
  } else if (warp == 1) {
    int sum = 0;
    for (int r = 0; r < rounds; r++) {
      asm volatile("bar.sync %0, 64;" ::"r"(2 + (r & 1)) : "memory");
      sum += slots[r & 1][31 - lane];
      if (r + 2 < rounds) asm volatile("barrier.cta.arrive %0, 64;" ::"r"(4 + (r & 1)) : "memory");
    }
    out[lane] = sum;
  } else {
    int any;
    asm volatile("{ .reg .pred p, q; setp.gt.s32 p, %1, 5; bar.red.or.pred q, 9, 32, p; selp.b32 %0, 1, 0, q; }" : "=r"(any) : "r"(in[lane]) : "memory");
    out[32 + lane] = any;
  }
}

// ---- back-off with sleep, and counters of 64 bits ----
extern "C" __global__ void backOff(u64* lock, u64* total, unsigned* asleep) {
  unsigned pause = 8;
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0ull, 0xfeedfacecafebeefull) == 0) {
      __threadfence();
      *reinterpret_cast<volatile u64*>(total) += 1ull << 33 | threadIdx.x;
      __threadfence();
      atomicExch(lock, 0ull);
      done = true;
    } else {
      __nanosleep(pause);
      atomicAdd(asleep, 1);
      if (pause < 256) pause *= 2;
    }
  }
}
