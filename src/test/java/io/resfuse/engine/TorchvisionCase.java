package io.resfuse.engine;

import io.resfuse.engine.reference.ReferenceInferencePlan;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.model.SegmentationConfig.Head;
import io.resfuse.model.VggConfig;
import io.resfuse.model.VggVariant;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What torchvision or timm computed for a network whose weights {@link TestData} makes: a file of
 * {@code torchvision/make_expected.py}, whose head says what is in it, or {@code timm}'s.
 */
public final class TorchvisionCase {
  /** All cases. Those with {@code -b} are others with other images. */
  public static final List<String> NAMES =
      List.of(
          "resnet18",
          "resnet50",
          "resnet23-dilated",
          "resnet20",
          "resnet20-b",
          "resnext14_32x4d",
          "resnext14_32x4d-b",
          "wide_resnet14_2",
          "wide_resnet14_2-b",
          "vgg8",
          "vgg8-b",
          "vgg8_bn_small",
          "vgg8_bn_small-b",
          "fcn_resnet14",
          "deeplabv3_resnet14",
          "resnet14c",
          "resnet14c-b",
          "resnet14d",
          "resnet14d-b",
          "resnet10t",
          "resnet10t-b",
          "seresnet10",
          "seresnet10-b",
          "seresnet14d",
          "seresnet14d-b");

  /** The sums with random signs per array. */
  public static final int PROJECTIONS = 8;

  /**
   * An expected array.
   *
   * @param pytorchError PyTorch's float32 error: relative L2 distance to float64
   * @param norm the L2 norm
   * @param sums the elements' sums with random signs
   */
  public record Expected(double pytorchError, double norm, List<Double> sums) {}

  private final String name;
  private final int batch;
  private final int size;
  private final int inferenceSize;
  private final double loss;
  private final Map<String, Expected> arrays;

  private TorchvisionCase(
      String name,
      int batch,
      int size,
      int inferenceSize,
      double loss,
      Map<String, Expected> arrays) {
    this.name = name;
    this.batch = batch;
    this.size = size;
    this.inferenceSize = inferenceSize;
    this.loss = loss;
    this.arrays = arrays;
  }

  /** Reads the committed file of a case. */
  public static TorchvisionCase of(String name) {
    try (InputStream file =
        TorchvisionCase.class.getResourceAsStream(
            (isTimms(name) ? "/timm/" : "/torchvision/") + name + ".tsv")) {
      return parse(new String(file.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether a case's outputs are maps. */
  static boolean isSegmentation(String name) {
    return name.startsWith("fcn_") || name.startsWith("deeplabv3_");
  }

  /** Whether a case is one of timm's, for what torchvision has not. */
  static boolean isTimms(String name) {
    return name.matches("se.*|.*1[04][cdt](-b)?");
  }

  /** Parses a file's text. */
  public static TorchvisionCase parse(String text) {
    String[] head = {};
    double loss = Double.NaN;
    Map<String, Expected> arrays = new LinkedHashMap<>();
    for (String line : text.split("\n", 0)) {
      String[] fields = line.split("\t", 0);
      switch (fields[0]) {
        case "case" -> head = fields;
        case "loss" -> loss = Double.parseDouble(fields[1]);
        case "array" -> {
          List<Double> sums = new ArrayList<>();
          for (int j = 0; j < PROJECTIONS; j++) {
            sums.add(Double.parseDouble(fields[4 + j]));
          }
          arrays.put(
              fields[1],
              new Expected(Double.parseDouble(fields[2]), Double.parseDouble(fields[3]), sums));
        }
        default -> throw new IllegalArgumentException("unknown line " + fields[0]);
      }
    }
    return new TorchvisionCase(
        head[1],
        Integer.parseInt(head[2]),
        Integer.parseInt(head[3]),
        Integer.parseInt(head[4]),
        loss,
        arrays);
  }

  /** The mean cross-entropy. */
  public double loss() {
    return loss;
  }

  /** The expected arrays by name. */
  public Map<String, Expected> arrays() {
    return arrays;
  }

  /** The network. */
  public NetworkSpec network() {
    NetworkConfig config =
        switch (name.replace("-b", "")) {
          case "resnet23-dilated" ->
              ResNetConfig.of(bottlenecks(1, 64, 1, 2, 2, 2))
                  .replaceStrideWithDilation(false, true, true);
          case "fcn_resnet14" ->
              SegmentationConfig.of(Head.FCN, ResNetConfig.of(bottlenecks(1, 64, 1, 1, 1, 1)));
          case "deeplabv3_resnet14" ->
              SegmentationConfig.of(Head.DEEPLABV3, ResNetConfig.of(bottlenecks(1, 64, 1, 1, 1, 1)))
                  .withPyramid(64, List.of(1, 2, 3));
          case "resnext14_32x4d" -> ResNetConfig.of(bottlenecks(32, 4, 1, 1, 1, 1));
          case "resnet14c" ->
              ResNetConfig.of(timms(BlockKind.BOTTLENECK, StemKind.DEEP, false, false));
          case "resnet14d" ->
              ResNetConfig.of(timms(BlockKind.BOTTLENECK, StemKind.DEEP, true, false));
          case "seresnet10" ->
              ResNetConfig.of(timms(BlockKind.BASIC, StemKind.IMAGENET, false, true));
          case "seresnet14d" ->
              ResNetConfig.of(timms(BlockKind.BOTTLENECK, StemKind.DEEP, true, true));
          case "wide_resnet14_2" -> ResNetConfig.of(bottlenecks(1, 128, 1, 1, 1, 1));
          case "vgg8" ->
              VggConfig.of(
                      new VggVariant(
                          name, List.of(1, 1, 1, 1, 1), List.of(4, 8, 8, 16, 16), false, 24))
                  .withClasses(11);
          case "vgg8_bn_small" ->
              VggConfig.of(
                  new VggVariant(
                      name, List.of(1, 1, 2, 1, 2), List.of(8, 16, 16, 24, 24), true, 0));
          default -> ResNetConfig.of(name.replace("-b", ""));
        };
    return config.build();
  }

  private ResNetVariant bottlenecks(int groups, int widthPerGroup, Integer... blocks) {
    return new ResNetVariant(
        name,
        BlockKind.BOTTLENECK,
        StemKind.IMAGENET,
        List.of(blocks),
        List.of(64, 128, 256, 512),
        groups,
        widthPerGroup,
        true);
  }

  private ResNetVariant timms(
      BlockKind block, StemKind stem, boolean averagedShortcuts, boolean squeezeExcitation) {
    return new ResNetVariant(
        name,
        block,
        stem,
        List.of(1, 1, 1, 1),
        List.of(64, 128, 256, 512),
        1,
        64,
        true,
        averagedShortcuts,
        squeezeExcitation);
  }

  /** The options of its training plan; no momentum, which saves memory. */
  public TrainingOptions options(Precision precision) {
    return new TrainingOptions(
        batch,
        size,
        size,
        TensorLayout.NCHW,
        precision,
        isSegmentation(name) ? Set.of("logits", "aux") : Set.of("logits"),
        Set.of(),
        true,
        new Optimizer.Sgd(0, false, 0, Map.of()));
  }

  /** Runs the inference pass and returns the logits. */
  public double[] inference(Engine engine, NetworkSpec network, Precision precision) {
    PlanRequest request = PlanRequest.logits(1, inferenceSize);
    try (LoadedNetwork loaded = engine.load(network, TestData.parameters(network), precision);
        InferencePlan plan = loaded.plan(request)) {
      TestData.put(
          TestData.images(name + "/inference/images", plan.input().capacity()), plan.input());
      Results.poison(plan.output("logits"));
      plan.run();
      return plan instanceof ReferenceInferencePlan exact
          ? exact.exactOutput("logits")
          : Results.toNchw(plan.output("logits"), plan.outputShape("logits"), TensorLayout.NCHW);
    }
  }

  /** Runs forward, loss and backward; returns the loss. */
  public double step(TrainingPlan plan) {
    TestData.put(TestData.images(name + "/images", plan.input().capacity()), plan.input());
    Results.poison(plan.output("logits"));
    Results.poison(plan.inputGradient());
    plan.forward();
    int[] labels = labels(plan.outputShape("logits"));
    double result = plan.softmaxCrossEntropy(labels, 0);
    if (plan.options().outputs().contains("aux")) {
      result += plan.softmaxCrossEntropy("aux", labels, 0, 0.5);
    }
    plan.backward(false);
    return result;
  }

  /** One per image, or per pixel, where one of classes + 1 is none. */
  private int[] labels(Shape logits) {
    int classes = logits.dimension(1);
    int count = (int) (logits.elements() / classes);
    int kinds = logits.rank() == 2 ? classes : classes + 1;
    int[] labels = TestData.labels(name + "/labels", count, kinds);
    for (int i = 0; i < count; i++) {
      labels[i] = labels[i] == classes ? -1 : labels[i];
    }
    return labels;
  }

  /** An array of a plan after {@link #step}, by the name under which it is expected. */
  public double[] array(TrainingPlan plan, NetworkSpec network, Parameters after, String array) {
    if (array.equals("logits") || array.equals("aux")) {
      return Results.outputs(plan).get(array);
    } else if (array.equals("gradient of the images")) {
      return Results.inputGradient(plan, network);
    } else if (array.startsWith("gradient of ")) {
      String parameter = array.substring("gradient of ".length());
      return Results.gradient(plan, network.parameters().get(parameter));
    } else if (array.startsWith("running ")) {
      return Results.parameter(plan, after, array.substring("running ".length()));
    }
    throw new IllegalArgumentException(array);
  }

  /** The sums with random signs of an array. */
  public static double[] sums(String array, double[] values) {
    long seed = TestData.seed(array + "#signs");
    double[] sums = new double[PROJECTIONS];
    for (int i = 0; i < values.length; i++) {
      long bits = TestData.bits(seed, i);
      for (int j = 0; j < PROJECTIONS; j++) {
        sums[j] += (bits >>> j & 1) == 1 ? values[i] : -values[i];
      }
    }
    return sums;
  }

  @Override
  public String toString() {
    return name;
  }
}
