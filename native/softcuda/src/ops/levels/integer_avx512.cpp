#define SOFTCUDA_LEVEL avx512
#define SOFTCUDA_WANTS_AVX512 1
#include "../kernels/integer.inl"
