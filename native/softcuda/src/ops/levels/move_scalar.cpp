#define SOFTCUDA_LEVEL scalar
#include "../kernels/move.inl"
