// A kernel decoded for execution: the kernel's function and all functions that it can reach.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "program/instruction.h"
#include "program/source_text.h"

namespace softcuda::program {

// A variable in shared memory or in a frame's local memory.
struct Array {
  std::string name;
  uint32_t begin = 0, end = 0;  // offsets; there is no end to dynamic shared memory
  bool isLocal = false;
};

struct DecodedFunction {
  std::string name;
  std::vector<Instr> code;
  std::vector<SourcePosition> sources;  // by instruction
  std::vector<std::unique_ptr<Ref[]>> refPool;
  std::vector<Access> accesses;
  std::vector<Array> arrays;
  std::vector<CopyAsync> copies;
  std::vector<Mbarrier> mbarriers;
  std::vector<Barrier> barriers;
  std::vector<CallSite> calls;
  std::vector<std::vector<uint32_t>> tables;  // of brx.idx
  std::vector<Formal> parameters, results;
  uint32_t registerBytes = 0;  // of a frame
  uint32_t localBytes = 0;     // of a frame: parameters, results, local variables
  uint32_t liveWords = 0;      // most 32-bit registers alive at once
  uint32_t profileBase = 0;    // index of the first instruction among all of the program
  uint32_t moduleIndex = 0;    // of the function in the module
};

struct AlignedBytes {
  void* data = nullptr;
  size_t size = 0;
  AlignedBytes() = default;
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  ~AlignedBytes();
  void allocate(size_t bytes);  // 64-byte aligned, zeroed
};

struct Program {
  std::vector<std::unique_ptr<DecodedFunction>> functions;  // the first is the kernel's
  std::vector<uint32_t> byModuleIndex;                      // function index of the module -> index above or kNone
  AlignedBytes constants;
  uint32_t staticShared = 0;
  uint32_t dynamicSharedOffset = 0;
  uint32_t parameterBytes = 0;
  uint32_t cacheSlots = 0;
  uint32_t instructions = 0;        // of all functions
  bool needsAllBlocks = false;      // reads the grid workspace of cooperative groups
  bool usesReservedShared = false;  // reads %reserved_smem_offset_*
  const SourceText* source = nullptr;
};

}  // namespace softcuda::program
