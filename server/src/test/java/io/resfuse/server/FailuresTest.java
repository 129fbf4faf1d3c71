package io.resfuse.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.DataException;
import io.resfuse.server.inference.Failures;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.io.IOException;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

/** What clients are told of what the library throws. */
class FailuresTest {
  @Test
  void memoryIsNoPicturesFault() {
    IOException read = new IOException("no PNG", new OutOfMemoryError("Java heap space"));
    DataException failure = new DataException("cannot be read as PNG", read);
    assertThat(Failures.of(new CompletionException(failure)).kind()).isEqualTo(Kind.OVERLOADED);
    assertThat(Failures.of(new DataException("cannot be read as PNG")).kind())
        .isEqualTo(Kind.INVALID);
  }
}
