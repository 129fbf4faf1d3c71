// Tensor-core operations: the layouts are those of the PTX ISA, the products are those of the matrices, at every
// instruction-set level.
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "check.h"
#include "ops/ops.h"

using namespace softcuda::ops;

namespace {

uint64_t state = 0x9e3779b97f4a7c15ull;
uint64_t next() {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

// Values of the formats, from their definitions.
double valueOf(uint64_t bits, int exponentBits, int mantissaBits) {
  const int bias = (1 << (exponentBits - 1)) - 1;
  const uint64_t mantissa = bits & ((1ull << mantissaBits) - 1),
                 exponent = bits >> mantissaBits & ((1ull << exponentBits) - 1);
  const double sign = bits >> (exponentBits + mantissaBits) & 1 ? -1 : 1;
  if (exponent == (1ull << exponentBits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<double>(mantissa), 1 - bias - mantissaBits);
  return sign * std::ldexp(static_cast<double>(mantissa | 1ull << mantissaBits),
                           static_cast<int>(exponent) - bias - mantissaBits);
}
double value(Type t, uint64_t bits) {
  switch (t) {
    case Type::F16: return valueOf(bits & 0xffff, 5, 10);
    case Type::BF16: return valueOf(bits & 0xffff, 8, 7);
    case Type::TF32: return valueOf(bits >> 13 & 0x7ffff, 8, 10);  // the low 13 bits do not count
    case Type::F32: return valueOf(bits & 0xffffffff, 8, 23);
    case Type::F64: return valueOf(bits, 11, 52);
    case Type::U8: return static_cast<double>(bits & 0xff);
    case Type::S8: return static_cast<double>(static_cast<int8_t>(bits));
    case Type::U4: return static_cast<double>(bits & 15);
    case Type::S4:
      return static_cast<double>((bits & 15) >= 8 ? static_cast<int>(bits & 15) - 16 : static_cast<int>(bits & 15));
    case Type::B1: return static_cast<double>(bits & 1);
    case Type::S32: return static_cast<double>(static_cast<int32_t>(bits));
    default: return 0;
  }
}
// f32 to f16, nearest even, by search among all f16.
uint64_t toHalf(float v) {
  if (std::isnan(v)) return 0x7fff;
  const uint64_t sign = std::signbit(v) ? 0x8000 : 0;
  const double a = std::fabs(static_cast<double>(v));
  if (a >= 65520) return sign | 0x7c00;
  uint64_t low = 0, high = 0x7bff;
  while (low < high) {  // the largest f16 not above a
    const uint64_t mid = (low + high + 1) / 2;
    if (valueOf(mid, 5, 10) <= a) low = mid;
    else high = mid - 1;
  }
  const double below = valueOf(low, 5, 10), above = low == 0x7bff ? 65536.0 : valueOf(low + 1, 5, 10);
  const bool up = a - below > above - a || (a - below == above - a && (low & 1));
  return sign | (up ? low + 1 : low);
}

struct Registers {
  alignas(64) uint64_t lane[8][kLanes];
};  // 32-bit registers use the first half of each row
uint64_t readElement(const Registers& r, const Fragment& f, int reg, int lane, int e) {
  if (f.registerBits == 64) return r.lane[reg][lane];
  const uint32_t word = reinterpret_cast<const uint32_t*>(r.lane[reg])[lane];
  const uint32_t mask = f.elementBits == 32 ? 0xffffffffu : (1u << f.elementBits) - 1;
  return word >> (f.elementBits * e) & mask;
}
void writeElement(Registers& r, const Fragment& f, int reg, int lane, int e, uint64_t bits) {
  if (f.registerBits == 64) {
    r.lane[reg][lane] = bits;
    return;
  }
  uint32_t& word = reinterpret_cast<uint32_t*>(r.lane[reg])[lane];
  const uint32_t mask = (f.elementBits == 32 ? 0xffffffffu : (1u << f.elementBits) - 1) << (f.elementBits * e);
  word = (word & ~mask) | (static_cast<uint32_t>(bits) << (f.elementBits * e) & mask);
}
using Matrix = std::map<std::pair<int, int>, uint64_t>;  // (row, column) -> bits

uint64_t randomElement(Type t, bool special, bool small) {
  if (small) {  // integers of which every sum is exact
    const int v = static_cast<int>(next() % 5) - 2;
    switch (t) {
      case Type::F16: {
        const uint64_t p[] = {0xc000, 0xbc00, 0, 0x3c00, 0x4000};
        return p[v + 2];
      }
      case Type::BF16: {
        const uint64_t p[] = {0xc000, 0xbf80, 0, 0x3f80, 0x4000};
        return p[v + 2];
      }
      case Type::TF32:
      case Type::F32: {
        const uint64_t p[] = {0xc0000000, 0xbf800000, 0, 0x3f800000, 0x40000000};
        return p[v + 2];
      }
      default: break;
    }
  }
  switch (t) {
    case Type::F16: {
      const uint64_t s[] = {0x7c00, 0xfc00, 0x7e01, 0x0001, 0x8000, 0x7bff, 0xfbff, 0x03ff};
      return special && next() % 24 == 0 ? s[next() % 8] : (next() & 0x83ff) | (0x30 + next() % 16) << 8;
    }
    case Type::BF16: {
      const uint64_t s[] = {0x7f80, 0xff80, 0x7fc1, 0x0001, 0x8000, 0x7f7f, 0xff7f, 0x007f};
      return special && next() % 24 == 0 ? s[next() % 8] : (next() & 0x807f) | (0x7a + next() % 10) << 7;
    }
    case Type::TF32:
    case Type::F32: {
      const uint64_t s[] = {0x7f800000, 0xff800000, 0x7fc00001, 0x00002000,
                            0x80000000, 0x7f7fffff, 0xff7fffff, 0x007fffff};
      return special && next() % 24 == 0 ? s[next() % 8] : (next() & 0x807fffff) | (0x7a + next() % 10) << 23;
    }
    case Type::F64: {
      const uint64_t s[] = {
          0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000001, 1, 0x8000000000000000, 0x7fefffffffffffff, 3,
          0xfff4000000000000};
      return special && next() % 24 == 0 ? s[next() % 8] : (next() & 0x800fffffffffffff) | (0x3fa + next() % 10) << 52;
    }
    case Type::S32:
      return special ? (next() % 2 ? 0x7fffff00 + next() % 256 : 0x80000000 + next() % 256) : next() & 0xffff;
    default: return next();
  }
}

// Fills the registers of an operand at random, every copy of an element alike, and gives the matrix.
Matrix fillOperand(Registers& r, const Fragment& f, Shape shape, Operand operand, Type type, bool special,
                   bool small) {
  Matrix m;
  for (int reg = 0; reg < f.registers; ++reg)
    for (int lane = 0; lane < kLanes; ++lane)
      for (int e = 0; e < f.elementsPerRegister; ++e) {
        const Element at = f.at(shape, operand, type, lane, reg, e);
        auto found = m.find({at.row, at.column});
        const uint64_t mask = f.elementBits == 64 ? ~0ull : (1ull << f.elementBits) - 1;
        if (found == m.end())
          found = m.insert({{at.row, at.column}, randomElement(type, special, small) & mask}).first;
        writeElement(r, f, reg, lane, e, found->second);
      }
  return m;
}

bool sameFloat(uint64_t got, uint64_t wanted) { return got == wanted; }

void tryForm(Opcode op, const MmaForm& form, bool special, bool small) {
  const Key key = mmaKey(op, form);
  const Extent size = extent(form.shape);
  std::string why;
  const Fragment fa = mmaFragment(op, form.shape, Operand::A, form.a),
                 fb = mmaFragment(op, form.shape, Operand::B, form.b);
  const Fragment fc = mmaFragment(op, form.shape, Operand::C, form.c),
                 fd = mmaFragment(op, form.shape, Operand::C, form.d);
  REQUIRE(fa.registers > 0 && fb.registers > 0 && fc.registers > 0 && fd.registers > 0);
  Registers a{}, b{}, c{};
  const Matrix ma = fillOperand(a, fa, form.shape, Operand::A, form.a, special, small),
               mb = fillOperand(b, fb, form.shape, Operand::B, form.b, special, small);
  const Matrix mc = fillOperand(c, fc, form.shape, Operand::C, form.c, special, small);
  CHECK_EQ(ma.size(), static_cast<size_t>(size.m * size.k));
  CHECK_EQ(mb.size(), static_cast<size_t>(size.k * size.n));
  CHECK_EQ(mc.size(), static_cast<size_t>(size.m * size.n));
  Matrix md;
  for (int m = 0; m < size.m; ++m)
    for (int n = 0; n < size.n; ++n) {
      const uint64_t c0 = mc.at({m, n});
      if (form.d == Type::S32) {
        int64_t sum = static_cast<int32_t>(c0);
        for (int k = 0; k < size.k; ++k) {
          const double x = value(form.a, ma.at({m, k})), y = value(form.b, mb.at({k, n}));
          sum += form.op == MmaOp::Multiply  ? static_cast<int64_t>(x) * static_cast<int64_t>(y)
                 : form.op == MmaOp::XorPopc ? x != y
                                             : x == 1 && y == 1;
        }
        if (form.satfinite) sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
        md[{m, n}] = static_cast<uint32_t>(sum);
      } else if (form.d == Type::F64) {
        double sum;
        std::memcpy(&sum, &c0, 8);
        bool nan = false;
        for (int k = 0; k < size.k; ++k) {
          double x, y;
          std::memcpy(&x, &ma.at({m, k}), 8), std::memcpy(&y, &mb.at({k, n}), 8);
          sum = std::fma(x, y, sum);
          nan |= std::isnan(sum);
        }
        uint64_t bits;
        std::memcpy(&bits, &sum, 8);
        md[{m, n}] = nan ? 0x7ff8000000000000 : bits;
      } else {
        float sum = static_cast<float>(value(form.c, c0));
        for (int k = 0; k < size.k; ++k)
          sum = std::fma(static_cast<float>(value(form.a, ma.at({m, k}))),
                         static_cast<float>(value(form.b, mb.at({k, n}))), sum);
        uint32_t bits;
        std::memcpy(&bits, &sum, 4);
        md[{m, n}] = form.d == Type::F16 ? toHalf(sum) : std::isnan(sum) ? 0x7fffffff : bits;
      }
    }
  for (const Level level : {Level::Scalar, Level::Avx2, Level::Avx512}) {
    if (level > bestLevel()) continue;
    const LaneOp run = find(key, level, &why);
    if (!CHECK_MSG(run != nullptr, why)) return;
    for (const bool inPlace : {false, true}) {
      Registers out{}, copy = c;
      if (inPlace && fc.registers != fd.registers) continue;
      Registers& to = inPlace ? copy : out;
      void* dst[8];
      const void* src[24];
      int n = 0;
      for (int i = 0; i < fa.registers; ++i) src[n++] = a.lane[i];
      for (int i = 0; i < fb.registers; ++i) src[n++] = b.lane[i];
      for (int i = 0; i < fc.registers; ++i) src[n++] = copy.lane[i];
      for (int i = 0; i < fd.registers; ++i) dst[i] = to.lane[i];
      run(0xffffffffu, dst, src, key.variant);
      for (int reg = 0; reg < fd.registers; ++reg)
        for (int lane = 0; lane < kLanes; ++lane)
          for (int e = 0; e < fd.elementsPerRegister; ++e) {
            const Element at = fd.at(form.shape, Operand::C, form.d, lane, reg, e);
            uint64_t got = readElement(to, fd, reg, lane, e);
            if (form.d == Type::F64 && std::isnan(valueOf(got, 11, 52)))
              got = 0x7ff8000000000000;  // which NaN is levels_test's matter
            CHECK_MSG(sameFloat(got, md.at({at.row, at.column})),
                      std::string(name(op)) + " " + std::string(name(form.a)) + " " + std::string(name(form.d)) +
                          " shape " + std::to_string(size.m) + "x" + std::to_string(size.n) + "x" +
                          std::to_string(size.k) + " " + std::string(name(level)) + " at " + std::to_string(at.row) +
                          "," + std::to_string(at.column));
          }
    }
  }
}
void tryForm(Opcode op, Shape shape, Type a, Type b, Type c, Type d, bool satfinite = false,
             MmaOp mmaOp = MmaOp::Multiply) {
  MmaForm form;
  form.shape = shape, form.a = a, form.b = b, form.c = c, form.d = d, form.satfinite = satfinite, form.op = mmaOp;
  for (int round = 0; round < 3; ++round) tryForm(op, form, round == 1, round == 2);
}

}  // namespace

TEST(floating_point_products) {
  for (const Type c : {Type::F16, Type::F32})
    for (const Type d : {Type::F16, Type::F32}) {
      for (const Shape s : {Shape::M16N8K8, Shape::M16N8K16}) tryForm(Opcode::Mma, s, Type::F16, Type::F16, c, d);
      for (const Shape s : {Shape::M16N16K16, Shape::M8N32K16, Shape::M32N8K16})
        tryForm(Opcode::WmmaMma, s, Type::F16, Type::F16, c, d);
    }
  for (const Shape s : {Shape::M16N8K8, Shape::M16N8K16})
    tryForm(Opcode::Mma, s, Type::BF16, Type::BF16, Type::F32, Type::F32);
  for (const Shape s : {Shape::M16N16K16, Shape::M8N32K16, Shape::M32N8K16})
    tryForm(Opcode::WmmaMma, s, Type::BF16, Type::BF16, Type::F32, Type::F32);
  for (const Shape s : {Shape::M16N8K4, Shape::M16N8K8})
    tryForm(Opcode::Mma, s, Type::TF32, Type::TF32, Type::F32, Type::F32);
  tryForm(Opcode::WmmaMma, Shape::M16N16K8, Type::TF32, Type::TF32, Type::F32, Type::F32);
  for (const Shape s : {Shape::M8N8K4, Shape::M16N8K4, Shape::M16N8K8, Shape::M16N8K16})
    tryForm(Opcode::Mma, s, Type::F64, Type::F64, Type::F64, Type::F64);
  tryForm(Opcode::WmmaMma, Shape::M8N8K4, Type::F64, Type::F64, Type::F64, Type::F64);
}
TEST(integer_products) {
  for (const bool sat : {false, true}) {
    for (const Type a : {Type::U8, Type::S8})
      for (const Type b : {Type::U8, Type::S8}) {
        for (const Shape s : {Shape::M8N8K16, Shape::M16N8K16, Shape::M16N8K32})
          tryForm(Opcode::Mma, s, a, b, Type::S32, Type::S32, sat);
        for (const Shape s : {Shape::M16N16K16, Shape::M8N32K16, Shape::M32N8K16})
          tryForm(Opcode::WmmaMma, s, a, b, Type::S32, Type::S32, sat);
      }
    for (const Type a : {Type::U4, Type::S4})
      for (const Type b : {Type::U4, Type::S4}) {
        for (const Shape s : {Shape::M8N8K32, Shape::M16N8K32, Shape::M16N8K64})
          tryForm(Opcode::Mma, s, a, b, Type::S32, Type::S32, sat);
        tryForm(Opcode::WmmaMma, Shape::M8N8K32, a, b, Type::S32, Type::S32, sat);
      }
  }
  for (const MmaOp op : {MmaOp::XorPopc, MmaOp::AndPopc}) {
    for (const Shape s : {Shape::M8N8K128, Shape::M16N8K128, Shape::M16N8K256})
      tryForm(Opcode::Mma, s, Type::B1, Type::B1, Type::S32, Type::S32, false, op);
    tryForm(Opcode::WmmaMma, Shape::M8N8K128, Type::B1, Type::B1, Type::S32, Type::S32, false, op);
  }
}

// The layouts of the PTX ISA's figures, written out: groupID = lane/4, t = lane%4.
TEST(layouts_of_the_isa) {
  const auto expect = [](Shape shape, Operand operand, Type type, int lane, int reg, int e, int row, int column) {
    const Fragment f = mmaFragment(Opcode::Mma, shape, operand, type);
    REQUIRE(f.registers > reg && f.elementsPerRegister > e);
    const Element at = f.at(shape, operand, type, lane, reg, e);
    CHECK_MSG(at.row == row && at.column == column, "lane " + std::to_string(lane) + " register " +
                                                        std::to_string(reg) + " element " + std::to_string(e) + ": " +
                                                        std::to_string(at.row) + "," + std::to_string(at.column));
  };
  for (int lane = 0; lane < kLanes; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 8; ++i) {  // f16 m16n8k16: a_i; rows g for i in 0,1,4,5; columns t*2+(i&1), +8 for i >= 4
      expect(Shape::M16N8K16, Operand::A, Type::F16, lane, i / 2, i % 2, g + ((i / 2) % 2 ? 8 : 0),
             t * 2 + (i & 1) + (i >= 4 ? 8 : 0));
      expect(Shape::M16N8K16, Operand::A, Type::BF16, lane, i / 2, i % 2, g + ((i / 2) % 2 ? 8 : 0),
             t * 2 + (i & 1) + (i >= 4 ? 8 : 0));
    }
    for (int i = 0; i < 4; ++i) {
      expect(Shape::M16N8K16, Operand::B, Type::F16, lane, i / 2, i % 2, t * 2 + (i & 1) + (i >= 2 ? 8 : 0), g);
      expect(Shape::M16N8K16, Operand::C, Type::F32, lane, i, 0, i < 2 ? g : g + 8, t * 2 + (i & 1));
      expect(Shape::M16N8K16, Operand::C, Type::F16, lane, i / 2, i % 2, i < 2 ? g : g + 8, t * 2 + (i & 1));
      expect(Shape::M16N8K8, Operand::A, Type::F16, lane, i / 2, i % 2, i < 2 ? g : g + 8, t * 2 + (i & 1));
      expect(Shape::M16N8K8, Operand::A, Type::TF32, lane, i, 0, i % 2 ? g + 8 : g, i < 2 ? t : t + 4);
    }
    for (int i = 0; i < 2; ++i) {
      expect(Shape::M16N8K8, Operand::B, Type::TF32, lane, i, 0, i == 0 ? t : t + 4, g);
      expect(Shape::M16N8K4, Operand::A, Type::TF32, lane, i, 0, i == 0 ? g : g + 8, t);
      expect(Shape::M8N8K4, Operand::C, Type::F64, lane, i, 0, g, t * 2 + i);
    }
    expect(Shape::M8N8K4, Operand::A, Type::F64, lane, 0, 0, g, t);
    expect(Shape::M8N8K4, Operand::B, Type::F64, lane, 0, 0, t, g);
    for (int i = 0; i < 16; ++i) {  // s8 m16n8k32
      expect(Shape::M16N8K32, Operand::A, Type::S8, lane, i / 4, i % 4, (i / 4) % 2 ? g + 8 : g,
             t * 4 + (i & 3) + (i >= 8 ? 16 : 0));
      if (i < 8)
        expect(Shape::M16N8K32, Operand::B, Type::S8, lane, i / 4, i % 4, t * 4 + (i & 3) + (i >= 4 ? 16 : 0), g);
    }
    for (int i = 0; i < 32; i += 5)
      expect(Shape::M16N8K64, Operand::A, Type::U4, lane, i / 8, i % 8, (i / 8) % 2 ? g + 8 : g,
             t * 8 + (i & 7) + (i >= 16 ? 32 : 0));
  }
}

// mma.m8n8k4 of f16 (Volta): quads q and q+4 hold product q; every layout of A and B, f16 and f32 accumulators.
TEST(quad_pairs) {
  for (int layout = 0; layout < 4; ++layout)
    for (int types = 0; types < 3; ++types) {
      MmaForm form;
      form.shape = Shape::M8N8K4, form.a = form.b = Type::F16, form.columnA = layout & 1, form.columnB = layout & 2;
      form.c = types == 2 ? Type::F32 : Type::F16, form.d = types == 0 ? Type::F16 : Type::F32;
      const Key key = mmaKey(Opcode::Mma, form);
      alignas(64) uint32_t a[2][kLanes], b[2][kLanes], c[8][kLanes];
      for (int lane = 0; lane < kLanes; ++lane) {
        for (int r = 0; r < 2; ++r) {
          a[r][lane] = static_cast<uint32_t>(randomElement(Type::F16, false, false) |
                                             randomElement(Type::F16, false, false) << 16);
          b[r][lane] = static_cast<uint32_t>(randomElement(Type::F16, false, false) |
                                             randomElement(Type::F16, false, false) << 16);
        }
        for (int r = 0; r < 8; ++r)
          c[r][lane] = static_cast<uint32_t>(form.c == Type::F32 ? randomElement(Type::F32, false, false)
                                                                 : randomElement(Type::F16, false, false) |
                                                                       randomElement(Type::F16, false, false) << 16);
      }
      for (const Level level : {Level::Scalar, Level::Avx2, Level::Avx512}) {
        if (level > bestLevel()) continue;
        const LaneOp run = find(key, level, nullptr);
        REQUIRE(run != nullptr);
        alignas(64) uint32_t d[8][kLanes] = {};
        void* dst[8];
        const void* src[12] = {a[0], a[1], b[0], b[1]};
        const int cRegisters = form.c == Type::F16 ? 4 : 8;
        for (int r = 0; r < 8; ++r) dst[r] = d[r];
        for (int r = 0; r < cRegisters; ++r) src[4 + r] = c[r];
        run(0xffffffffu, dst, src, key.variant);
        const auto half = [](const uint32_t (*regs)[kLanes], int i, int lane) {
          return valueOf(regs[i / 2][lane] >> (16 * (i % 2)) & 0xffff, 5, 10);
        };
        for (int q = 0; q < 4; ++q) {
          // Lanes of the product: 0-3 of quad q, then those of quad q+4.
          const auto laneOf = [q](int upper, int within) { return 4 * q + within + (upper ? 16 : 0); };
          float product[8][8];
          for (int m = 0; m < 8; ++m)
            for (int n = 0; n < 8; ++n) product[m][n] = 0;
          const auto accumulatorAt = [&](Type t, int lane, int i, int* row, int* column) {
            const bool upper = lane >= 16;
            if (t == Type::F16) {
              *row = lane % 4 + (upper ? 4 : 0), *column = i;
              return;
            }
            *row = (lane & 1) + (i & 2) + (upper ? 4 : 0), *column = (i & 4) + (lane & 2) + (i & 1);
          };
          double A[8][4], B[4][8];
          for (int upper = 0; upper < 2; ++upper)
            for (int within = 0; within < 4; ++within)
              for (int i = 0; i < 4; ++i) {
                const int lane = laneOf(upper, within), index = within + 4 * upper;
                if (form.columnA) A[i + 4 * upper][within] = half(a, i, lane);
                else A[index][i] = half(a, i, lane);
                if (form.columnB) B[i][index] = half(b, i, lane);
                else B[within][i + 4 * upper] = half(b, i, lane);
              }
          for (int upper = 0; upper < 2; ++upper)
            for (int within = 0; within < 4; ++within)
              for (int i = 0; i < 8; ++i) {
                int row, column;
                accumulatorAt(form.c, laneOf(upper, within), i, &row, &column);
                product[row][column] =
                    static_cast<float>(form.c == Type::F16 ? half(c, i, laneOf(upper, within))
                                                           : valueOf(c[i][laneOf(upper, within)], 8, 23));
              }
          for (int m = 0; m < 8; ++m)
            for (int n = 0; n < 8; ++n)
              for (int k = 0; k < 4; ++k)
                product[m][n] = std::fma(static_cast<float>(A[m][k]), static_cast<float>(B[k][n]), product[m][n]);
          for (int upper = 0; upper < 2; ++upper)
            for (int within = 0; within < 4; ++within)
              for (int i = 0; i < 8; ++i) {
                int row, column;
                const int lane = laneOf(upper, within);
                accumulatorAt(form.d, lane, i, &row, &column);
                if (form.d == Type::F16)
                  CHECK_EQ(uint64_t{d[i / 2][lane]} >> (16 * (i % 2)) & 0xffff, toHalf(product[row][column]));
                else CHECK_EQ(valueOf(d[i][lane], 8, 23), static_cast<double>(product[row][column]));
              }
        }
      }
    }
}
TEST(forms_that_do_not_exist) {
  const auto missing = [](Opcode op, Shape shape, Type a, Type b, Type c, Type d) {
    MmaForm form;
    form.shape = shape, form.a = a, form.b = b, form.c = c, form.d = d;
    std::string why;
    CHECK(find(mmaKey(op, form), &why) == nullptr);
    CHECK(!why.empty());
  };
  missing(Opcode::Mma, Shape::M16N16K16, Type::F16, Type::F16, Type::F32, Type::F32);
  missing(Opcode::WmmaMma, Shape::M16N8K16, Type::F16, Type::F16, Type::F32, Type::F32);
  missing(Opcode::Mma, Shape::M16N8K16, Type::F16, Type::BF16, Type::F32, Type::F32);
  missing(Opcode::Mma, Shape::M16N8K16, Type::BF16, Type::BF16, Type::F16, Type::F16);
  missing(Opcode::Mma, Shape::M16N8K16, Type::TF32, Type::TF32, Type::F32, Type::F32);
  missing(Opcode::Mma, Shape::M16N8K16, Type::S4, Type::S4, Type::S32, Type::S32);
  missing(Opcode::Mma, Shape::M16N8K16, Type::S8, Type::S4, Type::S32, Type::S32);
  missing(Opcode::Mma, Shape::M16N8K8, Type::S8, Type::S8, Type::S32, Type::S32);
}

MAIN()
