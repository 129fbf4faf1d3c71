#define GATE_KERNELS gate_kernels_avx512
#include "gate_kernels.inc"
