package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.library.Library.BatchNorm;
import io.resfuse.tensor.Shape;

/** The descriptors of a batch norm of NHWC tensors without gaps. */
public final class BatchNormDescriptors implements AutoCloseable {
  private final DnnObjects owned = new DnnObjects();
  private final TensorDescriptor tensor;
  private final TensorDescriptor channels;
  private final ActivationDescriptor activation;

  /**
   * Describes a batch norm.
   *
   * @param type how tensors are stored
   * @param norm which
   * @throws io.resfuse.engine.EngineException if cuDNN does not take it
   */
  public BatchNormDescriptors(DnnType type, BatchNorm norm) {
    Shape shape = Shape.of(norm.images(), norm.channels(), norm.height(), norm.width());
    boolean done = false;
    try {
      this.tensor = owned.own(new TensorDescriptor(type, shape, norm.channels()));
      this.channels = owned.own(TensorDescriptor.ofChannels(tensor));
      this.activation = owned.own(new ActivationDescriptor(norm.relu()));
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /**
   * What is normalised, what comes out, and their gradients.
   *
   * @return not to be closed
   */
  public TensorDescriptor tensor() {
    return tensor;
  }

  /**
   * What is kept per channel, as cuDNN derives it from the tensor.
   *
   * @return not to be closed
   */
  public TensorDescriptor channels() {
    return channels;
  }

  ActivationDescriptor activation() {
    return activation;
  }

  /** Destroys them. Idempotent. */
  @Override
  public void close() {
    owned.close();
  }
}
