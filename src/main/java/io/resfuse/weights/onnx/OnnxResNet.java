package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Value;
import io.resfuse.model.ResNetConfig;
import io.resfuse.weights.onnx.MatchedNetwork.Block;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Gate;
import io.resfuse.weights.onnx.MatchedNetwork.Pool;
import io.resfuse.weights.onnx.MatchedNetwork.Subsampling;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A graph that is a ResNet, or a plain network of its kind. */
final class OnnxResNet extends OnnxNetwork {
  private final Graph graph;
  private final MatchedNetwork matched;
  private final ResNetConfig config;
  private final Map<String, Block> blocks = new LinkedHashMap<>();

  OnnxResNet(Graph graph, MatchedNetwork matched, @Nullable ResNetConfig stated) {
    this(matched, graph, stated == null ? ConfigFinder.find(graph, matched) : stated);
  }

  private OnnxResNet(MatchedNetwork matched, Graph graph, ResNetConfig config) {
    super(graph, config, matched.notes());
    this.graph = graph;
    this.matched = matched;
    this.config = config;
  }

  /** Gives the parts the names that our operations have. */
  private void name() {
    List<String> stem =
        matched.stems().size() == 1 ? List.of("conv1") : List.of("conv1.0", "conv1.3", "conv1.6");
    for (int i = 0; i < stem.size(); i++) {
      convs().put(stem.get(i), matched.stems().get(i));
    }
    List<Integer> counts = config.variant().blocks();
    int stage = 0;
    int at = 0;
    for (Block block : matched.blocks()) {
      if (at == counts.get(stage)) {
        stage++;
        at = 0;
      }
      if (stage == counts.size()) {
        throw graph.refuse(
            block.convs().get(0).node(),
            "begins one block more than " + config.variant().name() + " has");
      }
      String name = "layer" + (stage + 1) + "." + at++;
      blocks.put(name, block);
      for (int i = 0; i < block.convs().size(); i++) {
        convs().put(name + ".conv" + (i + 1), block.convs().get(i));
      }
      if (block.projection() != null) {
        int place = config.variant().averagedShortcuts() ? 1 : 0;
        convs().put(name + ".downsample." + place, block.projection());
      }
    }
  }

  @Override
  void compare() {
    name();
    int found = 0;
    for (Operation operation : network().operations()) {
      if (operation instanceof FusedConv conv) {
        compare(conv);
        found++;
      } else if (operation instanceof MaxPool pool) {
        Pool theirs = matched.pool();
        if (theirs == null || !theirs.window().equals(pool.window())) {
          throw graph.refuse(
              theirs == null ? matched.stem().node() : theirs.node(),
              "has "
                  + (theirs == null ? "no max pooling behind it" : theirs.window())
                  + " where "
                  + network().name()
                  + " has "
                  + pool.window());
        }
        nodes().put(pool.name(), theirs.node());
      } else if (operation instanceof SubsampledIdentity shortcut) {
        compare(shortcut);
      } else if (operation instanceof SqueezeExcite gating) {
        compare(gating);
      } else if (operation instanceof AveragePool) {
        Block block = blocks.get(blockOf(blockOf(operation.name())));
        if (block != null && block.average() != null) {
          nodes().put(operation.name(), block.average());
        }
      } else if (operation instanceof Linear linear) {
        add(linear, matched.head());
      }
    }
    if (found < convs().size() || network().parameters().isEmpty()) {
      throw tooMany();
    }
  }

  private RuntimeException tooMany() {
    for (Map.Entry<String, Conv> conv : convs().entrySet()) {
      if (!network().parameters().containsKey(conv.getKey() + ".weight")) {
        return graph.refuse(
            conv.getValue().node(), "is no part of " + network().name() + ", which is shorter");
      }
    }
    return graph.refuse(matched.stem().node(), "begins another network than " + network().name());
  }

  private void compare(FusedConv ours) {
    Conv theirs = convs().get(ours.name());
    if (theirs == null) {
      throw graph.refuse(
          matched.blocks().get(matched.blocks().size() - 1).convs().get(0).node(),
          "is in a network without the "
              + ours.name()
              + " that "
              + config.variant().name()
              + " has");
    }
    requireWindow(ours, theirs);
    Block block = blocks.get(blockOf(ours.name()));
    boolean isLast = block != null && block.convs().get(block.convs().size() - 1).equals(theirs);
    if (isLast) {
      SqueezeExcite gating = gateOf(ours);
      if ((gating != null) != (block.gate() != null)) {
        throw graph.refuse(
            theirs.node(),
            "ends a block "
                + (gating == null ? "with" : "without")
                + " squeeze and excitation where "
                + config.variant().name()
                + " has "
                + (gating == null ? "none" : "it"));
      }
      compareShortcut(gating == null ? ours.residual() : gating.residual(), block);
    }
    add(ours, theirs);
  }

  /** The squeeze and excitation of a convolution's result, or null. */
  private @Nullable SqueezeExcite gateOf(FusedConv conv) {
    for (Operation operation : network().operations()) {
      if (operation instanceof SqueezeExcite gating && gating.input().equals(conv.output())) {
        return gating;
      }
    }
    return null;
  }

  /** That it is there, the comparison of its convolution has found. */
  private void compare(SqueezeExcite ours) {
    Block block = blocks.get(blockOf(ours.name()));
    Gate theirs = block == null ? null : block.gate();
    if (theirs == null) {
      throw graph.refuse(matched.stem().node(), "begins a network without " + ours.name());
    }
    if (!theirs.reduce().weight().shape().equals(ours.reduceWeight().shape())) {
      throw graph.refuse(
          theirs.reduce().node(),
          "has weights "
              + theirs.reduce().weight().shape()
              + " where "
              + config.variant().name()
              + " has "
              + ours.reduceWeight().shape());
    }
    nodes().put(ours.name(), theirs.node());
    add(ours.reduceWeight(), theirs.reduce().weight());
    add(ours.reduceBias(), bias(theirs.reduce()));
    add(ours.expandWeight(), theirs.expand().weight());
    add(ours.expandBias(), bias(theirs.expand()));
  }

  /** {@code layer1.0.conv2} without {@code .conv2}. */
  private static String blockOf(String operation) {
    int end = operation.lastIndexOf('.');
    return end < 0 ? "" : operation.substring(0, end);
  }

  private void compareShortcut(@Nullable Value residual, Block block) {
    String kind = "no shortcut";
    Operation shortcut = null;
    if (residual != null) {
      kind = "its input as the shortcut";
      for (Operation operation : network().operations()) {
        if (operation.output().equals(residual)) {
          shortcut = operation;
        }
      }
    }
    FusedConv projection =
        shortcut instanceof FusedConv conv && conv.name().contains(".downsample.") ? conv : null;
    boolean wantsProjection = projection != null;
    boolean wantsAverage =
        projection != null
            && network().operations().stream()
                .anyMatch(o -> o instanceof AveragePool && o.output().equals(projection.input()));
    boolean wantsSubsampling = shortcut instanceof SubsampledIdentity;
    if (block.residual() != (residual != null)
        || wantsProjection != (block.projection() != null)
        || wantsAverage != (block.average() != null)
        || wantsSubsampling != (block.subsampling() != null)) {
      throw graph.refuse(
          block.convs().get(block.convs().size() - 1).node(),
          "ends a block with another shortcut than "
              + config.variant().name()
              + " has, "
              + (wantsProjection
                  ? wantsAverage ? "a projection of averages" : "a projection"
                  : wantsSubsampling ? "subsampling without parameters" : kind));
    }
  }

  private void compare(SubsampledIdentity ours) {
    Block block = blocks.get(blockOf(ours.name()));
    Subsampling theirs = block == null ? null : block.subsampling();
    if (theirs == null) {
      throw graph.refuse(matched.stem().node(), "begins a network without " + ours.name());
    }
    nodes().put(ours.name(), theirs.node());
    int after = ours.output().channels() - ours.input().channels() - ours.channelsBefore();
    if (theirs.stride() != ours.stride()
        || theirs.before() != ours.channelsBefore()
        || theirs.after() != after) {
      throw graph.refuse(
          theirs.node(),
          "ends a shortcut with stride "
              + theirs.stride()
              + " and "
              + theirs.before()
              + " and "
              + theirs.after()
              + " channels of zeros where "
              + config.variant().name()
              + " has "
              + ours.stride()
              + ", "
              + ours.channelsBefore()
              + " and "
              + after);
    }
  }
}
