package io.resfuse.spark;

import io.resfuse.train.Checkpoints;
import io.resfuse.train.TrainingListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Keeps the checkpoints of a training, which its trainer writes into a folder of the worker, in a
 * folder that outlives the worker. Not thread-safe.
 */
final class CheckpointMirror implements TrainingListener {
  private final Path here;
  private final RemoteFolder there;
  private final Map<String, FileTime> copied = new HashMap<>();

  CheckpointMirror(Path here, RemoteFolder there) {
    this.here = here;
    this.there = there;
  }

  /** Brings the checkpoints of earlier attempts here. */
  void fetch() {
    try {
      Files.createDirectories(here);
      for (String name : there.files()) {
        if (Checkpoints.isCheckpoint(name)) {
          there.fetch(name, here.resolve(name));
          copied.put(name, Files.getLastModifiedTime(here.resolve(name)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What is new here goes there before what is gone here goes there, too. */
  @Override
  public void checkpoint(Path file, long step) {
    Map<String, FileTime> present = new TreeMap<>(); // the best before the last, which knows of it
    try (Stream<Path> list = Files.list(here)) {
      for (Path each : list.toList()) {
        String name = each.getFileName().toString();
        if (Checkpoints.isCheckpoint(name)) {
          present.put(name, Files.getLastModifiedTime(each));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    present.forEach(
        (name, time) -> {
          if (!time.equals(copied.get(name))) {
            there.put(name, here.resolve(name));
            copied.put(name, time);
          }
        });
    for (String name : List.copyOf(copied.keySet())) {
      if (!present.containsKey(name)) {
        there.remove(name);
        copied.remove(name);
      }
    }
  }
}
