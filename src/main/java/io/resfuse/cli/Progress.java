package io.resfuse.cli;

import io.resfuse.platform.OperatingSystem;
import io.resfuse.platform.Printable;
import io.resfuse.platform.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A progress bar on standard error; nothing where that is not a terminal. */
final class Progress implements AutoCloseable {
  /** So many pictures need no bar. */
  private static final int FEW = 16;

  private final String task;
  private @Nullable ProgressBar bar;
  private @Nullable String step;

  Progress(String task) {
    this.task = task;
  }

  /**
   * Whether a file descriptor of this process, 1 or 2, is a terminal. Linux tells; elsewhere Java
   * knows only whether both its input and its output are a terminal's, and newer Javas no longer
   * say even that, unless {@code -Djdk.console=java.base} asks them to.
   */
  @SuppressWarnings("SystemConsoleNull") // asked only where null has a meaning
  static boolean isTerminal(int descriptor) {
    if (OperatingSystem.current() != OperatingSystem.LINUX) {
      boolean telling =
          Runtime.version().feature() < 22
              || Settings.CONSOLE.value().orElse("").equals("java.base");
      return telling && System.console() != null;
    }
    try {
      Path link = Path.of("/proc/self/fd", Integer.toString(descriptor));
      String target = Files.readSymbolicLink(link).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  /** A listener of work that is counted in bytes. */
  void bytes(String newStep, long done, long total) {
    report(newStep, done, total, " MiB", 1 << 20);
  }

  /** A listener of work that is counted in pictures. */
  void pictures(long done, long total) {
    report("pictures", done, total, "", 1);
  }

  /**
   * The same where each picture's results are printed as they come: nothing for few pictures, nor
   * where results go to a terminal, for they would tear the bar.
   */
  void picturesBesideResults(long done, long total) {
    if (total > FEW && !isTerminal(1)) {
      pictures(done, total);
    }
  }

  /** A listener of steps, each with a name of its own. */
  void steps(String what, long done, long total) {
    report(what, done, total, "", 1);
  }

  private void report(String newStep, long done, long total, String unit, long unitSize) {
    if (!isTerminal(2)) {
      return;
    }
    if (!newStep.equals(step)) {
      close();
      step = newStep;
      bar =
          new ProgressBarBuilder()
              .setTaskName(Printable.of(task + ": " + newStep))
              .setInitialMax(Math.max(total, 0))
              .setUnit(unit, unitSize)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(200)
              .continuousUpdate()
              .build();
    }
    if (bar != null) {
      bar.maxHint(Math.max(total, done));
      bar.stepTo(done);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
      step = null;
    }
  }
}
