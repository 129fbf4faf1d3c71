// Device printf and assert.
#include <cassert>
#include <cstdio>

extern "C" __global__ void printAll() {
  if (threadIdx.x) return;
  printf("plain\n");
  printf("%d %i %u %x %X %o %c %%\n", -42, 17, 3000000000u, 0xbeef, 0xbeef, 8, 'z');
  printf("%lld %llu %llx %ld\n", -1234567890123456789ll, 12345678901234567890ull, 0xfeedfacecafebeefull, -5l);
  printf("%f %e %g %.3f %10.2f|%-10.2f|%+.1f %a\n", 1.5, -2.25e10, 1e-5, 3.14159, 2.5, 2.5, 7.0, 0.5);
  printf("%s and %s|%10s|%-6s|\n", "one", "two", "right", "left");
  printf("%5d|%-5d|%05d|%+d|% d|%#x|%*d\n", 42, 42, 42, 42, 42, 255, 6, 42);
  printf("%f %f %hd %hhd\n", 1.0f, static_cast<double>(-0.0f), static_cast<short>(-3), static_cast<signed char>(-4));
  const char* chosen = blockIdx.x ? "others" : "block zero";
  printf("[%s] %p\n", chosen, static_cast<void*>(nullptr));
}

extern "C" __global__ void printEach() { printf("block %d thread %d\n", blockIdx.x, threadIdx.x); }

extern "C" __global__ void printResult(int* out) { out[0] = printf("three %d %s %f\n", 1, "two", 3.0); out[1] = printf("none\n"); }

extern "C" __global__ void assertBelow(const int* in, int limit) {
  const int v = in[blockIdx.x * blockDim.x + threadIdx.x];
  assert(v < limit);
}

extern "C" __global__ void trapAt(int lane) {
  if (threadIdx.x == lane) __trap();
}
