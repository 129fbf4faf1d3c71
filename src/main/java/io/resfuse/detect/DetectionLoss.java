package io.resfuse.detect;

/**
 * RetinaNet's two losses (Lin et al. 2017), written from their formulas in float64: what an
 * engine's are held against. Of one picture; a batch's loss is the mean of its pictures'.
 * Stateless.
 */
public final class DetectionLoss {
  /** The weight of objects in {@link #focal}. */
  public static final double ALPHA = 0.25;

  /** The exponent in {@link #focal}. */
  public static final double GAMMA = 2;

  private DetectionLoss() {}

  /**
   * The focal loss. With p the sigmoid of a logit, q = p and a = {@link #ALPHA} where the anchor's
   * object is of the class, else q = 1 - p and a = 1 - ALPHA: the sum of -a (1 - q)^{@link #GAMMA}
   * log q over all classes of all anchors but those that are {@link Matcher#BETWEEN}, divided by
   * the number of anchors that stand for an object (at least 1).
   *
   * @param logits (anchor, class)
   * @param classes their number
   * @param matches of {@link Matcher#match}
   * @param objects the picture's
   * @param gradient gets the derivative by each logit, as long as the logits
   * @return the loss
   */
  public static double focal(
      float[] logits, int classes, int[] matches, BoxList objects, double[] gradient) {
    requireLength("logits", logits.length, matches.length * classes);
    requireLength("gradients", gradient.length, logits.length);
    double scale = 1.0 / Math.max(matched(matches), 1);
    double loss = 0;
    for (int anchor = 0; anchor < matches.length; anchor++) {
      int match = matches[anchor];
      int label = match >= 0 ? objects.label(match) : -1;
      for (int i = 0; i < classes; i++) {
        int at = anchor * classes + i;
        if (match == Matcher.BETWEEN) {
          gradient[at] = 0;
          continue;
        }
        // With z = x for the class and -x for others, q is the sigmoid of z.
        double sign = i == label ? 1 : -1;
        double weight = i == label ? ALPHA : 1 - ALPHA;
        double z = sign * logits[at];
        double rest = sigmoid(-z);
        double negativeLog = softplus(-z);
        double modulation = Math.pow(rest, GAMMA);
        loss += weight * modulation * negativeLog;
        // d rest / dz = -q rest, d negativeLog / dz = -rest.
        double slope = -modulation * (GAMMA * sigmoid(z) * negativeLog + rest);
        gradient[at] = scale * weight * sign * slope;
      }
    }
    return scale * loss;
  }

  /**
   * The loss of the boxes: the sum of absolute differences of {@linkplain BoxCoder codes}, over the
   * anchors that stand for an object, divided by their number (at least 1).
   *
   * @param codes (anchor, 4), the network's
   * @param anchors (anchor, 4)
   * @param matches of {@link Matcher#match}
   * @param objects the picture's
   * @param gradient gets the derivative by each code, as long as the codes; 0 where there is no
   *     difference
   * @return the loss
   */
  public static double boxes(
      float[] codes, float[] anchors, int[] matches, BoxList objects, double[] gradient) {
    requireLength("codes", codes.length, BoxList.CORNERS * matches.length);
    requireLength("anchors", anchors.length, codes.length);
    requireLength("gradients", gradient.length, codes.length);
    double scale = 1.0 / Math.max(matched(matches), 1);
    float[] wanted = new float[codes.length];
    double loss = 0;
    for (int anchor = 0; anchor < matches.length; anchor++) {
      boolean stands = matches[anchor] >= 0;
      if (stands) {
        BoxCoder.encode(objects.corners(), matches[anchor], anchors, anchor, wanted);
      }
      for (int at = BoxList.CORNERS * anchor; at < BoxList.CORNERS * (anchor + 1); at++) {
        double difference = stands ? (double) codes[at] - wanted[at] : 0;
        loss += Math.abs(difference);
        gradient[at] = scale * Math.signum(difference);
      }
    }
    return scale * loss;
  }

  private static int matched(int[] matches) {
    int count = 0;
    for (int match : matches) {
      count += match >= 0 ? 1 : 0;
    }
    return count;
  }

  private static void requireLength(String what, int length, int expected) {
    if (length != expected) {
      throw new IllegalArgumentException(
          "%d %s were given, the anchors need %d".formatted(length, what, expected));
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** log(1 + e^x). */
  private static double softplus(double x) {
    return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
}
