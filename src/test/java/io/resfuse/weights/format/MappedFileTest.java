package io.resfuse.weights.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MappedFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void isTheSameMappedAndRead(boolean map) throws IOException {
    Path path = Files.write(folder.resolve("file"), new byte[] {1, 2, 3, 4, 5});
    MappedFile file = MappedFile.open(path, map);
    assertThat(file.size()).isEqualTo(5);
    ByteBuffer piece = file.slice(1, 4);
    assertThat(piece.isReadOnly()).isTrue();
    assertThat(piece.getInt()).isEqualTo(0x05040302);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> file.slice(2, 4))
        .withMessageContaining("it has 5 bytes");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void mayBeEmpty(boolean map) throws IOException {
    Path path = Files.createFile(folder.resolve("empty"));
    assertThat(MappedFile.open(path, map).slice(0, 0).remaining()).isZero();
  }
}
