package io.resfuse.weights;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names of ResNets in Hugging Face's transformers: {@code embedder.embedder} is the stem,
 * {@code encoder.stages.S.layers.B.layer.K} the convolution K of block B in stage S, all counted
 * from 0.
 */
final class HuggingFaceNames {
  private static final Pattern STEM =
      Pattern.compile("embedder\\.embedder\\.(convolution|normalization)\\.(\\w+)");
  private static final Pattern BLOCK =
      Pattern.compile(
          "encoder\\.stages\\.(\\d{1,3})\\.layers\\.(\\d{1,4})"
              + "\\.(?:layer\\.(\\d)|shortcut)\\.(convolution|normalization)\\.(\\w+)");

  private HuggingFaceNames() {}

  /** torchvision's name of a tensor of stem and stages; null for any other. */
  static @Nullable String torchvision(String name) {
    Matcher stem = STEM.matcher(name);
    if (stem.matches()) {
      return (isConvolution(stem.group(1)) ? "conv1." : "bn1.") + stem.group(2);
    }
    Matcher block = BLOCK.matcher(name);
    if (!block.matches()) {
      return null;
    }
    boolean convolution = isConvolution(block.group(4));
    String layer =
        block.group(3) == null
            ? "downsample." + (convolution ? 0 : 1)
            : (convolution ? "conv" : "bn") + (Integer.parseInt(block.group(3)) + 1);
    int stage = Integer.parseInt(block.group(1)) + 1;
    return "layer" + stage + "." + block.group(2) + "." + layer + "." + block.group(5);
  }

  private static boolean isConvolution(String kind) {
    return kind.equals("convolution");
  }
}
