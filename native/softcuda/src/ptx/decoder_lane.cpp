// Instructions that src/ops executes: from opcode, modifiers and operands to a key and operand references.
#include <algorithm>

#include "ptx/decoder.h"

namespace softcuda::ptx {

using program::Class;
using program::Kind;
using program::kNowhere;
using K = Operand::Kind;
using O = ops::Opcode;
using T = ops::Type;

namespace {

bool roundingFromName(std::string_view word, ops::Rounding* rounding) {
  using R = ops::Rounding;
  static const struct {
    const char* word;
    R rounding;
  } table[] = {{"rn", R::Rn},   {"rna", R::Rna},       {"rz", R::Rz},    {"rm", R::Rm},
               {"rp", R::Rp},   {"rni", R::Rni},       {"rzi", R::Rzi},  {"rmi", R::Rmi},
               {"rpi", R::Rpi}, {"approx", R::Approx}, {"full", R::Full}};
  for (const auto& entry : table) {
    if (word == entry.word) {
      *rounding = entry.rounding;
      return true;
    }
  }
  return false;
}

bool compareFromName(std::string_view word, ops::Compare* compare) {
  using C = ops::Compare;
  static const struct {
    const char* word;
    C compare;
  } table[] = {{"eq", C::Eq},   {"ne", C::Ne},   {"lt", C::Lt},   {"le", C::Le},   {"gt", C::Gt},   {"ge", C::Ge},
               {"lo", C::Lo},   {"ls", C::Ls},   {"hi", C::Hi},   {"hs", C::Hs},   {"equ", C::Equ}, {"neu", C::Neu},
               {"ltu", C::Ltu}, {"leu", C::Leu}, {"gtu", C::Gtu}, {"geu", C::Geu}, {"num", C::Num}, {"nan", C::Nan}};
  for (const auto& entry : table) {
    if (word == entry.word) {
      *compare = entry.compare;
      return true;
    }
  }
  return false;
}

// Takes the single modifier among the words; the others stay.
template <class Value, class Parse>
bool takeOne(Modifiers& modifiers, Parse parse, Value* value) {
  for (std::string_view word : std::vector<std::string_view>(modifiers.left())) {
    if (parse(word, value)) {
      modifiers.take(word);
      return true;
    }
  }
  return false;
}

bool takeBoolOp(Modifiers& modifiers, ops::BoolOp* op) {
  if (modifiers.take("and")) *op = ops::BoolOp::And;
  else if (modifiers.take("or")) *op = ops::BoolOp::Or;
  else if (modifiers.take("xor")) *op = ops::BoolOp::Xor;
  else return false;
  return true;
}

enum class Classified : uint8_t { ByType, Special, Conversion, Move, Predicate, WarpShuffle, Tensor };
// The columns of opcodes.inc, by opcode.
struct Operation {
  const char* operands;
  Classified cls;
};
const Operation kOperations[] = {
#define SOFTCUDA_OPERATION(enumerator, name, operands, cls) {operands, Classified::cls},
#define SOFTCUDA_OPCODE(enumerator, name)
#include "ops/opcodes.inc"
};

// Takes the first of the words that is there.
struct Word {
  const char* word;
  uint32_t variant;
};
bool takeWord(Modifiers& modifiers, std::initializer_list<Word> words, uint32_t* variant) {
  for (const Word& w : words) {
    if (!modifiers.take(w.word)) continue;
    *variant |= w.variant;
    return true;
  }
  return false;
}

program::Flow flowOf(const ops::Key& key) {
  using program::Flow;
  switch (key.op) {
    case O::Selp: return Flow::Select;
    case O::And: return key.type == T::Pred ? Flow::And : Flow::All;
    case O::Or: return key.type == T::Pred ? Flow::Or : Flow::All;
    case O::Setp:
      return key.boolOp == ops::BoolOp::And  ? Flow::CompareAnd
             : key.boolOp == ops::BoolOp::Or ? Flow::CompareOr
                                             : Flow::All;
    case O::Shfl: return Flow::Shuffle;
    default: return Flow::All;
  }
}

bool isHalf(T t) { return t == T::F16 || t == T::F16x2 || t == T::BF16 || t == T::BF16x2; }

}  // namespace

Class Decoder::classOf(const ops::Key& key) const {
  switch (kOperations[static_cast<size_t>(key.op)].cls) {
    case Classified::Conversion: return Class::Conversion;
    case Classified::Move: return Class::Move;
    case Classified::Predicate: return Class::Predicate;
    case Classified::WarpShuffle: return Class::WarpShuffle;
    case Classified::Tensor: return Class::Tensor;
    case Classified::Special:
      if (key.type != T::F64) return Class::SpecialFunction;
      break;
    case Classified::ByType: break;
  }
  if (key.type == T::Pred) return Class::Predicate;
  if (isHalf(key.type)) return Class::Float16;
  if (key.type == T::F32 || key.type == T::F32x2) return Class::Float32;
  if (key.type == T::F64) return Class::Float64;
  return Class::Integer;
}

void Decoder::emitLane(const ops::Key& key, Class cls) {
  std::string why;
  const ops::LaneOp op = ops::find(key, &why);
  if (op == nullptr) {
    std::string text(current_->opcode);
    for (std::string_view m : current_->modifiers) text += "." + std::string(m);
    fail("instruction '" + text + "' is not supported" + (why.empty() ? "" : ": " + why), ErrorKind::Unsupported);
  }
  Instr& instr = emit(Kind::LaneMany, cls);
  instr.op = op;
  instr.variant = key.variant;
  code_.back().isOperation = true;
  code_.back().opcode = key.op;
}

void Decoder::addComplement(bool complement) {
  if (!complement) return;
  const size_t index = code_.back().sources.size();  // of the source that comes next
  if (index >= 8) mismatch();
  code_.back().instr.complement = static_cast<uint8_t>(code_.back().instr.complement | 1u << index);
}

// Chooses the quickest form of the executor's loop.
void Decoder::finishLane() {
  Emitted& e = code_.back();
  if (e.instr.kind != Kind::LaneMany) return;
  bool discards = false;
  for (Ref r : e.results) discards = discards || r == kNowhere;
  if (e.instr.complement != 0) e.instr.kind = Kind::LaneComplement;
  else if (e.results.size() == 1 && !discards && e.sources.size() == 1) e.instr.kind = Kind::Lane1;
  else if (e.results.size() == 1 && !discards && e.sources.size() == 2) e.instr.kind = Kind::Lane2;
  else if (e.results.size() == 1 && !discards && e.sources.size() == 3) e.instr.kind = Kind::Lane3;
}

void Decoder::lane(O opcode, size_t modifiersFrom) {
  Modifiers modifiers(*current_, modifiersFrom);
  if (opcode == O::Mma || opcode == O::WmmaMma) return matrixMultiply(modifiers, opcode == O::WmmaMma);
  if (opcode >= O::Vabsdiff && opcode <= O::Vsub4) return video(opcode, modifiers);
  if (opcode == O::Mov) return move(modifiers);
  if (opcode == O::Cvt) return convert(modifiers);
  ops::Key key{opcode};
  ownModifiers(modifiers, key);
  const bool isSync = syncModifiers(modifiers, opcode);
  commonModifiers(modifiers, key);
  if (key.wide && ops::bits(key.type) > 32) modifiers.illegal("wide");
  if (opcode == O::Setp || opcode == O::Set) key.variant = ops::compareVariant(key);
  LaneOperands operands = laneOperands(key);
  if (key.carryIn || key.carryOut) {
    if (carry_ == kNoRegister) carry_ = temporary(T::Pred);
    if (key.carryIn) operands.sources.push_back({registerRef(carry_), false});
    if (key.carryOut) operands.results.push_back(registerRef(carry_));
  }
  emitLane(key, classOf(key));
  for (Ref r : operands.results) result(r);
  for (const auto& [ref, complement] : operands.sources) {
    addComplement(complement);
    source(ref);
  }
  code_.back().instr.target = static_cast<uint32_t>(flowOf(key));
  if (opcode == O::Movmatrix) {
    code_.back().instr.kind = Kind::LaneConverged;
  } else if (isSync) {
    code_.back().instr.kind = Kind::LaneSync;
  } else {
    finishLane();
  }
}

// Words with a meaning of their own in one instruction; they come first.
void Decoder::ownModifiers(Modifiers& modifiers, ops::Key& key) {
  const std::string name = "'" + std::string(current_->opcode) + "'";
  auto need = [&](bool found, const char* what) {
    if (!found) fail(name + " needs " + what);
  };
  auto take = [&](std::initializer_list<Word> words) { return takeWord(modifiers, words, &key.variant); };
  switch (key.op) {
    case O::Setp:
    case O::Set:
      need(takeOne(modifiers, compareFromName, &key.compare), "a comparison");
      takeBoolOp(modifiers, &key.boolOp);
      break;
    case O::Mul:
    case O::Mad:
    case O::Madc:
    case O::Mul24:
    case O::Mad24:
      key.hi = modifiers.take("hi");
      key.lo = modifiers.take("lo");
      key.wide = modifiers.take("wide");
      break;
    case O::Bfind: take({{"shiftamt", ops::kShiftAmount}}); break;
    case O::Add:
    case O::Fma: take({{"oob", ops::kOob}}); break;
    case O::Dp2a: need(take({{"hi", ops::kDp2aHi}, {"lo", 0}}), ".lo or .hi"); break;
    case O::Bmsk:
    case O::Szext: need(take({{"wrap", ops::kWrap}, {"clamp", 0}}), ".clamp or .wrap"); break;
    case O::Shf:
      need(take({{"r", ops::kShfRight}, {"l", 0}}), ".l or .r");
      need(take({{"wrap", ops::kWrap}, {"clamp", 0}}), ".clamp or .wrap");
      break;
    case O::Prmt:
      take({{"f4e", ops::kPrmtF4e},
            {"b4e", ops::kPrmtB4e},
            {"rc8", ops::kPrmtRc8},
            {"ecl", ops::kPrmtEcl},
            {"ecr", ops::kPrmtEcr},
            {"rc16", ops::kPrmtRc16}});
      break;
    case O::Testp:
      need(take({{"finite", ops::kTestpFinite},
                 {"infinite", ops::kTestpInfinite},
                 {"number", ops::kTestpNumber},
                 {"notanumber", ops::kTestpNotanumber},
                 {"normal", ops::kTestpNormal},
                 {"subnormal", ops::kTestpSubnormal}}),
           "a class of numbers");
      break;
    case O::Lop3: takeBoolOp(modifiers, &key.boolOp); break;
    case O::CvtPack: break;
    case O::Shfl:
      need(take({{"up", ops::kShflUp}, {"down", ops::kShflDown}, {"bfly", ops::kShflBfly}, {"idx", ops::kShflIdx}}),
           ".up, .down, .bfly or .idx");
      break;
    case O::Vote:
      need(
          take({{"all", ops::kVoteAll}, {"any", ops::kVoteAny}, {"uni", ops::kVoteUni}, {"ballot", ops::kVoteBallot}}),
          ".all, .any, .uni or .ballot");
      break;
    case O::Match: need(take({{"all", ops::kMatchAll}, {"any", ops::kMatchAny}}), ".any or .all"); break;
    case O::Redux:
      need(take({{"add", ops::kReduxAdd},
                 {"min", ops::kReduxMin},
                 {"max", ops::kReduxMax},
                 {"and", ops::kReduxAnd},
                 {"or", ops::kReduxOr},
                 {"xor", ops::kReduxXor}}),
           "an operation");
      break;
    case O::Movmatrix: need(modifiers.take("trans") && modifiers.take("m8n8"), ".m8n8.trans"); break;
    default: break;
  }
}

// Returns whether the instruction waits for other lanes.
bool Decoder::syncModifiers(Modifiers& modifiers, O opcode) {
  const bool sync = modifiers.take("sync");
  const bool aligned = opcode == O::Movmatrix && modifiers.take("aligned");
  const bool isSync = opcode == O::Shfl || opcode == O::Vote || opcode == O::Match || opcode == O::Redux ||
                      opcode == O::Elect || opcode == O::Movmatrix;
  if (isSync && !sync) {
    fail("'" + std::string(current_->opcode) + "' without .sync is not supported on sm_70 or higher",
         ErrorKind::Unsupported);
  }
  if (sync && !isSync) modifiers.illegal("sync");
  if (opcode == O::Movmatrix && !aligned) fail("'movmatrix' needs .aligned");
  return isSync;
}

void Decoder::commonModifiers(Modifiers& modifiers, ops::Key& key) {
  takeOne(modifiers, roundingFromName, &key.rounding);
  key.ftz = modifiers.take("ftz");
  key.sat = modifiers.take("sat");
  key.relu = modifiers.take("relu");
  key.nan = key.op != O::Setp && key.op != O::Set && modifiers.take("NaN");
  key.xorsign = modifiers.take("xorsign");
  key.abs = modifiers.take("abs");
  key.noftz = modifiers.take("noftz");
  key.carryOut = modifiers.take("cc");
  key.carryIn = key.op == O::Addc || key.op == O::Subc || key.op == O::Madc;
  if (modifiers.takeType(&key.type)) modifiers.takeType(&key.sourceType);
  if (key.op == O::CvtPack && modifiers.take("b32")) key.variant = ops::kPackWithC;
  modifiers.finish();
  if (key.type != T::None) return;
  if (key.op == O::Elect) key.type = T::Pred;
  else fail("instruction '" + std::string(current_->opcode) + "' needs a type");
}

// What a letter of opcodes.inc stands for.
std::pair<Decoder::Width, T> Decoder::widthOfLetter(char letter, const ops::Key& key) {
  auto of = [](T type) { return std::make_pair(widthOf(type), type); };
  const T wide = key.type == T::U16 ? T::U32 : key.type == T::S16 ? T::S32 : key.type == T::U32 ? T::U64 : T::S64;
  switch (letter) {
    case 't':
    case 'o': return of(key.type);
    case 's': return of(key.sourceType == T::None ? key.type : key.sourceType);
    case 'w': return of(key.wide ? wide : key.type);
    case 'p':
    case 'b': return {Width::Predicate, T::Pred};
    case 'v':
      return key.type == T::Pred ? std::make_pair(Width::Predicate, T::Pred) : std::make_pair(Width::Bits32, T::B32);
    default: return {Width::Bits32, T::B32};
  }
}

// Reads the operands as opcodes.inc says; those that select the operation go into the key.
Decoder::LaneOperands Decoder::laneOperands(ops::Key& key) {
  const std::string_view signature = kOperations[static_cast<size_t>(key.op)].operands;
  if (signature.empty())
    fail("instruction '" + std::string(current_->opcode) + "' is not supported", ErrorKind::Unsupported);
  const size_t colon = signature.find(':');
  LaneOperands found;
  laneResults(signature.substr(0, colon), key, found.results);
  size_t next = 1;
  for (char letter : signature.substr(colon + 1)) {
    if (letter == 'b' && key.boolOp == ops::BoolOp::None) continue;
    if (letter == 'c' && key.variant != ops::kPackWithC) continue;
    if (letter == 'o') {
      if (current_->operands.size() != next + 1) continue;
      key.variant = ops::kThreeInput;
    }
    if (letter == 'l') {
      const uint64_t table = immediateInteger(at(next++), "the table of 'lop3'");
      if (table > 255) fail("the table of 'lop3' must be 0 to 255");
      key.variant = static_cast<uint32_t>(table) | (key.boolOp != ops::BoolOp::None ? ops::kLop3Predicate : 0);
      continue;
    }
    const auto [width, type] = widthOfLetter(letter, key);
    bool complement = false;
    const Ref ref = sourceRef(at(next++), width, type, &complement);
    found.sources.emplace_back(ref, complement);
  }
  if (current_->operands.size() != next) mismatch();
  return found;
}

// d or d|p.
void Decoder::laneResults(std::string_view letters, const ops::Key& key, std::vector<Ref>& results) {
  const bool inThisForm = key.op == O::Match ? key.variant == ops::kMatchAll : key.boolOp != ops::BoolOp::None;
  auto has = [&](char mark) { return letters.find(mark) != std::string_view::npos; };
  const bool two = has('|') || (has('/') && inThisForm);
  const Width width = widthOfLetter(letters[0], key).first;
  const Operand& d = at(0);
  if (d.kind == K::Pair) {
    if (!two) mismatch();
    results.push_back(optionalResultRef(d.elements[0], width));
    results.push_back(optionalResultRef(d.elements[1], Width::Predicate));
    return;
  }
  results.push_back(two && has('?') ? optionalResultRef(d, width) : resultRef(d, width));
  if (two) results.push_back(kNowhere);
}

void Decoder::move(Modifiers& modifiers) {
  ops::Key key{O::Mov};
  if (!modifiers.takeType(&key.type)) fail("'mov' needs a type");
  modifiers.finish();
  if (current_->operands.size() != 2) mismatch();
  const Operand &d = at(0), &a = at(1);
  const Width width = widthOf(key.type);
  if (d.kind != K::Vector && a.kind != K::Vector) {
    // Registers of 16 and 32 bits are not the same; special registers and addresses are read straight into the
    // destination.
    const Ref to = resultRef(d, width);
    const Ref from = sourceRef(a, width, key.type);
    emitLane(key, Class::Move);
    result(to);
    source(from);
    finishLane();
    return;
  }
  const bool pack = a.kind == K::Vector;
  if (pack && d.kind == K::Vector) mismatch();
  const Operand& vector = pack ? a : d;
  const auto count = static_cast<uint32_t>(vector.elements.size());
  if ((count != 2 && count != 4 && count != 8) || ops::bits(key.type) % static_cast<int>(count) != 0) mismatch();
  const int elementBits = ops::bits(key.type) / static_cast<int>(count);
  if (elementBits < 8) mismatch();
  const T elementType = elementBits == 8 ? T::B8 : elementBits == 16 ? T::B16 : elementBits == 32 ? T::B32 : T::B64;
  const Width elementWidth = widthOf(elementType);
  key.variant = (pack ? ops::kMovPack : ops::kMovUnpack) | count;
  std::vector<Ref> elements;
  for (const Operand& e : vector.elements)
    elements.push_back(pack ? sourceRef(e, elementWidth, elementType) : optionalResultRef(e, elementWidth));
  const Ref whole = pack ? resultRef(d, width) : sourceRef(a, width, key.type);
  emitLane(key, Class::Move);
  if (pack) {
    result(whole);
    for (Ref r : elements) source(r);
  } else {
    for (Ref r : elements) result(r);
    source(whole);
  }
  finishLane();
}

void Decoder::convert(Modifiers& modifiers) {
  ops::Key key{O::Cvt};
  takeOne(modifiers, roundingFromName, &key.rounding);
  key.ftz = modifiers.take("ftz");
  key.sat = modifiers.take("sat");
  key.satfinite = modifiers.take("satfinite");
  key.relu = modifiers.take("relu");
  if (!modifiers.takeType(&key.type) || !modifiers.takeType(&key.sourceType)) fail("'cvt' needs two types");
  modifiers.finish();
  const auto& operands = current_->operands;
  if (operands.size() < 2) mismatch();
  const bool twoSources = operands.size() == 3;
  if (operands.size() > 3) mismatch();
  const Operand& d = operands[0];
  if (d.kind != K::Register || registers_[d.reg] == T::Pred) mismatch();
  // Registers may be wider than the types.
  uint32_t destinationBits = 0, sourceBits = 0;
  const int typeBits = ops::bits(key.type), registerBits = bitsOf(d.reg);
  if (registerBits < typeBits) mismatch();
  if (registerBits > typeBits && !(typeBits == 8 && registerBits == 16))
    destinationBits = static_cast<uint32_t>(registerBits);
  if (destinationBits == 128) mismatch();
  const Ref to = registerRef(d.reg);
  std::vector<Ref> from;
  for (size_t i = 1; i < operands.size(); ++i) {
    const Operand& a = operands[i];
    if (a.kind == K::Register) {
      if (a.negated || !a.name.empty() || registers_[a.reg] == T::Pred) mismatch();
      const int bits = bitsOf(a.reg);
      if (bits < ops::bits(key.sourceType) || bits == 128) mismatch();
      if (bits == 64 && ops::bits(key.sourceType) < 64) {
        if (twoSources) mismatch();
        sourceBits = 64;
      }
      from.push_back(registerRef(a.reg));
    } else {
      from.push_back(sourceRef(a, widthOf(key.sourceType), key.sourceType));
    }
  }
  key.variant = ops::cvtRegisters(destinationBits, sourceBits);
  emitLane(key, Class::Conversion);
  result(to);
  for (Ref r : from) source(r);
  finishLane();
}

void Decoder::matrixMultiply(Modifiers& modifiers, bool wmma) {
  const char* opcodeName = wmma ? "'wmma.mma'" : "'mma'";
  if (!modifiers.take("sync") || !modifiers.take("aligned")) fail(std::string(opcodeName) + " needs .sync.aligned");
  ops::MmaForm form;
  for (std::string_view word : std::vector<std::string_view>(modifiers.left())) {
    if (ops::fromName(word, &form.shape) && form.shape != ops::Shape::None) {
      modifiers.take(word);
      break;
    }
  }
  if (form.shape == ops::Shape::None)
    fail(std::string(opcodeName) + " needs a shape that softcuda knows", ErrorKind::Unsupported);
  form.satfinite = modifiers.take("satfinite");
  if (modifiers.take("popc")) {
    if (modifiers.take("and")) form.op = ops::MmaOp::AndPopc;
    else if (modifiers.take("xor")) form.op = ops::MmaOp::XorPopc;
    else modifiers.illegal("popc");
  }
  // The layouts of A and B, in this order.
  std::vector<std::string_view> layouts;
  for (std::string_view word : std::vector<std::string_view>(modifiers.left())) {
    if (word == "row" || word == "col") {
      layouts.push_back(word);
      modifiers.take(word);
    }
  }
  if (layouts.size() != 2) fail(std::string(opcodeName) + " needs the layouts of A and B");
  form.columnA = layouts[0] == "col";
  form.columnB = layouts[1] == "col";
  std::vector<T> types;
  T type;
  while (modifiers.takeType(&type)) types.push_back(type);
  if (!types.empty() && types[0] == T::F64) modifiers.take("rn");  // what all of them do
  modifiers.finish();
  if (types.size() == 2 && wmma) {
    form.d = types[0];
    form.a = form.b = T::F16;
    form.c = types[1];
  } else if (types.size() == 4) {
    form.d = types[0];
    form.a = types[1];
    form.b = types[2];
    form.c = types[3];
  } else {
    fail(std::string(opcodeName) + " needs the types of D, A, B and C");
  }
  const ops::Key key = ops::mmaKey(wmma ? O::WmmaMma : O::Mma, form);
  std::string why;
  if (ops::find(key, &why) == nullptr)
    fail(std::string(opcodeName) + " does not have this form" + (why.empty() ? "" : ": " + why),
         ErrorKind::Unsupported);
  if (current_->operands.size() != 4) mismatch();
  const O opcode = wmma ? O::WmmaMma : O::Mma;
  auto refs = [&](const Operand& operand, ops::Operand which, T elementType, bool isResult) {
    const ops::Fragment fragment = ops::mmaFragment(opcode, form.shape, which, elementType);
    std::vector<const Operand*> elements;
    if (operand.kind == K::Vector) {
      for (const Operand& e : operand.elements) elements.push_back(&e);
    } else {
      elements.push_back(&operand);
    }
    if (fragment.registers == 0 || elements.size() != static_cast<size_t>(fragment.registers)) mismatch();
    const Width width = fragment.registerBits == 64 ? Width::Bits64 : Width::Bits32;
    const T registerType = elementType == T::F64 ? T::F64 : elementType == T::F32 ? T::F32 : T::B32;
    std::vector<Ref> result;
    for (const Operand* e : elements)
      result.push_back(isResult ? resultRef(*e, width) : sourceRef(*e, width, registerType));
    return result;
  };
  const std::vector<Ref> d = refs(at(0), ops::Operand::C, form.d, true);
  const std::vector<Ref> a = refs(at(1), ops::Operand::A, form.a, false);
  const std::vector<Ref> b = refs(at(2), ops::Operand::B, form.b, false);
  const std::vector<Ref> c = refs(at(3), ops::Operand::C, form.c, false);
  emitLane(key, Class::Tensor);
  code_.back().instr.kind = Kind::LaneConverged;
  code_.back().instr.extra = static_cast<uint32_t>(ops::mmaFlop(form.shape, form.a));
  // The one form that distributes its matrices otherwise is m8n8k4 on f16.
  if (!wmma && !(form.shape == ops::Shape::M8N8K4 && form.a == T::F16)) {
    code_.back().instr.target = static_cast<uint32_t>(program::Flow::MatrixProduct) |
                                static_cast<uint32_t>(a.size()) << 8 | static_cast<uint32_t>(b.size()) << 16;
  }
  for (Ref r : d) result(r);
  for (const std::vector<Ref>* list : {&a, &b, &c}) {
    for (Ref r : *list) source(r);
  }
}

// How many elements a register has for a video instruction: vadd, vadd2, vadd4.
static int videoElements(std::string_view name) { return name.back() == '4' ? 4 : name.back() == '2' ? 2 : 1; }

void Decoder::videoModifiers(Modifiers& modifiers, ops::Key& key, ops::VideoVariant& variant) {
  using V = ops::VideoVariant;
  const std::string name(current_->opcode);
  if (key.op == O::Vset || key.op == O::Vset2 || key.op == O::Vset4) {
    if (!takeOne(modifiers, compareFromName, &key.compare)) fail("'" + name + "' needs a comparison");
  }
  key.sat = modifiers.take("sat");
  if (modifiers.take("wrap")) variant.wrap = true;
  else modifiers.take("clamp");
  if (modifiers.take("po")) variant.plusOne = true;
  if (modifiers.take("shr7")) variant.scale = 7;
  if (modifiers.take("shr15")) variant.scale = 15;
  if (modifiers.take("add")) variant.second = V::kAddC;
  else if (modifiers.take("min")) variant.second = V::kMinC;
  else if (modifiers.take("max")) variant.second = V::kMaxC;
  T types[3] = {T::None, T::None, T::None};
  int count = 0;
  while (count < 3 && modifiers.takeType(&types[count])) ++count;
  modifiers.finish();
  if (key.op == O::Vset || key.op == O::Vset2 || key.op == O::Vset4) {
    if (count != 2) fail("'" + name + "' needs two types");
    key.type = T::U32;
    key.sourceType = types[0];
    variant.bType = types[1];
  } else {
    if (count != 3) fail("'" + name + "' needs three types");
    key.type = types[0];
    key.sourceType = types[1];
    variant.bType = types[2];
  }
}

// "b2" or "h1" after an operand.
void Decoder::videoSelector(std::string_view text, ops::VideoVariant::Selector* selector) {
  using V = ops::VideoVariant;
  static const struct {
    const char* word;
    V::Selector selector;
  } table[] = {{"b0", V::kB0}, {"b1", V::kB1}, {"b2", V::kB2}, {"b3", V::kB3}, {"h0", V::kH0}, {"h1", V::kH1}};
  if (text.empty()) return;
  for (const auto& entry : table) {
    if (text == entry.word) {
      *selector = entry.selector;
      return;
    }
  }
  fail("'." + std::string(text.substr(0, 40)) + "' is no selector");
}

// "b7531" or "h10" after an operand: the highest element first.
void Decoder::videoSelectors(std::string_view text, int elements, uint32_t* nibbles) {
  if (text.empty()) return;
  const std::string what = "'." + std::string(text.substr(0, 40)) + "' is no selector";
  if (text.size() != static_cast<size_t>(elements) + 1 || text[0] != (elements == 4 ? 'b' : 'h')) fail(what);
  *nibbles = 0;
  for (char c : text.substr(1)) {
    if (c < '0' || c >= '0' + 2 * elements) fail(what);
    *nibbles = *nibbles << 4 | static_cast<uint32_t>(c - '0');
  }
}

// Which parts of their registers the operands mean.
void Decoder::videoElementsOf(const Operand& d, const Operand& a, const Operand& b, ops::VideoVariant& variant) {
  using V = ops::VideoVariant;
  const int elements = videoElements(current_->opcode);
  if (elements == 1) {
    videoSelector(a.name, &variant.a);
    videoSelector(b.name, &variant.b);
    V::Selector merge = V::kWhole;
    videoSelector(d.name, &merge);
    if (merge != V::kWhole) {
      if (variant.second != V::kNone) mismatch();
      variant.second =
          static_cast<V::Second>(static_cast<int>(V::kMergeB0) + static_cast<int>(merge) - static_cast<int>(V::kB0));
    }
  } else {
    if (elements == 2) {
      variant.mask = 3;
      variant.selectA = 0x10;
      variant.selectB = 0x32;
    }
    videoSelectors(a.name, elements, &variant.selectA);
    videoSelectors(b.name, elements, &variant.selectB);
    if (!d.name.empty()) {
      if (d.name[0] != (elements == 4 ? 'b' : 'h')) mismatch();
      variant.mask = 0;
      for (char c : d.name.substr(1)) {
        if (c < '0' || c >= '0' + elements) mismatch();
        variant.mask |= 1u << (c - '0');
      }
    }
  }
}

void Decoder::video(O opcode, Modifiers& modifiers) {
  ops::Key key{opcode};
  ops::VideoVariant variant;
  videoModifiers(modifiers, key, variant);
  const bool mad = opcode == O::Vmad;
  Operand d = at(0), a = at(1), b = at(2);
  videoElementsOf(d, a, b, variant);
  std::vector<Ref> sources;
  if (mad && (a.negated || b.negated)) {
    variant.negateProduct = a.negated != b.negated;
    a.negated = b.negated = false;
  }
  d.name = a.name = b.name = {};
  const Ref to = resultRef(d, Width::Bits32);
  sources.push_back(sourceRef(a, Width::Bits32, T::B32));
  sources.push_back(sourceRef(b, Width::Bits32, T::B32));
  size_t wanted = 3;
  if (videoElements(current_->opcode) > 1 || mad || variant.second != ops::VideoVariant::kNone) {
    Operand c = at(3);
    if (mad && c.negated) {
      variant.negateC = true;
      c.negated = false;
    }
    sources.push_back(sourceRef(c, Width::Bits32, T::B32));
    wanted = 4;
  }
  if (current_->operands.size() != wanted) mismatch();
  std::string why;
  uint32_t packed = 0;
  const ops::LaneOp op = ops::findVideo(key, variant, &packed, &why);
  if (op == nullptr)
    fail("instruction '" + std::string(current_->opcode) + "' is not supported in this form" +
             (why.empty() ? "" : ": " + why),
         ErrorKind::Unsupported);
  Instr& instr = emit(Kind::LaneMany, Class::Integer);
  instr.op = op;
  instr.variant = packed;
  result(to);
  for (Ref r : sources) source(r);
  finishLane();
}

}  // namespace softcuda::ptx
