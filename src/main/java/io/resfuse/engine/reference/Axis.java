package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.Window;

/**
 * Rows or columns under a sliding window: output position {@code o} meets, with tap {@code t},
 * input position {@code o stride + t dilation - padding}, if that lies in the image.
 */
record Axis(int inputSize, int outputSize, Window window) {
  /** The input position, perhaps outside the image. */
  int input(int output, int tap) {
    return output * window.stride() + tap * window.dilation() - window.padding();
  }

  /** The first output position whose input position with this tap is at least 0. */
  int first(int tap) {
    int before = -input(0, tap);
    return before <= 0 ? 0 : (before + window.stride() - 1) / window.stride();
  }

  /** One more than the last output position whose input position with this tap is in the image. */
  int end(int tap) {
    int room = inputSize - 1 - input(0, tap);
    return room < 0 ? 0 : Math.min(outputSize, room / window.stride() + 1);
  }
}
