package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.program.Buffer;
import org.jspecify.annotations.Nullable;

/**
 * A value as those who read it find it: a tensor, or a convolution's raw result that the reader
 * normalises on the way in.
 *
 * @param tensor where it lies
 * @param affine what is still to be done to it; null if nothing
 */
public record Operand(Buffer tensor, @Nullable Affine affine) {
  /**
   * Per channel {@code x * scale + bias}, perhaps rectified.
   *
   * @param scale floats
   * @param bias floats
   * @param relu whether max(0, x) ends it
   */
  public record Affine(Buffer scale, Buffer bias, boolean relu) {
    int rectifies() {
      return relu ? 1 : 0;
    }
  }

  public static Operand plain(Buffer tensor) {
    return new Operand(tensor, null);
  }

  @Nullable Buffer scale() {
    return affine == null ? null : affine.scale();
  }

  @Nullable Buffer bias() {
    return affine == null ? null : affine.bias();
  }

  /** 1 if it ends with a ReLU that is still to be done. */
  int rectifies() {
    return affine == null ? 0 : affine.rectifies();
  }
}
