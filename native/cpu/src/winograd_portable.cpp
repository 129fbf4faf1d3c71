#define WINOGRAD_KERNELS winograd_kernels_portable
#define WINOGRAD_ROWS 4
#define WINOGRAD_CHANNELS 4
#include "winograd_kernels.inc"
