package io.resfuse.platform;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Native libraries are loaded from one folder, {@code natives} in the user's cache folder, that
 * nobody else can change ({@link OwnFolder}); where that is not so, from one in the temporary
 * folder. Each library lies in a folder that is named after its content, so that versions live side
 * by side. Thread-safe; several processes may unpack at once.
 */
public final class NativeFiles {
  private static final Logger log = LoggerFactory.getLogger(NativeFiles.class);

  private static final String NAME = "natives";
  private static final String JAVACPP_FOLDER = "org.bytedeco.javacpp.cachedir";
  private static final String TEMPORARY_FOLDER = "java.io.tmpdir";

  /**
   * The time of modification of files that were read back after they were written. With their size
   * it tells at later starts that they are whole, without reading them: only this user can write
   * there, and whoever writes changes the time.
   */
  private static final FileTime CHECKED = FileTime.from(Instant.parse("2000-01-01T00:00:00Z"));

  private static @Nullable Path folder;

  private NativeFiles() {}

  /**
   * Where native libraries are loaded from; made if it is not there yet.
   *
   * @return an absolute path, the same for the life of the process
   * @throws IOException if no place is safe: what was found, and what to do, in one line
   */
  public static synchronized Path folder() throws IOException {
    if (folder == null) {
      folder = first(List.of(UserFolders.cache(), UserFolders.ownTemporary()));
    }
    return folder;
  }

  /** The first of several places in which a folder for native libraries can be. */
  static Path first(List<Path> places) throws IOException {
    List<String> problems = new ArrayList<>();
    for (Path place : places) {
      try {
        Path found = OwnFolder.make(place.resolve(NAME));
        if (!Files.isWritable(found)) {
          throw new IOException(found + " cannot be written");
        }
        if (!problems.isEmpty()) {
          log.warn("native libraries are unpacked to {}: {}", found, String.join("; ", problems));
        }
        return found;
      } catch (IOException e) {
        boolean isNamed = !(e instanceof FileSystemException file) || file.getReason() != null;
        problems.add(isNamed ? String.valueOf(e.getMessage()) : e.toString());
      }
    }
    throw new IOException("native libraries cannot be unpacked: " + String.join("; ", problems));
  }

  /**
   * Unpacks a library, unless it is there already.
   *
   * @param resource the library, in a jar or in a folder of classes
   * @return its file in {@link #folder}
   * @throws IOException if it cannot be written there, or reads otherwise than it was written
   */
  public static Path unpack(URL resource) throws IOException {
    return unpack(resource, folder());
  }

  /**
   * Loads a library that the build has compiled into the jar. Its native methods belong to a class
   * of this library.
   *
   * @param name as in {@link System#mapLibraryName}
   * @return what keeps it from being loaded, in one line; null if it was loaded
   */
  public static @Nullable String load(String name) {
    String resource = "/natives/" + Platform.current() + "/" + System.mapLibraryName(name);
    URL library = NativeFiles.class.getResource(resource);
    if (library == null) {
      return "the jar has no " + resource + "; it is built where a C++ compiler and cmake are";
    }
    try {
      System.load(unpack(library).toString());
      return null;
    } catch (IOException | UnsatisfiedLinkError e) {
      return e.toString();
    }
  }

  /**
   * What to do about a library that cannot be loaded.
   *
   * @param problem what the system's loader says
   * @param usual what to do unless it is short of memory
   * @return one of both
   */
  public static String remedy(String problem, String usual) {
    return problem.contains("failed to map segment") || problem.contains("annot allocate memory")
        ? "memory is short; raise this process's limit if it has one (ulimit -v)"
        : usual;
  }

  /** The same with another folder, which is an {@link OwnFolder}. */
  static synchronized Path unpack(URL resource, Path root) throws IOException {
    URLConnection connection = resource.openConnection();
    long checksum;
    long size;
    if (connection instanceof JarURLConnection jar) {
      checksum = jar.getJarEntry().getCrc();
      size = jar.getJarEntry().getSize();
    } else {
      byte[] content = read(resource);
      checksum = checksum(content);
      size = content.length;
    }
    String name = resource.getPath().substring(resource.getPath().lastIndexOf('/') + 1);
    Path place = root.resolve(String.format("%s-%08x", name, checksum));
    while (true) {
      Path file = OwnFolder.make(place).resolve(name);
      if (isWhole(file, size) && UnusedNatives.isMarked(file)) {
        return file;
      }
      boolean isNew;
      try (FolderLock lock = FolderLock.acquire(UnusedNatives.lock(file))) {
        isNew = !isWhole(file, size);
        if (isNew) {
          write(file, read(resource), checksum);
        }
        UnusedNatives.mark(lock);
      } catch (NoSuchFileException e) {
        if (Files.exists(place)) {
          throw e;
        }
        continue; // It was removed as unused in this moment.
      }
      if (isNew) {
        UnusedNatives.remove(root);
      }
      return file;
    }
  }

  private static boolean isWhole(Path file, long size) throws IOException {
    try {
      BasicFileAttributes attributes =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return attributes.isRegularFile()
          && attributes.size() == size
          && attributes.lastModifiedTime().equals(CHECKED);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** Replaces whatever is there; the lock is held. */
  private static void write(Path file, byte[] content, long checksum) throws IOException {
    WholeFile.removeLeftovers(file.getParent());
    if (Files.isSymbolicLink(file)) {
      Files.delete(file);
    }
    WholeFile.write(file, content);
    if (checksum(Files.readAllBytes(file)) != checksum) {
      throw new IOException(file + " does not read as it was written; is the disk damaged?");
    }
    Files.setLastModifiedTime(file, CHECKED);
  }

  private static byte[] read(URL resource) throws IOException {
    try (InputStream in = resource.openStream()) {
      return in.readAllBytes();
    }
  }

  private static long checksum(byte[] content) {
    CRC32 crc = new CRC32();
    crc.update(content);
    return crc.getValue();
  }

  /**
   * Has JavaCPP unpack its libraries to {@link #folder}; to be called before any of its classes is
   * used. It tells by size and time of a file whether it is whole, and unpacks under a lock. Where
   * the program has chosen a folder by JavaCPP's own property, or has used JavaCPP before, that
   * holds.
   *
   * @throws IOException if there is no safe folder: what was found, and what to do, in one line
   */
  public static void useForJavaCpp() throws IOException {
    if (System.getProperty(JAVACPP_FOLDER) == null) {
      System.setProperty(JAVACPP_FOLDER, OwnFolder.make(folder().resolve("javacpp")).toString());
    }
  }

  /**
   * Loads a library of JCuda, which looks for it in {@code java.library.path} and else takes any
   * file of its name in the system's temporary folder. It asks which folder that is each time, so
   * for the while it is told the one that the library was unpacked to. Temporary files that other
   * threads make in this moment may lie there, too.
   *
   * @param neighbour a class beside the library on the class path
   * @param resource the library; it need not be there
   * @param initialize has JCuda load it
   * @throws IOException if there is no safe folder, the library cannot be unpacked, or JCuda would
   *     take it from a relative folder
   */
  public static synchronized void loadJCuda(
      Class<?> neighbour, String resource, Runnable initialize) throws IOException {
    refuseRelative(resource.substring(resource.lastIndexOf('/') + 1));
    URL library = neighbour.getResource(resource);
    Path place = library == null ? folder() : unpack(library).getParent();
    String before = System.getProperty(TEMPORARY_FOLDER);
    System.setProperty(TEMPORARY_FOLDER, place.toString());
    try {
      initialize.run();
    } finally {
      System.setProperty(TEMPORARY_FOLDER, before);
    }
  }

  /** An empty entry of a path is the current folder. */
  private static void refuseRelative(String file) throws IOException {
    String folders = System.getProperty("java.library.path", "");
    for (String each : folders.split(File.pathSeparator, -1)) {
      Path path = Path.of(each, file);
      if (!path.isAbsolute() && Files.exists(path)) {
        throw new IOException(
            path.toAbsolutePath()
                + " is in the way: leave the relative folder '"
                + each
                + "' out of java.library.path (on Linux of LD_LIBRARY_PATH)");
      }
    }
  }

  /**
   * What tells a text from others.
   *
   * @param text any
   * @return the first digits of its SHA-256
   */
  public static String hash(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
