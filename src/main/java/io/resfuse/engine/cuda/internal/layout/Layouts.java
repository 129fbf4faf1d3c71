package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.library.Library;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;

/** The weight layouts of a network's convolutions and linear layers, whatever the batch. */
public final class Layouts {
  private static final Window ONE_TAP = new Window(1, 1, 0, 1);

  private final Map<String, WeightLayout> layouts = new LinkedHashMap<>();
  private final boolean scalesAll;

  /** The layout of a convolution's weights. */
  private interface Choice {
    WeightLayout of(FusedConv conv, boolean onlyUseOfImage);
  }

  /** As our kernels want them. */
  public static Layouts forKernels(NetworkSpec network, ElementType type) {
    return new Layouts(
        network,
        (conv, onlyUseOfImage) -> {
          int in = conv.input().channels();
          boolean stem =
              onlyUseOfImage && WeightLayout.canBeStem(in, conv.groups(), conv.window(), type);
          Packing packing = Packing.of(in, conv.output().channels(), conv.groups());
          return new WeightLayout(packing, conv.window().kernel(), stem);
        },
        Activation.CHANNEL_MULTIPLE,
        false);
  }

  /**
   * As our kernels want them where some convolutions compute with integers.
   *
   * @param isInteger which; all others in float32
   */
  public static Layouts forIntegers(NetworkSpec network, Predicate<FusedConv> isInteger) {
    return new Layouts(
        network,
        (conv, onlyUseOfImage) -> {
          int in = conv.input().channels();
          ElementType type = isInteger.test(conv) ? ElementType.U8 : ElementType.F32;
          boolean stem =
              onlyUseOfImage && WeightLayout.canBeStem(in, conv.groups(), conv.window(), type);
          Packing packing =
              Packing.of(
                  in,
                  conv.output().channels(),
                  conv.groups(),
                  Activation.CHANNEL_MULTIPLE_OF_BYTES);
          return new WeightLayout(
              packing, conv.window().kernel(), stem ? WeightLayout.stemPitch(type) : 0);
        },
        Activation.CHANNEL_MULTIPLE_OF_BYTES,
        false);
  }

  /**
   * As a {@link Library} wants them: no packs, no stem; every result is scaled.
   *
   * @param narrowImage whether an image may be padded to fewer channels than other tensors
   */
  public static Layouts forLibrary(NetworkSpec network, boolean narrowImage) {
    return new Layouts(
        network,
        (conv, onlyUseOfImage) ->
            new WeightLayout(
                Packing.forLibrary(
                    conv.input().channels(),
                    conv.output().channels(),
                    conv.groups(),
                    narrowImage && onlyUseOfImage),
                conv.window().kernel(),
                false),
        Activation.CHANNEL_MULTIPLE,
        true);
  }

  private Layouts(NetworkSpec network, Choice choice, int channelMultiple, boolean scalesAll) {
    this.scalesAll = scalesAll;
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        layouts.put(conv.name(), choice.of(conv, isOnlyUseOfImage(network, conv)));
      } else if (operation instanceof Linear linear) {
        Packing packing =
            Packing.of(linear.input().channels(), linear.output().channels(), 1, channelMultiple);
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

  /** Whether what follows a convolution is a pass that wants a scale and a bias. */
  public boolean scalesAll() {
    return scalesAll;
  }

  /** The layout of a convolution's or linear layer's weights. */
  public WeightLayout of(Operation operation) {
    return layouts.get(operation.name());
  }

  /** The convolution as the kernels see it. */
  public ConvolutionShape shape(FusedConv conv, Shapes shapes) {
    return ConvolutionShape.of(
        conv.name(), conv.window(), of(conv), shapes.of(conv.input()), shapes.of(conv.output()));
  }

  /** The linear layer as a convolution. */
  public ConvolutionShape shape(Linear linear, Shapes shapes) {
    return ConvolutionShape.of(
        linear.name(), ONE_TAP, of(linear), shapes.of(linear.input()), shapes.of(linear.output()));
  }
}
