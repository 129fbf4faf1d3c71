#define SOFTCUDA_LEVEL scalar
#include "../kernels/half.inl"
