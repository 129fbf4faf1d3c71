// What lanes tell each other: shfl, vote, match, redux, elect, activemask, movmatrix.
//
// A member mask is a lane's own operand. Lanes whose masks differ but which arrive together form separate groups, as
// on hardware.
#include "lanes.inl"

namespace softcuda::ops::SOFTCUDA_LEVEL {
namespace {

// Calls f(group, members) for every set of active lanes with the same mask; members are those of the mask that are
// active.
template <class F>
SOFTCUDA_INLINE void forGroups(u32 active, const u32* masks, F&& f) {
  alignas(64) u32 same[kLanes];
  for (u32 left = active; left != 0;) {
    const u32 mask = masks[__builtin_ctz(left)];
    for (int i = 0; i < kLanes; ++i) same[i] = masks[i] == mask;
    const u32 group = packBits(same) & left;
    f(group, group & mask);
    left &= ~group;
  }
}
SOFTCUDA_INLINE void spread(u32 group, u32 value, u32* out) {
  for (int i = 0; i < kLanes; ++i) out[i] = group >> i & 1 ? value : out[i];
}

template <u32 Mode>
void shfl(u32 active, void* const* dst, const void* const* src, u32) {
  const u32* a = static_cast<const u32*>(src[0]);
  const u32* b = static_cast<const u32*>(src[1]);
  const u32* c = static_cast<const u32*>(src[2]);
  alignas(64) u32 from[kLanes], in[kLanes], out[kLanes];
  for (s32 lane = 0; lane < kLanes; ++lane) {
    const s32 bval = static_cast<s32>(b[lane] & 31), cval = static_cast<s32>(c[lane] & 31),
              mask = static_cast<s32>(c[lane] >> 8 & 31);
    const s32 maxLane = (lane & mask) | (cval & ~mask), minLane = lane & mask;
    s32 j;
    bool inRange;
    if constexpr (Mode == kShflUp) j = lane - bval, inRange = j >= maxLane;
    else if constexpr (Mode == kShflDown) j = lane + bval, inRange = j <= maxLane;
    else if constexpr (Mode == kShflBfly) j = lane ^ bval, inRange = j <= maxLane;
    else j = minLane | (bval & ~mask), inRange = j <= maxLane;
    from[lane] = static_cast<u32>(inRange ? j : lane);
    in[lane] = inRange;
  }
#if defined(__AVX512F__)
  const __m512i low = _mm512_loadu_si512(a), high = _mm512_loadu_si512(a + 16);
  for (int i = 0; i < kLanes; i += 16)
    _mm512_store_si512(out + i, _mm512_permutex2var_epi32(low, _mm512_load_si512(from + i), high));
#else
  for (int i = 0; i < kLanes; ++i) out[i] = a[from[i] & 31];
#endif
  write(active, static_cast<u32*>(dst[0]), out);
  if (dst[1] != nullptr) writePredicate(active, dst[1], packBits(in));
}

template <u32 Mode>
void vote(u32 active, void* const* dst, const void* const* src, u32) {
  const u32 p = *static_cast<const u32*>(src[0]);
  const u32* masks = static_cast<const u32*>(src[1]);
  u32 result = 0;
  alignas(64) u32 out[kLanes];
  forGroups(active, masks, [&](u32 group, u32 members) {
    const u32 yes = p & members;
    if constexpr (Mode == kVoteBallot) {
      spread(group, yes, out);
    } else {
      const bool holds = Mode == kVoteAll ? yes == members : Mode == kVoteAny ? yes != 0 : yes == 0 || yes == members;
      if (holds) result |= group;
    }
  });
  if constexpr (Mode == kVoteBallot) write(active, static_cast<u32*>(dst[0]), out);
  else writePredicate(active, dst[0], result);
}

template <class U, bool All>
void match(u32 active, void* const* dst, const void* const* src, u32) {
  const U* a = static_cast<const U*>(src[0]);
  const u32* masks = static_cast<const u32*>(src[1]);
  alignas(64) u32 out[kLanes] = {};
  u32 agreed = 0;
  forGroups(active, masks, [&](u32 group, u32 members) {
    for (u32 left = group; left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      alignas(64) u32 same[kLanes];
      for (int i = 0; i < kLanes; ++i) same[i] = a[i] == a[lane];
      const u32 equal = packBits(same) & members;
      if constexpr (All) {
        out[lane] = equal == members ? members : 0u;
        agreed |= static_cast<u32>(equal == members) << lane;
      } else {
        out[lane] = equal;
      }
    }
  });
  write(active, static_cast<u32*>(dst[0]), out);
  if (All) writePredicate(active, dst[1], agreed);
}

template <class T, u32 Op>
void redux(u32 active, void* const* dst, const void* const* src, u32) {
  const u32* a = static_cast<const u32*>(src[0]);
  const u32* masks = static_cast<const u32*>(src[1]);
  alignas(64) u32 out[kLanes] = {};
  forGroups(active, masks, [&](u32 group, u32 members) {
    if (members == 0) return;
    u32 r = a[__builtin_ctz(members)];
    for (u32 left = members & (members - 1); left != 0; left &= left - 1) {
      const u32 v = a[__builtin_ctz(left)];
      if constexpr (Op == kReduxAdd) r += v;
      else if constexpr (Op == kReduxMin) r = static_cast<T>(v) < static_cast<T>(r) ? v : r;
      else if constexpr (Op == kReduxMax) r = static_cast<T>(v) > static_cast<T>(r) ? v : r;
      else if constexpr (Op == kReduxAnd) r &= v;
      else if constexpr (Op == kReduxOr) r |= v;
      else r ^= v;
    }
    spread(group, r, out);
  });
  write(active, static_cast<u32*>(dst[0]), out);
}

// The lowest member is elected.
void elect(u32 active, void* const* dst, const void* const* src, u32) {
  alignas(64) u32 out[kLanes] = {};
  u32 leaders = 0;
  forGroups(active, static_cast<const u32*>(src[0]), [&](u32 group, u32 members) {
    if (members == 0) return;
    const u32 leader = static_cast<u32>(__builtin_ctz(members));
    leaders |= 1u << leader;
    spread(group, leader, out);
  });
  if (dst[0] != nullptr) write(active, static_cast<u32*>(dst[0]), out);
  writePredicate(active, dst[1], leaders);
}
void activemask(u32 active, void* const* dst, const void* const*, u32) {
  alignas(64) u32 out[kLanes];
  for (int i = 0; i < kLanes; ++i) out[i] = active;
  write(active, static_cast<u32*>(dst[0]), out);
}
// 8x8 elements of 16 bits: lane 4*row + column/2 holds the elements column, column+1 of a row.
void movmatrix(u32 active, void* const* dst, const void* const* src, u32) {
  const u32* a = static_cast<const u32*>(src[0]);
  alignas(64) u32 out[kLanes];
  for (u32 lane = 0; lane < kLanes; ++lane) {
    const u32 row = lane / 4, column = lane % 4 * 2;
    const u32 shift = row % 2 * 16;
    out[lane] = (a[column * 4 + row / 2] >> shift & 0xffff) | (a[(column + 1) * 4 + row / 2] >> shift & 0xffff) << 16;
  }
  write(active, static_cast<u32*>(dst[0]), out);
}

LaneOp reduxOf(const Key& k) {
  const bool isSigned = k.type == Type::S32;
  if (k.type == Type::B32) {
    return k.variant == kReduxAnd   ? &redux<u32, kReduxAnd>
           : k.variant == kReduxOr  ? &redux<u32, kReduxOr>
           : k.variant == kReduxXor ? &redux<u32, kReduxXor>
                                    : nullptr;
  }
  if (!isSigned && k.type != Type::U32) return nullptr;
  switch (k.variant) {
    case kReduxAdd: return &redux<u32, kReduxAdd>;
    case kReduxMin: return isSigned ? &redux<s32, kReduxMin> : &redux<u32, kReduxMin>;
    case kReduxMax: return isSigned ? &redux<s32, kReduxMax> : &redux<u32, kReduxMax>;
    default: return nullptr;
  }
}

}  // namespace

LaneOp findWarp(const Key& k) {
  if (!only(k, kVariant)) return nullptr;
  switch (k.op) {
    case Opcode::Shfl:
      if (k.type != Type::B32) return nullptr;
      return k.variant == kShflUp     ? &shfl<kShflUp>
             : k.variant == kShflDown ? &shfl<kShflDown>
             : k.variant == kShflBfly ? &shfl<kShflBfly>
             : k.variant == kShflIdx  ? &shfl<kShflIdx>
                                      : nullptr;
    case Opcode::Vote:
      if (k.variant == kVoteBallot) return k.type == Type::B32 ? &vote<kVoteBallot> : nullptr;
      if (k.type != Type::Pred) return nullptr;
      return k.variant == kVoteAll   ? &vote<kVoteAll>
             : k.variant == kVoteAny ? &vote<kVoteAny>
             : k.variant == kVoteUni ? &vote<kVoteUni>
                                     : nullptr;
    case Opcode::Match:
      if (k.variant > kMatchAll) return nullptr;
      if (k.type == Type::B32) return k.variant == kMatchAll ? &match<u32, true> : &match<u32, false>;
      if (k.type == Type::B64) return k.variant == kMatchAll ? &match<u64, true> : &match<u64, false>;
      return nullptr;
    case Opcode::Redux: return reduxOf(k);
    case Opcode::Elect: return k.variant == 0 ? &elect : nullptr;
    case Opcode::Activemask: return k.variant == 0 && k.type == Type::B32 ? &activemask : nullptr;
    case Opcode::Movmatrix: return k.variant == 0 && k.type == Type::B16 ? &movmatrix : nullptr;
    default: return nullptr;
  }
}

}  // namespace softcuda::ops::SOFTCUDA_LEVEL
