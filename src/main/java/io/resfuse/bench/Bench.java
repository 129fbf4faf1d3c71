package io.resfuse.bench;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Parity;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Runs a benchmark: asks what memory everything needs, measures its own overhead and the ceilings
 * of the devices, and then, task by task, holds all answers against float64 and times those that
 * are right. Not thread-safe; competitors and the reference engine are the caller's.
 */
public final class Bench {
  private final List<Task> tasks;
  private final List<Competitor> competitors;
  private final Settings settings;
  private final Watcher watcher;
  private final Parity parity;
  private final Map<String, Parity.Finding> smallBatches = new HashMap<>();
  private final List<Ceiling> ceilings = new ArrayList<>();
  private final List<Result> results = new ArrayList<>();
  private final List<LayerResult> layers = new ArrayList<>();

  /**
   * Sets it up; nothing runs yet.
   *
   * @param tasks what to time
   * @param competitors who, with different names; engines are judged before peers, whose answers
   *     may have nothing else to be held against
   * @param reference the reference engine, for parity
   * @param settings how
   * @param watcher is told how far it is
   */
  public Bench(
      List<Task> tasks,
      List<Competitor> competitors,
      Engine reference,
      Settings settings,
      Watcher watcher) {
    this.tasks = List.copyOf(tasks);
    this.competitors =
        competitors.stream()
            .sorted(Comparator.comparing(competitor -> competitor.engine().isEmpty()))
            .toList();
    this.settings = settings;
    this.watcher = watcher;
    this.parity = new Parity(reference, settings.seed());
  }

  /**
   * Runs it.
   *
   * @return what was found
   * @throws EngineException before anything is timed, if a task needs more memory than there is
   */
  public BenchReport run() {
    String begun = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    List<Map<Competitor, MemoryNeed>> needs = new ArrayList<>();
    for (Task task : tasks) {
      watcher.progress("memory", needs.size(), tasks.size());
      needs.add(memory(task));
    }
    Conditions before = Conditions.now();
    double overhead = Race.overhead();
    @Nullable CacheCooler cooler = settings.layers() ? new CacheCooler() : null;
    if (cooler != null) {
      measureCeilings(cooler);
    }
    for (int i = 0; i < tasks.size(); i++) {
      watcher.progress(tasks.get(i).workload().toString(), i, tasks.size());
      Map<String, Engine> right = run(tasks.get(i), needs.get(i));
      if (cooler != null && !right.isEmpty()) {
        watcher.progress("layers of " + tasks.get(i).workload(), i, tasks.size());
        layers.addAll(new Layers(settings, parity, ceilings, cooler).time(tasks.get(i), right));
      }
    }
    Map<String, String> descriptions = new LinkedHashMap<>();
    competitors.forEach(one -> descriptions.put(one.name(), one.description()));
    return new BenchReport(
        begun,
        Machine.here(),
        before,
        Conditions.now(),
        settings,
        descriptions,
        overhead,
        ceilings,
        results,
        layers,
        List.of());
  }

  private void measureCeilings(CacheCooler cooler) {
    Ceilings measured = new Ceilings(parity, cooler);
    Set<Precision> precisions = new LinkedHashSet<>();
    tasks.forEach(task -> precisions.add(task.workload().precision()));
    for (Competitor competitor : competitors) {
      Engine engine = competitor.engine().orElse(null);
      for (Precision precision : precisions) {
        if (engine != null && engine.whyNot(precision, Engine.Mode.INFERENCE).isEmpty()) {
          watcher.progress(
              "ceilings of " + competitor.name() + " in " + precision, 0, tasks.size());
          ceilings.add(measured.measure(engine, precision));
        }
      }
    }
  }

  /** Who can do a task, with what it needs; all of them are to be in memory at once. */
  private Map<Competitor, MemoryNeed> memory(Task task) {
    Map<Competitor, MemoryNeed> needs = new LinkedHashMap<>();
    Map<String, Long> sums = new HashMap<>();
    for (Competitor competitor : competitors) {
      if (competitor.whyNot(task.workload()).isEmpty()) {
        competitor.memory(task, parity).ifPresent(need -> needs.put(competitor, need));
      }
    }
    needs.forEach(
        (competitor, need) -> {
          long sum = sums.merge(need.place(), need.plan().total(), Long::sum);
          if (sum > need.available()) {
            throw new EngineException(
                Text.of(
                    "%s does not fit: engine %s needs %s%s, and of %s %.1f MiB are available; use a"
                        + " smaller batch or image",
                    task.workload(),
                    competitor.name(),
                    need.plan(),
                    sum > need.plan().total()
                        ? Text.of(", with the other engines %.1f MiB", sum / 0x1p20)
                        : "",
                    need.place().equals("host") ? "the host's memory" : need.place(),
                    need.available() / 0x1p20));
          }
        });
    return needs;
  }

  /** The engines whose answer was right, by name. */
  private Map<String, Engine> run(Task task, Map<Competitor, MemoryNeed> needs) {
    Map<String, Engine> right = new LinkedHashMap<>();
    Map<String, Entry> entries = new LinkedHashMap<>();
    Map<String, Result> checked = new LinkedHashMap<>();
    try {
      Gate gate = new Gate(parity, task);
      for (Competitor competitor : competitors) {
        String name = competitor.name();
        Result result = judge(task, competitor, gate, needs.get(competitor), entries);
        if (result.status() == Result.Status.TIMED) {
          checked.put(name, result);
          competitor.engine().ifPresent(engine -> right.put(name, engine));
        } else {
          results.add(result);
          Entry entry = entries.remove(name);
          if (entry != null) {
            entry.close();
          }
        }
      }
      if (!entries.isEmpty()) {
        time(task, entries, checked);
      }
      return right;
    } finally {
      entries.values().forEach(Entry::close);
    }
  }

  /** What is known of a competitor before it is timed; if it can be, its entry is among them. */
  private Result judge(
      Task task,
      Competitor competitor,
      Gate gate,
      @Nullable MemoryNeed need,
      Map<String, Entry> entries) {
    Workload workload = task.workload();
    String why = competitor.whyNot(workload).or(() -> gate.whyNot(competitor)).orElse(null);
    if (why != null) {
      return untimed(task, competitor, Result.Status.SKIPPED, why, Double.NaN, need);
    }
    try {
      Entry entry = competitor.enter(task, parity);
      entries.put(competitor.name(), entry);
      Parity.Finding training =
          workload.mode() == Engine.Mode.TRAINING
              ? smallBatch(competitor, task)
              : Parity.Finding.NONE;
      Parity.Finding finding = gate.judge(entry.answer(), training);
      Precision precision = competitor.precision(workload);
      String held = gate.heldAgainst(competitor);
      return untimed(
          task,
          competitor,
          finding.miss().isPresent() ? Result.Status.WRONG : Result.Status.TIMED,
          finding
              .miss()
              .orElse(
                  precision == workload.precision() ? held : "runs in " + precision + "; " + held),
          finding.worst(),
          need);
    } catch (CompetitorException e) {
      return untimed(task, competitor, Result.Status.SKIPPED, e.getMessage(), Double.NaN, need);
    }
  }

  /** Training on a small batch, judged once for each network, size and precision. */
  private Parity.Finding smallBatch(Competitor competitor, Task task) {
    String key = competitor.name() + task.workload().precision() + task.small();
    return smallBatches.computeIfAbsent(key, any -> competitor.training(task, parity));
  }

  private static Result untimed(
      Task task,
      Competitor competitor,
      Result.Status status,
      String detail,
      double error,
      @Nullable MemoryNeed need) {
    return new Result(
        task.workload(),
        competitor.name(),
        competitor.precision(task.workload()),
        status,
        detail,
        error,
        need == null ? null : need.plan(),
        null,
        null,
        null,
        null);
  }

  private void time(Task task, Map<String, Entry> entries, Map<String, Result> checked) {
    int batch = task.workload().batch();
    Map<String, Race.Times> times = new Race(settings.rounds(), settings.seconds()).run(entries);
    times
        .entrySet()
        .removeIf(entry -> hasDroppedOut(entry.getValue(), checked.get(entry.getKey())));
    if (times.isEmpty()) {
      return;
    }
    String against = settings.reference(times.keySet());
    boolean alone = times.size() == 1;
    double[] other = times.get(against).rates(batch);
    times.forEach(
        (name, mine) -> {
          Result result = checked.get(name);
          results.add(
              new Result(
                  result.workload(),
                  name,
                  result.precision(),
                  Result.Status.TIMED,
                  result.detail(),
                  result.error(),
                  result.memory(),
                  Summary.of(mine.rates(batch)),
                  mine.latencies().percentiles(),
                  alone ? null : Summary.ofRatios(mine.rates(batch), other),
                  alone ? null : against));
        });
  }

  private boolean hasDroppedOut(Race.Times times, Result checked) {
    times
        .loss()
        .ifPresent(
            why ->
                results.add(
                    new Result(
                        checked.workload(),
                        checked.competitor(),
                        checked.precision(),
                        Result.Status.SKIPPED,
                        why,
                        checked.error(),
                        checked.memory(),
                        null,
                        null,
                        null,
                        null)));
    return times.loss().isPresent();
  }
}
