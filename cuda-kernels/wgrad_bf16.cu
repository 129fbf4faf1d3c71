// The gradient of a convolution's weights on tensor cores, bf16. See weight_gradient.cuh.
#include "weight_gradient.cuh"

RESFUSE_WEIGHT_GRADIENT(BF16, bf16, 128, 128, 64, 64)
RESFUSE_WEIGHT_GRADIENT(BF16, bf16, 128, 64, 64, 32)
RESFUSE_WEIGHT_GRADIENT(BF16, bf16, 64, 128, 32, 64)
RESFUSE_WEIGHT_GRADIENT(BF16, bf16, 64, 64, 32, 32)
RESFUSE_WEIGHT_GRADIENT(BF16, bf16, 128, 32, 32, 32)
