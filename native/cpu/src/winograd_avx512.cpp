#define WINOGRAD_KERNELS winograd_kernels_avx512
#define WINOGRAD_ROWS 12
#define WINOGRAD_CHANNELS 8
#include "winograd_kernels.inc"
