package io.resfuse.cli;

import io.resfuse.platform.OperatingSystem;
import io.resfuse.train.TrainingListener;
import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * A bar on standard error with loss, accuracy, pictures per second and the time left; nothing where
 * that is not a terminal.
 */
final class TrainingProgress implements TrainingListener, AutoCloseable {
  private static final long UPDATE_NANOS = 250_000_000;

  /** Windows' older consoles know no escape sequences. */
  private static final String CLEAR =
      OperatingSystem.current() == OperatingSystem.WINDOWS
          ? "\r" + " ".repeat(79) + "\r"
          : "\r\u001b[K";

  private final String task;
  private @Nullable ProgressBar bar;
  private int batch;
  private long firstStep;
  private long startNanos;
  private long shownNanos;

  TrainingProgress(String task) {
    this.task = task;
  }

  @Override
  public void started(Start start) {
    if (!Progress.isTerminal(2)) {
      return;
    }
    batch = start.batch();
    firstStep = start.step();
    startNanos = System.nanoTime();
    bar =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax((long) start.epochs() * start.stepsPerEpoch())
            .startsFrom(start.step(), java.time.Duration.ZERO)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(250)
            .continuousUpdate()
            .build();
  }

  @Override
  public void progress(long step, double loss, double accuracy) {
    ProgressBar shown = bar;
    long now = System.nanoTime();
    if (shown == null || now - shownNanos < UPDATE_NANOS) {
      return;
    }
    shownNanos = now;
    shown.stepTo(step);
    shown.setExtraMessage(
        String.format(
            Locale.ROOT,
            " loss %.3f, %.1f%%, %,.0f img/s",
            loss,
            100 * accuracy,
            (step - firstStep) * batch / ((now - startNanos) / 1e9)));
  }

  /** Makes room for a line on the same terminal; the bar comes back by itself. */
  void clearLine() {
    if (bar != null) {
      PrintStream terminal = EscapingStream.terminalOf(System.err);
      terminal.print(CLEAR);
      terminal.flush();
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
