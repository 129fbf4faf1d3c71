#include <numeric>

#include "../support/test.h"

using namespace test;

TEST(locks_spin) {
  Module m("locks");
  auto counter = Buffer<int>::zeros(1);
  m.run("spinLock", {4, 64}, counter, 5);
  expectEqual<int>("counter", counter.download(), {4 * 64 * 5});
  Buffer<int> out(1);
  m.run("spinLockInShared", {1, 96}, out);
  expectEqual<int>("shared", out.download(), {96});
}

TEST(locks_chain) {
  Module m("locks");
  auto flags = Buffer<int>::zeros(96);
  Buffer<int> out(96);
  m.run("chainOfLanes", {1, 96}, flags, out);
  std::vector<int> expected(96);
  for (int i = 0; i < 96; i++) expected[i] = 96 - i;
  expectEqual("chain", out.download(), expected);
}

TEST(locks_ticket) {
  Module m("locks");
  auto next = Buffer<unsigned>::zeros(1), serving = Buffer<unsigned>::zeros(1);
  auto log = Buffer<int>::zeros(128), position = Buffer<int>::zeros(1);
  m.run("ticketLock", {2, 64}, next, serving, log, position);
  std::vector<int> expected(128);
  std::iota(expected.begin(), expected.end(), 0);
  expectEqual("order", log.download(), expected);
}

TEST(locks_producer_consumer) {
  Module m("locks");
  const auto values = randomIntegers<int>(100, 0, 1000);
  Buffer<int> in(values), out(100);
  std::vector<int> expected(100);
  m.run("producerConsumer", {1, 64}, in, out, 100);
  for (int i = 0; i < 100; i++) expected[i] = 2 * values[i];
  expectEqual("two warps", out.download(), expected);
  m.run("producerConsumerOneWarp", {1, 32}, in, out, 100);
  for (int i = 0; i < 100; i++) expected[i] = values[i] + 1;
  expectEqual("one warp", out.download(), expected);
}

TEST(locks_semaphore) {
  Module m("locks");
  auto most = Buffer<int>::zeros(1), inside = Buffer<int>::zeros(1), out = Buffer<int>::zeros(1);
  m.run("semaphores", {1, 64}, most, inside, out);
  CHECK(most.download()[0] >= 1 && most.download()[0] <= 3);
  expectEqual<int>("inside", inside.download(), {0});
  expectEqual<int>("sum", out.download(), {64 * 63 / 2});
}
