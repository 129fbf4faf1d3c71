#include "../support/test.h"

using namespace test;

template <typename T>
static std::vector<T> transposed(const std::vector<T>& in, size_t rows, size_t columns) {
  std::vector<T> out(in.size());
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) out[c * rows + r] = in[r * columns + c];
  return out;
}

TEST(transposes_plain) {
  Module m("transposes");
  const int rows = 100, columns = 71;
  const auto values = randomReals<float>(rows * columns, -1, 1);
  Buffer<float> in(values), out(values.size());
  m.run("transposeNaive", {{5, 13}, {16, 8}}, in, out, rows, columns);
  expectEqual("naive", out.download(), transposed(values, rows, columns));
  Buffer<float> tiled(values.size());
  m.run("transposeTiled", {{3, 4}, {32, 8}}, in, tiled, rows, columns);
  expectEqual("tiled", tiled.download(), transposed(values, rows, columns));
}

TEST(transposes_shuffles) {
  Module m("transposes");
  const auto values = randomIntegers<unsigned char>(1024, 0, 255);
  Buffer<unsigned char> in(values), out(1024);
  m.run("transposeByShuffles", {1, 32}, in, out);
  expectEqual("bytes", out.download(), transposed(values, 32, 32));
}

TEST(transposes_channels_last) {
  Module m("transposes");
  const int channels = 13, height = 9, width = 21;
  const auto values = randomIntegers<unsigned short>(channels * height * width, 0, 65535);
  Buffer<unsigned short> in(values), out(values.size());
  m.run("channelsLast", {{3, 3, 2}, {8, 4, 5}}, in, out, channels, height, width);
  expectEqual("nhwc", out.download(), transposed(values, channels, height * width));
}

TEST(transposes_in_place) {
  Module m("transposes");
  const int n = 80;
  const auto values = randomReals<double>(n * n, -1, 1);
  Buffer<double> matrix(values);
  m.run("transposeInPlace", {{5, 5}, {16, 16}}, matrix, n);
  expectEqual("matrix", matrix.download(), transposed(values, n, n));
}
