// Resizing pictures of 8 bits, equal bit for bit to Pillow's Image.resize: first along the rows, rounded to 8 bits, then
// along the columns.
//
//   row[y][x][c]    = clip((2^21 + sum_k columns.weight(x, k) * source[y][columns.first[x] + k][c]) >> 22)
//   target[y][x][c] = clip((2^21 + sum_k rows.weight(y, k) * row[rows.first[y] + k][x][c]) >> 22)
//
// in integers of 32 bits that wrap; clip is to 0 to 255. Reads each sample of the source's rows that count once, and writes
// each of the target once: a row of the source is resized when it is first needed, and as many rows are kept as a row of
// the target takes.
#pragma once

#include <cstdint>

namespace resfuse {

// What each pixel of the target takes along one axis.
struct Axis {
  int32_t size;  // pixels of the target, at least 1
  int32_t taps;  // the most that one takes, at least 1
  // size: where each begins in the source, never decreasing, and so for first + count.
  const int32_t* first;
  // size: how many it takes, 1 to taps.
  const int32_t* count;
  // (size, taps): in fixed point of 22 bits, from -2^25 to 2^25; zero from count on.
  const int32_t* weights;
};

struct Resize {
  const uint8_t* source;  // where the source begins: (rows, source_stride bytes), channels interleaved
  int64_t source_stride;
  int32_t channels;  // 1 or 3
  Axis columns;
  Axis rows;
  uint8_t* target;  // (rows.size, target_stride bytes), of which columns.size x channels are written in each
  int64_t target_stride;
};

// Does it with the best kernels of this CPU. Throws std::bad_alloc.
void resample(const Resize& resize);

// The weights of an axis for kernels that multiply 16 bits: weight = high * 2^11 + low, 0 <= low < 2^11. (size, taps), taps
// rounded up to a multiple of `group`; zeros fill it up.
struct SplitWeights {
  int32_t taps;
  const int16_t* high;
  const int16_t* low;
};

constexpr int kFractionBits = 22;
constexpr int kLowBits = 11;
// The taps of a pixel come in groups of so many along rows, of two along columns.
constexpr int kColumnGroup = 4;
constexpr int kRowGroup = 2;
// So many bytes beyond a row may be read and, of what is in scratch, written.
constexpr int kSlack = 32;

struct ResampleKernels {
  const char* name;
  // A row of red, green and blue, resized; `from` has kSlack bytes and the group's pixels behind it, `to` kSlack bytes.
  void (*along_row)(const uint8_t* from, const Axis& axis, const SplitWeights& weights, uint8_t* to);
  // `bytes` samples, each the sum over `taps` rows (an even number, those beyond count repeat another with weight 0), which
  // have kSlack bytes behind them; writes exactly `bytes`.
  void (*along_column)(const uint8_t* const* rows, int32_t taps, const int16_t* high, const int16_t* low, int64_t bytes, uint8_t* to);
};

const ResampleKernels& resample_kernels_portable();
#ifdef __x86_64__
const ResampleKernels& resample_kernels_avx2();
#endif

// With kernels of the caller's choice, for tests.
void resample(const Resize& resize, const ResampleKernels& kernels);

inline uint8_t clip(int32_t sum) {
  const int32_t value = sum >> kFractionBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

}  // namespace resfuse
