// Forward convolution and the gradient of its input on tensor cores, bf16. See convolution.cuh.
#include "convolution.cuh"

RESFUSE_CONVOLUTION(BF16, bf16, 128, 128, 64, 64)
RESFUSE_CONVOLUTION(BF16, bf16, 128, 64, 64, 32)
RESFUSE_CONVOLUTION(BF16, bf16, 64, 64, 32, 32)
RESFUSE_CONVOLUTION(BF16, bf16, 128, 32, 32, 32)
