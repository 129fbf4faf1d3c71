// Integer arithmetic and intrinsics: out[operation * n + i] for operands a, b, c.
typedef unsigned long long u64;
typedef long long s64;
typedef unsigned char u8;

#define PUT(k, v) out[(k) * n + i] = (v)

extern "C" __global__ void intrinsics32(const unsigned* as, const unsigned* bs, const unsigned* cs, unsigned* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const unsigned a = as[i], b = bs[i], c = cs[i];
  const int sa = a, sb = b, sc = c;
  PUT(0, __brev(a));
  PUT(1, __clz(a));
  PUT(2, __ffs(a));
  PUT(3, __popc(a));
  PUT(4, __mulhi(sa, sb));
  PUT(5, __umulhi(a, b));
  PUT(6, __mul24(sa, sb));
  PUT(7, __umul24(a, b));
  PUT(8, __sad(sa, sb, c));
  PUT(9, __usad(a, b, c));
  PUT(10, __byte_perm(a, b, c));
  PUT(11, __funnelshift_l(a, b, c));
  PUT(12, __funnelshift_lc(a, b, c));
  PUT(13, __funnelshift_r(a, b, c));
  PUT(14, __funnelshift_rc(a, b, c));
  PUT(15, __hadd(sa, sb));
  PUT(16, __rhadd(sa, sb));
  PUT(17, __uhadd(a, b));
  PUT(18, __urhadd(a, b));
  PUT(19, __dp4a(sa, sb, sc));
  PUT(20, __dp4a(a, b, c));
  PUT(21, __dp2a_lo(sa, sb, sc));
  PUT(22, __dp2a_hi(sa, sb, sc));
  PUT(23, __dp2a_lo(a, b, c));
  PUT(24, __dp2a_hi(a, b, c));
  PUT(25, abs(sa));
  PUT(26, min(sa, sb));
  PUT(27, max(a, b));
  PUT(28, b ? a / b : 0);
  PUT(29, b ? a % b : 0);
  PUT(30, b && !(sa == (int)0x80000000 && sb == -1) ? sa / sb : 0);
  PUT(31, b && !(sa == (int)0x80000000 && sb == -1) ? sa % sb : 0);
  PUT(32, a / 7 + b / 10 + c / 641);
  PUT(33, sa / 7 + sb % 10 + sc / -3);
  PUT(34, a << (b & 31) ^ c >> (a & 31));
  PUT(35, sa >> (b & 31));
  PUT(36, (a >> 5 & 0x3ff) | (b & 0x1f) << 10);
  PUT(37, (unsigned)(sa << 9 >> 20));
  PUT(38, (a & b) ^ (~c | a));
  PUT(39, a * b + c);
}
// Operands above 31 for shifts, which PTX defines (C++ does not): by PTX itself.
extern "C" __global__ void shifts(const unsigned* as, const unsigned* bs, const u64* ws, unsigned* out, u64* wideOut) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  unsigned r;
  u64 w;
#define SHIFT(k, op) asm(op " %0, %1, %2;" : "=r"(r) : "r"(as[i]), "r"(bs[i])); PUT(k, r)
#define WIDE(k, op) asm(op " %0, %1, %2;" : "=l"(w) : "l"(ws[i]), "r"(bs[i])); wideOut[(k) * n + i] = w
  SHIFT(0, "shl.b32");
  SHIFT(1, "shr.u32");
  SHIFT(2, "shr.s32");
  WIDE(0, "shl.b64");
  WIDE(1, "shr.u64");
  WIDE(2, "shr.s64");
}
extern "C" __global__ void intrinsics64(const u64* as, const u64* bs, const u64* cs, u64* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const u64 a = as[i], b = bs[i], c = cs[i];
  const s64 sa = a, sb = b;
  PUT(0, __brevll(a));
  PUT(1, __clzll(a));
  PUT(2, __ffsll(a));
  PUT(3, __popcll(a));
  PUT(4, __mul64hi(sa, sb));
  PUT(5, __umul64hi(a, b));
  PUT(6, b ? a / b : 0);
  PUT(7, b ? a % b : 0);
  PUT(8, b && sb != -1 ? sa / sb : 0);
  PUT(9, b && sb != -1 ? sa % sb : 0);
  PUT(10, a / 1000000007 + b % 10);
  PUT(11, a << (b & 63) ^ c >> (a & 63));
  PUT(12, sa >> (b & 63));
  PUT(13, a * b + c);
  PUT(14, min(sa, sb));
  PUT(15, max(a, b));
  PUT(16, llabs(sa));
  PUT(17, (u64)(unsigned)a * (unsigned)b + c);
  PUT(18, (u64)((s64)(int)a * (int)b + (s64)c));
  PUT(19, (a >> 17 & 0x1ffff) | (b & 0x3fffff) << 30);
  PUT(20, (a & ~b) | (b & c));
}
// 128-bit arithmetic; out pairs (low, high)
extern "C" __global__ void wide128(const u64* as, const u64* bs, u64* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const unsigned __int128 a = (unsigned __int128)as[i] << 64 | as[(i + 1) % n], b = (unsigned __int128)bs[i] << 64 | bs[(i + 1) % n];
  auto put = [&](int k, unsigned __int128 v) { out[2 * k * n + 2 * i] = (u64)v, out[2 * k * n + 2 * i + 1] = (u64)(v >> 64); };
  put(0, a + b);
  put(1, a - b);
  put(2, a * b);
  put(3, a << (as[i] & 127));
  put(4, a >> (bs[i] & 127));
  put(5, (unsigned __int128)((__int128)a >> (bs[i] & 127)));
  put(6, b >> 64 ? a / b : 0);
  put(7, a / (as[i] | 1));
  put(8, (unsigned __int128)((__int128)a % ((__int128)(s64)bs[i] | 1)));
  put(9, a < b ? a : b);
}
// SIMD in a word.
extern "C" __global__ void simd(const unsigned* as, const unsigned* bs, unsigned* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const unsigned a = as[i], b = bs[i];
  PUT(0, __vadd4(a, b));
  PUT(1, __vsub4(a, b));
  PUT(2, __vaddus4(a, b));
  PUT(3, __vaddss4(a, b));
  PUT(4, __vsubus4(a, b));
  PUT(5, __vabsdiffu4(a, b));
  PUT(6, __vmaxu4(a, b));
  PUT(7, __vmins4(a, b));
  PUT(8, __vcmpeq4(a, b));
  PUT(9, __vcmpgtu4(a, b));
  PUT(10, __vavgu4(a, b));
  PUT(11, __vsadu4(a, b));
  PUT(12, __vadd2(a, b));
  PUT(13, __vaddss2(a, b));
  PUT(14, __vmaxs2(a, b));
  PUT(15, __vabsdiffs2(a, b));
  PUT(16, __vneg4(a));
  PUT(17, __vseteq4(a, b));
}
extern "C" __global__ void small(const u8* as, const u8* bs, const unsigned short* cs, int* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  const u8 a = as[i], b = bs[i];
  const signed char sa = a, sb = b;
  const unsigned short c = cs[i];
  const short sc = c;
  PUT(0, (u8)(a + b));
  PUT(1, (signed char)(sa * sb));
  PUT(2, b ? a / b : -1);
  PUT(3, sb ? sa % sb : -1);
  PUT(4, (short)(sc * sa));
  PUT(5, (unsigned short)(c << (a & 15)));
  PUT(6, sc >> (b & 15));
  PUT(7, (short)(sc >> 3 ^ sa));
  PUT(8, a < b ? c : -sc);
  PUT(9, (unsigned short)~c + (u8)-a);
  PUT(10, min((int)sc, (int)sa));
  PUT(11, (unsigned)c * c >> 16);
}
