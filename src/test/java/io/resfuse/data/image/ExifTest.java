package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExifTest {
  /** LONG is what some cameras write, and Pillow reads; other types are no orientation. */
  @ParameterizedTest
  @CsvSource({
    "II, 3, 6, 6",
    "MM, 3, 6, 6",
    "II, 4, 8, 8",
    "MM, 4, 8, 8",
    "II, 4, 65542, 1",
    "MM, 4, 0, 1",
    "MM, 4, -1, 1",
    "II, 1, 6, 1",
    "MM, 5, 6, 1",
  })
  void readsOrientations(String order, int type, int value, int expected) {
    ByteBuffer tiff =
        ByteBuffer.allocate(26)
            .order(order.equals("II") ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    tiff.put(order.getBytes(StandardCharsets.US_ASCII)).putShort((short) 42).putInt(8);
    tiff.putShort((short) 1).putShort((short) 0x0112).putShort((short) type).putInt(1);
    if (type == 3) {
      tiff.putShort((short) value);
    } else {
      tiff.putInt(value);
    }
    assertThat(Exif.orientation(tiff.array(), 0, tiff.capacity())).isEqualTo(expected);
  }
}
