package io.resfuse.verify;

import java.util.regex.Pattern;

/** How the tensors of a run are called. */
final class Names {
  static final String LOSS = "loss";
  static final String NORM = "norm of the gradients";
  static final String INPUT_GRADIENT = "gradient of the images";
  private static final String GRADIENT = "gradient of ";

  /** What the names of gradients of a loss begin with. */
  static final String LOGITS_GRADIENT = GRADIENT + "the logits";

  private static final String AFTER = " after the step";
  private static final String AFTER_FIRST = " after the first step";
  private static final String NEXT = " in the next step";
  private static final String EVALUATED = " in evaluation";

  /** What of a name is not the parameter's: these, and the state's own name after a slash. */
  private static final Pattern AROUND =
      Pattern.compile("^" + GRADIENT + "|(/[^ ]*)?(" + AFTER + "|" + AFTER_FIRST + ")$");

  private Names() {}

  /** An output, or the gradient of the images, in the step after the updates. */
  static String next(String tensor) {
    return tensor + NEXT;
  }

  /** An output in the evaluation after the updates. */
  static String evaluated(String output) {
    return output + EVALUATED;
  }

  static boolean isEvaluated(String tensor) {
    return tensor.endsWith(EVALUATED);
  }

  /** Whether it comes after the updates. */
  static boolean isNext(String tensor) {
    return tensor.endsWith(NEXT) || isEvaluated(tensor);
  }

  /** A tensor of the first step by the name of one after the updates, or the name itself. */
  static String once(String tensor) {
    return tensor.replaceAll("(" + NEXT + "|" + EVALUATED + ")$", "");
  }

  static String gradient(String parameter) {
    return GRADIENT + parameter;
  }

  /** A parameter, or an optimizer's state by its key, after an update, the first being 1. */
  static String after(String key, int update) {
    return key + (update == TrainingPass.UPDATES ? AFTER : AFTER_FIRST);
  }

  /** The parameter that a name speaks of, or the name itself. */
  static String parameter(String tensor) {
    return AROUND.matcher(tensor).replaceAll("");
  }

  static boolean isGradient(String tensor) {
    return tensor.startsWith(GRADIENT);
  }

  static boolean isAfter(String tensor) {
    return tensor.endsWith(AFTER) || tensor.endsWith(AFTER_FIRST);
  }

  /** Whether it is an array of an optimizer. */
  static boolean isState(String tensor) {
    return isAfter(tensor) && tensor.indexOf('/') >= 0;
  }
}
