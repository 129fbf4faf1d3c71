// Branches, calls, returns, barriers.
#include <algorithm>

#include "ptx/decoder.h"

namespace softcuda::ptx {

using program::Class;
using program::Kind;
using program::kNowhere;
using K = Operand::Kind;
using O = ops::Opcode;
using T = ops::Type;

// Parameters that are declared as registers come from, and results go to, the frame's local memory.
void Decoder::enterFunction() {
  for (const Function::RegisterParameter& p : source_.registerParameters) {
    if (p.isResult) continue;
    Access a;
    a.area = program::Area::Local;
    a.frameRelative = true;
    a.offset = localOffset_[p.variable];
    a.bytes = static_cast<uint8_t>(p.variable->elementSize);
    a.registerBytes = static_cast<uint8_t>(std::max(bitsOf(p.reg), 16) / 8);
    emit(Kind::Load, Class::LocalLoad).extra = addAccess(a);
    result(registerRef(p.reg));
  }
}

void Decoder::returnFromFunction() {
  for (const Function::RegisterParameter& p : source_.registerParameters) {
    if (!p.isResult) continue;
    Access a;
    a.area = program::Area::Local;
    a.frameRelative = true;
    a.writes = true;
    a.offset = localOffset_[p.variable];
    a.bytes = static_cast<uint8_t>(p.variable->elementSize);
    a.registerBytes = static_cast<uint8_t>(std::max(bitsOf(p.reg), 16) / 8);
    emit(Kind::Store, Class::LocalStore).extra = addAccess(a);
    source(registerRef(p.reg));
  }
  emit(source_.isEntry ? Kind::Exit : Kind::Return, Class::Control);
}

void Decoder::branch() {
  Modifiers modifiers(*current_, 0);
  modifiers.take("uni");
  modifiers.finish();
  const std::vector<uint32_t> targets = ControlFlow::targets(source_, *current_);
  const uint32_t meeting = flow_.meetingPoint(flow_.blockOf(currentIndex_));
  Instr& instr = emit(Kind::Branch, Class::Control);
  instr.target = targets[0];
  instr.reconverge = meeting == ControlFlow::kExit ? program::kNone : meeting;
}

void Decoder::branchIndexed() {
  Modifiers modifiers(*current_, 0);
  if (!modifiers.take("idx")) fail("'brx' is known as 'brx.idx' only");
  modifiers.take("uni");
  modifiers.finish();
  std::vector<uint32_t> targets = ControlFlow::targets(source_, *current_);
  const uint32_t meeting = flow_.meetingPoint(flow_.blockOf(currentIndex_));
  const Ref index = sourceRef(at(0), Width::Bits32, T::U32);
  Instr& instr = emit(Kind::BranchIndexed, Class::Control);
  instr.reconverge = meeting == ControlFlow::kExit ? program::kNone : meeting;
  instr.extra = static_cast<uint32_t>(out_.tables.size());
  out_.tables.push_back(std::move(targets));
  source(index);
}

void Decoder::call() {
  Modifiers modifiers(*current_, 0);
  modifiers.take("uni");
  modifiers.finish();
  program::CallSite site;
  const Operand& target = at(0);
  std::vector<Ref> reads, writes;
  auto argument = [&](const Operand& operand, bool isResult) {
    program::CallSite::Argument a;
    if (operand.kind == K::Variable && localOffset_.count(operand.variable) != 0) {
      a.place = {localOffset_[operand.variable], static_cast<uint32_t>(operand.variable->size)};
    } else {
      a.inFrame = false;
      if (operand.kind == K::Register) {
        if (registers_[operand.reg] == T::Pred) mismatch();
        a.place.size = static_cast<uint32_t>(bitsOf(operand.reg)) / 8;
        a.ref = registerRef(operand.reg);
      } else if (!isResult && isImmediate(operand)) {
        a.place.size = operand.kind == K::Float64 ? 8 : 4;
        a.ref = constant(operand.bits, a.place.size == 8 ? Width::Bits64 : Width::Bits32);
      } else {
        mismatch();
      }
      (isResult ? writes : reads).push_back(a.ref);
    }
    return a;
  };
  for (const Operand& o : current_->results) site.results.push_back(argument(o, true));
  for (const Operand& o : current_->arguments) site.arguments.push_back(argument(o, false));
  if (target.kind == K::Function) {
    const Function& callee = *target.function;
    if (callee.isEntry) fail("kernel '" + std::string(callee.name) + "' cannot be called");
    if (site.results.size() != callee.results.size() || site.arguments.size() != callee.parameters.size())
      fail("Arguments mismatch in call of '" + std::string(callee.name) + "'");
    for (size_t i = 0; i < site.results.size(); ++i) {
      if (site.results[i].place.size != callee.results[i]->size)
        fail("Result mismatch in call of '" + std::string(callee.name) + "'");
    }
    for (size_t i = 0; i < site.arguments.size(); ++i) {
      if (site.arguments[i].place.size < callee.parameters[i]->size)
        fail("Arguments mismatch in call of '" + std::string(callee.name) + "'");
    }
    if (!callee.hasBody) {
      if (callee.name == "vprintf") site.builtin = program::Builtin::Vprintf;
      else if (callee.name == "__assertfail") site.builtin = program::Builtin::AssertFail;
      else if (callee.name == "malloc") site.builtin = program::Builtin::Malloc;
      else if (callee.name == "free") site.builtin = program::Builtin::Free;
      else fail("Unresolved extern function '" + std::string(callee.name) + "'", ErrorKind::Undefined);
      static const struct {
        program::Builtin builtin;
        size_t arguments, results;
        uint32_t size;
      } shapes[] = {{program::Builtin::Vprintf, 2, 1, 8},
                    {program::Builtin::AssertFail, 5, 0, 4},
                    {program::Builtin::Malloc, 1, 1, 8},
                    {program::Builtin::Free, 1, 0, 8}};
      for (const auto& shape : shapes) {
        if (shape.builtin != site.builtin) continue;
        if (site.arguments.size() != shape.arguments || site.results.size() != shape.results)
          fail("'" + std::string(callee.name) + "' is declared with other parameters than CUDA's");
        for (const auto& a : site.arguments) {
          if (!a.inFrame || a.place.size < shape.size)
            fail("'" + std::string(callee.name) + "' is declared with other parameters than CUDA's");
        }
        for (const auto& r : site.results) {
          if (!r.inFrame) mismatch();
        }
      }
    } else {
      site.function = builder_.functionIndex(callee);
    }
  } else if (target.kind == K::Register) {
    site.pointer = sourceRef(target, Width::Bits64, T::B64);
    reads.push_back(site.pointer);
    builder_.indirectCall();
  } else {
    fail("Unknown symbol '" + std::string(target.name.substr(0, 80)) + "'", ErrorKind::Undefined);
  }
  emit(Kind::Call, Class::Control).extra = static_cast<uint32_t>(out_.calls.size());
  for (Ref r : reads) otherSource(r);
  for (Ref r : writes) {
    result(r);
    // lanes that do not make the call keep theirs
    otherSource(r);
  }
  out_.calls.push_back(std::move(site));
}

void Decoder::barrier(bool isShort) {
  Modifiers modifiers(*current_, 0);
  if (isShort && modifiers.take("warp")) {
    if (!modifiers.take("sync")) fail("'bar.warp' needs .sync");
    modifiers.finish();
    if (current_->operands.size() != 1) mismatch();
    const Ref mask = sourceRef(at(0), Width::Bits32, T::B32);
    emit(Kind::WarpBarrier, Class::Barrier);
    source(mask);
    return;
  }
  if (modifiers.take("cluster")) fail("'barrier.cluster' needs sm_90", ErrorKind::Unsupported);
  modifiers.take("cta");
  program::Barrier b;
  using B = program::BarrierOp;
  if (modifiers.take("sync")) b.op = B::Sync;
  else if (modifiers.take("arrive")) b.op = B::Arrive;
  else if (modifiers.take("red")) {
    if (modifiers.take("popc")) b.op = B::RedPopc;
    else if (modifiers.take("and")) b.op = B::RedAnd;
    else if (modifiers.take("or")) b.op = B::RedOr;
    else fail("'bar.red' needs .popc, .and or .or");
    if (!modifiers.take(b.op == B::RedPopc ? "u32" : "pred")) fail("'bar.red' needs a type");
  } else {
    fail("'" + std::string(current_->opcode) + "' needs .sync, .arrive or .red");
  }
  const bool aligned = modifiers.take("aligned") || isShort;
  modifiers.finish();
  const auto& operands = current_->operands;
  const bool reduction = b.op == B::RedPopc || b.op == B::RedAnd || b.op == B::RedOr;
  size_t next = 0;
  std::vector<Ref> results, sources;
  if (reduction) results.push_back(resultRef(at(next++), b.op == B::RedPopc ? Width::Bits32 : Width::Predicate));
  const Operand& id = at(next++);
  if (id.kind == K::Integer && id.bits > 15) fail("barriers are numbered 0 to 15");
  sources.push_back(sourceRef(id, Width::Bits32, T::U32));
  const size_t rest = operands.size() - next;
  if (reduction) {
    if (rest != 1 && rest != 2) mismatch();
    b.hasCount = rest == 2;
  } else {
    if (rest > 1) mismatch();
    b.hasCount = rest == 1;
    if (b.op == B::Arrive && !b.hasCount) fail("'bar.arrive' needs a number of threads");
  }
  if (b.hasCount) {
    const Operand& count = at(next++);
    if (count.kind == K::Integer && (count.bits == 0 || count.bits % 32 != 0 || count.bits > 1024))
      fail("the number of threads of a barrier must be a multiple of 32");
    sources.push_back(sourceRef(count, Width::Bits32, T::U32));
  }
  if (reduction) sources.push_back(sourceRef(at(next++), Width::Predicate, T::Pred, &b.complement));
  Instr& instr = emit(Kind::Barrier, Class::Barrier);
  instr.extra = static_cast<uint32_t>(out_.barriers.size());
  instr.wholeWarp = aligned;
  for (Ref r : results) {
    result(r);
    otherSource(r);
  }
  for (Ref r : sources) source(r);
  out_.barriers.push_back(b);
}

bool Decoder::control(O opcode) {
  auto plain = [&](Kind kind, Class cls, std::initializer_list<const char*> allowed) {
    Modifiers modifiers(*current_, 0);
    for (const char* word : allowed) modifiers.take(word);
    modifiers.finish();
    if (!current_->operands.empty()) mismatch();
    emit(kind, cls);
    return true;
  };
  switch (opcode) {
    case O::Bra: branch(); return true;
    case O::Brx: branchIndexed(); return true;
    case O::Call: call(); return true;
    case O::Ret: {
      Modifiers modifiers(*current_, 0);
      modifiers.take("uni");
      modifiers.finish();
      if (!current_->operands.empty()) mismatch();
      returnFromFunction();
      return true;
    }
    case O::Exit: return plain(Kind::Exit, Class::Control, {});
    case O::Trap: return plain(Kind::Trap, Class::Control, {});
    case O::Brkpt: return plain(Kind::Breakpoint, Class::Control, {});
    case O::Bar: barrier(true); return true;
    case O::Barrier: barrier(false); return true;
    case O::Nanosleep: {
      Modifiers modifiers(*current_, 0);
      if (!modifiers.take("u32")) fail("'nanosleep' needs .u32");
      modifiers.finish();
      if (current_->operands.size() != 1) mismatch();
      const Ref time = sourceRef(at(0), Width::Bits32, T::U32);
      emit(Kind::Nanosleep, Class::Control);
      source(time);
      return true;
    }
    case O::Pmevent: {
      Modifiers modifiers(*current_, 0);
      modifiers.take("mask");
      modifiers.finish();
      emit(Kind::Nothing, Class::Other);
      return true;
    }
    case O::Alloca:
    case O::Applypriority:
    case O::Atom:
    case O::Cp:
    case O::Createpolicy:
    case O::Cvta:
    case O::Discard:
    case O::Fence:
    case O::Isspacep:
    case O::Ld:
    case O::Ldmatrix:
    case O::Ldu:
    case O::Mbarrier:
    case O::Membar:
    case O::Prefetch:
    case O::Prefetchu:
    case O::Red:
    case O::St:
    case O::Stackrestore:
    case O::Stacksave:
    case O::WmmaLoad:
    case O::WmmaStore: return false;
    default:
      if (opcode >= O::Alloca)
        fail("instruction '" + std::string(current_->opcode) + "' is not supported", ErrorKind::Unsupported);
      return false;
  }
}

}  // namespace softcuda::ptx
