package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import java.util.ArrayList;
import java.util.List;

/** Builds segmentation networks as {@link SegmentationConfig} describes them. Stateless. */
final class Segmentation {
  /** Of the names of a backbone's layers. */
  static final String BACKBONE = "backbone.";

  private static final String CLASSIFIER = "classifier.";
  private static final String AUXILIARY = "aux_classifier.";

  private final SegmentationConfig config;
  private final NetworkBuilder builder;

  private Segmentation(SegmentationConfig config) {
    this.config = config;
    this.builder = new NetworkBuilder(config.name(), config.inputChannels());
  }

  /** Whether a parameter is one of a convolution of the heads of a segmentation network. */
  static boolean isHeadOf(NetworkSpec network, ParameterSpec parameter) {
    boolean named =
        parameter.name().startsWith(CLASSIFIER) || parameter.name().startsWith(AUXILIARY);
    boolean convolution =
        parameter.role() == ParameterSpec.Role.CONV_WEIGHT
            || parameter.role() == ParameterSpec.Role.CONV_BIAS;
    return named
        && convolution
        && network.parameters().keySet().stream().anyMatch(name -> name.startsWith(BACKBONE));
  }

  static NetworkSpec build(SegmentationConfig config) {
    return new Segmentation(config).build();
  }

  private NetworkSpec build() {
    List<Value> stages = ResNet.append(builder, config.backbone(), BACKBONE);
    Value last = stages.get(stages.size() - 1);
    Value logits =
        switch (config.head()) {
          case FCN -> fcn(CLASSIFIER, last);
          case DEEPLABV3 -> deepLab(last);
        };
    builder.output("logits", builder.bilinearResize("upsample", logits, builder.input()));
    if (config.auxiliary()) {
      Value aux = fcn(AUXILIARY, stages.get(stages.size() - 2));
      builder.output("aux", builder.bilinearResize("aux_upsample", aux, builder.input()));
    }
    return builder.build();
  }

  private Value fcn(String name, Value features) {
    int hidden = Math.max(1, features.channels() / 4);
    Value value = convolution(name + 0, name + 1, hidden, 3, 1, features);
    return classes(name + 4, value);
  }

  private Value deepLab(Value features) {
    String pyramid = CLASSIFIER + "0.";
    int width = config.width();
    List<Value> parts = new ArrayList<>();
    parts.add(convolution(pyramid + "convs.0.0", pyramid + "convs.0.1", width, 1, 1, features));
    for (int rate : config.rates()) {
      String name = pyramid + "convs." + parts.size() + ".";
      parts.add(convolution(name + 0, name + 1, width, 3, rate, features));
    }
    String pooling = pyramid + "convs." + parts.size() + ".";
    Value mean = builder.averagePixel(pooling + 0, features);
    Value pooled = convolution(pooling + 1, pooling + 2, width, 1, 1, mean);
    parts.add(builder.bilinearResize(pooling + "upsample", pooled, features));
    Value all = builder.concat(pyramid + "concat", parts);
    Value joined = convolution(pyramid + "project.0", pyramid + "project.1", width, 1, 1, all);
    Value value = convolution(CLASSIFIER + 1, CLASSIFIER + 2, width, 3, 1, joined);
    return classes(CLASSIFIER + 4, value);
  }

  private Value convolution(
      String name, String norm, int channels, int kernel, int dilation, Value in) {
    return new ConvBnRelu(name, norm, channels, kernel, 1, dilation, 1, true)
        .append(builder, config.backbone().withConvBias(false), in, null);
  }

  private Value classes(String name, Value in) {
    Conv conv = new Conv(name, config.classes(), new Window(1, 1, 0, 1), 1, true, null);
    return builder.fusedConv(in, conv, null, false);
  }
}
