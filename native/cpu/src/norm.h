// Batch normalisation of a training step, in as few passes over memory as there can be.
//
// With M = images * pixels, and per channel
//
//   forward:   mean = sum(x) / M,  variance = sum(x^2) / M - mean^2
//              out = relu((x - mean) * gamma / deviation + beta [+ residual]),  deviation = sqrt(variance + epsilon)
//   backward:  dz = dout where the ReLU let through, else 0
//              dbeta = sum(dz),  dgamma = sum(dz * (x - mean)) / deviation
//              dx = gamma / deviation * (dz - dbeta / M - (x - mean) * dgamma / (deviation * M))
//
// (Ioffe and Szegedy 2015, section 3; with statistics that are given the last two terms of dx vanish.)
//
// Sums are in float64, over runs of rows that do not depend on the number of threads, and merged in their order: the bits
// are those of one thread whatever the number.
//
// Bytes per element, of float32: forward 8 (x for the sums and once more) + 4 (out) [+ 4 (residual)]; backward 16 (x and
// dout for the sums and once more) + 4 (dx), with a residual 4 (out) + 4 (dz) more.
#pragma once

#include <cstdint>

namespace resfuse {

// Which values are in memory.
enum ElementType : int64_t { kFloat32 = 0, kBfloat16 = 1 };

// What the ReLU let through.
enum Mask : int64_t {
  kNoRelu = 0,
  kOfNorm = 1,   // where the normalised x is positive; there is no residual
  kOfOutput = 2  // where out is positive; dz is left in dout
};

// Arguments, as Java lays them out: eight bytes each, in this order.
struct NormArguments {
  // Tensors, of images * channels * pixels elements. Blocks: (images, channels / block, pixels, block); block 0: (images,
  // pixels, channels). dx may be dout.
  void* x;
  void* residual;  // null if there is none
  void* out;
  void* dout;
  void* dx;
  // Of channels float32 each.
  float* mean;      // read if statistics are given, else written
  float* variance;  // biased; as mean
  const float* gamma;
  const float* beta;
  float* dgamma;  // null if it is not wanted
  float* dbeta;
  // Scratch, of norm_scratch_bytes(); alignment 64.
  double* scratch;
  int64_t images;
  int64_t channels;
  int64_t pixels;
  int64_t block;  // 0, 8 or 16; divides channels, which best are multiples of 8 also without blocks
  ElementType type;
  Mask mask;          // backward; forward any but kNoRelu is a ReLU
  int64_t given;      // whether statistics are given
  int64_t accumulate; // whether dgamma and dbeta are added to what is there
  double epsilon;
};

// The kernels of one instruction set.
struct NormKernels {
  void (*forward)(const NormArguments&);
  void (*backward)(const NormArguments&);
};

const NormKernels& norm_kernels_portable();
const NormKernels& norm_kernels_avx2();
const NormKernels& norm_kernels_avx512();

// How much scratch a tensor needs.
int64_t norm_scratch_bytes(int64_t images, int64_t channels, int64_t pixels, int64_t block);

}  // namespace resfuse
