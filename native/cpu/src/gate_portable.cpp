#define GATE_KERNELS gate_kernels_portable
#include "gate_kernels.inc"
