// What the driver layer (src/driver) needs of the machine that runs kernels (src/loader, src/ptx, src/machine,
// src/ops).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace softcuda {

// Values of CUresult; the driver passes them on unchanged.
using Result = int;

struct Failure {
  Result code = 0;     // CUDA_SUCCESS when 0
  std::string report;  // multi-line, first line is the summary
};

enum class AllocationKind : uint8_t { Device, Managed, HostPinned, HostRegistered, Global, Constant, StreamOrdered };

// Whether all devices and the host may access memory of a kind.
inline bool isHost(AllocationKind kind) {
  return kind == AllocationKind::HostPinned || kind == AllocationKind::HostRegistered ||
         kind == AllocationKind::Managed;
}

// Whose memory it is: the device that it lies on, and the context that allocated it (0: no context's).
struct Owner {
  int device = 0;
  uint64_t context = 0;
};

struct Allocation {
  uint64_t base = 0;
  size_t size = 0;
  AllocationKind kind = AllocationKind::Device;
  uint64_t id = 0;  // unique over the process
  bool live = false;
  Owner owner;
};

// Which memory the kernels of a context may access.
class Reach {
 public:
  virtual ~Reach() = default;
  // Empty if they may; else why not, and what would let them.
  virtual std::string whyNot(const Allocation& allocation) const = 0;
};

// What the driver knows of the order of launches, copies, fills and frees, each of which has a number above 0.
class OperationOrder {
 public:
  virtual ~OperationOrder() = default;
  virtual bool isBefore(uint32_t earlier, uint32_t later) const = 0;
  virtual std::string describe(uint32_t operation) const = 0;
};

// The memory of all devices, in one space of addresses. A device address is the host address of the bytes; guard pages
// or quarantine keep freed ranges recognisable. Thread-safe.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual Failure allocate(size_t bytes, size_t alignment, AllocationKind kind, uint64_t* address,
                           const Owner& owner = {}) = 0;
  // Host memory registered by the caller.
  virtual Failure adopt(uint64_t base, size_t bytes, AllocationKind kind, const Owner& owner = {}) = 0;
  virtual Failure release(uint64_t base) = 0;                        // CUDA_ERROR_INVALID_VALUE if not a live base
  virtual bool find(uint64_t address, Allocation* found) const = 0;  // live allocation that contains the address
  virtual std::string describe(
      uint64_t address) const = 0;  // "12 bytes past the end of allocation 7 (...)" for reports
  virtual void markInitialised(uint64_t address,
                               size_t bytes) = 0;  // copies and fills by the driver, for the init checker
  // An operation of the driver's reads or writes these bytes. Returns an empty string, or, with the race checker,
  // which other operation did so before that is not ordered with this one.
  virtual std::string access(uint64_t address, size_t bytes, bool write, uint32_t operation,
                             const OperationOrder& order) = 0;
  virtual size_t bytesInUse(int device = 0) const = 0;
  virtual std::vector<Allocation> live() const = 0;  // for the leak report
  // `capacity` bytes on each of the devices.
  static std::unique_ptr<Memory> create(size_t capacity, int devices = 1);
};

struct Parameter {
  uint32_t offset = 0, size = 0, alignment = 0;
};

struct KernelInfo {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0, staticSharedBytes = 0, localBytes = 0, constantBytes = 0;
  uint32_t registers = 0;  // of ptxas where recorded, else an estimate
  bool registersEstimated = true;
  uint32_t maxThreads = 1024;  // .maxntid / .reqntid
  std::array<uint32_t, 3> requiredBlock{0, 0, 0};
  uint32_t ptxVersion = 0, target = 0;  // 90, 80
};

struct GlobalInfo {
  std::string name;
  uint64_t address = 0;
  size_t size = 0;
  bool constant = false;
};

class Module {
 public:
  virtual ~Module() = default;
  virtual const std::vector<KernelInfo>& kernels() const = 0;
  virtual const std::vector<GlobalInfo>& globals() const = 0;
  // PTX text; on failure code (CUDA_ERROR_INVALID_PTX, ...) and a log with line numbers in the style of ptxas.
  static Failure load(std::string_view ptx, std::string_view fileName, Memory& memory, std::unique_ptr<Module>* module,
                      const Owner& owner = {});
};

struct Launch {
  std::array<uint32_t, 3> grid{1, 1, 1}, block{1, 1, 1};
  uint32_t dynamicSharedBytes = 0;
  bool cooperative = false;
  uint32_t operation = 0;  // with its order, for the race checker; 0 and null where nothing is known
  const OperationOrder* order = nullptr;
  Owner owner{};                 // on which device it runs, and in whose context
  const Reach* reach = nullptr;  // null: all memory
};

// Runs a kernel to its end on the calling thread and the pool. `parameters` is the packed parameter block.
// Not re-entrant per Memory: the driver serialises launches.
Failure run(const Module& module, size_t kernelIndex, const Launch& launch, const void* parameters, Memory& memory);

// Where `printf` of a kernel goes; default stdout.
void setPrintfSink(void (*sink)(const char* text, size_t length));

}  // namespace softcuda
