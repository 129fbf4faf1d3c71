#include <algorithm>

#include "../support/test.h"

using namespace test;

static int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static int ackermann(int m, int n) {
  return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

TEST(control_recursion) {
  Module m("control");
  Buffer<int> out(96);
  std::vector<int> expected(96);
  m.run("recursiveFibonacci", {1, 96}, out);
  for (int t = 0; t < 96; t++) expected[t] = fibonacci(t % 15);
  expectEqual("fibonacci", out.download(), expected);

  Buffer<int> ack(12);
  m.run("recursiveAckermann", {1, 12}, ack);
  expected.resize(12);
  for (int t = 0; t < 12; t++) expected[t] = ackermann(t % 3, t / 3);
  expectEqual("ackermann", ack.download(), expected);

  const auto numbers = randomIntegers<unsigned>(64, 0, 90);
  Buffer<unsigned> in(numbers);
  Buffer<int> odd(64);
  m.run("mutualRecursion", {1, 64}, in, odd);
  expected.resize(64);
  for (int t = 0; t < 64; t++) expected[t] = static_cast<int>(numbers[t] % 2);
  expectEqual("odd", odd.download(), expected);
}

TEST(control_quicksort) {
  Module m("control");
  const int n = 60, threads = 40;
  auto rows = randomIntegers<int>(n * threads, -500, 500);
  Buffer<int> device(rows);
  m.run("recursiveQuicksort", {1, threads}, device, n);
  for (int t = 0; t < threads; t++) std::sort(rows.begin() + t * n, rows.begin() + (t + 1) * n);
  expectEqual("rows", device.download(), rows);
}

struct Big {
  double x[5];
  int tag;
  short s;
  char c;
};

TEST(control_structs_by_value) {
  Module m("control");
  const Big b{{1, 2, 3, 4, 5}, 100, -7, 'a'};
  Buffer<Big> out(9);
  m.run("structsByValue", {1, 9}, b, out);
  const auto got = out.download();
  for (int t = 0; t < 9; t++) {
    for (int i = 0; i < 5; i++) CHECK(got[t].x[i] == (i + t) % 5 + 1);
    CHECK(got[t].tag == 100 + t && got[t].s == -7 - 2 * t && got[t].c == 'a' + 3 * t);
  }
}

TEST(control_function_pointers) {
  Module m("control");
  const auto values = randomReals<float>(64, 1, 3);
  Buffer<float> in(values), out(64);
  m.run("functionPointers", {1, 64}, in, out);
  std::vector<float> expected(64);
  for (int t = 0; t < 64; t++) {
    const float v = values[t];
    expected[t] = t % 4 == 0 ? 4 * v : t % 4 == 1 ? (v * v) * (v * v) : t % 4 == 2 ? v : 1 / (1 / v);
  }
  expectEqual("tables", out.download(), expected);

  const auto ints = randomIntegers<int>(64, -100, 100);
  Buffer<int> intsIn(ints), intsOut(64);
  m.run("functionPointerArguments", {1, 64}, intsIn, intsOut);
  std::vector<int> sums(64);
  for (int t = 0; t < 64; t++) sums[t] = ints[t] % 2 ? ints[t] + 7 : ints[t] * 7;
  expectEqual("arguments", intsOut.download(), sums);
}

static float shapeMeasure(int t, float b) {
  const auto x = static_cast<float>(t);
  return t % 3 == 0 ? 3 * x * x : t % 3 == 1 ? x * b + 4 : x * x + 40;
}

TEST(control_virtual_calls) {
  Module m("control");
  Buffer<float> out(50);
  std::vector<float> expected(50);
  m.run("virtualCalls", {1, 50}, out);
  for (int t = 0; t < 50; t++) expected[t] = shapeMeasure(t, 2);
  expectEqual("areas", out.download(), expected);
}

TEST(control_heap_objects) {
  Module m("control");
  Buffer<float> out(50);
  std::vector<float> expected(50);
  m.run("heapObjects", {1, 50}, out);
  for (int t = 0; t < 50; t++) expected[t] = shapeMeasure(t, 3) + static_cast<float>(120 * t);
  expectEqual("areas", out.download(), expected);
}

TEST(control_variable_stack) {
  Module m("control");
  const auto sizes = randomIntegers<int>(64, 0, 40);
  Buffer<int> in(sizes), out(64);
  m.run("variableStack", {1, 64}, in, out);
  std::vector<int> expected(64);
  for (int t = 0; t < 64; t++) {
    unsigned sum = 0;
    for (int i = sizes[t] - 1; i >= 0; i--) sum = sum * 3 + static_cast<unsigned>(i * i);
    expected[t] = static_cast<int>(sum);
  }
  expectEqual("sums", out.download(), expected);
}

static int jump(int v) {
  int r = 1;
  switch (v) {
    case 0: return v + 17;
    case 1: return (v * 3) ^ 0x55;
    case 2: return r ^ 0x55;
    case 3: return __builtin_popcount(v) << 7;
    case 4: return (-v - 1000) * 5;
    case 5: return (r - 1000) * 5;
    case 6: return 5;
    case 7: return v * v * v;
    case 8:
      for (int i = 0; i < v; i++) r = r * 3 + i;
      return r;
    case 9: return 99;
    case 11: return 0x7fffffff;
    default: return -1;
  }
}

TEST(control_jump_table) {
  Module m("control");
  const auto values = randomIntegers<int>(256, -2, 14);
  Buffer<int> in(values), out(256);
  m.run("jumpTable", {1, 256}, in, out);
  std::vector<int> expected(256);
  std::transform(values.begin(), values.end(), expected.begin(), jump);
  expectEqual("jumps", out.download(), expected);
}

TEST(control_divergent_loops) {
  Module m("control");
  const int n = 80;
  const auto values = randomIntegers<int>(n, 0, 50);
  Buffer<int> in(values), out(std::vector<int>(256, -77));
  m.run("divergentLoops", {2, 128}, in, out, n);
  std::vector<int> expected(256, -77);
  for (int t = 0; t < 256; t++) {
    int result = 0;
    bool returned = false;
    for (int i = 0; i < n && !returned; i++) {
      if (values[(t + i) % n] % 7 == 3) continue;
      int j = i;
      bool next = false;
      do {
        if ((j ^ t) % 11 == 5) {
          next = true;
          break;
        }
        result += j * (t % 5 + 1);
        if (result > 10000) break;
        j += 3;
      } while (j < n && values[j] != t % 10);
      if (next) continue;
      if (result > 20000) returned = true;
      result ^= i;
    }
    if (!returned) expected[t] = result;
  }
  expectEqual("loops", out.download(), expected);
}

TEST(control_collatz) {
  Module m("control");
  Buffer<int> out(512);
  m.run("collatz", {4, 128}, out);
  std::vector<int> expected(512);
  for (unsigned i = 0; i < 512; i++)
    for (unsigned n = i + 1; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) expected[i]++;
  expectEqual("steps", out.download(), expected);
}

TEST(control_irreducible) {
  Module m("control");
  const auto values = randomIntegers<int>(96, 1, 90);
  Buffer<int> in(values), out(96);
  m.run("irreducible", {1, 96}, in, out);
  std::vector<int> expected(96);
  for (int t = 0; t < 96; t++) {
    int v = values[t], count = 0;
    bool atMiddle = v & 1;
    for (;;) {
      if (!atMiddle) {
        v += 3;
        if (v > 100) break;
      }
      v *= 2;
      count++;
      if (v % 5 == 0) atMiddle = false;
      else if (v < 100) atMiddle = true;
      else break;
    }
    expected[t] = v * 100 + count;
  }
  expectEqual("flow", out.download(), expected);
}

TEST(control_early_return) {
  Module m("control");
  for (int keep : {128, 127, 96, 50, 33, 32, 1}) {
    auto out = Buffer<int>::zeros(128);
    m.run("earlyReturn", {1, 128}, out, keep);
    std::vector<int> expected(128);
    for (int t = 0; t < keep; t++) expected[t] = keep - 1 - t;
    expectEqual("kept", out.download(), expected);
  }
}

TEST(control_local_arrays) {
  Module m("control");
  const auto values = randomIntegers<int>(1000, 0, 1000);
  Buffer<int> in(values), out(64 * 32);
  m.run("localArrays", {1, 64}, in, out);
  std::vector<int> expected(64 * 32);
  for (int t = 0; t < 64; t++)
    for (int i = 0; i < 100; i++) {
      const int v = values[(t * 31 + i) % 1000];
      expected[t * 32 + (v & 3) * 8 + (v >> 2 & 7)]++;
    }
  expectEqual("counts", out.download(), expected);
}

TEST(control_short_circuit) {
  Module m("control");
  const int n = 40;
  const auto a = randomIntegers<int>(n, -10, 10, 1), b = randomIntegers<int>(n, -10, 10, 2);
  const auto index = randomIntegers<int>(128, -1000000, 1000000, 3);
  auto mixed = index;
  for (int i = 0; i < 128; i += 2) mixed[i] = std::abs(index[i]) % n;
  Buffer<int> da(a), db(b), di(mixed), out(128);
  m.run("shortCircuit", {1, 128}, da, db, di, out, n);
  std::vector<int> expected(128);
  for (int t = 0; t < 128; t++) {
    const int i = mixed[t];
    expected[t] = i >= 0 && i < n && (a[i] > 5 || b[i] < -5);
  }
  expectEqual("conditions", out.download(), expected);
}
