package io.resfuse.engine;

import java.nio.ByteBuffer;

/**
 * The processes that train one network together, as one of them sees them. All make the same calls
 * in the same order. One owner: not thread-safe.
 */
public interface Communicator {
  /** A process that trains alone. */
  Communicator ALONE =
      new Communicator() {
        @Override
        public int rank() {
          return 0;
        }

        @Override
        public int size() {
          return 1;
        }

        @Override
        public void exchange(ByteBuffer[] sent, ByteBuffer[] received) {}
      };

  /**
   * The number of this process.
   *
   * @return 0 to size - 1, each once
   */
  int rank();

  /**
   * The number of processes.
   *
   * @return a power of two
   */
  int size();

  /**
   * Sends bytes to each other process and receives bytes from each; returns when all were sent and
   * received.
   *
   * @param sent by the number of the process that gets them, from position to limit, which it moves
   *     there; what is this process's own is left alone
   * @param received by the number of the process that sent them, filled from position to limit, as
   *     many as that one sends
   * @throws EngineException if one is gone, does not answer, or sends something else
   */
  void exchange(ByteBuffer[] sent, ByteBuffer[] received);
}
