#define SOFTCUDA_LEVEL scalar
#include "../kernels/approximate.inl"
