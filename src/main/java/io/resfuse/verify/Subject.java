package io.resfuse.verify;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;

/**
 * One side of a comparison.
 *
 * @param engine what runs; its owner closes it
 * @param precision in what
 */
public record Subject(Engine engine, Precision precision) {
  /**
   * The relative error of rounding once to what the engine stores.
   *
   * @return half the distance between 1 and the next number, 2^-24 for fp32
   */
  double unit() {
    return switch (precision) {
      case FP64 -> 0x1p-53;
      case FP32 -> 0x1p-24;
      case TF32, FP16 -> 0x1p-11;
      case BF16, INT8 -> 0x1p-8;
    };
  }

  /** The same engine in another precision. */
  Subject in(Precision other) {
    return new Subject(engine, other);
  }

  /** Engine, device and precision. */
  @Override
  public String toString() {
    return engine.name() + " in " + precision + " on " + engine.description();
  }
}
