// Function bodies: registers, variables, labels, instructions with their operands.
#include "ptx/parser.h"

namespace softcuda::ptx {

namespace {
constexpr size_t kMaxScopes = 256;
constexpr size_t kMaxOperands = 64;
constexpr uint64_t kMaxRegistersInRange = uint64_t{1} << 31;
}  // namespace

std::string Register::text() const { return std::string(name); }

uint32_t Function::findLabel(std::string_view label, uint32_t scope) const {
  const auto named = labels.find(label);
  if (named == labels.end()) return ~0u;
  for (;; scope = scopes[scope].parent) {  // the innermost scope that encloses wins
    for (const Label& candidate : named->second) {
      if (candidate.scope == scope) return candidate.index;
    }
    if (scope == 0) return ~0u;
  }
}

const Function::TargetList* Function::findTargets(std::string_view list, uint32_t scope) const {
  const auto named = targetLists.find(list);
  if (named == targetLists.end()) return nullptr;
  for (;; scope = scopes[scope].parent) {
    for (const TargetList& candidate : named->second) {
      if (candidate.scope == scope) return &candidate;
    }
    if (scope == 0) return nullptr;
  }
}

void Parser::body(Function& into) {
  function_ = &into;
  source_ = {};
  locs_.clear();
  lastPlace_ = {};
  names_.clear();
  into.scopes.assign(1, {0});
  names_.emplace_back();
  names_.back().scope = 0;
  for (Variable* v : into.results) names_.back().variables[v->name] = v;
  for (Variable* v : into.parameters) names_.back().variables[v->name] = v;
  for (Function::RegisterParameter& p : into.registerParameters) {
    names_.back().variables.erase(p.variable->name);
    p.reg = static_cast<RegisterId>(into.registers.size());
    names_.back().registers[p.variable->name] = p.reg;
    into.registers.push_back({p.variable->name, ~0u, p.variable->type});
  }
  expect('{');
  while (!names_.empty()) {
    if (token_.is('{')) {
      if (names_.size() >= kMaxScopes) fail("blocks are nested too deeply");
      advance();
      into.scopes.push_back({names_.back().scope});
      names_.emplace_back();
      names_.back().scope = static_cast<uint32_t>(into.scopes.size() - 1);
    } else if (token_.is('}')) {
      advance();
      names_.pop_back();
    } else if (token_.kind == TokenKind::End) {
      unexpected("'}' at the end of a function");
    } else {
      statement();
    }
  }
  function_ = nullptr;
}

void Parser::statement() {
  if (accept(';')) return;
  if (token_.kind == TokenKind::DotWord) {
    const std::string_view name = token_.text;
    advance();
    if (name == "reg") registerDeclaration();
    else if (name == "local") localVariables(Space::Local);
    else if (name == "shared") localVariables(Space::Shared);
    else if (name == "param") localVariables(Space::Parameter);
    else if (name == "global") localVariables(Space::Global);
    else if (name == "const") localVariables(Space::Constant);
    else if (name == "loc") locDirective();
    else if (name == "pragma") pragmaDirective();
    else if (name == "file") fileDirective();
    else if (name == "section") sectionDirective();
    else fail("directive '." + std::string(name.substr(0, 60)) + "' is not supported here", ErrorKind::Unsupported);
    return;
  }
  if (token_.is('@')) {
    instruction();
    return;
  }
  if (token_.kind != TokenKind::Word) unexpected("an instruction");
  instruction();
}

void Parser::registerDeclaration() {
  if (token_.kind != TokenKind::DotWord) unexpected("a type");
  if (token_.text == "v2" || token_.text == "v4") fail("vector registers are not supported", ErrorKind::Unsupported);
  ops::Type type = ops::Type::None;
  if (!typeWord(token_.text, &type))
    fail("'." + std::string(token_.text.substr(0, 60)) + "' is no type of a register");
  const int bits = ops::bits(type);
  if (type != ops::Type::Pred && (bits < 8 || bits % 8 != 0))
    fail("'." + std::string(token_.text) + "' is no type of a register");
  advance();
  do {
    const std::string_view name = word("the name of a register");
    Names& names = names_.back();
    // %r3 is declared by %r<4> as well.
    size_t digits = name.size();
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
    const auto range = names.ranges.find(name.substr(0, digits));
    bool ranged = false;
    if (range != names.ranges.end() && digits < name.size() && name.size() - digits <= 10 &&
        (name[digits] != '0' || name.size() - digits == 1) && !token_.is('<')) {
      uint64_t number = 0;
      for (char c : name.substr(digits)) number = number * 10 + static_cast<uint64_t>(c - '0');
      ranged = number < range->second.count;
    }
    if (ranged || names.registers.count(name) != 0 || names.ranges.count(name) != 0)
      fail("Duplicate definition of register '" + std::string(name.substr(0, 60)) + "'");
    if (accept('<')) {
      const uint64_t count = integer("the number of registers");
      if (count > kMaxRegistersInRange) fail("too many registers");
      expect('>');
      names.ranges[name] = {type, count};
    } else {
      names.registers[name] = static_cast<RegisterId>(function_->registers.size());
      function_->registers.push_back({name, ~0u, type});
    }
  } while (accept(','));
  expect(';');
}

void Parser::localVariables(Space space) {
  Variable type;
  type.space = space;
  uint32_t vector = 1;
  variableType(type, vector, false);
  do {
    Variable parsed = type;
    variableName(parsed, vector, false);
    addLocalVariable(std::move(parsed));
  } while (accept(','));
  expect(';');
}

void Parser::addLocalVariable(Variable&& parsed) {
  const Space space = parsed.space;
  if (space == Space::Local || space == Space::Parameter) {
    if (parsed.size > (uint64_t{1} << 24))
      fail("variable '" + std::string(parsed.name) + "' is too large for " +
           (space == Space::Local ? ".local" : ".param"));
  }
  if (names_.back().variables.count(parsed.name) != 0)
    fail("Duplicate definition of variable '" + std::string(parsed.name) + "'");
  const std::string_view name = parsed.name;
  Variable* stored;
  if (space == Space::Global || space == Space::Constant) {
    module_.variables.push_back(std::move(parsed));
    stored = &module_.variables.back();
  } else {
    function_->variables.push_back(std::move(parsed));
    stored = &function_->variables.back();
    function_->locals.push_back(stored);
  }
  names_.back().variables[name] = stored;
}

void Parser::locDirective() {
  const uint32_t line = token_.line;
  const uint64_t file = integer("a file number");
  const uint64_t sourceLine = integer("a line number");
  const uint64_t column = integer("a column");
  source_ = {static_cast<uint32_t>(file), static_cast<uint32_t>(sourceLine), 0, true};
  const Place place{file, sourceLine, column};
  Place caller{};
  if (token_.is(',') && token_.line == line) {  // , function_name label {+ offset}, inlined_at file line column
    while (token_.kind != TokenKind::End && token_.line == line) {
      const bool at = token_.kind == TokenKind::Word && token_.text == "inlined_at";
      advance();
      if (!at) continue;
      for (uint64_t& part : caller) part = integer("a position");
      // The caller may have been inlined itself: an earlier .loc says where, most often the one before this.
      SourcePosition site{static_cast<uint32_t>(caller[0]), static_cast<uint32_t>(caller[1]), 0, true};
      const auto known = locs_.find(caller);
      if (known != locs_.end()) {
        site = known->second.position;
        if (known->second.several && caller != lastPlace_) site.sure = false;
      }
      module_.source->inlineSites.push_back(site);
      source_.caller = static_cast<uint32_t>(module_.source->inlineSites.size());
    }
  }
  Loc& loc = locs_[place];
  loc.several = loc.several || (loc.position.line != 0 && loc.caller != caller);
  loc.position = source_;
  loc.caller = caller;
  lastPlace_ = place;
}

void Parser::labelled(std::string_view label, uint32_t line) {
  const uint32_t scope = names_.back().scope;
  if (token_.kind == TokenKind::DotWord && (token_.text == "branchtargets" || token_.text == "calltargets")) {
    const bool branches = token_.text == "branchtargets";
    advance();
    Function::TargetList list{scope, {}};
    do {
      list.labels.push_back(word("a label"));
    } while (accept(','));
    expect(';');
    if (branches) function_->targetLists[label].push_back(std::move(list));
    else names_.back().prototypes[label] = true;
    return;
  }
  if (acceptDot("callprototype")) {
    Function prototype;  // checked, then forgotten: calls pass what their operands say
    if (token_.is('(')) parameterList(prototype, prototype.results);
    word("'_'");
    if (token_.is('(')) parameterList(prototype, prototype.parameters);
    performanceDirectives(prototype);
    expect(';');
    names_.back().prototypes[label] = true;
    return;
  }
  std::vector<Function::Label>& sameName = function_->labels[label];
  for (const Function::Label& other : sameName) {
    if (other.scope == scope)
      throw PtxError(line, "Duplicate definition of label '" + std::string(label.substr(0, 80)) + "'");
  }
  sameName.push_back({scope, static_cast<uint32_t>(function_->instructions.size())});
}

bool Parser::findRegister(std::string_view name, RegisterId* found) {
  size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
  const std::string_view prefix = name.substr(0, digits), tail = name.substr(digits);
  uint64_t number = 0;
  bool ranged = !tail.empty() && tail.size() <= 10 && (tail.size() == 1 || tail[0] != '0');
  if (ranged) {
    for (char c : tail) number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  for (size_t i = names_.size(); i-- > 0;) {
    Names& names = names_[i];
    const auto exact = names.registers.find(name);
    if (exact != names.registers.end()) {
      *found = exact->second;
      return true;
    }
    if (!ranged) continue;
    const auto range = names.ranges.find(prefix);
    if (range != names.ranges.end() && number < range->second.count) {
      *found = static_cast<RegisterId>(function_->registers.size());
      function_->registers.push_back({name, static_cast<uint32_t>(number), range->second.type});
      names.registers[name] = *found;
      return true;
    }
  }
  return false;
}

Variable* Parser::findVariable(std::string_view name) const {
  for (size_t i = names_.size(); i-- > 0;) {
    const auto found = names_[i].variables.find(name);
    if (found != names_[i].variables.end()) return found->second;
  }
  const auto found = module_.variableByName.find(name);
  return found == module_.variableByName.end() ? nullptr : found->second;
}

Operand Parser::named(bool allowLabel) {
  const uint32_t line = token_.line;
  const std::string_view name = word("an operand");
  Operand operand;
  if (name == "_") {
    operand.kind = Operand::Kind::Sink;
    return operand;
  }
  if (findRegister(name, &operand.reg)) {
    operand.kind = Operand::Kind::Register;
    if (token_.kind == TokenKind::DotWord && !token_.spaceBefore) {  // selector of a video instruction
      operand.name = token_.text;
      advance();
    }
    return operand;
  }
  if (name[0] == '%' || name == "WARP_SZ") {
    if (name == "WARP_SZ") {
      operand.kind = Operand::Kind::Integer;
      operand.bits = 32;
      return operand;
    }
    operand.name = name;
    if (token_.kind == TokenKind::DotWord && !token_.spaceBefore) {
      operand.name =
          std::string_view(name.data(), static_cast<size_t>(token_.text.data() + token_.text.size() - name.data()));
      advance();
    }
    SpecialName special;
    if (!findSpecial(operand.name, &special))
      throw PtxError(line, "Unknown symbol '" + std::string(operand.name.substr(0, 80)) + "'", ErrorKind::Undefined);
    operand.kind = Operand::Kind::Special;
    return operand;
  }
  if (Variable* variable = findVariable(name)) {
    operand.kind = Operand::Kind::Variable;
    operand.variable = variable;
    if (token_.is('+') || token_.is('-')) operand.offset = static_cast<int64_t>(binary(8, 0));
    return operand;
  }
  const auto function = module_.functionByName.find(name);
  if (function != module_.functionByName.end()) {
    operand.kind = Operand::Kind::Function;
    operand.function = function->second;
    return operand;
  }
  if (!allowLabel)
    throw PtxError(line, "Unknown symbol '" + std::string(name.substr(0, 80)) + "'", ErrorKind::Undefined);
  operand.kind = Operand::Kind::Label;
  operand.name = name;
  return operand;
}

Operand Parser::address() {
  expect('[');
  Operand operand;
  if (token_.kind == TokenKind::Word) {
    const uint32_t line = token_.line;
    Operand base = named(false);
    if (base.kind != Operand::Kind::Register && base.kind != Operand::Kind::Variable)
      throw PtxError(line, "an address is a register or a variable with an offset");
    operand = base;
    if (token_.is('+') || token_.is('-')) operand.offset = static_cast<int64_t>(binary(8, 0));
  } else {
    operand.offset = static_cast<int64_t>(expression());
  }
  operand.kind = Operand::Kind::Address;
  if (token_.is(',')) fail("addresses with coordinates are not supported", ErrorKind::Unsupported);
  expect(']');
  return operand;
}

Operand Parser::operand(bool allowLabel) {
  Operand result;
  if (token_.is('[')) {
    result = address();
  } else if (accept('{')) {
    result.kind = Operand::Kind::Vector;
    do {
      if (token_.is('{') || token_.is('[')) unexpected("an element of a vector");
      if (result.elements.size() >= kMaxOperands) fail("vector has too many elements");
      result.elements.push_back(operand(false));
    } while (accept(','));
    expect('}');
  } else if (token_.is('!')) {
    advance();
    if (token_.kind == TokenKind::Word) {
      result = named(false);
      if (result.kind != Operand::Kind::Register) fail("'!' needs a predicate");
      result.negated = true;
    } else {
      result.kind = Operand::Kind::Integer;
      result.bits = unary(0) == 0;
    }
  } else if (token_.kind == TokenKind::Word) {
    result = named(allowLabel);
  } else {
    bool negative = false;
    if (token_.is('-')) {
      advance();
      negative = true;
    }
    if (token_.kind == TokenKind::Float32 || token_.kind == TokenKind::Float64) {
      const bool single = token_.kind == TokenKind::Float32;
      result.kind = single ? Operand::Kind::Float32 : Operand::Kind::Float64;
      result.bits = token_.bits;
      if (negative) result.bits ^= single ? uint64_t{1} << 31 : uint64_t{1} << 63;
      advance();
    } else if (negative && token_.kind == TokenKind::Word) {  // vmad: -c
      result = named(false);
      result.negated = true;
    } else {
      result.kind = Operand::Kind::Integer;
      pendingMinus_ = negative;
      result.bits = expression();
    }
  }
  if (result.kind == Operand::Kind::Register || result.kind == Operand::Kind::Sink) {
    if (accept('|')) {
      Operand pair;
      pair.kind = Operand::Kind::Pair;
      pair.elements.push_back(std::move(result));
      pair.elements.push_back(named(false));
      return pair;
    }
  }
  return result;
}

void Parser::callOperands(Instruction& into) {
  auto list = [&](std::vector<Operand>& operands) {
    expect('(');
    while (!token_.is(')')) {
      if (operands.size() >= 4096) fail("too many arguments");
      operands.push_back(operand(false));
      if (!accept(',')) break;
    }
    expect(')');
  };
  if (token_.is('(')) {
    list(into.results);
    expect(',');
  }
  into.operands.push_back(operand(true));
  if (!accept(',')) return;
  if (token_.is('(')) {
    list(into.arguments);
    if (!accept(',')) return;
  }
  const Operand prototype = operand(true);
  if (prototype.kind != Operand::Kind::Label) fail("expected the name of a call prototype");
  bool known = false;
  for (const Names& names : names_) known = known || names.prototypes.count(prototype.name) != 0;
  if (!known) fail("Unknown symbol '" + std::string(prototype.name.substr(0, 80)) + "'", ErrorKind::Undefined);
}

void Parser::instruction() {
  Instruction parsed;
  parsed.line = token_.line;
  parsed.scope = names_.back().scope;
  parsed.source = source_;
  if (accept('@')) {
    parsed.guardNegated = accept('!');
    const std::string_view name = word("a predicate");
    if (!findRegister(name, &parsed.guard))
      fail("Unknown symbol '" + std::string(name.substr(0, 80)) + "'", ErrorKind::Undefined);
    if (function_->registers[parsed.guard].type != ops::Type::Pred)
      fail("'" + std::string(name.substr(0, 80)) + "' is not a predicate");
    parsed.line = token_.line;
  }
  const uint32_t wordLine = token_.line;
  parsed.opcode = word("an instruction");
  if (parsed.guard == kNoRegister && token_.is(':')) {
    advance();
    labelled(parsed.opcode, wordLine);
    return;
  }
  while (token_.kind == TokenKind::DotWord) {
    if (parsed.modifiers.size() >= 32) fail("too many modifiers");
    parsed.modifiers.push_back(token_.text);
    advance();
  }
  if (parsed.opcode == "call") {
    callOperands(parsed);
  } else {
    const bool labels = parsed.opcode == "bra" || parsed.opcode == "brx";
    while (!token_.is(';')) {
      if (parsed.operands.size() >= kMaxOperands) fail("too many operands");
      parsed.operands.push_back(operand(labels));
      if (!accept(',')) break;
    }
  }
  expect(';');
  if (function_->instructions.size() >= (size_t{1} << 26)) fail("function is too long");
  function_->instructions.push_back(std::move(parsed));
}

}  // namespace softcuda::ptx
