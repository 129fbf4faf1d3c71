// Which memory a context may access: that of its own device, the host's, and what other devices have opened to it.
#pragma once
#include <cstdint>
#include <mutex>
#include <set>
#include <string>

#include "driver/abi.h"
#include "machine/machine.h"

namespace softcuda::driver {

// Of one context, which it outlives: operations hold it. Thread-safe.
class Peers final : public Reach {
 public:
  explicit Peers(const Owner& self) : self_(self) {}
  const Owner& self() const { return self_; }

  void enable(uint64_t context);   // throws PEER_ACCESS_ALREADY_ENABLED
  void disable(uint64_t context);  // throws PEER_ACCESS_NOT_ENABLED

  std::string whyNot(const Allocation& allocation) const override;
  // The same of the memory at an address; empty for memory that is unknown.
  std::string whyNot(uint64_t address) const;

 private:
  const Owner self_;
  mutable std::mutex mutex_;
  std::set<uint64_t> enabled_;  // ids of contexts
};

// Bytes that copies have moved from one device to another, through peer access or not.
void countPeerCopy(int from, int to, uint64_t bytes);
uint64_t peerCopyBytes(int from, int to);

}  // namespace softcuda::driver
