// Functions that CUDA's own runtime provides: printf, assert, malloc, free.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "machine/instructions.h"
#include "machine/memory_access.h"
#include "program/address_space.h"

namespace softcuda {
namespace {

void toStdout(const char* text, size_t length) {
  std::fwrite(text, 1, length, stdout);
  std::fflush(stdout);
}

std::mutex sinkMutex;
void (*sink)(const char*, size_t) = toStdout;

}  // namespace

void setPrintfSink(void (*to)(const char* text, size_t length)) {
  std::lock_guard lock(sinkMutex);
  sink = to != nullptr ? to : toStdout;
}

namespace machine {
namespace {

constexpr size_t kLongestString = 1 << 16;

// Reads what a generic address points to, for one lane.
void readGeneric(const Context& c, uint32_t lane, uint64_t address, void* to, size_t bytes, const char* what) {
  if (address - kLocalWindow < kLocalWindowSize) {
    const uint64_t offset = address - kLocalWindow;
    if (offset + bytes > c.frame->localTop)
      throw Fault{kIllegalAddress, std::string(what) + " reads outside of the thread's local memory", lane, "", false};
    c.warp.readLocal(lane, offset, to, bytes);
    return;
  }
  if (address - kSharedWindow < kSharedWindowSize) {
    const uint64_t offset = address - kSharedWindow;
    if (offset + bytes > c.block.sharedBytes)
      throw Fault{kIllegalAddress, std::string(what) + " reads outside of shared memory", lane, "", false};
    std::memcpy(to, c.block.shared + offset, bytes);
    return;
  }
  Allocation found;
  if (!c.worker.memory.find(address, &found) || address + bytes > found.base + found.size)
    throw Fault{kIllegalAddress, std::string(what) + " reads " + c.worker.memory.describe(address), lane, "", false};
  const std::string outOfReach = whyOutOfReach(c.worker, found);
  if (!outOfReach.empty())
    throw Fault{kIllegalAddress, std::string(what) + " reads " + c.worker.memory.describe(address) + ": " + outOfReach,
                lane, "", false};
  std::memcpy(to, reinterpret_cast<const void*>(address), bytes);
}

std::string readString(const Context& c, uint32_t lane, uint64_t address, const char* what) {
  std::string text;
  while (text.size() < kLongestString) {
    char one;
    readGeneric(c, lane, address + text.size(), &one, 1, what);
    if (one == '\0') break;
    text += one;
  }
  return text;
}

// Follows the format as CUDA's printf does. Arguments lie one after the other, each aligned to its size.
std::string formatted(const Context& c, uint32_t lane, const std::string& format, uint64_t arguments,
                      uint32_t* count) {
  std::string out;
  uint64_t at = arguments;
  *count = 0;
  auto take = [&](size_t bytes) {
    at = (at + bytes - 1) / bytes * bytes;
    uint64_t value = 0;
    readGeneric(c, lane, at, &value, bytes, "printf");
    at += bytes;
    ++*count;
    return value;
  };
  for (size_t i = 0; i < format.size();) {
    if (format[i] != '%') {
      out += format[i++];
      continue;
    }
    if (i + 1 < format.size() && format[i + 1] == '%') {
      out += '%';
      i += 2;
      continue;
    }
    std::string spec = "%";
    size_t k = i + 1;
    bool valid = true;
    int width = 0;
    auto number = [&] {
      width = 0;
      while (k < format.size() && format[k] >= '0' && format[k] <= '9') {
        width = width * 10 + (format[k] - '0');
        if (width > 4096) valid = false, width = 4096;
        spec += format[k++];
      }
    };
    while (k < format.size() && std::strchr("-+ #0", format[k]) != nullptr) spec += format[k++];
    if (k < format.size() && format[k] == '*') {
      spec += std::to_string(std::max(-4096, std::min(4096, static_cast<int>(static_cast<uint32_t>(take(4))))));
      ++k;
    } else {
      number();
    }
    if (k < format.size() && format[k] == '.') {
      spec += format[k++];
      if (k < format.size() && format[k] == '*') {
        spec += std::to_string(std::max(0, std::min(4096, static_cast<int>(static_cast<uint32_t>(take(4))))));
        ++k;
      } else {
        number();
      }
    }
    std::string size;
    while (k < format.size() && std::strchr("hlLjzt", format[k]) != nullptr && size.size() < 2) size += format[k++];
    if (k >= format.size() || spec.size() > 64) valid = false;
    const char conversion = valid ? format[k] : '\0';
    if (conversion == '\0' ||
        std::strchr("diuoxXcfFeEgGaAsp", conversion) == nullptr) {  // no conversion: as it stands
      out += format[i++];
      continue;
    }
    const bool eight = size == "l" || size == "ll" || size == "j" || size == "z" || size == "t";
    char text[8192];
    if (std::strchr("di", conversion) != nullptr) {
      int64_t value;
      if (eight) {
        value = static_cast<int64_t>(take(8));
      } else {
        value = static_cast<int32_t>(take(4));
        if (size == "h") value = static_cast<int16_t>(value);
        if (size == "hh") value = static_cast<int8_t>(value);
      }
      std::snprintf(text, sizeof text, (spec + "ll" + conversion).c_str(), static_cast<long long>(value));
    } else if (std::strchr("uoxX", conversion) != nullptr) {
      uint64_t value = take(eight ? 8 : 4);
      if (size == "h") value &= 0xffff;
      if (size == "hh") value &= 0xff;
      std::snprintf(text, sizeof text, (spec + "ll" + conversion).c_str(), static_cast<unsigned long long>(value));
    } else if (conversion == 'c') {
      std::snprintf(text, sizeof text, (spec + 'c').c_str(), static_cast<int>(take(4)));
    } else if (conversion == 'p') {
      std::snprintf(text, sizeof text, (spec + 'p').c_str(), reinterpret_cast<void*>(take(8)));
    } else if (conversion == 's') {
      const uint64_t address = take(8);
      const std::string value = address == 0 ? "(null)" : readString(c, lane, address, "printf");
      if (spec == "%") {
        out += value;
        text[0] = '\0';
      } else {
        std::snprintf(text, sizeof text, (spec + 's').c_str(), value.c_str());
      }
    } else {
      const uint64_t bits = take(8);
      double value;
      std::memcpy(&value, &bits, 8);
      std::snprintf(text, sizeof text, (spec + conversion).c_str(), value);
    }
    out += text;
    i = k + 1;
  }
  return out;
}

}  // namespace

void callBuiltin(const Context& c, const CallSite& site, uint32_t mask) {
  auto argument = [&](uint32_t lane, size_t index, size_t bytes) {
    uint64_t value = 0;
    c.warp.readLocal(lane, c.frame->localBase + site.arguments[index].place.offset, &value, bytes);
    return value;
  };
  auto giveResult = [&](uint32_t lane, uint64_t value) {
    c.warp.writeLocal(lane, c.frame->localBase + site.results[0].place.offset, &value,
                      site.results[0].place.size < 8 ? site.results[0].place.size : 8);
  };
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    switch (site.builtin) {
      case Builtin::Vprintf: {
        const std::string format = readString(c, lane, argument(lane, 0, 8), "printf");
        uint32_t count = 0;
        const std::string text = formatted(c, lane, format, argument(lane, 1, 8), &count);
        {
          std::lock_guard lock(sinkMutex);
          sink(text.data(), text.size());
        }
        giveResult(lane, count);
        break;
      }
      case Builtin::AssertFail: {
        const std::string message = readString(c, lane, argument(lane, 0, 8), "assert"),
                          file = readString(c, lane, argument(lane, 1, 8), "assert");
        const std::string function = readString(c, lane, argument(lane, 3, 8), "assert");
        const auto& size = c.worker.launch.launch.block;
        const uint32_t thread = c.warp.index * 32 + lane;
        char place[128];
        std::snprintf(place, sizeof place, "block: [%u,%u,%u], thread: [%u,%u,%u]", c.block.index[0], c.block.index[1],
                      c.block.index[2], thread % size[0], thread / size[0] % size[1], thread / size[0] / size[1]);
        const std::string text = file + ":" + std::to_string(argument(lane, 2, 4)) + ": " + function + ": " + place +
                                 " Assertion `" + message + "` failed.";
        std::fprintf(stderr, "%s\n", text.c_str());
        if ((lanes & (lanes - 1)) == 0)
          throw Fault{kAssert, "assertion failed: " + text, static_cast<uint32_t>(__builtin_ctz(mask)), "", false};
        break;
      }
      case Builtin::Malloc: {
        uint64_t address = 0;
        const uint64_t bytes = argument(lane, 0, 8);
        const Owner& owner = c.worker.launch.launch.owner;
        if (bytes != 0 && c.worker.memory.allocate(bytes, 16, AllocationKind::Device, &address, owner).code != 0)
          address = 0;
        giveResult(lane, address);
        break;
      }
      case Builtin::Free: {
        const uint64_t address = argument(lane, 0, 8);
        if (address == 0) break;
        for (AllocationCache& cache : c.worker.caches) cache = AllocationCache();
        if (c.worker.memory.release(address).code != 0)
          throw Fault{kLaunchFailed,
                      "free of an address that malloc did not give: " + c.worker.memory.describe(address), lane, "",
                      false};
        break;
      }
      default: break;
    }
  }
}

}  // namespace machine
}  // namespace softcuda
