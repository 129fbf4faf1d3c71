// shfl, vote, match, redux, elect, movmatrix against the text of the PTX ISA, lane by lane, at every level; groups
// with masks of their own.
#include <cstdint>
#include <vector>

#include "check.h"
#include "ops/ops.h"

using namespace softcuda::ops;

namespace {

uint64_t state = 0x2545f4914f6cdd1dull;
uint32_t next() {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}
struct alignas(64) Lanes {
  uint32_t v[kLanes];
};
struct alignas(64) Lanes64 {
  uint64_t v[kLanes];
};

std::vector<Level> levels() {
  std::vector<Level> all{Level::Scalar};
  if (bestLevel() >= Level::Avx2) all.push_back(Level::Avx2);
  if (bestLevel() >= Level::Avx512) all.push_back(Level::Avx512);
  return all;
}
Key key(Opcode op, Type type, uint32_t variant) {
  Key k{op};
  k.type = type, k.variant = variant;
  return k;
}
// Two masks that split the warp, or one for all.
void makeMasks(Lanes& masks, uint32_t* active) {
  const uint32_t split = next() % 3 == 0 ? 0xffffffffu : next();
  *active = next() % 3 == 0 ? 0xffffffffu : next() | 1;
  for (int i = 0; i < kLanes; ++i) masks.v[i] = split >> i & 1 ? split : ~split;
}

}  // namespace

TEST(shuffles) {
  for (const Level level : levels())
    for (uint32_t mode = 0; mode < 4; ++mode) {
      const LaneOp run = find(key(Opcode::Shfl, Type::B32, mode), level, nullptr);
      REQUIRE(run != nullptr);
      for (int round = 0; round < 400; ++round) {
        Lanes a, b, c, mask, d, before;
        // The forms that __shfl_*_sync makes: width w, b the same in all lanes; and anything at all.
        const uint32_t width = 1u << (next() % 6), common = next() % 40;
        for (int i = 0; i < kLanes; ++i) {
          a.v[i] = next(), mask.v[i] = 0xffffffffu, before.v[i] = next();
          b.v[i] = round % 2 ? common : next();
          c.v[i] = round % 3 ? (32 - width) << 8 | (mode == kShflUp ? 0 : 31) : next();
        }
        d = before;
        uint32_t p = next();
        const uint32_t pBefore = p, active = round % 4 ? 0xffffffffu : next();
        void* dst[2] = {d.v, round % 5 ? &p : nullptr};
        const void* src[4] = {a.v, b.v, c.v, mask.v};
        run(active, dst, src, mode);
        for (int lane = 0; lane < kLanes; ++lane) {
          const int bval = b.v[lane] & 31, cval = c.v[lane] & 31, segment = c.v[lane] >> 8 & 31;
          const int maxLane = (lane & segment) | (cval & ~segment & 31), minLane = lane & segment;
          int j = 0;
          bool in = false;
          switch (mode) {
            case kShflUp: j = lane - bval, in = j >= maxLane; break;
            case kShflDown: j = lane + bval, in = j <= maxLane; break;
            case kShflBfly: j = lane ^ bval, in = j <= maxLane; break;
            default: j = minLane | (bval & ~segment & 31), in = j <= maxLane; break;
          }
          const bool on = active >> lane & 1;
          CHECK_EQ(d.v[lane], !on ? before.v[lane] : in ? a.v[j] : a.v[lane]);
          CHECK_EQ(p >> lane & 1, on && dst[1] != nullptr ? static_cast<uint32_t>(in) : pBefore >> lane & 1);
        }
        // In place.
        Lanes same = a;
        void* to[2] = {same.v, nullptr};
        const void* from[4] = {same.v, b.v, c.v, mask.v};
        run(0xffffffffu, to, from, mode);
        void* apart[2] = {d.v, nullptr};
        run(0xffffffffu, apart, src, mode);
        for (int lane = 0; lane < kLanes; ++lane) CHECK_EQ(same.v[lane], d.v[lane]);
      }
    }
}
TEST(votes) {
  for (const Level level : levels())
    for (uint32_t mode = 0; mode < 4; ++mode) {
      const LaneOp run = find(key(Opcode::Vote, mode == kVoteBallot ? Type::B32 : Type::Pred, mode), level, nullptr);
      REQUIRE(run != nullptr);
      for (int round = 0; round < 400; ++round) {
        Lanes masks, d, before;
        uint32_t active;
        makeMasks(masks, &active);
        const uint32_t p = round % 4 == 0 ? 0 : round % 4 == 1 ? 0xffffffffu : next();
        for (int i = 0; i < kLanes; ++i) before.v[i] = next();
        d = before;
        uint32_t result = 0x5a5a5a5a;
        void* dst[1] = {mode == kVoteBallot ? static_cast<void*>(d.v) : &result};
        const void* src[2] = {&p, masks.v};
        run(active, dst, src, mode);
        for (int lane = 0; lane < kLanes; ++lane) {
          if (!(active >> lane & 1)) {
            CHECK_EQ(d.v[lane], before.v[lane]);
            CHECK_EQ(result >> lane & 1, 0x5a5a5a5au >> lane & 1);
            continue;
          }
          bool all = true, any = false;
          uint32_t ballot = 0;
          for (int other = 0; other < kLanes; ++other) {
            if (!(masks.v[lane] >> other & 1) || !(active >> other & 1)) continue;
            const bool x = p >> other & 1;
            all = all && x, any = any || x;
            ballot |= static_cast<uint32_t>(x) << other;
          }
          if (mode == kVoteBallot) CHECK_EQ(d.v[lane], ballot);
          else
            CHECK_EQ(result >> lane & 1, static_cast<uint32_t>(mode == kVoteAll   ? all
                                                               : mode == kVoteAny ? any
                                                                                  : all || !any));
        }
      }
    }
}
TEST(matches_and_reductions) {
  for (const Level level : levels())
    for (int round = 0; round < 300; ++round) {
      Lanes a, masks, d;
      Lanes64 wide;
      uint32_t active;
      makeMasks(masks, &active);
      const uint32_t spread = 1 + next() % 4;
      for (int i = 0; i < kLanes; ++i)
        a.v[i] = next() % spread, wide.v[i] = static_cast<uint64_t>(next() % spread) << 32 | 7;
      for (const bool is64 : {false, true})
        for (const bool all : {false, true}) {
          const uint32_t mode = all ? kMatchAll : kMatchAny;
          const LaneOp run = find(key(Opcode::Match, is64 ? Type::B64 : Type::B32, mode), level, nullptr);
          REQUIRE(run != nullptr);
          uint32_t p = 0;
          void* dst[2] = {d.v, &p};
          const void* src[2] = {is64 ? static_cast<const void*>(wide.v) : a.v, masks.v};
          run(active, dst, src, mode);
          for (int lane = 0; lane < kLanes; ++lane) {
            if (!(active >> lane & 1)) continue;
            uint32_t equal = 0, members = 0;
            for (int o = 0; o < kLanes; ++o) {
              if (!(masks.v[lane] & active & 1u << o)) continue;
              members |= 1u << o;
              if (is64 ? wide.v[o] == wide.v[lane] : a.v[o] == a.v[lane]) equal |= 1u << o;
            }
            CHECK_EQ(d.v[lane], !all ? equal : equal == members ? members : 0u);
            if (all) CHECK_EQ(p >> lane & 1, static_cast<uint32_t>(equal == members));
          }
        }
      for (int i = 0; i < kLanes; ++i) a.v[i] = next() << 8 ^ next();
      for (const Type t : {Type::U32, Type::S32, Type::B32})
        for (uint32_t mode = 0; mode < 6; ++mode) {
          const LaneOp run = find(key(Opcode::Redux, t, mode), level, nullptr);
          CHECK_EQ(run != nullptr, (t == Type::B32) == (mode >= kReduxAnd));
          if (run == nullptr) continue;
          void* dst[1] = {d.v};
          const void* src[2] = {a.v, masks.v};
          run(active, dst, src, mode);
          for (int lane = 0; lane < kLanes; ++lane) {
            if (!(active >> lane & 1)) continue;
            int64_t r = mode == kReduxMin ? INT64_MAX : mode == kReduxMax ? INT64_MIN : mode == kReduxAnd ? -1 : 0;
            for (int o = 0; o < kLanes; ++o) {
              if (!(masks.v[lane] & active & 1u << o)) continue;
              const int64_t x = t == Type::S32 ? int64_t{static_cast<int32_t>(a.v[o])} : int64_t{a.v[o]};
              r = mode == kReduxAdd   ? r + x
                  : mode == kReduxMin ? (x < r ? x : r)
                  : mode == kReduxMax ? (x > r ? x : r)
                  : mode == kReduxAnd ? r & x
                  : mode == kReduxOr  ? r | x
                                      : r ^ x;
            }
            CHECK_EQ(d.v[lane], static_cast<uint32_t>(r));
          }
        }
    }
}
TEST(election_active_lanes_and_transposition) {
  for (const Level level : levels()) {
    const LaneOp elect = find(key(Opcode::Elect, Type::None, 0), level, nullptr);
    const LaneOp active = find(key(Opcode::Activemask, Type::B32, 0), level, nullptr);
    const LaneOp transpose = find(key(Opcode::Movmatrix, Type::B16, 0), level, nullptr);
    REQUIRE(elect != nullptr && active != nullptr && transpose != nullptr);
    Lanes mask, d, a;
    for (int i = 0; i < kLanes; ++i) mask.v[i] = 0xfffffff0u, a.v[i] = next();
    uint32_t p = 0;
    void* dst[2] = {d.v, &p};
    const void* src[1] = {mask.v};
    elect(0xffffff00u, dst, src, 0);
    CHECK_EQ(p, 0x100u);
    CHECK_EQ(d.v[20], 8u);
    active(0x00ff00ffu, dst, src, 0);
    CHECK_EQ(d.v[17], 0x00ff00ffu);
    const void* from[1] = {a.v};
    transpose(0xffffffffu, dst, from, 0);
    for (int row = 0; row < 8; ++row)
      for (int column = 0; column < 8; ++column) {
        const auto at = [](const Lanes& m, int r, int c) { return m.v[4 * r + c / 2] >> (16 * (c % 2)) & 0xffff; };
        CHECK_EQ(at(d, row, column), at(a, column, row));
      }
  }
}

MAIN()
