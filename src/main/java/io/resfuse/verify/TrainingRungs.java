package io.resfuse.verify;

import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Random numbers through a whole step: forward, loss, backward, statistics, two updates; twice, for
 * the same bits. Each tensor is held within {@link Tolerance}.
 *
 * <p>A rounding error may switch a ReLU, or the choice of a max pool, whose sides are closer than
 * itself, and so change gradients by much more than itself; in low precisions hardly a set of
 * images is without. It hits other tensors each time, a mistake the same: a tensor has missed if it
 * missed with each of {@value #ATTEMPTS} sets. What needs no such caution is {@link HeldExactly}.
 */
final class TrainingRungs {
  private static final int ATTEMPTS = 3;
  private static final List<Rung> RUNGS =
      List.of(Rung.FORWARD, Rung.GRADIENTS, Rung.STATISTICS, Rung.UPDATE, Rung.NEXT);
  private static final double UNIT32 = 0x1p-24;

  private final Contest contest;
  private final VerifyCase test;
  private final Parameters parameters;
  private final HeldExactly exactly;

  /** Which set of images it is, from 0 on. */
  private int attempt;

  /** What the reference engine says of this set, asked once. */
  private final Map<Precision, Map<String, double[]>> yardsticks = new EnumMap<>(Precision.class);

  TrainingRungs(Contest contest, VerifyCase test) {
    this.contest = contest;
    this.test = test;
    this.parameters = contest.fills().random(test.network());
    this.exactly = new HeldExactly(test, parameters);
  }

  List<Check> check(ErrorHistogram forward, ErrorHistogram gradients) {
    Set<String> suspects = null;
    Map<Rung, Comparison> last = new EnumMap<>(Rung.class);
    boolean reran = true;
    Map<String, double[]> first = new HashMap<>();
    Map<String, double[]> rounded = new HashMap<>();
    List<double[]> stored = List.of();
    try (TrainingPass run = new TrainingPass(contest.subject(), test, test.network(), parameters)) {
      for (attempt = 0; attempt < ATTEMPTS; attempt++) {
        Drive drive = Drive.random(contest.fills(), test, attempt);
        yardsticks.clear();
        Map<String, double[]> got = run.step(drive);
        if (attempt == 0) {
          stored = StoredWeights.read(test, run);
          rounded.putAll(yardstick(contest.subject().precision(), drive));
          reran = !isRerun() || isSame(run.gradients(drive), got);
          first.putAll(got);
        }
        Map<String, double[]> expected =
            contest.isAgainstTruth()
                ? yardstick(Precision.FP64, drive)
                : known(contest.against(), drive);
        Bounds bounds = bounds(drive);
        Set<String> missed = new HashSet<>();
        last.clear();
        for (Map.Entry<String, double[]> entry : expected.entrySet()) {
          String tensor = entry.getKey();
          double[] result = got.get(tensor);
          if (attempt == 0) {
            (Names.isGradient(tensor) ? gradients : forward).add(result, entry.getValue());
          }
          if (exactly.has(tensor)) {
            continue;
          }
          boolean isOut = !(Tolerance.distance(result, entry.getValue()) <= bounds.of(tensor));
          if (isOut) {
            missed.add(tensor);
          }
          if (!isOut || suspects == null || suspects.contains(tensor)) {
            last.computeIfAbsent(rung(tensor), rung -> new Comparison(test))
                .norm(tensor, result, entry.getValue(), bounds.of(tensor));
          }
        }
        if (suspects == null) {
          suspects = missed;
        } else {
          suspects.retainAll(missed);
        }
        if (suspects.isEmpty()) {
          break;
        }
      }
      Comparison statistics = last.get(Rung.STATISTICS);
      if (statistics != null) {
        StoredStatistics.check(contest, test, run, statistics);
      }
    }
    Comparison updates = last.computeIfAbsent(Rung.UPDATE, rung -> new Comparison(test));
    Comparison ofGradients = last.computeIfAbsent(Rung.GRADIENTS, rung -> new Comparison(test));
    exactly.check(first, updates);
    exactly.checkNorm(first, ofGradients);
    StoredWeights.check(contest.subject(), test, stored, first, updates);
    CutOff.check(contest, test, first, rounded, ofGradients);
    List<Check> checks = new ArrayList<>();
    for (Rung rung : RUNGS) {
      Comparison comparison = last.get(rung);
      checks.add(
          comparison == null
              ? Check.skipped(rung, "there is none of it here")
              : comparison.check(rung));
    }
    if (isRerun()) {
      Comparison rerun = new Comparison(test);
      if (!reran) {
        rerun.fail("a second run of the same step gave other bits");
      }
      checks.add(rerun.check(Rung.RERUN));
    } else {
      checks.add(Check.skipped(Rung.RERUN, "has the operations of other cases"));
    }
    return checks;
  }

  /** Other optimizers go the same way forward and backward as the network's own cases. */
  private boolean isRerun() {
    return test.level() != Level.TRAINING;
  }

  private Rung rung(String tensor) {
    if (Names.isNext(tensor)) {
      return Rung.NEXT;
    }
    if (Names.isGradient(tensor)) {
      return Rung.GRADIENTS;
    }
    if (!Names.isAfter(tensor)) {
      return Rung.FORWARD;
    }
    ParameterSpec parameter = test.network().parameters().get(Names.parameter(tensor));
    return parameter != null && parameter.isTrainable() ? Rung.UPDATE : Rung.STATISTICS;
  }

  private static boolean isSame(Map<String, double[]> first, Map<String, double[]> second) {
    return first.entrySet().stream()
        .allMatch(entry -> Arrays.equals(entry.getValue(), second.get(entry.getKey())));
  }

  private Map<String, double[]> once(Subject side, Drive drive) {
    try (TrainingPass run = new TrainingPass(side, test, test.network(), parameters)) {
      return run.step(drive);
    }
  }

  private interface Bounds {
    double of(String tensor);
  }

  private Map<String, double[]> yardstick(Precision precision, Drive drive) {
    return yardsticks.computeIfAbsent(
        precision, one -> known(contest.yardstick().in(precision), drive));
  }

  private Map<String, double[]> known(Subject side, Drive drive) {
    return contest.memory().tensors(test, side, "step " + attempt, () -> once(side, drive));
  }

  private Bounds bounds(Drive drive) {
    Bounds subject = bounds(contest.subject(), drive);
    if (contest.isAgainstTruth()) {
      return subject;
    }
    Bounds against = bounds(contest.against(), drive);
    return tensor -> subject.of(tensor) + against.of(tensor);
  }

  /**
   * Forward and backward have a tolerance each: the errors that switched ReLUs make in gradients
   * are no measure of outputs; nor are those of Adam's squares, twice as large, one of gradients.
   */
  private Bounds bounds(Subject side, Drive drive) {
    Map<String, double[]> truth = yardstick(Precision.FP64, drive);
    Map<String, double[]> single = yardstick(Precision.FP32, drive);
    Map<String, double[]> stored = yardstick(side.precision(), drive);
    Map<Part, Tolerance> tolerances = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      tolerances.put(
          part,
          new Tolerance(
              test.longestSum(),
              tensors(truth, part),
              tensors(stored, part),
              tensors(single, part),
              UNIT32));
    }
    return tensor -> tolerances.get(part(tensor)).bound(tensor);
  }

  /** What has a tolerance of its own. */
  private enum Part {
    FORWARD,
    BACKWARD,
    MOMENTS,
    EVALUATED,
    NEXT,
    NEXT_BACKWARD
  }

  private Part part(String tensor) {
    if (Names.isState(tensor)) {
      return Part.MOMENTS;
    }
    Rung rung = rung(tensor);
    if (rung == Rung.NEXT) {
      return Names.isEvaluated(tensor)
          ? Part.EVALUATED
          : Names.isGradient(tensor) ? Part.NEXT_BACKWARD : Part.NEXT;
    }
    return rung == Rung.GRADIENTS || rung == Rung.UPDATE ? Part.BACKWARD : Part.FORWARD;
  }

  private Map<String, double[]> tensors(Map<String, double[]> all, Part part) {
    Map<String, double[]> some = new LinkedHashMap<>();
    all.forEach(
        (tensor, values) -> {
          if (part(tensor) == part && !exactly.has(tensor)) {
            some.put(tensor, values);
          }
        });
    return some;
  }
}
