package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.platform.FileNames;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The pictures in a folder, as every command finds them: files with the endings {@link #ENDINGS},
 * in upper or lower case, in the folder and all folders below it. Links are followed, and a folder
 * that several paths lead to is looked into once, so that loops end. What begins with a dot is
 * passed over. Stateless and thread-safe.
 */
public final class PictureFiles {
  /** What names of pictures end in. */
  public static final List<String> ENDINGS =
      List.of("bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "webp");

  private PictureFiles() {}

  /**
   * All pictures in a folder.
   *
   * @param folder may be a link
   * @return first the folder's own, then those of each folder in it, in the order of their names
   * @throws DataException if a folder is missing, or cannot be read
   */
  public static List<Path> in(Path folder) {
    return in(
        folder,
        problem -> {
          throw problem;
        });
  }

  /**
   * All pictures in those folders that can be read.
   *
   * @param folder may be a link
   * @param problems hears of each folder that is missing or cannot be read
   * @return in the same order
   */
  public static List<Path> in(Path folder, Consumer<DataException> problems) {
    List<Path> found = new ArrayList<>();
    add(folder, found, new HashSet<>(), problems);
    return found;
  }

  private static void add(
      Path folder, List<Path> found, Set<Path> seen, Consumer<DataException> problems) {
    try {
      if (!seen.add(folder.toRealPath())) {
        return;
      }
      found.addAll(list(folder, PictureFiles::isPicture));
      for (Path inner : list(folder, Files::isDirectory)) {
        add(inner, found, seen, problems);
      }
    } catch (IOException e) {
      problems.accept(unreadable(folder, e));
    } catch (DataException e) {
      problems.accept(e);
    }
  }

  /** What is in a folder, but for what begins with a dot, in the order of names. */
  static List<Path> list(Path folder, Predicate<Path> kind) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.filter(kind).filter(entry -> !isHidden(entry)).sorted().toList();
    } catch (NotDirectoryException e) {
      throw new DataException(FileNames.shown(folder) + ": is a file; a folder is needed", e);
    } catch (IOException e) {
      throw unreadable(folder, e);
    } catch (UncheckedIOException e) {
      throw unreadable(folder, e.getCause());
    }
  }

  private static DataException unreadable(Path folder, IOException cause) {
    String problem = Files.exists(folder) ? cause.toString() : "no such folder";
    return new DataException(FileNames.shown(folder) + ": cannot be read: " + problem, cause);
  }

  private static boolean isHidden(Path entry) {
    return entry.getFileName().toString().startsWith(".");
  }

  /** Whether a file's name says that it is a picture. */
  static boolean isPicture(Path file) {
    String fileName = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return ENDINGS.contains(fileName.substring(fileName.lastIndexOf('.') + 1))
        && Files.isRegularFile(file);
  }
}
