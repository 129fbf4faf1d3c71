// Squeeze and excitation (Hu et al. 2017, section 3) with the residual and the ReLU behind it, in as few passes over memory as
// there can be.
//
// With P = pixels, per image n
//
//   forward:   mean[c] = sum over p of x[c, p] / P
//              hidden[r] = max(0, b1[r] + sum over c of w1[r, c] mean[c])
//              gate[c] = 1 / (1 + exp(-(b2[c] + sum over r of w2[c, r] hidden[r])))
//              out = relu(gate[c] x [+ residual])
//   backward:  dz = dout where out is positive (everywhere without a ReLU), else 0; it is left in dout
//              dlogit[c] = gate (1 - gate) sum over p of dz x
//              dhidden[r] = sum over c of w2[c, r] dlogit[c] where hidden is positive, else 0
//              dmean[c] = sum over r of w1[r, c] dhidden[r]
//              dx = gate[c] dz + dmean[c] / P
//   and over all images
//              dw2[c, r] = sum over n of dlogit[n, c] hidden[n, r],  db2[c] = sum over n of dlogit[n, c]
//              dw1[r, c] = sum over n of dhidden[n, r] mean[n, c],  db1[r] = sum over n of dhidden[n, r]
//
// Sums over pixels and images are in float64, those of the products in float32, each in an order that neither the number of
// threads nor that of images changes. Means, hidden values, gates and their gradients are float32 whatever the tensors are.
//
// Bytes per element, of float32: forward 8 (x for the means and once more) + 4 (out) [+ 4 (residual)]; backward 8 (x and dout)
// [+ 8 (out, dz)] + 4 (dz once more) + 4 (dx).
#pragma once

#include <cstdint>

#include "norm.h"

namespace resfuse {

// Arguments, as Java lays them out: eight bytes each, in this order.
struct GateArguments {
  // Tensors, of images * channels * pixels elements. Blocks: (images, channels / block, pixels, block); block 0: (images,
  // pixels, channels); block 1 is therefore (images, channels, pixels).
  const void* x;
  const void* residual;  // null if there is none
  void* out;             // forward written, may be residual; backward read if there is a ReLU
  void* dout;
  void* dx;              // null if it is not wanted; may be dout
  const float* w1;       // [reduced][channels]
  const float* b1;       // [reduced]
  const float* w2;       // [channels][reduced]
  const float* b2;       // [channels]
  // Of all images; written forward, read backward.
  float* mean;    // [images][channels]
  float* hidden;  // [images][reduced]
  float* gate;    // [images][channels]
  // Backward, written.
  float* dlogit;   // [images][channels]
  float* dhidden;  // [images][reduced]
  float* dmean;    // [images][channels]
  float* dw1;      // null if it is not wanted, as are the next
  float* db1;
  float* dw2;
  float* db2;
  int64_t images;
  int64_t channels;
  int64_t pixels;
  int64_t reduced;
  int64_t block;  // 0, 1, 8 or 16; divides channels
  ElementType type;
  int64_t relu;
  int64_t accumulate;  // whether dw1 to db2 are added to what is there
};

// The kernels of one instruction set.
struct GateKernels {
  void (*forward)(const GateArguments&);
  void (*backward)(const GateArguments&);
};

const GateKernels& gate_kernels_portable();
const GateKernels& gate_kernels_avx2();
const GateKernels& gate_kernels_avx512();

}  // namespace resfuse
