package io.resfuse.engine;

import java.util.Locale;

/**
 * In what an engine stores activations and multiplies. Sums, batch-norm statistics and master
 * weights are float32 in all of them (float64 in {@link #FP64}) but {@link #INT8}.
 */
public enum Precision {
  /** Double precision; the reference engine's. */
  FP64,
  /** True single precision. */
  FP32,
  /** Single-precision storage, products of TF32 inputs. NVIDIA GPUs only. */
  TF32,
  /** bfloat16 storage and products. */
  BF16,
  /** IEEE half storage and products. */
  FP16,
  /**
   * Integers of 8 bits, their exact products and sums in 32 bits, and float32 between sum and
   * result: for inference with {@link Quantization quantised weights} only.
   */
  INT8;

  /**
   * A precision by its name in any case.
   *
   * @param name {@code fp32}, {@code bf16}, ...
   * @return the precision
   * @throws IllegalArgumentException that lists the names if there is none of that name
   */
  public static Precision parse(String name) {
    for (Precision precision : values()) {
      if (precision.name().equalsIgnoreCase(name)) {
        return precision;
      }
    }
    throw new IllegalArgumentException(
        "no precision '" + name + "'; there are fp64, fp32, tf32, bf16, fp16 and int8");
  }

  /** The name in lower case, as options write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
