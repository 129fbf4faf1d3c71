#define SOFTCUDA_LEVEL scalar
#include "../kernels/integer.inl"
