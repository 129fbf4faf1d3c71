// Copies and fills against plain loops over host arrays.
#include <cstring>
#include <random>

#include "fixture.h"

namespace {

std::vector<uint8_t> noise(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(n);
  for (auto& b : bytes) b = static_cast<uint8_t>(random());
  return bytes;
}

// A place for bytes: pageable, page-locked, registered, device or managed.
struct Place {
  enum Kind { Pageable, Pinned, Registered, Device, Managed, kKinds };
  Kind kind;
  std::vector<uint8_t> bytes;
  void* host = nullptr;
  CUdeviceptr p = 0;

  Place(Kind k, const std::vector<uint8_t>& content) : kind(k), bytes(content) {
    switch (kind) {
      case Pageable: host = bytes.data(); break;
      case Registered:
        host = bytes.data();
        OK(cuMemHostRegister_v2(host, bytes.size(), 0));
        break;
      case Pinned: OK(cuMemAllocHost_v2(&host, bytes.size())); break;
      case Device: OK(cuMemAlloc_v2(&p, bytes.size())); break;
      default: OK(cuMemAllocManaged(&p, bytes.size(), CU_MEM_ATTACH_GLOBAL)); break;
    }
    if (host != nullptr) p = reinterpret_cast<CUdeviceptr>(host);
    if (kind != Pageable && kind != Registered)
      std::memcpy(reinterpret_cast<void*>(p), content.data(), content.size());
  }
  ~Place() {
    if (kind == Pinned) cuMemFreeHost(host);
    if (kind == Registered) cuMemHostUnregister(host);
    if (kind == Device || kind == Managed) cuMemFree_v2(p);
  }
  std::vector<uint8_t> read() const {
    const auto* at = reinterpret_cast<const uint8_t*>(p);
    return {at, at + bytes.size()};
  }
  CUmemorytype type() const { return host != nullptr ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE; }
};

CUDA_MEMCPY3D shape(const Place& from, size_t fx, size_t fy, size_t fz, size_t fPitch, size_t fHeight, const Place& to,
                    size_t tx, size_t ty, size_t tz, size_t tPitch, size_t tHeight, size_t w, size_t h, size_t d) {
  CUDA_MEMCPY3D s{};
  s.srcXInBytes = fx, s.srcY = fy, s.srcZ = fz, s.srcPitch = fPitch, s.srcHeight = fHeight;
  s.srcMemoryType = from.type(), s.srcHost = from.host, s.srcDevice = from.p;
  s.dstXInBytes = tx, s.dstY = ty, s.dstZ = tz, s.dstPitch = tPitch, s.dstHeight = tHeight;
  s.dstMemoryType = to.type(), s.dstHost = to.host, s.dstDevice = to.p;
  s.WidthInBytes = w, s.Height = h, s.Depth = d;
  return s;
}

std::vector<uint8_t> expected3D(const std::vector<uint8_t>& from, std::vector<uint8_t> to, const CUDA_MEMCPY3D& s) {
  for (size_t z = 0; z < s.Depth; ++z)
    for (size_t y = 0; y < s.Height; ++y)
      for (size_t x = 0; x < s.WidthInBytes; ++x)
        to[((z + s.dstZ) * s.dstHeight + y + s.dstY) * s.dstPitch + x + s.dstXInBytes] =
            from[((z + s.srcZ) * s.srcHeight + y + s.srcY) * s.srcPitch + x + s.srcXInBytes];
  return to;
}

}  // namespace

TEST(linearBetweenAllKindsOfMemory) {
  Context context;
  for (int from = 0; from < Place::kKinds; ++from) {
    for (int to = 0; to < Place::kKinds; ++to) {
      for (bool async : {false, true}) {
        const auto content = noise(5001, static_cast<unsigned>(from * 10 + to));
        Place a(static_cast<Place::Kind>(from), content), b(static_cast<Place::Kind>(to), std::vector<uint8_t>(5001));
        if (async) {
          OK(cuMemcpyAsync(b.p + 1, a.p + 3, 4990, nullptr));
        } else {
          OK(cuMemcpy(b.p + 1, a.p + 3, 4990));
        }
        OK(cuCtxSynchronize());
        std::vector<uint8_t> expected(5001);
        std::copy(content.begin() + 3, content.begin() + 4993, expected.begin() + 1);
        CHECK_MSG(b.read() == expected, std::to_string(from) + " to " + std::to_string(to));
      }
    }
  }
}

TEST(namedLinearCopies) {
  Context context;
  const auto content = noise(999, 5);
  Buffer a(999), b(999);
  std::vector<uint8_t> got(999);
  OK(cuMemcpyHtoD_v2(a.p, content.data(), 999));
  OK(cuMemcpyDtoD_v2(b.p, a.p, 999));
  OK(cuMemcpyDtoH_v2(got.data(), b.p, 999));
  CHECK(got == content);
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, 0));
  std::fill(got.begin(), got.end(), uint8_t{0});
  OK(cuMemsetD8_v2(a.p, 0, 999));
  OK(cuMemcpyHtoDAsync_v2(a.p, content.data(), 999, stream));
  OK(cuMemcpyDtoDAsync_v2(b.p, a.p, 999, stream));
  OK(cuMemcpyDtoHAsync_v2(got.data(), b.p, 999, stream));
  CHECK(got == content);  // to pageable memory: done when the call returns
  OK(cuMemcpyPeer(b.p, context.handle, a.p, context.handle, 5));
}

TEST(copyRefuses) {
  Context context;
  Buffer a(100);
  char host[200];
  FAILS(cuMemcpyHtoD_v2(a.p, host, 101), CUDA_ERROR_INVALID_VALUE);
  CHECK(lastMessage().find("1 beyond the end") != std::string::npos);
  FAILS(cuMemcpyHtoD_v2(a.p + 60, host, 41), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemcpyDtoH_v2(host, a.p - 1, 4), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemcpyHtoD_v2(reinterpret_cast<CUdeviceptr>(host), host, 4), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemcpyHtoD_v2(a.p, nullptr, 4), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemcpyHtoD_v2(0, host, 4), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemcpyHtoD_v2(0, nullptr, 0));  // nothing to do
  FAILS(cuMemcpy2D_v2(nullptr), CUDA_ERROR_INVALID_VALUE);
  CUDA_MEMCPY2D s{};
  s.srcMemoryType = CU_MEMORYTYPE_HOST, s.srcHost = host, s.srcPitch = 10;
  s.dstMemoryType = CU_MEMORYTYPE_DEVICE, s.dstDevice = a.p, s.dstPitch = 10;
  s.WidthInBytes = 10, s.Height = 10;
  OK(cuMemcpy2D_v2(&s));
  s.Height = 11;
  FAILS(cuMemcpy2D_v2(&s), CUDA_ERROR_INVALID_VALUE);
  s.Height = 10, s.dstPitch = 9;
  FAILS(cuMemcpy2D_v2(&s), CUDA_ERROR_INVALID_VALUE);
  s.dstPitch = 10, s.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  FAILS(cuMemcpy2D_v2(&s), CUDA_ERROR_NOT_SUPPORTED);
  s.dstMemoryType = static_cast<CUmemorytype>(17);
  FAILS(cuMemcpy2D_v2(&s), CUDA_ERROR_INVALID_VALUE);
}

TEST(asynchronousCopiesFromPageableMemoryTakeItAtOnce) {
  Context context;
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  Buffer a(4);
  {
    Gate gate(stream);
    int value = 11;
    OK(cuMemcpyHtoDAsync_v2(a.p, &value, 4, stream));
    value = 22;
  }
  OK(cuStreamSynchronize(stream));
  CHECK_EQ(a.read<int>(1)[0], 11);
  // Page-locked memory is read when the stream gets there.
  void* pinned = nullptr;
  OK(cuMemAllocHost_v2(&pinned, 4));
  {
    Gate gate(stream);
    *static_cast<int*>(pinned) = 33;
    OK(cuMemcpyHtoDAsync_v2(a.p, pinned, 4, stream));
    *static_cast<int*>(pinned) = 44;
  }
  OK(cuStreamSynchronize(stream));
  CHECK_EQ(a.read<int>(1)[0], 44);
}

TEST(twoAndThreeDimensions) {
  Context context;
  std::mt19937 random(7);
  auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  for (int round = 0; round < 200; ++round) {
    const auto from = static_cast<Place::Kind>(below(Place::kKinds)),
               to = static_cast<Place::Kind>(below(Place::kKinds));
    const size_t w = 1 + below(30), h = 1 + below(6), d = round % 2 == 0 ? 1 : 1 + below(4);
    const size_t fx = below(5), fy = below(3), fz = d > 1 ? below(3) : 0, tx = below(5), ty = below(3),
                 tz = d > 1 ? below(3) : 0;
    const size_t fp = fx + w + below(9), tp = tx + w + below(9), fh = fy + h + below(3), th = ty + h + below(3);
    const auto content = noise(fp * fh * (fz + d), static_cast<unsigned>(round)), old = noise(tp * th * (tz + d), 99);
    Place a(from, content), b(to, old);
    const CUDA_MEMCPY3D s = shape(a, fx, fy, fz, fp, fh, b, tx, ty, tz, tp, th, w, h, d);
    if (d == 1 && fz == 0 && tz == 0 && round % 4 == 0) {
      CUDA_MEMCPY2D two{};
      two.srcXInBytes = fx, two.srcY = fy, two.srcMemoryType = s.srcMemoryType, two.srcHost = s.srcHost,
      two.srcDevice = s.srcDevice;
      two.srcPitch = fp, two.dstXInBytes = tx, two.dstY = ty, two.dstMemoryType = s.dstMemoryType,
      two.dstHost = s.dstHost;
      two.dstDevice = s.dstDevice, two.dstPitch = tp, two.WidthInBytes = w, two.Height = h;
      OK(round % 8 == 0 ? cuMemcpy2D_v2(&two) : cuMemcpy2DAsync_v2(&two, nullptr));
    } else {
      OK(round % 3 == 0 ? cuMemcpy3D_v2(&s) : cuMemcpy3DAsync_v2(&s, nullptr));
    }
    OK(cuCtxSynchronize());
    CHECK_MSG(b.read() == expected3D(content, old, s), "round " + std::to_string(round));
  }
}

TEST(threeDimensionsRefuse) {
  Context context;
  Place a(Place::Device, noise(4 * 5 * 6, 1)), b(Place::Device, noise(4 * 5 * 6, 2));
  CUDA_MEMCPY3D s = shape(a, 0, 0, 0, 4, 5, b, 0, 0, 0, 4, 5, 4, 5, 6);
  OK(cuMemcpy3D_v2(&s));
  s.Depth = 7;
  FAILS(cuMemcpy3D_v2(&s), CUDA_ERROR_INVALID_VALUE);
  s.Depth = 6, s.srcZ = 1;
  FAILS(cuMemcpy3D_v2(&s), CUDA_ERROR_INVALID_VALUE);
  s.srcZ = 0, s.srcHeight = 4;
  FAILS(cuMemcpy3D_v2(&s), CUDA_ERROR_INVALID_VALUE);
  s.srcHeight = 5, s.srcLOD = 1;
  FAILS(cuMemcpy3D_v2(&s), CUDA_ERROR_INVALID_VALUE);
  s.srcLOD = 0, s.Depth = SIZE_MAX / 2;
  FAILS(cuMemcpy3D_v2(&s), CUDA_ERROR_INVALID_VALUE);
}

TEST(fills) {
  Context context;
  for (bool async : {false, true}) {
    Buffer a(1000);
    OK(cuMemsetD8_v2(a.p, 0xff, 1000));
    if (async) {
      OK(cuMemsetD8Async(a.p + 1, 0xab, 3, nullptr));
      OK(cuMemsetD16Async(a.p + 10, 0x1234, 5, nullptr));
      OK(cuMemsetD32Async(a.p + 100, 0xdeadbeef, 7, nullptr));
      OK(cuMemsetD2D8Async(a.p + 200, 20, 0x55, 3, 4, nullptr));
      OK(cuMemsetD2D16Async(a.p + 400, 20, 0x6677, 3, 4, nullptr));
      OK(cuMemsetD2D32Async(a.p + 600, 20, 0x8899aabb, 3, 4, nullptr));
    } else {
      OK(cuMemsetD8_v2(a.p + 1, 0xab, 3));
      OK(cuMemsetD16_v2(a.p + 10, 0x1234, 5));
      OK(cuMemsetD32_v2(a.p + 100, 0xdeadbeef, 7));
      OK(cuMemsetD2D8_v2(a.p + 200, 20, 0x55, 3, 4));
      OK(cuMemsetD2D16_v2(a.p + 400, 20, 0x6677, 3, 4));
      OK(cuMemsetD2D32_v2(a.p + 600, 20, 0x8899aabb, 3, 4));
    }
    std::vector<uint8_t> e(1000, 0xff);
    for (int i = 0; i < 3; ++i) e[static_cast<size_t>(1 + i)] = 0xab;
    auto put = [&](size_t at, uint32_t value, size_t size) { std::memcpy(&e[at], &value, size); };
    for (size_t i = 0; i < 5; ++i) put(10 + 2 * i, 0x1234, 2);
    for (size_t i = 0; i < 7; ++i) put(100 + 4 * i, 0xdeadbeef, 4);
    for (size_t y = 0; y < 4; ++y) {
      for (size_t x = 0; x < 3; ++x) {
        put(200 + 20 * y + x, 0x55, 1);
        put(400 + 20 * y + 2 * x, 0x6677, 2);
        put(600 + 20 * y + 4 * x, 0x8899aabb, 4);
      }
    }
    CHECK(a.read<uint8_t>(1000) == e);
  }
}

TEST(fillRefuses) {
  Context context;
  Buffer a(100);
  FAILS(cuMemsetD8_v2(a.p, 0, 101), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemsetD16_v2(a.p + 1, 0, 1), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemsetD32_v2(a.p + 2, 0, 1), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemsetD2D32_v2(a.p, 8, 0, 3, 2), CUDA_ERROR_INVALID_VALUE);  // rows overlap
  FAILS(cuMemsetD2D8_v2(a.p, 50, 0, 51, 1), CUDA_SUCCESS);             // one row needs no pitch
  FAILS(cuMemsetD32_v2(a.p, 0, SIZE_MAX / 2), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuMemsetD8_v2(0, 0, 1), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemsetD8_v2(a.p, 0, 0));
}

MAIN()
