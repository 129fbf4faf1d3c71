// Video instructions: scalar (vadd, vsub, vabsdiff, vmin, vmax, vshl, vshr, vmad, vset) and SIMD (v*2, v*4, vavrg2,
// vavrg4). They are rare (a few of CUDA's SIMD intrinsics still use them), so that one plain implementation serves
// every level.
#include <atomic>
#include <memory>
#include <mutex>

#include "ops.h"

namespace softcuda::ops {
namespace {

struct Form {
  Key key;
  VideoVariant video;
};

// Forms are few; each gets a number, which is the operation's variant. Entries never move or go.
constexpr uint32_t kMostForms = 4096;
std::atomic<const Form*> forms[kMostForms];
std::atomic<uint32_t> formCount{0};
std::mutex formMutex;

bool same(const Form& a, const Form& b) {
  const VideoVariant &x = a.video, &y = b.video;
  return a.key.op == b.key.op && a.key.type == b.key.type && a.key.sourceType == b.key.sourceType &&
         a.key.compare == b.key.compare && a.key.sat == b.key.sat && x.bType == y.bType && x.second == y.second &&
         x.a == y.a && x.b == y.b && x.mask == y.mask && x.selectA == y.selectA && x.selectB == y.selectB &&
         x.wrap == y.wrap && x.plusOne == y.plusOne && x.negateProduct == y.negateProduct && x.negateC == y.negateC &&
         x.scale == y.scale;
}
bool intern(const Form& form, uint32_t* number) {
  const std::lock_guard<std::mutex> lock(formMutex);
  const uint32_t count = formCount.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i)
    if (same(*forms[i].load(std::memory_order_relaxed), form)) return *number = i, true;
  if (count == kMostForms) return false;
  forms[count].store(std::make_unique<Form>(form).release(),
                     std::memory_order_release);  // kept for the process's life
  formCount.store(count + 1, std::memory_order_release);
  return *number = count, true;
}

bool isSigned(Type t) { return t == Type::S32; }
bool holds(Compare c, int64_t a, int64_t b) {
  switch (c) {
    case Compare::Eq: return a == b;
    case Compare::Ne: return a != b;
    case Compare::Lt: return a < b;
    case Compare::Le: return a <= b;
    case Compare::Gt: return a > b;
    default: return a >= b;
  }
}
int64_t clampTo(int64_t v, int width, bool isSignedResult) {
  const int64_t highest = isSignedResult ? (int64_t{1} << (width - 1)) - 1 : (int64_t{1} << width) - 1;
  const int64_t lowest = isSignedResult ? -(int64_t{1} << (width - 1)) : 0;
  return v < lowest ? lowest : v > highest ? highest : v;
}
// Bits [at, at+width) of v as a signed or unsigned number.
int64_t extract(uint64_t v, int at, int width, bool asSigned) {
  const uint64_t shifted = v << (64 - width - at);
  return asSigned ? static_cast<int64_t>(shifted) >> (64 - width) : static_cast<int64_t>(shifted >> (64 - width));
}
int64_t select(uint32_t v, VideoVariant::Selector s, bool asSigned) {
  if (s == VideoVariant::kWhole) return extract(v, 0, 32, asSigned);
  return s < VideoVariant::kH0 ? extract(v, 8 * (s - VideoVariant::kB0), 8, asSigned)
                               : extract(v, 16 * (s - VideoVariant::kH0), 16, asSigned);
}

// Second step of the scalar forms: merge the result into c, or combine it with c.
uint32_t secondStep(const Form& f, int64_t value, uint32_t c) {
  using V = VideoVariant;
  const bool s = isSigned(f.key.type);
  const V::Second second = f.video.second;
  if (second >= V::kMergeB0) {
    const bool byte = second < V::kMergeH0;
    const int width = byte ? 8 : 16, at = byte ? 8 * (second - V::kMergeB0) : 16 * (second - V::kMergeH0);
    const uint32_t mask = ((1u << width) - 1) << at;
    const int64_t r = f.key.sat ? clampTo(value, width, s) : value;
    return (c & ~mask) | (static_cast<uint32_t>(r) << at & mask);
  }
  const uint32_t r = static_cast<uint32_t>(f.key.sat ? clampTo(value, 32, s) : value);
  const int64_t x = extract(r, 0, 32, s), y = extract(c, 0, 32, s);
  switch (second) {
    case V::kAddC: return r + c;
    case V::kMinC: return x < y ? r : c;
    case V::kMaxC: return x > y ? r : c;
    default: return r;
  }
}
uint32_t scalarForm(const Form& f, uint32_t a, uint32_t b, uint32_t c) {
  const bool signedB = isSigned(f.video.bType);
  const int64_t x = select(a, f.video.a, isSigned(f.key.sourceType)), y = select(b, f.video.b, signedB);
  int64_t r = 0;
  switch (f.key.op) {
    case Opcode::Vadd: r = x + y; break;
    case Opcode::Vsub: r = x - y; break;
    case Opcode::Vabsdiff: r = x < y ? y - x : x - y; break;
    case Opcode::Vmin: r = x < y ? x : y; break;
    case Opcode::Vmax: r = x > y ? x : y; break;
    case Opcode::Vset: r = holds(f.key.compare, x, y); break;
    default: {  // vshl, vshr: b is unsigned
      const uint64_t n = static_cast<uint64_t>(y) & 0xffffffffu;
      const int shift = static_cast<int>(f.video.wrap ? n & 31 : n > 32 ? 32 : n);
      r = f.key.op == Opcode::Vshl ? static_cast<int64_t>(static_cast<uint64_t>(x) << shift) : x >> shift;
    }
  }
  return secondStep(f, r, c);
}
uint32_t multiplyAdd(const Form& f, uint32_t a, uint32_t b, uint32_t c) {
  const int64_t x = select(a, f.video.a, isSigned(f.key.sourceType)),
                y = select(b, f.video.b, isSigned(f.video.bType));
  // Unsigned operands of 32 bits fill 64; the sum is signed as soon as one operand or a minus sign is.
  const bool s = isSigned(f.key.sourceType) || isSigned(f.video.bType) || f.video.negateProduct || f.video.negateC;
  __extension__ typedef __int128 Wide;
  Wide product = static_cast<Wide>(x) * y;
  if (f.video.negateProduct) product = -product;
  Wide sum = product +
             (f.video.negateC ? -static_cast<Wide>(extract(c, 0, 32, s)) : static_cast<Wide>(extract(c, 0, 32, s))) +
             (f.video.plusOne ? 1 : 0);
  sum >>= f.video.scale;
  if (!f.key.sat) return static_cast<uint32_t>(sum);
  const Wide highest = s ? Wide{INT32_MAX} : Wide{UINT32_MAX}, lowest = s ? Wide{INT32_MIN} : Wide{0};
  return static_cast<uint32_t>(sum < lowest ? lowest : sum > highest ? highest : sum);
}
int elementsOf(Opcode op) {
  switch (op) {
    case Opcode::Vabsdiff2:
    case Opcode::Vadd2:
    case Opcode::Vavrg2:
    case Opcode::Vmax2:
    case Opcode::Vmin2:
    case Opcode::Vset2:
    case Opcode::Vsub2: return 2;
    case Opcode::Vabsdiff4:
    case Opcode::Vadd4:
    case Opcode::Vavrg4:
    case Opcode::Vmax4:
    case Opcode::Vmin4:
    case Opcode::Vset4:
    case Opcode::Vsub4: return 4;
    default: return 1;
  }
}
uint32_t simdForm(const Form& f, uint32_t a, uint32_t b, uint32_t c) {
  const int elements = elementsOf(f.key.op), width = 32 / elements;
  const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
  const bool s = isSigned(f.key.type), isSet = f.key.op == Opcode::Vset2 || f.key.op == Opcode::Vset4;
  uint32_t d = c;
  for (int i = 0; i < elements; ++i) {
    if (!(f.video.mask >> i & 1)) continue;
    const int64_t x =
        extract(both, width * static_cast<int>(f.video.selectA >> (4 * i) & 15), width, isSigned(f.key.sourceType));
    const int64_t y =
        extract(both, width * static_cast<int>(f.video.selectB >> (4 * i) & 15), width, isSigned(f.video.bType));
    int64_t r = 0;
    switch (f.key.op) {
      case Opcode::Vadd2:
      case Opcode::Vadd4: r = x + y; break;
      case Opcode::Vsub2:
      case Opcode::Vsub4: r = x - y; break;
      case Opcode::Vabsdiff2:
      case Opcode::Vabsdiff4: r = x < y ? y - x : x - y; break;
      case Opcode::Vmin2:
      case Opcode::Vmin4: r = x < y ? x : y; break;
      case Opcode::Vmax2:
      case Opcode::Vmax4: r = x > y ? x : y; break;
      case Opcode::Vavrg2:
      case Opcode::Vavrg4: r = (x + y + (x + y >= 0 ? 1 : 0)) >> 1; break;
      default: r = holds(f.key.compare, x, y); break;
    }
    if (f.key.sat) r = clampTo(r, width, s);
    if (f.video.second == VideoVariant::kAddC) {
      d += static_cast<uint32_t>(isSet ? r : extract(static_cast<uint64_t>(r), 0, width, s));
    } else {
      const uint32_t mask = ((1u << width) - 1) << (width * i);
      d = (d & ~mask) | (static_cast<uint32_t>(r) << (width * i) & mask);
    }
  }
  return d;
}

template <uint32_t (*F)(const Form&, uint32_t, uint32_t, uint32_t), bool HasC>
void run(uint32_t active, void* const* dst, const void* const* src, uint32_t variant) {
  const Form& form = *forms[variant].load(std::memory_order_acquire);
  uint32_t* d = static_cast<uint32_t*>(dst[0]);
  for (int i = 0; i < kLanes; ++i) {
    if (!(active >> i & 1)) continue;
    d[i] = F(form, static_cast<const uint32_t*>(src[0])[i], static_cast<const uint32_t*>(src[1])[i],
             HasC ? static_cast<const uint32_t*>(src[2])[i] : 0);
  }
}

LaneOp refuse(std::string* whyNot, const char* reason) {
  if (whyNot != nullptr) *whyNot = reason;
  return nullptr;
}

}  // namespace

LaneOp findVideo(const Key& key, const VideoVariant& video, uint32_t* variant, std::string* whyNot) {
  if (key.op < Opcode::Vabsdiff || key.op > Opcode::Vsub4) return refuse(whyNot, "not a video instruction");
  for (const Type t : {key.type, key.sourceType, video.bType})
    if (t != Type::U32 && t != Type::S32) return refuse(whyNot, "types must be .u32 or .s32");
  const int elements = elementsOf(key.op);
  const bool isSet = key.op == Opcode::Vset || key.op == Opcode::Vset2 || key.op == Opcode::Vset4;
  if (isSet != (key.compare != Compare::None) || (isSet && key.compare > Compare::Ge))
    return refuse(whyNot, "wrong comparison");
  if (isSet && key.sat) return refuse(whyNot, ".sat does not go with a comparison");
  const bool isShift = key.op == Opcode::Vshl || key.op == Opcode::Vshr;
  if (isShift && video.bType != Type::U32) return refuse(whyNot, "the shift must be .u32");
  if (elements > 1) {
    if (video.second != VideoVariant::kNone && video.second != VideoVariant::kAddC)
      return refuse(whyNot, "only .add is a second operation");
    if (video.second == VideoVariant::kAddC && key.sat) return refuse(whyNot, ".add does not go with .sat");
    if (video.mask == 0 || video.mask >= 1u << elements) return refuse(whyNot, "wrong element mask");
    for (int i = 0; i < elements; ++i)
      if ((video.selectA >> (4 * i) & 15) >= 2u * static_cast<uint32_t>(elements) ||
          (video.selectB >> (4 * i) & 15) >= 2u * static_cast<uint32_t>(elements))
        return refuse(whyNot, "wrong element selector");
  }
  if (!intern({key, video}, variant)) return refuse(whyNot, "too many different video instructions");
  if (elements > 1) return &run<simdForm, true>;
  if (key.op == Opcode::Vmad) return &run<multiplyAdd, true>;
  return video.second == VideoVariant::kNone ? &run<scalarForm, false> : &run<scalarForm, true>;
}

}  // namespace softcuda::ops
