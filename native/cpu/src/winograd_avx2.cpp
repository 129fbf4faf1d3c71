#define WINOGRAD_KERNELS winograd_kernels_avx2
#define WINOGRAD_ROWS 6
#define WINOGRAD_CHANNELS 4
#include "winograd_kernels.inc"
