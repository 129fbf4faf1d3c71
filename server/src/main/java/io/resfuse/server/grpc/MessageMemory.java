package io.resfuse.server.grpc;

import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import io.resfuse.server.inference.BodyMemory;
import io.resfuse.server.inference.InferenceService;
import io.resfuse.server.protocol.ServiceException;

/**
 * What the messages of one call take of the memory of all: as they come, not once they are whole,
 * so that slow senders of large messages cannot use up the heap either. A call for which there is
 * none is ended by gRPC's library, which tells the client that it was cancelled; one whose message
 * is too large when it is unpacked is refused with a reason. Thread-safe.
 */
final class MessageMemory extends ServerStreamTracer {
  private static final Context.Key<MessageMemory> KEY = Context.key("resfuse-message-memory");

  private final BodyMemory memory;
  private final InferenceService service;
  private long taken;
  private boolean closed;

  private MessageMemory(BodyMemory memory, InferenceService service) {
    this.memory = memory;
    this.service = service;
  }

  static Factory factory(BodyMemory memory, InferenceService service) {
    return new Factory() {
      @Override
      public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
        return new MessageMemory(memory, service);
      }
    };
  }

  /** That of the call which runs on this thread. */
  static MessageMemory current() {
    return KEY.get();
  }

  @Override
  public Context filterContext(Context context) {
    return context.withValue(KEY, this);
  }

  /** Called as parts of a message come, packed as they are. */
  @Override
  public void inboundWireSize(long bytes) {
    try {
      take(bytes);
    } catch (ServiceException e) {
      throw Status.RESOURCE_EXHAUSTED
          .withDescription(service.refuse(e).getMessage())
          .asRuntimeException();
    }
  }

  /**
   * The message is read: it takes what it is unpacked.
   *
   * @throws ServiceException if that is more than there is
   */
  synchronized void isRead(long bytes) {
    if (bytes > taken) {
      take(bytes - taken);
    }
  }

  private synchronized void take(long bytes) {
    if (!closed) {
      memory.take(bytes);
      taken += bytes;
    }
  }

  @Override
  public synchronized void streamClosed(Status status) {
    closed = true;
    memory.free(taken);
    taken = 0;
  }
}
