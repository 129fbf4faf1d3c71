package io.resfuse.train;

import java.nio.file.Path;
import java.util.List;

/** Passes on what it hears. */
final class ListenerList implements TrainingListener {
  private final List<TrainingListener> listeners;

  ListenerList(List<TrainingListener> listeners) {
    this.listeners = listeners;
  }

  @Override
  public void started(Start start) {
    listeners.forEach(listener -> listener.started(start));
  }

  @Override
  public void progress(long step, double loss, double accuracy) {
    for (int i = 0; i < listeners.size(); i++) {
      listeners.get(i).progress(step, loss, accuracy);
    }
  }

  @Override
  public void step(Step step) {
    listeners.forEach(listener -> listener.step(step));
  }

  @Override
  public void layers(Layers layers) {
    listeners.forEach(listener -> listener.layers(layers));
  }

  @Override
  public void epoch(Epoch epoch) {
    listeners.forEach(listener -> listener.epoch(epoch));
  }

  @Override
  public void checkpoint(Path file, long step) {
    listeners.forEach(listener -> listener.checkpoint(file, step));
  }

  @Override
  public void notice(String line) {
    listeners.forEach(listener -> listener.notice(line));
  }
}
