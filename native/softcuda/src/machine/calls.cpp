#include "machine/calls.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "program/address_space.h"

namespace softcuda::machine {
namespace {

constexpr uint32_t kMostFrames = 20000;

Fault fault(int code, const std::string& what, uint32_t lanes) {
  return Fault{code, what, firstLane(lanes), "", false};
}

// Of a value in a register.
uint32_t slotBytes(const CallSite::Argument& a) { return a.place.size == 8 ? 8 : 4; }

const uint8_t* registerAt(const Worker& worker, const Frame& frame, Ref ref) {
  const auto* base =
      (ref & 3) == kInConstants ? static_cast<const uint8_t*>(worker.program.constants.data) : frame.registers;
  return base + (ref & ~3u);
}

void copyArgument(const Worker& worker, Warp& warp, const Frame& caller, uint32_t mask, const CallSite::Argument& a,
                  uint32_t to, uint32_t bytes) {
  if (a.inFrame) return warp.copyLocalRows(mask, to, caller.localBase + a.place.offset, bytes);
  const uint8_t* value = registerAt(worker, caller, a.ref);
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    warp.writeLocal(firstLane(lanes), to, value + firstLane(lanes) * slotBytes(a), bytes);
  }
}

}  // namespace

uint32_t calledFunction(const Worker& worker, const uint64_t* pointers, uint32_t* callers) {
  const uint32_t lane = firstLane(*callers);
  const uint64_t pointer = pointers[lane];
  for (uint32_t lanes = *callers; lanes != 0; lanes &= lanes - 1) {
    if (pointers[firstLane(lanes)] != pointer) *callers &= ~(lanes & (0u - lanes));
  }
  const std::vector<uint32_t>& functions = worker.program.byModuleIndex;
  uint32_t index = 0;
  if (!functionFromAddress(pointer, &index) || index >= functions.size() || functions[index] == kNone) {
    char text[64];
    std::snprintf(text, sizeof text, "call of address 0x%llx, which is no function",
                  static_cast<unsigned long long>(pointer));
    throw fault(kInvalidPc, text, *callers);
  }
  return functions[index];
}

void enterFunction(Worker& worker, Warp& warp, Path& path, uint32_t callers, uint32_t functionIndex,
                   const CallSite& site) {
  if (warp.frames > kMostFrames)
    throw fault(kHardwareStackError, "stack overflow: calls are nested too deeply", callers);
  const DecodedFunction& callee = *worker.program.functions[functionIndex];
  if (callee.parameters.size() != site.arguments.size() || callee.results.size() != site.results.size()) {
    throw fault(kInvalidPc, "indirect call of '" + callee.name + "' with other parameters than it has", callers);
  }
  Frame* frame = worker.newFrame(warp, functionIndex, path.frame);
  for (size_t i = 0; i < site.arguments.size(); ++i) {
    const CallSite::Argument& a = site.arguments[i];
    const Formal& formal = callee.parameters[i];
    if (a.place.size < formal.size) {
      throw fault(kInvalidPc, "call of '" + callee.name + "' with other parameters than it has", callers);
    }
    copyArgument(worker, warp, *path.frame, callers, a, frame->localBase + formal.offset, formal.size);
  }
  Join* back = warp.newJoin();
  back->frame = path.frame;
  back->pc = path.pc + 1;
  back->expected = callers;
  back->parent = path.join;
  back->callee = frame;
  back->site = &site;
  path.mask = callers;
  path.pc = 0;
  path.frame = frame;
  path.join = back;
  path.starved = 0;
}

void copyResults(Warp& warp, const Join& join, uint32_t mask) {
  const DecodedFunction& callee = *join.callee->function;
  for (size_t i = 0; i < join.site->results.size(); ++i) {
    const CallSite::Argument& a = join.site->results[i];
    const Formal& formal = callee.results[i];
    const uint32_t size = std::min(a.place.size, formal.size), from = join.callee->localBase + formal.offset;
    if (a.inFrame) {
      warp.copyLocalRows(mask, join.frame->localBase + a.place.offset, from, size);
      continue;
    }
    const uint32_t slot = slotBytes(a);
    for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
      uint64_t value = 0;
      warp.readLocal(firstLane(lanes), from, &value, size);
      std::memcpy(join.frame->registers + (a.ref & ~3u) + firstLane(lanes) * slot, &value, slot);
    }
  }
}

}  // namespace softcuda::machine
