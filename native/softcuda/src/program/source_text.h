// The text of a PTX module, and which lines of which source files it comes from.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace softcuda::program {

struct SourcePosition {
  uint32_t file = 0, line = 0;  // file is the number of a .file directive, 0 for none
  uint32_t caller =
      0;  // 1 + the index in SourceText::inlineSites of the place where the function was inlined; 0: it was not
  bool sure = true;  // .loc names a caller by its position only, which may have been inlined at several places
};

struct SourceText {
  std::string text;
  std::string fileName;
  std::vector<std::string> files;  // by number of .file
  std::vector<SourcePosition> inlineSites;
  // "file:line", followed by the callers of inlined functions; empty without line information.
  std::string describe(SourcePosition position) const;
  std::string line(uint32_t number) const;  // of the text, without blanks around it
};

}  // namespace softcuda::program
