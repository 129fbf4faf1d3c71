#pragma once
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "test.h"

namespace test {

// What the process writes to a descriptor (STDOUT_FILENO, STDERR_FILENO) while `body` runs.
template <typename F>
std::string captured(int descriptor, F body) {
  std::fflush(nullptr);
  std::FILE* file = std::tmpfile();
  const int saved = dup(descriptor);
  CHECK(file && saved >= 0);
  dup2(fileno(file), descriptor);
  const auto restore = [&] {
    std::fflush(nullptr);
    dup2(saved, descriptor);
    close(saved);
  };
  try {
    body();
  } catch (...) {
    restore();
    std::fclose(file);
    throw;
  }
  restore();
  std::string text;
  std::rewind(file);
  for (int c; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace test
