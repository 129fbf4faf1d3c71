package io.resfuse.train.run;

import io.resfuse.train.TrainingListener;
import io.resfuse.weights.format.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a file of metrics true across interruptions: when a training goes on at a step, what the
 * file says of later steps is dropped, for they are made again.
 */
final class MetricsFile implements TrainingListener, AutoCloseable {
  private final Path file;
  private final List<String> before = new ArrayList<>();
  private @Nullable Writer out;
  private TrainingListener log = TrainingListener.NONE;

  MetricsFile(Path file) {
    this.file = file;
  }

  @Override
  public void started(Start start) {
    RunHistory kept =
        start.step() == 0 ? new RunHistory(List.of()) : RunHistory.read(file).upTo(start.step());
    AtomicFile.write(file, kept.toLines());
    try {
      out = Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be written: " + e.getMessage(), e);
    }
    log = new MetricsLog(out);
    log.started(start);
    before.forEach(log::notice);
    before.clear();
  }

  @Override
  public void step(Step step) {
    log.step(step);
  }

  @Override
  public void layers(Layers layers) {
    log.layers(layers);
  }

  @Override
  public void epoch(Epoch epoch) {
    log.epoch(epoch);
  }

  @Override
  public void checkpoint(Path checkpoint, long step) {
    log.checkpoint(checkpoint, step);
  }

  @Override
  public void notice(String line) {
    if (out == null) {
      before.add(line);
    } else {
      log.notice(line);
    }
  }

  @Override
  public void close() {
    if (out != null) {
      try {
        out.close();
      } catch (IOException e) {
        throw new UncheckedIOException(file + " cannot be closed: " + e.getMessage(), e);
      }
    }
  }
}
