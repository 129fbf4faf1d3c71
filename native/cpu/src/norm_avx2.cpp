#define NORM_KERNELS norm_kernels_avx2
#include "norm_kernels.inc"
