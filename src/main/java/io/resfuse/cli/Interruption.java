package io.resfuse.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Lets work that can be stopped come to a clean end when the process is asked to end. */
final class Interruption {
  private static final long PATIENCE_SECONDS = 60;

  private Interruption() {}

  /** Runs work; on Ctrl-C or SIGTERM, asks it to stop and waits until it has. */
  static <T> T guard(Runnable stop, Supplier<T> work) {
    CountDownLatch done = new CountDownLatch(1);
    Thread hook =
        new Thread(
            () -> {
              stop.run();
              try {
                if (!done.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                  System.err.println("resfuse: gave up waiting for the step that runs");
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "resfuse-interruption");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return work.get();
    } finally {
      done.countDown();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The process is ending.
      }
    }
  }
}
