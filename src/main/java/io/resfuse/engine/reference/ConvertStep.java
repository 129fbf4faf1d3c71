package io.resfuse.engine.reference;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Operation.Convert;
import org.jspecify.annotations.Nullable;

/** The same value in another encoding, or as reals, or a copy; for inference. */
final class ConvertStep implements Step {
  private final Tensor in;
  private final Tensor out;
  private final @Nullable Encoding from;
  private final @Nullable Encoding to;

  ConvertStep(Convert operation, Workspace workspace) {
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
    this.from = workspace.encoding(operation.input());
    this.to = workspace.encoding(operation.output());
  }

  @Override
  public void forward(boolean training) {
    if (from == null && to != null) {
      encode(in.data, out.data, to);
    } else if (from != null && to == null) {
      decode(in.data, out.data, from);
    } else {
      System.arraycopy(in.data, 0, out.data, 0, in.data.length);
    }
  }

  static void encode(double[] reals, double[] integers, Encoding encoding) {
    for (int i = 0; i < reals.length; i++) {
      integers[i] = encoding.encode((float) reals[i]);
    }
  }

  static void decode(double[] integers, double[] reals, Encoding encoding) {
    for (int i = 0; i < reals.length; i++) {
      reals[i] = encoding.decode((int) integers[i]);
    }
  }

  @Override
  public void backward() {
    throw new AssertionError("int8 is for inference");
  }
}
