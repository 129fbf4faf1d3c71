// Matrix product in fp32 without tensor cores: 64 x 64 tile, 8 x 4 outputs a thread from registers, 128 threads, float4 loads.
// C[M][N] = alpha * A[M][K] * B[K][N] + beta * C; ragged edges are handled.
extern "C" __global__ void __launch_bounds__(128) gemmFfma(const float* a, const float* b, float* c, int m, int n, int k, float alpha,
                                                           float beta) {
  __shared__ __align__(16) float sa[16][64 + 4], sb[16][64];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, row = blockIdx.y * 64, column = blockIdx.x * 64;
  float d[8][4] = {};
  for (int k0 = 0; k0 < k; k0 += 16) {
    for (int i = threadIdx.x; i < 64 * 16; i += 128) {
      const int r = i / 16, p = i % 16;
      sa[p][r] = row + r < m && k0 + p < k ? a[(row + r) * k + k0 + p] : 0;
    }
    for (int i = threadIdx.x; i < 16 * 16; i += 128) {
      const int p = i / 16, q = i % 16 * 4;
      float4 v = {0, 0, 0, 0};
      if (k0 + p < k) {
        const float* from = b + (k0 + p) * n + column + q;
        if (column + q + 3 < n && n % 4 == 0) v = *reinterpret_cast<const float4*>(from);
        else {
          if (column + q < n) v.x = from[0];
          if (column + q + 1 < n) v.y = from[1];
          if (column + q + 2 < n) v.z = from[2];
          if (column + q + 3 < n) v.w = from[3];
        }
      }
      *reinterpret_cast<float4*>(&sb[p][q]) = v;
    }
    __syncthreads();
#pragma unroll
    for (int p = 0; p < 16; p++) {
      float fa[8], fb[4];
      *reinterpret_cast<float4*>(fa) = *reinterpret_cast<const float4*>(&sa[p][ty * 8]);
      *reinterpret_cast<float4*>(fa + 4) = *reinterpret_cast<const float4*>(&sa[p][ty * 8 + 4]);
      *reinterpret_cast<float4*>(fb) = *reinterpret_cast<const float4*>(&sb[p][tx * 4]);
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) d[i][j] += fa[i] * fb[j];
    }
    __syncthreads();
  }
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 4; j++) {
      const int r = row + ty * 8 + i, q = column + tx * 4 + j;
      if (r < m && q < n) c[r * n + q] = alpha * d[i][j] + (beta != 0 ? beta * c[r * n + q] : 0);
    }
}

// Double buffering by a pointer swap between two halves of dynamic shared memory; double precision.
extern "C" __global__ void gemmDouble(const double* a, const double* b, double* c, int n) {
  extern __shared__ double tiles[];
  double *now = tiles, *next = tiles + 512;
  const int x = threadIdx.x, y = threadIdx.y, column = blockIdx.x * 16 + x, row = blockIdx.y * 16 + y;
  double sum = 0;
  now[y * 16 + x] = a[row * n + x];
  now[256 + y * 16 + x] = b[y * n + column];
  __syncthreads();
  for (int k0 = 0; k0 < n; k0 += 16) {
    if (k0 + 16 < n) {
      next[y * 16 + x] = a[row * n + k0 + 16 + x];
      next[256 + y * 16 + x] = b[(k0 + 16 + y) * n + column];
    }
    for (int p = 0; p < 16; p++) sum = fma(now[y * 16 + p], now[256 + p * 16 + x], sum);
    __syncthreads();
    double* swap = now;
    now = next;
    next = swap;
  }
  c[row * n + column] = sum;
}
