// State spaces: constants, initialised globals, pointers in initialisers, parameters, dynamic shared memory, vectors, bit fields.
#include <cstdint>

__constant__ int table[64];
__constant__ float weights[3] = {0.5f, -1.25f, 1e-30f};
struct Settings {
  double scale;
  int offset[3];
  char name[8];
};
__constant__ Settings settings = {2.5, {1, -2, 3}, "hello"};
__device__ int initialised[5] = {10, 20, 30};
__device__ double zeroes[4];
__device__ int counter = 7;
__device__ int* pointerToGlobal = &initialised[2];
__device__ const float* pointerToConstant = &weights[1];
__device__ const char* messages[2] = {"first", "second"};
__device__ unsigned char bytes[] = {1, 2, 3, 250, 255};
__device__ __align__(16) unsigned long long big[2] = {0xfeedfacecafebeefull, 1};
__device__ short shorts[3] = {-1, 2, -32768};
static __device__ unsigned long long unaligned[3] = {1, 2, 3};

extern "C" __global__ void readConstants(double* out) {
  const int t = threadIdx.x;
  out[t] = table[t] + table[(t * 7) % 64] * 1000 + weights[t % 3] + settings.scale * settings.offset[t % 3] + settings.name[t % 6];
}
extern "C" __global__ void readGlobals(long long* out) {
  out[0] = initialised[0] + initialised[1] * 100 + initialised[2] * 10000 + initialised[3] + initialised[4];
  out[1] = (long long)(zeroes[0] + zeroes[3]);
  out[2] = counter++;
  out[3] = *pointerToGlobal;
  out[4] = (long long)(*pointerToConstant * 100);
  int sum = 0;
  for (int m = 0; m < 2; m++)
    for (const char* p = messages[m]; *p; p++) sum += *p;
  out[5] = sum;
  out[6] = bytes[0] + bytes[3] + bytes[4];
  out[7] = (long long)big[0];
  out[8] = shorts[0] + shorts[1] + shorts[2];
  out[9] = unaligned[threadIdx.x] + unaligned[2];
}

struct Large {
  int values[200];
  double weights[100];
  short tail[3];
};
extern "C" __global__ void largeParameter(const __grid_constant__ Large p, long long* out) {
  const int t = threadIdx.x;
  out[t] = p.values[t % 200] * 3 + (long long)p.weights[(t * 3) % 100] + p.tail[t % 3];
}
extern "C" __global__ void manyParameters(char a, short b, int c, long long d, float e, double f, unsigned char g, int3 h, char4 i, void* j,
                                          bool k, double* out) {
  out[0] = a, out[1] = b, out[2] = c, out[3] = (double)d, out[4] = e, out[5] = f, out[6] = g, out[7] = h.x, out[8] = h.y, out[9] = h.z;
  out[10] = i.x, out[11] = i.y, out[12] = i.z, out[13] = i.w, out[14] = j == out, out[15] = k;
}
// A parameter whose address is taken and indexed at run time.
extern "C" __global__ void indexedParameter(Large p, int* out, int stride) {
  const int* v = p.values;
  p.values[threadIdx.x] = 5;  // a copy of its own
  out[threadIdx.x] = v[threadIdx.x * stride % 200] + p.values[threadIdx.x];
}

// Dynamic shared memory beyond 48 KB beside static arrays of several types; generic addresses to all of them.
extern "C" __global__ void bigShared(int* out, int words) {
  extern __shared__ int dynamic[];
  __shared__ short fixed[33];
  __shared__ double wide[3];
  for (int i = threadIdx.x; i < words; i += blockDim.x) dynamic[i] = i * 3;
  if (threadIdx.x < 33) fixed[threadIdx.x] = -threadIdx.x;
  if (threadIdx.x < 3) wide[threadIdx.x] = threadIdx.x + 0.5;
  __syncthreads();
  long long sum = 0;
  for (int i = threadIdx.x; i < words; i += blockDim.x) sum += dynamic[words - 1 - i];
  out[threadIdx.x] = (int)(sum % 1000003) + fixed[threadIdx.x % 33] + (int)wide[threadIdx.x % 3];
}

__device__ __noinline__ int readGeneric(const int* p) { return *p; }
__constant__ int constantCell = 44;
extern "C" __global__ void genericAddresses(int* global, int* out) {
  __shared__ int shared;
  int local = threadIdx.x + 30;
  if (threadIdx.x == 0) shared = 22;
  __syncthreads();
  const int* p = threadIdx.x % 4 == 0 ? global : threadIdx.x % 4 == 1 ? &shared : threadIdx.x % 4 == 2 ? &local : &constantCell;
  out[2 * threadIdx.x] = readGeneric(p);
  out[2 * threadIdx.x + 1] = __isGlobal(p) | __isShared(p) << 1 | __isLocal(p) << 2 | __isConstant(p) << 3;
}

// Copies by every vector type; out is a copy of in, n bytes (a multiple of 16 x threads).
template <typename T>
__device__ void copyAs(const char* in, char* out, int bytes) {
  const T* from = reinterpret_cast<const T*>(in);
  T* to = reinterpret_cast<T*>(out);
  for (int i = threadIdx.x; i < bytes / (int)sizeof(T); i += blockDim.x) to[i] = from[i];
}
extern "C" __global__ void vectorCopies(const char* in, char* out, int bytes) {
  switch (blockIdx.x) {
    case 0: copyAs<char>(in, out, bytes); break;
    case 1: copyAs<char2>(in, out + bytes, bytes); break;
    case 2: copyAs<char4>(in, out + 2 * bytes, bytes); break;
    case 3: copyAs<short>(in, out + 3 * bytes, bytes); break;
    case 4: copyAs<short2>(in, out + 4 * bytes, bytes); break;
    case 5: copyAs<short4>(in, out + 5 * bytes, bytes); break;
    case 6: copyAs<int2>(in, out + 6 * bytes, bytes); break;
    case 7: copyAs<int4>(in, out + 7 * bytes, bytes); break;
    case 8: copyAs<float2>(in, out + 8 * bytes, bytes); break;
    case 9: copyAs<float4>(in, out + 9 * bytes, bytes); break;
    case 10: copyAs<double>(in, out + 10 * bytes, bytes); break;
    case 11: copyAs<double2>(in, out + 11 * bytes, bytes); break;
    case 12: copyAs<longlong2>(in, out + 12 * bytes, bytes); break;
    case 13: copyAs<unsigned long long>(in, out + 13 * bytes, bytes); break;
    case 14: copyAs<uchar4>(in, out + 14 * bytes, bytes); break;
    case 15: copyAs<ushort2>(in, out + 15 * bytes, bytes); break;
  }
}
extern "C" __global__ void cacheHints(const int* in, int* out) {
  const int t = threadIdx.x;
  out[t] = __ldg(in + t) + __ldca(in + t) + __ldcg(in + t) + __ldcs(in + t) + __ldlu(in + t) + __ldcv(in + t);
  const int4 v = __ldg(reinterpret_cast<const int4*>(in) + t / 4);
  __stwb(out + 64 + t, v.x);
  __stcg(out + 128 + t, v.y);
  __stcs(out + 192 + t, v.z);
  __stwt(out + 256 + t, v.w);
}
// __restrict__ and const: read by ld.global.nc
extern "C" __global__ void readOnly(const double2* __restrict__ in, double2* __restrict__ out) {
  const double2 v = in[threadIdx.x];
  out[threadIdx.x] = make_double2(v.y, v.x);
}

struct Packed {
  unsigned a : 3;
  int b : 7;
  unsigned c : 22;
  long long d : 41;
  unsigned long long e : 23;
};
extern "C" __global__ void bitFields(Packed* p, long long* out) {
  Packed v = p[threadIdx.x];
  out[5 * threadIdx.x] = v.a, out[5 * threadIdx.x + 1] = v.b, out[5 * threadIdx.x + 2] = v.c;
  out[5 * threadIdx.x + 3] = v.d, out[5 * threadIdx.x + 4] = v.e;
  v.a++, v.b -= 3, v.c ^= 0x155555, v.d = -v.d, v.e += 12345;
  p[threadIdx.x] = v;
}
#pragma pack(push, 1)
struct Unaligned {
  char a;
  int b;
  double c;
  short d;
};
#pragma pack(pop)
extern "C" __global__ void unalignedStructs(const Unaligned* in, double* out) {
  const Unaligned v = in[threadIdx.x];
  out[threadIdx.x] = v.a + v.b * 2.0 + v.c + v.d;
}
extern "C" __global__ void volatileAccess(volatile int* v, int* out) {
  const int a = v[threadIdx.x], b = v[threadIdx.x];
  v[threadIdx.x] = a + 1;
  v[threadIdx.x] = b + 2;
  out[threadIdx.x] = v[threadIdx.x];
}
extern "C" __global__ void booleans(const bool* in, bool* out) {
  out[threadIdx.x] = in[threadIdx.x] ^ in[(threadIdx.x + 1) % blockDim.x];
}
extern "C" __global__ void gridShape(unsigned* out) {
  const unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  unsigned* o = out + 12 * (b * blockDim.x * blockDim.y * blockDim.z + t);
  o[0] = blockIdx.x, o[1] = blockIdx.y, o[2] = blockIdx.z, o[3] = threadIdx.x, o[4] = threadIdx.y, o[5] = threadIdx.z;
  o[6] = gridDim.x, o[7] = gridDim.y, o[8] = gridDim.z, o[9] = blockDim.x, o[10] = blockDim.y, o[11] = blockDim.z;
}
extern "C" __global__ void clocks(long long* out) {
  const long long c0 = clock64();
  unsigned long long g0, g1;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(g0));
  const int c32 = clock();
  __nanosleep(1000);
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(g1));
  const long long c1 = clock64();
  out[0] = c1 > c0, out[1] = g1 >= g0, out[2] = c32 != 0x12345678;
  unsigned sm, sms;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  asm volatile("mov.u32 %0, %%nsmid;" : "=r"(sms));
  out[3] = sm < sms;
  unsigned total, dynamic;
  asm volatile("mov.u32 %0, %%total_smem_size;" : "=r"(total));
  asm volatile("mov.u32 %0, %%dynamic_smem_size;" : "=r"(dynamic));
  out[4] = dynamic, out[5] = total >= dynamic;
}
