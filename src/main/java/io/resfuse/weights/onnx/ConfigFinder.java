package io.resfuse.weights.onnx;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetConfig.Shortcut;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.weights.format.WeightsException;
import io.resfuse.weights.onnx.MatchedNetwork.Block;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Norm;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The configuration of a matched network: a variant with a name where its tables are those of one,
 * else a table of its own. What it says is compared with the graph afterwards, so it may guess.
 */
final class ConfigFinder {
  /** Of any dimension, as in the descriptions of our own files. */
  private static final int LARGEST = 1 << 14;

  private static final int MOST_CLASSES = 1 << 24;
  private static final int MOST_STAGES = 8;
  private static final int MOST_BLOCKS = 1000;

  private final Graph graph;
  private final MatchedNetwork matched;
  private final List<List<Block>> stages = new ArrayList<>();

  private ConfigFinder(Graph graph, MatchedNetwork matched) {
    this.graph = graph;
    this.matched = matched;
  }

  static ResNetConfig find(Graph graph, MatchedNetwork matched) {
    return new ConfigFinder(graph, matched).find();
  }

  /** Our network of a configuration. */
  static NetworkSpec build(Graph graph, NetworkConfig config) {
    try {
      return config.build();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new WeightsException(
          graph.model().path()
              + ": the network that its graph describes cannot be built ("
              + e.getMessage()
              + "); give the weights in another format",
          e);
    }
  }

  private ResNetConfig find() {
    boolean bottleneck = matched.blocks().get(0).convs().size() == 3;
    for (Block block : matched.blocks()) {
      if ((block.convs().size() == 3) != bottleneck) {
        throw graph.refuse(
            block.convs().get(0).node(), "begins a block of another kind than those before it");
      }
      boolean begins =
          stages.isEmpty() || block.outChannels() != last().outChannels() || stride(block) == 2;
      if (begins) {
        stages.add(new ArrayList<>());
      }
      stages.get(stages.size() - 1).add(block);
      boolean fits =
          stages.size() <= MOST_STAGES
              && matched.blocks().size() <= MOST_BLOCKS
              && block.outChannels() <= LARGEST
              && matched.inputChannels() >= 1
              && matched.inputChannels() <= LARGEST;
      if (!fits) {
        throw graph.refuse(block.convs().get(0).node(), "begins a block that is out of all size");
      }
    }
    ResNetConfig config =
        ResNetConfig.of(variant(bottleneck))
            .withClasses(classes())
            .withInputChannels(matched.inputChannels())
            .withStrideInFirst1x1(bottleneck && hasStrideInFirst())
            .withConvBias(convs().anyMatch(conv -> conv.norm() != null && conv.bias() != null))
            .withEpsilon(epsilon());
    config = withMomentum(config);
    if (matched.blocks().stream().anyMatch(block -> block.projection() != null)) {
      config = config.withShortcut(Shortcut.PROJECTION);
    } else if (matched.blocks().stream().anyMatch(block -> block.subsampling() != null)) {
      config = config.withShortcut(Shortcut.IDENTITY);
    }
    Boolean[] dilated = new Boolean[stages.size() - 1];
    for (int s = 1; s < stages.size(); s++) {
      dilated[s - 1] = bottleneck && stride(stages.get(s).get(0)) == 1;
    }
    return config.replaceStrideWithDilation(dilated);
  }

  private Block last() {
    List<Block> stage = stages.get(stages.size() - 1);
    return stage.get(stage.size() - 1);
  }

  private static int stride(Block block) {
    return block.convs().stream().mapToInt(conv -> conv.window().stride()).max().orElse(1);
  }

  private Stream<Conv> convs() {
    List<Conv> all = new ArrayList<>(matched.stems());
    for (Block block : matched.blocks()) {
      all.addAll(block.convs());
      if (block.projection() != null) {
        all.add(block.projection());
      }
    }
    return all.stream();
  }

  private Stream<Norm> norms() {
    return convs().map(Conv::norm).filter(norm -> norm != null);
  }

  private int classes() {
    if (matched.head() == null) {
      return 0;
    }
    int classes = matched.head().weight().shape().dimension(0);
    if (classes < 1 || classes > MOST_CLASSES) {
      throw graph.refuse(matched.head().node(), "has " + classes + " classes");
    }
    return classes;
  }

  private boolean hasStrideInFirst() {
    return matched.blocks().stream().anyMatch(b -> b.convs().get(0).window().stride() == 2);
  }

  /** The smallest, so that no variance becomes less by the others' difference. */
  private double epsilon() {
    return norms().mapToDouble(Norm::epsilon).min().orElse(1e-5);
  }

  private ResNetConfig withMomentum(ResNetConfig config) {
    double momentum = norms().mapToDouble(Norm::momentum).findFirst().orElse(config.momentum());
    return new ResNetConfig(
        config.variant(),
        config.classes(),
        config.inputChannels(),
        config.strideInFirst1x1(),
        config.convBias(),
        config.epsilon(),
        momentum,
        config.shortcut(),
        config.dilateStages());
  }

  private StemKind stem() {
    if (matched.stems().size() == 1) {
      return matched.stem().window().kernel() == 7 ? StemKind.IMAGENET : StemKind.CIFAR;
    }
    List<Integer> widths =
        matched.stems().stream().limit(2).map(conv -> conv.outChannels()).toList();
    for (StemKind kind : StemKind.values()) {
      if (kind.widthsBefore().equals(widths)) {
        return kind;
      }
    }
    throw graph.refuse(
        matched.stem().node(), "begins a stem of " + widths + " channels, which no network has");
  }

  private ResNetVariant variant(boolean bottleneck) {
    BlockKind kind = bottleneck ? BlockKind.BOTTLENECK : BlockKind.BASIC;
    StemKind stem = stem();
    List<Integer> blocks = new ArrayList<>();
    List<Integer> widths = new ArrayList<>();
    for (List<Block> stage : stages) {
      blocks.add(stage.size());
      widths.add(Math.max(1, stage.get(0).outChannels() / kind.expansion()));
    }
    Conv middle = matched.blocks().get(0).convs().get(1);
    int groups = bottleneck ? middle.groups() : 1;
    int widthPerGroup =
        bottleneck ? (int) (64L * middle.outChannels() / ((long) groups * widths.get(0))) : 64;
    boolean residual = matched.blocks().get(0).residual();
    return new ResNetVariant(
            "",
            kind,
            stem,
            blocks,
            widths,
            groups,
            Math.max(1, Math.min(LARGEST, widthPerGroup)),
            residual,
            matched.blocks().stream().anyMatch(block -> block.average() != null),
            matched.blocks().stream().anyMatch(block -> block.gate() != null))
        .withUsualName();
  }
}
