#define SOFTCUDA_LEVEL scalar
#include "../kernels/convert.inl"
