package io.resfuse.platform;

import java.nio.file.Path;
import java.util.Map;

/** Where a user's files belong. Stateless and thread-safe. */
public final class UserFolders {
  private static final String NAME = "resfuse";

  private UserFolders() {}

  /**
   * The folder for what can be fetched or computed again: {@code $RESFUSE_CACHE} if that is set;
   * else on Linux {@code $XDG_CACHE_HOME/resfuse} or {@code ~/.cache/resfuse}, on macOS {@code
   * ~/Library/Caches/resfuse}, on Windows {@code %LOCALAPPDATA%\resfuse}. A user without a home
   * folder has {@link #ownTemporary} instead.
   *
   * @return the folder's absolute path; it may not exist yet
   */
  public static Path cache() {
    return cache(
        OperatingSystem.current(), Settings.environment(), System.getProperty("user.home", ""));
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
    return temporary().toAbsolutePath().resolve(NAME + "-" + System.getProperty("user.name"));
  }

  static Path cache(OperatingSystem system, Map<String, String> environment, String home) {
    String own = environment.getOrDefault(Settings.CACHE.key(), "");
    if (!own.isEmpty()) {
      return Path.of(own).toAbsolutePath().normalize();
    }
    // Java says "?" where there is no home folder.
    return Path.of(home).isAbsolute() ? cacheOf(system, environment, home) : ownTemporary();
  }

  private static Path cacheOf(
      OperatingSystem system, Map<String, String> environment, String home) {
    return switch (system) {
      case WINDOWS -> {
        String local = environment.getOrDefault(Settings.LOCALAPPDATA.key(), "");
        yield local.isEmpty() ? Path.of(home, "AppData", "Local", NAME) : Path.of(local, NAME);
      }
      case MACOS -> Path.of(home, "Library", "Caches", NAME);
      case LINUX, OTHER -> {
        // The XDG specification says that relative paths are to be ignored.
        String xdg = environment.getOrDefault(Settings.XDG_CACHE_HOME.key(), "");
        yield xdg.startsWith("/") ? Path.of(xdg, NAME) : Path.of(home, ".cache", NAME);
      }
    };
  }
}
