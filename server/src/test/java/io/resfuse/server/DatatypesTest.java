package io.resfuse.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.server.protocol.Datatypes;
import io.resfuse.server.protocol.InputTensor;
import io.resfuse.server.protocol.ServiceException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Elements as bytes. */
class DatatypesTest {
  private static InputTensor.Bytes empty(int count) {
    ByteBuffer raw = ByteBuffer.allocate(Integer.BYTES * count);
    return (InputTensor.Bytes) Datatypes.read("x", Datatypes.BYTES, new long[] {count}, raw);
  }

  @Test
  void elementsAreSoMany() {
    assertThat(empty(Datatypes.MOST_STRINGS).elements()).hasSize(1 << 20);
    assertThatThrownBy(() -> empty(Datatypes.MOST_STRINGS + 1))
        .isInstanceOf(ServiceException.class)
        .hasMessage("an input has at most 1048576 elements of BYTES here");
  }
}
