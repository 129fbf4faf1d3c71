package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpyTest {
  @TempDir Path folder;

  @Test
  void readsWhatItWrites() throws IOException {
    for (Shape shape : new Shape[] {Shape.of(), Shape.of(3), Shape.of(2, 1, 3), Shape.of(0, 4)}) {
      HostTensor tensor = HostTensor.zeros(shape);
      for (int i = 0; i < shape.elements(); i++) {
        tensor.set(i, i - 1.5f);
      }
      Path file = folder.resolve("a.npy");
      Npy.write(file, tensor);
      HostTensor read = Npy.read(file);
      assertThat(read.shape()).isEqualTo(shape);
      assertThat(read.toArray()).isEqualTo(tensor.toArray());
      assertThat(folder.toFile().list()).containsExactly("a.npy");
    }
  }

  /** numpy.save of numpy.array([[1.5, -2.0]]), version 1.0. */
  @Test
  void readsNumPysFloat64() {
    String header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
    byte[] bytes = new byte[128 + 16];
    byte[] start =
        ("\u0093NUMPY\u0001\u0000v\u0000" + header).getBytes(StandardCharsets.ISO_8859_1);
    Arrays.fill(bytes, 0, 128, (byte) ' ');
    System.arraycopy(start, 0, bytes, 0, start.length);
    bytes[127] = '\n';
    System.arraycopy(new byte[] {0, 0, 0, 0, 0, 0, (byte) 0xf8, 0x3f}, 0, bytes, 128, 8);
    System.arraycopy(new byte[] {0, 0, 0, 0, 0, 0, 0, (byte) 0xc0}, 0, bytes, 136, 8);
    HostTensor read = Npy.parse(bytes, "x");
    assertThat(read.shape()).isEqualTo(Shape.of(1, 2));
    assertThat(read.toArray()).containsExactly(1.5f, -2f);
  }

  @Test
  void refusesEveryTruncation() throws IOException {
    Path file = folder.resolve("a.npy");
    Npy.write(file, HostTensor.zeros(Shape.of(3, 5)));
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> Npy.parse(part, "part.npy"))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("part.npy");
    }
  }
}
