// The error that ends the loading of a PTX module.
#pragma once
#include <cstdint>
#include <string>
#include <utility>

namespace softcuda::ptx {

enum class ErrorKind : uint8_t { Syntax, Unsupported, UnsupportedVersion, Undefined };

// Thrown by the lexer, the parser and the decoder, caught by Module::load: never leaves the library.
struct PtxError {
  PtxError(uint32_t atLine, std::string text, ErrorKind what = ErrorKind::Syntax)
      : line(atLine), kind(what), message(std::move(text)) {}
  uint32_t line;
  ErrorKind kind;
  std::string message;
};

}  // namespace softcuda::ptx
