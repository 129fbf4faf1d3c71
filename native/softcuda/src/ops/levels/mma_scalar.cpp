#define SOFTCUDA_LEVEL scalar
#include "../kernels/mma.inl"
