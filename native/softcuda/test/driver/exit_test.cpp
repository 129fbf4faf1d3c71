// Static objects that let go of their memory and context when the program ends, after the main thread's own objects.
#include <cstdio>
#include <cstdlib>

#include "fixture.h"

namespace {

struct Holder {
  CUcontext context = nullptr;
  CUdeviceptr memory = 0;
  ~Holder() {
    int value = 0;
    const CUresult read = cuMemcpyDtoH_v2(&value, memory, sizeof value), freed = cuMemFree_v2(memory),
                   refused = cuMemFree_v2(memory);
    const bool explained = lastMessage().find("cuMemFree") != std::string::npos;
    const CUresult destroyed = cuCtxDestroy_v2(context);
    if (read == CUDA_SUCCESS && value == 7 && freed == CUDA_SUCCESS && refused == CUDA_ERROR_INVALID_VALUE &&
        explained && destroyed == CUDA_SUCCESS)
      return;
    std::fprintf(stderr, "at the end: %d %d %d %d %d %d\n", read, value, freed, refused, explained, destroyed);
    std::_Exit(1);
  }
};

}  // namespace

TEST(staticObjectsUseTheDriverAtTheEnd) {
  static Holder holder;
  OK(cuInit(0));
  OK(cuCtxCreate_v2(&holder.context, 0, 0));
  OK(cuMemAlloc_v2(&holder.memory, 4));
  const int seven = 7;
  OK(cuMemcpyHtoD_v2(holder.memory, &seven, sizeof seven));
}

MAIN()
