package io.resfuse.data.image;

/**
 * How much of a picture is needed for what will be made of it: its alpha or not, and its size, so
 * that a JPEG need not be decoded at its full one: libjpeg can leave out the higher frequencies of
 * each block. Of 1/8, 1/4 and 1/2 of the sides, the smallest that is enough is taken; the eighths
 * between them take longer, as libjpeg-turbo has them in plain C only, and more than a half longer
 * than the whole. What is resized after that has other samples than what is resized from the whole,
 * as two filters come one after the other. Other formats are read whole, and so are JPEGs of four
 * components, those that are damaged, and all of them where {@code native/pictures} is not there.
 */
@FunctionalInterface
public interface Reduction {
  /** Everything is needed but alpha. */
  Reduction NONE = (width, height) -> 1;

  /**
   * The share of the sides that is needed.
   *
   * @param width of the whole picture, upright, in pixels
   * @param height of the whole picture, upright, in pixels
   * @return how long a side of the reduced picture must be at least, by how long it is; 1 or more
   *     for the whole
   */
  double share(int width, int height);

  /**
   * Whether alpha is needed, too.
   *
   * @return true if pictures that have alpha are to be read with it, as four channels
   */
  default boolean alpha() {
    return false;
  }

  /**
   * The same share, with alpha or without.
   *
   * @param needed whether it is
   * @return a new reduction
   */
  default Reduction withAlpha(boolean needed) {
    Reduction size = this;
    return new Reduction() {
      @Override
      public double share(int width, int height) {
        return size.share(width, height);
      }

      @Override
      public boolean alpha() {
        return needed;
      }
    };
  }

  /**
   * For pictures whose shorter side will be resized.
   *
   * @param pixels to this size
   * @return what that needs
   */
  static Reduction toShorterSide(int pixels) {
    return (width, height) -> (double) pixels / Math.min(width, height);
  }

  /**
   * What to decode.
   *
   * @param width as above
   * @param height as above
   * @return the eighths of the sides: 1, 2, 4 or 8
   */
  default int eighths(int width, int height) {
    double share = share(width, height);
    int eighths = 1;
    while (eighths < 8 && eighths < 8 * share) {
      eighths *= 2;
    }
    return eighths;
  }
}
