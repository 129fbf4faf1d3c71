package io.resfuse.data.image;

import java.util.Locale;

/** How the JPEGs are decoded that will be made smaller. */
public enum Decoding {
  /** Whole. */
  EXACT,
  /** At the smallest size that is enough, which is faster and gives other samples. */
  SCALED;

  /**
   * What to decode.
   *
   * @param needed of a picture
   * @return that where it is scaled, else the whole picture, with alpha if that is needed
   */
  public Reduction reduction(Reduction needed) {
    return this == SCALED ? needed : Reduction.NONE.withAlpha(needed.alpha());
  }

  /** As it is written in options and recipes. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
