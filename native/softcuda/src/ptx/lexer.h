// Splits PTX text into tokens. Comments, blanks and lines that start with '#' are left out.
#pragma once
#include <cstdint>
#include <string_view>

namespace softcuda::ptx {

enum class TokenKind : uint8_t {
  End,
  Word,     // add, %r1, $L__BB0_1
  DotWord,  // .s32, .shared::cta; the text is without the first dot
  Integer,  // 12, 0x1F, 0b11, 017, with or without U
  Float32,  // 0f3F800000
  Float64,  // 0d3FF0000000000000, 1.5, 1e3
  String,   // without the quotes
  Symbol    // one of + - * / % ( ) { } [ ] < > , ; : = @ ! | & ^ ~ ? and the two-character << >> == != <= >= && ||
};

struct Token {
  TokenKind kind = TokenKind::End;
  std::string_view text;
  uint32_t line = 1;
  uint64_t bits = 0;  // value of numbers; floating point as its bits
  bool spaceBefore = false;
  bool is(char symbol) const { return kind == TokenKind::Symbol && text.size() == 1 && text[0] == symbol; }
  bool is(std::string_view symbol) const { return kind == TokenKind::Symbol && text == symbol; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();
  // Skips to the first character of the next line.
  void skipLine();

 private:
  void skipBlanks();
  Token number();
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool blanks_ = false;
};

}  // namespace softcuda::ptx
