// The frame of every driver call: checks that come before it, and exceptions turned into codes.
#pragma once
#include <exception>
#include <new>
#include <string>

#include "driver/api.h"
#include "driver/report.h"

namespace softcuda::driver {

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

bool initialised();
void setInitialised();  // cuInit

// Throws NOT_INITIALIZED before cuInit and NOT_PERMITTED inside of a host function.
void checkDriver();
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

}  // namespace softcuda::driver
