#define WINOGRAD_KERNELS winograd_kernels_avx2
#define WINOGRAD_ROWS 6
#include "winograd_kernels.inc"
