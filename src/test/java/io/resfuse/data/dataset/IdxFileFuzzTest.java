package io.resfuse.data.dataset;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.resfuse.data.DataException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever the bytes, an IDX file is read or refused by an exception that says why. */
class IdxFileFuzzTest {
  static Stream<byte[]> seeds() {
    return Stream.of(
        DatasetsTest.idx(0x803, new int[] {3, 2, 2}, new byte[12]),
        DatasetsTest.idx(0x803, new int[] {30000, 200, 200}, new byte[12]),
        new byte[] {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = "20s")
  void readOrRefused(byte[] file) {
    try {
      IdxFile.read("fuzz", new ByteArrayInputStream(file), 3);
    } catch (DataException | IOException expected) {
      return;
    }
  }
}
