#include "program/program.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace softcuda::program {

const char* name(Class what) {
  static const char* const names[] = {"integer",    "float16",      "float32",    "float64",     "specialFunction",
                                      "conversion", "move",         "predicate",  "warpShuffle", "tensor",
                                      "globalLoad", "globalStore",  "sharedLoad", "sharedStore", "localLoad",
                                      "localStore", "constantLoad", "atomic",     "copyAsync",   "matrix",
                                      "barrier",    "fence",        "control",    "other"};
  static_assert(sizeof names / sizeof *names == static_cast<size_t>(Class::Count));
  return names[static_cast<size_t>(what)];
}

AlignedBytes::~AlignedBytes() { std::free(data); }

void AlignedBytes::allocate(size_t bytes) {
  std::free(data);
  size = (bytes + 63) & ~size_t{63};
  data = std::aligned_alloc(64, size);
  if (data == nullptr) throw std::bad_alloc();
  std::memset(data, 0, size);
}

}  // namespace softcuda::program
