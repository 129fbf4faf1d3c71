// Forward convolution of bytes on tensor cores, for int8. See integer_convolution.cuh.
#include "integer_convolution.cuh"

RESFUSE_INTEGER_CONVOLUTION(128, 128, 64, 64)
RESFUSE_INTEGER_CONVOLUTION(128, 64, 64, 32)
RESFUSE_INTEGER_CONVOLUTION(64, 64, 32, 32)
RESFUSE_INTEGER_CONVOLUTION(128, 32, 32, 32)
