// Where the windows of the generic address space lie. A device address is a host address; the windows are outside what
// Linux gives a process (user space ends at 2^47), so no pointer of the host falls into them.
#pragma once
#include <cstdint>

namespace softcuda::program {

inline constexpr uint64_t kSharedWindow = 0x7fff'0000'0100'0000;
inline constexpr uint64_t kLocalWindow = 0x7fff'0000'0800'0000;
inline constexpr uint64_t kKernelParameterBase = 0x7fff'0000'4000'0000;
inline constexpr uint64_t kFunctionBase = 0x7fff'0000'8000'0000;
inline constexpr uint64_t kWindowsEnd = 0x7fff'0001'0000'0000;

inline constexpr uint64_t kSharedWindowSize = 0x0100'0000;
inline constexpr uint64_t kLocalWindowSize = 0x0800'0000;
inline constexpr uint64_t kKernelParameterSize = 0x1'0000;

inline constexpr uint64_t kMaxSharedBytes =
    227 * 1024;  // of a block, static and dynamic: the largest of the GPUs it describes

inline constexpr uint32_t kReservedSharedBytes =
    1024;  // of a block, for the system (cooperative groups keep barriers there)

inline uint64_t functionAddress(uint32_t moduleIndex) { return kFunctionBase + 16 * (uint64_t{moduleIndex} + 1); }
inline bool functionFromAddress(uint64_t address, uint32_t* moduleIndex) {
  if (address <= kFunctionBase || (address & 15) != 0 || address - kFunctionBase > (uint64_t{1} << 30)) return false;
  *moduleIndex = static_cast<uint32_t>((address - kFunctionBase) / 16 - 1);
  return true;
}

}  // namespace softcuda::program
