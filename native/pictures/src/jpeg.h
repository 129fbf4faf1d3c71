// JPEGs, decoded by the libjpeg-turbo that is in another shared library, which is opened here by its path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace resfuse {

// Opens the library, once for the process. Returns what is wrong with it; empty if nothing is.
std::string open_jpeg_library(const char* path);

// Takes rows as they are decoded.
class RowSink {
 public:
  // `count` rows of (red, green, blue), the first of which is row `first` of the picture at the size that is asked for. False ends the decoding.
  virtual bool take(const uint8_t* rows, int first, int count) = 0;

 protected:
  ~RowSink() = default;
};

struct CodedJpeg {
  const uint8_t* bytes;  // from SOI to EOI
  size_t length;
  bool ycc;  // what three components are; else they are red, green and blue
  int width;  // what the frame header says
  int height;
  int eighths;  // of its sides, 1 to 8, each rounded up: the size to decode at
};

// Decodes a picture of one or three components to red, green and blue. The arithmetic is that of libjpeg's accurate integer
// transform with smooth chroma. False if it is not of that size, or libjpeg has found anything to warn of; then what the
// sink has taken is worth nothing. The library must have been opened. Any number of threads may decode at a time.
bool decode_jpeg(const CodedJpeg& coded, RowSink& sink);

}  // namespace resfuse
