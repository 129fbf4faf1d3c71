#include "jpeg.h"

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <dlfcn.h>

#include <mutex>

namespace resfuse {
namespace {

constexpr int kRows = 16;

struct Functions {
  decltype(&jpeg_std_error) std_error;
  decltype(&jpeg_CreateDecompress) create;
  decltype(&jpeg_mem_src) mem_src;
  decltype(&jpeg_read_header) read_header;
  decltype(&jpeg_start_decompress) start;
  decltype(&jpeg_read_scanlines) read_scanlines;
  decltype(&jpeg_finish_decompress) finish;
  decltype(&jpeg_destroy_decompress) destroy;
};

Functions jpeg;

struct Errors {
  jpeg_error_mgr manager;  // the first, so that its address is that of this
  jmp_buf end;
};

[[noreturn]] void leave(j_common_ptr picture) { std::longjmp(reinterpret_cast<Errors*>(picture->err)->end, 1); }

// Warnings are counted; nothing is written anywhere.
void count_warning(j_common_ptr picture, int level) {
  if (level < 0) {
    picture->err->num_warnings++;
  }
}

void say_nothing(j_common_ptr) {}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

int reduced(int side, int eighths) { return static_cast<int>((static_cast<int64_t>(side) * eighths + 7) / 8); }

// Has no variables that a longjmp would leave behind undestroyed.
bool read(jpeg_decompress_struct& picture, Errors& errors, const CodedJpeg& coded, RowSink& sink) {
  if (setjmp(errors.end) != 0) {
    return false;
  }
  jpeg.create(&picture, JPEG_LIB_VERSION, sizeof(picture));
  jpeg.mem_src(&picture, coded.bytes, static_cast<unsigned long>(coded.length));
  jpeg.read_header(&picture, TRUE);
  if (static_cast<int>(picture.image_width) != coded.width || static_cast<int>(picture.image_height) != coded.height) {
    return false;
  }
  if (picture.num_components == 3) {
    picture.jpeg_color_space = coded.ycc ? JCS_YCbCr : JCS_RGB;
  } else if (picture.num_components != 1) {
    return false;
  }
  picture.out_color_space = JCS_RGB;
  picture.dct_method = JDCT_ISLOW;
  picture.scale_num = static_cast<unsigned>(coded.eighths);
  picture.scale_denom = 8;
  jpeg.start(&picture);
  if (static_cast<int>(picture.output_width) != reduced(coded.width, coded.eighths) ||
      static_cast<int>(picture.output_height) != reduced(coded.height, coded.eighths)) {
    return false;
  }
  const JDIMENSION stride = 3 * picture.output_width;
  JSAMPLE* const strip = static_cast<JSAMPLE*>(
      picture.mem->alloc_large(reinterpret_cast<j_common_ptr>(&picture), JPOOL_IMAGE, static_cast<size_t>(stride) * kRows));
  JSAMPROW rows[kRows];
  for (int i = 0; i < kRows; i++) {
    rows[i] = strip + static_cast<size_t>(i) * stride;
  }
  while (picture.output_scanline < picture.output_height) {
    const int first = static_cast<int>(picture.output_scanline);
    JDIMENSION count = 0;
    while (count < kRows && picture.output_scanline < picture.output_height) {
      count += jpeg.read_scanlines(&picture, rows + count, kRows - count);
    }
    if (picture.err->num_warnings != 0 || !sink.take(strip, first, static_cast<int>(count))) {
      return false;
    }
  }
  jpeg.finish(&picture);
  return picture.err->num_warnings == 0;
}

std::string open(const char* path) {
  // Stays open for the life of the process.
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* problem = dlerror();
    return problem == nullptr ? "it cannot be opened" : problem;
  }
  const bool complete = find(library, "jpeg_std_error", jpeg.std_error) && find(library, "jpeg_CreateDecompress", jpeg.create) &&
                        find(library, "jpeg_mem_src", jpeg.mem_src) && find(library, "jpeg_read_header", jpeg.read_header) &&
                        find(library, "jpeg_start_decompress", jpeg.start) && find(library, "jpeg_read_scanlines", jpeg.read_scanlines) &&
                        find(library, "jpeg_finish_decompress", jpeg.finish) && find(library, "jpeg_destroy_decompress", jpeg.destroy);
  if (!complete) {
    return "it does not show libjpeg's functions";
  }
  // libjpeg compares its version and the size of its struct with those that this was compiled for.
  Errors errors;
  jpeg_decompress_struct picture;
  picture.err = jpeg.std_error(&errors.manager);
  errors.manager.error_exit = leave;
  if (setjmp(errors.end) != 0) {
    return "its libjpeg is of another version than this was compiled for";
  }
  jpeg.create(&picture, JPEG_LIB_VERSION, sizeof(picture));
  jpeg.destroy(&picture);
  return "";
}

}  // namespace

std::string open_jpeg_library(const char* path) {
  static std::mutex one_at_a_time;
  const std::lock_guard<std::mutex> guard(one_at_a_time);
  static const std::string problem = open(path);
  return problem;
}

bool decode_jpeg(const CodedJpeg& coded, RowSink& sink) {
  Errors errors;
  jpeg_decompress_struct picture;
  picture.err = jpeg.std_error(&errors.manager);
  picture.mem = nullptr;
  errors.manager.error_exit = leave;
  errors.manager.emit_message = count_warning;
  errors.manager.output_message = say_nothing;
  const bool good = read(picture, errors, coded, sink);
  jpeg.destroy(&picture);
  return good;
}

}  // namespace resfuse
