// Conversions from each arithmetic type to each, and the rounding intrinsics.
typedef unsigned long long u64;
typedef long long s64;

template <typename From, typename To>
__device__ void convert(const From* in, To* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = static_cast<To>(in[i]);
}
#define PAIR(F, f, T, t) extern "C" __global__ void f##To##t(const F* in, T* out) { convert(in, out); }
#define FROM(F, f) \
  PAIR(F, f, signed char, S8) PAIR(F, f, unsigned char, U8) PAIR(F, f, short, S16) PAIR(F, f, unsigned short, U16) PAIR(F, f, int, S32) \
  PAIR(F, f, unsigned, U32) PAIR(F, f, s64, S64) PAIR(F, f, u64, U64) PAIR(F, f, float, F32) PAIR(F, f, double, F64)
FROM(signed char, S8) FROM(unsigned char, U8) FROM(short, S16) FROM(unsigned short, U16) FROM(int, S32) FROM(unsigned, U32) FROM(s64, S64) FROM(u64, U64)
FROM(float, F32) FROM(double, F64)

#define ROUNDED(F, T, name)                                                              \
  extern "C" __global__ void name(const F* in, T* out) {                                \
    const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x; \
    out[i] = __##name##_rn(in[i]);                                                      \
    out[n + i] = __##name##_rz(in[i]);                                                  \
    out[2 * n + i] = __##name##_ru(in[i]);                                              \
    out[3 * n + i] = __##name##_rd(in[i]);                                              \
  }
ROUNDED(float, int, float2int)
ROUNDED(float, unsigned, float2uint)
ROUNDED(float, s64, float2ll)
ROUNDED(float, u64, float2ull)
ROUNDED(double, int, double2int)
ROUNDED(double, unsigned, double2uint)
ROUNDED(double, s64, double2ll)
ROUNDED(double, u64, double2ull)
ROUNDED(double, float, double2float)
ROUNDED(int, float, int2float)
ROUNDED(unsigned, float, uint2float)
ROUNDED(s64, float, ll2float)
ROUNDED(u64, float, ull2float)
ROUNDED(s64, double, ll2double)
ROUNDED(u64, double, ull2double)

extern "C" __global__ void reinterpretations(const double* in, int* high, int* low, double* back, float* asFloat, int* asInt) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  high[i] = __double2hiint(in[i]), low[i] = __double2loint(in[i]);
  back[i] = __hiloint2double(high[i], ~low[i]);
  asFloat[i] = __int_as_float(high[i]);
  asInt[i] = __float_as_int((float)in[i]);
}
