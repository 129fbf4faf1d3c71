package io.resfuse.batch;

import io.resfuse.data.image.Image;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;

/** The image of a request, as it was submitted. */
sealed interface Sample {
  /** Floats, normalised already. */
  record Tensor(HostTensor tensor) implements Sample {
    void write(FloatBuffer input, int index) {
      FloatBuffer source = tensor.buffer();
      input.put(index * source.capacity(), source, 0, source.capacity());
    }
  }

  /** A picture that is preprocessed. */
  record Picture(Image image) implements Sample {}

  /** The contents of a picture's file, not copied. */
  final class Encoded implements Sample {
    private final byte[] contents;

    Encoded(byte[] contents) {
      this.contents = contents;
    }

    byte[] contents() {
      return contents;
    }
  }
}
