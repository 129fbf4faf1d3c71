package io.resfuse.cli;

import io.resfuse.engine.Engine;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.ChangingKernels;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import io.resfuse.verify.VerifyCase;
import io.resfuse.verify.mutation.Explanations;
import io.resfuse.verify.mutation.MutationReport;
import io.resfuse.verify.mutation.MutationRun;
import io.resfuse.verify.mutation.PtxKernel;
import io.resfuse.verify.mutation.TrialRunner;
import io.resfuse.weights.format.AtomicFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** What {@code resfuse verify --mutate} is asked for, and its doing. */
final class Mutation {
  /** What softcuda checks beside what it always does, where results are right. */
  private static final String CHECKS = "race,init,barrier";

  /** After how many seconds softcuda ends a kernel, among other things. */
  private static final Map<String, String> ENVIRONMENT =
      Map.of(
          "SOFTCUDA_TIMEOUT", "10",
          "SOFTCUDA_THREADS", "1",
          "SOFTCUDA_REPORT", "off");

  @Spec(Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--mutate",
      description =
          "Change our kernels, or those of --kernel, one instruction at a time, and see whether the"
              + " cases notice, on softcuda. Without --network, --shapes and --random, the cases are"
              + " small ones that run every kernel.")
  private boolean wanted;

  @Option(
      names = "--mutants",
      paramLabel = "N",
      description =
          "How many changed kernels to try, spread over kernels and kinds of change (default:"
              + " ${DEFAULT-VALUE}).")
  private int mutants = 300;

  @Option(
      names = "--kernel-name",
      paramLabel = "REGEX",
      description = "Change only kernels whose whole names match (default: all).")
  private Pattern names = Pattern.compile(".*");

  @Option(
      names = "--explained",
      paramLabel = "FILE",
      description =
          "A list of mutants that no case can catch, with reasons (default: that of our kernels).")
  private Path explained;

  @Option(names = "--mutant-worker", hidden = true)
  private boolean worker;

  boolean isWanted() {
    return wanted;
  }

  /** Does it, or is the process in which it is done; the exit code. */
  int run(
      EngineChoice engines,
      List<VerifyCase> cases,
      @Nullable Path kernel,
      long seed,
      boolean json,
      @Nullable Path html)
      throws IOException {
    if (worker) {
      return serve(engines, cases, seed);
    }
    if (!engines.allowsSoftCuda()) {
      throw new IllegalArgumentException(
          "--mutate runs on engine cuda, device softcuda, each kernel in its own precision");
    }
    List<PtxKernel> kernels = kernel == null ? ours(engines) : theirs(kernel);
    if (kernels.isEmpty()) {
      throw new IllegalArgumentException("no kernel has a name that matches " + names);
    }
    Explanations explanations =
        Explanations.parse(
            explained == null ? KernelLibrary.explainedMutants() : Files.readString(explained));
    MutationReport report;
    try (Progress progress = new Progress("trying");
        MutationRun run =
            new MutationRun(
                command(""),
                command(CHECKS),
                Runtime.getRuntime().availableProcessors(),
                cases.size(),
                (what, done, total) -> {
                  synchronized (progress) {
                    progress.steps(what, done, total);
                  }
                })) {
      report = run.run(kernels, mutants, seed, explanations);
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println(json ? report.json() : report.text());
    out.flush();
    if (html != null) {
      AtomicFile.write(html, report.html());
    }
    return report.passed() ? 0 : 1;
  }

  /** Kernels that some plan runs. */
  private List<PtxKernel> ours(EngineChoice engines) {
    Set<String> run = new HashSet<>();
    try (Engine engine = engines.softCuda()) {
      for (Precision precision : Precision.values()) {
        if (engine.whyNot(precision, Engine.Mode.INFERENCE).isEmpty()) {
          run.addAll(((KernelSuite) engine).kernels(precision));
        }
      }
    }
    return KernelLibrary.texts().stream()
        .flatMap(ptx -> PtxKernel.of(ptx).stream())
        .filter(kernel -> run.contains(kernel.name()) && isMeant(kernel))
        .toList();
  }

  private List<PtxKernel> theirs(Path file) throws IOException {
    return PtxKernel.of(Files.readString(file)).stream().filter(this::isMeant).toList();
  }

  private boolean isMeant(PtxKernel kernel) {
    return names.matcher(kernel.name()).matches();
  }

  /** This command once more, in a process of its own. */
  private ProcessBuilder command(String checks) {
    List<String> line = new ArrayList<>();
    line.add(ProcessHandle.current().info().command().orElse("java"));
    line.add("-XX:+UseSerialGC");
    line.add("-Xmx1g");
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(
            argument -> argument.startsWith("-Dresfuse.") || argument.startsWith("--enable-native"))
        .forEach(line::add);
    line.add("-cp");
    line.add(ManagementFactory.getRuntimeMXBean().getClassPath());
    line.add(Main.class.getName());
    line.addAll(spec.root().commandLine().getParseResult().originalArgs());
    line.add("--mutant-worker");
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().putAll(ENVIRONMENT);
    builder.environment().put("SOFTCUDA_CHECK", checks);
    return builder;
  }

  /** Answers on standard output, which nothing else may write to. */
  private static int serve(EngineChoice engines, List<VerifyCase> cases, long seed)
      throws IOException {
    PrintStream out = System.out;
    System.setOut(System.err);
    try (Engine reference = engines.reference();
        ChangingKernels kernels = engines.changingKernels()) {
      new TrialRunner(
              ptx ->
                  kernels.open(ptx == null ? UserKernels.none() : UserKernels.of("a mutant", ptx)),
              reference,
              cases,
              seed)
          .serve(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)), out);
    }
    return 0;
  }
}
