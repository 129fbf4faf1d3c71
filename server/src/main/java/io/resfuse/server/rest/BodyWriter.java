package io.resfuse.server.rest;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** Writes an answer as its reader takes it, so that a slow reader has a buffer but no thread. */
final class BodyWriter implements WriteListener {
  private static final int PIECE = 64 << 10;

  private final ServletOutputStream stream;
  private final byte[] bytes;
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private int written;

  private BodyWriter(ServletOutputStream stream, byte[] bytes) {
    this.stream = stream;
    this.bytes = bytes;
  }

  /**
   * Writes.
   *
   * @param response whose asynchronous processing has begun
   * @param bytes all of the body
   * @return done when they are with the connection
   */
  static CompletableFuture<Void> write(HttpServletResponse response, byte[] bytes) {
    try {
      response.setContentLength(bytes.length);
      BodyWriter writer = new BodyWriter(response.getOutputStream(), bytes);
      writer.stream.setWriteListener(writer);
      return writer.done;
    } catch (IOException | IllegalStateException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  @Override
  public void onWritePossible() throws IOException {
    while (stream.isReady()) {
      if (written == bytes.length) {
        done.complete(null);
        return;
      }
      int count = Math.min(PIECE, bytes.length - written);
      stream.write(bytes, written, count);
      written += count;
    }
  }

  @Override
  public void onError(Throwable failure) {
    done.completeExceptionally(failure);
  }
}
