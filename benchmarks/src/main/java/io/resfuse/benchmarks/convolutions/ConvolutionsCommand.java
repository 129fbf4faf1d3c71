package io.resfuse.benchmarks.convolutions;

import io.resfuse.bench.report.Machine;
import io.resfuse.benchmarks.convolutions.ConvolutionsReport.Errors;
import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.model.Initializer;
import io.resfuse.tensor.TensorLayout;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code benchmarks/run convolutions}. */
@Command(
    name = "benchmarks/run convolutions",
    description =
        "Times convolutions by 3x3 directly and by Winograd's algorithm, in turns, and derives the"
            + " numbers by which the CPU engine chooses; ONEDNN_MAX_CPU_ISA=AVX2 for those of"
            + " AVX2.",
    mixinStandardHelpOptions = true)
final class ConvolutionsCommand implements Callable<Integer> {
  private static final String ENGINE = "onednn";
  private static final long SEED = 1;

  @Option(names = "--rounds", description = "Of each convolution (default: ${DEFAULT-VALUE}).")
  private int rounds = 5;

  @Option(
      names = "--error-channels",
      description = "Errors are taken up to so many channels (default: ${DEFAULT-VALUE}).")
  private int errorChannels = 512;

  @Option(names = "--json", description = "Print JSON in place of the table.")
  private boolean json;

  @Option(
      names = "--from",
      paramLabel = "FILE",
      split = ",",
      description =
          "Derive the numbers from runs that --json printed, without timing anything: of several"
              + " machines one model for all, and its mistakes on each.")
  private List<Path> stored = List.of();

  @Spec private CommandSpec spec;

  private ConvolutionsCommand() {}

  /**
   * Runs it and ends the process with its exit code.
   *
   * @param arguments of the command line
   */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ConvolutionsCommand()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    if (stored.size() > 1) {
      System.out.print(joint().text());
      return 0;
    }
    ConvolutionsReport report =
        stored.isEmpty() ? measured() : ConvolutionsReport.read(stored.get(0));
    System.out.print(json ? report.json() + "\n" : report.text());
    return 0;
  }

  private JointReport joint() throws IOException {
    if (json) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "--json is for one run: of several only text is printed");
    }
    List<ConvolutionsReport> runs = new ArrayList<>();
    for (Path file : stored) {
      runs.add(ConvolutionsReport.read(file));
    }
    try {
      return JointReport.of(runs);
    } catch (IllegalArgumentException e) {
      throw new CommandLine.ParameterException(spec.commandLine(), "--from: " + e.getMessage(), e);
    }
  }

  private ConvolutionsReport measured() {
    Set<Integer> threads = new TreeSet<>(Set.of(1));
    threads.add(EngineOptions.defaults().effectiveThreads());
    List<Measured> measured = new ArrayList<>();
    String kernels = "";
    for (int count : threads) {
      try (Engine direct = open(count, ConvolutionAlgorithm.DIRECT);
          Engine fast = open(count, ConvolutionAlgorithm.FAST)) {
        for (Shape shape : Shape.grid()) {
          try (Prepared one = new Prepared(direct, shape);
              Prepared other = new Prepared(fast, shape)) {
            kernels = other.kernels();
            measured.add(time(shape, count, one, other));
          }
        }
      }
    }
    return ConvolutionsReport.of(Machine.here(), kernels, measured, allErrors());
  }

  private static Engine open(int threads, ConvolutionAlgorithm algorithm) {
    return Engines.open(ENGINE, new EngineOptions(threads, "").withConvolutions(algorithm));
  }

  private Measured time(Shape shape, int threads, Prepared direct, Prepared fast) {
    double[] directly = new double[rounds];
    double[] fastly = new double[rounds];
    for (int i = 0; i < rounds; i++) {
      directly[i] = direct.seconds();
      fastly[i] = fast.seconds();
    }
    return new Measured(shape, threads, median(directly), median(fastly));
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  private List<Errors> allErrors() {
    List<Errors> errors = new ArrayList<>();
    EngineOptions options = EngineOptions.defaults();
    try (Engine reference = Engines.open("reference", options);
        Engine direct = open(options.effectiveThreads(), ConvolutionAlgorithm.DIRECT);
        Engine fast = open(options.effectiveThreads(), ConvolutionAlgorithm.FAST)) {
      for (int channels = 64, size = 56; channels <= errorChannels; channels *= 2, size /= 2) {
        Shape shape = new Shape(1, channels, channels, size);
        float[] expected = answer(reference, shape);
        errors.add(
            new Errors(
                shape,
                error(answer(direct, shape), expected),
                error(answer(fast, shape), expected)));
      }
    }
    return errors;
  }

  private static float[] answer(Engine engine, Shape shape) {
    try (Prepared prepared = new Prepared(engine, shape)) {
      return prepared.answer();
    }
  }

  private static double error(float[] values, float[] expected) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < values.length; i++) {
      difference += Math.pow((double) values[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / norm);
  }

  /** A convolution with its weights and images. */
  private static final class Prepared implements AutoCloseable {
    /** A round takes the fastest of as many runs as fit into this, and of two at least. */
    private static final double SECONDS = 0.004;

    private final LoadedNetwork network;
    private final InferencePlan plan;

    Prepared(Engine engine, Shape shape) {
      NetworkSpec spec = shape.network();
      Parameters parameters = Initializer.seeded(SEED).initialize(spec);
      this.network = engine.load(spec, parameters, Precision.FP32);
      this.plan =
          network.plan(
              new PlanRequest(
                  shape.images(),
                  shape.size(),
                  shape.size(),
                  TensorLayout.NHWC,
                  Set.of(Shape.OUTPUT)));
      Random random = new Random(SEED);
      FloatBuffer input = plan.input();
      for (int i = 0; i < input.capacity(); i++) {
        input.put(i, (float) random.nextGaussian());
      }
      plan.run();
    }

    String kernels() {
      String name = ((OperationTimer) plan).implementations(Shape.CONV).get(0);
      return name.substring(name.indexOf(':') + 1);
    }

    double seconds() {
      double fastest = Double.MAX_VALUE;
      double spent = 0;
      for (int i = 0; i < 2 || spent < SECONDS; i++) {
        double seconds = ((OperationTimer) plan).seconds(Shape.CONV, () -> {});
        fastest = Math.min(fastest, seconds);
        spent += seconds;
      }
      return fastest;
    }

    float[] answer() {
      FloatBuffer output = plan.output(Shape.OUTPUT);
      float[] values = new float[output.capacity()];
      output.get(0, values);
      return values;
    }

    @Override
    public void close() {
      plan.close();
      network.close();
    }
  }
}
