package io.resfuse.weights;

import io.resfuse.weights.MappedTensor.Order;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names of Keras's ResNets. A weight is called {@code layer/variable}; a trailing {@code :0},
 * outer scopes, and the decorations of Keras 1 ({@code conv1_W_1}) are dropped.
 */
final class KerasNames {
  private static final Pattern OLD_BLOCK =
      Pattern.compile("(res|bn)([2-5])([a-z])([1-9][0-9]?)?_branch(1|2[abc])");
  private static final Pattern NEW_BLOCK =
      Pattern.compile("conv([2-5])_block([1-9][0-9]?)_([0-3])_(conv|bn)");
  private static final Map<String, String> VARIABLES =
      Map.ofEntries(
          Map.entry("kernel", "weight"),
          Map.entry("W", "weight"),
          Map.entry("gamma", "weight"),
          Map.entry("bias", "bias"),
          Map.entry("b", "bias"),
          Map.entry("beta", "bias"),
          Map.entry("moving_mean", "running_mean"),
          Map.entry("running_mean", "running_mean"),
          Map.entry("moving_variance", "running_var"),
          // Keras 1 called it so, but it always was the variance.
          Map.entry("running_std", "running_var"));

  private final NameMapping.Scheme scheme;

  private KerasNames(NameMapping.Scheme scheme) {
    this.scheme = scheme;
  }

  /** Recognises Keras's names, or returns null. */
  static @Nullable KerasNames detect(TensorFile file) {
    NameMapping.Scheme scheme = null;
    for (String name : file.tensors().keySet()) {
      String layer = layer(name);
      if (layer.contains("_preact_")) {
        throw WeightsException.of(
            file.path(),
            "it is a pre-activation ResNet (V2), which has layers such as " + layer,
            "use a ResNet of version 1");
      }
      if (OLD_BLOCK.matcher(layer).matches()) {
        scheme = NameMapping.Scheme.KERAS_OLD;
      } else if (NEW_BLOCK.matcher(layer).matches()) {
        scheme = NameMapping.Scheme.KERAS_NEW;
      }
    }
    return scheme == null ? null : new KerasNames(scheme);
  }

  NameMapping.Scheme scheme() {
    return scheme;
  }

  /** Whether a weight belongs to the stem or a stage. */
  boolean isBody(StoredTensor tensor) {
    return ourLayer(layer(tensor.name())) != null;
  }

  /**
   * The parameter that a weight is: torchvision's of stem and stages, of other layers Keras's own
   * layer with torchvision's variable; null if it is no weight.
   */
  @Nullable MappedTensor map(StoredTensor tensor) {
    String layer = layer(tensor.name());
    String known = ourLayer(layer);
    String ours = known == null ? layer.replace('.', '_') : known;
    String variable = VARIABLES.get(variable(tensor.name(), layer));
    if (variable == null) {
      return null;
    }
    Order order =
        switch (tensor.shape().rank()) {
          case 4 -> Order.HWIO;
          case 2 -> Order.IN_OUT;
          default -> Order.SAME;
        };
    return new MappedTensor(ours + "." + variable, tensor, order);
  }

  private static @Nullable String ourLayer(String layer) {
    Matcher old = OLD_BLOCK.matcher(layer);
    if (old.matches()) {
      int block = old.group(4) == null ? old.group(3).charAt(0) - 'a' : parse(old.group(4));
      return block(
          parse(old.group(2)) - 1,
          block,
          old.group(5).equals("1") ? 0 : old.group(5).charAt(1) - 'a' + 1,
          old.group(1).equals("res"));
    }
    Matcher recent = NEW_BLOCK.matcher(layer);
    if (recent.matches()) {
      return block(
          parse(recent.group(1)) - 1,
          parse(recent.group(2)) - 1,
          parse(recent.group(3)),
          recent.group(4).equals("conv"));
    }
    return switch (layer) {
      case "conv1", "conv1_conv" -> "conv1";
      case "bn_conv1", "conv1_bn" -> "bn1";
      default -> null;
    };
  }

  private static String block(int stage, int block, int conv, boolean isConv) {
    String prefix = "layer" + stage + "." + block + ".";
    if (conv == 0) {
      return prefix + "downsample." + (isConv ? 0 : 1);
    }
    return prefix + (isConv ? "conv" : "bn") + conv;
  }

  private static int parse(String digits) {
    return Integer.parseInt(digits);
  }

  /** {@code scope/layer/variable:0} to {@code layer}. */
  private static String layer(String name) {
    int end = name.lastIndexOf('/');
    return end < 0 ? "" : name.substring(name.lastIndexOf('/', end - 1) + 1, end);
  }

  /** {@code layer/layer_W_1:0} to {@code W}. */
  private static String variable(String name, String layer) {
    String variable = name.substring(name.lastIndexOf('/') + 1);
    int colon = variable.indexOf(':');
    if (colon >= 0) {
      variable = variable.substring(0, colon);
    }
    if (variable.startsWith(layer + "_")) {
      variable = variable.substring(layer.length() + 1);
    }
    return variable.replaceFirst("_[0-9]+$", "");
  }
}
