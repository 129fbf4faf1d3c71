package io.resfuse.server.rest;

import io.resfuse.server.inference.BodyMemory;
import io.resfuse.server.inference.Failures;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;

/**
 * Reads a request's body as it comes, so that a slow sender has a buffer but no thread. What is
 * taken of the {@link BodyMemory} is what has come, whatever the sender says will come.
 */
final class BodyReader implements ReadListener {
  private static final int FIRST = 16 << 10;
  private static final String ENCODING = "Content-Encoding";

  private final ServletInputStream stream;
  private final BodyMemory memory;
  private final int most;
  private final boolean gzip;
  private final CompletableFuture<Body> body = new CompletableFuture<>();
  private byte[] bytes = new byte[0];
  private int length;

  /** As announced; -1 where it was not. */
  private int expected;

  private BodyReader(
      ServletInputStream stream, BodyMemory memory, int most, int expected, boolean gzip) {
    this.stream = stream;
    this.memory = memory;
    this.most = most;
    this.expected = expected;
    this.gzip = gzip;
  }

  /**
   * Refuses what can be refused before a byte of it has come.
   *
   * @throws ServiceException that says why
   */
  static void check(HttpServletRequest request, int most) {
    if (request.getContentLengthLong() > most) {
      throw tooLarge(most);
    }
    String encoding = request.getHeader(ENCODING);
    if (encoding != null && !isPacked(request) && !encoding.equalsIgnoreCase("identity")) {
      throw ServiceException.invalid(
          "the body has Content-Encoding %s; this server takes gzip or none".formatted(encoding));
    }
  }

  private static boolean isPacked(HttpServletRequest request) {
    return "gzip".equalsIgnoreCase(request.getHeader(ENCODING));
  }

  /**
   * Begins to read.
   *
   * @param request that was checked, and of which asynchronous processing has begun
   * @param memory of which the body's is taken; {@link #free} gives it back
   * @param most bytes that are allowed, also of what is unpacked
   * @param timeout after which reading fails
   * @param timer for that
   * @return the reader, of which {@link #body} is the body
   */
  static BodyReader read(
      HttpServletRequest request,
      BodyMemory memory,
      int most,
      Duration timeout,
      ScheduledExecutorService timer)
      throws IOException {
    ServletInputStream stream = request.getInputStream();
    BodyReader reader =
        new BodyReader(
            stream, memory, most, (int) request.getContentLengthLong(), isPacked(request));
    ScheduledFuture<?> late =
        timer.schedule(reader::late, timeout.toMillis(), TimeUnit.MILLISECONDS);
    reader.body.whenComplete((whole, failure) -> late.cancel(false));
    stream.setReadListener(reader);
    return reader;
  }

  private static ServiceException tooLarge(int most) {
    return new ServiceException(
        Kind.TOO_LARGE, "a body has at most %d bytes here; --max-body sets it".formatted(most));
  }

  private void late() {
    body.completeExceptionally(
        new ServiceException(Kind.TOO_SLOW, "the body did not come in time; send it faster"));
  }

  /** The body, once it is whole. */
  CompletableFuture<Body> body() {
    return body;
  }

  /** Whether all of it has come, whatever was made of it. */
  boolean isWhole() {
    return stream.isFinished();
  }

  /** Gives the memory back, once the body is done and nobody reads it any more. Idempotent. */
  synchronized void free() {
    memory.free(bytes.length);
    bytes = new byte[0];
    length = 0;
  }

  @Override
  public synchronized void onDataAvailable() throws IOException {
    try {
      while (!body.isDone() && stream.isReady()) {
        if (length == expected) {
          // The end: HTTP gives no more than was announced.
          stream.read();
          return;
        }
        if (length == bytes.length) {
          grow();
        }
        int count = stream.read(bytes, length, bytes.length - length);
        if (count < 0) {
          return;
        }
        length += count;
      }
    } catch (ServiceException e) {
      body.completeExceptionally(e);
    }
  }

  private void grow() {
    if (length > most) {
      throw tooLarge(most);
    }
    // One byte more than allowed, to see whether there is one.
    long limit = expected >= 0 ? expected : most + 1L;
    int size = (int) Math.min(limit, Math.max(FIRST, 2L * length));
    memory.take(size - length);
    try {
      bytes = Arrays.copyOf(bytes, size);
    } catch (OutOfMemoryError e) {
      memory.free(size - length);
      throw Failures.of(e);
    }
  }

  @Override
  public void onAllDataRead() {
    try {
      body.complete(whole());
    } catch (ServiceException e) {
      body.completeExceptionally(e);
    } catch (IOException e) {
      body.completeExceptionally(
          ServiceException.invalid("the body is no gzip: " + e.getMessage()));
    }
  }

  private synchronized Body whole() throws IOException {
    if (length > most) {
      throw tooLarge(most);
    }
    if (!gzip) {
      return new Body(bytes, length);
    }
    int packed = length;
    byte[] source = bytes;
    // From here on they are not free()'s, whatever comes.
    bytes = new byte[0];
    length = 0;
    expected = -1;
    try (GZIPInputStream unpacked =
        new GZIPInputStream(new ByteArrayInputStream(source, 0, packed))) {
      while (true) {
        if (length == bytes.length) {
          grow();
        }
        int count = unpacked.read(bytes, length, bytes.length - length);
        if (count < 0) {
          return new Body(bytes, length);
        }
        length += count;
      }
    } finally {
      memory.free(source.length);
    }
  }

  @Override
  public void onError(Throwable failure) {
    body.completeExceptionally(
        ServiceException.invalid("the body ended early: " + failure.getMessage()));
  }
}
