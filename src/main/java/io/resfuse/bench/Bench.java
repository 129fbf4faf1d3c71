package io.resfuse.bench;

import io.resfuse.bench.report.BenchReport;
import io.resfuse.bench.report.Conditions;
import io.resfuse.bench.report.LayerResult;
import io.resfuse.bench.report.Machine;
import io.resfuse.bench.report.Result;
import io.resfuse.bench.report.Settings;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.PlanMemory;
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
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Runs a benchmark: asks what memory everything needs, measures its own overhead and the ceilings
 * of the devices, holds all answers against float64, and times those that are right. Tasks whose
 * plans fit into memory together are timed together: every round goes through all of them, so that
 * the rounds of each spread over the whole run. Not thread-safe; competitors and the reference
 * engine are the caller's.
 */
public final class Bench {
  private final List<Task> tasks;
  private final List<Competitor> competitors;
  private final Settings settings;
  private final Watcher watcher;
  private final Parity parity;
  private final Runnable cooler;
  private final Ceilings ceilings = new Ceilings();
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
    this.cooler = settings.layers() ? new CacheCooler() : () -> {};
  }

  /**
   * Runs it.
   *
   * @return what was found
   * @throws EngineException before anything is timed, if a task needs more memory than there is
   */
  public BenchReport run() {
    String begun = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    List<Map<Competitor, PlanMemory>> needs = new ArrayList<>();
    for (Task task : tasks) {
      watcher.progress("memory", needs.size(), tasks.size());
      needs.add(memory(task));
    }
    Conditions before = Conditions.now();
    double overhead = Overhead.seconds();
    List<TimedTask> timedTasks = new ArrayList<>();
    try (ReferenceGemms gemms = openGemms()) {
      Admission admission = new Admission(competitors, parity, settings, gemms);
      Map<MemoryPool, Long> free = available();
      for (int i = 0; i < tasks.size(); i++) {
        if (!timedTasks.isEmpty() && !fits(needs.get(i), free)) {
          time(timedTasks);
        }
        watcher.progress("answers", i, tasks.size());
        timedTasks.add(admission.open(tasks.get(i), needs.get(i)));
      }
      time(timedTasks);
    } finally {
      timedTasks.forEach(TimedTask::close);
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
        ceilings.all(),
        results,
        layers,
        List.of());
  }

  private ReferenceGemms openGemms() {
    Set<Precision> precisions = new LinkedHashSet<>();
    tasks.forEach(task -> precisions.add(task.workload().precision()));
    return ReferenceGemms.open(
        competitors,
        precisions,
        parity,
        settings.layers() ? ceilings : null,
        (engine, precision) ->
            watcher.progress("product of " + engine.name() + " in " + precision, 0, 1));
  }

  /** Who can do a task, with what it needs; all of them are to be in memory at once. */
  private Map<Competitor, PlanMemory> memory(Task task) {
    Map<Competitor, PlanMemory> needs = new LinkedHashMap<>();
    Map<String, Long> sums = new HashMap<>();
    for (Competitor competitor : competitors) {
      if (competitor.whyNot(task.workload()).isEmpty()) {
        competitor.memory(task, parity).ifPresent(need -> needs.put(competitor, need));
      }
    }
    needs.forEach(
        (competitor, need) -> {
          MemoryPool pool = competitor.pool();
          long available = pool.availableBytes();
          long sum = sums.merge(pool.name(), need.total(), Long::sum);
          if (sum > available) {
            throw new EngineException(
                String.format(
                    Locale.ROOT,
                    "%s does not fit: engine %s needs %s%s, and of %s %.1f MiB are available; use a"
                        + " smaller batch or image",
                    task.workload(),
                    competitor.name(),
                    need,
                    sum > need.total()
                        ? String.format(
                            Locale.ROOT, ", with the other engines %.1f MiB", sum / 0x1p20)
                        : "",
                    pool == MemoryPool.HOST ? "the host's memory" : pool.name(),
                    available / 0x1p20));
          }
        });
    return needs;
  }

  /** What is free, in every pool. */
  private Map<MemoryPool, Long> available() {
    Map<MemoryPool, Long> free = new LinkedHashMap<>();
    free.put(MemoryPool.HOST, MemoryPool.HOST.availableBytes());
    for (Competitor competitor : competitors) {
      MemoryPool pool = competitor.pool();
      free.put(pool, pool.availableBytes());
    }
    return free;
  }

  /**
   * Whether a task can be opened beside those that are: together they take half of what was free at
   * most, for not all that they take is known before.
   */
  private static boolean fits(Map<Competitor, PlanMemory> needs, Map<MemoryPool, Long> free) {
    for (Map.Entry<MemoryPool, Long> entry : free.entrySet()) {
      MemoryPool pool = entry.getKey();
      long more = 0;
      for (Map.Entry<Competitor, PlanMemory> need : needs.entrySet()) {
        if (need.getKey().pool().name().equals(pool.name())) {
          more += need.getValue().total();
        }
      }
      if (pool.availableBytes() - more < entry.getValue() / 2) {
        return false;
      }
    }
    return true;
  }

  /** Times tasks together, and closes them. */
  private void time(List<TimedTask> timedTasks) {
    int steps = settings.rounds() * timedTasks.size();
    for (int round = 0; round < settings.rounds(); round++) {
      for (int i = 0; i < timedTasks.size(); i++) {
        watcher.progress("rounds", round * timedTasks.size() + i, steps);
        timedTasks.get(i).run(round, cooler);
      }
    }
    while (!timedTasks.isEmpty()) {
      TimedTask timedTask = timedTasks.remove(0);
      try (timedTask) {
        results.addAll(timedTask.results());
        layers.addAll(timedTask.layerResults(ceilings.all()));
      }
    }
  }
}
