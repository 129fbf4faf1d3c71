// softcuda's own functions (include/softcuda/softcuda.h).
#include "softcuda/softcuda.h"

#include <algorithm>
#include <cstring>

#include "driver/call.h"
#include "driver/device.h"
#include "driver/peers.h"

namespace {

size_t give(const std::string& from, char* text, size_t size) {
  if (text != nullptr && size > 0) {
    const size_t bytes = std::min(from.size(), size - 1);
    std::memcpy(text, from.data(), bytes);
    text[bytes] = '\0';
  }
  return from.size();
}

}  // namespace

extern "C" SOFTCUDA_API size_t softcudaLastReport(char* text, size_t size) {
  return give(softcuda::driver::lastReport(), text, size);
}
extern "C" SOFTCUDA_API size_t softcudaLastMessage(char* text, size_t size) {
  return give(softcuda::driver::lastMessage(), text, size);
}
extern "C" SOFTCUDA_API unsigned long long softcudaPeerCopyBytes(int from, int to) {
  const int count = softcuda::driver::deviceCount();
  const bool exist = from >= 0 && from < count && to >= 0 && to < count;
  return exist ? softcuda::driver::peerCopyBytes(from, to) : 0;
}
