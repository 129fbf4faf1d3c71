// Forward convolution and the gradient of its input in true fp32. See convolution.cuh.
#include "convolution.cuh"

RESFUSE_CONVOLUTION(F32, f32, 128, 128, 32, 64)
RESFUSE_CONVOLUTION(F32, f32, 128, 64, 32, 64)
RESFUSE_CONVOLUTION(F32, f32, 64, 64, 32, 32)
RESFUSE_CONVOLUTION(F32, f32, 128, 32, 32, 32)
