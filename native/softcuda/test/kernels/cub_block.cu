// Block- and warp-wide algorithms of CUB, as users call them.
#include <cub/block/block_adjacent_difference.cuh>
#include <cub/block/block_discontinuity.cuh>
#include <cub/block/block_exchange.cuh>
#include <cub/block/block_histogram.cuh>
#include <cub/block/block_load.cuh>
#include <cub/block/block_merge_sort.cuh>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_shuffle.cuh>
#include <cub/block/block_store.cuh>
#include <cub/warp/warp_merge_sort.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <cub/warp/warp_scan.cuh>

constexpr int kThreads = 96, kItems = 5;

extern "C" __global__ void blockRadixSort(const unsigned* in, unsigned* out, int bits) {
  using Load = cub::BlockLoad<unsigned, kThreads, kItems, cub::BLOCK_LOAD_TRANSPOSE>;
  using Sort = cub::BlockRadixSort<unsigned, kThreads, kItems>;
  using Store = cub::BlockStore<unsigned, kThreads, kItems, cub::BLOCK_STORE_WARP_TRANSPOSE>;
  __shared__ union {
    typename Load::TempStorage load;
    typename Sort::TempStorage sort;
    typename Store::TempStorage store;
  } storage;
  unsigned keys[kItems];
  const int base = blockIdx.x * kThreads * kItems;
  Load(storage.load).Load(in + base, keys);
  __syncthreads();
  Sort(storage.sort).Sort(keys, 0, bits);
  __syncthreads();
  Store(storage.store).Store(out + base, keys);
}

// Keys and values, floats descending.
extern "C" __global__ void blockRadixSortPairs(const float* keysIn, float* keysOut, int* valuesOut) {
  using Sort = cub::BlockRadixSort<float, 128, 2, int>;
  __shared__ typename Sort::TempStorage storage;
  float keys[2];
  int values[2];
  for (int i = 0; i < 2; i++) keys[i] = keysIn[threadIdx.x * 2 + i], values[i] = threadIdx.x * 2 + i;
  Sort(storage).SortDescending(keys, values);
  for (int i = 0; i < 2; i++) keysOut[threadIdx.x * 2 + i] = keys[i], valuesOut[threadIdx.x * 2 + i] = values[i];
}

struct Less {
  __device__ bool operator()(double a, double b) const { return a < b; }
};
extern "C" __global__ void blockMergeSort(const double* in, double* out) {
  using Sort = cub::BlockMergeSort<double, 64, 4>;
  __shared__ typename Sort::TempStorage storage;
  double keys[4];
  for (int i = 0; i < 4; i++) keys[i] = in[threadIdx.x * 4 + i];
  Sort(storage).Sort(keys, Less());
  for (int i = 0; i < 4; i++) out[threadIdx.x * 4 + i] = keys[i];
}

template <cub::BlockScanAlgorithm Algorithm>
__device__ void scan(const int* in, int* out, int* total) {
  using Scan = cub::BlockScan<int, kThreads, Algorithm>;
  __shared__ typename Scan::TempStorage storage;
  int items[kItems], sum;
  for (int i = 0; i < kItems; i++) items[i] = in[threadIdx.x * kItems + i];
  Scan(storage).ExclusiveSum(items, items, sum);
  for (int i = 0; i < kItems; i++) out[threadIdx.x * kItems + i] = items[i];
  if (threadIdx.x == 0) *total = sum;
}
extern "C" __global__ void blockScanRaking(const int* in, int* out, int* total) { scan<cub::BLOCK_SCAN_RAKING>(in, out, total); }
extern "C" __global__ void blockScanWarps(const int* in, int* out, int* total) { scan<cub::BLOCK_SCAN_WARP_SCANS>(in, out, total); }

struct Maximum {
  __device__ float operator()(float a, float b) const { return a > b ? a : b; }
};
template <cub::BlockReduceAlgorithm Algorithm>
__device__ float reduced(float v) {
  using Reduce = cub::BlockReduce<float, kThreads, Algorithm>;
  __shared__ typename Reduce::TempStorage storage;
  return Reduce(storage).Reduce(v, Maximum());
}
extern "C" __global__ void blockReduce(const float* in, float* out) {
  const float v = in[threadIdx.x];
  const float a = reduced<cub::BLOCK_REDUCE_RAKING>(v), b = reduced<cub::BLOCK_REDUCE_WARP_REDUCTIONS>(v), c = reduced<cub::BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY>(v);
  if (threadIdx.x == 0) out[0] = a, out[1] = b, out[2] = c;
}

extern "C" __global__ void blockHistogram(const unsigned char* in, unsigned* out) {
  using Atomic = cub::BlockHistogram<unsigned char, kThreads, kItems, 64, cub::BLOCK_HISTO_ATOMIC>;
  using Sorted = cub::BlockHistogram<unsigned char, kThreads, kItems, 64, cub::BLOCK_HISTO_SORT>;
  __shared__ typename Atomic::TempStorage storageA;
  __shared__ typename Sorted::TempStorage storageB;
  __shared__ unsigned bins[2][64];
  unsigned char items[kItems];
  for (int i = 0; i < kItems; i++) items[i] = in[threadIdx.x * kItems + i];
  Atomic(storageA).Histogram(items, bins[0]);
  __syncthreads();
  Sorted(storageB).Histogram(items, bins[1]);
  __syncthreads();
  for (int i = threadIdx.x; i < 128; i += kThreads) out[i] = bins[i / 64][i % 64];
}

struct Different {
  __device__ bool operator()(int a, int b) const { return a != b; }
};
struct Minus {
  __device__ int operator()(int a, int b) const { return a - b; }
};
// heads of runs, differences with the left neighbour, rotation by 7, striped order
extern "C" __global__ void blockNeighbours(const int* in, int* out) {
  using Heads = cub::BlockDiscontinuity<int, kThreads>;
  using Difference = cub::BlockAdjacentDifference<int, kThreads>;
  using Shuffle = cub::BlockShuffle<int, kThreads>;
  using Exchange = cub::BlockExchange<int, kThreads, 3>;
  __shared__ typename Heads::TempStorage h;
  __shared__ typename Difference::TempStorage d;
  __shared__ typename Shuffle::TempStorage s;
  __shared__ typename Exchange::TempStorage e;
  int item[1] = {in[threadIdx.x]}, flag[1], difference[1], rotated, three[3];
  Heads(h).FlagHeads(flag, item, Different());
  Difference(d).SubtractLeft(item, difference, Minus());
  Shuffle(s).Rotate(item[0], rotated, 7);
  for (int i = 0; i < 3; i++) three[i] = in[threadIdx.x] * 10 + i;
  Exchange(e).BlockedToStriped(three, three);
  const int t = threadIdx.x;
  out[t] = flag[0], out[kThreads + t] = difference[0], out[2 * kThreads + t] = rotated;
  for (int i = 0; i < 3; i++) out[(3 + i) * kThreads + t] = three[i];
}

struct Product {
  __device__ unsigned long long operator()(unsigned long long a, unsigned long long b) const { return a * b; }
};
// Logical warps of 8 and 32 threads.
extern "C" __global__ void warpAlgorithms(const int* in, int* sums, unsigned long long* products, int* sorted) {
  using Scan = cub::WarpScan<int, 8>;
  using Reduce = cub::WarpReduce<unsigned long long, 16>;
  using Sort = cub::WarpMergeSort<int, 3, 32>;
  __shared__ typename Scan::TempStorage scans[16];
  __shared__ typename Reduce::TempStorage reductions[8];
  __shared__ typename Sort::TempStorage sorts[4];
  const int t = threadIdx.x;
  int sum;
  Scan(scans[t / 8]).InclusiveSum(in[t], sum);
  sums[t] = sum;
  const unsigned long long p = Reduce(reductions[t / 16]).Reduce((unsigned long long)(in[t] | 1), Product(), 11);
  if (t % 16 == 0) products[t / 16] = p;
  int keys[3];
  for (int i = 0; i < 3; i++) keys[i] = in[(t * 3 + i) % 128] ^ i;
  Sort(sorts[t / 32]).Sort(keys, [](int a, int b) { return a < b; });
  for (int i = 0; i < 3; i++) sorted[t * 3 + i] = keys[i];
}
