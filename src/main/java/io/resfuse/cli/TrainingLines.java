package io.resfuse.cli;

import io.resfuse.platform.Printable;
import io.resfuse.train.Evaluation;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.TrainingResult;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.stream.Collectors;

/** A line for people at the beginning and per epoch. */
final class TrainingLines implements TrainingListener {
  private final PrintWriter out;
  private final Runnable before;
  private int epochs;

  TrainingLines(PrintWriter out, Runnable before) {
    this.out = out;
    this.before = before;
  }

  private void print(String format, Object... arguments) {
    before.run();
    out.println(String.format(Locale.ROOT, format, arguments));
    out.flush();
  }

  @Override
  public void started(Start start) {
    epochs = start.epochs();
    print(
        "%s, %,d parameters to train on %,d pictures of %d classes; %s, %s",
        start.network(),
        start.parameters(),
        start.pictures(),
        start.classes().size(),
        start.engine(),
        start.precision());
    if (start.step() > 0) {
      print("resumed at step %d", start.step());
    }
  }

  @Override
  public void epoch(Epoch epoch) {
    Evaluation evaluation = epoch.evaluation();
    String result =
        evaluation == null
            ? ""
            : String.format(
                Locale.ROOT,
                "  test loss %.4f, %s %.2f%%%s",
                evaluation.loss(),
                evaluation.mainMeasure().title(),
                100 * evaluation.mainScore(),
                epoch.best() ? " *" : "");
    print(
        "epoch %d/%d  loss %.4f, %.2f%%%s  %,.0f img/s, %.1f%% waiting, %s",
        epoch.epoch() + 1,
        epochs,
        epoch.trainingLoss(),
        100 * epoch.trainingAccuracy(),
        result,
        epoch.imagesPerSecond(),
        100 * epoch.waitedShare(),
        time(epoch.seconds()));
  }

  @Override
  public void notice(String line) {
    print("%s", Printable.message(line));
  }

  /** How well the trained network does on the test set. */
  static String test(TrainingResult training, Evaluation test) {
    String line =
        String.format(
            Locale.ROOT,
            "test: %s, loss %.4f after %s of training%n",
            scores(test),
            test.loss(),
            time(training.seconds()));
    return training.unreadable() == 0 && test.unreadable() == 0
        ? line
        : line
            + "unreadable pictures skipped: %d in training, %d in the test set%n"
                .formatted(training.unreadable(), test.unreadable());
  }

  /** All scores, separated by commas. */
  static String scores(Evaluation test) {
    return test.scores().entrySet().stream()
        .map(
            score ->
                String.format(
                    Locale.ROOT, "%s %.2f%%", score.getKey().title(), 100 * score.getValue()))
        .collect(Collectors.joining(", "));
  }

  static String time(double seconds) {
    long whole = (long) seconds;
    return String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60);
  }
}
