package io.resfuse.bench;

import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Settings;
import io.resfuse.engine.Engine;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Opens timed tasks for those whose answers are right. Not thread-safe. */
final class Admission {
  private final List<Competitor> competitors;
  private final Parity parity;
  private final Settings settings;
  private final ReferenceGemms gemms;
  private final Map<String, Parity.Finding> smallBatches = new HashMap<>();

  Admission(List<Competitor> competitors, Parity parity, Settings settings, ReferenceGemms gemms) {
    this.gemms = gemms;
    this.competitors = competitors;
    this.parity = parity;
    this.settings = settings;
  }

  /**
   * Has all answers of a task judged.
   *
   * @param task which
   * @param memory what plans need, of those who can tell
   * @return a timed task of the right ones, ready to run; to be closed
   */
  TimedTask open(Task task, Map<Competitor, PlanMemory> memory) {
    List<Result> untimed = new ArrayList<>();
    List<TimedRun> runs = new ArrayList<>();
    boolean done = false;
    try {
      Gate gate = new Gate(parity, task);
      for (Competitor competitor : competitors) {
        Result unknown =
            new Result(
                task.workload(),
                competitor.name(),
                competitor.precision(task.workload()),
                Result.Status.SKIPPED,
                "",
                Double.NaN,
                memory.get(competitor),
                null,
                null,
                null,
                null,
                null);
        TimedRun run = admit(task, competitor, gate, unknown, untimed);
        if (run != null) {
          runs.add(run);
        }
      }
      TimedTask timedTask = new TimedTask(task, settings, untimed, runs);
      timedTask.warmUp();
      done = true;
      return timedTask;
    } finally {
      if (!done) {
        runs.forEach(TimedRun::close);
      }
    }
  }

  /** One that was let through; null if it was not, and why is among the untimed. */
  private @Nullable TimedRun admit(
      Task task, Competitor competitor, Gate gate, Result unknown, List<Result> untimed) {
    String why = competitor.whyNot(task.workload()).or(() -> gate.whyNot(competitor)).orElse(null);
    if (why != null) {
      untimed.add(unknown.untimed(Result.Status.SKIPPED, why, Double.NaN));
      return null;
    }
    Entry entry = null;
    TimedRun run = null;
    try {
      entry = competitor.enter(task, parity);
      Parity.Finding training =
          task.workload().mode() == Engine.Mode.TRAINING
              ? smallBatch(competitor, task)
              : Parity.Finding.NONE;
      Parity.Finding finding =
          gate.judge(competitor.arithmetic(task.workload()), entry.answer(), training);
      String miss = finding.miss().orElse(null);
      if (miss == null) {
        run =
            new TimedRun(
                unknown.untimed(
                    Result.Status.SKIPPED, heldAgainst(task, competitor, gate), finding.worst()),
                entry,
                gemms.of(competitor, task.workload().precision()),
                task.flopPerImage(),
                settings.rounds());
      } else {
        untimed.add(unknown.untimed(Result.Status.WRONG, miss, finding.worst()));
      }
      return run;
    } catch (CompetitorException e) {
      untimed.add(unknown.untimed(Result.Status.SKIPPED, e.getMessage(), Double.NaN));
      return null;
    } finally {
      if (run == null && entry != null) {
        entry.close();
      }
    }
  }

  private static String heldAgainst(Task task, Competitor competitor, Gate gate) {
    Precision precision = competitor.precision(task.workload());
    String held = gate.heldAgainst(competitor);
    return precision == task.workload().precision() ? held : "runs in " + precision + "; " + held;
  }

  /** Training on a small batch, judged once for each network, size and precision. */
  private Parity.Finding smallBatch(Competitor competitor, Task task) {
    String key = competitor.name() + task.workload().precision() + task.small();
    return smallBatches.computeIfAbsent(key, any -> competitor.training(task, parity));
  }
}
