package io.resfuse.platform;

import java.util.Locale;

/** The operating systems that differ in what is asked of them here. */
public enum OperatingSystem {
  /** Linux, with any C library. */
  LINUX("linux"),
  /** Apple's macOS. */
  MACOS("macosx"),
  /** Microsoft Windows. */
  WINDOWS("windows"),
  /** Another Unix. */
  OTHER("unix");

  private static final OperatingSystem current = of(System.getProperty("os.name"));

  private final String label;

  OperatingSystem(String label) {
    this.label = label;
  }

  /**
   * The system that this process runs on.
   *
   * @return found once
   */
  public static OperatingSystem current() {
    return current;
  }

  static OperatingSystem of(String javaName) {
    String name = javaName.toLowerCase(Locale.ROOT);
    if (name.startsWith("windows")) {
      return WINDOWS;
    }
    if (name.startsWith("mac") || name.startsWith("darwin")) {
      return MACOS;
    }
    return name.startsWith("linux") ? LINUX : OTHER;
  }

  /**
   * Whether a file that is mapped into memory can be replaced or deleted. Windows refuses both
   * until the mapping is gone, and Java unmaps when it collects garbage.
   *
   * @return false on Windows
   */
  public boolean letsGoOfMappedFiles() {
    return this != WINDOWS;
  }

  /** As in the classifiers of native libraries: linux, macosx, windows. */
  @Override
  public String toString() {
    return label;
  }
}
