package io.resfuse.platform;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/**
 * A folder that nobody but this user and the system can change: code may be loaded from it.
 *
 * <p>That is checked for the folder and each one above it, after symbolic links are followed. Each
 * belongs to this user, to root or to the owner of {@code /} (in a user namespace root has another
 * number), and others may not write to it. There are two exceptions. In folders above it with the
 * sticky bit, as {@code /tmp}, others may write, for they can neither rename nor delete what is not
 * theirs. And a group may write whose number is that of the owner: such a group has no other
 * members where every user has one, and systems that give users their own group let it write.
 *
 * <p>Windows has no such numbers and modes: there nothing is checked, and it is the user's profile,
 * in which caches and temporary files are, that keeps others out.
 */
final class OwnFolder {
  private static final String NUMBERS = "unix:uid,gid,mode";
  private static final boolean HAS_NUMBERS =
      FileSystems.getDefault().supportedFileAttributeViews().contains("unix");

  private static final int ROOT = 0;
  private static final int STICKY = 01000;
  private static final int GROUP_WRITES = 020;
  private static final int OTHERS_WRITE = 02;

  private OwnFolder() {}

  /**
   * Makes a folder that is not there yet, for this user only (mode 0700), and those above it.
   *
   * @param folder may be relative
   * @return its absolute path without symbolic links
   * @throws IOException if it cannot be made, or somebody else could change what is in it: what was
   *     found, and what to do, in one line
   */
  static Path make(Path folder) throws IOException {
    return make(folder.toAbsolutePath().normalize(), true);
  }

  /** What is above it is checked before something is made in it. */
  private static Path make(Path folder, boolean isLast) throws IOException {
    Path parent = folder.getParent();
    if (!Files.isDirectory(folder) && parent != null) {
      try {
        Files.createDirectory(make(parent, false).resolve(folder.getFileName()), forThisUser());
      } catch (FileAlreadyExistsException e) {
        if (!Files.isDirectory(folder)) {
          throw new IOException(folder + " is not a folder", e);
        }
      }
    }
    Path real = folder.toRealPath();
    if (HAS_NUMBERS) {
      long user = user();
      long system = uid(real.getRoot());
      if (Files.isSymbolicLink(folder)) {
        checkOwner(folder, user, system);
      }
      for (Path each = real; each != null; each = each.getParent()) {
        checkOwner(each, user, system);
        checkMode(each, isLast && each.equals(real));
      }
    }
    return real;
  }

  private static FileAttribute<?>[] forThisUser() {
    return HAS_NUMBERS
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        }
        : new FileAttribute<?>[0];
  }

  /** Whom this process runs as: the owner of its entry in /proc, or of the home folder. */
  static long user() throws IOException {
    Path self = Path.of("/proc/self");
    return ((Number)
            Files.getAttribute(
                Files.exists(self) ? self : Path.of(System.getProperty("user.home")), "unix:uid"))
        .longValue();
  }

  private static long uid(Path path) throws IOException {
    return number(numbers(path), "uid");
  }

  private static Map<String, Object> numbers(Path path) throws IOException {
    return Files.readAttributes(path, NUMBERS, LinkOption.NOFOLLOW_LINKS);
  }

  private static long number(Map<String, Object> numbers, String which) {
    return ((Number) numbers.get(which)).longValue();
  }

  private static void checkOwner(Path path, long user, long system) throws IOException {
    long owner = uid(path);
    if (owner != user && owner != ROOT && owner != system) {
      throw unsafe(path + " belongs to another user (number " + owner + ")", "");
    }
  }

  private static void checkMode(Path path, boolean isLast) throws IOException {
    Map<String, Object> numbers = numbers(path);
    long mode = number(numbers, "mode");
    boolean group = (mode & GROUP_WRITES) != 0 && number(numbers, "gid") != number(numbers, "uid");
    boolean others = (mode & OTHERS_WRITE) != 0;
    if ((group || others) && (isLast || (mode & STICKY) == 0)) {
      throw unsafe(
          String.format(
              "%s can be written by %s (mode %o)",
              path, others ? "everybody" : "group number " + number(numbers, "gid"), mode & 07777),
          "chmod go-w it, or ");
    }
  }

  private static IOException unsafe(String found, String first) {
    return new IOException(
        found
            + ", so code is not loaded from there; "
            + first
            + "set "
            + Settings.CACHE.key()
            + " to a folder of your own");
  }
}
