package io.resfuse.spark;

import io.resfuse.data.DataException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * A folder in a file system that Hadoop knows. Files are written under another name and then
 * renamed, so that others see all of one or nothing. Immutable.
 */
final class RemoteFolder {
  private final FileContext context;
  private final Path folder;

  /**
   * A folder, which need not be there yet.
   *
   * @throws DataException if there is no such file system
   */
  RemoteFolder(String folder, Configuration configuration) {
    try {
      this.folder = new Path(folder);
      this.context = FileContext.getFileContext(this.folder.toUri(), configuration);
    } catch (IOException | IllegalArgumentException e) {
      throw failed(folder, "cannot be used", e);
    }
  }

  private static DataException failed(Object where, String what, Exception e) {
    return new DataException(where + " " + what + ": " + e.getMessage(), e);
  }

  /** The whole name of a file, as other processes find it. */
  String name(String file) {
    return context.makeQualified(new Path(folder, file)).toString();
  }

  /** Names of files, those that are being written left out. */
  List<String> files() {
    List<String> names = new ArrayList<>();
    try {
      RemoteIterator<FileStatus> all = context.listStatus(folder);
      while (all.hasNext()) {
        FileStatus status = all.next();
        String name = status.getPath().getName();
        if (status.isFile() && !name.startsWith(".")) {
          names.add(name);
        }
      }
      return names;
    } catch (FileNotFoundException e) {
      return List.of();
    } catch (IOException e) {
      throw failed(folder, "cannot be read", e);
    }
  }

  /** Copies a file from there. */
  void fetch(String file, java.nio.file.Path target) {
    try (InputStream in = context.open(new Path(folder, file))) {
      Files.copy(in, target, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failed(folder + "/" + file, "cannot be read", e);
    }
  }

  /** A short text; null if there is none. */
  String text(String file) {
    try (InputStream in = context.open(new Path(folder, file))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      return null;
    } catch (IOException e) {
      throw failed(folder + "/" + file, "cannot be read", e);
    }
  }

  /** Copies a file there, in the place of one that may be there. */
  void put(String file, java.nio.file.Path source) {
    try {
      put(file, Files.newInputStream(source));
    } catch (IOException e) {
      throw failed(source, "cannot be read", e);
    }
  }

  /** Writes a short text. */
  void put(String file, String text) {
    put(file, new java.io.ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  private void put(String file, InputStream source) {
    Path aside = new Path(folder, "." + file + "." + UUID.randomUUID() + ".tmp");
    try (InputStream in = source) {
      try (OutputStream out =
          context.create(aside, EnumSet.of(CreateFlag.CREATE), Options.CreateOpts.createParent())) {
        in.transferTo(out);
      }
      context.rename(aside, new Path(folder, file), Options.Rename.OVERWRITE);
    } catch (IOException e) {
      try {
        context.delete(aside, false);
      } catch (IOException again) {
        e.addSuppressed(again);
      }
      throw failed(folder + "/" + file, "cannot be written", e);
    }
  }

  @Override
  public String toString() {
    return folder.toString();
  }

  /** Removes a file. */
  void remove(String file) {
    try {
      context.delete(new Path(folder, file), false);
    } catch (IOException e) {
      throw failed(folder + "/" + file, "cannot be removed", e);
    }
  }
}
