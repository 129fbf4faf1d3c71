#include "machine/paths.h"

#include <algorithm>

#include "machine/worker.h"

namespace softcuda::machine {
namespace {

Path pathFrom(const Join& join) {
  Path path;
  path.mask = join.arrived;
  path.pc = join.pc;
  path.frame = join.frame;
  path.join = join.parent;
  return path;
}

// Whether nothing but the end of the kernel lies behind the join, and branches led all that wait there straight to it.
bool leadsToEnd(const Join& join) {
  const auto& code = join.frame->function->code;
  uint32_t pc = join.pc;
  while (code[pc].kind == Kind::Reconverge) ++pc;
  return code[pc].kind == Kind::Exit && code[pc].guardMode == Guard::None && (join.arrived & ~join.direct) == 0;
}

}  // namespace

void releaseJoin(Worker& worker, Warp& warp, Join* join) {
  if (join->callee != nullptr) worker.freeFrame(warp, join->callee);
  warp.freeJoin(join);
}

void leaveJoins(Worker& worker, Warp& warp, Join* join, uint32_t lanes, const Join* end) {
  for (Join* j = join; j != end; j = j->parent) j->expected &= ~lanes;
  while (join != end && join->arrived == join->expected) {
    const Path path = pathFrom(*join);
    releaseJoin(worker, warp, join);
    if (path.mask != 0) {
      warp.paths.push_back(path);
      break;
    }
    join = path.join;
  }
}

bool releaseWaiting(Warp& warp, bool onlyToEnd) {
  std::vector<Join*> joins;
  for (const Path& p : warp.paths) {
    for (Join* j = p.join; j != nullptr; j = j->parent) {
      if (j->arrived != 0 && std::find(joins.begin(), joins.end(), j) == joins.end()) joins.push_back(j);
    }
  }
  bool any = false;
  for (Join* j : joins) {
    if (onlyToEnd && !leadsToEnd(*j)) continue;
    Path path = pathFrom(*j);
    path.direct = (j->arrived & ~j->direct) == 0;
    j->expected &= ~j->arrived;
    j->arrived = j->direct = 0;
    // Outer joins still expect these lanes.
    warp.paths.push_back(path);
    any = true;
  }
  return any;
}

void mergePaths(Warp& warp) {
  for (size_t i = 0; i < warp.paths.size(); ++i) {
    for (size_t k = i + 1; k < warp.paths.size();) {
      Path& a = warp.paths[i];
      const Path& b = warp.paths[k];
      const bool ready = a.state == PathState::Ready && b.state == PathState::Ready;
      if (ready && a.frame == b.frame && a.pc == b.pc && a.join == b.join) {
        a.mask |= b.mask;
        warp.paths.erase(warp.paths.begin() + static_cast<std::ptrdiff_t>(k));
      } else {
        ++k;
      }
    }
  }
}

}  // namespace softcuda::machine
