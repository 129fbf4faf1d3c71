// Programs of many kinds, as users write them.
#include <cuda_fp16.h>

#include <cuda/std/complex>
#include <cuda/std/optional>
#include <cuda/std/span>
#include <cuda/std/tuple>
#include <cuda/std/variant>

typedef unsigned long long u64;

// ---- fast Fourier transform, radix 2 in shared memory, one transform of 2 * blockDim.x points a block ----
extern "C" __global__ void fft(const float2* in, float2* out, int logN) {
  extern __shared__ float2 points[];
  const int n = 1 << logN;
  for (int i = threadIdx.x; i < n; i += blockDim.x) points[__brev(i) >> (32 - logN)] = in[blockIdx.x * n + i];
  __syncthreads();
  for (int size = 2; size <= n; size *= 2) {
    const int half = size / 2, j = threadIdx.x % half, base = threadIdx.x / half * size;
    float s, c;
    sincospif(-2.0f * j / size, &s, &c);
    const float2 a = points[base + j], b = points[base + j + half];
    const float2 t = {c * b.x - s * b.y, c * b.y + s * b.x};
    points[base + j] = {a.x + t.x, a.y + t.y};
    points[base + j + half] = {a.x - t.x, a.y - t.y};
    __syncthreads();
  }
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[blockIdx.x * n + i] = points[i];
}

// ---- gravitation of n bodies, tiles in shared memory ----
extern "C" __global__ void bodies(const float4* position, float3* acceleration, int n) {
  __shared__ float4 tile[64];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float4 me = position[min(i, n - 1)];
  float3 a = {0, 0, 0};
  for (int base = 0; base < n; base += 64) {
    if (base + threadIdx.x < n) tile[threadIdx.x] = position[base + threadIdx.x];
    __syncthreads();
    const int count = min(64, n - base);
#pragma unroll 8
    for (int j = 0; j < count; j++) {
      const float dx = tile[j].x - me.x, dy = tile[j].y - me.y, dz = tile[j].z - me.z;
      const float inverse = rsqrtf(dx * dx + dy * dy + dz * dz + 1e-3f);
      const float s = tile[j].w * inverse * inverse * inverse;
      a.x += dx * s, a.y += dy * s, a.z += dz * s;
    }
    __syncthreads();
  }
  if (i < n) acceleration[i] = a;
}

// ---- SHA-256 of one block of 64 bytes a thread ----
__constant__ unsigned roundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
__device__ unsigned rotated(unsigned v, int by) { return __funnelshift_r(v, v, by); }
extern "C" __global__ void sha256(const unsigned* blocks, unsigned* digests) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned w[64], h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int k = 0; k < 16; k++) w[k] = __byte_perm(blocks[i * 16 + k], 0, 0x0123);
#pragma unroll 1
  for (int k = 16; k < 64; k++) {
    const unsigned a = w[k - 15], b = w[k - 2];
    w[k] = w[k - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + w[k - 7] + (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
  }
  unsigned v[8];
  for (int k = 0; k < 8; k++) v[k] = h[k];
#pragma unroll 1
  for (int k = 0; k < 64; k++) {
    const unsigned t1 = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + roundConstants[k] + w[k];
    const unsigned t2 = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (int q = 7; q > 0; q--) v[q] = v[q - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int k = 0; k < 8; k++) digests[i * 8 + k] = __byte_perm(h[k] + v[k], 0, 0x0123);
}

// ---- the game of life, 32 cells to a word ----
extern "C" __global__ void life(const unsigned* in, unsigned* out, int words, int rows) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= words || y >= rows) return;
  unsigned ones = 0, twos = 0, fours = 0;
  for (int dy = -1; dy <= 1; dy++) {
    const unsigned* row = in + (y + dy + rows) % rows * words;
    const unsigned middle = row[x], left = row[(x + words - 1) % words], right = row[(x + 1) % words];
    const unsigned neighbours[3] = {__funnelshift_l(left, middle, 1), dy ? middle : 0, __funnelshift_r(middle, right, 1)};
    for (unsigned n : neighbours) {
      const unsigned carry = ones & n;
      ones ^= n;
      fours |= twos & carry;
      twos ^= carry;
    }
  }
  // three neighbours, or two and alive; eight and four both set `fours`
  out[y * words + x] = ~fours & twos & (ones | in[y * words + x]);
}

// ---- sparse matrix times vector, a warp a row ----
extern "C" __global__ void sparse(const int* rowStart, const int* column, const double* value, const double* x, double* y, int rows) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  double sum = 0;
  for (int i = rowStart[row] + lane; i < rowStart[row + 1]; i += 32) sum += value[i] * x[column[i]];
  for (int offset = 16; offset; offset /= 2) sum += __shfl_down_sync(~0u, sum, offset);
  if (lane == 0) y[row] = sum;
}

// ---- attention of one head with a running softmax, half in and out, a thread a query ----
extern "C" __global__ void attention(const __half2* q, const __half2* k, const __half2* v, __half2* out, int length, float scale) {
  constexpr int pairs = 16;
  __shared__ __half2 keys[32][pairs], values[32][pairs];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  float2 query[pairs], sum[pairs] = {};
  for (int p = 0; p < pairs; p++) query[p] = __half22float2(q[i * pairs + p]);
  float largest = -INFINITY, total = 0;
  for (int base = 0; base < length; base += 32) {
    __syncthreads();
    for (int e = threadIdx.x; e < 32 * pairs; e += blockDim.x) keys[e / pairs][e % pairs] = k[base * pairs + e], values[e / pairs][e % pairs] = v[base * pairs + e];
    __syncthreads();
    for (int j = 0; j < 32; j++) {
      float score = 0;
      for (int p = 0; p < pairs; p++) {
        const float2 key = __half22float2(keys[j][p]);
        score += query[p].x * key.x + query[p].y * key.y;
      }
      score *= scale;
      if (base + j > i) score = -INFINITY;  // causal
      const float next = fmaxf(largest, score), correction = __expf(largest - next), weight = __expf(score - next);
      total = total * correction + weight;
      for (int p = 0; p < pairs; p++) {
        const float2 value = __half22float2(values[j][p]);
        sum[p].x = sum[p].x * correction + weight * value.x;
        sum[p].y = sum[p].y * correction + weight * value.y;
      }
      largest = next;
    }
  }
  for (int p = 0; p < pairs; p++) out[i * pairs + p] = __floats2half2_rn(sum[p].x / total, sum[p].y / total);
}

// ---- layer normalisation by Welford's algorithm, a block a row ----
struct Moments {
  float mean, squares, count;
};
__device__ Moments merged(Moments a, Moments b) {
  const float count = a.count + b.count;
  if (count == 0) return a;
  const float delta = b.mean - a.mean;
  return {a.mean + delta * b.count / count, a.squares + b.squares + delta * delta * a.count * b.count / count, count};
}
extern "C" __global__ void layerNorm(const float* in, float* out, int n, float epsilon) {
  __shared__ Moments perWarp[32];
  Moments m = {0, 0, 0};
  for (int i = threadIdx.x; i < n; i += blockDim.x) m = merged(m, {in[blockIdx.x * n + i], 0, 1});
  for (int offset = 16; offset; offset /= 2)
    m = merged(m, {__shfl_xor_sync(~0u, m.mean, offset), __shfl_xor_sync(~0u, m.squares, offset), __shfl_xor_sync(~0u, m.count, offset)});
  if (threadIdx.x % 32 == 0) perWarp[threadIdx.x / 32] = m;
  __syncthreads();
  m = perWarp[0];
  for (int w = 1; w < (blockDim.x + 31) / 32; w++) m = merged(m, perWarp[w]);
  const float scale = 1.0f / sqrtf(m.squares / n + epsilon);
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[blockIdx.x * n + i] = (in[blockIdx.x * n + i] - m.mean) * scale;
}

// ---- breadth-first search with a queue of the frontier; one launch a level ----
extern "C" __global__ void breadthFirst(const int* start, const int* edges, int* level, const int* frontier, int count, int* next, int* nextCount, int depth) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    const int node = frontier[i];
    for (int e = start[node]; e < start[node + 1]; e++) {
      const int to = edges[e];
      if (atomicCAS(&level[to], -1, depth) == -1) next[atomicAdd(nextCount, 1)] = to;
    }
  }
}

// ---- a hash table with open addressing; 64-bit entries of key and value ----
__device__ unsigned hashed(unsigned key) {
  key ^= key >> 16, key *= 0x85ebca6b, key ^= key >> 13, key *= 0xc2b2ae35;
  return key ^ key >> 16;
}
extern "C" __global__ void hashInsert(u64* slots, int mask, const unsigned* keys, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u64 entry = (u64)keys[i] << 32 | (unsigned)i;
  for (unsigned slot = hashed(keys[i]) & mask;; slot = (slot + 1) & mask) {
    u64 old = slots[slot];
    while (old == ~0ull || (unsigned)(old >> 32) == keys[i]) {
      // an equal key keeps the smaller value
      const u64 wanted = old == ~0ull || entry < old ? entry : old;
      const u64 seen = atomicCAS(&slots[slot], old, wanted);
      if (seen == old) return;
      old = seen;
    }
  }
}
extern "C" __global__ void hashFind(const u64* slots, int mask, const unsigned* keys, int* values, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int found = -1;
  for (unsigned slot = hashed(keys[i]) & mask; slots[slot] != ~0ull; slot = (slot + 1) & mask)
    if ((unsigned)(slots[slot] >> 32) == keys[i]) {
      found = (int)slots[slot];
      break;
    }
  values[i] = found;
}

// ---- all shortest paths, one pivot a launch ----
extern "C" __global__ void floydWarshall(int* distance, int n, int pivot) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < n && y < n) distance[y * n + x] = min(distance[y * n + x], distance[y * n + pivot] + distance[pivot * n + x]);
}

// ---- edit distance by anti-diagonals in shared memory, a block a pair of strings ----
extern "C" __global__ void editDistance(const char* a, const char* b, const int* lengths, int* out, int stride) {
  __shared__ int diagonals[3][130];
  const char *s = a + blockIdx.x * stride, *t = b + blockIdx.x * stride;
  const int n = lengths[2 * blockIdx.x], m = lengths[2 * blockIdx.x + 1], i = threadIdx.x;
  for (int d = 0; d <= n + m; d++) {
    int* now = diagonals[d % 3];
    const int *before = diagonals[(d + 2) % 3], *twice = diagonals[(d + 1) % 3];
    const int j = d - i;
    if (i <= n && j >= 0 && j <= m) {
      if (i == 0) now[i] = j;
      else if (j == 0) now[i] = i;
      else now[i] = min(min(before[i - 1], before[i]) + 1, twice[i - 1] + (s[i - 1] != t[j - 1]));
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = diagonals[(n + m) % 3][n];
}

// ---- Philox 4x32-10 and a count of points in the circle ----
__device__ uint4 philox(uint4 counter, uint2 key) {
  for (int round = 0; round < 10; round++) {
    const unsigned h0 = __umulhi(0xD2511F53, counter.x), l0 = 0xD2511F53 * counter.x, h1 = __umulhi(0xCD9E8D57, counter.z), l1 = 0xCD9E8D57 * counter.z;
    counter = make_uint4(h1 ^ counter.y ^ key.x, l1, h0 ^ counter.w ^ key.y, l0);
    key.x += 0x9E3779B9, key.y += 0xBB67AE85;
  }
  return counter;
}
extern "C" __global__ void randomPoints(uint4* raw, int* inside) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const uint4 r = philox(make_uint4(i, 0, 0, 0), make_uint2(0xdeadbeef, 0xcafef00d));
  raw[i] = r;
  const float x = r.x * 0x1p-32f, y = r.y * 0x1p-32f;
  const int count = __syncthreads_count(x * x + y * y < 1);
  if (threadIdx.x == 0) atomicAdd(inside, count);
}

// ---- Gauss-Jordan inversion of a matrix of doubles with pivoting, a block a matrix ----
extern "C" __global__ void invert(double* matrices, double* inverses, int n) {
  extern __shared__ double work[];
  __shared__ int pivotRow;
  double *a = work, *b = work + n * n;
  const double* in = matrices + (size_t)blockIdx.x * n * n;
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) a[i] = in[i], b[i] = i / n == i % n;
  __syncthreads();
  for (int c = 0; c < n; c++) {
    if (threadIdx.x == 0) {
      int best = c;
      for (int r = c + 1; r < n; r++)
        if (fabs(a[r * n + c]) > fabs(a[best * n + c])) best = r;
      pivotRow = best;
    }
    __syncthreads();
    for (int x = threadIdx.x; x < 2 * n; x += blockDim.x) {
      double* m = x < n ? a : b;
      const int q = x % n;
      const double swap = m[c * n + q];
      m[c * n + q] = m[pivotRow * n + q];
      m[pivotRow * n + q] = swap;
    }
    __syncthreads();
    const double scale = 1 / a[c * n + c];
    __syncthreads();
    for (int x = threadIdx.x; x < 2 * n; x += blockDim.x) (x < n ? a : b)[c * n + x % n] *= scale;
    __syncthreads();
    for (int r = threadIdx.x; r < n; r += blockDim.x) {
      if (r == c) continue;
      const double f = a[r * n + c];
      for (int q = 0; q < n; q++) a[r * n + q] -= f * a[c * n + q], b[r * n + q] -= f * b[c * n + q];
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) inverses[(size_t)blockIdx.x * n * n + i] = b[i];
}

// ---- pieces of the standard library ----
extern "C" __global__ void standardLibrary(const float* in, float* out, int n) {
  const int i = threadIdx.x;
  using Complex = cuda::std::complex<float>;
  Complex z(0, 0);
  const Complex c(in[i], in[(i + 1) % n]);
  int steps = 0;
  while (steps < 50 && cuda::std::abs(z) < 2) z = z * z + c, steps++;
  cuda::std::variant<int, float> either;
  if (i % 2) either = 3.5f;
  else either = i;
  const float visited = cuda::std::visit([](auto v) { return static_cast<float>(v) * 2; }, either);
  cuda::std::optional<int> maybe;
  if (i % 3 == 0) maybe = i;
  const auto pair = cuda::std::make_tuple(steps, maybe.value_or(-1));
  const cuda::std::span<const float> view(in, n);
  float sum = 0;
  for (float v : view.subspan(i % 4, 4)) sum += v;
  out[4 * i] = cuda::std::get<0>(pair), out[4 * i + 1] = visited, out[4 * i + 2] = cuda::std::get<1>(pair), out[4 * i + 3] = sum;
}
