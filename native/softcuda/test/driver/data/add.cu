__device__ float scale = 2.0f;
extern "C" __global__ void add(const float* a, const float* b, float* c, int n){ int i = blockIdx.x*blockDim.x+threadIdx.x; if(i<n) c[i]=a[i]+scale*b[i]; }
