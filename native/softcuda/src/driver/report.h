// What softcuda says: why a call failed, and reports of what went wrong while running.
#pragma once
#include <string>

#include "driver/abi.h"

namespace softcuda::driver {

// Notes a failed call: softcudaLastMessage returns it, SOFTCUDA_LOG=1 prints it. Returns the code.
CUresult failed(const char* function, CUresult code, const char* message);

// A report of something that went wrong while running (a bad access, a leak, a rejected module): kept for
// softcudaLastReport and printed to where SOFTCUDA_REPORT says (stderr, off, or a file to append to; default stderr).
void report(const std::string& text);

std::string lastMessage();
std::string lastReport();

bool checksFor(const char* what);  // SOFTCUDA_CHECK contains `what`

}  // namespace softcuda::driver
