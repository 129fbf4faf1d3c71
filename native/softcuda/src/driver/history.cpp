#include "driver/history.h"

#include <algorithm>

#include "driver/allocation.h"
#include "driver/api.h"
#include "driver/report.h"
#include "driver/scheduler.h"

namespace softcuda::driver {
namespace {

void join(Known& into, const Known& from) {
  if (into.size() < from.size()) into.resize(from.size(), 0);
  for (size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

uint32_t at(const Known& known, size_t chain) { return chain < known.size() ? known[chain] : 0; }

}  // namespace

Histories& Histories::instance() {
  static auto* const one = new Histories();
  return *one;
}

// One whose last operation is known, which the new one can follow; or a new one.
uint32_t Histories::chainFor(const Known& known) {
  for (uint32_t i = 0; i < lengths_.size(); ++i) {
    if (at(known, i) == lengths_[i]) return i;
  }
  lengths_.push_back(0);
  return static_cast<uint32_t>(lengths_.size() - 1);
}

void Histories::begin(Operation& operation, const std::vector<OperationPtr>& after) {
  if (!checksFor("race")) return;
  std::lock_guard lock(mutex_);
  auto history = std::make_shared<History>();
  history->known = host_;
  for (const OperationPtr& before : after) {
    if (before != nullptr && before->history != nullptr) join(history->known, before->history->known);
  }
  history->chain = chainFor(history->known);
  history->id = static_cast<uint32_t>(places_.size());
  const uint32_t position = ++lengths_[history->chain];
  if (history->known.size() <= history->chain) history->known.resize(history->chain + 1, 0);
  history->known[history->chain] = position;
  places_.push_back({history->chain, position, operation.what});
  waitsForMemory_ = waitsForMemory_ || operation.lane == Lane::Poll;
  operation.history = std::move(history);
}

void Histories::hostKnows(const Operation& operation) {
  if (operation.history == nullptr) return;
  std::lock_guard lock(mutex_);
  join(host_, operation.history->known);
}

bool History::isBefore(uint32_t earlier, uint32_t later) const {
  struct Answer {
    uint32_t earlier = 0, later = 0;
    bool isBefore = false;
  };
  thread_local Answer last;  // word for word the same question
  if (last.earlier != earlier || last.later != later) last = {earlier, later, look(earlier)};
  return last.isBefore;
}

bool History::look(uint32_t earlier) const {
  Histories& all = Histories::instance();
  std::lock_guard lock(all.mutex_);
  if (all.waitsForMemory_ || earlier >= all.places_.size()) return true;
  const Histories::Place& place = all.places_[earlier];
  return at(known, place.chain) >= place.position;
}

std::string History::describe(uint32_t operation) const {
  Histories& all = Histories::instance();
  std::lock_guard lock(all.mutex_);
  const std::string what = operation < all.places_.size() ? all.places_[operation].what : "";
  return what.empty() ? "another operation" : what;
}

std::string raceOf(uint64_t address, size_t bytes, bool write) {
  const Operation* running = Scheduler::running();
  if (running == nullptr || running->history == nullptr) return "";
  return memory().access(address, bytes, write, running->history->id, *running->history);
}

}  // namespace softcuda::driver
