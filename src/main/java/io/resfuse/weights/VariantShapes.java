package io.resfuse.weights;

import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The depth table that the shapes of a file's tensors give, whether it has a name or not. */
final class VariantShapes {
  private static final int MOST_BLOCKS = 1000;

  private final NameMapping mapping;

  VariantShapes(NameMapping mapping) {
    this.mapping = mapping;
  }

  /** Blocks per stage. */
  List<Integer> blocks() {
    List<Integer> blocks = new ArrayList<>();
    for (int stage = 1; shape(stage, 0, "conv1") != null; stage++) {
      int count = 1;
      while (count < MOST_BLOCKS && shape(stage, count, "conv1") != null) {
        count++;
      }
      blocks.add(count);
    }
    return blocks;
  }

  StemKind stem() {
    if (mapping.shape("conv1.0.weight") != null) {
      List<Integer> widths = List.of(outputs("conv1.0.weight"), outputs("conv1.3.weight"));
      return Arrays.stream(StemKind.values())
          .filter(kind -> kind.widthsBefore().equals(widths))
          .findFirst()
          .orElse(StemKind.DEEP);
    }
    Shape stem = mapping.shape("conv1.weight");
    return stem != null && stem.rank() == 4 && stem.dimension(2) == 3
        ? StemKind.CIFAR
        : StemKind.IMAGENET;
  }

  private int outputs(String convolution) {
    Shape shape = mapping.shape(convolution);
    return shape == null || shape.rank() != 4 ? 0 : shape.dimension(0);
  }

  /** The whole table; null where blocks are not as those of a ResNet. */
  @Nullable ResNetVariant variant() {
    boolean bottleneck = shape(1, 0, "conv3") != null;
    BlockKind kind = bottleneck ? BlockKind.BOTTLENECK : BlockKind.BASIC;
    List<Integer> blocks = blocks();
    List<Integer> widths = new ArrayList<>();
    for (int stage = 1; stage <= blocks.size(); stage++) {
      Shape last = shape(stage, 0, bottleneck ? "conv3" : "conv2");
      if (last == null || last.rank() != 4 || last.dimension(0) % kind.expansion() != 0) {
        return null;
      }
      widths.add(last.dimension(0) / kind.expansion());
    }
    int groups = 1;
    int widthPerGroup = 64;
    Shape inner = shape(1, 0, "conv2");
    if (bottleneck && inner != null && inner.rank() == 4) {
      if (inner.dimension(0) == 0 || inner.dimension(1) == 0 || widths.get(0) == 0) {
        return null;
      }
      groups = inner.dimension(0) / inner.dimension(1);
      widthPerGroup = (int) Math.min(1 << 14, inner.dimension(1) * 64L / widths.get(0));
    }
    if (widths.contains(0) || groups < 1 || widthPerGroup < 1) {
      return null;
    }
    return new ResNetVariant(
            "",
            kind,
            stem(),
            blocks,
            widths,
            groups,
            widthPerGroup,
            true,
            averagedShortcuts(),
            squeezeExcitation())
        .withUsualName();
  }

  private boolean averagedShortcuts() {
    return mapping.tensors().keySet().stream().anyMatch(name -> name.contains(".downsample.2."));
  }

  private boolean squeezeExcitation() {
    return mapping.shape("layer1.0.se.fc1.weight") != null;
  }

  private @Nullable Shape shape(int stage, int block, String convolution) {
    return mapping.shape("layer" + stage + "." + block + "." + convolution + ".weight");
  }
}
