// Names of opcodes, types, shapes and levels.
#include "ops.h"

namespace softcuda::ops {
namespace {

constexpr std::string_view kOpcodes[] = {
#define SOFTCUDA_OPERATION(enumerator, name, operands, cls) name,
#define SOFTCUDA_OPCODE(enumerator, name) name,
#include "opcodes.inc"
};
constexpr std::string_view kTypes[] = {"",      "pred",   "b8",     "b16",  "b32",    "b64",  "b128", "u8",
                                       "u16",   "u32",    "u64",    "s8",   "s16",    "s32",  "s64",  "u16x2",
                                       "s16x2", "f16",    "f16x2",  "bf16", "bf16x2", "tf32", "f32",  "f32x2",
                                       "f64",   "e4m3x2", "e5m2x2", "u4",   "s4",     "b1",   "u2",   "s2"};
static_assert(sizeof kTypes / sizeof kTypes[0] == static_cast<size_t>(Type::S2) + 1, "one name per type");

struct ShapeName {
  std::string_view text;
  Shape shape;
  Extent extent;
};
constexpr ShapeName kShapes[] = {
    {"m8n8k4", Shape::M8N8K4, {8, 8, 4}},          {"m8n8k16", Shape::M8N8K16, {8, 8, 16}},
    {"m8n8k32", Shape::M8N8K32, {8, 8, 32}},       {"m8n8k128", Shape::M8N8K128, {8, 8, 128}},
    {"m16n8k4", Shape::M16N8K4, {16, 8, 4}},       {"m16n8k8", Shape::M16N8K8, {16, 8, 8}},
    {"m16n8k16", Shape::M16N8K16, {16, 8, 16}},    {"m16n8k32", Shape::M16N8K32, {16, 8, 32}},
    {"m16n8k64", Shape::M16N8K64, {16, 8, 64}},    {"m16n8k128", Shape::M16N8K128, {16, 8, 128}},
    {"m16n8k256", Shape::M16N8K256, {16, 8, 256}}, {"m16n16k16", Shape::M16N16K16, {16, 16, 16}},
    {"m8n32k16", Shape::M8N32K16, {8, 32, 16}},    {"m32n8k16", Shape::M32N8K16, {32, 8, 16}},
    {"m16n16k8", Shape::M16N16K8, {16, 16, 8}}};

}  // namespace

std::string_view name(Opcode op) { return kOpcodes[static_cast<size_t>(op)]; }
bool fromName(std::string_view text, Opcode* op) {
  for (size_t i = 0; i < sizeof kOpcodes / sizeof kOpcodes[0]; ++i)
    if (kOpcodes[i] == text) return *op = static_cast<Opcode>(i), true;
  return false;
}
std::string_view name(Type type) { return kTypes[static_cast<size_t>(type)]; }
bool fromName(std::string_view text, Type* type) {
  for (size_t i = 1; i < sizeof kTypes / sizeof kTypes[0]; ++i)
    if (kTypes[i] == text) return *type = static_cast<Type>(i), true;
  return false;
}
int bits(Type type) {
  switch (type) {
    case Type::None: return 0;
    case Type::Pred:
    case Type::B1: return 1;
    case Type::U2:
    case Type::S2: return 2;
    case Type::U4:
    case Type::S4: return 4;
    case Type::B8:
    case Type::U8:
    case Type::S8: return 8;
    case Type::B16:
    case Type::U16:
    case Type::S16:
    case Type::F16:
    case Type::BF16:
    case Type::E4M3x2:
    case Type::E5M2x2: return 16;
    case Type::B32:
    case Type::U32:
    case Type::S32:
    case Type::U16x2:
    case Type::S16x2:
    case Type::F16x2:
    case Type::BF16x2:
    case Type::TF32:
    case Type::F32: return 32;
    case Type::B64:
    case Type::U64:
    case Type::S64:
    case Type::F32x2:
    case Type::F64: return 64;
    case Type::B128: return 128;
  }
  return 0;
}
bool fromName(std::string_view text, Shape* shape) {
  for (const ShapeName& s : kShapes)
    if (s.text == text) return *shape = s.shape, true;
  return false;
}
Extent extent(Shape shape) {
  for (const ShapeName& s : kShapes)
    if (s.shape == shape) return s.extent;
  return {0, 0, 0};
}
uint64_t mmaFlop(Shape shape, Type a) {
  const Extent e = extent(shape);
  const uint64_t products = shape == Shape::M8N8K4 && a == Type::F16 ? 4 : 1;
  return products * 2 * static_cast<uint64_t>(e.m) * static_cast<uint64_t>(e.n) * static_cast<uint64_t>(e.k);
}
std::string_view name(Level level) {
  return level == Level::Avx512 ? "avx512" : level == Level::Avx2 ? "avx2" : "scalar";
}

}  // namespace softcuda::ops
