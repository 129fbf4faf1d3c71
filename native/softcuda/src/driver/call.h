// The frame of every driver call: checks that come before it, exceptions turned into codes, and the message that says
// what was wrong.
#pragma once
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "driver/api.h"

namespace softcuda::driver {

class Context;

// A call that cannot be done: the code for the caller and one line for people.
class Error : public std::exception {
 public:
  Error(CUresult code, std::string message) : code_(code), message_(std::move(message)) {}
  CUresult code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  CUresult code_;
  std::string message_;
};

inline void require(bool holds, CUresult code, const char* message) {
  if (!holds) throw Error(code, message);
}

// Notes a failed call: softcudaLastMessage returns it, SOFTCUDA_LOG=1 prints it. Returns the code.
CUresult failed(const char* function, CUresult code, const char* message);

// A report of something that went wrong while running (a bad access, a leak, a rejected module): kept for
// softcudaLastReport and printed to where SOFTCUDA_REPORT says (stderr, off, or a file to append to; default stderr).
void report(const std::string& text);

std::string lastMessage();
std::string lastReport();

bool initialised();
bool checksFor(const char* what);   // SOFTCUDA_CHECK contains `what`

// Throws NOT_INITIALIZED before cuInit and NOT_PERMITTED inside of a host function.
void checkDriver();
// checkDriver, and the calling thread's context, which must exist (INVALID_CONTEXT, CONTEXT_IS_DESTROYED) and, unless
// `evenFaulted`, not carry a sticky error.
std::shared_ptr<Context> currentContext(bool evenFaulted = false);

// Runs the body of a driver call.
template <typename Body>
CUresult call(const char* function, Body body) noexcept {
  try {
    return body();
  } catch (const Error& e) {
    return failed(function, e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return failed(function, CUDA_ERROR_OUT_OF_MEMORY, "the host is out of memory");
  } catch (const std::exception& e) {
    return failed(function, CUDA_ERROR_UNKNOWN, e.what());
  }
}

// For calls that need cuInit only.
template <typename Body>
CUresult driverCall(const char* function, Body body) noexcept {
  return call(function, [&] {
    checkDriver();
    return body();
  });
}

// For calls that need a current context; the body takes it.
template <typename Body>
CUresult contextCall(const char* function, Body body) noexcept {
  return call(function, [&]() -> CUresult {
    const std::shared_ptr<Context> context = currentContext();
    return body(*context);
  });
}

}  // namespace softcuda::driver
