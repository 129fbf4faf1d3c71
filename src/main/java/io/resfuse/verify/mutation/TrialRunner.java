package io.resfuse.verify.mutation;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.Precision;
import io.resfuse.verify.CaseResult;
import io.resfuse.verify.Check;
import io.resfuse.verify.Subject;
import io.resfuse.verify.Verifier;
import io.resfuse.verify.VerifyCase;
import io.resfuse.verify.mutation.Trial.Answer;
import io.resfuse.verify.mutation.Trial.Verdict;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Runs trials in this process, each on an engine of its own: a mutant may leave its engine
 * unusable. Not thread-safe.
 */
public final class TrialRunner {
  private static final Pattern FAULT = Pattern.compile("CUDA_ERROR_([A-Z_]+)");

  /** Opens engines. */
  public interface Opener {
    /**
     * Opens an engine.
     *
     * @param ptx of a kernel that takes the place of ours, loaded at once; null for none
     * @return a new engine
     * @throws EngineException if the device will not load the PTX
     */
    Engine open(@Nullable String ptx);
  }

  private final Opener opener;
  private final Map<Precision, Verifier> verifiers = new EnumMap<>(Precision.class);
  private final Engine reference;
  private final List<VerifyCase> cases;
  private final long seed;

  /**
   * Runs nothing yet.
   *
   * @param opener of engines
   * @param reference what is right; its owner closes it
   * @param cases what trials choose from
   * @param seed of all numbers
   */
  public TrialRunner(Opener opener, Engine reference, List<VerifyCase> cases, long seed) {
    this.opener = opener;
    this.reference = reference;
    this.cases = List.copyOf(cases);
    this.seed = seed;
  }

  /**
   * Runs trials that come as lines of JSON, and answers each by a line, until there are no more.
   *
   * @param in trials
   * @param out answers
   * @throws IOException if they cannot be read
   */
  public void serve(BufferedReader in, PrintStream out) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    String line = in.readLine();
    while (line != null) {
      out.println(mapper.writeValueAsString(run(mapper.readValue(line, Trial.class))));
      out.flush();
      line = in.readLine();
    }
  }

  Answer run(Trial trial) {
    long start = System.nanoTime();
    Engine opened;
    try {
      opened = opener.open(trial.ptx());
    } catch (EngineException e) {
      return new Answer(Verdict.REFUSED, "", String.valueOf(e.getMessage()), List.of(), 0);
    }
    try (Engine engine = opened) {
      Answer failure = firstFailure(engine, trial);
      double seconds = (System.nanoTime() - start) / 1e9;
      List<String> kernels =
          engine instanceof KernelSuite suite ? List.copyOf(suite.kernelsRun()) : List.of();
      return failure == null
          ? new Answer(Verdict.SURVIVED, "", "", kernels, seconds)
          : new Answer(failure.verdict(), failure.by(), failure.detail(), kernels, seconds);
    }
  }

  private @Nullable Answer firstFailure(Engine engine, Trial trial) {
    Precision precision = trial.precision();
    Subject subject = new Subject(engine, precision);
    Verifier verifier =
        verifiers
            .computeIfAbsent(precision, any -> Verifier.remembering(subject, reference, seed))
            .of(subject);
    for (int index : trial.cases()) {
      VerifyCase test = cases.get(index);
      try {
        CaseResult result = verifier.verify(test);
        if (!result.passed()) {
          return failure(test, result);
        }
      } catch (RuntimeException e) {
        return Answer.caught("exception", test + ": " + e);
      }
    }
    return null;
  }

  private static Answer failure(VerifyCase test, CaseResult result) {
    Check first = null;
    for (Check check : result.checks()) {
      if (check.isFailure()) {
        Matcher fault = FAULT.matcher(check.detail());
        if (fault.find()) {
          String name = fault.group(1).toLowerCase(Locale.ROOT).replace('_', ' ');
          return Answer.caught(kind(name, check.detail()), test + ": " + check.detail());
        }
        first = first == null ? check : first;
      }
    }
    if (first == null) {
      throw new IllegalStateException(test + " has failed without a failure");
    }
    return Answer.caught(
        first.rung().toString(), test + ": " + first.rung() + " missed: " + first.detail());
  }

  /** What softcuda says, in a word or two. */
  private static String kind(String name, String detail) {
    for (String kind : List.of("race", "uninitialised", "deadlock", "barrier")) {
      if (detail.contains(kind)) {
        return kind;
      }
    }
    return name;
  }
}
