package io.resfuse.platform;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ranges of NVTX, NVIDIA's Tools Extension: what runs when, by name, on the time lines of its
 * profilers. Off unless {@link Settings#NVTX} says otherwise; then a range costs a test of a
 * constant. Thread-safe; ranges nest, thread by thread.
 */
public final class Nvtx {
  private static final Logger log = LoggerFactory.getLogger(Nvtx.class);

  private static final String LIBRARY = "libnvToolsExt.so.1";

  private static final @Nullable NvtxLibrary ON = open();

  private Nvtx() {}

  private static @Nullable NvtxLibrary open() {
    String wanted = Settings.NVTX.value().orElse("false");
    if (wanted.equals("false")) {
      return null;
    }
    String library = wanted.equals("true") ? LIBRARY : wanted;
    try {
      return NvtxLibrary.open(library);
    } catch (IOException | LinkageError | RuntimeException e) {
      log.warn(
          "no ranges for NVIDIA's profilers: {} cannot be loaded: {}; name its file by -D{}=FILE",
          library,
          e.getMessage(),
          Settings.NVTX.key());
      return null;
    }
  }

  /**
   * Whether ranges go anywhere: whoever makes their names need not, else.
   *
   * @return the same for the life of the process
   */
  public static boolean isOn() {
    return ON != null;
  }

  /**
   * Begins a range on this thread, unless they are off.
   *
   * @param name one of few, since it is kept
   */
  public static void push(String name) {
    NvtxLibrary on = ON;
    if (on != null) {
      on.push(name);
    }
  }

  /** Ends the range that this thread has begun last, unless they are off. */
  public static void pop() {
    NvtxLibrary on = ON;
    if (on != null) {
      on.pop();
    }
  }
}
