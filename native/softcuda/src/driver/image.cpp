// What may be given to cuModuleLoadData: PTX text, or a fat binary (as nvcc -fatbin writes it, or behind the wrapper
// that it puts into executables) that holds PTX. Machine code cannot be run here.
#include <dlfcn.h>

#include <cstring>
#include <string>

#include "driver/call.h"
#include "driver/device.h"
#include "driver/module.h"

namespace softcuda::driver {

namespace {

constexpr uint32_t kWrapperMagic = 0x466243b1;
constexpr uint32_t kFatMagic = 0xba55ed50;
constexpr uint32_t kElfMagic = 0x464c457f;

constexpr uint16_t kKindPtx = 1;
constexpr uint64_t kFlagLz4 = 0x2000;
constexpr uint64_t kFlagZstd = 0x8000;
constexpr uint64_t kMostPtx = uint64_t{1} << 30;

struct Wrapper {
  uint32_t magic, version;
  const void* data;
  void* fileNameOrFatbins;
};

struct FatHeader {
  uint32_t magic;
  uint16_t version, headerSize;
  uint64_t size;  // of all entries
};

struct EntryHeader {
  uint16_t kind, version;
  uint32_t headerSize;
  uint64_t size;  // of what follows the header, padded
  uint32_t compressedSize, options;
  uint16_t minor, major;
  uint32_t architecture, nameOffset, nameSize;
  uint64_t flags, zero, plainSize;
};
static_assert(sizeof(FatHeader) == 16 && sizeof(EntryHeader) == 64, "the file's layout");

[[noreturn]] void corrupt(const char* what) {
  throw Error(CUDA_ERROR_INVALID_IMAGE, std::string("corrupt fat binary: ") + what);
}

// An LZ4 block (github.com/lz4/lz4, doc/lz4_Block_format.md).
std::string unpackLz4(const uint8_t* in, size_t size, size_t plainSize) {
  std::string out;
  out.reserve(plainSize);
  const uint8_t* const end = in + size;
  auto length = [&](unsigned nibble) {
    size_t n = nibble;
    if (nibble == 15) {
      uint8_t more = 255;
      while (more == 255) {
        if (in == end) corrupt("LZ4 data ends early");
        n += more = *in++;
      }
    }
    return n;
  };
  while (in < end) {
    const uint8_t token = *in++;
    const size_t literals = length(token >> 4);
    if (literals > static_cast<size_t>(end - in) || literals > plainSize - out.size())
      corrupt("LZ4 literals are too long");
    out.append(reinterpret_cast<const char*>(in), literals);
    in += literals;
    if (in == end) break;
    if (end - in < 2) corrupt("LZ4 data ends early");
    const size_t distance = in[0] | in[1] << 8;
    in += 2;
    const size_t match = length(token & 15) + 4;
    if (distance == 0 || distance > out.size() || match > plainSize - out.size())
      corrupt("a LZ4 match is out of range");
    for (size_t i = 0; i < match; ++i) out.push_back(out[out.size() - distance]);
  }
  if (out.size() != plainSize) corrupt("LZ4 data has another size than promised");
  return out;
}

std::string unpackZstd(const uint8_t* in, size_t size, size_t plainSize) {
  using Decompress = size_t (*)(void*, size_t, const void*, size_t);
  using IsError = unsigned (*)(size_t);
  static void* const library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto decompress = library ? reinterpret_cast<Decompress>(dlsym(library, "ZSTD_decompress")) : nullptr;
  const auto isError = library ? reinterpret_cast<IsError>(dlsym(library, "ZSTD_isError")) : nullptr;
  if (decompress == nullptr || isError == nullptr) {
    throw Error(CUDA_ERROR_INVALID_IMAGE,
                "the fat binary is packed with Zstandard and libzstd.so.1 is not there: install it, or compile with "
                "nvcc --compress-mode=none");
  }
  std::string out(plainSize, '\0');
  const size_t got = decompress(&out[0], out.size(), in, size);
  if (isError(got) || got != plainSize) corrupt("Zstandard data cannot be unpacked");
  return out;
}

// The PTX for the highest architecture that the device has.
std::string ptxOfFat(const uint8_t* fat) {
  FatHeader header;
  std::memcpy(&header, fat, sizeof header);
  if (header.headerSize < sizeof header) corrupt("its header is too short");
  const uint8_t* at = fat + header.headerSize;
  const uint8_t* const end = at + header.size;
  const uint32_t have = static_cast<uint32_t>(device().major * 10 + device().minor);
  const uint8_t* best = nullptr;
  EntryHeader chosen{};
  std::string seen;
  while (static_cast<size_t>(end - at) >= sizeof(EntryHeader)) {
    EntryHeader entry;
    std::memcpy(&entry, at, sizeof entry);
    if (entry.headerSize < sizeof entry || entry.headerSize > static_cast<size_t>(end - at) ||
        entry.size > static_cast<size_t>(end - at) - entry.headerSize) {
      corrupt("an entry reaches beyond its end");
    }
    seen += (seen.empty() ? "" : ", ") +
            std::string(entry.kind == kKindPtx ? "PTX for compute_" : "machine code for sm_") +
            std::to_string(entry.architecture);
    if (entry.kind == kKindPtx && entry.architecture <= have &&
        (best == nullptr || entry.architecture > chosen.architecture)) {
      best = at + entry.headerSize;
      chosen = entry;
    }
    at += entry.headerSize + entry.size;
  }
  if (best == nullptr) {
    throw Error(CUDA_ERROR_NO_BINARY_FOR_GPU, "the fat binary has no PTX that sm_" + std::to_string(have) +
                                                  " can take; it has " + (seen.empty() ? "nothing" : seen) +
                                                  ". Compile with -gencode arch=compute_80,code=compute_80");
  }
  const bool packed = (chosen.flags & (kFlagLz4 | kFlagZstd)) != 0;
  const size_t bytes = packed ? chosen.compressedSize : chosen.size;
  if (bytes > chosen.size || (packed && chosen.plainSize > kMostPtx))
    corrupt("an entry's sizes contradict each other");
  std::string text = (chosen.flags & kFlagZstd) != 0  ? unpackZstd(best, bytes, chosen.plainSize)
                     : (chosen.flags & kFlagLz4) != 0 ? unpackLz4(best, bytes, chosen.plainSize)
                                                      : std::string(reinterpret_cast<const char*>(best), bytes);
  return text.c_str();  // up to its terminating zero
}

}  // namespace

std::string ptxOf(const void* image) {
  // Only what the first byte allows is read further: a text may be shorter than a magic number.
  const auto* bytes = static_cast<const uint8_t*>(image);
  const uint8_t first = bytes[0];
  if (first == (kWrapperMagic & 0xff) && bytes[1] == (kWrapperMagic >> 8 & 0xff)) {
    Wrapper wrapper;
    std::memcpy(&wrapper, image, sizeof wrapper);
    if (wrapper.magic != kWrapperMagic || wrapper.data == nullptr) corrupt("bad wrapper");
    return ptxOf(wrapper.data);
  }
  if (first == (kFatMagic & 0xff) && bytes[1] == (kFatMagic >> 8 & 0xff)) {
    uint32_t magic;
    std::memcpy(&magic, image, sizeof magic);
    if (magic != kFatMagic) corrupt("bad magic number");
    return ptxOfFat(bytes);
  }
  if (first == (kElfMagic & 0xff) && bytes[1] == 'E') {
    throw Error(CUDA_ERROR_NO_BINARY_FOR_GPU,
                "this is machine code (a cubin); softcuda executes PTX: compile with -ptx, or -gencode "
                "arch=compute_80,code=compute_80");
  }
  if (first == 0) throw Error(CUDA_ERROR_INVALID_IMAGE, "the image is empty");
  return static_cast<const char*>(image);
}

}  // namespace softcuda::driver
