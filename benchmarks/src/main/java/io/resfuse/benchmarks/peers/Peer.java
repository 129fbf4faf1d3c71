package io.resfuse.benchmarks.peers;

import java.util.Map;
import java.util.function.Supplier;

/** A library that does a {@link Workload}. Used by one thread of a process of its own. */
public interface Peer extends AutoCloseable {
  /** All peers by name. */
  Map<String, Supplier<Peer>> ALL =
      Map.of(
          "resfuse", ResFusePeer::new,
          "onnxruntime", OnnxRuntimePeer::new,
          "libtorch", () -> new LibTorchPeer(true),
          "libtorch-contiguous", () -> new LibTorchPeer(false),
          "djl", DjlPeer::new);

  /** Name and version. */
  String describe();

  /** Why it cannot do the workload, or null. */
  default String refuses(Workload workload) {
    return null;
  }

  void prepare(Workload workload) throws Exception;

  /** One batch through the network, or one training step. Everything is done when it returns. */
  void iterate() throws Exception;

  /**
   * What to check before anything is timed: the logits, or for training the loss of the first
   * iteration.
   */
  float[] answer() throws Exception;

  @Override
  void close();
}
