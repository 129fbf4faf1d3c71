package io.resfuse.verify;

/** How the tensors of a run are called. */
final class Names {
  static final String LOSS = "loss";
  static final String INPUT_GRADIENT = "gradient of the images";
  private static final String GRADIENT = "gradient of ";
  private static final String AFTER = " after the step";

  private Names() {}

  static String gradient(String parameter) {
    return GRADIENT + parameter;
  }

  static String after(String parameter) {
    return parameter + AFTER;
  }

  /** The parameter that a name speaks of, or the name itself. */
  static String parameter(String tensor) {
    String bare = tensor.startsWith(GRADIENT) ? tensor.substring(GRADIENT.length()) : tensor;
    return bare.endsWith(AFTER) ? bare.substring(0, bare.length() - AFTER.length()) : bare;
  }

  static boolean isGradient(String tensor) {
    return tensor.startsWith(GRADIENT);
  }

  static boolean isAfter(String tensor) {
    return tensor.endsWith(AFTER);
  }
}
