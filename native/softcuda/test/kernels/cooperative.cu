// Cooperative groups across the grid and inside warps.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;

extern "C" __global__ void gridReduction(const int* in, int* partial, int* out, int n) {
  cg::grid_group grid = cg::this_grid();
  cg::thread_block block = cg::this_thread_block();
  __shared__ int shared[32];
  int sum = 0;
  for (int i = grid.thread_rank(); i < n; i += grid.size()) sum += in[i];
  sum = __reduce_add_sync(~0u, sum);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
  block.sync();
  if (threadIdx.x == 0) {
    for (int w = 1; w < blockDim.x / 32; w++) sum += shared[w];
    partial[blockIdx.x] = sum;
  }
  grid.sync();
  if (grid.thread_rank() == 0) {
    int total = 0;
    for (int b = 0; b < gridDim.x; b++) total += partial[b];
    *out = total;
  }
}

// Jacobi iterations on a ring; two grid barriers an iteration.
extern "C" __global__ void gridJacobi(float* a, float* b, int n, int iterations) {
  cg::grid_group grid = cg::this_grid();
  for (int k = 0; k < iterations; k++) {
    for (int i = grid.thread_rank(); i < n; i += grid.size()) b[i] = 0.5f * a[i] + 0.25f * (a[(i + n - 1) % n] + a[(i + 1) % n]);
    grid.sync();
    float* swap = a;
    a = b;
    b = swap;
    grid.sync();
  }
}

// Lanes of a value's kind: labelled, binary and coalesced groups. out: size, rank, sum over the group, prefix
extern "C" __global__ void warpGroups(const int* in, int* labelled, int* binary, int* coalesced) {
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  const int lane = threadIdx.x, v = in[lane];
  {
    auto group = cg::labeled_partition(warp, v % 5);
    labelled[4 * lane] = group.size(), labelled[4 * lane + 1] = group.thread_rank();
    labelled[4 * lane + 2] = cg::reduce(group, v, cg::plus<int>());
    labelled[4 * lane + 3] = cg::exclusive_scan(group, v, cg::plus<int>());
  }
  {
    auto group = cg::binary_partition(warp, v > 50);
    binary[4 * lane] = group.size(), binary[4 * lane + 1] = group.thread_rank();
    binary[4 * lane + 2] = group.shfl(v, group.size() - 1);
    binary[4 * lane + 3] = group.any(v == 77);
  }
  for (int k = 0; k < 4; k++) coalesced[4 * lane + k] = -1;
  if (v % 3 == 0) {
    auto group = cg::coalesced_threads();
    coalesced[4 * lane] = group.size(), coalesced[4 * lane + 1] = group.thread_rank();
    coalesced[4 * lane + 2] = cg::inclusive_scan(group, v, cg::plus<int>());
    coalesced[4 * lane + 3] = group.shfl_down(v, 1);
  }
}

// Tiles smaller than a warp in diverged code, each with its own loop count.
extern "C" __global__ void divergedTiles(const int* in, int* out) {
  auto tile = cg::tiled_partition<8>(cg::this_thread_block());
  int v = in[threadIdx.x];
  const int turns = tile.meta_group_rank() + 1;
  for (int k = 0; k < turns; k++) {
    v += tile.shfl_xor(v, 1 << k % 3);
    tile.sync();
  }
  out[threadIdx.x] = tile.all(v > 0) ? v : -v;
}

// A tile of 64: larger than a warp, synchronised by barriers in shared memory.
extern "C" __global__ void wideTiles(const int* in, int* out) {
  __shared__ cg::block_tile_memory<256> memory;
  auto block = cg::this_thread_block(memory);
  auto tile = cg::tiled_partition<64>(block);
  const int sum = cg::reduce(tile, in[block.thread_rank()], cg::plus<int>());
  out[block.thread_rank()] = sum + tile.thread_rank();
}

// Invocation over a tile: one lane does, all get it.
extern "C" __global__ void invokeOne(int* counter, int* out) {
  auto group = cg::coalesced_threads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = cg::invoke_one_broadcast(group, [&] { return atomicAdd(counter, 1); });
}
