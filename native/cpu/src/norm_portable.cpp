#define NORM_KERNELS norm_kernels_portable
#include "norm_kernels.inc"
