// Convolution by 3x3 with stride 1 and padding 1, multiplying less: Winograd's minimal filtering F(4x4, 3x3) (Winograd 1980;
// Lavin and Gray 2016, section 4). A tile of 4x4 outputs comes from 6x6 inputs d and the 3x3 weights g of each pair of channels:
//
//   tile = A^T [ sum over input channels (G g G^T) * (B^T d B) ] A [+ bias] [+ residual], negative values 0 with a ReLU
//
// with * element by element: 36 products in the place of 144. The points are 0, +-1/sqrt(2), +-sqrt(2) and infinity, which
// keep all factors near 1 and so the errors small. All is in float32: transforming the weights in float64 hardly changes the
// errors, which are those of the sums.
//
// Each tile is computed by itself, and its sums run over the input channels in order, so that the bits depend neither on
// the number of threads nor on what else is in the batch. NaN and infinities spread over the tiles (4x4 outputs) that read
// them, and an infinity becomes NaN there.
//
// Statistics, for a batch norm that follows, are of the outputs as they are stored, and taken while a tile is in registers: with s
// the mean of its n outputs, rounded, sum(out - s) and sum((out - s)^2) are in float32, of 16 values at most and each small. All
// else is in float64: the tiles of a strip are added up in order, and then the strips, whichever thread had them.
//
//   mean = sum over tiles (n s + sum(out - s)) / M,  M = images * height * width
//   variance = sum over tiles (sum((out - s)^2) + 2 s sum(out - s) + n s^2) / M - mean^2
//
// FLOPs of the products: 72 * tiles * in_channels * out_channels. A thread has tiles or output channels of its own (tiles.h).
// It transforms the inputs of a block of tiles; then it takes panels of two vectors of output channels, transforms a row of
// positions of some input channels' weights at a time, and multiplies while these are in its caches; the weights that follow
// are on their way from memory meanwhile. So the weights are read, and lie in memory, as those of a direct convolution do.
#pragma once

#include <cstdint>

namespace resfuse {

// Arguments, as Java lays them out: eight bytes each, in this order, and those of a base first. Tensors are float32; in blocks
// of channels: (images, channels / block, height, width, block), with block 0: (images, height, width, channels).
struct WinogradSize {
  int64_t images;
  int64_t in_channels;   // a multiple of vector
  int64_t out_channels;  // a multiple of vector
  int64_t height;
  int64_t width;
  int64_t block;    // vector or 0
  int64_t vector;   // channels that are worked on at a time: 8 or 16
  int64_t threads;  // those that scratch was made for
  // Of a thread's processor, in bytes: how work is cut follows from them, and no bit of a result.
  int64_t first_cache;
  int64_t second_cache;
  int64_t statistics;  // whether a convolution gives those of its outputs
};

struct WinogradArguments : WinogradSize {
  const float* x;
  const float* weights;   // (out_channels / vector, in_channels, 3, 3, vector)
  const float* bias;      // of out_channels; null if there is none
  const float* residual;  // like out; null if there is none
  float* out;             // not x; may be residual
  float* scratch;         // of winograd_scratch_floats(); alignment 64
  float* mean;            // of out_channels, written; with statistics only
  float* variance;        // biased; as mean
  int64_t relu;
  int64_t rotated;  // whether the weights are rotated by half a turn, as for the gradient of an input
};

// The gradient of the weights, by the transposed algorithm: of a tile of 6x6 inputs d and of the gradients e of its 4x4 outputs
//
//   gradient += G^T [ sum over tiles (A e A^T) * (B^T d B) ] G
//
// with the matrices of the convolution, and again 36 products in the place of 144. The tiles are cut into chunks, and these
// into runs, by the size of the convolution alone. A run's sums are in float32, in the order of the tiles, and are transformed
// in float64; runs of a chunk are added in float32, chunks in float64. Blocks of channels of a chunk are each a thread's, so
// the bits do not depend on the number of threads.
//
// FLOPs of the products: 72 * tiles * in_channels * out_channels. Bytes: x and dout once for each block of channels of the
// other; what is transformed and the sums stay in the second cache.
struct WinogradGradientArguments : WinogradSize {
  const float* x;
  const float* dout;
  float* gradient;     // of the weights: (out, in, 3, 3)
  float* scratch;      // of winograd_gradient_scratch_floats(); alignment 64
  int64_t accumulate;  // whether it is added to what is there
};

// The kernels of one instruction set.
struct WinogradKernels {
  void (*convolve)(const WinogradArguments&);
  void (*gradient)(const WinogradGradientArguments&);
};

const WinogradKernels& winograd_kernels_portable();
const WinogradKernels& winograd_kernels_avx2();
const WinogradKernels& winograd_kernels_avx512();

int64_t winograd_scratch_floats(const WinogradSize& size);
int64_t winograd_gradient_scratch_floats(const WinogradSize& size);

}  // namespace resfuse
