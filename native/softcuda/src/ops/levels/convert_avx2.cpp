#define SOFTCUDA_LEVEL avx2
#define SOFTCUDA_WANTS_AVX2 1
#include "../kernels/convert.inl"
