// A decoded instruction and what single kinds of instructions need beside it.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/ops.h"

namespace softcuda::program {

// Where an operand lies. The low two bits select the base, the rest is a byte offset from it: 0 the registers of the
// frame, 1 the program's constants (splatted over 32 lanes), 2 nowhere (a result that the program discards).
using Ref = uint32_t;
inline constexpr Ref kInConstants = 1, kNowhere = 2;

enum class Kind : uint8_t {
  // A LaneOp with 1 result and 1, 2 or 3 sources; any numbers; any numbers with complemented predicates.
  Lane1,
  Lane2,
  Lane3,
  LaneMany,
  LaneComplement,
  LaneSync,       // the same, waits for the lanes of the membermask (the last source)
  LaneConverged,  // the same, all lanes of the warp take part (mma)
  Special,        // reads a special register
  LocalAddress,   // an address in the frame's part of local memory
  Load,
  Store,
  Atomic,
  CopyAsync,
  CommitGroup,
  WaitGroup,
  Mbarrier,
  LoadMatrix,
  WmmaLoad,
  WmmaStore,
  Touch,  // prefetch, discard, applypriority: checks the address only
  Fence,
  Cvta,
  Isspacep,
  Reconverge,  // lanes that parted meet here
  Branch,
  BranchIndexed,
  Call,
  Return,
  Exit,
  Trap,
  Breakpoint,
  Barrier,
  WarpBarrier,
  Nanosleep,
  StackSave,
  StackRestore,
  Alloca,
  Nothing
};

// What counters call an instruction.
enum class Class : uint8_t {
  Integer,
  Float16,
  Float32,
  Float64,
  SpecialFunction,
  Conversion,
  Move,
  Predicate,
  WarpShuffle,
  Tensor,
  GlobalLoad,
  GlobalStore,
  SharedLoad,
  SharedStore,
  LocalLoad,
  LocalStore,
  ConstantLoad,
  Atomic,
  CopyAsync,
  Matrix,
  Barrier,
  Fence,
  Control,
  Other,
  Count
};
const char* name(Class what);

enum class Area : uint8_t { Generic, Global, Constant, Shared, Local, KernelParameter };

enum class AtomicOp : uint8_t { None, Add, Inc, Dec, Min, Max, And, Or, Xor, Exchange, CompareAndSwap };

enum class Guard : uint8_t { None, IfTrue, IfFalse };

// What of an operation's result depends on which operands, for the init checker: on all, or as the word says. The
// numbers of registers of A and of B are in bits 8 to 15 and 16 to 23.
enum class Flow : uint8_t { All, Select, And, Or, CompareAnd, CompareOr, Shuffle, MatrixProduct };

struct Instr {
  Kind kind = Kind::Nothing;
  Class cls = Class::Other;
  uint8_t results = 0, sources = 0;
  Guard guardMode = Guard::None;
  uint8_t complement = 0;  // bit i: source i is a complemented predicate
  bool backward = false;   // a branch to an earlier instruction
  bool wholeWarp = false;  // LaneSync without membermask; barriers: .aligned
  Ref guard = 0;
  uint32_t variant = 0;
  const Ref* refs = nullptr;  // results, then sources
  ops::LaneOp op = nullptr;
  uint32_t target = 0;      // of a branch; of an operation its Flow
  uint32_t reconverge = 0;  // where the lanes that a branch parts meet again; kNone: at the function's end
  uint32_t extra = 0;       // index into the tables of the function below
  uint32_t line = 0;        // of the PTX text
};
inline constexpr uint32_t kNone = ~0u;

// An address operand and what is moved.
struct Access {
  Area area = Area::Global;
  enum class Base : uint8_t { None, Register32, Register64 } base = Base::None;
  bool frameRelative = false;  // offset counts from the frame's local memory
  bool signExtend = false;
  bool polls = false;  // volatile, acquire, relaxed: may wait for another thread
  bool isVolatile = false;
  bool isRelease = false;  // orders what came before for other blocks
  bool writes = false;
  uint8_t bytes = 4;          // of one element in memory
  uint8_t count = 1;          // elements per lane
  uint8_t registerBytes = 4;  // of one element in registers: 4, 8 or 16
  AtomicOp atomic = AtomicOp::None;
  ops::Type type = ops::Type::B32;
  Ref baseRef = 0;
  int64_t offset = 0;      // with the address of the variable if there is one
  uint32_t cacheSlot = 0;  // for the executor's cache of allocations
  // cp.async: bytes is the size of a copy; matrices: see variant of the instruction
  bool bypassL1 = false;
  uint8_t shape = 0, matrixOperand = 0;
  bool columnMajor = false, transposed = false;
  uint32_t array = kNone;      // index into the function's arrays of the one that the address was made from
  uint8_t unusedElements = 0;  // of a vector load: a bit for each element whose register no instruction reads
};

struct CopyAsync {
  Access destination, source;
  bool hasSourceSize = false, hasIgnore = false;  // refs: {source size}, {ignore predicate}
};

enum class MbarrierOp : uint8_t {
  Init,
  Invalidate,
  Arrive,
  ArriveDrop,
  TestWait,
  TestWaitParity,
  PendingCount,
  CopyAsyncArrive
};
struct Mbarrier {
  MbarrierOp op = MbarrierOp::Init;
  Access object;
  bool noComplete = false, noIncrement = false, hasCount = false;
};

enum class BarrierOp : uint8_t { Sync, Arrive, RedPopc, RedAnd, RedOr };
struct Barrier {
  BarrierOp op = BarrierOp::Sync;
  bool hasCount = false;  // sources: id, count if hasCount, predicate for reductions
  bool complement = false;
};

struct Formal {
  uint32_t offset = 0, size = 0;
};  // a parameter or result within a frame's local memory

enum class Builtin : uint8_t { None, Vprintf, AssertFail, Malloc, Free };
struct CallSite {
  uint32_t function = kNone;  // index into Program::functions; kNone: indirect
  Builtin builtin = Builtin::None;
  Ref pointer = 0;  // of an indirect call, 64 bits
  struct Argument {
    bool inFrame = true;
    Formal place;
    Ref ref = 0;
  };
  std::vector<Argument> results, arguments;
};

// What Kind::Special reads; PTX has the names.
enum class SpecialRegister : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NwarpId,
  SmId,
  NsmId,
  GridId,
  LanemaskEq,
  LanemaskLe,
  LanemaskLt,
  LanemaskGe,
  LanemaskGt,
  Clock,
  ClockHi,
  Clock64,
  GlobalTimer,
  GlobalTimerLo,
  GlobalTimerHi,
  TotalSmemSize,
  AggrSmemSize,
  DynamicSmemSize,
  ReservedSmemOffset,
  EnvReg,
  Pm,
  Pm64,
  Zero,
  One,
  CurrentGraphExec
};

}  // namespace softcuda::program
