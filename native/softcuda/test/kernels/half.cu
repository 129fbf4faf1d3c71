// Intrinsics of half and bfloat16: each kernel applies its operations to 16-bit pairs; out[operation * n + i].
#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T> struct Bits;
template <> struct Bits<__half> {
  __device__ static unsigned short of(__half v) { return __half_as_ushort(v); }
  __device__ static __half from(unsigned short v) { return __ushort_as_half(v); }
  using Pair = __half2;
};
template <> struct Bits<__nv_bfloat16> {
  __device__ static unsigned short of(__nv_bfloat16 v) { return __bfloat16_as_ushort(v); }
  __device__ static __nv_bfloat16 from(unsigned short v) { return __ushort_as_bfloat16(v); }
  using Pair = __nv_bfloat162;
};

template <typename T>
__device__ void arithmetic(const unsigned short* xs, const unsigned short* ys, const unsigned short* zs, unsigned short* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const T x = Bits<T>::from(xs[i]), y = Bits<T>::from(ys[i]), z = Bits<T>::from(zs[i]);
  auto put = [&](int operation, T v) { out[operation * n + i] = Bits<T>::of(v); };
  put(0, __hadd(x, y));
  put(1, __hsub(x, y));
  put(2, __hmul(x, y));
  put(3, __hfma(x, y, z));
  put(4, __hneg(x));
  put(5, __habs(x));
  put(6, __hmin(x, y));
  put(7, __hmax(x, y));
  put(8, __hmin_nan(x, y));
  put(9, __hmax_nan(x, y));
  put(10, __hadd_sat(x, y));
  put(11, __hmul_sat(x, y));
  put(12, __hfma_sat(x, y, z));
  put(13, __hfma_relu(x, y, z));
  put(14, __hdiv(x, y));
  put(15, __hadd_rn(x, __hmul_rn(y, z)));  // not to be fused
}
extern "C" __global__ void halfArithmetic(const unsigned short* x, const unsigned short* y, const unsigned short* z, unsigned short* out) { arithmetic<__half>(x, y, z, out); }
extern "C" __global__ void bf16Arithmetic(const unsigned short* x, const unsigned short* y, const unsigned short* z, unsigned short* out) { arithmetic<__nv_bfloat16>(x, y, z, out); }

// The packed forms on (x, y) and (y, z); both halves of each result.
template <typename T>
__device__ void packedArithmetic(const unsigned short* xs, const unsigned short* ys, const unsigned short* zs, unsigned short* out) {
  using Pair = typename Bits<T>::Pair;
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  Pair a, b, c;
  a.x = Bits<T>::from(xs[i]), a.y = Bits<T>::from(ys[i]);
  b.x = a.y, b.y = Bits<T>::from(zs[i]);
  c.x = b.y, c.y = a.x;
  auto put = [&](int operation, Pair v) { out[2 * operation * n + 2 * i] = Bits<T>::of(v.x), out[2 * operation * n + 2 * i + 1] = Bits<T>::of(v.y); };
  put(0, __hadd2(a, b));
  put(1, __hsub2(a, b));
  put(2, __hmul2(a, b));
  put(3, __hfma2(a, b, c));
  put(4, __hneg2(a));
  put(5, __hmin2(a, b));
  put(6, __hmax2(a, b));
  put(7, __hfma2_relu(a, b, c));
  put(8, __hlt2(a, b));
  put(9, __heq2(a, b));
}
extern "C" __global__ void halfPacked(const unsigned short* x, const unsigned short* y, const unsigned short* z, unsigned short* out) { packedArithmetic<__half>(x, y, z, out); }
extern "C" __global__ void bf16Packed(const unsigned short* x, const unsigned short* y, const unsigned short* z, unsigned short* out) { packedArithmetic<__nv_bfloat16>(x, y, z, out); }

// Comparisons as bits: eq ne lt le gt ge, then the unordered forms, then isnan, isinf.
template <typename T>
__device__ void comparisons(const unsigned short* xs, const unsigned short* ys, unsigned* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const T x = Bits<T>::from(xs[i]), y = Bits<T>::from(ys[i]);
  out[i] = __heq(x, y) | __hne(x, y) << 1 | __hlt(x, y) << 2 | __hle(x, y) << 3 | __hgt(x, y) << 4 | __hge(x, y) << 5 | __hequ(x, y) << 6 |
           __hneu(x, y) << 7 | __hltu(x, y) << 8 | __hleu(x, y) << 9 | __hgtu(x, y) << 10 | __hgeu(x, y) << 11 | __hisnan(x) << 12 | (__hisinf(x) != 0) << 13;
}
extern "C" __global__ void halfComparisons(const unsigned short* x, const unsigned short* y, unsigned* out) { comparisons<__half>(x, y, out); }
extern "C" __global__ void bf16Comparisons(const unsigned short* x, const unsigned short* y, unsigned* out) { comparisons<__nv_bfloat16>(x, y, out); }

extern "C" __global__ void halfFromFloat(const float* in, unsigned short* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const float v = in[i];
  out[i] = Bits<__half>::of(__float2half_rn(v));
  out[n + i] = Bits<__half>::of(__float2half_rz(v));
  out[2 * n + i] = Bits<__half>::of(__float2half_ru(v));
  out[3 * n + i] = Bits<__half>::of(__float2half_rd(v));
  out[4 * n + i] = Bits<__nv_bfloat16>::of(__float2bfloat16_rn(v));
  out[5 * n + i] = Bits<__nv_bfloat16>::of(__float2bfloat16_rz(v));
  out[6 * n + i] = Bits<__nv_bfloat16>::of(__float2bfloat16_ru(v));
  out[7 * n + i] = Bits<__nv_bfloat16>::of(__float2bfloat16_rd(v));
  const __half2 h = __floats2half2_rn(v, -v);
  out[8 * n + i] = Bits<__half>::of(__low2half(h));
  out[9 * n + i] = Bits<__half>::of(__high2half(h));
  const __nv_bfloat162 b = __floats2bfloat162_rn(v, -v);
  out[10 * n + i] = Bits<__nv_bfloat16>::of(b.x);
  out[11 * n + i] = Bits<__nv_bfloat16>::of(b.y);
}
extern "C" __global__ void halfFromDouble(const double* in, unsigned short* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  out[i] = Bits<__half>::of(__double2half(in[i]));
  out[n + i] = Bits<__nv_bfloat16>::of(__double2bfloat16(in[i]));
}
extern "C" __global__ void halfToAll(const unsigned short* in, float* f, int* ints, unsigned* unsigneds, short* shorts, long long* longs) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const __half h = __ushort_as_half(in[i]);
  const __nv_bfloat16 b = __ushort_as_bfloat16(in[i]);
  f[i] = __half2float(h), f[n + i] = __bfloat162float(b);
  ints[i] = __half2int_rn(h), ints[n + i] = __half2int_rz(h), ints[2 * n + i] = __half2int_ru(h), ints[3 * n + i] = __half2int_rd(h);
  ints[4 * n + i] = __bfloat162int_rn(b), ints[5 * n + i] = __bfloat162int_rz(b);
  unsigneds[i] = __half2uint_rn(h), unsigneds[n + i] = __bfloat162uint_rz(b);
  shorts[i] = __half2short_rz(h), shorts[n + i] = __bfloat162short_rz(b);
  longs[i] = __half2ll_rn(h), longs[n + i] = __bfloat162ll_rd(b);
}
extern "C" __global__ void halfFromIntegers(const int* in, unsigned short* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const int v = in[i];
  out[i] = Bits<__half>::of(__int2half_rn(v));
  out[n + i] = Bits<__half>::of(__int2half_rz(v));
  out[2 * n + i] = Bits<__half>::of(__uint2half_rn(v));
  out[3 * n + i] = Bits<__half>::of(__short2half_rn(v));
  out[4 * n + i] = Bits<__nv_bfloat16>::of(__int2bfloat16_rn(v));
  out[5 * n + i] = Bits<__nv_bfloat16>::of(__uint2bfloat16_ru(v));
  out[6 * n + i] = Bits<__half>::of(__ll2half_rn((long long)v * 3));
  out[7 * n + i] = Bits<__nv_bfloat16>::of(__ull2bfloat16_rn((unsigned long long)v << 20));
}
// Functions with hardware approximations of their own.
extern "C" __global__ void halfFunctions(const unsigned short* in, unsigned short* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const __half h = __ushort_as_half(in[i]);
  const __nv_bfloat16 b = __ushort_as_bfloat16(in[i]);
  auto put = [&](int k, __half v, __nv_bfloat16 w) { out[2 * k * n + i] = Bits<__half>::of(v), out[(2 * k + 1) * n + i] = Bits<__nv_bfloat16>::of(w); };
  put(0, hsqrt(h), hsqrt(b));
  put(1, hrsqrt(h), hrsqrt(b));
  put(2, hrcp(h), hrcp(b));
  put(3, hexp(h), hexp(b));
  put(4, hexp2(h), hexp2(b));
  put(5, hlog(h), hlog(b));
  put(6, hlog2(h), hlog2(b));
  put(7, hsin(h), hsin(b));
  put(8, hcos(h), hcos(b));
  put(9, hfloor(h), hfloor(b));
  put(10, hceil(h), hceil(b));
  put(11, hrint(h), hrint(b));
  put(12, htrunc(h), htrunc(b));
  put(13, htanh_approx(h), htanh_approx(b));
}
extern "C" __global__ void halfMoves(const unsigned* in, unsigned* out) {
  const int i = threadIdx.x;
  __half2 h = *reinterpret_cast<const __half2*>(in + i);
  h = __lowhigh2highlow(h);
  const __half2 k = __highs2half2(h, __low2half2(h));
  out[i] = *reinterpret_cast<const unsigned*>(&h);
  out[32 + i] = *reinterpret_cast<const unsigned*>(&k);
  const __half2 s = __shfl_xor_sync(~0u, h, 3);
  out[64 + i] = *reinterpret_cast<const unsigned*>(&s);
}
