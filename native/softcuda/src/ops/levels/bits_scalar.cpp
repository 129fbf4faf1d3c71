#define SOFTCUDA_LEVEL scalar
#include "../kernels/bits.inl"
