// What tests are counted by.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace resfuse {

inline int failures = 0;

// At the first failure it ends, if STOP_AT_FAILURE is set.
inline void check(bool good, const std::string& what) {
  if (!good) {
    std::printf("FAILED: %s\n", what.c_str());
    failures++;
    if (std::getenv("STOP_AT_FAILURE") != nullptr) {
      std::exit(1);
    }
  }
}

}  // namespace resfuse
