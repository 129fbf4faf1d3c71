package io.resfuse.engine;

import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.Operation.Window;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.model.SegmentationConfig.Head;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The networks and shapes on which every engine is tried: small, odd and ragged ones. */
public final class TestNetworks {
  private TestNetworks() {}

  /** A network with a batch and an image size. */
  public record TestNetwork(NetworkSpec network, int batch, int height, int width) {
    /** For the names of tests. */
    @Override
    public String toString() {
      return network.name() + ", " + batch + " of " + height + "x" + width;
    }

    /** The output that the network is judged by. */
    public String output() {
      return network.outputs().containsKey("logits") ? "logits" : "out";
    }

    /** The shape of the output that the network is judged by. */
    public Shape outputShape() {
      return network.shapes(batch, height, width).get(network.output(output()).id());
    }

    /** The shape of the images. */
    public Shape imageShape() {
      return Shape.of(batch, network.input().channels(), height, width);
    }

    /** Images that differ between cases. */
    public float[] images() {
      return images(0);
    }

    /** Images that differ between cases and attempts. */
    public float[] images(int attempt) {
      return TestData.images(network.name() + "/images" + attempt, (int) imageShape().elements());
    }

    /** A request for all outputs. */
    public PlanRequest request(TensorLayout layout) {
      return new PlanRequest(batch, height, width, layout, network.outputs().keySet());
    }

    /** What a training plan of the case needs, judged by {@link #output}. */
    public TrainingOptions options(Precision precision) {
      return new TrainingOptions(
          batch,
          height,
          width,
          TensorLayout.NCHW,
          precision,
          Set.of(output()),
          Set.of(),
          true,
          Optimizer.Sgd.standard());
    }
  }

  /** One fused operation each. */
  public static List<TestNetwork> operations() {
    List<TestNetwork> cases = new ArrayList<>();
    cases.add(conv("conv3x3", 5, 7, new Window(3, 1, 1, 1), 1, 3, 13, 17));
    cases.add(conv("conv3x3s2", 5, 18, new Window(3, 2, 1, 1), 1, 2, 13, 16));
    cases.add(conv("conv3x3s3", 4, 4, new Window(3, 3, 1, 1), 1, 2, 14, 17));
    cases.add(conv("conv3x3d2", 6, 5, new Window(3, 1, 2, 2), 1, 2, 9, 12));
    cases.add(conv("conv3x3s2d2", 6, 5, new Window(3, 2, 2, 2), 1, 2, 13, 12));
    cases.add(conv("conv3x3groups", 6, 9, new Window(3, 1, 1, 1), 3, 2, 7, 5));
    cases.add(conv("conv3x3groups32s2", 64, 64, new Window(3, 2, 1, 1), 32, 2, 7, 7));
    cases.add(conv("depthwise", 6, 6, new Window(3, 2, 1, 1), 6, 2, 8, 9));
    cases.add(conv("conv1x1", 33, 17, new Window(1, 1, 0, 1), 1, 2, 5, 7));
    cases.add(conv("conv1x1s2", 16, 40, new Window(1, 2, 0, 1), 1, 3, 7, 10));
    cases.add(conv("conv7x7s2", 3, 16, new Window(7, 2, 3, 1), 1, 2, 17, 32));
    cases.add(conv("conv7x7s2onepixel", 3, 5, new Window(7, 2, 3, 1), 1, 3, 1, 1));
    cases.add(conv("conv3x3onepixel", 4, 4, new Window(3, 1, 1, 1), 1, 4, 1, 1));
    cases.add(conv("conv3x3row", 4, 4, new Window(3, 2, 1, 1), 1, 2, 1, 13));
    for (boolean bias : new boolean[] {false, true}) {
      for (boolean relu : new boolean[] {false, true}) {
        String suffix = (bias ? "Bias" : "") + (relu ? "Relu" : "");
        NetworkBuilder bare = new NetworkBuilder("bareConv" + suffix, 3);
        Conv conv = new Conv("conv", 8, new Window(3, 1, 1, 1), 1, bias, null);
        bare.output("out", bare.fusedConv(bare.input(), conv, null, relu));
        cases.add(new TestNetwork(bare.build(), 2, 6, 7));
      }
    }
    NetworkBuilder pool = new NetworkBuilder("maxPool3x3s2", 5);
    pool.output("out", pool.maxPool("pool", pool.input(), new Window(3, 2, 1, 1)));
    cases.add(new TestNetwork(pool.build(), 2, 13, 8));
    NetworkBuilder evenPool = new NetworkBuilder("maxPool2x2s2", 16);
    evenPool.output("out", evenPool.maxPool("pool", evenPool.input(), new Window(2, 2, 0, 1)));
    cases.add(new TestNetwork(evenPool.build(), 2, 8, 6));
    // Squares that are cut in rows and columns, in columns only, in none, and that are one pixel.
    for (int[] size : new int[][] {{5, 13, 9}, {16, 8, 7}, {32, 6, 8}, {3, 1, 1}}) {
      NetworkBuilder squares = new NetworkBuilder("averagePool2x2s2of" + size[0], size[0]);
      squares.output("out", squares.averagePool("pool", squares.input(), 2));
      cases.add(new TestNetwork(squares.build(), 2, size[1], size[2]));
    }
    for (int[] size : new int[][] {{5, 3, 7, 6}, {16, 8, 5, 5}, {32, 8, 1, 1}}) {
      NetworkBuilder gated = new NetworkBuilder("squeezeExcite" + size[0], size[0]);
      gated.output("out", gated.squeezeExcite("se", gated.input(), size[1], null, false));
      cases.add(new TestNetwork(gated.build(), 3, size[2], size[3]));
    }
    NetworkBuilder gatedAndAdded = new NetworkBuilder("squeezeExciteOfTheImage", 16);
    Value image = gatedAndAdded.input();
    gatedAndAdded.output("out", gatedAndAdded.squeezeExcite("se", image, 4, image, true));
    cases.add(new TestNetwork(gatedAndAdded.build(), 2, 6, 5));
    NetworkBuilder identity = new NetworkBuilder("subsampledIdentity", 5);
    identity.output("out", identity.subsampledIdentity("shortcut", identity.input(), 2, 12));
    cases.add(new TestNetwork(identity.build(), 2, 7, 8));
    NetworkBuilder head = new NetworkBuilder("head", 19);
    Value pooled = head.globalAveragePool("avgpool", head.input());
    head.output("out", head.linear("fc", pooled, 7));
    cases.add(new TestNetwork(head.build(), 3, 7, 5));
    cases.add(residual("residualConv", false));
    cases.add(residual("residualConvOfNothing", true));
    return cases;
  }

  /** The convolutions of {@link #operations} without batch norm, pools and shortcuts. */
  public static List<TestNetwork> exact() {
    List<TestNetwork> cases = new ArrayList<>();
    for (TestNetwork test : operations()) {
      Operation operation = test.network().operations().get(0);
      if (operation instanceof Operation.FusedConv conv && conv.residual() == null) {
        NetworkBuilder builder =
            new NetworkBuilder(test.network().name(), test.network().input().channels());
        Conv bare =
            new Conv("conv", conv.output().channels(), conv.window(), conv.groups(), true, null);
        builder.output("out", builder.fusedConv(builder.input(), bare, null, conv.relu()));
        cases.add(new TestNetwork(builder.build(), test.batch(), test.height(), test.width()));
      } else if (!test.network().outputs().get("out").isFlat()
          && !(operation instanceof Operation.FusedConv)
          && !(operation instanceof Operation.SqueezeExcite)) {
        cases.add(test);
      }
    }
    NetworkBuilder residual = new NetworkBuilder("bareResidual", 8);
    Conv conv = new Conv("conv", 8, new Window(3, 1, 1, 1), 1, true, null);
    residual.output("out", residual.fusedConv(residual.input(), conv, residual.input(), true));
    cases.add(new TestNetwork(residual.build(), 2, 7, 9));
    return cases;
  }

  private static TestNetwork conv(
      String name, int in, int out, Window window, int groups, int batch, int height, int width) {
    NetworkBuilder builder = new NetworkBuilder(name, in);
    Conv conv = new Conv("conv", out, window, groups, false, new Norm("bn", 1e-5, 0.1));
    builder.output("out", builder.fusedConv(builder.input(), conv, null, true));
    return new TestNetwork(builder.build(), batch, height, width);
  }

  /** A convolution whose residual is the image itself, or that is used twice. */
  private static TestNetwork residual(String name, boolean twice) {
    NetworkBuilder builder = new NetworkBuilder(name, 8);
    Conv conv = new Conv("conv", 8, new Window(3, 1, 1, 1), 1, true, new Norm("bn", 1e-3, 0.3));
    Value first = builder.fusedConv(builder.input(), conv, builder.input(), true);
    if (twice) {
      Conv second =
          new Conv("conv2", 8, new Window(1, 1, 0, 1), 1, false, new Norm("bn2", 1e-5, 0.1));
      builder.output("out", builder.fusedConv(first, second, first, false));
    } else {
      builder.output("out", first);
    }
    return new TestNetwork(builder.build(), 2, 6, 5);
  }

  /** Whole small networks with a head: every kind of block, shortcut, stem and stride. */
  public static List<TestNetwork> networks() {
    List<TestNetwork> cases = new ArrayList<>();
    ResNetConfig optionA = small("basicA", BlockKind.BASIC, StemKind.CIFAR, 1, 64, true);
    optionA = optionA.withShortcut(ResNetConfig.Shortcut.IDENTITY);
    cases.add(new TestNetwork(optionA.build(), 3, 13, 17));
    ResNetConfig optionB = small("basicB", BlockKind.BASIC, StemKind.CIFAR, 1, 64, true);
    optionB = optionB.withShortcut(ResNetConfig.Shortcut.PROJECTION);
    cases.add(new TestNetwork(optionB.build(), 2, 16, 16));
    cases.add(
        new TestNetwork(
            small("plain", BlockKind.BASIC, StemKind.CIFAR, 1, 64, false).build(), 2, 9, 8));
    cases.add(
        new TestNetwork(
            small("stem", BlockKind.BASIC, StemKind.IMAGENET, 1, 64, true).build(), 2, 33, 47));
    cases.add(
        new TestNetwork(
            small("deepStem", BlockKind.BASIC, StemKind.TIERED_DEEP, 1, 64, true).build(),
            2,
            33,
            47));
    for (int[] size : new int[][] {{33, 47}, {32, 36}}) {
      cases.add(
          new TestNetwork(
              averaging("averaging" + size[0], BlockKind.BOTTLENECK).build(), 2, size[0], size[1]));
    }
    cases.add(
        new TestNetwork(
            small("bottleneck", BlockKind.BOTTLENECK, StemKind.IMAGENET, 1, 64, true).build(),
            3,
            32,
            32));
    cases.add(
        new TestNetwork(
            small("bottleneckKeras", BlockKind.BOTTLENECK, StemKind.IMAGENET, 1, 64, true)
                .withStrideInFirst1x1(true)
                .withConvBias(true)
                .withEpsilon(1e-3)
                .build(),
            2,
            29,
            32));
    cases.add(
        new TestNetwork(
            small("bottleneckDilated", BlockKind.BOTTLENECK, StemKind.IMAGENET, 1, 64, true)
                .replaceStrideWithDilation(false, true)
                .build(),
            2,
            40,
            33));
    cases.add(
        new TestNetwork(
            small("resnext", BlockKind.BOTTLENECK, StemKind.CIFAR, 4, 16, true).build(), 2, 8, 8));
    cases.add(
        new TestNetwork(
            small("wide", BlockKind.BOTTLENECK, StemKind.CIFAR, 1, 128, true).build(), 2, 7, 9));
    cases.add(
        new TestNetwork(
            small("onepixel", BlockKind.BASIC, StemKind.IMAGENET, 1, 64, true).build(), 4, 1, 1));
    // Channels in whole blocks of 16, for which engines may have layouts of their own.
    cases.add(
        new TestNetwork(inBlocks("blocksA", BlockKind.BASIC, StemKind.CIFAR).build(), 3, 11, 12));
    cases.add(
        new TestNetwork(
            inBlocks("blocks", BlockKind.BOTTLENECK, StemKind.IMAGENET).build(), 2, 35, 48));
    cases.add(
        new TestNetwork(
            gated("gatedBasic", BlockKind.BASIC, StemKind.CIFAR, 24).build(), 3, 11, 9));
    cases.add(
        new TestNetwork(
            gated("gated", BlockKind.BOTTLENECK, StemKind.DEEP, 32).build(), 2, 33, 40));
    cases.add(
        new TestNetwork(
            inBlocks("blocksGrey", BlockKind.BASIC, StemKind.CIFAR).withInputChannels(1).build(),
            3,
            12,
            13));
    return cases;
  }

  /** Of {@link #networks}, one of each kind of shortcut, block and stem. */
  public static List<TestNetwork> someNetworks() {
    Set<String> names = Set.of("basicA", "bottleneckDilated", "resnext", "gated", "blocks");
    return networks().stream().filter(test -> names.contains(test.network().name())).toList();
  }

  /** Resizes, concatenations and means of one pixel; the last ones are {@link #segmentations}. */
  public static List<TestNetwork> maps() {
    List<TestNetwork> cases = new ArrayList<>();
    // To odd and even sizes, by ratios that are no integers, from a row, and of whole blocks.
    for (int[] size : new int[][] {{5, 9, 13, 2}, {16, 8, 6, 2}, {3, 1, 7, 3}, {8, 11, 4, 4}}) {
      NetworkBuilder resize = new NetworkBuilder("resizeOf" + size[0], size[0]);
      Value pooled = resize.averagePool("pool", resize.input(), size[3]);
      resize.output("out", resize.bilinearResize("resize", pooled, resize.input()));
      cases.add(new TestNetwork(resize.build(), 2, size[1], size[2]));
    }
    NetworkBuilder pixel = new NetworkBuilder("resizeOfOnePixel", 6);
    Value mean = pixel.averagePixel("mean", pixel.input());
    Conv conv = new Conv("conv", 9, new Window(1, 1, 0, 1), 1, false, new Norm("bn", 1e-5, 0.1));
    Value one = pixel.fusedConv(mean, conv, null, true);
    pixel.output("out", pixel.bilinearResize("resize", one, pixel.input()));
    cases.add(new TestNetwork(pixel.build(), 3, 5, 4));
    for (int channels : new int[] {5, 16}) {
      NetworkBuilder concat = new NetworkBuilder("concatOf" + channels, channels);
      Conv wide =
          new Conv(
              "conv", 2 * channels, new Window(3, 1, 1, 1), 1, false, new Norm("bn", 1e-5, 0.1));
      Value first = concat.fusedConv(concat.input(), wide, null, true);
      Value second = concat.maxPool("pool", concat.input(), new Window(3, 1, 1, 1));
      Value all = concat.concat("concat", List.of(first, second, concat.input()));
      Conv joined = new Conv("joined", channels, new Window(1, 1, 0, 1), 1, true, null);
      concat.output("out", concat.fusedConv(all, joined, second, true));
      cases.add(new TestNetwork(concat.build(), 2, 7, 6));
    }
    cases.addAll(segmentations());
    return cases;
  }

  /** Whole small networks that give each pixel a class. */
  public static List<TestNetwork> segmentations() {
    List<TestNetwork> cases = new ArrayList<>();
    ResNetConfig basic = small("basic", BlockKind.BASIC, StemKind.CIFAR, 1, 64, true);
    SegmentationConfig fcn = SegmentationConfig.of(Head.FCN, basic);
    cases.add(new TestNetwork(fcn.withClasses(11).build(), 2, 9, 13));
    ResNetConfig dilated = small("dilated", BlockKind.BOTTLENECK, StemKind.IMAGENET, 1, 64, true);
    SegmentationConfig deepLab =
        SegmentationConfig.of(Head.DEEPLABV3, dilated).withPyramid(10, List.of(1, 2));
    cases.add(new TestNetwork(deepLab.withClasses(11).build(), 3, 17, 21));
    ResNetConfig blocks = inBlocks("blocks", BlockKind.BASIC, StemKind.CIFAR);
    SegmentationConfig inBlocks =
        SegmentationConfig.of(Head.DEEPLABV3, blocks).withPyramid(16, List.of(1, 2));
    cases.add(new TestNetwork(inBlocks.withAuxiliary(false).withClasses(16).build(), 3, 10, 11));
    return cases;
  }

  private static ResNetConfig inBlocks(String name, BlockKind block, StemKind stem) {
    return ResNetConfig.of(
            new ResNetVariant(
                name, block, stem, List.of(1, 2, 1), List.of(16, 32, 48), 1, 64, true))
        .withClasses(11);
  }

  private static ResNetConfig gated(String name, BlockKind block, StemKind stem, int width) {
    return ResNetConfig.of(
            new ResNetVariant(
                name,
                block,
                stem,
                List.of(1, 2),
                List.of(16, width),
                1,
                64,
                true,
                stem.isDeep(),
                true))
        .withClasses(11);
  }

  private static ResNetConfig averaging(String name, BlockKind block) {
    return ResNetConfig.of(
            new ResNetVariant(
                name,
                block,
                StemKind.TIERED_DEEP,
                List.of(1, 2, 1),
                List.of(16, 24, 32),
                1,
                64,
                true,
                true,
                false))
        .withClasses(11);
  }

  private static ResNetConfig small(
      String name,
      BlockKind block,
      StemKind stem,
      int groups,
      int widthPerGroup,
      boolean residual) {
    ResNetVariant variant =
        new ResNetVariant(
            name,
            block,
            stem,
            List.of(1, 2, 1),
            List.of(16, 24, 32),
            groups,
            widthPerGroup,
            residual);
    return ResNetConfig.of(variant).withClasses(11);
  }

  /** All of them. */
  public static List<TestNetwork> all() {
    List<TestNetwork> all = new ArrayList<>(operations());
    all.addAll(networks());
    return all;
  }
}
