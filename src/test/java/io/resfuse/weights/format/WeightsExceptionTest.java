package io.resfuse.weights.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What is said of files that cannot be read. */
class WeightsExceptionTest {
  @Test
  void aFileThatCannotBeMappedIsNotBlamed() {
    IOException unmapped = new IOException("Map failed", new OutOfMemoryError("Map failed"));
    assertThat(WeightsException.reading(Path.of("a.safetensors"), unmapped))
        .hasMessage(
            "a.safetensors: there is no memory to map it (Map failed); raise this process's limit if"
                + " it has one (ulimit -v), or end other programs");
    assertThat(WeightsException.reading(Path.of("a.safetensors"), new IOException("EIO")))
        .hasMessage("a.safetensors: reading failed (EIO); check the disk and the file");
  }
}
