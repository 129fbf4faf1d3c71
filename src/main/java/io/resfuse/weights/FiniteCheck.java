package io.resfuse.weights;

import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.WeightsException;
import java.nio.FloatBuffer;
import java.util.Map;

/** Finds NaN and infinite elements at the speed of memory. */
final class FiniteCheck {
  private static final int EXPONENT = 0x7f800000;
  private static final int CHUNK = 4096;

  private FiniteCheck() {}

  /** The index of the first element that is not finite, or -1. */
  static int firstNonFinite(HostTensor tensor) {
    FloatBuffer elements = tensor.buffer();
    float[] chunk = new float[Math.min(CHUNK, elements.capacity())];
    for (int at = 0; at < elements.capacity(); at += CHUNK) {
      int count = Math.min(CHUNK, elements.capacity() - at);
      elements.get(at, chunk, 0, count);
      if (anyNonFinite(chunk, count)) {
        for (int i = 0; i < count; i++) {
          if (!Float.isFinite(chunk[i])) {
            return at + i;
          }
        }
      }
    }
    return -1;
  }

  /** An exponent of all ones carries into the sign; no branch, so that it is vectorised. */
  private static boolean anyNonFinite(float[] values, int count) {
    int signs = 0;
    for (int i = 0; i < count; i++) {
      signs |= (Float.floatToRawIntBits(values[i]) & EXPONENT) + 0x00800000;
    }
    return signs < 0;
  }

  /**
   * Refuses NaN and infinite elements; looks at the tensors in parallel.
   *
   * @param what the message's beginning, for example the file
   */
  static void require(String what, Map<String, HostTensor> tensors) {
    tensors.entrySet().parallelStream()
        .map(
            entry -> {
              int index = firstNonFinite(entry.getValue());
              return index < 0
                  ? ""
                  : entry.getKey() + "[" + index + "] is " + entry.getValue().get(index);
            })
        .filter(fault -> !fault.isEmpty())
        .findFirst()
        .ifPresent(
            fault -> {
              throw new WeightsException(
                  what
                      + ": parameter "
                      + fault
                      + "; weights must be finite: use an earlier checkpoint");
            });
  }
}
