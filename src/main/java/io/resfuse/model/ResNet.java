package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Value;
import io.resfuse.model.NetworkConfig.Stage;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds ResNets. The names of parameters are torchvision's, or timm's for what only timm has; the
 * outputs are the stages {@code c2}, {@code c3}, ... (He et al. 2015's conv2_x to conv5_x) and,
 * with a head, {@code pooled} and {@code logits}.
 */
final class ResNet {
  private ResNet() {}

  /**
   * Builds the network of a configuration.
   *
   * @param config variant and what differs in it
   * @return an immutable network without weights
   */
  static NetworkSpec build(ResNetConfig config) {
    NetworkBuilder builder = new NetworkBuilder(config.variant().name(), config.inputChannels());
    List<Value> stages = append(builder, config, "");
    if (config.classes() > 0) {
      Value last = stages.get(stages.size() - 1);
      new ClassifierHead("fc", config.classes()).append(builder, last);
    }
    return builder.build();
  }

  /**
   * Appends stem and stages, whose results become outputs.
   *
   * @param builder the network
   * @param config variant and what differs in it
   * @param prefix what names of layers begin with
   * @return the result of each stage
   */
  static List<Value> append(NetworkBuilder builder, ResNetConfig config, String prefix) {
    ResNetVariant variant = config.variant();
    Value value =
        new Stem(variant.stem(), variant.stemWidth())
            .append(builder, config, builder.input(), prefix);
    List<Value> results = new ArrayList<>();
    for (List<Block> stage : stages(config, prefix)) {
      for (Block block : stage) {
        value = block.append(builder, config, value);
      }
      builder.output("c" + (results.size() + 2), value);
      results.add(value);
    }
    return results;
  }

  /**
   * The blocks of every stage.
   *
   * @param config variant and what differs in it
   * @param prefix what names of layers begin with
   * @return one list per stage
   */
  private static List<List<Block>> stages(ResNetConfig config, String prefix) {
    ResNetVariant variant = config.variant();
    List<List<Block>> stages = new ArrayList<>();
    int dilation = 1;
    for (int s = 0; s < variant.blocks().size(); s++) {
      int stride = s == 0 ? 1 : 2;
      int firstDilation = dilation;
      if (s > 0 && config.dilateStages().get(s - 1)) {
        dilation *= stride;
        stride = 1;
      }
      List<Block> stage = new ArrayList<>();
      for (int b = 0; b < variant.blocks().get(s); b++) {
        stage.add(
            block(
                variant,
                prefix + "layer" + (s + 1) + "." + b,
                variant.widths().get(s),
                b == 0 ? stride : 1,
                b == 0 ? firstDilation : dilation));
      }
      stages.add(stage);
    }
    return stages;
  }

  private static Block block(
      ResNetVariant variant, String name, int width, int stride, int dilation) {
    return switch (variant.block()) {
      case BASIC -> new BasicBlock(name, width, stride);
      case BOTTLENECK ->
          new Bottleneck(
              name,
              width,
              width * variant.widthPerGroup() / 64 * variant.groups(),
              variant.groups(),
              stride,
              dilation);
    };
  }

  /**
   * What each stage gives.
   *
   * @param config variant and what differs in it
   * @return one per stage, {@code c2} first
   */
  static List<Stage> stageOutputs(ResNetConfig config) {
    ResNetVariant variant = config.variant();
    int stride = variant.stem().stride();
    List<Stage> outputs = new ArrayList<>();
    for (int s = 0; s < variant.blocks().size(); s++) {
      if (s > 0 && !config.dilateStages().get(s - 1)) {
        stride *= 2;
      }
      outputs.add(
          new Stage("c" + (s + 2), variant.widths().get(s) * variant.block().expansion(), stride));
    }
    return outputs;
  }
}
