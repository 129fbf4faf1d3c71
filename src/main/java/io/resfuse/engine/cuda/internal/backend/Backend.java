package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Layouts;

/**
 * Who runs the convolutions of plans and, in training, the batch norms after them; everything else
 * is the same, whoever does. A backend says how weights lie and adds its steps to programs.
 * Thread-safe.
 */
public interface Backend {
  /**
   * How the weights of a network's convolutions and linear layers lie.
   *
   * @param network all of it
   * @param type of the tensors
   * @param narrowImage whether an image may be padded to fewer channels than other tensors
   */
  Layouts layouts(NetworkSpec network, ElementType type, boolean narrowImage);

  /**
   * Whether weights for inference come multiplied by the scales of their results, which are 1 then.
   */
  boolean foldsScales();

  /** Whether steps must run once before they can be recorded in a graph. */
  boolean warmsUp();

  /** The convolutions of an inference program; to be closed. */
  InferenceConvolutions inference(Emission emission);

  /** The convolutions and batch norms of a training program; to be closed. */
  TrainingConvolutions training(TrainingState state);
}
