#define NORM_KERNELS norm_kernels_avx512
#include "norm_kernels.inc"
