#define SOFTCUDA_LEVEL scalar
#include "../kernels/warp.inl"
