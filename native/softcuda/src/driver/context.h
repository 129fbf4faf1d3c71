// Contexts, streams and events.
#pragma once
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "driver/call.h"
#include "driver/handles.h"
#include "driver/peers.h"
#include "driver/scheduler.h"
#include "driver/work.h"

namespace softcuda::driver {

struct Capture;
struct GraphNode;
struct Record;

struct Stream {
  CUstream handle = nullptr;
  std::weak_ptr<Context> context;
  unsigned flags = CU_STREAM_DEFAULT;
  int priority = 0;
  uint64_t id = 0;
  bool legacy = false;
  std::map<int, CUlaunchAttributeValue> attributes;  // what was set, by id; guarded by the context's `order`

  // Guarded by the context's `order`:
  OperationPtr tail;                 // the last thing submitted
  std::shared_ptr<Capture> capture;  // while capturing
  std::vector<GraphNode*> frontier;  // what the next captured node comes after

  // A stream that waits for the legacy default stream, and the other way round.
  bool blocking() const { return !legacy && (flags & CU_STREAM_NON_BLOCKING) == 0; }
};

struct Event {
  CUevent handle = nullptr;
  std::weak_ptr<Context> context;
  unsigned flags = CU_EVENT_DEFAULT;

  std::mutex mutex;
  OperationPtr recorded;             // the last cuEventRecord outside of captures
  std::shared_ptr<Capture> capture;  // last recorded in a capturing stream, after these nodes
  std::vector<GraphNode*> captured;
};

class Context : public std::enable_shared_from_this<Context> {
 public:
  static std::shared_ptr<Context> create(unsigned flags, bool primary, int device);
  Context(unsigned flags, bool primary, int device);

  CUcontext handle() const { return handle_; }
  uint64_t id() const { return id_; }
  bool primary() const { return primary_; }
  int device() const { return peers_->self().device; }
  const std::shared_ptr<Peers>& peers() const { return peers_; }
  const std::shared_ptr<Fault>& fault() const { return fault_; }
  bool destroyed() const { return destroyed_.load(std::memory_order_acquire); }

  // The stream that a handle means for the calling thread: null and the special values stand for the default streams.
  // Throws INVALID_HANDLE for one that does not exist or belongs to another context.
  std::shared_ptr<Stream> stream(CUstream handle);
  std::shared_ptr<Stream> createStream(unsigned flags, int priority);
  void forget(const std::shared_ptr<Stream>& stream);  // cuStreamDestroy: its work still counts for synchronize()

  // Does the work in the stream's order: submits it, or adds a node to the graph that the stream is capturing.
  // Throws STREAM_CAPTURE_IMPLICIT for the legacy stream while a stream that it waits for is capturing.
  // Returns the operation; null if the work was captured.
  OperationPtr enqueue(Stream& stream, Work work);
  // The same for something that cannot be captured. `after` are operations that it comes after besides.
  OperationPtr submit(Stream& stream, const OperationPtr& operation, std::vector<OperationPtr> after = {});
  // Takes the stream for several operations at once: `build` submits them after the operation that it is given and
  // returns those that end them; the stream goes on after these.
  void submitGroup(Stream& stream, std::vector<OperationPtr> after,
                   const std::function<std::vector<OperationPtr>(const OperationPtr&)>& build);
  // What has to end for the stream to be idle (for the legacy stream: the streams that it waits for too); may be null.
  OperationPtr join(Stream& stream);
  // Runs the body on the calling thread, in the stream's order (synchronous copies). Throws its error.
  void runHere(Stream& stream, std::function<CUresult()> body);
  // All that the context does from now on in streams that its legacy stream waits for comes after the operation.
  void comeAfter(const OperationPtr& operation);

  void synchronize();  // waits for all of the context's work; throws the sticky error
  void waitIdle();     // the same without the error
  void destroy();      // waits, reports leaks, frees everything

  // Reports what contexts hold that the process leaves without destroying them (SOFTCUDA_CHECK=leak).
  static void reportLeaksAtExit();

  // All operations after which the context is idle.
  std::vector<OperationPtr> tails();

  std::mutex order;  // streams' tails and capture states
  std::atomic<unsigned> flags;
  std::array<std::atomic<size_t>, 7> limits;
  std::atomic<int> cacheConfig{CU_FUNC_CACHE_PREFER_NONE};
  std::atomic<int> sharedConfig{CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE};

 private:
  void submitLocked(Stream& stream, const OperationPtr& operation, std::vector<OperationPtr> after);
  void addOrder(Stream& stream, std::vector<OperationPtr>& after);
  void refuseIfImplicit(const Stream& stream);
  void reportLeaks(const std::vector<Record>& left) const;

  CUcontext handle_ = nullptr;
  uint64_t id_ = 0;
  bool primary_ = false;
  std::shared_ptr<Peers> peers_;
  std::shared_ptr<Fault> fault_;
  std::atomic<bool> destroyed_{false};
  std::shared_ptr<Stream> legacy_;
  std::vector<std::shared_ptr<Stream>> streams_;                  // created ones; guarded by order
  std::map<std::thread::id, std::shared_ptr<Stream>> perThread_;  // guarded by order
  std::vector<OperationPtr> orphans_;                             // unfinished work of destroyed blocking streams
  std::vector<OperationPtr> orphansNonBlocking_;
};

// Handle tables.
Handles<CUcontext, Context>& contexts();
Handles<CUstream, Stream>& streams();
Handles<CUevent, Event>& events();

// The event of a handle; throws INVALID_HANDLE.
std::shared_ptr<Event> findEvent(CUevent handle);

// While one lives, a null stream means the calling thread's own default stream (the _ptsz and _ptds functions).
class PerThreadDefault {
 public:
  PerThreadDefault() : before_(active()) { active() = true; }
  ~PerThreadDefault() { active() = before_; }
  static bool& active() {
    thread_local bool value = false;
    return value;
  }

 private:
  bool before_;
};

}  // namespace softcuda::driver
