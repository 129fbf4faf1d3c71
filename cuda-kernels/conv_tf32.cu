// Forward convolution and the gradient of its input on tensor cores, tf32. See convolution.cuh.
#include "convolution.cuh"

RESFUSE_CONVOLUTION(TF32, tf32, 128, 128, 64, 64)
RESFUSE_CONVOLUTION(TF32, tf32, 128, 64, 64, 32)
RESFUSE_CONVOLUTION(TF32, tf32, 64, 64, 32, 32)
RESFUSE_CONVOLUTION(TF32, tf32, 128, 32, 32, 32)
