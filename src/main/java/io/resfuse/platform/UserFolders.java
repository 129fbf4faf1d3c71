package io.resfuse.platform;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where a user's files belong. Stateless and thread-safe. */
public final class UserFolders {
  private static final String NAME = "resfuse";
  private static final String HOME = "user.home";

  private UserFolders() {}

  /**
   * The folder for what can be fetched or computed again: {@code $RESFUSE_CACHE} if that is set;
   * else on Linux {@code $XDG_CACHE_HOME/resfuse} or {@code ~/.cache/resfuse}, on macOS {@code
   * ~/Library/Caches/resfuse}, on Windows {@code %LOCALAPPDATA%\resfuse}. Where Java knows no home
   * folder, it is {@code $HOME}. A user without one, or with one that cannot be written, has {@link
   * #ownTemporary} instead: never the folder in which the program was started.
   *
   * @return the folder's absolute path; it may not exist yet
   */
  public static Path cache() {
    Path folder = cache(OperatingSystem.current(), Settings.environment(), javaHome());
    return isNamed() || Files.isDirectory(folder) || canBeMade(folder) ? folder : ownTemporary();
  }

  /**
   * The folder of {@link #cache} for one file: {@link #ownTemporary} where the file is not there
   * and cannot be written there, unless {@code $RESFUSE_CACHE} says otherwise.
   *
   * @param name of the file
   * @return the folder's absolute path; it may not exist yet
   */
  public static Path cacheFor(String name) {
    Path folder = cache();
    boolean kept = isNamed() || Files.exists(folder.resolve(name)) || canBeMade(folder);
    return kept ? folder : ownTemporary();
  }

  private static boolean isNamed() {
    return !Settings.CACHE.value().orElse("").isEmpty();
  }

  private static String javaHome() {
    return System.getProperty(HOME, "");
  }

  /** Whether the first folder above it that is there can be written. */
  private static boolean canBeMade(Path folder) {
    for (Path each = folder; each != null; each = each.getParent()) {
      if (Files.exists(each)) {
        return Files.isDirectory(each) && Files.isWritable(each);
      }
    }
    return false;
  }

  /**
   * Has libraries that ask Java for the home folder, and Java's own, find the one that the
   * environment names, or else this user's temporary folder: of a user who is in no list of users,
   * as in containers, Java says "?", and they would make a folder of that name where the program
   * was started. For programs, at their start.
   */
  public static void correctHome() {
    if (!isFolder(javaHome())) {
      String home = home(Settings.environment(), javaHome());
      System.setProperty(HOME, home == null ? ownTemporary().toString() : home);
    }
  }

  /**
   * A folder of {@link #cache} before something is read in it.
   *
   * @param folder perhaps this user's own temporary one, which is made if it is not there
   * @return the same
   * @throws IOException if it is, and somebody else could change what is in it: what was found, and
   *     what to do, in one line
   */
  public static Path trusted(Path folder) throws IOException {
    return folder.equals(ownTemporary()) ? OwnFolder.make(folder) : folder;
  }

  /**
   * The system's folder for temporary files, of all users.
   *
   * @return {@code java.io.tmpdir}
   */
  public static Path temporary() {
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  /**
   * This user's own folder for temporary files.
   *
   * @return a folder in {@link #temporary()}; it may not exist yet
   */
  public static Path ownTemporary() {
    return temporary().toAbsolutePath().resolve(NAME + "-" + user());
  }

  /** The user's name, or the number of one who has none. */
  private static String user() {
    String name = System.getProperty("user.name", "");
    if (name.matches("[\\p{Alnum}_.@-]+")) {
      return name;
    }
    try {
      return String.valueOf(OwnFolder.user());
    } catch (IOException | UnsupportedOperationException e) {
      return "user";
    }
  }

  static Path cache(OperatingSystem system, Map<String, String> environment, String home) {
    String own = environment.getOrDefault(Settings.CACHE.key(), "");
    if (!own.isEmpty()) {
      return Path.of(own).toAbsolutePath().normalize();
    }
    Path folder = cacheOf(system, environment, home(environment, home));
    return folder == null ? ownTemporary() : folder;
  }

  /** Java says "?" where there is no home folder. */
  private static @Nullable String home(Map<String, String> environment, String javaHome) {
    if (isFolder(javaHome)) {
      return javaHome;
    }
    String home = environment.getOrDefault(Settings.HOME.key(), "");
    return isFolder(home) ? home : null;
  }

  private static boolean isFolder(String path) {
    try {
      return Path.of(path).isAbsolute();
    } catch (InvalidPathException e) {
      return false; // Windows has no file called "?".
    }
  }

  private static @Nullable Path cacheOf(
      OperatingSystem system, Map<String, String> environment, @Nullable String home) {
    String base =
        switch (system) {
          case WINDOWS -> environment.getOrDefault(Settings.LOCALAPPDATA.key(), "");
          case MACOS -> "";
          case LINUX, OTHER -> environment.getOrDefault(Settings.XDG_CACHE_HOME.key(), "");
        };
    // The XDG specification says that relative paths are to be ignored.
    boolean usable = system == OperatingSystem.WINDOWS ? !base.isEmpty() : base.startsWith("/");
    if (usable) {
      return Path.of(base, NAME);
    }
    if (home == null) {
      return null;
    }
    return switch (system) {
      case WINDOWS -> Path.of(home, "AppData", "Local", NAME);
      case MACOS -> Path.of(home, "Library", "Caches", NAME);
      case LINUX, OTHER -> Path.of(home, ".cache", NAME);
    };
  }
}
