package io.resfuse.weights;

import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.model.SegmentationConfig.Head;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.KerasTopology;
import io.resfuse.weights.format.WeightsException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds the network that a file without a description is for, by the names and shapes of its
 * tensors. What these cannot tell is noted: torchvision's placement of the stride is assumed for
 * its names, the original one and eps 1e-3 (1.001e-5 for the newer names) for Keras's.
 */
final class VariantGuess {
  private final NameMapping mapping;
  private final List<String> notes;

  private VariantGuess(NameMapping mapping, List<String> notes) {
    this.mapping = mapping;
    this.notes = notes;
  }

  /**
   * The configuration whose parameters fit the file.
   *
   * @throws WeightsException if none does
   */
  static NetworkConfig guess(NameMapping mapping, List<String> notes) {
    if (mapping.scheme() == NameMapping.Scheme.VGG) {
      return new VggGuess(mapping, notes).guess();
    }
    ResNetConfig resNet = new VariantGuess(mapping, notes).guess();
    return mapping.isSegmentation() ? segmentation(mapping, resNet, notes) : resNet;
  }

  /** A head's kind and widths are in its shapes; dilations are not, and are the usual ones. */
  private static SegmentationConfig segmentation(
      NameMapping mapping, ResNetConfig resNet, List<String> notes) {
    Shape joined = mapping.shape("classifier.0.project.0.weight");
    SegmentationConfig config =
        SegmentationConfig.of(joined == null ? Head.FCN : Head.DEEPLABV3, resNet)
            .withAuxiliary(mapping.shape("aux_classifier.4.weight") != null);
    if (joined != null) {
      config = config.withPyramid(joined.dimension(0), config.rates());
    }
    Shape last = mapping.shape("classifier.4.weight");
    if (last != null) {
      config =
          new SegmentationConfig(
              config.head(),
              config.backbone(),
              last.dimension(0),
              config.auxiliary(),
              config.width(),
              config.rates());
    }
    notes.add(
        "it gives each pixel a class: it is taken for a "
            + config.name()
            + " with the usual dilations, which its shapes do not tell");
    return config;
  }

  private ResNetConfig guess() {
    String other = OtherNetworks.relative(mapping.file().tensors().keySet());
    if (other != null) {
      throw WeightsException.of(
          mapping.file().path(), other, "give the weights of a network without it");
    }
    if (stem() == null || mapping.shape("layer1.0.conv1.weight") == null) {
      throw WeightsException.of(
          mapping.file().path(),
          "its "
              + mapping.file().tensors().size()
              + " tensors are not those of a ResNet"
              + OtherNetworks.found(mapping.file().tensors().keySet()),
          "give a ResNet's weights under torchvision's, timm's, Hugging Face's or Keras's names");
    }
    List<ResNetConfig> fitting = new ArrayList<>();
    ResNetConfig closest = null;
    int fewest = Integer.MAX_VALUE;
    for (ResNetVariant variant : candidates()) {
      ResNetConfig config = configure(variant);
      LoadReport report = mapping.compare(config, List.of());
      int faults = report.missing().size() + report.misshapen().size();
      int extra = (int) mapping.tensors().keySet().stream().filter(n -> isBlock(n)).count();
      if (faults == 0 && blockTensors(config) == extra) {
        fitting.add(config);
      } else if (faults < fewest) {
        fewest = faults;
        closest = config;
      }
    }
    if (fitting.isEmpty()) {
      throw noneFits(closest);
    }
    ResNetConfig best = fitting.get(0);
    notes.add("by its names and shapes it is a " + best.variant().name());
    if (fitting.size() > 1) {
      notes.add(
          "it could also be a "
              + fitting.get(1).variant().name()
              + ", which has the same parameters; name it if so: --network");
    }
    return best;
  }

  private WeightsException noneFits(@Nullable ResNetConfig closest) {
    if (closest == null) {
      return WeightsException.of(
          mapping.file().path(),
          "no ResNet known here has its stages of " + shapes().blocks() + " blocks",
          "name the network that it was made with: --network NAME");
    }
    LoadReport report = mapping.compare(closest, List.of());
    return WeightsException.of(
        mapping.file().path(),
        "no ResNet known here has its parameters; the closest is "
            + closest.variant().name()
            + " with "
            + report.summary(),
        "name the network that it was made with: --network NAME"
            + report.toString().substring(report.summary().length()));
  }

  private VariantShapes shapes() {
    return new VariantShapes(mapping);
  }

  private static boolean isBlock(String parameter) {
    return parameter.startsWith("layer");
  }

  private static int blockTensors(ResNetConfig config) {
    return (int) config.build().parameters().keySet().stream().filter(n -> isBlock(n)).count();
  }

  private List<ResNetVariant> candidates() {
    List<Integer> blocks = shapes().blocks();
    ResNetVariant.StemKind stem = shapes().stem();
    boolean cifar = stem == ResNetVariant.StemKind.CIFAR;
    List<ResNetVariant> candidates = new ArrayList<>();
    for (ResNetVariant variant : ResNetVariant.all()) {
      if (variant.blocks().equals(blocks) && variant.stem() == stem) {
        candidates.add(variant);
      }
    }
    if (!cifar && !hasProjections()) {
      // ImageNet's ResNets have projections: without any it rather is a plain network.
      candidates.sort(Comparator.comparing(ResNetVariant::residual));
    }
    boolean even = blocks.stream().distinct().count() == 1 && blocks.size() == 3;
    if (cifar && candidates.isEmpty() && even) {
      candidates.add(ResNetVariant.cifar(6 * blocks.get(0) + 2, true));
      candidates.add(ResNetVariant.cifar(6 * blocks.get(0) + 2, false));
    }
    ResNetVariant unnamed = shapes().variant();
    if (unnamed != null
        && candidates.stream().noneMatch(named -> named.hasTableOf(unnamed))
        && canBeBuilt(unnamed)) {
      candidates.add(unnamed);
    }
    return candidates;
  }

  private boolean canBeBuilt(ResNetVariant variant) {
    try {
      return !configure(variant).build().parameters().isEmpty();
    } catch (IllegalArgumentException | ArithmeticException e) {
      return false;
    }
  }

  /** The first convolution's. */
  private @Nullable Shape stem() {
    Shape deep = mapping.shape("conv1.0.weight");
    return deep == null ? mapping.shape("conv1.weight") : deep;
  }

  private boolean hasProjections() {
    return mapping.tensors().keySet().stream().anyMatch(name -> name.contains(".downsample."));
  }

  private ResNetConfig configure(ResNetVariant variant) {
    Shape stem = stem();
    Shape head = mapping.shape("fc.weight");
    boolean keras = mapping.scheme().isKeras();
    ResNetConfig config = ResNetConfig.of(variant);
    if (variant.residual()) {
      config =
          config.withShortcut(
              hasProjections() ? ResNetConfig.Shortcut.PROJECTION : ResNetConfig.Shortcut.IDENTITY);
    }
    config =
        config
            .withClasses(head == null || head.rank() < 1 ? 0 : head.dimension(0))
            .withInputChannels(stem == null || stem.rank() < 2 ? 3 : Math.max(1, stem.dimension(1)))
            .withConvBias(
                mapping.shape("conv1.bias") != null || mapping.shape("conv1.0.bias") != null);
    if (!keras) {
      return config;
    }
    Map<String, String> said = mapping.file().metadata();
    return config
        .withStrideInFirst1x1(!"false".equals(said.get(KerasTopology.STRIDE_IN_FIRST_1X1)))
        .withEpsilon(epsilon(said.get(KerasTopology.EPSILON)));
  }

  private double epsilon(@Nullable String said) {
    if (said != null) {
      return Double.parseDouble(said);
    }
    return mapping.scheme() == NameMapping.Scheme.KERAS_OLD ? 1e-3 : 1.001e-5;
  }
}
