// Video instructions against formulas of their own: elements as arrays, results clamped and merged one by one.
#include <cstdint>
#include <vector>

#include "check.h"
#include "ops/ops.h"

using namespace softcuda::ops;

namespace {

uint64_t state = 0x853c49e6748fea9bull;
uint32_t next() {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  const uint32_t r = static_cast<uint32_t>(state >> 20);
  static const uint32_t edges[] = {0,          0xffffffff, 0x80000000, 0x7fffffff, 0x80808080,
                                   0x7f7f7f7f, 0x80008000, 0x7fff7fff, 0x00ff00ff, 1};
  return r % 3 == 0 ? edges[r / 3 % 10] : r;
}
struct alignas(64) Lanes {
  uint32_t v[kLanes];
};
int64_t clamp(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }
int64_t sized(int64_t v, int width, bool isSigned) {  // the low bits as a number
  const int64_t m = v & ((int64_t{1} << width) - 1);
  return isSigned && (m >> (width - 1) & 1) ? m - (int64_t{1} << width) : m;
}
Lanes runVideo(const Key& key, const VideoVariant& video, const Lanes& a, const Lanes& b, const Lanes& c) {
  uint32_t variant = 0;
  std::string why;
  const LaneOp run = findVideo(key, video, &variant, &why);
  Lanes d{};
  if (!CHECK_MSG(run != nullptr, why)) return d;
  void* dst[1] = {d.v};
  const void* src[3] = {a.v, b.v, c.v};
  run(0xffffffffu, dst, src, variant);
  return d;
}
int64_t apply(Opcode op, Compare compare, int64_t x, int64_t y) {
  switch (op) {
    case Opcode::Vadd:
    case Opcode::Vadd2:
    case Opcode::Vadd4: return x + y;
    case Opcode::Vsub:
    case Opcode::Vsub2:
    case Opcode::Vsub4: return x - y;
    case Opcode::Vabsdiff:
    case Opcode::Vabsdiff2:
    case Opcode::Vabsdiff4: return x > y ? x - y : y - x;
    case Opcode::Vmin:
    case Opcode::Vmin2:
    case Opcode::Vmin4: return x < y ? x : y;
    case Opcode::Vmax:
    case Opcode::Vmax2:
    case Opcode::Vmax4: return x < y ? y : x;
    case Opcode::Vavrg2:
    case Opcode::Vavrg4: {  // the mean, halves away from zero
      const int64_t sum = x + y;
      return sum >= 0 ? (sum + 1) / 2 : -((-sum + 1) / 2);
    }
    default:
      return compare == Compare::Eq   ? x == y
             : compare == Compare::Ne ? x != y
             : compare == Compare::Lt ? x < y
             : compare == Compare::Le ? x <= y
             : compare == Compare::Gt ? x > y
                                      : x >= y;
  }
}

}  // namespace

TEST(simd_forms) {
  const struct {
    Opcode op;
    int elements;
  } ops[] = {{Opcode::Vadd2, 2},  {Opcode::Vadd4, 4},  {Opcode::Vsub2, 2},     {Opcode::Vsub4, 4},
             {Opcode::Vavrg2, 2}, {Opcode::Vavrg4, 4}, {Opcode::Vabsdiff2, 2}, {Opcode::Vabsdiff4, 4},
             {Opcode::Vmin2, 2},  {Opcode::Vmin4, 4},  {Opcode::Vmax2, 2},     {Opcode::Vmax4, 4},
             {Opcode::Vset2, 2},  {Opcode::Vset4, 4}};
  for (const auto& o : ops)
    for (int types = 0; types < 8; ++types)
      for (int extra = 0; extra < 3; ++extra)  // plain, .sat, .add
        for (int selection = 0; selection < 3; ++selection) {
          const bool isSet = o.op == Opcode::Vset2 || o.op == Opcode::Vset4;
          if (isSet && (extra == 1 || types & 1)) continue;
          Key key{o.op};
          key.type = types & 1 ? Type::S32 : Type::U32, key.sourceType = types & 2 ? Type::S32 : Type::U32;
          key.sat = extra == 1;
          if (isSet) key.compare = static_cast<Compare>(1 + (types + selection) % 6);
          VideoVariant video;
          video.bType = types & 4 ? Type::S32 : Type::U32;
          video.second = extra == 2 ? VideoVariant::kAddC : VideoVariant::kNone;
          const bool four = o.elements == 4;
          video.mask = selection == 1 ? (four ? 0b1010 : 0b10) : four ? 15 : 3;
          video.selectA = four ? selection == 2 ? 0x7120 : 0x3210 : selection == 2 ? 0x31 : 0x10;
          video.selectB = four ? selection == 2 ? 0x0456 : 0x7654 : selection == 2 ? 0x02 : 0x32;
          Lanes a, b, c;
          for (int i = 0; i < kLanes; ++i) a.v[i] = next(), b.v[i] = next(), c.v[i] = next();
          const Lanes d = runVideo(key, video, a, b, c);
          const int width = 32 / o.elements;
          for (int lane = 0; lane < kLanes; ++lane) {
            uint32_t wanted = c.v[lane];
            for (int e = 0; e < o.elements; ++e) {
              if (!(video.mask >> e & 1)) continue;
              const auto pick = [&](uint32_t selector, bool isSigned) {
                const int n = static_cast<int>(selector >> (4 * e) & 15);
                const uint32_t word = n < o.elements ? a.v[lane] : b.v[lane];
                return sized(word >> (width * (n % o.elements)), width, isSigned);
              };
              int64_t r = apply(o.op, key.compare, pick(video.selectA, types & 2), pick(video.selectB, types & 4));
              const int64_t high = types & 1 ? (int64_t{1} << (width - 1)) - 1 : (int64_t{1} << width) - 1,
                            low = types & 1 ? -high - 1 : 0;
              if (key.sat) r = clamp(r, low, high);
              if (extra == 2) wanted += static_cast<uint32_t>(sized(r, width, types & 1));
              else
                wanted = (wanted & ~(((1u << width) - 1) << (width * e))) |
                         static_cast<uint32_t>(sized(r, width, false)) << (width * e);
            }
            CHECK_MSG(d.v[lane] == wanted, std::string(name(o.op)) + " types " + std::to_string(types) + " extra " +
                                               std::to_string(extra) + " selection " + std::to_string(selection));
          }
        }
}
TEST(scalar_forms) {
  using V = VideoVariant;
  const Opcode ops[] = {Opcode::Vadd, Opcode::Vsub, Opcode::Vabsdiff, Opcode::Vmin,
                        Opcode::Vmax, Opcode::Vshl, Opcode::Vshr,     Opcode::Vset};
  for (const Opcode op : ops)
    for (int types = 0; types < 8; ++types)
      for (uint32_t second = 0; second <= V::kMergeH1; ++second)
        for (const bool sat : {false, true}) {
          const bool isShift = op == Opcode::Vshl || op == Opcode::Vshr;
          if ((op == Opcode::Vset && sat) || (isShift && types & 4)) continue;
          Key key{op};
          key.type = types & 1 ? Type::S32 : Type::U32, key.sourceType = types & 2 ? Type::S32 : Type::U32,
          key.sat = sat;
          if (op == Opcode::Vset) key.compare = static_cast<Compare>(1 + types % 6);
          V video;
          video.bType = types & 4 ? Type::S32 : Type::U32;
          video.second = static_cast<V::Second>(second);
          video.a = static_cast<V::Selector>(next() % 7), video.b = static_cast<V::Selector>(next() % 7),
          video.wrap = next() & 1;
          Lanes a, b, c;
          for (int i = 0; i < kLanes; ++i) a.v[i] = next(), b.v[i] = isShift ? next() % 40 : next(), c.v[i] = next();
          const Lanes d = runVideo(key, video, a, b, c);
          for (int lane = 0; lane < kLanes; ++lane) {
            const auto pick = [](uint32_t word, V::Selector s, bool isSigned) {
              return s == V::kWhole ? sized(word, 32, isSigned)
                     : s <= V::kB3  ? sized(word >> (8 * (s - V::kB0)), 8, isSigned)
                                    : sized(word >> (16 * (s - V::kH0)), 16, isSigned);
            };
            const int64_t x = pick(a.v[lane], video.a, types & 2), y = pick(b.v[lane], video.b, types & 4);
            int64_t r;
            if (isShift) {
              const int n = static_cast<int>(video.wrap ? y % 32 : y > 32 ? 32 : y);
              r = x;
              for (int i = 0; i < n; ++i)
                r = op == Opcode::Vshl ? static_cast<int64_t>(static_cast<uint64_t>(r) * 2)
                    : r < 0            ? -((-r + 1) / 2)
                                       : r / 2;
            } else {
              r = apply(op, key.compare, x, y);
            }
            const int width = second < V::kMergeB0 ? 32 : second < V::kMergeH0 ? 8 : 16;
            const int64_t high = types & 1 ? (int64_t{1} << (width - 1)) - 1 : (int64_t{1} << width) - 1,
                          low = types & 1 ? -high - 1 : 0;
            if (sat) r = clamp(r, low, high);
            uint32_t wanted = static_cast<uint32_t>(r);
            const int64_t r32 = sized(r, 32, types & 1), c32 = sized(c.v[lane], 32, types & 1);
            if (second == V::kAddC) wanted = static_cast<uint32_t>(r32 + c32);
            else if (second == V::kMinC) wanted = static_cast<uint32_t>(r32 < c32 ? r32 : c32);
            else if (second == V::kMaxC) wanted = static_cast<uint32_t>(r32 > c32 ? r32 : c32);
            else if (second >= V::kMergeB0) {
              const uint32_t at = second < V::kMergeH0 ? 8 * (second - V::kMergeB0) : 16 * (second - V::kMergeH0),
                             mask = ((width == 8 ? 0xffu : 0xffffu)) << at;
              wanted = (c.v[lane] & ~mask) | (wanted << at & mask);
            }
            CHECK_MSG(d.v[lane] == wanted, std::string(name(op)) + " types " + std::to_string(types) + " second " +
                                               std::to_string(second) + (sat ? " sat" : ""));
          }
        }
}
TEST(multiply_add) {
  for (int flags = 0; flags < 64; ++flags)
    for (const uint32_t scale : {0u, 7u, 15u}) {
      Key key{Opcode::Vmad};
      key.type = flags & 1 ? Type::S32 : Type::U32, key.sourceType = flags & 2 ? Type::S32 : Type::U32,
      key.sat = flags & 8;
      VideoVariant video;
      video.bType = flags & 4 ? Type::S32 : Type::U32, video.scale = scale, video.plusOne = flags & 16,
      video.negateC = flags & 32;
      video.a = VideoVariant::kH1, video.b = VideoVariant::kB2;
      Lanes a, b, c;
      for (int i = 0; i < kLanes; ++i) a.v[i] = next(), b.v[i] = next(), c.v[i] = next();
      const Lanes d = runVideo(key, video, a, b, c);
      for (int lane = 0; lane < kLanes; ++lane) {
        const bool isSigned = (flags & 6) || video.negateC;
        const int64_t x = sized(a.v[lane] >> 16, 16, flags & 2), y = sized(b.v[lane] >> 16, 8, flags & 4),
                      z = sized(c.v[lane], 32, isSigned);
        int64_t r = x * y + (video.negateC ? -z : z) + (video.plusOne ? 1 : 0);
        const int64_t divisor = int64_t{1} << scale;
        r = r >= 0 ? r / divisor : -((-r + divisor - 1) / divisor);
        if (key.sat) r = isSigned ? clamp(r, INT32_MIN, INT32_MAX) : clamp(r, 0, UINT32_MAX);
        CHECK_EQ(d.v[lane], static_cast<uint32_t>(r));
      }
    }
}

MAIN()
