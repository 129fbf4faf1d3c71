#include <algorithm>
#include <complex>
#include <map>
#include <numeric>
#include <queue>

#include "../support/test.h"

using namespace test;

TEST(applications_fft) {
  Module m("applications");
  for (int logN : {1, 5, 9}) {
    const int n = 1 << logN;
    const auto v = randomReals<float>(2 * 2 * n, -1, 1);
    Buffer<float> in(v), out(v.size());
    m.run("fft", {2, static_cast<unsigned>(n / 2), static_cast<unsigned>(8 * n)}, in, out, logN);
    std::vector<double> expected;
    for (int b = 0; b < 2; b++)
      for (int k = 0; k < n; k++) {
        std::complex<double> sum = 0;
        for (int i = 0; i < n; i++)
          sum += std::complex<double>(v[2 * (b * n + i)], v[2 * (b * n + i) + 1]) *
                 std::polar(1.0, -2 * M_PI * (static_cast<long>(i) * k % n) / n);
        expected.push_back(sum.real()), expected.push_back(sum.imag());
      }
    expectNear("fft", out.download(), expected, 2e-5 * std::sqrt(n));
  }
}

TEST(applications_bodies) {
  Module m("applications");
  const int n = 150;
  const auto p = randomReals<float>(4 * n, 0, 1);
  Buffer<float> in(p), out(3 * n);
  m.run("bodies", {3, 64}, in, out, n);
  std::vector<double> expected;
  for (int i = 0; i < n; i++) {
    double a[3] = {};
    for (int j = 0; j < n; j++) {
      double d[3], r2 = 1e-3f;
      for (int k = 0; k < 3; k++) d[k] = p[4 * j + k] - p[4 * i + k], r2 += d[k] * d[k];
      for (int k = 0; k < 3; k++) a[k] += d[k] * p[4 * j + 3] / (r2 * std::sqrt(r2));
    }
    expected.insert(expected.end(), a, a + 3);
  }
  expectNear("acceleration", out.download(), expected, 1e-2, 1e-4);
}

TEST(applications_sha256) {
  // "abc" padded to one block, and its digest as FIPS 180-4 has it; further threads hash other messages of known
  // digest: the empty one
  std::vector<uint8_t> blocks(64 * 64);
  for (int t = 0; t < 64; t++) {
    uint8_t* b = &blocks[64 * t];
    if (t % 2 == 0) b[0] = 'a', b[1] = 'b', b[2] = 'c', b[3] = 0x80, b[63] = 24;
    else b[0] = 0x80;
  }
  Buffer<uint8_t> in(blocks), out(64 * 32);
  Module("applications").run("sha256", {2, 32}, in, out);
  const auto got = out.download();
  const char* const expected[] = {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
  for (int t = 0; t < 64; t++) {
    std::string text;
    char hex[3];
    for (int i = 0; i < 32; i++) std::snprintf(hex, sizeof hex, "%02x", got[32 * t + i]), text += hex;
    if (text != expected[t % 2]) throw Error("digest " + text + " of thread " + std::to_string(t));
  }
}

TEST(applications_life) {
  Module m("applications");
  const int words = 5, rows = 37, columns = 32 * words;
  auto cells = randomIntegers<uint32_t>(words * rows, 0, UINT32_MAX);
  Buffer<uint32_t> a(cells), b(cells.size());
  const auto alive = [&](const std::vector<uint32_t>& c, int y, int x) {
    y = (y + rows) % rows, x = (x + columns) % columns;
    return static_cast<int>(c[y * words + x / 32] >> (x % 32) & 1);
  };
  for (int turn = 0; turn < 4; turn++) {
    m.run("life", {{1, 5}, {8, 8}}, turn % 2 ? b.address() : a.address(), turn % 2 ? a.address() : b.address(), words,
          rows);
    std::vector<uint32_t> next(cells.size());
    for (int y = 0; y < rows; y++)
      for (int x = 0; x < columns; x++) {
        int n = -alive(cells, y, x);
        for (int dy = -1; dy <= 1; dy++)
          for (int dx = -1; dx <= 1; dx++) n += alive(cells, y + dy, x + dx);
        if (n == 3 || (n == 2 && alive(cells, y, x))) next[y * words + x / 32] |= 1u << (x % 32);
      }
    cells = next;
    expectEqual("cells", (turn % 2 ? a : b).download(), cells);
  }
}

TEST(applications_sparse) {
  const int rows = 90, columns = 70;
  Random random(2);
  std::vector<int> start{0}, column;
  std::vector<double> value, x = randomReals<double>(columns, -1, 1), expected;
  for (int r = 0; r < rows; r++) {
    double sum = 0;
    const int count = static_cast<int>(random() % 80) * (r % 7 != 0);
    for (int i = 0; i < count; i++) {
      column.push_back(static_cast<int>(random() % columns));
      value.push_back(static_cast<double>(random() % 100) / 10 - 5);
      sum += value.back() * x[column.back()];
    }
    start.push_back(static_cast<int>(column.size()));
    expected.push_back(sum);
  }
  Buffer<int> ds(start), dc(column);
  Buffer<double> dv(value), dx(x), dy(rows);
  Module("applications").run("sparse", {(rows * 32 + 95) / 96, 96}, ds, dc, dv, dx, dy, rows);
  expectNear("y", dy.download(), expected, 1e-10);
}

TEST(applications_attention) {
  const int length = 96, width = 32;
  const auto make = [&](unsigned seed) {
    std::vector<uint16_t> h;
    for (double v : randomReals<double>(length * width, -1, 1, seed)) h.push_back(halfBits(v));
    return h;
  };
  const auto q = make(1), k = make(2), v = make(3);
  Buffer<uint16_t> dq(q), dk(k), dv(v), out(length * width);
  Module("applications").run("attention", {3, 32}, dq, dk, dv, out, length, 0.25f);
  std::vector<double> got, expected;
  for (uint16_t h : out.download()) got.push_back(halfValue(h));
  for (int i = 0; i < length; i++) {
    std::vector<double> weight;
    double total = 0;
    for (int j = 0; j <= i; j++) {
      double score = 0;
      for (int p = 0; p < width; p++) score += halfValue(q[i * width + p]) * halfValue(k[j * width + p]);
      weight.push_back(std::exp(score * 0.25));
      total += weight.back();
    }
    for (int p = 0; p < width; p++) {
      double sum = 0;
      for (int j = 0; j <= i; j++) sum += weight[j] * halfValue(v[j * width + p]);
      expected.push_back(sum / total);
    }
  }
  expectNear("attention", got, expected, 2e-4, 1e-3);
}

TEST(applications_layer_norm) {
  const int rows = 3, n = 300;
  const auto v = randomReals<float>(rows * n, 90, 110);
  Buffer<float> in(v), out(v.size());
  Module("applications").run("layerNorm", {rows, 128}, in, out, n, 1e-5f);
  std::vector<double> expected;
  for (int r = 0; r < rows; r++) {
    double mean = 0, squares = 0;
    for (int i = 0; i < n; i++) mean += v[r * n + i] / n;
    for (int i = 0; i < n; i++) squares += (v[r * n + i] - mean) * (v[r * n + i] - mean);
    for (int i = 0; i < n; i++) expected.push_back((v[r * n + i] - mean) / std::sqrt(squares / n + 1e-5));
  }
  expectNear("normalised", out.download(), expected, 1e-4);
}

TEST(applications_breadth_first) {
  const int nodes = 500;
  Random random(5);
  std::vector<int> start{0}, edges;
  for (int i = 0; i < nodes; i++) {
    for (unsigned e = 0; e < random() % 4; e++) edges.push_back(static_cast<int>(random() % nodes));
    start.push_back(static_cast<int>(edges.size()));
  }
  std::vector<int> expected(nodes, -1);
  std::queue<int> queue;
  expected[0] = 0;
  queue.push(0);
  while (!queue.empty()) {
    const int node = queue.front();
    queue.pop();
    for (int e = start[node]; e < start[node + 1]; e++)
      if (expected[edges[e]] < 0) expected[edges[e]] = expected[node] + 1, queue.push(edges[e]);
  }
  std::vector<int> level(nodes, -1), first(nodes);
  level[0] = 0;
  Buffer<int> ds(start), de(edges), dl(level), frontier(first), next(nodes);
  Module m("applications");
  int count = 1;
  for (int depth = 1; count; depth++) {
    auto nextCount = Buffer<int>::zeros(1);
    m.run("breadthFirst", {4, 32}, ds, de, dl, depth % 2 ? frontier.address() : next.address(), count,
          depth % 2 ? next.address() : frontier.address(), nextCount, depth);
    count = nextCount.download()[0];
  }
  expectEqual("levels", dl.download(), expected);
}

TEST(applications_hash_table) {
  const int n = 700, slots = 1024;
  const auto keys = randomIntegers<uint32_t>(n, 0, 600);
  std::map<uint32_t, int> first;
  for (int i = n - 1; i >= 0; i--) first[keys[i]] = i;
  std::vector<uint32_t> asked;
  std::vector<int> expected;
  for (uint32_t k = 0; k < 700; k++) {
    asked.push_back(k);
    expected.push_back(first.count(k) ? first[k] : -1);
  }
  auto table = Buffer<uint64_t>::filled(slots, 0xff);
  Buffer<uint32_t> dk(keys), da(asked);
  Buffer<int> out(700);
  Module m("applications");
  m.run("hashInsert", {11, 64}, table, slots - 1, dk, n);
  m.run("hashFind", {11, 64}, table, slots - 1, da, out, 700);
  expectEqual("found", out.download(), expected);
}

TEST(applications_floyd_warshall) {
  const int n = 33;
  auto d = randomIntegers<int>(n * n, 1, 1000);
  Random random(3);
  for (int i = 0; i < n * n; i++)
    if (random() % 3) d[i] = 1 << 28;
  for (int i = 0; i < n; i++) d[i * n + i] = 0;
  Buffer<int> device(d);
  Module m("applications");
  for (int pivot = 0; pivot < n; pivot++) m.run("floydWarshall", {{3, 5}, {16, 8}}, device, n, pivot);
  for (int p = 0; p < n; p++)
    for (int y = 0; y < n; y++)
      for (int x = 0; x < n; x++) d[y * n + x] = std::min(d[y * n + x], d[y * n + p] + d[p * n + x]);
  expectEqual("distances", device.download(), d);
}

TEST(applications_edit_distance) {
  const int pairs = 9, stride = 128;
  const auto a = randomIntegers<char>(pairs * stride, 'a', 'd', 1),
             b = randomIntegers<char>(pairs * stride, 'a', 'd', 2);
  auto lengths = randomIntegers<int>(2 * pairs, 0, 120, 3);
  lengths[0] = 0;
  std::vector<int> expected;
  for (int p = 0; p < pairs; p++) {
    const int n = lengths[2 * p], m = lengths[2 * p + 1];
    std::vector<int> row(m + 1);
    std::iota(row.begin(), row.end(), 0);
    for (int i = 1; i <= n; i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= m; j++) {
        const int next =
            std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[p * stride + i - 1] != b[p * stride + j - 1])});
        diagonal = row[j];
        row[j] = next;
      }
    }
    expected.push_back(row[m]);
  }
  Buffer<char> da(a), db(b);
  Buffer<int> dl(lengths), out(pairs);
  Module("applications").run("editDistance", {pairs, 130}, da, db, dl, out, stride);
  expectEqual("distances", out.download(), expected);
}

TEST(applications_random_points) {
  const unsigned n = 1024;
  Buffer<uint32_t> raw(4 * n);
  auto inside = Buffer<int>::zeros(1);
  Module("applications").run("randomPoints", {8, 128}, raw, inside);
  std::vector<uint32_t> expected;
  int count = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t c[4] = {i, 0, 0, 0}, key[2] = {0xdeadbeef, 0xcafef00d};
    for (int round = 0; round < 10; round++) {
      const uint64_t p = uint64_t(0xD2511F53) * c[0], q = uint64_t(0xCD9E8D57) * c[2];
      const uint32_t next[4] = {static_cast<uint32_t>(q >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(q),
                                static_cast<uint32_t>(p >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(p)};
      std::copy(next, next + 4, c);
      key[0] += 0x9E3779B9, key[1] += 0xBB67AE85;
    }
    expected.insert(expected.end(), c, c + 4);
    const float x = static_cast<float>(c[0]) * 0x1p-32f, y = static_cast<float>(c[1]) * 0x1p-32f;
    count += std::fma(x, x, y * y) < 1;
  }
  expectEqual("raw", raw.download(), expected);
  CHECK(std::abs(inside.download()[0] - count) <= 1);  // a point on the circle itself
}

TEST(applications_inversion) {
  const int n = 24, count = 3;
  const auto a = randomReals<double>(count * n * n, -1, 1);
  Buffer<double> in(a), out(a.size());
  Module("applications").run("invert", {count, 32, 2 * n * n * 8}, in, out, n);
  const auto b = out.download();
  std::vector<double> product, identity;
  for (int c = 0; c < count; c++)
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int k = 0; k < n; k++) sum += a[(c * n + i) * n + k] * b[(c * n + k) * n + j];
        product.push_back(sum), identity.push_back(i == j);
      }
  expectNear("a * inverse", product, identity, 1e-9);
}

TEST(applications_standard_library) {
  const int n = 64;
  const auto v = randomReals<float>(n, -1, 1);
  Buffer<float> in(v), out(4 * 60);
  Module("applications").run("standardLibrary", {1, 60}, in, out, n);
  const auto got = out.download();
  for (int i = 0; i < 60; i++) {
    std::complex<double> z = 0, c(v[i], v[i + 1]);
    int steps = 0;
    while (steps < 50 && std::abs(z) < 2) z = z * z + c, steps++;
    CHECK(got[4 * i] >= 1 && std::fabs(got[4 * i] - static_cast<float>(steps)) <= 1);
    CHECK(got[4 * i + 1] == (i % 2 ? 7.0f : 2.0f * static_cast<float>(i)));
    CHECK(got[4 * i + 2] == (i % 3 == 0 ? static_cast<float>(i) : -1.0f));
    double sum = 0;
    for (int k = 0; k < 4; k++) sum += v[i % 4 + k];
    CHECK(std::fabs(got[4 * i + 3] - sum) < 1e-6);
  }
}
