// What the last of several blocks does with what all of them left: whichever that is, it reads it in the order of the blocks, so that the
// result is the same on every run.
#pragma once

namespace resfuse {

// Whether this is the last of so many blocks to come here, which then sees what the others have written. All threads; 'counter' is zero, and
// left zero; 'arrived' is shared, and may be written again afterwards.
__device__ __forceinline__ bool isLast(unsigned* counter, int blocks, unsigned* arrived) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    *arrived = atomicAdd(counter, 1u);
    if (*arrived == blocks - 1) *counter = 0;
  }
  __syncthreads();
  const bool last = *arrived == blocks - 1;
  __syncthreads();   // 'arrived' may be written again
  if (!last) return false;
  __threadfence();
  return true;
}

__device__ __forceinline__ float4 four(const float (&d)[4]) { return make_float4(d[0], d[1], d[2], d[3]); }
__device__ __forceinline__ int4 four(const int (&d)[4]) { return make_int4(d[0], d[1], d[2], d[3]); }

// Whether this block is the last of the slices of a tile, and then has the sum of all, in their order. 'partials' has room for the products
// of all slices of the tile; 'ticket' is zero, and left zero; 'arrived' is shared. All threads.
template <int THREADS, class Product>
__device__ __forceinline__ bool sumSlices(Product& product, void* partials, unsigned* ticket, int slice, int slices, unsigned* arrived) {
  using Four = decltype(four(product.vector(0)));
  constexpr bool INTEGERS = decltype(+product.vector(0)[0])(0.5f) == 0;   // whose sum no order changes: this block's part stays where it is
  constexpr int ELEMENTS = Product::VECTORS * THREADS;
  Four *const parts = static_cast<Four*>(partials) + threadIdx.x, *const mine = parts + (long long)slice * ELEMENTS;
#pragma unroll
  for (int v = 0; v < Product::VECTORS; v++) mine[v * THREADS] = four(product.vector(v));
  if (!isLast(ticket, slices, arrived)) return false;
  if constexpr (!INTEGERS) {
#pragma unroll
    for (int v = 0; v < Product::VECTORS; v++) {
      auto& d = product.vector(v);
      d[0] = d[1] = d[2] = d[3] = 0;
    }
  }
#pragma unroll 1
  for (int s = 0; s < slices; s++) {
    if (INTEGERS && s == slice) continue;
#pragma unroll
    for (int v = 0; v < Product::VECTORS; v++) {
      auto& d = product.vector(v);
      const Four x = __ldcg(parts + (long long)s * ELEMENTS + v * THREADS);
      d[0] += x.x;
      d[1] += x.y;
      d[2] += x.z;
      d[3] += x.w;
    }
  }
  return true;
}

}  // namespace resfuse
