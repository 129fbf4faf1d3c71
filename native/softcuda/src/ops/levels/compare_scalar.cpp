#define SOFTCUDA_LEVEL scalar
#include "../kernels/compare.inl"
