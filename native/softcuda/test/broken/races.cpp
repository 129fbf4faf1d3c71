// What the race checker finds; see faults.cpp.
#include "broken.h"

using namespace broken;

TEST(race_missing_barrier) {
  race("missingBarrier", {place("missingBarrier"), place("missingBarrier", "WRITE")}, kFromInToOut);
}

TEST(race_missing_second_barrier) {
  race("missingSecondBarrier", {}, [](const Module& m, const std::string& kernel) {
    Buffer<int> in(numbers(128)), out(128);
    return launch(m, kernel, {1, 128}, in, out, 5);
  });
}

TEST(race_two_writers) { race("writeWrite", {place("writeWrite")}, kToOut); }
TEST(race_plain_count) { race("plainCount", {place("plainCount")}, kToOut); }
TEST(race_double_arrival) { race("doubleArrival", {place("doubleArrival")}, kFromInToOut); }

TEST(race_others_copies) {
  race("othersCopies", {place("othersCopies")}, [](const Module& m, const std::string& kernel) {
    Buffer<int> in(numbers(256)), out(256);
    return launch(m, kernel, {1, 64}, in, out);
  });
}

TEST(race_with_copies) {
  const Launcher launcher = [](const Module& m, const std::string& kernel) {
    Buffer<int> in(numbers(512)), out(1024);
    return launch(m, kernel, {1, 128}, in, out);
  };
  for (const char* kernel : {"storeUnderCopy", "loadUnderCopy", "copyOverCopy"})
    race(kernel, {place(kernel), place("whileCopying", "COPY"), "cp.async"}, launcher);
}

TEST(race_unseen_mbarrier) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  found("unseenBarrier", {"unseenBarrier", place("unseenBarrier"), "mbarrier", "initialis"}, kToOut);
}

TEST(race_same_value) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  inContext([] {
    Buffer<int> out(128);
    const Outcome o = launch(module(), "sameFlag", {1, 128}, out, 1);
    CHECK(o.result == CUDA_SUCCESS);
    expectReport(o, {"note: ", "the same value", "sameFlag", place("sameFlag")});
    expectEqual("out", out.download(), std::vector<int>(128, 1));
  });
  inContext([] {
    Buffer<int> out(128);
    const Outcome o = launch(module(), "sameFlag", {1, 128}, out, 2);
    CHECK(o.result != CUDA_SUCCESS);
    expectReport(o, {"race", "sameFlag", place("sameFlag")});
  });
}

TEST(race_none) {
  expectClean(kToOut(module(), "bytesOfOneWord"));
  expectClean(kFromInToOut(module(), "orderedOtherwise"));
}

namespace {

// The broken kernel is told to be wrong by its last argument.
void globalRace(const std::string& kernel, const std::vector<std::string>& places, int wrong, int right,
                const std::function<Outcome(const Module&, int)>& launcher) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  inContext([&] { expectClean(launcher(module(), right)); });
  inContext([&] {
    const Outcome o = launcher(module(), wrong);
    if (o.result == CUDA_SUCCESS) throw Error(kernel + " was not found out");
    std::vector<std::string> parts = {kernel, "race on global memory", "another block", "by block ("};
    parts.insert(parts.end(), places.begin(), places.end());
    expectReport(o, parts);
  });
}

}  // namespace

TEST(race_between_blocks) {
  globalRace("blocksOverlap", {place("blocksOverlap")}, 1, 0, [](const Module& m, int beyond) {
    Buffer<int> in(numbers(1024)), out(1024);
    return launch(m, "blocksOverlap", {8, 64}, in, out, beyond);
  });
  globalRace("blocksRead", {place("blocksRead")}, 1, 0, [](const Module& m, int neighbour) {
    auto data = Buffer<int>::zeros(512);
    return launch(m, "blocksRead", {8, 64}, data, neighbour);
  });
  globalRace("blocksCount", {place("blocksCount")}, 0, 1, [](const Module& m, int atomic) {
    auto count = Buffer<int>::zeros(1);
    return launch(m, "blocksCount", {8, 64}, count, atomic);
  });
}

TEST(race_last_block) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  found("lastBlockSums", {"race on global memory", place("lastBlockSums"), "by block ("},
        [](const Module& m, const std::string& kernel) {
          Buffer<int> in(numbers(64)), parts(512), out(64);
          auto done = Buffer<unsigned>::zeros(1);
          const Outcome o = launch(m, kernel, {8, 64}, in, parts, done, out);
          if (o.result != CUDA_SUCCESS) return o;
          std::vector<int> expected(64);
          for (int i = 0; i < 64; i++) expected[i] = 8 * i + 28;
          expectEqual("sums", out.download(), expected);
          return o;
        });
}

TEST(race_blocks_same_value) {
  if (!checking("race")) throw Error("run this with SOFTCUDA_CHECK=race");
  for (int same : {1, 0})
    inContext([same] {
      auto flag = Buffer<int>::zeros(1);
      const Outcome o = launch(module(), "blocksFlag", {8, 64}, flag, same);
      CHECK((o.result == CUDA_SUCCESS) == (same == 1));
      if (same) expectReport(o, {"note: ", "the same value", place("blocksFlag")});
      else expectReport(o, {"race on global memory", place("blocksFlag")});
    });
}
