#include <algorithm>
#include <cstring>

#include "../support/test.h"

using namespace test;

TEST(memory_constants) {
  Module m("memory");
  const auto v = randomIntegers<int>(64, -500, 500);
  m.setGlobal("table", v);
  Buffer<double> out(64);
  m.run("readConstants", {1, 64}, out);
  const float weights[] = {0.5f, -1.25f, 1e-30f};
  const int offsets[] = {1, -2, 3};
  std::vector<double> expected(64);
  for (int t = 0; t < 64; t++)
    expected[t] = static_cast<double>(static_cast<float>(v[t] + v[t * 7 % 64] * 1000) + weights[t % 3]) +
                  2.5 * offsets[t % 3] + "hello"[t % 6];
  expectNear("constants", out.download(), expected, 0);
}

TEST(memory_globals) {
  Module m("memory");
  Buffer<long long> out(10);
  long long text = 0;
  for (char c : std::string("firstsecond")) text += c;
  for (int launch = 0; launch < 3; launch++) {
    m.run("readGlobals", {1, 1}, out);
    expectEqual<long long>("globals", out.download(),
                           {10 + 2000 + 300000, 0, 7 + launch, 30, -125, text, 506,
                            static_cast<long long>(0xfeedfacecafebeefull), -32767, 4});
  }
  expectEqual<int>("counter", m.getGlobal<int>("counter", 1), {10});
  // another copy of the module has globals of its own
  expectEqual<int>("counter", Module("memory").getGlobal<int>("counter", 1), {7});
}

struct Large {
  int values[200];
  double weights[100];
  short tail[3];
};

static Large large() {
  Large p;
  std::memset(&p, 0, sizeof p);
  for (int i = 0; i < 200; i++) p.values[i] = i * i - 1000;
  for (int i = 0; i < 100; i++) p.weights[i] = i * 7;
  for (int i = 0; i < 3; i++) p.tail[i] = static_cast<short>(-i);
  return p;
}

TEST(memory_parameters) {
  Module m("memory");
  const Large p = large();
  Buffer<long long> out(256);
  m.run("largeParameter", {1, 256}, p, out);
  std::vector<long long> expected(256);
  for (int t = 0; t < 256; t++)
    expected[t] = p.values[t % 200] * 3 + static_cast<long long>(p.weights[t * 3 % 100]) + p.tail[t % 3];
  expectEqual("large", out.download(), expected);

  Buffer<int> ints(200);
  m.run("indexedParameter", {1, 200}, p, ints, 3);
  std::vector<int> expectedInts(200);
  for (int t = 0; t < 200; t++) expectedInts[t] = (t * 3 % 200 == t ? 5 : p.values[t * 3 % 200]) + 5;
  expectEqual("indexed", ints.download(), expectedInts);

  struct Int3 {
    int x, y, z;
  };
  struct alignas(4) Char4 {
    signed char x, y, z, w;
  };
  Buffer<double> many(16);
  m.run("manyParameters", {1, 1}, static_cast<signed char>(-1), static_cast<short>(-2), -3, -4ll, 5.5f, -6.25,
        static_cast<unsigned char>(200), Int3{7, 8, 9}, Char4{-10, 11, -12, 13}, many, true, many);
  expectEqual<double>("many", many.download(), {-1, -2, -3, -4, 5.5, -6.25, 200, 7, 8, 9, -10, 11, -12, 13, 1, 1});
}

TEST(memory_big_shared) {
  Module m("memory");
  Buffer<int> out(128);
  for (int words : {1, 1000, 12 * 1024, 24 * 1024}) {
    m.run("bigShared", {1, 128, static_cast<unsigned>(4 * words)}, out, words);
    std::vector<int> expected(128);
    for (int t = 0; t < 128; t++) {
      long long sum = 0;
      for (int i = t; i < words; i += 128) sum += (words - 1 - i) * 3;
      expected[t] = static_cast<int>(sum % 1000003) - t % 33 + t % 3;
    }
    expectEqual("sums", out.download(), expected);
  }
}

// More dynamic shared memory than the function has opted in to, or than there is.
TEST(memory_too_much_shared) {
  Module m("memory");
  Buffer<int> out(128);
  CHECK(m.tryRun("bigShared", {1, 128, 100u << 20}, out, 100) == CUDA_ERROR_INVALID_VALUE);
}

TEST(memory_generic) {
  Module m("memory");
  Buffer<int> global(std::vector<int>{11}), out(64);
  m.run("genericAddresses", {1, 32}, global, out);
  std::vector<int> expected;
  for (int t = 0; t < 32; t++) {
    const int values[] = {11, 22, t + 30, 44};
    expected.push_back(values[t % 4]);
    expected.push_back(1 << t % 4);
  }
  auto got = out.download();
  // whether the window of constants lies inside that of globals is the machine's affair
  for (int t = 3; t < 32; t += 4) got[2 * t + 1] &= ~1;
  expectEqual("generic", got, expected);
}

TEST(memory_vectors) {
  Module m("memory");
  const int bytes = 4096;
  const auto v = randomIntegers<unsigned char>(bytes, 0, 255);
  Buffer<unsigned char> in(v), out(16 * bytes);
  m.run("vectorCopies", {16, 64}, in, out, bytes);
  const auto got = out.download();
  for (int b = 0; b < 16; b++)
    expectEqual("copy " + std::to_string(b),
                std::vector<unsigned char>(got.begin() + b * bytes, got.begin() + (b + 1) * bytes), v);

  const auto ints = randomIntegers<int>(64, 0, 1000);
  Buffer<int> intsIn(ints), intsOut(320);
  m.run("cacheHints", {1, 64}, intsIn, intsOut);
  std::vector<int> expected(320);
  for (int t = 0; t < 64; t++) {
    expected[t] = 6 * ints[t];
    for (int k = 0; k < 4; k++) expected[64 * (k + 1) + t] = ints[t / 4 * 4 + k];
  }
  expectEqual("hints", intsOut.download(), expected);

  const auto reals = randomReals<double>(64, -1, 1);
  Buffer<double> realsIn(reals), realsOut(64);
  m.run("readOnly", {1, 32}, realsIn, realsOut);
  auto swapped = reals;
  for (int t = 0; t < 64; t += 2) std::swap(swapped[t], swapped[t + 1]);
  expectEqual("read only", realsOut.download(), swapped);
}

struct Packed {
  unsigned a : 3;
  int b : 7;
  unsigned c : 22;
  long long d : 41;
  unsigned long long e : 23;
};
#pragma pack(push, 1)
struct Unaligned {
  char a;
  int b;
  double c;
  short d;
};
#pragma pack(pop)

TEST(memory_structs) {
  Module m("memory");
  const auto bits = randomIntegers<unsigned char>(64 * sizeof(Packed), 0, 255);
  std::vector<Packed> packed(64);
  std::memcpy(packed.data(), bits.data(), bits.size());
  Buffer<Packed> device(packed);
  Buffer<long long> out(320);
  m.run("bitFields", {1, 64}, device, out);
  std::vector<long long> expected;
  for (Packed& v : packed) {
    for (long long e : {static_cast<long long>(v.a), static_cast<long long>(v.b), static_cast<long long>(v.c),
                        static_cast<long long>(v.d), static_cast<long long>(v.e)})
      expected.push_back(e);
    v.a++, v.b -= 3, v.c ^= 0x155555, v.d = -v.d, v.e += 12345;
  }
  expectEqual("fields", out.download(), expected);
  const auto after = device.download();
  CHECK(std::memcmp(after.data(), packed.data(), sizeof(Packed) * 64) == 0);

  std::vector<Unaligned> structs;
  std::vector<double> sums;
  for (int i = 0; i < 40; i++) {
    structs.push_back({static_cast<char>(i), i * -1000, i + 0.25, static_cast<short>(-i)});
    sums.push_back(i + i * -2000.0 + (i + 0.25) - i);
  }
  Buffer<Unaligned> in(structs);
  Buffer<double> sumsOut(40);
  m.run("unalignedStructs", {1, 40}, in, sumsOut);
  expectNear("unaligned", sumsOut.download(), sums, 0);
}

TEST(memory_small_types) {
  Module m("memory");
  const auto v = randomIntegers<int>(64, 0, 100);
  Buffer<int> cell(v), out(64);
  m.run("volatileAccess", {1, 64}, cell, out);
  auto expected = v;
  for (int& e : expected) e += 2;
  expectEqual("volatile", out.download(), expected);
  const auto flags = randomIntegers<unsigned char>(50, 0, 1);
  Buffer<unsigned char> in(flags), result(50);
  m.run("booleans", {1, 50}, in, result);
  std::vector<unsigned char> expectedFlags(50);
  for (int i = 0; i < 50; i++) expectedFlags[i] = flags[i] ^ flags[(i + 1) % 50];
  expectEqual("booleans", result.download(), expectedFlags);
}

TEST(memory_grid_shape) {
  Module m("memory");
  const Dim g{3, 2, 4}, b{5, 4, 3};
  Buffer<unsigned> out(24 * 60 * 12);
  m.run("gridShape", {g, b}, out);
  std::vector<unsigned> expected;
  for (unsigned bz = 0; bz < g.z; bz++)
    for (unsigned by = 0; by < g.y; by++)
      for (unsigned bx = 0; bx < g.x; bx++)
        for (unsigned z = 0; z < b.z; z++)
          for (unsigned y = 0; y < b.y; y++)
            for (unsigned x = 0; x < b.x; x++)
              for (unsigned e : {bx, by, bz, x, y, z, g.x, g.y, g.z, b.x, b.y, b.z}) expected.push_back(e);
  expectEqual("shape", out.download(), expected);
}

TEST(memory_clocks) {
  Module m("memory");
  Buffer<long long> out(6);
  m.run("clocks", {1, 1, 160}, out);
  expectEqual<long long>("clocks", out.download(), {1, 1, 1, 1, 160, 1});
}
