#define SOFTCUDA_LEVEL scalar
#include "../kernels/float.inl"
