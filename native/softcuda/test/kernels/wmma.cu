// The nvcuda::wmma fragments of every type and shape that compute_80 has. One warp, one tile; leading dimensions larger than the tile.
#include <mma.h>

using namespace nvcuda;

// D = A * B + C; A is row-major for `ALayout` row, else column-major, and so on; ld as given.
template <int M, int N, int K, typename T, typename ALayout, typename BLayout, typename Acc, typename Out, typename Pointer>
__device__ void tile(const Pointer* a, const Pointer* b, const Out* c, Out* d, int lda, int ldb, int ldc, wmma::layout_t layout) {
  wmma::fragment<wmma::matrix_a, M, N, K, T, ALayout> fa;
  wmma::fragment<wmma::matrix_b, M, N, K, T, BLayout> fb;
  wmma::fragment<wmma::accumulator, M, N, K, Acc> fc;
  wmma::load_matrix_sync(fa, a, lda);
  wmma::load_matrix_sync(fb, b, ldb);
  wmma::load_matrix_sync(fc, c, ldc, layout);
  wmma::mma_sync(fc, fa, fb, fc);
  wmma::store_matrix_sync(d, fc, ldc, layout);
}

using Row = wmma::row_major;
using Column = wmma::col_major;
#define ARGUMENTS(T, Out) const T *a, const T *b, const Out *c, Out *d, int lda, int ldb, int ldc
#define PASS a, b, c, d, lda, ldb, ldc
#define SHAPES(name, T, P, Acc)                                                                                                           \
  extern "C" __global__ void name##16x16(ARGUMENTS(P, Acc)) { tile<16, 16, 16, T, Row, Column, Acc>(PASS, wmma::mem_row_major); }         \
  extern "C" __global__ void name##32x8(ARGUMENTS(P, Acc)) { tile<32, 8, 16, T, Row, Column, Acc>(PASS, wmma::mem_col_major); }           \
  extern "C" __global__ void name##8x32(ARGUMENTS(P, Acc)) { tile<8, 32, 16, T, Row, Column, Acc>(PASS, wmma::mem_row_major); }           \
  extern "C" __global__ void name##16x16Other(ARGUMENTS(P, Acc)) { tile<16, 16, 16, T, Column, Row, Acc>(PASS, wmma::mem_col_major); }

SHAPES(f16, __half, __half, float)
SHAPES(f16Half, __half, __half, __half)
SHAPES(bf16, __nv_bfloat16, __nv_bfloat16, float)
SHAPES(s8, signed char, signed char, int)
SHAPES(u8, unsigned char, unsigned char, int)

extern "C" __global__ void tf32(ARGUMENTS(float, float)) {
  wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, Row> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, Column> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 8, float> fc;
  wmma::load_matrix_sync(fa, a, lda);
  wmma::load_matrix_sync(fb, b, ldb);
  for (float& v : fa.x) v = wmma::__float_to_tf32(v);
  for (float& v : fb.x) v = wmma::__float_to_tf32(v);
  wmma::load_matrix_sync(fc, c, ldc, wmma::mem_row_major);
  wmma::mma_sync(fc, fa, fb, fc);
  wmma::store_matrix_sync(d, fc, ldc, wmma::mem_row_major);
}
extern "C" __global__ void f64(ARGUMENTS(double, double)) { tile<8, 8, 4, double, Row, Column, double>(PASS, wmma::mem_row_major); }
extern "C" __global__ void f64Other(ARGUMENTS(double, double)) { tile<8, 8, 4, double, Column, Row, double>(PASS, wmma::mem_col_major); }

using wmma::experimental::precision::b1;
using wmma::experimental::precision::s4;
using wmma::experimental::precision::u4;
extern "C" __global__ void s4Tile(ARGUMENTS(int, int)) { tile<8, 8, 32, s4, Row, Column, int>(PASS, wmma::mem_row_major); }
extern "C" __global__ void u4Tile(ARGUMENTS(unsigned, int)) { tile<8, 8, 32, u4, Row, Column, int>(PASS, wmma::mem_row_major); }
extern "C" __global__ void b1Tile(ARGUMENTS(unsigned, int)) {
  wmma::fragment<wmma::matrix_a, 8, 8, 128, b1, Row> fa;
  wmma::fragment<wmma::matrix_b, 8, 8, 128, b1, Column> fb;
  wmma::fragment<wmma::accumulator, 8, 8, 128, int> fc;
  wmma::load_matrix_sync(fa, a, lda);
  wmma::load_matrix_sync(fb, b, ldb);
  wmma::load_matrix_sync(fc, c, ldc, wmma::mem_row_major);
  wmma::bmma_sync(fc, fa, fb, fc, wmma::experimental::bmmaBitOpXOR);
  wmma::bmma_sync(fc, fa, fb, fc, wmma::experimental::bmmaBitOpAND);
  wmma::store_matrix_sync(d, fc, ldc, wmma::mem_row_major);
}

// Fragments through shared memory, scaled element by element in between.
extern "C" __global__ void scaledThroughShared(const __half* a, const __half* b, float* d) {
  __shared__ __half sa[256], sb[256];
  __shared__ float sd[256];
  for (int i = threadIdx.x; i < 256; i += 32) sa[i] = a[i], sb[i] = b[i];
  __syncwarp();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, Row> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, Row> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  wmma::fill_fragment(fc, 1.0f);
  wmma::load_matrix_sync(fa, sa, 16);
  wmma::load_matrix_sync(fb, sb, 16);
  wmma::mma_sync(fc, fa, fb, fc);
  for (int i = 0; i < fc.num_elements; i++) fc.x[i] = fc.x[i] * 2 - 3;
  wmma::store_matrix_sync(sd, fc, 16, wmma::mem_row_major);
  __syncwarp();
  for (int i = threadIdx.x; i < 256; i += 32) d[i] = sd[i];
}
