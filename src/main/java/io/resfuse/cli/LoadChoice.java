package io.resfuse.cli;

import io.resfuse.model.NetworkConfig;
import io.resfuse.weights.LoadOptions;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.TensorFile;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which tensors of a file of weights are taken. */
final class LoadChoice {
  @Option(
      names = "--prefix",
      paramLabel = "NAME",
      description =
          "Where a file has several networks: how the names of the one begin that is wanted, for"
              + " example module.encoder_q (default: it is found).")
  private @Nullable String prefix;

  @Option(
      names = "--lenient",
      description =
          "Leave out tensors that the network has no place for, rather than refuse the file.")
  private boolean lenient;

  /** Opens a file as a network, or as the one that it has. */
  ModelFile open(Path file, @Nullable NetworkConfig network) {
    return open(TensorFile.open(file), network);
  }

  ModelFile open(TensorFile file, @Nullable NetworkConfig network) {
    return ModelFile.open(
        file, LoadOptions.STRICT.withNetwork(network).withPrefix(prefix).withLenient(lenient));
  }
}
