package io.resfuse.model;

import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.model.NetworkConfig.Stage;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/** Builds VGGs as {@link VggConfig} describes them. Stateless. */
final class Vgg {
  /** Rows and columns behind the last stage that the first fully connected layer takes. */
  static final int DENSE_SIZE = 7;

  private static final String CLASSIFIER = "classifier";

  private Vgg() {}

  static NetworkSpec build(VggConfig config) {
    VggVariant variant = config.variant();
    NetworkBuilder builder = new NetworkBuilder(variant.name(), config.inputChannels());
    Value value = builder.input();
    int place = 0;
    int stages = variant.widths().size();
    for (int s = 0; s < stages; s++) {
      for (int c = 0; c < variant.convolutions().get(s); c++) {
        value = convolution(builder, config, value, place, variant.widths().get(s));
        place += variant.batchNorm() ? 3 : 2;
      }
      boolean overlapping = variant.isForSmallImages() && s == stages - 1;
      Window window = overlapping ? new Window(3, 2, 1, 1) : new Window(2, 2, 0, 1);
      value = builder.maxPool("features." + place++, value, window);
      builder.output("c" + (s + 1), value);
    }
    if (config.classes() > 0) {
      head(builder, config, value);
    }
    return builder.build();
  }

  private static Value convolution(
      NetworkBuilder builder, VggConfig config, Value in, int place, int channels) {
    Norm norm =
        config.variant().batchNorm()
            ? new Norm("features." + (place + 1), config.epsilon(), config.momentum())
            : null;
    return builder.fusedConv(
        in,
        new Conv("features." + place, channels, new Window(3, 1, 1, 1), 1, true, norm),
        null,
        true);
  }

  private static void head(NetworkBuilder builder, VggConfig config, Value features) {
    int hidden = config.variant().hidden();
    if (hidden == 0) {
      new ClassifierHead(CLASSIFIER, config.classes()).append(builder, features);
      return;
    }
    Value first = dense(builder, features, CLASSIFIER + ".0", DENSE_SIZE, hidden);
    Value second = dense(builder, first, CLASSIFIER + ".3", 1, hidden);
    new ClassifierHead(CLASSIFIER + ".6", config.classes()).append(builder, second);
  }

  private static Value dense(
      NetworkBuilder builder, Value in, String name, int kernel, int channels) {
    return builder.fusedConv(
        in, new Conv(name, channels, new Window(kernel, 1, 0, 1), 1, true, null), null, true);
  }

  static List<Stage> stageOutputs(VggConfig config) {
    List<Stage> outputs = new ArrayList<>();
    for (int s = 0; s < config.variant().widths().size(); s++) {
      outputs.add(new Stage("c" + (s + 1), config.variant().widths().get(s), 2 << s));
    }
    return outputs;
  }

  /** The same of a parameter of any network. */
  static boolean isFullyConnectedOf(NetworkSpec network, ParameterSpec parameter) {
    return isFullyConnected(parameter) && network.parameters().containsKey("features.0.weight");
  }

  /**
   * Whether a parameter of a VGG is one of the three fully connected layers of those for ImageNet.
   */
  private static boolean isFullyConnected(ParameterSpec parameter) {
    return parameter.name().matches(CLASSIFIER + "\\.\\d+\\.(weight|bias)");
  }

  /** Fully connected layers have matrices in files. */
  static Shape storedShape(ParameterSpec parameter) {
    Shape shape = parameter.shape();
    return isFullyConnected(parameter) && shape.rank() == 4
        ? Shape.of(shape.dimension(0), shape.dimension(1) * shape.dimension(2) * shape.dimension(3))
        : shape;
  }
}
