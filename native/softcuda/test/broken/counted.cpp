// What the counters say of inefficient kernels and of their better twins; see faults.cpp.
#include "broken.h"

using namespace broken;

namespace {

// Counters of a launch, by name; what the launch did is the same whatever the seed and the threads.
std::function<unsigned long long(const std::string&)> counted(
    const std::string& kernel, const Shape& shape,
    const std::function<void(const Module&, const std::string&, const Shape&)>& run) {
  const auto collect = reinterpret_cast<void (*)(int)>(driver().symbol("softcudaCollectCounters"));
  const auto last = reinterpret_cast<size_t (*)(char*, size_t)>(driver().symbol("softcudaLastCounters"));
  const auto reset = reinterpret_cast<void (*)()>(driver().symbol("softcudaResetCounters"));
  if (!collect || !last || !reset) throw Error(driver().path + " has no counters");
  collect(1);
  run(module(), kernel, shape);
  std::string json(last(nullptr, 0) + 1, ' ');
  last(&json[0], json.size());
  reset();
  CHECK(json.find('"' + kernel + '"') != std::string::npos);
  return [json](const std::string& name) {
    const size_t at = json.find('"' + name + "\": ");
    if (at == std::string::npos) throw Error("no counter " + name + " in " + json);
    return std::strtoull(json.c_str() + at + name.size() + 4, nullptr, 10);
  };
}

void expectCount(const char* what, unsigned long long got, unsigned long long expected) {
  if (got != expected)
    throw Error(std::string(what) + " are " + std::to_string(got) + ", not " + std::to_string(expected));
}

}  // namespace

TEST(count_bank_conflicts) {
  const auto run = [](const Module& m, const std::string& kernel, const Shape& shape) {
    Buffer<float> out(256);
    m.run(kernel, shape, out);
    expectEqual("sums", out.download(), [] {
      // each warp adds up four of the 32 columns: rows are constant
      std::vector<float> v(256);
      for (int t = 0; t < 256; t++) v[t] = static_cast<float>(t % 32 * 4);
      return v;
    }());
  };
  const auto broken = counted("bankConflicts", {1, 256}, run), fixed = counted("bankConflictsFixed", {1, 256}, run);
  expectCount("conflicting load wavefronts", broken("sharedLoadWavefronts"), 1024);
  expectCount("fewest load wavefronts", broken("sharedLoadWavefrontsLeast"), 32);
  expectCount("store wavefronts", broken("sharedStoreWavefronts"), 32);
  expectCount("padded load wavefronts", fixed("sharedLoadWavefronts"), 32);
  expectCount("padded store wavefronts", fixed("sharedStoreWavefronts"), 32);
  expectCount("barriers", fixed("barriers"), 1);
}

TEST(count_uncoalesced) {
  const auto run = [](const Module& m, const std::string& kernel, const Shape& shape) {
    Buffer<float> in(std::vector<float>(8192, 1)), out(256);
    m.run(kernel, shape, in, out);
    expectEqual("sums", out.download(), std::vector<float>(256, 32));
  };
  const auto broken = counted("uncoalesced", {2, 128}, run), fixed = counted("uncoalescedFixed", {2, 128}, run);
  expectCount("sectors, uncoalesced", broken("globalLoadSectors"), 8 * 32 * 32);
  expectCount("fewest sectors, uncoalesced", broken("globalLoadSectorsLeast"), 8 * 32 * 4);
  expectCount("sectors", fixed("globalLoadSectors"), 8 * 32 * 4);
  expectCount("fewest sectors", fixed("globalLoadSectorsLeast"), 8 * 32 * 4);
  expectCount("bytes loaded", fixed("globalLoadBytes"), 8192 * 4);
  expectCount("stored sectors", fixed("globalStoreSectors"), 8 * 4);
}

TEST(count_divergence) {
  const auto run = [](int split) {
    return [split](const Module& m, const std::string& kernel, const Shape& shape) {
      Buffer<float> out(64);
      m.run(kernel, shape, out, split);
    };
  };
  CHECK(counted("divergent", {1, 64}, run(2))("divergentBranches") > 0);
  expectCount("divergent branches", counted("divergent", {1, 64}, run(1))("divergentBranches"), 0);
}
