package io.resfuse.weights;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What networks that are not run here are, by names that only they have; for messages. */
final class OtherNetworks {
  private static final int LISTED = 3;

  /** Of networks that are no ResNets. */
  private static final Map<Pattern, String> STRANGERS = strangers();

  /** Of ResNets with something in them that is not run here. */
  private static final Map<Pattern, String> RELATIVES = relatives();

  private OtherNetworks() {}

  private static Map<Pattern, String> strangers() {
    Map<Pattern, String> kinds = new LinkedHashMap<>();
    kinds.put(
        Pattern.compile("(.*\\.)?(stages\\.\\d+\\.blocks|preact|layer1\\.0\\.norm1).*"),
        "it rather is a pre-activation ResNet (resnetv2) or RegNet, which are not run here");
    kinds.put(
        Pattern.compile("(.*\\.)?layer0\\.conv1\\.weight"),
        "it rather is one of timm's legacy_se networks, which are not run here");
    kinds.put(
        Pattern.compile("(.*\\.)?(patch_embed|cls_token|class_token|class_embedding).*"),
        "it is a vision transformer");
    kinds.put(
        Pattern.compile("(.*\\.)?features\\.\\d+\\..*"), "it rather is a DenseNet or MobileNet");
    return kinds;
  }

  private static Map<Pattern, String> relatives() {
    Map<Pattern, String> kinds = new LinkedHashMap<>();
    kinds.put(
        Pattern.compile("(.*\\.)?layer\\d+\\.\\d+\\.se\\.conv\\.weight"),
        "efficient channel attention (an ECA-ResNet)");
    kinds.put(
        Pattern.compile("(.*\\.)?layer\\d+\\.\\d+\\.se\\.(?!fc[12]\\.).*"),
        "channel attention other than squeeze and excitation by fc1 and fc2");
    kinds.put(
        Pattern.compile("(.*\\.)?layer\\d+\\.\\d+\\.se_module\\..*"),
        "squeeze and excitation as in timm's legacy_se networks");
    kinds.put(
        Pattern.compile("(.*\\.)?maxpool\\.\\d+\\.(weight|filt)"),
        "another pooling behind its stem (a ResNet-RS, or one that is anti-aliased)");
    kinds.put(
        Pattern.compile("(.*\\.)?layer\\d+\\.\\d+\\.(aa|conv\\d\\.\\d+|downsample\\.0)\\.filt"),
        "anti-aliased strides (blur pools)");
    kinds.put(
        Pattern.compile("(.*\\.)?layer\\d+\\.\\d+\\.conv\\d\\.(paths|conv|fc1)\\..*"),
        "split or selective convolutions (a ResNeSt or SK-ResNet)");
    kinds.put(
        Pattern.compile("(.*\\.)?layer\\d+\\.\\d+\\.convs\\.\\d+\\.weight"),
        "convolutions in steps (a Res2Net)");
    return kinds;
  }

  /** What of a ResNet is not run here, as a clause; null if nothing of that is known by names. */
  static @Nullable String relative(Set<String> names) {
    String kind = first(RELATIVES, names);
    return kind == null ? null : "it has " + kind + ", which is not run here";
  }

  private static @Nullable String first(Map<Pattern, String> kinds, Set<String> names) {
    for (Map.Entry<Pattern, String> kind : kinds.entrySet()) {
      if (names.stream().anyMatch(name -> kind.getKey().matcher(name).matches())) {
        return kind.getValue();
      }
    }
    return null;
  }

  /** What goes behind "not those of a ResNet". */
  static String found(Set<String> names) {
    String stranger = first(STRANGERS, names);
    if (stranger != null) {
      return ": " + stranger;
    }
    List<String> first = names.stream().limit(LISTED).toList();
    return " (no conv1.weight or conv1.0.weight, and layer1.0.conv1.weight"
        + (first.isEmpty()
            ? ")"
            : first.stream().collect(Collectors.joining(", ", "; there are ", " ...)")));
  }
}
