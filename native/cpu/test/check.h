// What tests are counted by.
#pragma once

#include <cstdio>
#include <string>

namespace resfuse {

inline int failures = 0;

inline void check(bool good, const std::string& what) {
  if (!good) {
    std::printf("FAILED: %s\n", what.c_str());
    failures++;
  }
}

}  // namespace resfuse
