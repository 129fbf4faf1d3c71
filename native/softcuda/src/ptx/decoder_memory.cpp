// Loads, stores, atomics, asynchronous copies, mbarriers, matrix loads, address conversions, fences, the stack.
#include <algorithm>

#include "program/address_space.h"
#include "ptx/decoder.h"

namespace softcuda::ptx {

using program::Area;
using program::AtomicOp;
using program::Class;
using program::Kind;
using program::kNowhere;
using K = Operand::Kind;
using O = ops::Opcode;
using T = ops::Type;

namespace {

Class loadClass(Area area) {
  switch (area) {
    case Area::Shared: return Class::SharedLoad;
    case Area::Local: return Class::LocalLoad;
    case Area::Constant:
    case Area::KernelParameter: return Class::ConstantLoad;
    default: return Class::GlobalLoad;
  }
}

Class storeClass(Area area) {
  return area == Area::Shared ? Class::SharedStore : area == Area::Local ? Class::LocalStore : Class::GlobalStore;
}

bool isSigned(T t) { return t == T::S8 || t == T::S16 || t == T::S32 || t == T::S64; }

}  // namespace

bool Decoder::takeSpace(Modifiers& modifiers, Area* area, bool allowParameter) {
  if (modifiers.take("global")) *area = Area::Global;
  else if (modifiers.take("shared") || modifiers.take("shared::cta")) *area = Area::Shared;
  else if (modifiers.take("local")) *area = Area::Local;
  else if (modifiers.take("const")) *area = Area::Constant;
  else if (allowParameter &&
           (modifiers.take("param") || modifiers.take("param::entry") || modifiers.take("param::func")))
    *area = Area::KernelParameter;
  else return false;
  return true;
}

void Decoder::takeOrder(Modifiers& modifiers, Access& access, bool isStore) {
  if (modifiers.take("weak")) return;
  if (modifiers.take("volatile")) {
    access.polls = access.isVolatile = true;
    return;
  }
  if (modifiers.take("mmio")) {
    if (!modifiers.take("relaxed") || !modifiers.take("sys")) fail("'.mmio' needs .relaxed.sys");
    access.polls = access.isVolatile = true;
    return;
  }
  const bool relaxed = modifiers.take("relaxed"), ordered = relaxed || modifiers.take(isStore ? "release" : "acquire");
  if (!ordered) return;
  access.isRelease = isStore && !relaxed;
  if (!modifiers.take("cta") && !modifiers.take("cluster") && !modifiers.take("gpu") && !modifiers.take("sys"))
    fail("'" + std::string(current_->opcode) + "' with an order needs a scope");
  access.polls = access.isVolatile = true;
}

void Decoder::takeCaching(Modifiers& modifiers, bool* hasHint) {
  static const char* const operators[] = {"ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc"};
  for (const char* op : operators) modifiers.take(op);
  *hasHint = modifiers.take("L2::cache_hint");
  std::string_view word;
  while (modifiers.takePrefix("L1::", &word) || modifiers.takePrefix("L2::", &word)) {
    static const char* const known[] = {"L1::evict_normal", "L1::evict_unchanged",
                                        "L1::evict_first",  "L1::evict_last",
                                        "L1::no_allocate",  "L2::64B",
                                        "L2::128B",         "L2::256B",
                                        "L2::evict_last",   "L2::evict_normal",
                                        "L2::evict_first"};
    if (std::find(std::begin(known), std::end(known), word) == std::end(known)) modifiers.illegal(word);
  }
}

void Decoder::cachePolicy(size_t index, bool hasHint) {
  if (hasHint) {
    const Ref policy = sourceRef(at(index), Width::Bits64, T::B64);
    otherSource(policy);
  }
  if (current_->operands.size() != index + (hasHint ? 1 : 0)) mismatch();
}

Decoder::Access Decoder::access(const Operand& address, Area area, uint32_t bytes, uint32_t count) {
  if (address.kind != K::Address) mismatch();
  Access a;
  a.area = area;
  a.bytes = static_cast<uint8_t>(bytes);
  a.count = static_cast<uint8_t>(count);
  a.offset = address.offset;
  a.cacheSlot = builder_.newCacheSlot();
  if (address.variable != nullptr) {
    const Variable& v = *address.variable;
    const auto local = localOffset_.find(&v);
    if (local != localOffset_.end()) {
      // Parameters of functions and of calls lie in the frame's local memory.
      const bool fits = area == Area::KernelParameter ? v.space == Space::Parameter : area == Area::Local;
      if (!fits) fail("'" + std::string(v.name) + "' is not in the state space of the instruction");
      a.area = Area::Local;
      a.frameRelative = true;
      a.offset += local->second;
      if (address.offset < 0 ||
          static_cast<uint64_t>(address.offset) + uint64_t{bytes} * count > ((v.size + 3) & ~uint64_t{3}))
        fail("access outside of '" + std::string(v.name) + "'");
      return a;
    }
    static const struct {
      Space space;
      Area area;
    } spaces[] = {{Space::Global, Area::Global},
                  {Space::Constant, Area::Constant},
                  {Space::Shared, Area::Shared},
                  {Space::Parameter, Area::KernelParameter}};
    bool fits = false;
    for (const auto& entry : spaces) fits = fits || (entry.space == v.space && entry.area == area);
    if (!fits && area != Area::Generic)
      fail("'" + std::string(v.name) + "' is not in the state space of the instruction");
    if (area == Area::Generic) {
      if (v.space == Space::Shared) a.offset += static_cast<int64_t>(program::kSharedWindow);
      else if (v.space != Space::Global) fail("'" + std::string(v.name) + "' has no generic address here");
    }
    a.offset = static_cast<int64_t>(static_cast<uint64_t>(a.offset) + builder_.addressOf(v, current_->line));
    if (v.space == Space::Shared) a.array = arrayOf(v);
    return a;
  }
  if (address.reg != kNoRegister) {
    const int width = bitsOf(address.reg);
    if (registers_[address.reg] == T::Pred || (width != 32 && width != 64))
      fail("an address needs a register of 32 or 64 bits");
    if (!address.name.empty()) mismatch();
    a.base = width == 32 ? Access::Base::Register32 : Access::Base::Register64;
    a.baseRef = registerRef(address.reg);
  }
  if (area == Area::KernelParameter && address.reg != kNoRegister && !source_.isEntry)
    a.area = Area::Local;  // the address of a function's parameter is local
  return a;
}

uint32_t Decoder::addAccess(const Access& access) {
  out_.accesses.push_back(access);
  return static_cast<uint32_t>(out_.accesses.size() - 1);
}

// The registers that are loaded or stored; sets registerBytes. Must be called before emit for stores of special
// operands.
void Decoder::dataRefs(const Operand& operand, Access& access, T type, bool isResult) {
  std::vector<const Operand*> elements;
  if (operand.kind == K::Vector) {
    for (const Operand& e : operand.elements) elements.push_back(&e);
  } else {
    elements.push_back(&operand);
  }
  if (elements.size() != access.count) mismatch();
  int registerBits = 0;
  for (const Operand* e : elements) {
    if (e->kind != K::Register) continue;
    if (registers_[e->reg] == T::Pred || e->negated || !e->name.empty()) mismatch();
    const int bits = bitsOf(e->reg);
    if (bits < ops::bits(type)) mismatch();
    if (registerBits != 0 && bits != registerBits) mismatch();
    registerBits = bits;
  }
  if (registerBits == 0) registerBits = std::max(ops::bits(type), 16);
  access.registerBytes = static_cast<uint8_t>(registerBits / 8);
  const Width width = registerBits <= 16   ? Width::Bits16
                      : registerBits == 32 ? Width::Bits32
                      : registerBits == 64 ? Width::Bits64
                                           : Width::Bits128;
  for (const Operand* e : elements) {
    if (isResult) {
      result(e->kind == K::Sink ? kNowhere : resultRef(*e, width));
    } else {
      if (e->kind == K::Sink) mismatch();
      source(e->kind == K::Register ? registerRef(e->reg) : sourceRef(*e, width, type));
    }
  }
}

void Decoder::load(bool uniform) {
  Modifiers modifiers(*current_, 0);
  Access probe;
  takeOrder(modifiers, probe, false);
  Area area = Area::Generic;
  takeSpace(modifiers, &area, true);
  bool hasHint = false;
  takeCaching(modifiers, &hasHint);
  uint32_t count = 1;
  if (modifiers.take("v2")) count = 2;
  else if (modifiers.take("v4")) count = 4;
  modifiers.take("unified");
  T type = T::None;
  if (!modifiers.takeType(&type)) fail("'ld' needs a type");
  modifiers.finish();
  if (type == T::Pred || ops::bits(type) < 8 || ops::bits(type) % 8 != 0) mismatch();
  const uint32_t bytes = static_cast<uint32_t>(ops::bits(type)) / 8;
  if (bytes * count > 16) fail("a load moves at most 16 bytes per thread");
  if (uniform && area != Area::Global) fail("'ldu' needs .global");
  if ((count > 1) != (at(0).kind == K::Vector)) mismatch();
  Access a = access(at(1), area, bytes, count);
  a.polls = probe.polls;
  a.isVolatile = probe.isVolatile;
  a.signExtend = isSigned(type);
  a.type = type;
  emit(Kind::Load, loadClass(a.area));
  if (a.base != Access::Base::None) otherSource(a.baseRef);
  dataRefs(at(0), a, type, true);
  code_.back().instr.extra = addAccess(a);
  cachePolicy(2, hasHint);
}

void Decoder::store() {
  Modifiers modifiers(*current_, 0);
  Access probe;
  takeOrder(modifiers, probe, true);
  Area area = Area::Generic;
  takeSpace(modifiers, &area, true);
  bool hasHint = false;
  takeCaching(modifiers, &hasHint);
  uint32_t count = 1;
  if (modifiers.take("v2")) count = 2;
  else if (modifiers.take("v4")) count = 4;
  T type = T::None;
  if (!modifiers.takeType(&type)) fail("'st' needs a type");
  modifiers.finish();
  if (type == T::Pred || ops::bits(type) < 8 || ops::bits(type) % 8 != 0) mismatch();
  const uint32_t bytes = static_cast<uint32_t>(ops::bits(type)) / 8;
  if (bytes * count > 16) fail("a store moves at most 16 bytes per thread");
  if ((count > 1) != (at(1).kind == K::Vector)) mismatch();
  Access a = access(at(0), area, bytes, count);
  if (a.area == Area::KernelParameter) fail("kernel parameters cannot be written");
  if (a.area == Area::Constant) fail("'st' cannot write .const");
  a.polls = probe.polls;
  a.isVolatile = probe.isVolatile;
  a.isRelease = probe.isRelease;
  a.type = type;
  a.writes = true;
  // Special registers and local addresses among the values are read first.
  Operand data = at(1);
  std::vector<Operand*> elements;
  if (data.kind == K::Vector) {
    for (Operand& e : data.elements) elements.push_back(&e);
  } else {
    elements.push_back(&data);
  }
  for (Operand* e : elements) {
    const bool local = e->kind == K::Variable && localOffset_.count(e->variable) != 0;
    if (e->kind == K::Special || local) {
      const Ref ref = materialise(*e, bytes == 8 ? Width::Bits64 : Width::Bits32);
      *e = Operand();
      e->kind = K::Register;
      e->reg = ref >> 2;
    }
  }
  emit(Kind::Store, storeClass(a.area));
  if (a.base != Access::Base::None) otherSource(a.baseRef);
  dataRefs(data, a, type, false);
  code_.back().instr.extra = addAccess(a);
  cachePolicy(2, hasHint);
}

void Decoder::atomic(bool reduction) {
  Modifiers modifiers(*current_, 0);
  if (modifiers.take("async")) fail("'red.async' needs sm_90", ErrorKind::Unsupported);
  const bool releases = modifiers.take("release") || modifiers.take("acq_rel");
  if (!releases && !modifiers.take("relaxed")) modifiers.take("acquire");
  static const char* const scopes[] = {"cta", "cluster", "gpu", "sys"};
  for (const char* scope : scopes) {
    if (modifiers.take(scope)) break;
  }
  Area area = Area::Generic;
  takeSpace(modifiers, &area, false);
  if (area == Area::Local || area == Area::Constant) modifiers.illegal(area == Area::Local ? "local" : "const");
  static const struct {
    const char* word;
    AtomicOp op;
  } operations[] = {
      {"add", AtomicOp::Add},       {"inc", AtomicOp::Inc},           {"dec", AtomicOp::Dec}, {"min", AtomicOp::Min},
      {"max", AtomicOp::Max},       {"and", AtomicOp::And},           {"or", AtomicOp::Or},   {"xor", AtomicOp::Xor},
      {"exch", AtomicOp::Exchange}, {"cas", AtomicOp::CompareAndSwap}};
  AtomicOp op = AtomicOp::None;
  for (const auto& entry : operations) {
    if (op == AtomicOp::None && modifiers.take(entry.word)) op = entry.op;
  }
  const std::string name(current_->opcode);
  if (op == AtomicOp::None) fail("'" + name + "' needs an operation");
  bool hasHint = modifiers.take("L2::cache_hint");
  modifiers.take("noftz");
  T type = T::None;
  if (!modifiers.takeType(&type)) fail("'" + name + "' needs a type");
  modifiers.finish();
  auto among = [&](std::initializer_list<T> types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  bool valid = false;
  switch (op) {
    case AtomicOp::Add:
      valid = among({T::U32, T::S32, T::U64, T::F16, T::F16x2, T::BF16, T::BF16x2, T::F32, T::F64});
      break;
    case AtomicOp::Inc:
    case AtomicOp::Dec: valid = among({T::U32}); break;
    case AtomicOp::Min:
    case AtomicOp::Max: valid = among({T::U32, T::S32, T::U64, T::S64}); break;
    case AtomicOp::And:
    case AtomicOp::Or:
    case AtomicOp::Xor: valid = among({T::B32, T::B64}); break;
    case AtomicOp::Exchange: valid = !reduction && among({T::B32, T::B64}); break;
    case AtomicOp::CompareAndSwap: valid = !reduction && among({T::B16, T::B32, T::B64}); break;
    default: break;
  }
  if (!valid) fail("'" + name + "' does not have this operation with this type", ErrorKind::Unsupported);
  const uint32_t bytes = static_cast<uint32_t>(ops::bits(type)) / 8;
  const size_t first = reduction ? 0 : 1;
  Access a = access(at(first), area, bytes, 1);
  a.atomic = op;
  a.isRelease = releases;
  a.type = type;
  a.writes = true;
  a.polls = op == AtomicOp::CompareAndSwap || op == AtomicOp::Exchange;
  a.registerBytes = static_cast<uint8_t>(bytes < 4 ? 2 : bytes);
  const Width width = widthOf(type);
  const T registerType = type == T::F16 || type == T::BF16       ? T::B16
                         : type == T::F16x2 || type == T::BF16x2 ? T::B32
                                                                 : type;
  std::vector<Ref> sources;
  sources.push_back(sourceRef(at(first + 1), width, registerType));
  size_t wanted = first + 2;
  if (op == AtomicOp::CompareAndSwap) sources.push_back(sourceRef(at(wanted++), width, registerType));
  Ref to = kNowhere;
  if (!reduction) to = optionalResultRef(at(0), width);
  emit(Kind::Atomic, Class::Atomic);
  if (type == T::F16 || type == T::BF16 || type == T::F16x2 ||
      type == T::BF16x2) {  // one lane at a time by the operation of add
    ops::Key key{O::Add};
    key.type = type;
    key.rounding = ops::Rounding::Rn;
    std::string why;
    code_.back().instr.op = ops::find(key, &why);
    if (code_.back().instr.op == nullptr)
      fail("'" + name + "' is not supported with this type: " + why, ErrorKind::Unsupported);
  }
  if (a.base != Access::Base::None) otherSource(a.baseRef);
  result(to);
  for (Ref r : sources) source(r);
  code_.back().instr.extra = addAccess(a);
  cachePolicy(wanted, hasHint);
}

void Decoder::copyAsync() {
  Modifiers modifiers(*current_, 0);
  if (!modifiers.take("async")) fail("'cp' is known as 'cp.async' only", ErrorKind::Unsupported);
  if (modifiers.take("commit_group")) {
    modifiers.finish();
    if (!current_->operands.empty()) mismatch();
    emit(Kind::CommitGroup, Class::CopyAsync);
    return;
  }
  if (modifiers.take("wait_group") || modifiers.take("wait_all")) {
    const bool all = current_->modifiers[1] == "wait_all";
    modifiers.finish();
    if (current_->operands.size() != (all ? 0u : 1u)) mismatch();
    uint64_t pending = 0;
    if (!all) pending = immediateInteger(at(0), "the number of groups");
    emit(Kind::WaitGroup, Class::CopyAsync).extra =
        all ? program::kNone : static_cast<uint32_t>(std::min<uint64_t>(pending, 1 << 20));
    return;
  }
  if (modifiers.take("mbarrier")) {
    if (!modifiers.take("arrive")) modifiers.illegal("mbarrier");
    program::Mbarrier m;
    m.op = program::MbarrierOp::CopyAsyncArrive;
    m.noIncrement = modifiers.take("noinc");
    Area area = Area::Generic;
    takeSpace(modifiers, &area, false);
    if (!modifiers.take("b64")) fail("'cp.async.mbarrier.arrive' needs .b64");
    modifiers.finish();
    if (area != Area::Generic && area != Area::Shared) fail("an mbarrier lies in .shared");
    m.object = access(at(0), area, 8, 1);
    m.object.writes = true;
    emit(Kind::Mbarrier, Class::Barrier).extra = static_cast<uint32_t>(out_.mbarriers.size());
    if (m.object.base != Access::Base::None) otherSource(m.object.baseRef);
    out_.mbarriers.push_back(m);
    if (current_->operands.size() != 1) mismatch();
    return;
  }
  const bool bypass = modifiers.take("cg");
  if (!bypass && !modifiers.take("ca"))
    fail("this form of 'cp.async' is not supported (bulk copies need sm_90)", ErrorKind::Unsupported);
  if (!modifiers.take("shared") && !modifiers.take("shared::cta")) fail("'cp.async' needs .shared.global");
  if (!modifiers.take("global")) fail("'cp.async' needs .shared.global");
  bool hasHint = false;
  takeCaching(modifiers, &hasHint);
  modifiers.finish();
  const uint64_t size = immediateInteger(at(2), "the size of 'cp.async'");
  if (!(size == 16 || (!bypass && (size == 4 || size == 8)))) fail("'cp.async' copies 4, 8 or 16 bytes, with .cg 16");
  program::CopyAsync copy;
  copy.destination = access(at(0), Area::Shared, static_cast<uint32_t>(size), 1);
  copy.destination.writes = true;
  copy.source = access(at(1), Area::Global, static_cast<uint32_t>(size), 1);
  copy.source.bypassL1 = bypass;
  size_t next = 3;
  std::vector<Ref> sources;
  bool complement = false;
  const size_t remaining = current_->operands.size() - next - (hasHint ? 1 : 0);
  if (current_->operands.size() < next + (hasHint ? 1 : 0) || remaining > 1) mismatch();
  if (remaining == 1) {
    const Operand& o = at(next++);
    if (o.kind == K::Register && registers_[o.reg] == T::Pred) {
      copy.hasIgnore = true;
      sources.push_back(sourceRef(o, Width::Predicate, T::Pred, &complement));
    } else {
      copy.hasSourceSize = true;
      sources.push_back(sourceRef(o, Width::Bits32, T::B32));
    }
  }
  emit(Kind::CopyAsync, Class::CopyAsync).extra = static_cast<uint32_t>(out_.copies.size());
  code_.back().instr.complement = complement ? 1 : 0;
  if (copy.destination.base != Access::Base::None) otherSource(copy.destination.baseRef);
  if (copy.source.base != Access::Base::None) otherSource(copy.source.baseRef);
  for (Ref r : sources) source(r);
  out_.copies.push_back(copy);
  cachePolicy(next, hasHint);
}

void Decoder::mbarrier() {
  using M = program::MbarrierOp;
  Modifiers modifiers(*current_, 0);
  program::Mbarrier m;
  bool mayWait = false;  // try_wait: test_wait that may take its time
  if (modifiers.take("init")) m.op = M::Init;
  else if (modifiers.take("inval")) m.op = M::Invalidate;
  else if (modifiers.take("arrive")) m.op = M::Arrive;
  else if (modifiers.take("arrive_drop")) m.op = M::ArriveDrop;
  else if (modifiers.take("test_wait") || (mayWait = modifiers.take("try_wait")))
    m.op = modifiers.take("parity") ? M::TestWaitParity : M::TestWait;
  else if (modifiers.take("pending_count")) m.op = M::PendingCount;
  else fail("this form of 'mbarrier' is not supported (it needs sm_90)", ErrorKind::Unsupported);
  m.noComplete = modifiers.take("noComplete");
  static const char* const orders[] = {"acquire", "release", "relaxed"};
  for (const char* order : orders) {
    if (modifiers.take(order)) break;
  }
  modifiers.take("cta");
  Area area = Area::Generic;
  takeSpace(modifiers, &area, false);
  if (area != Area::Generic && area != Area::Shared) fail("an mbarrier lies in .shared");
  if (!modifiers.take("b64")) fail("'mbarrier' needs .b64");
  modifiers.finish();
  const size_t count = current_->operands.size();
  std::vector<Ref> results, sources;
  Ref timeHint = program::kNowhere;
  if (m.op == M::PendingCount) {
    if (count != 2) mismatch();
    results.push_back(resultRef(at(0), Width::Bits32));
    sources.push_back(sourceRef(at(1), Width::Bits64, T::B64));
  } else {
    size_t next = 0;
    if (m.op == M::Arrive || m.op == M::ArriveDrop) results.push_back(optionalResultRef(at(next++), Width::Bits64));
    if (m.op == M::TestWait || m.op == M::TestWaitParity) results.push_back(resultRef(at(next++), Width::Predicate));
    m.object = access(at(next++), area, 8, 1);
    m.object.writes = m.op != M::TestWait && m.op != M::TestWaitParity;
    if (m.op == M::Init) sources.push_back(sourceRef(at(next++), Width::Bits32, T::U32));
    if (m.op == M::TestWait) sources.push_back(sourceRef(at(next++), Width::Bits64, T::B64));
    if (m.op == M::TestWaitParity) sources.push_back(sourceRef(at(next++), Width::Bits32, T::U32));
    if ((m.op == M::Arrive || m.op == M::ArriveDrop) && next < count) {
      m.hasCount = true;
      sources.push_back(sourceRef(at(next++), Width::Bits32, T::U32));
    }
    if (mayWait && next < count) timeHint = sourceRef(at(next++), Width::Bits32, T::U32);
    if (next != count) mismatch();
    if (m.noComplete && !m.hasCount) fail("'.noComplete' needs a count");
  }
  emit(Kind::Mbarrier, Class::Barrier).extra = static_cast<uint32_t>(out_.mbarriers.size());
  if (timeHint != program::kNowhere) otherSource(timeHint);
  if (m.object.base != Access::Base::None) otherSource(m.object.baseRef);
  for (Ref r : results) result(r);
  for (Ref r : sources) source(r);
  out_.mbarriers.push_back(m);
}

void Decoder::loadMatrix() {
  Modifiers modifiers(*current_, 0);
  if (!modifiers.take("sync") || !modifiers.take("aligned")) fail("'ldmatrix' needs .sync.aligned");
  if (!modifiers.take("m8n8")) fail("only 'ldmatrix' with .m8n8 is supported", ErrorKind::Unsupported);
  uint32_t count = 0;
  if (modifiers.take("x1")) count = 1;
  else if (modifiers.take("x2")) count = 2;
  else if (modifiers.take("x4")) count = 4;
  else fail("'ldmatrix' needs .x1, .x2 or .x4");
  const bool transposed = modifiers.take("trans");
  Area area = Area::Generic;
  takeSpace(modifiers, &area, false);
  if (area != Area::Generic && area != Area::Shared) fail("'ldmatrix' reads .shared");
  if (!modifiers.take("b16")) fail("'ldmatrix' needs .b16");
  modifiers.finish();
  if (current_->operands.size() != 2) mismatch();
  Access a = access(at(1), area, 16, 1);
  a.transposed = transposed;
  std::vector<Ref> results;
  const Operand& d = at(0);
  if (d.kind == K::Vector) {
    for (const Operand& e : d.elements) results.push_back(resultRef(e, Width::Bits32));
  } else {
    results.push_back(resultRef(d, Width::Bits32));
  }
  if (results.size() != count) mismatch();
  emit(Kind::LoadMatrix, Class::Matrix).extra = addAccess(a);
  if (a.base != Access::Base::None) otherSource(a.baseRef);
  for (Ref r : results) result(r);
}

void Decoder::wmmaLoadStore(bool isStore) {
  Modifiers modifiers(*current_, 1);
  ops::Operand which = ops::Operand::C;
  if (isStore) {
    if (!modifiers.take("d")) fail("'wmma.store' needs .d");
  } else if (modifiers.take("a")) {
    which = ops::Operand::A;
  } else if (modifiers.take("b")) {
    which = ops::Operand::B;
  } else if (!modifiers.take("c")) {
    fail("'wmma.load' needs .a, .b or .c");
  }
  if (!modifiers.take("sync") || !modifiers.take("aligned")) fail("'wmma' needs .sync.aligned");
  const bool column = modifiers.take("col");
  if (!column && !modifiers.take("row")) fail("'wmma' needs a layout");
  ops::Shape shape = ops::Shape::None;
  for (std::string_view word : std::vector<std::string_view>(modifiers.left())) {
    if (ops::fromName(word, &shape) && shape != ops::Shape::None) {
      modifiers.take(word);
      break;
    }
  }
  Area area = Area::Generic;
  takeSpace(modifiers, &area, false);
  if (area == Area::Constant || area == Area::Local) fail("'wmma' works on .global and .shared");
  T type = T::None;
  if (!modifiers.takeType(&type)) fail("'wmma' needs a type");
  modifiers.finish();
  const ops::Fragment fragment =
      shape == ops::Shape::None ? ops::Fragment{} : ops::mmaFragment(O::WmmaMma, shape, which, type);
  if (fragment.registers == 0) fail("'wmma' does not have this shape with this type", ErrorKind::Unsupported);
  const Operand& data = at(isStore ? 1 : 0);
  Access a = access(at(isStore ? 0 : 1), area, 16, 1);
  a.type = type;
  a.writes = isStore;
  a.shape = static_cast<uint8_t>(shape);
  a.matrixOperand = static_cast<uint8_t>(which);
  a.columnMajor = column;
  a.registerBytes = static_cast<uint8_t>(fragment.registerBits / 8);
  const Width width = fragment.registerBits == 64 ? Width::Bits64 : Width::Bits32;
  std::vector<Ref> registers;
  if (data.kind == K::Vector) {
    for (const Operand& e : data.elements)
      registers.push_back(isStore ? sourceRef(e, width,
                                              fragment.registerBits == 64 ? T::F64
                                              : type == T::F32            ? T::F32
                                                                          : T::B32)
                                  : resultRef(e, width));
  } else {
    registers.push_back(isStore ? sourceRef(data, width, type) : resultRef(data, width));
  }
  if (registers.size() != static_cast<size_t>(fragment.registers)) mismatch();
  Ref stride = 0;
  const bool hasStride = current_->operands.size() == 3;
  if (current_->operands.size() > 3) mismatch();
  const ops::Extent extent = ops::extent(shape);
  if (hasStride) {
    stride = sourceRef(at(2), Width::Bits32, T::B32);
  } else {
    const int rows = which == ops::Operand::B ? extent.k : extent.m,
              columns = which == ops::Operand::A ? extent.k : extent.n;
    stride = constant(static_cast<uint64_t>(column ? rows : columns), Width::Bits32);
  }
  emit(isStore ? Kind::WmmaStore : Kind::WmmaLoad, Class::Matrix);
  if (a.base != Access::Base::None) otherSource(a.baseRef);
  for (Ref r : registers) {
    if (isStore) source(r);
    else result(r);
  }
  source(stride);
  code_.back().instr.extra = addAccess(a);
}

void Decoder::touch(O opcode) {
  Modifiers modifiers(*current_, 0);
  Area area = Area::Generic;
  takeSpace(modifiers, &area, false);
  std::string_view level;
  if (opcode == O::Prefetch || opcode == O::Prefetchu) {
    if (modifiers.take("tensormap")) fail("'prefetch.tensormap' needs sm_90", ErrorKind::Unsupported);
    if (!modifiers.take("L1") && !modifiers.take("L2") && !modifiers.takePrefix("L2::evict_", &level))
      fail("'prefetch' needs a level");
    modifiers.finish();
    if (current_->operands.size() != 1) mismatch();
    // A prefetch of an address that cannot be read does nothing.
    Access a = access(at(0), area, 1, 1);
    emit(Kind::Nothing, Class::Other);
    if (a.base != Access::Base::None) otherSource(a.baseRef);
    return;
  }
  if (!modifiers.take("L2") && !modifiers.takePrefix("L2::evict_normal", &level))
    fail("'" + std::string(current_->opcode) + "' needs .L2");
  modifiers.finish();
  if (current_->operands.size() != 2 || immediateInteger(at(1), "the size") != 128)
    fail("'" + std::string(current_->opcode) + "' works on 128 bytes");
  Access a = access(at(0), area, 128, 1);
  emit(Kind::Touch, Class::Other).extra = addAccess(a);
  if (a.base != Access::Base::None) otherSource(a.baseRef);
}

void Decoder::addressConversion() {
  Modifiers modifiers(*current_, 0);
  const bool to = modifiers.take("to");
  Area area = Area::Generic;
  if (!takeSpace(modifiers, &area, true)) fail("'cvta' needs a state space");
  const bool wide = modifiers.take("u64");
  if (!wide && !modifiers.take("u32")) fail("'cvta' needs .u64 or .u32");
  modifiers.finish();
  if (!wide) fail("'cvta.u32' needs 32-bit addresses, which are not supported", ErrorKind::Unsupported);
  if (current_->operands.size() != 2) mismatch();
  const Ref d = resultRef(at(0), Width::Bits64);
  const Ref a = sourceRef(at(1), Width::Bits64, T::U64);
  uint64_t window = 0, size = 0;
  if (area == Area::Shared) {
    window = program::kSharedWindow;
    size = program::kSharedWindowSize;
  } else if (area == Area::Local || (area == Area::KernelParameter && !source_.isEntry)) {
    window = program::kLocalWindow;
    size = program::kLocalWindowSize;
  }
  (void)size;
  Instr& instr = emit(Kind::Cvta, Class::Move);
  instr.variant = to ? 1 : 0;
  instr.extra = window == program::kSharedWindow ? 1 : window == program::kLocalWindow ? 2 : 0;
  result(d);
  source(a);
}

void Decoder::isSpace() {
  Modifiers modifiers(*current_, 0);
  Area area = Area::Generic;
  if (!takeSpace(modifiers, &area, true)) {
    if (modifiers.take("shared::cluster")) area = Area::Shared;
    else fail("'isspacep' needs a state space");
  }
  modifiers.finish();
  if (current_->operands.size() != 2) mismatch();
  const Ref d = resultRef(at(0), Width::Predicate);
  const Ref a = sourceRef(at(1), Width::Bits64, T::U64);
  emit(Kind::Isspacep, Class::Predicate).extra = static_cast<uint32_t>(area);
  result(d);
  source(a);
}

void Decoder::fence(O opcode) {
  Modifiers modifiers(*current_, 0);
  bool forBlock = false;  // orders for the block only
  if (opcode == O::Membar) {
    forBlock = modifiers.take("cta");
    if (!forBlock && !modifiers.take("gl") && !modifiers.take("sys"))
      fail("'membar' needs a level", ErrorKind::Unsupported);
  } else {
    if (modifiers.take("proxy")) {
      if (!modifiers.take("alias")) fail("this form of 'fence.proxy' is not supported", ErrorKind::Unsupported);
    } else {
      const bool order = modifiers.take("sc") || modifiers.take("acq_rel");
      (void)order;
      forBlock = modifiers.take("cta");
      if (!forBlock && !modifiers.take("gpu") && !modifiers.take("sys") && !modifiers.take("cluster"))
        fail("'fence' needs a scope", ErrorKind::Unsupported);
    }
  }
  modifiers.finish();
  if (!current_->operands.empty()) mismatch();
  emit(Kind::Fence, Class::Fence).variant = forBlock ? 1 : 0;
}

void Decoder::stack(O opcode) {
  Modifiers modifiers(*current_, 0);
  const bool wide = modifiers.take("u64");
  if (!wide && !modifiers.take("u32")) fail("'" + std::string(current_->opcode) + "' needs .u32 or .u64");
  modifiers.finish();
  const Width width = wide ? Width::Bits64 : Width::Bits32;
  const T type = wide ? T::U64 : T::U32;
  if (opcode == O::Stacksave) {
    if (current_->operands.size() != 1) mismatch();
    const Ref d = resultRef(at(0), width);
    emit(Kind::StackSave, Class::Other).variant = wide;
    result(d);
  } else if (opcode == O::Stackrestore) {
    if (current_->operands.size() != 1) mismatch();
    const Ref a = sourceRef(at(0), width, type);
    emit(Kind::StackRestore, Class::Other).variant = wide;
    source(a);
  } else {
    const size_t count = current_->operands.size();
    if (count != 2 && count != 3) mismatch();
    uint64_t alignment = 8;
    if (count == 3) alignment = immediateInteger(at(2), "the alignment of 'alloca'");
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > (1u << 16))
      fail("the alignment of 'alloca' must be a power of two");
    const Ref d = resultRef(at(0), width);
    const Ref size = sourceRef(at(1), width, type);
    Instr& instr = emit(Kind::Alloca, Class::Other);
    instr.variant = wide;
    instr.extra = static_cast<uint32_t>(std::max<uint64_t>(alignment, 8));
    result(d);
    source(size);
  }
}

bool Decoder::memory(O opcode) {
  switch (opcode) {
    case O::Ld: load(false); return true;
    case O::Ldu: load(true); return true;
    case O::St:
      if (!current_->modifiers.empty() && (current_->modifiers[0] == "async" || current_->modifiers[0] == "bulk"))
        fail("'st." + std::string(current_->modifiers[0]) + "' needs sm_90", ErrorKind::Unsupported);
      store();
      return true;
    case O::Atom: atomic(false); return true;
    case O::Red: atomic(true); return true;
    case O::Cp: copyAsync(); return true;
    case O::Mbarrier: mbarrier(); return true;
    case O::Ldmatrix: loadMatrix(); return true;
    case O::WmmaLoad: wmmaLoadStore(false); return true;
    case O::WmmaStore: wmmaLoadStore(true); return true;
    case O::Prefetch:
    case O::Prefetchu:
    case O::Discard:
    case O::Applypriority: touch(opcode); return true;
    case O::Cvta: addressConversion(); return true;
    case O::Isspacep: isSpace(); return true;
    case O::Membar:
    case O::Fence: fence(opcode); return true;
    case O::Alloca:
    case O::Stacksave:
    case O::Stackrestore: stack(opcode); return true;
    case O::Createpolicy: {
      // A policy is a hint for the caches: any value does.
      if (current_->operands.empty()) mismatch();
      ops::Key key{O::Mov};
      key.type = T::B64;
      const Ref d = resultRef(at(0), Width::Bits64), zero = constant(0, Width::Bits64);
      emitLane(key, Class::Other);
      result(d);
      source(zero);
      finishLane();
      return true;
    }
    default: return false;
  }
}

}  // namespace softcuda::ptx
