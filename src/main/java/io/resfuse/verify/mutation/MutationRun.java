package io.resfuse.verify.mutation;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Precision;
import io.resfuse.verify.mutation.MutantChoice.Share;
import io.resfuse.verify.mutation.MutantResult.State;
import io.resfuse.verify.mutation.Trial.Answer;
import io.resfuse.verify.mutation.Trial.Verdict;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tries mutants: first every case with the kernels as they are, to learn which case runs what in
 * how long; then each mutant on the cases that run its kernel, the quickest first, until one fails.
 */
public final class MutationRun implements AutoCloseable {
  private static final long MOST_SECONDS = 300;

  /** Cases that a mutant runs on under costly checks. */
  private static final int MOST_CHECKED = 5;

  private static final Pattern TYPED =
      Pattern.compile("\\w*?_(f32|tf32|bf16|f16|u8)(?:_\\d+x\\d+(?:_norm)?)?");
  private static final Map<String, Precision> PRECISIONS =
      Map.of(
          "f32", Precision.FP32,
          "tf32", Precision.TF32,
          "bf16", Precision.BF16,
          "f16", Precision.FP16,
          "u8", Precision.INT8);

  private final BlockingQueue<WorkerProcess> workers;
  private final BlockingQueue<WorkerProcess> checkedWorkers;
  private final ExecutorService threads;
  private final int cases;
  private final Listener listener;

  /** Is told how far it is. */
  public interface Listener {
    /**
     * Something is done.
     *
     * @param what is being done
     * @param done how much
     * @param total of how much
     */
    void progress(String what, long done, long total);
  }

  /** A case in a precision that runs a kernel. */
  private record Use(Precision precision, int index, double seconds) {}

  /**
   * Starts nothing yet.
   *
   * @param command of processes that run {@link TrialRunner#serve}
   * @param checked the same with checks of the device that take their time
   * @param processes how many at once
   * @param cases how many the processes have
   * @param listener is told how far it is, by any thread
   */
  public MutationRun(
      ProcessBuilder command, ProcessBuilder checked, int processes, int cases, Listener listener) {
    this.workers = new ArrayBlockingQueue<>(processes);
    this.checkedWorkers = new ArrayBlockingQueue<>(processes);
    this.threads = Executors.newFixedThreadPool(processes);
    this.cases = cases;
    this.listener = listener;
    for (int i = 0; i < processes; i++) {
      workers.add(new WorkerProcess(command, MOST_SECONDS));
      checkedWorkers.add(new WorkerProcess(checked, MOST_SECONDS));
    }
  }

  /**
   * Tries mutants of kernels.
   *
   * @param kernels which
   * @param count how many mutants
   * @param seed of the choice
   * @param explanations of mutants that cannot be caught
   * @return what became of each
   */
  public MutationReport run(
      List<PtxKernel> kernels, int count, long seed, Explanations explanations) {
    List<Share> shares = MutantChoice.of(kernels, count, seed);
    List<String> unusable = new ArrayList<>();
    Map<String, List<Use>> uses = uses(shares, unusable);
    int total = shares.stream().mapToInt(Share::wanted).sum();
    AtomicLong done = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    List<List<MutantResult>> results =
        inParallel(
            shares,
            share -> {
              List<MutantResult> some = new ArrayList<>();
              for (Mutant mutant : share.mutants()) {
                if (some.size() == share.wanted()) {
                  break;
                }
                Answer answer = answer(share.kernel(), mutant, uses);
                if (answer.verdict() == Verdict.REFUSED) {
                  refused.incrementAndGet();
                  continue;
                }
                some.add(result(share.kernel(), mutant, answer, explanations, uses));
                listener.progress("mutants", done.incrementAndGet(), total);
              }
              return some;
            });
    List<MutantResult> all = new ArrayList<>();
    results.forEach(all::addAll);
    all.sort(
        Comparator.comparing((MutantResult result) -> result.mutant().kernel())
            .thenComparing(result -> result.mutant().line()));
    return new MutationReport(all, unusable, refused.get(), seed);
  }

  private MutantResult result(
      PtxKernel kernel,
      Mutant mutant,
      Answer answer,
      Explanations explanations,
      Map<String, List<Use>> uses) {
    if (answer.verdict() == Verdict.CAUGHT) {
      return new MutantResult(mutant, State.CAUGHT, answer.by(), answer.detail());
    }
    String reason = explanations.of(mutant);
    if (reason == null) {
      reason = new SameResults(kernel).why(mutant);
    }
    if (reason != null) {
      return new MutantResult(mutant, State.EXPLAINED, "", reason);
    }
    List<Use> some = uses.get(mutant.kernel());
    if (some == null) {
      return new MutantResult(mutant, State.NOT_RUN, "", "no case runs this kernel");
    }
    return answer(workers, kernel.trapping(mutant), some).verdict() == Verdict.CAUGHT
        ? new MutantResult(mutant, State.SURVIVED, "", "")
        : new MutantResult(mutant, State.NOT_RUN, "", "no case runs this instruction");
  }

  /**
   * Without costly checks first; what survives that, with them, on a few cases, barriers on all.
   */
  private Answer answer(PtxKernel kernel, Mutant mutant, Map<String, List<Use>> uses) {
    String ptx = kernel.with(mutant);
    List<Use> some = uses.getOrDefault(kernel.name(), List.of());
    Answer answer = answer(workers, ptx, some);
    return answer.verdict() == Verdict.SURVIVED
        ? answer(checkedWorkers, ptx, isOrder(mutant) ? some : spread(some))
        : answer;
  }

  /** Whether it changes who waits for whom, which costly checks see where the case comes to it. */
  private static boolean isOrder(Mutant mutant) {
    return mutant.operator() == Operator.BARRIER;
  }

  /** A few of the cases, from the quickest to the slowest. */
  private static List<Use> spread(List<Use> uses) {
    int most = Math.min(MOST_CHECKED, uses.size());
    List<Use> some = new ArrayList<>();
    for (int i = 0; i < most; i++) {
      some.add(uses.get(i * uses.size() / most));
    }
    return some;
  }

  private Answer answer(BlockingQueue<WorkerProcess> by, String ptx, List<Use> uses) {
    Map<Precision, List<Integer>> byPrecision = new LinkedHashMap<>();
    for (Use use : uses) {
      byPrecision.computeIfAbsent(use.precision(), any -> new ArrayList<>()).add(use.index());
    }
    if (byPrecision.isEmpty()) {
      byPrecision.put(Precision.FP32, List.of());
    }
    Answer last = null;
    for (Map.Entry<Precision, List<Integer>> entry : byPrecision.entrySet()) {
      last = ask(by, new Trial(ptx, entry.getKey(), entry.getValue()));
      if (last.verdict() != Verdict.SURVIVED) {
        return last;
      }
    }
    return last;
  }

  /** Which cases run a kernel, the quickest first; those that fail already are unusable. */
  private Map<String, List<Use>> uses(List<Share> shares, List<String> unusable) {
    Set<Precision> precisions = new LinkedHashSet<>();
    shares.forEach(share -> precisions.addAll(precisions(share.kernel().name())));
    List<Use> all = new ArrayList<>();
    for (Precision precision : precisions) {
      for (int i = 0; i < cases; i++) {
        all.add(new Use(precision, i, 0));
      }
    }
    AtomicLong done = new AtomicLong();
    List<Answer> answers =
        inParallel(
            all,
            use -> {
              Answer answer = ask(workers, new Trial(null, use.precision(), List.of(use.index())));
              listener.progress("kernels as they are", done.incrementAndGet(), all.size());
              return answer;
            });
    Map<String, List<Use>> uses = new LinkedHashMap<>();
    for (int i = 0; i < all.size(); i++) {
      Answer answer = answers.get(i);
      Use use = all.get(i);
      if (answer.verdict() != Verdict.SURVIVED) {
        unusable.add(use.precision() + ", " + answer.detail());
        continue;
      }
      for (String kernel : answer.kernels()) {
        uses.computeIfAbsent(kernel, any -> new ArrayList<>())
            .add(new Use(use.precision(), use.index(), answer.seconds()));
      }
    }
    uses.replaceAll(
        (kernel, some) ->
            some.stream()
                .filter(use -> precisions(kernel).contains(use.precision()))
                .sorted(Comparator.comparing(Use::seconds))
                .toList());
    uses.values().removeIf(List::isEmpty);
    return uses;
  }

  /** In which to run cases for a kernel. */
  static List<Precision> precisions(String kernel) {
    Matcher typed = TYPED.matcher(kernel);
    return typed.matches()
        ? List.of(PRECISIONS.get(typed.group(1)))
        : List.of(Precision.FP32, Precision.FP16);
  }

  private Answer ask(BlockingQueue<WorkerProcess> by, Trial trial) {
    try {
      WorkerProcess worker = by.take();
      try {
        return worker.ask(trial);
      } finally {
        by.put(worker);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EngineException("trying mutants was interrupted", e);
    }
  }

  private <T, R> List<R> inParallel(List<T> inputs, Function<T, R> work) {
    List<Future<R>> futures = new ArrayList<>();
    for (T input : inputs) {
      futures.add(threads.submit(() -> work.apply(input)));
    }
    List<R> results = new ArrayList<>();
    try {
      for (Future<R> future : futures) {
        results.add(future.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EngineException("trying mutants was interrupted", e);
    } catch (ExecutionException e) {
      throw new EngineException("trying mutants failed: " + e.getCause().getMessage(), e);
    } finally {
      futures.forEach(future -> future.cancel(true));
    }
    return Collections.unmodifiableList(results);
  }

  /** Ends all processes. */
  @Override
  public void close() {
    threads.shutdownNow();
    workers.forEach(WorkerProcess::close);
    checkedWorkers.forEach(WorkerProcess::close);
  }
}
