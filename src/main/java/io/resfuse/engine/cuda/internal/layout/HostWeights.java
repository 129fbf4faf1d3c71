package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** Conversions of weights on the host, between the parameters' order and the kernels'. */
public final class HostWeights {
  private HostWeights() {}

  /** Takes an element of the kernels' layout. */
  public interface Sink {
    void put(int element, float value);
  }

  /** Where an element of the parameter goes. */
  private interface Visitor {
    void visit(int parameterIndex, int kernelIndex);
  }

  /**
   * Writes a parameter in the kernels' order; the padding is not written.
   *
   * @param shape (out, in / groups, rows, columns), or (out, in)
   */
  public static void pack(WeightLayout layout, Shape shape, FloatBuffer parameter, Sink target) {
    visit(layout, shape, (from, to) -> target.put(to, parameter.get(from)));
  }

  /** The same for integers. */
  public static void pack(WeightLayout layout, Shape shape, byte[] parameter, ByteBuffer target) {
    visit(layout, shape, (from, to) -> target.put(to, parameter[from]));
  }

  /** Reads a parameter from the kernels' order. */
  public static void unpack(
      WeightLayout layout, Shape shape, FloatBuffer packed, FloatBuffer parameter) {
    visit(layout, shape, (to, from) -> parameter.put(to, packed.get(from)));
  }

  private static void visit(WeightLayout layout, Shape shape, Visitor visitor) {
    int outputs = shape.dimension(0);
    int channels = shape.dimension(1);
    int kernel = layout.kernel();
    int at = 0;
    for (int o = 0; o < outputs; o++) {
      for (int i = 0; i < channels; i++) {
        for (int r = 0; r < kernel; r++) {
          for (int s = 0; s < kernel; s++) {
            visitor.visit(at++, layout.index(o, i, r, s));
          }
        }
      }
    }
  }
}
