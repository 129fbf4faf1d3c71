#define GATE_KERNELS gate_kernels_avx2
#include "gate_kernels.inc"
