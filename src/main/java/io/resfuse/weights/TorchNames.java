package io.resfuse.weights;

import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * torchvision's names behind a prefix ({@code module.} of DataParallel, {@code _orig_mod.} of
 * torch.compile, {@code model.} of Lightning, ...), with the usual aliases of CIFAR code: {@code
 * linear} for {@code fc}, {@code shortcut} for {@code downsample}.
 */
final class TorchNames {
  private static final String STEM = "conv1.weight";
  private static final String FIRST_BLOCK = "layer1.0.conv1.weight";

  private final String prefix;
  private final boolean hasFc;

  private TorchNames(String prefix, boolean hasFc) {
    this.prefix = prefix;
    this.hasFc = hasFc;
  }

  static TorchNames detect(TensorFile file, List<String> notes) {
    Set<String> prefixes = new TreeSet<>();
    Set<String> names = file.tensors().keySet();
    for (String name : names) {
      if (name.endsWith(FIRST_BLOCK)) {
        String prefix = name.substring(0, name.length() - FIRST_BLOCK.length());
        if (names.contains(prefix + STEM)) {
          prefixes.add(prefix);
        }
      }
    }
    if (prefixes.size() > 1) {
      throw WeightsException.of(
          file.path(),
          "it has several ResNets, under the prefixes " + prefixes,
          "save the state_dict of one of them");
    }
    String prefix = prefixes.isEmpty() ? "" : prefixes.iterator().next();
    if (!prefix.isEmpty()) {
      notes.add("the prefix '" + prefix + "' of its names was stripped");
    }
    boolean hasFc = names.contains(prefix + "fc.weight") || names.contains("fc.weight");
    return new TorchNames(prefix, hasFc);
  }

  /** Counters that batch norms of PyTorch carry; nothing here needs them. */
  boolean isIgnored(String name) {
    return name.endsWith(".num_batches_tracked");
  }

  @Nullable MappedTensor map(StoredTensor tensor) {
    String name = tensor.name();
    if (name.startsWith(prefix)) {
      name = name.substring(prefix.length());
    }
    if (!hasFc && name.startsWith("linear.")) {
      name = "fc." + name.substring("linear.".length());
    }
    if (name.startsWith("layer")) {
      name = name.replace(".shortcut.", ".downsample.");
    }
    return new MappedTensor(name, tensor, MappedTensor.Order.SAME);
  }
}
