// The transforms of winograd.h, of tiles as they lie in memory, for whatever instruction set the file that includes this is
// compiled for.
#pragma once

#include "tiles.h"
#include "vectors.h"
#include "winograd.h"

namespace resfuse {
namespace {  // one for each file: each is compiled for an instruction set of its own

constexpr float kA = 0.70710678118654752440f;  // 1/sqrt(2): its square is 1/2
constexpr float kB = 1.41421356237309504880f;  // sqrt(2): its square is 2
constexpr float kA3 = 0.35355339059327376220f;
constexpr float kB3 = 2.82842712474619009760f;

template <int W>
using Floats = typename Vectors<W>::Floats;

// B^T d of six rows of one column.
template <int W>
inline __attribute__((always_inline)) void input_transform(const Floats<W>* d, Floats<W>* t, int step) {
  const Floats<W> d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5];
  const Floats<W> even_a = d4 - 2.0f * d2;
  const Floats<W> odd_a = kA * (d3 - 2.0f * d1);
  const Floats<W> even_b = d4 - 0.5f * d2;
  const Floats<W> odd_b = kB * (d3 - 0.5f * d1);
  t[0] = d0 - 2.5f * d2 + d4;
  t[step] = even_a + odd_a;
  t[2 * step] = even_a - odd_a;
  t[3 * step] = even_b + odd_b;
  t[4 * step] = even_b - odd_b;
  t[5 * step] = d1 - 2.5f * d3 + d5;
}

// A^T m of six rows of one column.
template <int W>
inline __attribute__((always_inline)) void output_transform(const Floats<W>* m, Floats<W>* y, int step) {
  const Floats<W> sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const Floats<W> sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[step] = kA * difference_a + kB * difference_b;
  y[2 * step] = 0.5f * sum_a + 2.0f * sum_b;
  y[3 * step] = kA3 * difference_a + kB3 * difference_b + m[5];
}

// A e of four rows of one column.
template <int W>
inline __attribute__((always_inline)) void gradient_transform(const Floats<W>* e, Floats<W>* t, int step) {
  const Floats<W> e0 = e[0], e1 = e[1], e2 = e[2], e3 = e[3];
  const Floats<W> even_a = e0 + 0.5f * e2;
  const Floats<W> odd_a = kA * e1 + kA3 * e3;
  const Floats<W> even_b = e0 + 2.0f * e2;
  const Floats<W> odd_b = kB * e1 + kB3 * e3;
  t[0] = e0;
  t[step] = even_a + odd_a;
  t[2 * step] = even_a - odd_a;
  t[3 * step] = even_b + odd_b;
  t[4 * step] = even_b - odd_b;
  t[5 * step] = e3;
}

// Where a tile lies.
struct Place {
  int64_t image, row, column;  // of its first output

  Place(const TileGrid& tiles, int64_t tile)
      : image(tile / tiles.per_image), row(tile % tiles.per_image / tiles.across * 4), column(tile % tiles.across * 4) {}
};

// A tensor's channels, W of them.
template <int W, typename Float>
struct Plane {
  Float* start;
  int64_t height, width;
  int64_t step;  // from one pixel to the next

  Plane(const WinogradSize& a, Float* tensor, int64_t channels, int64_t image, int64_t channel)
      : height(a.height), width(a.width), step(a.block == 0 ? channels : W) {
    const int64_t pixels = height * width;
    start = tensor + image * channels * pixels + (a.block == 0 ? channel : channel * pixels);
  }

  Float* at(int64_t row, int64_t column) const { return start + (row * width + column) * step; }
};

// Transforms the inputs of a tile: to v[0], v[position_stride], ...
template <int W>
void transform_input(const Plane<W, const float>& x, const Place& at, float* v, int64_t position_stride) {
  Floats<W> columns[36];
  Floats<W> d[6];
  const bool inside = at.row > 0 && at.column > 0 && at.row + 5 <= x.height && at.column + 5 <= x.width;
  for (int j = 0; j < 6; j++) {
    const int64_t column = at.column - 1 + j;
    if (inside) {
      for (int i = 0; i < 6; i++) {
        d[i] = Vectors<W>::load(x.at(at.row - 1 + i, column));
      }
    } else {
      for (int i = 0; i < 6; i++) {
        const int64_t row = at.row - 1 + i;
        const bool there = row >= 0 && row < x.height && column >= 0 && column < x.width;
        d[i] = there ? Vectors<W>::load(x.at(row, column)) : Floats<W>{};
      }
    }
    input_transform<W>(d, columns + j, 6);
  }
  for (int i = 0; i < 6; i++) {
    Floats<W> t[6];
    input_transform<W>(columns + 6 * i, t, 1);
    for (int j = 0; j < 6; j++) {
      Vectors<W>::store(v + (6 * i + j) * position_stride, t[j]);
    }
  }
}

// Transforms the gradients of a tile's outputs: to v[0], v[position_stride], ...
template <int W>
void transform_gradient(const Plane<W, const float>& dout, const Place& at, float* v, int64_t position_stride) {
  Floats<W> columns[24];
  Floats<W> e[4];
  const bool inside = at.row + 4 <= dout.height && at.column + 4 <= dout.width;
  for (int j = 0; j < 4; j++) {
    const int64_t column = at.column + j;
    for (int i = 0; i < 4; i++) {
      const bool there = inside || (at.row + i < dout.height && column < dout.width);
      e[i] = there ? Vectors<W>::load(dout.at(at.row + i, column)) : Floats<W>{};
    }
    gradient_transform<W>(e, columns + j, 4);
  }
  for (int i = 0; i < 6; i++) {
    Floats<W> t[6];
    gradient_transform<W>(columns + 4 * i, t, 1);
    for (int j = 0; j < 6; j++) {
      Vectors<W>::store(v + (6 * i + j) * position_stride, t[j]);
    }
  }
}

}  // namespace
}  // namespace resfuse
