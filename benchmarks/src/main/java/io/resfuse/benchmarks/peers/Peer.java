package io.resfuse.benchmarks.peers;

/** A library that does a {@link PeerTask}. Used by one thread of a process of its own. */
interface Peer extends AutoCloseable {
  /** Name and version. */
  String describe();

  /** Makes ready; what fails is thrown. Runs nothing of the task. */
  void prepare(PeerTask task) throws Exception;

  /** One batch through the network, or one training step. Everything is done when it returns. */
  void iterate() throws Exception;

  /** The logits of the last iteration. */
  float[] answer();

  @Override
  void close();
}
