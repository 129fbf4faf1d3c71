// Special registers.
#include <chrono>
#include <cstring>

#include "machine/instructions.h"
#include "program/address_space.h"

namespace softcuda::machine {
namespace {

constexpr uint32_t kMultiprocessors = 108;  // of the GPU that softcuda presents, an A100
constexpr uint32_t kWarpsPerMultiprocessor = 64;

uint64_t nanoseconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}
// Cycles at the A100's 1.41 GHz.
uint64_t cycles() {
  const auto time = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
  return time / 100 * 141 + time % 100 * 141 / 100;
}

}  // namespace

void readSpecial(const Context& c, uint32_t variant, uint8_t* to, uint32_t mask) {
  using R = SpecialRegister;
  const auto which = static_cast<R>(variant & 0xff);
  const uint32_t index = variant >> 8 & 0xff;
  const bool wide = (variant >> 16) != 0;
  const LaunchState& state = c.worker.launch;
  const auto& size = state.launch.block;
  const uint32_t firstThread = c.warp.index * 32;
  auto put = [&](uint32_t lane, uint64_t value) {
    if (wide) std::memcpy(to + lane * 8, &value, 8);
    else std::memcpy(to + lane * 4, &value, 4);
  };
  auto perLane = [&](auto&& value) {
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
      put(lane, value(lane));
    }
  };
  uint64_t value = 0;
  switch (which) {
    case R::TidX: perLane([&](uint32_t lane) { return (firstThread + lane) % size[0]; }); return;
    case R::TidY: perLane([&](uint32_t lane) { return (firstThread + lane) / size[0] % size[1]; }); return;
    case R::TidZ: perLane([&](uint32_t lane) { return (firstThread + lane) / size[0] / size[1]; }); return;
    case R::LaneId: perLane([](uint32_t lane) { return lane; }); return;
    case R::LanemaskEq: perLane([](uint32_t lane) { return 1u << lane; }); return;
    case R::LanemaskLt: perLane([](uint32_t lane) { return (1u << lane) - 1; }); return;
    case R::LanemaskLe: perLane([](uint32_t lane) { return (2u << lane) - 1; }); return;
    case R::LanemaskGt: perLane([](uint32_t lane) { return ~((2u << lane) - 1); }); return;
    case R::LanemaskGe: perLane([](uint32_t lane) { return ~((1u << lane) - 1); }); return;
    case R::NtidX: value = size[0]; break;
    case R::NtidY: value = size[1]; break;
    case R::NtidZ: value = size[2]; break;
    case R::CtaidX: value = c.block.index[0]; break;
    case R::CtaidY: value = c.block.index[1]; break;
    case R::CtaidZ: value = c.block.index[2]; break;
    case R::NctaidX: value = state.launch.grid[0]; break;
    case R::NctaidY: value = state.launch.grid[1]; break;
    case R::NctaidZ: value = state.launch.grid[2]; break;
    case R::WarpId: value = c.warp.index; break;
    case R::NwarpId: value = kWarpsPerMultiprocessor; break;
    case R::SmId: value = c.block.linearIndex % kMultiprocessors; break;
    case R::NsmId: value = kMultiprocessors; break;
    case R::GridId: value = state.gridId; break;
    case R::Clock: value = cycles() & 0xffffffffu; break;
    case R::ClockHi: value = cycles() >> 32; break;
    case R::Clock64: value = cycles(); break;
    case R::GlobalTimer: value = nanoseconds(); break;
    case R::GlobalTimerLo: value = nanoseconds() & 0xffffffffu; break;
    case R::GlobalTimerHi: value = nanoseconds() >> 32; break;
    case R::TotalSmemSize:
    case R::AggrSmemSize: value = state.sharedBytes; break;
    case R::DynamicSmemSize: value = state.launch.dynamicSharedBytes; break;
    case R::EnvReg:
      value = index == 1 ? state.gridWorkspace >> 32 : index == 2 ? state.gridWorkspace & 0xffffffffu : 0;
      break;
    case R::ReservedSmemOffset:  // begin, end, cap, 0, 1
      value = c.block.reservedShared + (index == 1 || index == 2 ? kReservedSharedBytes : index == 4 ? 512 : 0);
      break;
    case R::One: value = 1; break;
    default: value = 0; break;
  }
  perLane([&](uint32_t) { return value; });
}

}  // namespace softcuda::machine
