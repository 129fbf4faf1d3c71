// A convolution of one's own for 'resfuse verify --kernel': a thread per output channel, plain loops, fp32.
//
// Each kernel takes the place of ours of the same name and is launched as ours: one struct by value, a grid of
// (row blocks * columnTiles, packs * slices), where a row block is tilesPerBlock tiles of ROWS pixels. cuda-kernels/parameters.cuh
// says what the struct's fields mean. These kernels have no need to cut sums into slices: the first slice does it all.
//
//   nvcc -ptx -arch=compute_80 -o naive_convolution.ptx naive_convolution.cu
//   nvcc -ptx -arch=compute_80 -DWRONG_PADDING -o wrong_padding.ptx naive_convolution.cu
//
// With WRONG_PADDING, taps outside of the image meet its nearest pixel, not zero.
#include "../../cuda-kernels/batch_end.cuh"

namespace naive {   // has a name, since nvcc would else put a hash of the path into the PTX

template <int ROWS>
__device__ void convolveColumn(const resfuse::Convolution& p, int column) {
  const int block = blockIdx.x / p.columnTiles;
  const int pack = blockIdx.y / p.slices, channel = pack * p.outputs + column;
  const int first = block * p.tilesPerBlock * ROWS;
  const int end = min(first + p.tilesPerBlock * ROWS, p.images * p.gridHeight * p.gridWidth);
  const float* const weights = static_cast<const float*>(p.weights) + (long long)channel * p.weightPitch + p.weightOffset;
  float mean = 0, squares = 0;
  for (int m = first; m < end; m++) {
    const int j = m % p.gridWidth, i = m / p.gridWidth % p.gridHeight, image = m / p.gridWidth / p.gridHeight;
    float sum = 0;
    for (int tapRow = 0; tapRow < p.tapRows; tapRow++) {
      for (int tapColumn = 0; tapColumn < p.tapColumns; tapColumn++) {
        int y = i * p.rowStride + p.rowOffset + tapRow * p.rowStep;
        int x = j * p.columnStride + p.columnOffset + tapColumn * p.columnStep;
#ifdef WRONG_PADDING
        y = min(max(y, 0), p.inputHeight - 1);
        x = min(max(x, 0), p.inputWidth - 1);
#endif
        if (y < 0 || y >= p.inputHeight || x < 0 || x >= p.inputWidth) continue;
        const float* const pixel =
            static_cast<const float*>(p.input) + (((long long)image * p.inputHeight + y) * p.inputWidth + x) * p.inputPitch + pack * p.channels;
        const float* const tap = weights + tapRow * p.weightRowStep + tapColumn * p.weightColumnStep;
        for (int c = 0; c < p.channels; c++) sum = fmaf(pixel[c], tap[c], sum);
      }
    }
    const long long at =
        (((long long)image * p.outputHeight + i * p.outputStride + p.outputRow) * p.outputWidth + j * p.outputStride + p.outputColumn) *
            p.outputPitch +
        channel;
    float value = fmaf(sum, p.scale ? p.scale[channel] : 1, p.bias ? p.bias[channel] : 0);
    if (p.residual) value += static_cast<const float*>(p.residual)[at];
    if (p.relu && !(value > 0) && value == value) value = 0;
    static_cast<float*>(p.output)[at] = value;
    // Welford 1962.
    const float off = value - mean;
    mean += off / (m - first + 1);
    squares = fmaf(off, value - mean, squares);
  }
  if (p.statistics) {
    float* const statistics = p.statistics + (long long)block * 2 * p.packs * p.outputs;
    statistics[channel] = mean;
    statistics[p.packs * p.outputs + channel] = squares;
  }
}

template <int ROWS, int COLUMNS>
__device__ void convolve(const resfuse::Convolution& p) {
  __shared__ unsigned arrived;
  if (blockIdx.y % p.slices != 0) return;
  const int column = blockIdx.x % p.columnTiles * COLUMNS + threadIdx.x;
  if (threadIdx.x < COLUMNS && column < p.outputs) convolveColumn<ROWS>(p, column);
  // What follows from the statistics of all blocks is derived by the last of them.
  if (p.arrivals) resfuse::endBatch<ROWS, COLUMNS, false>(p, &arrived);
}

}  // namespace naive

extern "C" {
__global__ __launch_bounds__(128) void conv_f32_128x128(const resfuse::Convolution p) { naive::convolve<128, 128>(p); }
__global__ __launch_bounds__(128) void conv_f32_128x64(const resfuse::Convolution p) { naive::convolve<128, 64>(p); }
__global__ __launch_bounds__(128) void conv_f32_64x64(const resfuse::Convolution p) { naive::convolve<64, 64>(p); }
__global__ __launch_bounds__(128) void conv_f32_128x32(const resfuse::Convolution p) { naive::convolve<128, 32>(p); }
}
