// Recursive-descent parser of PTX modules; see ast.h for its result. Nesting and sizes are bounded.
#pragma once
#include <array>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "ptx/ast.h"
#include "ptx/lexer.h"
#include "ptx/ptx_error.h"

namespace softcuda::ptx {

class Parser {
 public:
  explicit Parser(ParsedModule& module) : module_(module), lexer_(module.source->text) { advance(); }
  void parseModule();

 private:
  // The names of a function's nested blocks; the first is the function itself.
  struct Names {
    struct Range {
      ops::Type type;
      uint64_t count;
    };
    uint32_t scope;
    std::unordered_map<std::string_view, RegisterId> registers;
    std::unordered_map<std::string_view, Range> ranges;  // "%r" of %r<9>
    std::unordered_map<std::string_view, Variable*> variables;
    std::unordered_map<std::string_view, bool> prototypes;
  };

  // tokens
  void advance() { token_ = lexer_.next(); }
  [[noreturn]] void fail(const std::string& message, ErrorKind kind = ErrorKind::Syntax) const {
    throw PtxError(token_.line, message, kind);
  }
  [[noreturn]] void unexpected(const char* wanted) const;
  void expect(char symbol);
  bool accept(char symbol);
  bool acceptDot(std::string_view word);
  std::string_view word(const char* wanted);
  uint64_t integer(const char* wanted);

  // constant expressions; binary operators climb precedences
  uint64_t expression() { return conditional(0); }
  uint64_t conditional(int depth);
  uint64_t binary(int precedence, int depth);
  uint64_t unary(int depth);

  // module scope
  void header();
  void fileDirective();
  void sectionDirective();
  void pragmaDirective();
  void declaration();
  bool typeWord(std::string_view text, ops::Type* type) const;
  uint32_t alignment();
  // after the state space; stops before the ';', ',' or ')'
  void variableType(Variable& into, uint32_t& vector, bool isParameter);
  void variableName(Variable& into, uint32_t vector, bool isParameter);
  void initializer(Variable& into);
  void initialValues(Variable& into, uint64_t& element, int depth, bool braces, uint64_t elementsHere,
                     const std::vector<uint64_t>& dimensions, size_t level);
  void initialValue(Variable& into, uint64_t element);
  void moduleVariables(Space space, bool isExtern);
  Variable* addModuleVariable(Variable&& parsed);

  // functions
  void function(bool isEntry, bool isExtern);
  void parameterList(Function& owner, std::vector<Variable*>& into);
  void performanceDirectives(Function& into);
  void body(Function& into);
  void statement();
  void registerDeclaration();
  void localVariables(Space space);
  void addLocalVariable(Variable&& parsed);
  void locDirective();
  void labelled(std::string_view label, uint32_t line);
  void instruction();
  void callOperands(Instruction& into);
  Operand operand(bool allowLabel);
  Operand address();
  Operand named(bool allowLabel);
  bool findRegister(std::string_view name, RegisterId* found);
  Variable* findVariable(std::string_view name) const;

  ParsedModule& module_;
  Lexer lexer_;
  Token token_;
  Function* function_ = nullptr;
  std::vector<Names> names_;
  SourcePosition source_;
  using Place = std::array<uint64_t, 3>;  // file, line, column
  struct Loc {
    SourcePosition position;
    Place caller{};
    bool several = false;  // there were callers before this one
  };
  std::map<Place, Loc> locs_;  // of the function: the last .loc at each place
  Place lastPlace_{};
  bool pendingMinus_ = false;  // the sign of a constant expression that has been read already
};

}  // namespace softcuda::ptx
