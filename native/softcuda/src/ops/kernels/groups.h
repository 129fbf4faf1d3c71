// The finders of every group at every level. Each returns nullptr for keys that are not its own or that PTX does not
// have.
#pragma once
#include "../ops.h"

#define SOFTCUDA_GROUPS(X)                                                                                       \
  X(findInteger)                                                                                                 \
  X(findBits) X(findLogic) X(findCompare) X(findFloat) X(findApproximate) X(findHalf) X(findConvert) X(findMove) \
      X(findWarp) X(findMma)

namespace softcuda::ops {
#define SOFTCUDA_DECLARE(finder) LaneOp finder(const Key& key);
namespace scalar {
SOFTCUDA_GROUPS(SOFTCUDA_DECLARE)
}
namespace avx2 {
SOFTCUDA_GROUPS(SOFTCUDA_DECLARE)
}
namespace avx512 {
SOFTCUDA_GROUPS(SOFTCUDA_DECLARE)
}
#undef SOFTCUDA_DECLARE
}  // namespace softcuda::ops
