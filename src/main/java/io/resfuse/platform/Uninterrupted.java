package io.resfuse.platform;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.concurrent.CountDownLatch;

/**
 * What is done to its end in threads that may be interrupted; they are interrupted afterwards as
 * they were before. A channel of Java closes itself when its thread is interrupted, as {@code
 * ExecutorService.shutdownNow} does, which looks like a broken file. Stateless.
 */
public final class Uninterrupted {
  private Uninterrupted() {}

  /**
   * What is read.
   *
   * @param <T> of the result
   */
  @FunctionalInterface
  public interface Reading<T> {
    /**
     * Reads; may be called again from the start.
     *
     * @return the result
     * @throws IOException if it cannot be read
     */
    T read() throws IOException;
  }

  /**
   * Reads something, again if an interruption has closed its channel.
   *
   * @param reading opens what it reads itself
   * @param <T> of the result
   * @return the result
   * @throws IOException from reading, but never for an interruption
   */
  public static <T> T read(Reading<T> reading) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          return reading.read();
        } catch (ClosedByInterruptException e) {
          interrupted = true;
          Thread.interrupted();
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Waits for a latch.
   *
   * @param latch that others count down
   */
  public static void await(CountDownLatch latch) {
    boolean interrupted = false;
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
