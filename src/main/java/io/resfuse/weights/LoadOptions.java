package io.resfuse.weights;

import io.resfuse.model.NetworkConfig;
import org.jspecify.annotations.Nullable;

/**
 * How a weight file is read. Immutable; the {@code with} methods give changed copies.
 *
 * @param network the network whose weights they are, whatever the file says; null for that of the
 *     file
 * @param prefix the beginning of the names of the network's tensors, where a file has several
 *     networks; null to find it
 * @param lenient whether tensors that the network has no place for are left out rather than refused
 */
public record LoadOptions(
    @Nullable NetworkConfig network, @Nullable String prefix, boolean lenient) {
  /** As the file says, and everything in it must have its place. */
  public static final LoadOptions STRICT = new LoadOptions(null, null, false);

  /**
   * For a given network.
   *
   * @param config the network; null for that of the file
   * @return a changed copy
   */
  public LoadOptions withNetwork(@Nullable NetworkConfig config) {
    return new LoadOptions(config, prefix, lenient);
  }

  /**
   * For the network under a prefix.
   *
   * @param beginning for example {@code module.encoder_q.}, with or without the last dot; null to
   *     find it
   * @return a changed copy
   */
  public LoadOptions withPrefix(@Nullable String beginning) {
    return new LoadOptions(network, beginning, lenient);
  }

  /**
   * Whether tensors without a place are left out. Parameters without a tensor are refused all the
   * same.
   *
   * @param leaveOut whether they are
   * @return a changed copy
   */
  public LoadOptions withLenient(boolean leaveOut) {
    return new LoadOptions(network, prefix, leaveOut);
  }
}
