package io.resfuse.weights;

import io.resfuse.weights.format.AtomicFile;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A model that is part of the library.
 *
 * @param resource the safetensors file beside this class
 */
record BundledModelSource(String resource) implements ModelSource {
  @Override
  public String description() {
    return "part of ResFuse";
  }

  @Override
  public long downloadSize() {
    return 0;
  }

  @Override
  public boolean isCurrent(Path file) {
    try {
      return Files.isRegularFile(file) && Arrays.equals(Files.readAllBytes(file), bytes());
    } catch (IOException e) {
      return false;
    }
  }

  TensorFile open() {
    return TensorFile.of(Path.of(resource), bytes());
  }

  private byte[] bytes() {
    try (InputStream stream = BundledModelSource.class.getResourceAsStream(resource)) {
      if (stream == null) {
        throw new IllegalStateException(resource + " is missing in the library");
      }
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void write(
      PretrainedModel model,
      NpmClient npm,
      @Nullable Path archive,
      Path work,
      Path target,
      ProgressListener listener) {
    if (archive != null) {
      throw new WeightsException(
          model.name() + " is part of ResFuse; there is nothing to take from " + archive);
    }
    AtomicFile.write(target, bytes());
  }
}
