// Module scope: header, variables with their initial values, function signatures, debugging sections.
#include <cstring>

#include "ptx/parser.h"

namespace softcuda::ptx {
namespace {

constexpr uint64_t kMaxVariableSize = uint64_t{1} << 34;
constexpr int kMaxDepth = 64;
constexpr uint32_t kNewestVersion = 99;  // of the 9.x line
constexpr uint32_t kNewestTarget = 90;

uint32_t number(std::string_view digits) {
  uint32_t value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9' || value > 1000) return ~0u;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return digits.empty() ? ~0u : value;
}

}  // namespace

void Parser::unexpected(const char* wanted) const {
  if (token_.kind == TokenKind::End) fail(std::string("unexpected end of file, expected ") + wanted);
  const std::string text((token_.kind == TokenKind::DotWord ? "." : "") + std::string(token_.text.substr(0, 60)));
  fail("syntax error near '" + text + "', expected " + wanted);
}

void Parser::expect(char symbol) {
  if (!token_.is(symbol)) unexpected((std::string("'") + symbol + "'").c_str());
  advance();
}

bool Parser::accept(char symbol) {
  if (!token_.is(symbol)) return false;
  advance();
  return true;
}

bool Parser::acceptDot(std::string_view wordText) {
  if (token_.kind != TokenKind::DotWord || token_.text != wordText) return false;
  advance();
  return true;
}

std::string_view Parser::word(const char* wanted) {
  if (token_.kind != TokenKind::Word) unexpected(wanted);
  const std::string_view text = token_.text;
  advance();
  return text;
}

uint64_t Parser::integer(const char* wanted) {
  if (token_.kind != TokenKind::Integer) unexpected(wanted);
  const uint64_t value = token_.bits;
  advance();
  return value;
}

uint64_t Parser::conditional(int depth) {
  if (depth > kMaxDepth) fail("constant expression is nested too deeply");
  const uint64_t condition = binary(0, depth);
  if (!accept('?')) return condition;
  const uint64_t yes = conditional(depth + 1);
  expect(':');
  const uint64_t no = conditional(depth + 1);
  return condition ? yes : no;
}

uint64_t Parser::binary(int precedence, int depth) {
  struct Level {
    const char* symbols[5];
  };
  static const Level levels[] = {
      {{"||"}},       {{"&&"}},     {{"|"}},          {{"^"}}, {{"&"}}, {{"==", "!="}}, {{"<", ">", "<=", ">="}},
      {{"<<", ">>"}}, {{"+", "-"}}, {{"*", "/", "%"}}};
  constexpr int kLevels = static_cast<int>(sizeof levels / sizeof *levels);
  if (precedence == kLevels) return unary(depth + 1);
  uint64_t left = binary(precedence + 1, depth);
  for (;;) {
    std::string_view found;
    for (const char* symbol : levels[precedence].symbols) {
      if (symbol != nullptr && token_.is(std::string_view(symbol))) found = symbol;
    }
    if (found.empty()) return left;
    advance();
    const uint64_t right = binary(precedence + 1, depth);
    const auto signedLeft = static_cast<int64_t>(left), signedRight = static_cast<int64_t>(right);
    if (found == "||") left = left || right;
    else if (found == "&&") left = left && right;
    else if (found == "|") left |= right;
    else if (found == "^") left ^= right;
    else if (found == "&") left &= right;
    else if (found == "==") left = left == right;
    else if (found == "!=") left = left != right;
    else if (found == "<") left = signedLeft < signedRight;
    else if (found == ">") left = signedLeft > signedRight;
    else if (found == "<=") left = signedLeft <= signedRight;
    else if (found == ">=") left = signedLeft >= signedRight;
    else if (found == "<<") left = right < 64 ? left << right : 0;
    else if (found == ">>") left = right < 64 ? static_cast<uint64_t>(signedLeft >> right) : 0;
    else if (found == "+") left += right;
    else if (found == "-") left -= right;
    else if (found == "*") left *= right;
    else {
      if (right == 0) fail("division by zero in a constant expression");
      if (signedRight == -1) left = found == "/" ? 0 - left : 0;
      else left = static_cast<uint64_t>(found == "/" ? signedLeft / signedRight : signedLeft % signedRight);
    }
  }
}

uint64_t Parser::unary(int depth) {
  if (depth > kMaxDepth) fail("constant expression is nested too deeply");
  if (pendingMinus_) {
    pendingMinus_ = false;
    return 0 - unary(depth + 1);
  }
  if (accept('-')) return 0 - unary(depth + 1);
  if (accept('+')) return unary(depth + 1);
  if (accept('~')) return ~unary(depth + 1);
  if (accept('!')) return unary(depth + 1) == 0;
  if (accept('(')) {
    if (token_.kind == TokenKind::DotWord && (token_.text == "s64" || token_.text == "u64")) {
      advance();
      expect(')');
      return unary(depth + 1);
    }
    const uint64_t value = conditional(depth + 1);
    expect(')');
    return value;
  }
  return integer("a constant");
}

bool Parser::typeWord(std::string_view text, ops::Type* type) const { return ops::fromName(text, type); }

void Parser::header() {
  if (!acceptDot("version")) unexpected("'.version' as the first directive");
  if (token_.kind != TokenKind::Float64 && token_.kind != TokenKind::Integer) unexpected("a version such as 9.0");
  const std::string_view text = token_.text;
  const size_t point = text.find('.');
  const uint32_t major = number(text.substr(0, point));
  const uint32_t minor = point == std::string_view::npos ? 0 : number(text.substr(point + 1));
  if (major == ~0u || minor == ~0u || minor > 9) fail("'" + std::string(text.substr(0, 40)) + "' is no PTX version");
  module_.version = major * 10 + minor;
  if (module_.version > kNewestVersion)
    fail("Unsupported .version " + std::string(text.substr(0, 40)) + "; current version is '9.0'",
         ErrorKind::UnsupportedVersion);
  advance();
  if (!acceptDot("target")) unexpected("'.target' after '.version'");
  const std::string_view target = word("a target such as sm_80");
  if (target.substr(0, 3) != "sm_")
    fail("'" + std::string(target.substr(0, 40)) + "' is no target; expected one such as sm_80");
  std::string_view digits = target.substr(3);
  if (!digits.empty() && (digits.back() == 'a' || digits.back() == 'f')) {
    module_.targetSuffix = true;
    digits.remove_suffix(1);
  }
  module_.target = number(digits);
  if (module_.target == ~0u)
    fail("'" + std::string(target.substr(0, 40)) + "' is no target; expected one such as sm_80");
  if (module_.target > kNewestTarget || module_.targetSuffix)
    fail("Program with .target '" + std::string(target.substr(0, 40)) +
             "' cannot be compiled for this device: softcuda runs targets up to sm_" + std::to_string(kNewestTarget),
         ErrorKind::Unsupported);
  while (accept(',')) {
    const std::string_view option = word("a target option");
    if (option != "debug" && option != "texmode_unified" && option != "texmode_independent" &&
        option != "map_f64_to_f32")
      fail("unknown .target option '" + std::string(option.substr(0, 40)) + "'");
    if (option == "map_f64_to_f32") fail(".target map_f64_to_f32 is not supported", ErrorKind::Unsupported);
  }
}

void Parser::parseModule() {
  header();
  while (token_.kind != TokenKind::End) declaration();
  // Variables that other modules would have to define cannot be resolved here: there is no linker. Shared ones are the
  // dynamic shared memory.
  for (const Variable& v : module_.variables) {
    if (v.isExtern && v.space != Space::Shared)
      throw PtxError(v.line, "Unresolved extern variable '" + std::string(v.name) + "'", ErrorKind::Undefined);
  }
}

void Parser::fileDirective() {
  const uint64_t index = integer("the number of a .file directive");
  if (token_.kind != TokenKind::String) unexpected("a file name");
  const std::string name(token_.text);
  advance();
  if (accept(',')) {
    expression();
    if (accept(',')) expression();
  }
  if (index >= 100000) fail(".file number is too large");
  std::vector<std::string>& files = module_.source->files;
  if (files.size() <= index) files.resize(index + 1);
  files[index] = name;
}

void Parser::sectionDirective() {
advanceSectionName:
  if (token_.kind != TokenKind::DotWord && token_.kind != TokenKind::Word) unexpected("the name of a section");
  advance();
  if (token_.kind == TokenKind::DotWord) goto advanceSectionName;
  if (!token_.is('{')) unexpected("'{'");
  uint32_t depth = 0;
  do {
    if (token_.kind == TokenKind::End) unexpected("'}' at the end of a section");
    if (token_.is('{')) ++depth;
    if (token_.is('}')) --depth;
    advance();
  } while (depth > 0);
}

void Parser::pragmaDirective() {
  do {
    if (token_.kind != TokenKind::String) unexpected("a string");
    advance();
  } while (accept(','));
  expect(';');
}

void Parser::declaration() {
  if (token_.kind == TokenKind::Word && token_.text.substr(0, 1) == "@") unexpected("a directive");
  if (token_.kind != TokenKind::DotWord) unexpected("a directive");
  bool isExtern = false;
  for (;;) {
    if (acceptDot("extern")) isExtern = true;
    else if (acceptDot("visible") || acceptDot("weak") || acceptDot("common")) continue;
    else break;
  }
  if (token_.kind != TokenKind::DotWord) unexpected("a directive");
  const std::string_view name = token_.text;
  if (name == "address_size") {
    advance();
    if (integer("32 or 64") != 64) fail("only '.address_size 64' is supported", ErrorKind::Unsupported);
  } else if (name == "entry" || name == "func") {
    advance();
    function(name == "entry", isExtern);
  } else if (name == "global" || name == "const" || name == "shared") {
    advance();
    moduleVariables(name == "global" ? Space::Global : name == "const" ? Space::Constant : Space::Shared, isExtern);
  } else if (name == "file") {
    advance();
    fileDirective();
  } else if (name == "section") {
    advance();
    sectionDirective();
  } else if (name == "pragma") {
    advance();
    pragmaDirective();
  } else if (name == "loc") {
    advance();
    locDirective();
  } else if (name == "alias") {
    advance();
    const std::string_view alias = word("a function name");
    expect(',');
    const uint32_t line = token_.line;
    const std::string_view aliased = word("a function name");
    expect(';');
    const auto found = module_.functionByName.find(aliased);
    if (found == module_.functionByName.end())
      throw PtxError(line, "Unknown symbol '" + std::string(aliased) + "'", ErrorKind::Undefined);
    module_.functionByName[alias] = found->second;
  } else if (name == "version" || name == "target") {
    fail("duplicate '." + std::string(name) + "' directive");
  } else {
    fail("directive '." + std::string(name.substr(0, 60)) + "' is not supported", ErrorKind::Unsupported);
  }
}

uint32_t Parser::alignment() {
  const uint64_t value = integer("an alignment");
  if (value == 0 || (value & (value - 1)) != 0 || value > 4096) fail("alignment must be a power of two, at most 4096");
  return static_cast<uint32_t>(value);
}

void Parser::variableType(Variable& into, uint32_t& vector, bool isParameter) {
  bool hasType = false;
  vector = 1;
  uint32_t explicitAlignment = 0;
  while (token_.kind == TokenKind::DotWord) {
    const std::string_view text = token_.text;
    if (text == "align") {
      advance();
      explicitAlignment = alignment();
    } else if (text == "v2" || text == "v4") {
      vector = text == "v2" ? 2 : 4;
      advance();
    } else if (text == "ptr" && isParameter) {
      advance();
      while (acceptDot("global") || acceptDot("const") || acceptDot("local") || acceptDot("shared")) {}
      if (acceptDot("align")) alignment();
    } else if (text == "attribute") {
      advance();
      expect('(');
      if (!acceptDot("managed")) fail("only '.attribute(.managed)' is supported", ErrorKind::Unsupported);
      expect(')');
    } else if (text == "texref" || text == "samplerref" || text == "surfref") {
      fail("'." + std::string(text) + "' is not supported: softcuda has no textures and surfaces",
           ErrorKind::Unsupported);
    } else {
      if (hasType || !typeWord(text, &into.type))
        fail("'." + std::string(text.substr(0, 60)) + "' is not expected in a variable's declaration");
      const int bits = ops::bits(into.type);
      if (into.type == ops::Type::Pred || bits < 8 || bits % 8 != 0)
        fail("a variable in memory cannot have the type '." + std::string(text) + "'");
      into.elementSize = static_cast<uint32_t>(bits) / 8;
      hasType = true;
      advance();
    }
  }
  if (!hasType) unexpected("a type");
  into.alignment = explicitAlignment != 0 ? explicitAlignment : into.elementSize * vector;
}

void Parser::variableName(Variable& into, uint32_t vector, bool isParameter) {
  into.line = token_.line;
  const uint32_t unit = into.elementSize * vector;
  into.name = word("the name of a variable");
  if (token_.is('<')) fail("parameterised names are for registers only");
  std::vector<uint64_t> dimensions;
  uint64_t elements = 1;
  bool open = false;
  while (accept('[')) {
    into.isArray = true;
    if (dimensions.size() >= 32) fail("too many dimensions");
    if (token_.is(']')) {
      if (!dimensions.empty()) fail("only the first dimension may be left open");
      open = true;
      dimensions.push_back(0);
    } else {
      const uint64_t extent = expression();
      if (extent > kMaxVariableSize || (elements != 0 && extent != 0 && extent > kMaxVariableSize / elements))
        fail("variable '" + std::string(into.name) + "' is too large");
      dimensions.push_back(extent);
      elements *= extent;
    }
    expect(']');
  }
  if (elements > kMaxVariableSize / unit) fail("variable '" + std::string(into.name) + "' is too large");
  into.size = open ? 0 : elements * unit;
  if (token_.is('=')) {
    if (isParameter || (into.space != Space::Global && into.space != Space::Constant))
      fail("only .global and .const variables can be initialised");
    advance();
    if (vector > 1) {
      dimensions.push_back(vector);
      into.isArray = true;
    }
    // A flat list of values is filled in row-major order; nested braces start at their row.
    uint64_t element = 0;
    if (into.isArray) {
      initialValues(into, element, 0, true, open ? kMaxVariableSize : elements * vector, dimensions, 0);
    } else {
      initialValue(into, 0);
      element = 1;
    }
    if (open) into.size = (element + vector - 1) / vector * unit * 1;
    if (into.initial.size() < into.size) into.initial.resize(into.size);
  } else if (open && !into.isExtern && into.space != Space::Parameter && !isParameter) {
    fail("the size of '" + std::string(into.name) + "' is not given");
  }
}

void Parser::initialValues(Variable& into, uint64_t& element, int depth, bool braces, uint64_t elementsHere,
                           const std::vector<uint64_t>& dimensions, size_t level) {
  if (depth > 32) fail("initialiser is nested too deeply");
  if (braces) expect('{');
  const uint64_t start = element;
  uint64_t row = 1;
  for (size_t i = level + 1; i < dimensions.size(); ++i) row *= dimensions[i];
  while (!token_.is('}')) {
    if (element - start >= elementsHere) fail("more initial values than elements in '" + std::string(into.name) + "'");
    if (token_.is('{')) {
      const uint64_t before = element;
      initialValues(into, element, depth + 1, true, row, dimensions, level + 1);
      element = before + row;
    } else {
      initialValue(into, element);
      ++element;
    }
    if (!accept(',')) break;
  }
  expect('}');
}

void Parser::initialValue(Variable& into, uint64_t element) {
  const uint64_t offset = element * into.elementSize;
  if (offset + into.elementSize > kMaxVariableSize) fail("variable is too large");
  // Grown geometrically by vector: an open array's size is only known at the end.
  if (into.initial.size() < offset + into.elementSize) into.initial.resize(offset + into.elementSize);
  uint64_t bits = 0;
  const bool isFloat = into.type == ops::Type::F32 || into.type == ops::Type::F64 || into.type == ops::Type::F16 ||
                       into.type == ops::Type::BF16;
  bool negative = false;
  auto relocate = [&](std::string_view symbol, bool generic, uint32_t size, uint32_t shift) {
    Variable::Relocation relocation{offset, size, symbol, 0, generic, shift, token_.line};
    if (token_.is('+') || token_.is('-'))
      relocation.addend = static_cast<int64_t>(binary(8, 0));  // starts with a unary sign
    into.relocations.push_back(relocation);
  };
  if (token_.kind == TokenKind::Word) {
    const std::string_view symbol = word("a symbol");
    if (symbol == "generic" && token_.is('(')) {
      advance();
      const std::string_view inner = word("a symbol");
      expect(')');
      relocate(inner, true, into.elementSize, 0);
    } else {
      relocate(symbol, false, into.elementSize, 0);
    }
    if (into.elementSize < 4) fail("an address does not fit an element of '" + std::string(into.name) + "'");
    return;
  }
  while (token_.is('-') && isFloat) {
    negative = !negative;
    advance();
  }
  if (token_.kind == TokenKind::Float32 || token_.kind == TokenKind::Float64) {
    double value;
    if (token_.kind == TokenKind::Float32) {
      const auto low = static_cast<uint32_t>(token_.bits);
      float single;
      std::memcpy(&single, &low, 4);
      value = single;
      if (into.type == ops::Type::F32 || into.type == ops::Type::B32) {
        bits = low ^ (negative ? 0x80000000u : 0u);
        advance();
        std::memcpy(into.initial.data() + offset, &bits, into.elementSize);
        return;
      }
    } else {
      std::memcpy(&value, &token_.bits, 8);
    }
    if (negative) value = -value;
    if (into.type == ops::Type::F32) {
      const float single = static_cast<float>(value);
      std::memcpy(&bits, &single, 4);
    } else if (into.type == ops::Type::F64 || into.type == ops::Type::B64) {
      std::memcpy(&bits, &value, 8);
    } else {
      fail("a floating-point value cannot initialise '" + std::string(into.name) + "'");
    }
    advance();
  } else {
    bits = expression();
    if (negative) bits = 0 - bits;
    if (token_.is('(')) {  // 0xFF00(symbol): one byte of an address
      advance();
      const std::string_view symbol = word("a symbol");
      expect(')');
      uint32_t shift = 0;
      while (shift < 64 && bits != uint64_t{0xff} << shift) shift += 8;
      if (shift == 64 || into.elementSize != 1) fail("a mask selects one byte of an address");
      relocate(symbol, false, 1, shift);
      return;
    }
    if (isFloat) {
      const double value = static_cast<double>(static_cast<int64_t>(bits));
      if (into.type == ops::Type::F32) {
        const float single = static_cast<float>(value);
        bits = 0;
        std::memcpy(&bits, &single, 4);
      } else if (into.type == ops::Type::F64) {
        std::memcpy(&bits, &value, 8);
      } else {
        fail("an integer cannot initialise '" + std::string(into.name) + "'");
      }
    }
  }
  std::memcpy(into.initial.data() + offset, &bits, into.elementSize < 8 ? into.elementSize : 8);
}

Variable* Parser::addModuleVariable(Variable&& parsed) {
  const auto found = module_.variableByName.find(parsed.name);
  if (found != module_.variableByName.end()) {
    // A declaration and its definition may both be there.
    if (!found->second->isExtern && !parsed.isExtern)
      throw PtxError(parsed.line, "Duplicate definition of variable '" + std::string(parsed.name) + "'");
    if (found->second->isExtern) *found->second = std::move(parsed);
    return found->second;
  }
  if (module_.functionByName.count(parsed.name) != 0)
    throw PtxError(parsed.line, "Duplicate definition of '" + std::string(parsed.name) + "'");
  module_.variables.push_back(std::move(parsed));
  Variable* added = &module_.variables.back();
  module_.variableByName[added->name] = added;
  return added;
}

void Parser::moduleVariables(Space space, bool isExtern) {
  Variable type;
  type.space = space;
  type.isExtern = isExtern;
  uint32_t vector = 1;
  variableType(type, vector, false);
  do {
    Variable parsed = type;
    variableName(parsed, vector, false);
    addModuleVariable(std::move(parsed));
  } while (accept(','));
  expect(';');
}

void Parser::parameterList(Function& owner, std::vector<Variable*>& into) {
  expect('(');
  while (!token_.is(')')) {
    Variable parsed;
    parsed.space = Space::Parameter;
    const bool inRegister = !owner.isEntry && acceptDot("reg");
    if (!inRegister && !acceptDot("param")) unexpected("'.param'");
    uint32_t vector = 1;
    variableType(parsed, vector, true);
    variableName(parsed, vector, true);
    if (inRegister && parsed.isArray) fail("a register is no array");
    if (parsed.isArray && parsed.size == 0) fail("variable argument lists are not supported", ErrorKind::Unsupported);
    owner.variables.push_back(std::move(parsed));
    into.push_back(&owner.variables.back());
    if (inRegister) owner.registerParameters.push_back({into.back(), &into == &owner.results, kNoRegister});
    if (into.size() > 4096) fail("too many parameters");
    if (!accept(',')) break;
  }
  expect(')');
}

void Parser::performanceDirectives(Function& into) {
  auto triple = [&](std::array<uint32_t, 3>& values) {
    values = {1, 1, 1};
    for (size_t i = 0; i < 3; ++i) {
      const uint64_t value = integer("a number of threads");
      if (value == 0 || value > 0x7fffffff) fail("bad number of threads");
      values[i] = static_cast<uint32_t>(value);
      if (!accept(',')) break;
    }
  };
  while (token_.kind == TokenKind::DotWord) {
    if (acceptDot("maxntid")) triple(into.maxThreads);
    else if (acceptDot("reqntid")) triple(into.requiredThreads);
    else if (acceptDot("minnctapersm")) into.minBlocks = static_cast<uint32_t>(integer("a number of blocks"));
    else if (acceptDot("maxnctapersm")) integer("a number of blocks");
    else if (acceptDot("maxnreg")) into.maxRegisters = static_cast<uint32_t>(integer("a number of registers"));
    else if (acceptDot("noreturn")) continue;
    else if (acceptDot("abi_preserve") || acceptDot("abi_preserve_control")) integer("a number");
    else if (acceptDot("pragma")) pragmaDirective();
    else fail("directive '." + std::string(token_.text.substr(0, 60)) + "' is not supported", ErrorKind::Unsupported);
  }
}

void Parser::function(bool isEntry, bool isExtern) {
  auto parsed = std::make_unique<Function>();
  parsed->isEntry = isEntry;
  parsed->isExtern = isExtern;
  parsed->line = token_.line;
  while (acceptDot("attribute")) {
    expect('(');
    while (!token_.is(')')) {
      if (token_.kind == TokenKind::End) unexpected("')'");
      advance();
    }
    expect(')');
  }
  if (!isEntry && token_.is('(')) parameterList(*parsed, parsed->results);
  parsed->name = word("the name of a function");
  if (token_.is('(')) parameterList(*parsed, parsed->parameters);
  performanceDirectives(*parsed);
  Function* target = parsed.get();
  const auto found = module_.functionByName.find(parsed->name);
  if (found != module_.functionByName.end()) {
    Function* earlier = found->second;
    if (token_.is('{') && earlier->hasBody)
      fail("Duplicate definition of function '" + std::string(parsed->name) + "'");
    if (earlier->isEntry != isEntry) fail("'" + std::string(parsed->name) + "' is declared as .entry and as .func");
    if (token_.is('{')) {  // the definition takes the place of the declaration
      const uint32_t index = earlier->index;
      *earlier = std::move(*parsed);
      earlier->index = index;
    }
    target = earlier;
  } else {
    if (module_.variableByName.count(parsed->name) != 0)
      fail("Duplicate definition of '" + std::string(parsed->name) + "'");
    target->index = static_cast<uint32_t>(module_.functions.size());
    module_.functionByName[target->name] = target;
    module_.functions.push_back(std::move(parsed));
  }
  if (accept(';')) return;
  if (!token_.is('{')) unexpected("'{' or ';'");
  target->hasBody = true;
  body(*target);
}

std::unique_ptr<ParsedModule> parse(std::string_view text, std::string_view fileName) {
  auto module = std::make_unique<ParsedModule>();
  module->source = std::make_unique<program::SourceText>();
  module->source->text = std::string(text);
  module->source->fileName = std::string(fileName);
  Parser parser(*module);
  parser.parseModule();
  return module;
}

}  // namespace softcuda::ptx
