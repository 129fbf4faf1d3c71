#define SOFTCUDA_LEVEL scalar
#include "../kernels/logic.inl"
