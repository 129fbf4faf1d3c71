package io.resfuse.engine.onednn;

import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says that a plan is slow, and why: never in silence. Thread-safe. */
final class SlowSteps {
  private static final Logger log = LoggerFactory.getLogger(SlowSteps.class);
  private static final Set<String> said = ConcurrentHashMap.newKeySet();

  private SlowSteps() {}

  /**
   * Logs one line if steps of a plan run on oneDNN's reference loops; the same line once only.
   *
   * @param what the plan does, {@code training resnet20}
   * @param format how its tensors lie
   * @param all steps
   */
  static void log(String what, TrainingFormat format, List<Implementation> all) {
    List<Implementation> slow = all.stream().filter(Implementation::isSlow).toList();
    if (!slow.isEmpty()) {
      String line = line(what, format, slow);
      if (said.add(line)) {
        log.warn(line);
      }
    }
  }

  /** The line, which names the layer with most of the work. */
  static String line(String what, TrainingFormat format, List<Implementation> slow) {
    Implementation worst =
        slow.stream()
            .max(Comparator.comparingLong(Implementation::work))
            .orElseThrow(() -> new IllegalArgumentException("nothing is slow"));
    long steps = slow.stream().map(Implementation::step).distinct().count();
    return "onednn: "
        + what
        + " is slow here: for "
        + worst.step()
        + (steps == 1 ? "" : " and " + (steps - 1) + " more steps")
        + " oneDNN "
        + NativeLibrary.version()
        + " has no kernel for "
        + InstructionSet.effective()
        + " (tensors lie in "
        + format
        + "), only plain loops ("
        + worst.name()
        + "); channel counts that are multiples of "
        + Math.max(8, InstructionSet.effective().vectorFloats())
        + ", fp32, or a CPU with AVX2 or later may help";
  }
}
