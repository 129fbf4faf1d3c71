// What io.resfuse.engine.cuda.SoftCuda calls. Only numbers cross, so that no JDK headers are needed to build the
// library; the environment and the class, which come first in every JNI call, are not looked at.
#include <cstdint>
#include <cstring>
#include <string>

#include "driver/call.h"
#include "softcuda/softcuda.h"

namespace {

enum { kReport = 0, kMessage = 1, kCounters = 2 };

// The text that the calling thread has noted, padded so that it can be read eight bytes at a time.
thread_local std::string text;

using Give = size_t (*)(char*, size_t);

}  // namespace

extern "C" SOFTCUDA_API int32_t Java_io_resfuse_engine_cuda_SoftCuda_snapshot(void*, void*, int32_t which) {
  const Give give = which == kReport    ? softcudaLastReport
                    : which == kMessage ? softcudaLastMessage
                                        : softcudaLastCounters;
  size_t length = 0;
  do {
    // It may grow between the two calls.
    text.assign(give(nullptr, 0) + 1, '\0');
    length = give(&text[0], text.size());
  } while (length >= text.size());
  text.resize(length + 8, '\0');
  return static_cast<int32_t>(length);
}

extern "C" SOFTCUDA_API int64_t Java_io_resfuse_engine_cuda_SoftCuda_eightBytes(void*, void*, int32_t offset) {
  int64_t bytes = 0;
  if (offset >= 0 && static_cast<size_t>(offset) + sizeof bytes <= text.size())
    std::memcpy(&bytes, text.data() + offset, sizeof bytes);
  return bytes;
}

extern "C" SOFTCUDA_API void Java_io_resfuse_engine_cuda_SoftCuda_setCounters(void*, void*, int32_t on) {
  softcudaCollectCounters(on);
}

extern "C" SOFTCUDA_API void Java_io_resfuse_engine_cuda_SoftCuda_setSample(void*, void*, int64_t most) {
  softcudaSampleBlocks(most < 0 ? 0 : static_cast<unsigned long long>(most));
}

extern "C" SOFTCUDA_API int64_t Java_io_resfuse_engine_cuda_SoftCuda_peerBytes(void*, void*, int32_t from, int32_t to) {
  return static_cast<int64_t>(softcudaPeerCopyBytes(from, to));
}
