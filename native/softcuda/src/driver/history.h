// The race checker: which operations are known to be done before which begin, by streams, events, graphs, and by what
// the host has waited for. An operation that is not known to come before another one may overlap it, or come after it.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "machine/machine.h"

namespace softcuda::driver {

struct Operation;

// Operations form chains, in each of which one comes after the other; for each chain, how many are known to be done
// before.
using Known = std::vector<uint32_t>;

// What an operation knows of others.
struct History final : OperationOrder {
  uint32_t id = 0, chain = 0;
  Known known;  // with itself
  bool isBefore(uint32_t earlier, uint32_t later) const override;
  std::string describe(uint32_t operation) const override;

 private:
  bool look(uint32_t earlier) const;
};

class Histories {
 public:
  static Histories& instance();  // never destroyed

  // When the operation is submitted, after these. Gives it its history if the checker is on.
  void begin(Operation& operation, const std::vector<std::shared_ptr<Operation>>& after);
  // The host knows that the operation is done: so is all that it submits from now on.
  void hostKnows(const Operation& operation);

 private:
  friend struct History;
  struct Place {
    uint32_t chain, position;
    std::string what;
  };
  uint32_t chainFor(const Known& known);

  std::mutex mutex_;
  std::vector<Place> places_{{0, 0, ""}};  // by operation
  std::vector<uint32_t> lengths_;          // of the chains
  Known host_;
  bool waitsForMemory_ = false;  // streams wait for values in memory, too: no one can say what is not ordered
};

// The running operation reads or writes device memory. Returns an empty string, or with which other one it races.
std::string raceOf(uint64_t address, size_t bytes, bool write);

}  // namespace softcuda::driver
