// Matrix transposes: rows x columns in, columns x rows out.

extern "C" __global__ void transposeNaive(const float* in, float* out, int rows, int columns) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y * blockDim.y + threadIdx.y;
  if (r < rows && c < columns) out[c * rows + r] = in[r * columns + c];
}

extern "C" __global__ void transposeTiled(const float* in, float* out, int rows, int columns) {
  __shared__ float tile[32][33];
  int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 32 + threadIdx.y;
  for (int k = 0; k < 32; k += 8)
    if (r + k < rows && c < columns) tile[threadIdx.y + k][threadIdx.x] = in[(r + k) * columns + c];
  __syncthreads();
  c = blockIdx.y * 32 + threadIdx.x, r = blockIdx.x * 32 + threadIdx.y;
  for (int k = 0; k < 32; k += 8)
    if (r + k < columns && c < rows) out[(r + k) * rows + c] = tile[threadIdx.x][threadIdx.y + k];
}

// 32 x 32 bytes, 32 a lane in local memory, exchanged by shuffles of which each step is a permutation of the lanes.
extern "C" __global__ void transposeByShuffles(const unsigned char* in, unsigned char* out) {
  unsigned char row[32], column[32];
  const int lane = threadIdx.x;
  for (int i = 0; i < 32; i++) row[i] = in[lane * 32 + i];
  for (int i = 0; i < 32; i++) {
    const int source = (lane + i) % 32;
    column[source] = __shfl_sync(~0u, (unsigned)row[(lane - i) & 31], source);
  }
  for (int i = 0; i < 32; i++) out[lane * 32 + i] = column[i];
}

// NCHW to NHWC with three-dimensional grids and blocks; 16-bit elements.
extern "C" __global__ void channelsLast(const unsigned short* in, unsigned short* out, int channels, int height, int width) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  for (int c = blockIdx.z * blockDim.z + threadIdx.z; c < channels; c += gridDim.z * blockDim.z)
    if (x < width && y < height) out[(y * width + x) * channels + c] = in[(c * height + y) * width + x];
}

// Square, in place: each block swaps a pair of tiles.
extern "C" __global__ void transposeInPlace(double* m, int n) {
  __shared__ double a[16][17], b[16][17];
  if (blockIdx.x < blockIdx.y) return;
  const int x = threadIdx.x, y = threadIdx.y;
  const int r = blockIdx.y * 16, c = blockIdx.x * 16;
  a[y][x] = m[(r + y) * n + c + x];
  if (blockIdx.x != blockIdx.y) b[y][x] = m[(c + y) * n + r + x];
  __syncthreads();
  m[(c + y) * n + r + x] = a[x][y];
  if (blockIdx.x != blockIdx.y) m[(r + y) * n + c + x] = b[x][y];
}
