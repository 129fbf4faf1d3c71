package io.resfuse.weights;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What networks that are not run here are, by names that only they have; for messages. */
final class OtherNetworks {
  private static final int LISTED = 3;
  private static final Map<Pattern, String> KINDS = kinds();

  private OtherNetworks() {}

  private static Map<Pattern, String> kinds() {
    Map<Pattern, String> kinds = new LinkedHashMap<>();
    kinds.put(
        Pattern.compile("(.*\\.)?conv1\\.0\\.weight"),
        "its stem is three 3x3 convolutions (a ResNet-D), which are not run here");
    kinds.put(
        Pattern.compile("(.*\\.)?(stages\\.\\d+\\.blocks|preact|layer1\\.0\\.norm1).*"),
        "it rather is a pre-activation ResNet or RegNet, which are not run here");
    kinds.put(
        Pattern.compile("(.*\\.)?(patch_embed|cls_token|class_token|class_embedding).*"),
        "it is a vision transformer");
    kinds.put(
        Pattern.compile("(.*\\.)?features\\.\\d+\\..*"),
        "it rather is a VGG, DenseNet or MobileNet");
    return kinds;
  }

  /** What goes behind "not those of a ResNet". */
  static String found(Set<String> names) {
    for (Map.Entry<Pattern, String> kind : KINDS.entrySet()) {
      if (names.stream().anyMatch(name -> kind.getKey().matcher(name).matches())) {
        return ": " + kind.getValue();
      }
    }
    List<String> first = names.stream().limit(LISTED).toList();
    return " (no conv1.weight and layer1.0.conv1.weight"
        + (first.isEmpty()
            ? ")"
            : first.stream().collect(Collectors.joining(", ", "; there are ", " ...)")));
  }
}
