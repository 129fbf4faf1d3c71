package io.resfuse.cli;

import io.resfuse.engine.Engine;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import io.resfuse.model.NetworkConfig;
import io.resfuse.verify.EdgeCases;
import io.resfuse.verify.Level;
import io.resfuse.verify.NetworkCases;
import io.resfuse.verify.RandomShapes;
import io.resfuse.verify.ShapeFile;
import io.resfuse.verify.Subject;
import io.resfuse.verify.Verifier;
import io.resfuse.verify.VerifyCase;
import io.resfuse.verify.VerifyReport;
import io.resfuse.verify.mutation.MutationCases;
import io.resfuse.weights.format.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code resfuse verify}. */
@Command(
    name = "verify",
    description =
        "Holds an engine against another, by default the best that runs here against float64: every"
            + " operation and block of a network and the whole of it, forward and backward.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:everything was within its tolerance",
      "1:something missed, proved nothing, or could not run; or a mutant survived without explanation",
      "2:wrong use"
    },
    footer = {
      "",
      "A number in the table is the largest error as a share of what is allowed; '-' was skipped,"
          + " '?' proves nothing.",
      "In int8 weights are quantised, and what convolutions give must be the same bits (exact); what"
          + " is computed in float32 behind them is near (inference). Training has no int8.",
      "",
      "Examples:",
      "  resfuse verify --network resnet50 --size 64 --html verify.html",
      "  resfuse verify --engine cuda --device softcuda --precision fp16 --random 20 --seed 7",
      "  resfuse verify --engine onednn --precision int8 --network resnet50",
      "  resfuse verify --engine cuda --precision tf32 --against onednn --shapes layers.yaml",
      "  resfuse verify --kernel examples/kernels/naive_convolution.ptx --shapes"
          + " examples/kernels/shapes.yaml",
      "  resfuse verify --mutate --mutants 300 --html mutants.html",
      "  resfuse verify --mutate --mutants 40 --kernel-name 'conv_f16.*' --random 30",
    })
final class VerifyCommand implements Callable<Integer> {
  private static final int MOST_RANDOM = 1_000_000;

  @Spec private CommandSpec spec;

  @Mixin private EngineChoice engineChoice;

  @Option(
      names = "--against",
      paramLabel = "ENGINE",
      description = "The engine that gives the expected values (default: ${DEFAULT-VALUE}).")
  private String against = EngineChoice.REFERENCE;

  @Option(
      names = "--against-device",
      paramLabel = "DEVICE",
      description = "The device on which that engine runs (default: the first).")
  private String againstDevice = "";

  @Option(
      names = "--against-precision",
      paramLabel = "PRECISION",
      description =
          "The precision in which that engine computes (default: fp64 on the reference engine, else"
              + " fp32; int8 for --precision int8).")
  private String againstPrecision;

  @Option(
      names = "--network",
      paramLabel = "NETWORK",
      description =
          "Verify this network (default: resnet18, unless there are --shapes or --random);"
              + " 'resfuse summary' lists them.")
  private String network;

  @Mixin private NetworkOptions networkOptions;

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description =
          "How many rows and columns the network's images have (default: ${DEFAULT-VALUE}).")
  private int size = 64;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "How many images the network gets at once (default: ${DEFAULT-VALUE}).")
  private int batch = 2;

  @Option(
      names = "--levels",
      split = ",",
      paramLabel = "LEVEL",
      description =
          "What to verify: the network's operations, its blocks, the whole network; edges, which"
              + " are small operations of sizes that run every kernel, loop and tail; and training,"
              + " which is other optimizers, frozen parts and accumulated gradients on a small"
              + " network. LEVEL is operation, edges, block, network or training (default: all).")
  private Set<Level> levels = EnumSet.allOf(Level.class);

  @Option(
      names = "--shapes",
      paramLabel = "FILE",
      description = "Verify the operations that a YAML, JSON or CSV file lists.")
  private Path shapes;

  @Option(
      names = "--random",
      paramLabel = "N",
      description = "Verify this many operations of random shapes that fit no tile.")
  private int random;

  @Option(
      names = "--kernel",
      paramLabel = "FILE.ptx",
      description =
          "Verify kernels of your own on engine cuda; each takes the place of our kernel of that name.")
  private Path kernel;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "The seed of random shapes and of all random numbers (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(names = "--json", description = "Print JSON in place of the table.")
  private boolean json;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Write a page with the table and histograms of errors to this file.")
  private Path html;

  @Mixin private Mutation mutation;

  @Override
  public Integer call() throws IOException {
    if (size < 1 || batch < 1 || random < 0 || random > MOST_RANDOM) {
      throw new ParameterException(
          spec.commandLine(),
          "--size and --batch must be at least 1, --random 0 to " + MOST_RANDOM + ".");
    }
    OutputFiles.requireWritable(html);
    if (html != null) {
      OutputFiles.requireOther(html, shapes, kernel);
    }
    List<VerifyCase> cases = new ArrayList<>();
    boolean hasEdges = false;
    if (shapes != null) {
      cases.addAll(ShapeFile.read(shapes));
    }
    cases.addAll(RandomShapes.of(random, seed));
    if (mutation.isWanted() && network == null && cases.isEmpty()) {
      try (Engine engine = engineChoice.softCuda()) {
        cases.addAll(MutationCases.of(engine));
      }
    } else if (network != null || cases.isEmpty()) {
      NetworkConfig config =
          networkOptions.apply(NetworkConfig.of(network == null ? "resnet18" : network));
      cases.addAll(NetworkCases.at(levels, config, batch, size));
      hasEdges = levels.contains(Level.EDGES);
    }
    if (mutation.isWanted()) {
      return mutation.run(engineChoice, cases, kernel, seed, json, html);
    }
    UserKernels kernels = kernel == null ? UserKernels.none() : UserKernels.read(kernel);
    try (Engine engine = kernel == null ? engineChoice.openWhole() : engineChoice.open(kernels);
        Engine other = engineChoice.open(against, againstDevice);
        Engine reference = engineChoice.reference()) {
      Subject subject = subject(engine, engineChoice.askedPrecision());
      if (hasEdges) {
        cases.addAll(EdgeCases.of(engine));
      }
      if (subject.precision() == Precision.INT8) {
        cases.removeIf(test -> test.level() == Level.TRAINING);
      }
      boolean isReference = other.name().equals(reference.name());
      Subject expected =
          new Subject(
              isReference ? reference : other,
              subject(other, expectedPrecision(subject)).precision());
      VerifyReport report = run(subject, expected, reference, cases);
      if (json) {
        spec.commandLine().getOut().println(report.json());
        spec.commandLine().getOut().flush();
      }
      if (html != null) {
        AtomicFile.write(html, report.html());
      }
      boolean complete = !hasEdges || haveAllRun(engine, subject.precision());
      return report.passed() && areUsed(kernels) && complete ? 0 : 1;
    }
  }

  /** An engine in the precision that was asked for, or in its usual one. */
  private static Subject subject(Engine engine, @Nullable String asked) {
    return new Subject(engine, EngineChoice.precision(engine, asked, Engine.Mode.INFERENCE));
  }

  /** Integers are held against integers, unless something else is asked for. */
  private @Nullable String expectedPrecision(Subject subject) {
    return againstPrecision == null && subject.precision() == Precision.INT8
        ? Precision.INT8.toString()
        : againstPrecision;
  }

  /** Says which of the engine's kernels no case has run; true if there is none. */
  private boolean haveAllRun(Engine engine, Precision precision) {
    if (!(engine instanceof KernelSuite suite)) {
      return true;
    }
    Set<String> missing = new TreeSet<>(suite.kernels(precision));
    missing.removeAll(suite.kernelsRun());
    if (!missing.isEmpty()) {
      spec.commandLine().getErr().printf("resfuse: no case ran the kernels %s%n", missing);
      spec.commandLine().getErr().flush();
    }
    return missing.isEmpty();
  }

  /** Says which of the user's kernels no case has run; false if that is all of them. */
  private boolean areUsed(UserKernels kernels) {
    if (kernel == null) {
      return true;
    }
    if (!kernels.unused().isEmpty()) {
      spec.commandLine()
          .getErr()
          .printf("resfuse: no case ran %s of %s; try other shapes%n", kernels.unused(), kernel);
      spec.commandLine().getErr().flush();
    }
    return !kernels.isUnused();
  }

  private VerifyReport run(
      Subject subject, Subject expected, Engine reference, List<VerifyCase> cases) {
    PrintWriter out = json ? new PrintWriter(Writer.nullWriter()) : spec.commandLine().getOut();
    out.println(subject);
    out.println("against " + expected);
    out.println(VerifyReport.head());
    VerifyReport report =
        new Verifier(subject, expected, reference, seed)
            .verify(
                cases,
                result -> {
                  out.println(VerifyReport.row(result));
                  out.flush();
                });
    out.println(report.summary());
    out.flush();
    return report;
  }
}
