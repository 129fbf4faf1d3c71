#include "program/source_text.h"

#include <algorithm>

namespace softcuda::program {

std::string SourceText::describe(SourcePosition position) const {
  std::string text;
  const char* link = "";
  for (int depth = 0; depth < 16 && position.line != 0; ++depth) {
    const bool named = position.file < files.size() && !files[position.file].empty();
    text += link + (named ? files[position.file] : std::string("source")) + ":" + std::to_string(position.line);
    if (position.caller == 0) break;
    link = position.sure ? ", inlined at " : ", probably inlined at ";
    position = inlineSites[position.caller - 1];
  }
  return text;
}

std::string SourceText::line(uint32_t number) const {
  size_t at = 0;
  for (uint32_t i = 1; i < number && at != std::string::npos; ++i) {
    at = text.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  if (at == std::string::npos || at >= text.size()) return "";
  const size_t end = std::min(text.find('\n', at), text.size());
  std::string found = text.substr(at, end - at);
  for (char& c : found) {
    if (c == '\t' || c == '\r') c = ' ';
  }
  const size_t first = found.find_first_not_of(' '), last = found.find_last_not_of(' ');
  return first == std::string::npos ? "" : found.substr(first, std::min<size_t>(last - first + 1, 200));
}

}  // namespace softcuda::program
