package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.kernels.ElementType;
import java.util.LinkedHashMap;
import java.util.Map;

/** The weight layouts of a network's convolutions and linear layers, whatever the batch. */
final class Layouts {
  private static final Window ONE_TAP = new Window(1, 1, 0, 1);

  private final Map<String, WeightLayout> layouts = new LinkedHashMap<>();

  Layouts(NetworkSpec network, ElementType type) {
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        int in = conv.input().channels();
        boolean stem =
            isOnlyUseOfImage(network, conv)
                && WeightLayout.canBeStem(in, conv.groups(), conv.window(), type);
        Packing packing = Packing.of(in, conv.output().channels(), conv.groups());
        layouts.put(conv.name(), new WeightLayout(packing, conv.window().kernel(), stem));
      } else if (operation instanceof Linear linear) {
        Packing packing = Packing.of(linear.input().channels(), linear.output().channels(), 1);
        layouts.put(linear.name(), new WeightLayout(packing, 1, false));
      }
    }
  }

  private static boolean isOnlyUseOfImage(NetworkSpec network, FusedConv conv) {
    long uses =
        network.operations().stream()
            .flatMap(operation -> operation.inputs().stream())
            .filter(network.input()::equals)
            .count();
    return conv.input().equals(network.input())
        && uses == 1
        && !network.outputs().containsValue(network.input());
  }

  /** The layout of a convolution's or linear layer's weights. */
  WeightLayout of(Operation operation) {
    return layouts.get(operation.name());
  }

  /** The convolution as the kernels see it. */
  ConvolutionShape shape(FusedConv conv, Shapes shapes) {
    return ConvolutionShape.of(
        conv.name(), conv.window(), of(conv), shapes.of(conv.input()), shapes.of(conv.output()));
  }

  /** The linear layer as a convolution. */
  ConvolutionShape shape(Linear linear, Shapes shapes) {
    return ConvolutionShape.of(
        linear.name(), ONE_TAP, of(linear), shapes.of(linear.input()), shapes.of(linear.output()));
  }
}
