package io.resfuse.verify;

import java.util.Locale;

/** How much of a network a case runs at once. */
public enum Level {
  /** One fused operation. */
  OPERATION,
  /** One fused operation of a size at which a kernel's loops and tails run: {@link EdgeCases}. */
  EDGES,
  /** The operations between two ends of residual blocks, a stem or a head. */
  BLOCK,
  /** All of it. */
  NETWORK,
  /** A small network, trained in other ways than all others are. */
  TRAINING;

  /** The name in lower case, as options write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
