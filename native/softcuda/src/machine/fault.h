// What ends a launch. Thrown by the executor, caught by the worker that runs the block.
#pragma once
#include <cstdint>
#include <string>

namespace softcuda::program {
struct DecodedFunction;
}

namespace softcuda::machine {

using namespace program;  // what the machine runs

enum ResultCode : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kInvalidImage = 200,
  kInvalidPtx = 218,
  kUnsupportedPtxVersion = 222,
  kIllegalAddress = 700,
  kLaunchTimeout = 702,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPc = 718,
  kLaunchFailed = 719
};

struct Fault {
  int code = kLaunchFailed;
  std::string what;  // first line of the report, without place
  uint32_t lane = 0;
  std::string details;  // further lines
  bool placed = false;  // details name the threads already
  // Filled in by the executor.
  const DecodedFunction* function = nullptr;
  uint32_t pc = 0, warp = 0;
};

}  // namespace softcuda::machine
