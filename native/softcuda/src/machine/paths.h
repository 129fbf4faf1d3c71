// Where the lanes of a warp part and meet. See warp.h.
#pragma once
#include <cstdint>

#include "machine/warp.h"

namespace softcuda::machine {

struct Worker;

// The lanes of the path, which is none in warp.paths, go on at pc as a path of their own.
inline void splitOff(Warp& warp, const Path& path, uint32_t lanes, uint32_t pc, bool byBranch = false) {
  if (lanes == 0) return;
  Path& rest = warp.paths.emplace_back();
  rest.mask = lanes;
  rest.pc = pc;
  rest.frame = path.frame;
  rest.join = path.join;
  rest.direct = byBranch;
  rest.starved = path.starved;
}

// Whether lanes that have parted meet at pc, the path's among them.
inline bool meetsAt(const Path& path, uint32_t pc) {
  const Join* join = path.join;
  return join != nullptr && join->pc == pc && join->frame == path.frame && join->callee == nullptr;
}

// The join at pc of lanes that are about to part: the one that the path heads for already, or a new one for its lanes.
inline Join* joinAt(Warp& warp, const Path& path, uint32_t pc) {
  if (meetsAt(path, pc)) return path.join;
  Join* join = warp.newJoin();
  join->frame = path.frame;
  join->pc = pc;
  join->expected = path.mask;
  join->parent = path.join;
  return join;
}

// Lanes leave the joins in which they were expected, from `join` up to (not including) `end`. Those who wait for
// nobody else any more go on.
void leaveJoins(Worker& worker, Warp& warp, Join* join, uint32_t lanes, const Join* end);

// Frees a join, and the frame of the function whose return it is.
void releaseJoin(Worker& worker, Warp& warp, Join* join);

// Of a warp that cannot go on: lets lanes that wait for others at a meeting point go on without them. Returns whether
// there were any. `onlyToEnd`: only those who wait before the function's end.
bool releaseWaiting(Warp& warp, bool onlyToEnd);

// Paths that stand at the same place become one.
void mergePaths(Warp& warp);

}  // namespace softcuda::machine
