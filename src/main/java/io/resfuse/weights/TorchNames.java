package io.resfuse.weights;

import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names that PyTorch's ResNets have, behind a prefix ({@code module.} of DataParallel, {@code
 * _orig_mod.} of torch.compile, {@code model.} of Lightning, ...): which prefix, and what a name
 * behind it is in torchvision's.
 */
final class TorchNames {
  /** Parts of prefixes under which averages of the weights are kept. */
  private static final Pattern AVERAGE =
      Pattern.compile("(.*[._])?(ema|averaged|swa|averaged_model)([._].*)?");

  /** Parts of prefixes of networks that follow another one while they are trained. */
  private static final Pattern COPY = Pattern.compile(".*(_k|momentum|target|key)[._].*");

  private final String prefix;
  private final Dialect dialect;
  private static final Pattern VGG_PARAMETER =
      Pattern.compile(
          "features\\.\\d+\\.(weight|bias|running_mean|running_var)"
              + "|classifier\\.(\\d+\\.)?(weight|bias)");

  private final Set<String> others;

  /** The place of the first stage in a Sequential: a max pool has a place of its own. */
  private final int firstStage;

  private TorchNames(String prefix, Dialect dialect, Set<String> others, int firstStage) {
    this.prefix = prefix;
    this.dialect = dialect;
    this.others = others;
    this.firstStage = firstStage;
  }

  /** Whose names they are. */
  private enum Dialect {
    /** {@code layer1.0.conv1.weight}. */
    TORCHVISION("conv1.weight", Pattern.compile("(.*)layer1\\.0\\.conv1\\.weight")),
    /** The same behind timm's stem of three convolutions. */
    DEEP("conv1.0.weight", Pattern.compile("(.*)layer1\\.0\\.conv1\\.weight")),
    /** {@code encoder.stages.0.layers.0.layer.0.convolution.weight} of transformers. */
    HUGGING_FACE(
        "embedder.embedder.convolution.weight",
        Pattern.compile(
            "(.*)encoder\\.stages\\.0\\.layers\\.0\\.layer\\.0\\.convolution\\.weight")),
    /**
     * {@code features.0.weight} of torchvision's and timm's VGGs, all of whose layers have biases.
     */
    VGG("features.0.bias", Pattern.compile("(.*\\.)?features\\.0\\.weight")),
    /** {@code 4.0.conv1.weight}: torchvision's parts in a Sequential, with or without max pool. */
    SEQUENTIAL("0.weight", Pattern.compile("(.*\\.)?([34])\\.0\\.conv1\\.weight"));

    private final String stem;
    private final Pattern firstBlock;

    Dialect(String stem, Pattern firstBlock) {
      this.stem = stem;
      this.firstBlock = firstBlock;
    }
  }

  /**
   * Finds the network in a file.
   *
   * @param wanted the prefix that its user has named, or null
   * @param notes told what was chosen
   * @throws WeightsException if there are several, or none under the prefix wanted
   */
  static TorchNames detect(TensorFile file, @Nullable String wanted, List<String> notes) {
    Map<String, Dialect> candidates = candidates(file.tensors().keySet());
    String chosen = wanted == null ? choose(file, candidates) : named(file, candidates, wanted);
    Set<String> others = new TreeSet<>(candidates.keySet());
    others.remove(chosen);
    if (wanted == null) {
      file.otherModels().stream()
          .filter(other -> candidates.keySet().stream().noneMatch(c -> c.startsWith(other)))
          .forEach(others::add);
    }
    if (!chosen.isEmpty()) {
      notes.add("the prefix '" + chosen + "' of its names was stripped");
    }
    if (!others.isEmpty() && wanted == null) {
      notes.add(
          "other weights in it are under "
              + String.join(", ", others)
              + " (to take those: --prefix)");
    }
    boolean early = file.tensors().containsKey(chosen + "3.0.conv1.weight");
    return new TorchNames(
        chosen,
        candidates.getOrDefault(chosen, Dialect.TORCHVISION),
        Set.copyOf(others),
        early ? 3 : 4);
  }

  private static Map<String, Dialect> candidates(Set<String> names) {
    Map<String, Dialect> candidates = new TreeMap<>();
    for (String name : names) {
      for (Dialect dialect : Dialect.values()) {
        Matcher first = dialect.firstBlock.matcher(name);
        if (first.matches()) {
          String prefix = first.group(1) == null ? "" : first.group(1);
          if (names.contains(prefix + dialect.stem)) {
            candidates.putIfAbsent(prefix, dialect);
          }
        }
      }
    }
    return candidates;
  }

  private static String choose(TensorFile file, Map<String, Dialect> candidates) {
    Set<String> left = new TreeSet<>(candidates.keySet());
    left.removeIf(prefix -> file.otherModels().stream().anyMatch(prefix::startsWith));
    if (left.size() > 1) {
      Set<String> averages = new TreeSet<>(left);
      averages.removeIf(prefix -> !AVERAGE.matcher(prefix.toLowerCase(Locale.ROOT)).matches());
      if (averages.size() < left.size()) {
        left.removeAll(averages);
      }
    }
    if (left.size() > 1 && !left.contains("")) {
      throw WeightsException.of(
          file.path(),
          "it has several ResNets, under the prefixes " + left,
          "choose one: --prefix "
              + left.stream()
                  .filter(prefix -> !COPY.matcher(prefix).matches())
                  .findFirst()
                  .orElse(left.iterator().next()));
    }
    return left.isEmpty() ? "" : left.iterator().next();
  }

  private static String named(TensorFile file, Map<String, Dialect> candidates, String wanted) {
    if (candidates.containsKey(wanted)) {
      return wanted;
    }
    String whole = wanted.isEmpty() || wanted.endsWith(".") ? wanted : wanted + ".";
    List<String> below = candidates.keySet().stream().filter(p -> p.startsWith(whole)).toList();
    if (below.size() != 1) {
      throw WeightsException.of(
          file.path(),
          (below.isEmpty() ? "no ResNet is" : "several ResNets are")
              + " under the prefix '"
              + wanted
              + "'",
          candidates.isEmpty()
              ? "it has names such as " + file.tensors().keySet().stream().findFirst().orElse("")
              : "there are " + candidates.keySet().stream().map(p -> "'" + p + "'").toList());
    }
    return below.get(0);
  }

  /** Counters that batch norms and averages of PyTorch carry; nothing here needs them. */
  static boolean isCounter(String name) {
    return name.endsWith("num_batches_tracked") || name.endsWith("n_averaged");
  }

  boolean isVgg() {
    return dialect == Dialect.VGG;
  }

  boolean isHuggingFace() {
    return dialect == Dialect.HUGGING_FACE;
  }

  /** Whether a tensor belongs to another model of the file: the longest prefix counts. */
  boolean isOfAnother(String name) {
    return others.stream()
        .anyMatch(
            other ->
                name.startsWith(other) && (other.length() > prefix.length() || !isInside(name)));
  }

  /** Whether a tensor is behind the prefix. */
  boolean isInside(String name) {
    return name.startsWith(prefix);
  }

  /**
   * A tensor's name without the prefix, or without as much of it as it has: beside {@code
   * model.backbone.conv1.weight} there may be {@code model.head.weight}.
   */
  String strip(String name) {
    int end = prefix.length();
    while (end > 0 && !name.startsWith(prefix.substring(0, end))) {
      end = prefix.lastIndexOf('.', end - 2) + 1;
    }
    return name.substring(end);
  }

  /** The tensor of a name behind the prefix, or behind as much of it as it has; null for none. */
  @Nullable StoredTensor behind(TensorFile file, String name) {
    for (StoredTensor tensor : file.tensors().values()) {
      if (tensor.name().endsWith(name)
          && !isOfAnother(tensor.name())
          && strip(tensor.name()).equals(name)) {
        return tensor;
      }
    }
    return null;
  }

  /** What a tensor of stem and stages is called in torchvision's names; null for any other. */
  @Nullable String body(String name) {
    if (!isInside(name)) {
      return null;
    }
    String inner = name.substring(prefix.length());
    if (isVgg()) {
      return vgg(inner);
    }
    String ours =
        switch (dialect) {
          case TORCHVISION, DEEP -> inner.replace(".shortcut.", ".downsample.");
          case HUGGING_FACE -> HuggingFaceNames.torchvision(inner);
          case VGG -> null;
          case SEQUENTIAL -> sequential(inner);
        };
    return ours != null && ours.matches("(conv1|bn1|layer[0-9]+)\\..*") ? ours : null;
  }

  /** Of a VGG, the fully connected layers are inside, too. */
  private static @Nullable String vgg(String inner) {
    String ours =
        inner
            .replaceFirst("^pre_logits\\.fc1\\.", "classifier.0.")
            .replaceFirst("^pre_logits\\.fc2\\.", "classifier.3.")
            .replaceFirst("^head\\.fc\\.", "classifier.6.");
    return VGG_PARAMETER.matcher(ours).matches() ? ours : null;
  }

  private @Nullable String sequential(String inner) {
    if (inner.indexOf('.') != 1) {
      return null;
    }
    int place = inner.charAt(0) - '0';
    String rest = inner.substring(1);
    if (place == 0 || place == 1) {
      return (place == 0 ? "conv1" : "bn1") + rest;
    }
    boolean stage = place >= firstStage && place < firstStage + 4 && rest.matches("\\.\\d+\\..*");
    return stage ? "layer" + (place - firstStage + 1) + rest : null;
  }
}
