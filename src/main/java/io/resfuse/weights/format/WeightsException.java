package io.resfuse.weights.format;

import io.resfuse.platform.FileNames;
import io.resfuse.platform.OperatingSystem;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileLockInterruptionException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Weights cannot be read, written or fetched. The first line of the message says which file, what
 * was found and what to do; further lines may list details.
 */
public final class WeightsException extends RuntimeException {
  /**
   * A failure.
   *
   * @param message which file, what was found, what to do
   */
  public WeightsException(String message) {
    super(message);
  }

  /**
   * A failure with its cause.
   *
   * @param message which file, what was found, what to do
   * @param cause what went wrong below
   */
  public WeightsException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /**
   * Says what is wrong with a file.
   *
   * @param file which
   * @param found what was found
   * @param remedy what to do
   * @return an exception to throw
   */
  public static WeightsException of(Path file, String found, String remedy) {
    return new WeightsException(FileNames.shown(file) + ": " + found + "; " + remedy);
  }

  /**
   * A file that ends early or contradicts itself.
   *
   * @param file which
   * @param found what was found
   * @return an exception to throw
   */
  public static WeightsException corrupt(Path file, String found) {
    return of(file, found, "the file is damaged or incomplete: get it again");
  }

  static WeightsException reading(Path file, IOException cause) {
    String found;
    String remedy;
    if (isInterruption(cause)) {
      return interrupted(file, cause);
    } else if (cause instanceof NoSuchFileException) {
      found = "there is no such file";
      remedy = "check the path";
    } else if (cause instanceof AccessDeniedException) {
      found = "the file may not be read";
      remedy = "change its permissions";
    } else if (cause.getCause() instanceof OutOfMemoryError) {
      // So does FileChannel say that the system did not map a part of the file.
      found = "there is no memory to map it (" + reason(cause) + ")";
      remedy = "raise this process's limit if it has one (ulimit -v), or end other programs";
    } else {
      found = "reading failed (" + reason(cause) + ")";
      remedy = "check the disk and the file";
    }
    return new WeightsException(FileNames.shown(file) + ": " + found + "; " + remedy, cause);
  }

  /**
   * A file that could not be written, of which nothing was left behind.
   *
   * @param file which
   * @param cause what went wrong
   * @return an exception to throw
   */
  public static WeightsException writing(Path file, IOException cause) {
    if (isInterruption(cause)) {
      return interrupted(file, cause);
    }
    String found = "writing failed (" + reason(cause) + "), nothing was left behind";
    String remedy = "check the folder";
    String reason = reason(cause).toLowerCase(Locale.ROOT);
    if (cause instanceof NoSuchFileException) {
      found = "the folder does not exist";
      remedy = "create it first";
    } else if (cause instanceof AccessDeniedException || reason.contains("read-only")) {
      found = "the folder may not be written";
      remedy =
          OperatingSystem.current() == OperatingSystem.WINDOWS
              ? "choose another folder, or close the programs that have the file open"
              : "choose another folder or change its permissions";
    } else if (reason.contains("no space")
        || reason.contains("not enough space")
        || reason.contains("quota")) {
      found = "the disk is full, nothing was left behind";
      remedy = "free some space or choose another folder";
    }
    return new WeightsException(FileNames.shown(file) + ": " + found + "; " + remedy, cause);
  }

  /**
   * Whether a failure says nothing of a file: its thread was interrupted, and still is.
   *
   * @param cause what went wrong
   * @return true if so
   */
  public static boolean isInterruption(IOException cause) {
    return cause instanceof ClosedByInterruptException
        || cause instanceof FileLockInterruptionException
        || cause instanceof InterruptedIOException;
  }

  private static WeightsException interrupted(Path file, IOException cause) {
    return new WeightsException(
        FileNames.shown(file)
            + ": the thread was interrupted before the work was done; nothing is wrong with the"
            + " file: call again in a thread that is not interrupted",
        cause);
  }

  private static String reason(IOException cause) {
    if (cause instanceof FileAlreadyExistsException) {
      return "a file is in the way: " + cause.getMessage();
    }
    if (cause instanceof FileSystemException e && e.getReason() != null) {
      return e.getReason();
    }
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }
}
