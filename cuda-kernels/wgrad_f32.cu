// The gradient of a convolution's weights in true fp32. See weight_gradient.cuh.
#include "weight_gradient.cuh"

RESFUSE_WEIGHT_GRADIENT(F32, f32, 128, 128, 32, 64)
RESFUSE_WEIGHT_GRADIENT(F32, f32, 128, 64, 32, 64)
RESFUSE_WEIGHT_GRADIENT(F32, f32, 64, 128, 32, 64)
RESFUSE_WEIGHT_GRADIENT(F32, f32, 64, 64, 32, 32)
RESFUSE_WEIGHT_GRADIENT(F32, f32, 128, 32, 32, 32)
