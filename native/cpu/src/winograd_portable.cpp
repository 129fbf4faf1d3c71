#define WINOGRAD_KERNELS winograd_kernels_portable
#define WINOGRAD_ROWS 4
#include "winograd_kernels.inc"
