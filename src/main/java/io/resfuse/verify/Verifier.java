package io.resfuse.verify;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Check.Status;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Sends cases up the ladder. Not thread-safe; its engines are the caller's. */
public final class Verifier {
  private final Contest contest;
  private final long seed;

  /**
   * Sets two sides against each other.
   *
   * @param subject what is judged
   * @param against what gives the expected values; in int8 if the subject is
   * @param yardstick the reference engine; may be that of {@code against}
   * @param seed of all numbers
   */
  public Verifier(Subject subject, Subject against, Engine yardstick, long seed) {
    this(
        new Contest(subject, against, new Subject(yardstick, Precision.FP64), new Fills(seed)),
        seed);
  }

  private Verifier(Contest contest, long seed) {
    this.contest = contest;
    this.seed = seed;
  }

  /**
   * Sets a side against the reference engine in float64, or in int8 if the side is, whose results
   * are kept for as long as this and all that are made of it live, so that the same case costs less
   * the next time.
   *
   * @param subject what is judged
   * @param reference the reference engine
   * @param seed of all numbers
   * @return a verifier
   */
  public static Verifier remembering(Subject subject, Engine reference, long seed) {
    Subject truth = new Subject(reference, Precision.FP64);
    Subject against = subject.precision() == Precision.INT8 ? truth.in(Precision.INT8) : truth;
    return new Verifier(
        new Contest(subject, against, truth, new Fills(seed), Memory.keeping()), seed);
  }

  /**
   * Sets another side against the same, by the same memory.
   *
   * @param other what is judged
   * @return a verifier
   */
  public Verifier of(Subject other) {
    return new Verifier(
        new Contest(
            other, contest.against(), contest.yardstick(), contest.fills(), contest.memory()),
        seed);
  }

  /**
   * Runs a case on all rungs. A rung at which the subject fails with an {@link EngineException} is
   * missed; what either side says it cannot do is skipped.
   *
   * @param test what to run
   * @return a check for every rung
   */
  public CaseResult verify(VerifyCase test) {
    long start = System.nanoTime();
    Contest contest = this.contest.of(test);
    ErrorHistogram inference = new ErrorHistogram();
    ErrorHistogram forward = new ErrorHistogram();
    ErrorHistogram gradients = new ErrorHistogram();
    List<Check> checks = new ArrayList<>();
    Optional<String> noInference = whyNot(Engine.Mode.INFERENCE).or(() -> whyNotInIntegers(test));
    Optional<String> noTraining = whyNot(Engine.Mode.TRAINING);
    boolean isTrainedOnly = test.level() == Level.TRAINING;
    if (noInference.isEmpty() && !isTrainedOnly) {
      if (contest.isInt8()) {
        try {
          checks.addAll(new IntegerRungs(contest, test).check(inference));
        } catch (EngineException e) {
          checks.add(failed(Rung.EXACT, e));
        }
      } else {
        checks.add(
            guarded(Rung.INFERENCE, () -> new InferenceRung(contest, test).check(inference)));
      }
      checks.add(guarded(Rung.SPECIAL, () -> SpecialRung.check(contest, test)));
    }
    if (noTraining.isEmpty()) {
      if (!isTrainedOnly) {
        checks.add(guarded(Rung.EXACT, () -> ExactRung.check(contest, test)));
        checks.add(guarded(Rung.LOSS, () -> LossRung.check(contest, test)));
      }
      try {
        checks.addAll(new TrainingRungs(contest, test).check(forward, gradients));
      } catch (EngineException e) {
        checks.add(failed(Rung.FORWARD, e));
      }
    }
    String reason =
        noInference.or(() -> noTraining).orElse(isTrainedOnly ? "is trained only" : "not reached");
    for (Rung rung : Rung.values()) {
      if (checks.stream().noneMatch(check -> check.rung() == rung)) {
        checks.add(Check.skipped(rung, reason));
      }
    }
    checks.sort(Comparator.comparing(Check::rung));
    double seconds = (System.nanoTime() - start) / 1e9;
    return new CaseResult(test, checks, inference, forward, gradients, seconds);
  }

  /**
   * Runs cases one after the other.
   *
   * @param cases what to run
   * @param listener gets each result when it is there
   * @return all results
   */
  public VerifyReport verify(List<VerifyCase> cases, Consumer<CaseResult> listener) {
    List<CaseResult> results = new ArrayList<>();
    for (VerifyCase test : cases) {
      CaseResult result = verify(test);
      results.add(result);
      listener.accept(result);
    }
    return new VerifyReport(
        contest.subject().toString(), contest.against().toString(), seed, results);
  }

  /** In int8 there must be something that multiplies integers. */
  private Optional<String> whyNotInIntegers(VerifyCase test) {
    return !contest.isInt8() || Calibrated.applies(test)
        ? Optional.empty()
        : Optional.of("has no convolution, which alone multiplies integers");
  }

  private Optional<String> whyNot(Engine.Mode mode) {
    return contest
        .subject()
        .engine()
        .whyNot(contest.subject().precision(), mode)
        .or(() -> contest.against().engine().whyNot(contest.against().precision(), mode));
  }

  private static Check guarded(Rung rung, Supplier<Check> check) {
    try {
      return check.get();
    } catch (EngineException e) {
      return failed(rung, e);
    }
  }

  private static Check failed(Rung rung, EngineException e) {
    return new Check(rung, Status.MISSED, Double.NaN, String.valueOf(e.getMessage()));
  }
}
