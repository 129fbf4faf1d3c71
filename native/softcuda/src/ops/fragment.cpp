// Where the elements of matrix fragments lie. mma: as the PTX ISA draws them. wmma, whose layouts PTX leaves open: as
// mma.m16n8 tiles side by side, which is what sm_80 does; fragments with more registers than elements (f16) repeat the
// tile.
#include "ops.h"

namespace softcuda::ops {
namespace {

struct Position {
  int lane, g, t;
};
Position positionOf(int lane) { return {lane, lane / 4, lane % 4}; }
Element make(int row, int column) { return {static_cast<uint8_t>(row), static_cast<uint8_t>(column)}; }

int perRegister(Type type) { return type == Type::F64 ? 1 : type == Type::TF32 ? 1 : 32 / bits(type); }
bool isAccumulatorHalf(Type type) { return type == Type::F16; }

// The tile layouts of mma.m16n8 and mma.m8n8. `halves` is the number of row halves: 2 for 16 rows, 1 for 8.
Element rowsOperand(int halves, int per, int lane, int reg, int e) {  // A: (m, k)
  const Position p = positionOf(lane);
  return make(p.g + 8 * (reg % halves), p.t * per + e + reg / halves * 4 * per);
}
Element columnsOperand(int per, int lane, int reg, int e) {  // B: (k, n)
  const Position p = positionOf(lane);
  return make(p.t * per + e + reg * 4 * per, p.g);
}
Element accumulator(bool half, int lane, int reg, int e) {  // C: (m, n)
  const Position p = positionOf(lane);
  return half ? make(p.g + 8 * reg, 2 * p.t + e) : make(p.g + 8 * (reg / 2), 2 * p.t + reg % 2);
}
Element transposed(Element x) { return {x.column, x.row}; }
Element shifted(Element x, int rows, int columns) { return make(x.row + rows, x.column + columns); }

Element mmaAt(Shape shape, Operand operand, Type type, int lane, int reg, int e) {
  const int halves = extent(shape).m / 8;
  switch (operand) {
    case Operand::A: return rowsOperand(halves, perRegister(type), lane, reg, e);
    case Operand::B: return columnsOperand(perRegister(type), lane, reg, e);
    case Operand::C: return accumulator(isAccumulatorHalf(type), lane, reg, e);
  }
  return {};
}
// wmma of 16x16, 32x8 and 8x32 as two tiles of 16x8.
Element wmmaAt(Shape shape, Operand operand, Type type, int lane, int reg, int e) {
  const Extent size = extent(shape);
  if (size.m == 8 && size.n == 8) return mmaAt(shape, operand, type, lane, reg, e);
  const int per = perRegister(type), chunks = size.k / (4 * per), rowsTile = 2 * chunks, columnsTile = chunks;
  if (operand == Operand::C) {
    const int perTile = isAccumulatorHalf(type) ? 2 : 4, tile = reg / perTile;
    const Element x = accumulator(isAccumulatorHalf(type), lane, reg % perTile, e);
    if (size.m == 8) return shifted(transposed(x), 0, 16 * tile);
    return size.m == 32 ? shifted(x, 16 * tile, 0) : shifted(x, 0, 8 * tile);
  }
  const bool asRows = (operand == Operand::A) != (size.m == 8);  // the operand that has 16 rows per tile
  const int tiles = asRows ? (size.m == 16 ? 1 : 2) : (size.m == 16 ? 2 : 1);
  const int perTile = asRows ? rowsTile : columnsTile, tile = reg / perTile % tiles, within = reg % perTile;
  Element x = asRows ? shifted(rowsOperand(2, per, lane, within, e), 16 * tile, 0)
                     : shifted(columnsOperand(per, lane, within, e), 0, 8 * tile);
  return size.m == 8 ? transposed(x) : x;
}
// mma.m8n8k4 of f16; quads q and q+4 hold matrix q. Rows of the layouts are those of mma's row-major A and
// column-major B; the other layouts exchange what a lane holds, so that this form is for mma.row.col only.
Element quadPairAt(Shape, Operand operand, Type type, int lane, int reg, int e) {
  const int index = lane % 4 + (lane >= 16 ? 4 : 0);
  switch (operand) {
    case Operand::A: return make(index, 2 * reg + e);
    case Operand::B: return make(2 * reg + e, index);
    case Operand::C:
      if (type == Type::F16) return make(index, 2 * reg + e);
      return make((index & 1) + (reg & 2) + (index & 4), (reg & 4) + (index & 2) + (reg & 1));
  }
  return {};
}

bool isByte(Type t) { return t == Type::S8 || t == Type::U8; }
bool isNibble(Type t) { return t == Type::S4 || t == Type::U4; }

// Elements of the operand times the copies kept, per lane; 0 if there is no such form.
int registersOf(Opcode op, Shape shape, Operand operand, Type type) {
  const Extent size = extent(shape);
  if (size.m == 0) return 0;
  const bool wmmaShape =
      shape == Shape::M16N16K16 || shape == Shape::M8N32K16 || shape == Shape::M32N8K16 || shape == Shape::M16N16K8;
  if (op == Opcode::Mma ? wmmaShape
                        : !wmmaShape && shape != Shape::M8N8K4 && shape != Shape::M8N8K32 && shape != Shape::M8N8K128)
    return 0;
  if (operand == Operand::C) {
    if (type != Type::F16 && type != Type::F32 && type != Type::S32 && type != Type::F64) return 0;
    if (op == Opcode::Mma && shape == Shape::M8N8K4 && type != Type::F64)
      return type == Type::F16 ? 4 : type == Type::F32 ? 8 : 0;
    if (op == Opcode::WmmaMma && shape == Shape::M8N8K4 && type != Type::F64) return 0;
    const int elements = size.m * size.n / 32;
    return type == Type::F16 ? elements / 2 : elements;
  }
  bool known = false;
  switch (type) {
    case Type::F16:
      known = op == Opcode::Mma ? shape == Shape::M8N8K4 || shape == Shape::M16N8K8 || shape == Shape::M16N8K16
                                : size.k == 16 && wmmaShape;
      if (op == Opcode::WmmaMma) return known ? 8 : 0;
      if (shape == Shape::M8N8K4) return 2;
      break;
    case Type::BF16:
      known = op == Opcode::Mma ? shape == Shape::M16N8K8 || shape == Shape::M16N8K16 : size.k == 16 && wmmaShape;
      break;
    case Type::TF32:
      known = op == Opcode::Mma ? shape == Shape::M16N8K4 || shape == Shape::M16N8K8 : shape == Shape::M16N16K8;
      break;
    case Type::F64:
      known = shape == Shape::M8N8K4 ||
              (op == Opcode::Mma && (shape == Shape::M16N8K4 || shape == Shape::M16N8K8 || shape == Shape::M16N8K16));
      break;
    case Type::B1: known = shape == Shape::M8N8K128 || shape == Shape::M16N8K128 || shape == Shape::M16N8K256; break;
    default:
      if (isByte(type))
        known = op == Opcode::Mma ? shape == Shape::M8N8K16 || shape == Shape::M16N8K16 || shape == Shape::M16N8K32
                                  : size.k == 16 && wmmaShape;
      if (isNibble(type)) known = shape == Shape::M8N8K32 || shape == Shape::M16N8K32 || shape == Shape::M16N8K64;
      break;
  }
  if (!known) return 0;
  const int elements = (operand == Operand::A ? size.m : size.n) * size.k / 32;
  return elements / perRegister(type);
}

}  // namespace

Fragment mmaFragment(Opcode op, Shape shape, Operand operand, Type type) {
  Fragment f;
  f.registers = registersOf(op, shape, operand, type);
  if (f.registers == 0) return f;
  f.registerBits = type == Type::F64 ? 64 : 32;
  f.elementBits = bits(type);
  f.elementsPerRegister = f.registerBits / f.elementBits;
  f.at = op == Opcode::WmmaMma ? &wmmaAt : shape == Shape::M8N8K4 && type != Type::F64 ? &quadPairAt : &mmaAt;
  return f;
}

}  // namespace softcuda::ops
