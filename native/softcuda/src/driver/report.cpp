#include "driver/report.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "driver/api.h"
#include "driver/this_thread.h"

namespace softcuda::driver {

namespace {

std::mutex reportLock;
std::string& reportText() {
  static std::string* const text = new std::string();
  return *text;
}

struct LastMessage;
std::string& message() { return ofThisThread<std::string, LastMessage>(); }

// What a caller that polls or probes gets all the time is not worth a message.
bool isQuiet(CUresult code) { return code == CUDA_SUCCESS || code == CUDA_ERROR_NOT_READY; }

bool logging() {
  static const bool on = [] {
    const char* value = std::getenv("SOFTCUDA_LOG");
    return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
  }();
  return on;
}

}  // namespace

CUresult failed(const char* function, CUresult code, const char* why) {
  if (isQuiet(code)) return code;
  const char* name = nullptr;
  cuGetErrorName(code, &name);
  try {
    message() = std::string(function) + ": " + (name != nullptr ? name : "unknown error") + ": " + why;
    if (logging()) std::fprintf(stderr, "softcuda: %s\n", message().c_str());
  } catch (const std::bad_alloc&) {
    message().clear();
  }
  return code;
}

void report(const std::string& text) {
  std::lock_guard lock(reportLock);
  reportText() = text;
  const char* where = std::getenv("SOFTCUDA_REPORT");
  if (where != nullptr && (std::strcmp(where, "off") == 0 || std::strcmp(where, "0") == 0)) return;
  std::FILE* out = stderr;
  if (where != nullptr && *where != '\0' && std::strcmp(where, "stderr") != 0) {
    out = std::fopen(where, "a");
    if (out == nullptr) out = stderr;
  }
  std::fprintf(out, "%s%s", text.c_str(), !text.empty() && text.back() == '\n' ? "" : "\n");
  if (out != stderr) std::fclose(out);
}

std::string lastMessage() { return message(); }

std::string lastReport() {
  std::lock_guard lock(reportLock);
  return reportText();
}

bool checksFor(const char* what) {
  const char* list = std::getenv("SOFTCUDA_CHECK");
  if (list == nullptr) return false;
  const size_t length = std::strlen(what);
  for (const char* item = list; *item != '\0';) {
    const char* end = std::strchr(item, ',');
    const size_t n = end != nullptr ? static_cast<size_t>(end - item) : std::strlen(item);
    if (n == length && std::strncmp(item, what, n) == 0) return true;
    item += n;
    if (*item == ',') ++item;
  }
  return false;
}

}  // namespace softcuda::driver
