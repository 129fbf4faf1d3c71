#include "ptx/lexer.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "ptx/ptx_error.h"

namespace softcuda::ptx {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%';
}
bool isWordPart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || isDigit(c) || c == '_' || c == '$';
}
int hexDigit(char c) {
  if (isDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string printable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f) return std::string("'") + c + "'";
  static const char* hex = "0123456789abcdef";
  return std::string("byte 0x") + hex[byte >> 4] + hex[byte & 15];
}

}  // namespace

void Lexer::skipLine() {
  while (at_ < text_.size() && text_[at_] != '\n') ++at_;
}

void Lexer::skipBlanks() {
  blanks_ = false;
  for (;;) {
    const char c = peek();
    if (at_ >= text_.size()) return;
    if (c == '\n') {
      ++line_;
      ++at_;
      if (peek() == '#') skipLine();
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++at_;
    } else if (c == '/' && peek(1) == '/') {
      skipLine();
    } else if (c == '/' && peek(1) == '*') {
      const uint32_t start = line_;
      at_ += 2;
      while (!(peek() == '*' && peek(1) == '/')) {
        if (at_ >= text_.size()) throw PtxError(start, "comment is not closed");
        if (peek() == '\n') ++line_;
        ++at_;
      }
      at_ += 2;
    } else if (c == '\0' && text_.find_first_not_of('\0', at_) == std::string_view::npos) {
      at_ = text_.size();  // terminating zeros belong to the text when its size was taken from a file or an array
    } else {
      return;
    }
    blanks_ = true;
  }
}

Token Lexer::number() {
  Token token;
  token.line = line_;
  const size_t start = at_;
  auto finish = [&](TokenKind kind, uint64_t bits) {
    token.kind = kind;
    token.bits = bits;
    token.text = text_.substr(start, at_ - start);
    return token;
  };
  if (peek() == '0' && (peek(1) == 'f' || peek(1) == 'F' || peek(1) == 'd' || peek(1) == 'D')) {
    const bool single = peek(1) == 'f' || peek(1) == 'F';
    const int digits = single ? 8 : 16;
    uint64_t bits = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = hexDigit(peek(2 + static_cast<size_t>(i)));
      if (digit < 0)
        throw PtxError(line_, std::string("a floating-point constant has ") + (single ? "8" : "16") +
                                  " hexadecimal digits after " + std::string(text_.substr(start, 2)));
      bits = bits << 4 | static_cast<uint64_t>(digit);
    }
    at_ += 2 + static_cast<size_t>(digits);
    return finish(single ? TokenKind::Float32 : TokenKind::Float64, bits);
  }
  int base = 10;
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
    base = 16;
    at_ += 2;
  } else if (peek() == '0' && (peek(1) == 'b' || peek(1) == 'B')) {
    base = 2;
    at_ += 2;
  }
  if (base == 10) {
    size_t end = at_;
    while (end < text_.size() && isDigit(text_[end])) ++end;
    const bool point = end < text_.size() && text_[end] == '.' && end + 1 < text_.size() && isDigit(text_[end + 1]);
    const bool exponent = end < text_.size() && (text_[end] == 'e' || text_[end] == 'E');
    if (point || exponent) {
      if (point) {
        ++end;
        while (end < text_.size() && isDigit(text_[end])) ++end;
      }
      if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
        ++end;
        if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
        if (end >= text_.size() || !isDigit(text_[end])) throw PtxError(line_, "exponent without digits");
        while (end < text_.size() && isDigit(text_[end])) ++end;
      }
      if (end - at_ > 400) throw PtxError(line_, "floating-point constant is too long");
      const std::string digits(text_.substr(at_, end - at_));
      const double value = std::strtod(digits.c_str(), nullptr);
      uint64_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      at_ = end;
      return finish(TokenKind::Float64, bits);
    }
    if (peek() == '0' && isDigit(peek(1))) base = 8;
  }
  uint64_t value = 0;
  bool any = false;
  for (;; ++at_) {
    const int digit = hexDigit(peek());
    if (digit < 0 || digit >= base) break;
    const uint64_t limit = (~uint64_t{0} - static_cast<uint64_t>(digit)) / static_cast<uint64_t>(base);
    if (value > limit) throw PtxError(line_, "integer constant does not fit 64 bits");
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
    any = true;
  }
  if (!any) throw PtxError(line_, "integer constant without digits");
  if (peek() == 'U' || peek() == 'u') ++at_;
  if (isWordPart(peek())) throw PtxError(line_, "unexpected " + printable(peek()) + " in a number");
  return finish(TokenKind::Integer, value);
}

Token Lexer::next() {
  skipBlanks();
  Token token;
  token.line = line_;
  token.spaceBefore = blanks_;
  if (at_ >= text_.size()) return token;
  const size_t start = at_;
  const char c = peek();
  if (isDigit(c)) {
    Token numeric = number();
    numeric.spaceBefore = token.spaceBefore;
    return numeric;
  }
  if (isWordStart(c)) {
    ++at_;
    if (c == '%' && !isWordPart(peek())) {
      token.kind = TokenKind::Symbol;
      token.text = text_.substr(start, 1);
      return token;
    }
    while (isWordPart(peek())) ++at_;
    token.kind = TokenKind::Word;
    token.text = text_.substr(start, at_ - start);
    return token;
  }
  if (c == '.') {
    ++at_;
    while (isWordPart(peek()) || (peek() == ':' && peek(1) == ':' && isWordPart(peek(2))))
      at_ += peek() == ':' ? 2 : 1;
    token.text = text_.substr(start + 1, at_ - start - 1);
    if (token.text.empty()) throw PtxError(line_, "'.' without a name");
    token.kind = TokenKind::DotWord;
    return token;
  }
  if (c == '"') {
    ++at_;
    while (peek() != '"') {
      if (at_ >= text_.size() || peek() == '\n') throw PtxError(line_, "string is not closed");
      if (peek() == '\\' && at_ + 1 < text_.size()) ++at_;
      ++at_;
    }
    token.kind = TokenKind::String;
    token.text = text_.substr(start + 1, at_ - start - 1);
    ++at_;
    return token;
  }
  static const char* const pairs[] = {"<<", ">>", "==", "!=", "<=", ">=", "&&", "||"};
  for (const char* pair : pairs) {
    if (c == pair[0] && peek(1) == pair[1]) {
      at_ += 2;
      token.kind = TokenKind::Symbol;
      token.text = text_.substr(start, 2);
      return token;
    }
  }
  if (std::strchr("+-*/()[]{}<>,;:=@!|&^~?", c) != nullptr && c != '\0') {
    ++at_;
    token.kind = TokenKind::Symbol;
    token.text = text_.substr(start, 1);
    return token;
  }
  throw PtxError(line_, "unexpected " + printable(c));
}

}  // namespace softcuda::ptx
