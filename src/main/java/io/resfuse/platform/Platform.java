package io.resfuse.platform;

/**
 * Operating system and processor, for which native libraries are made.
 *
 * @param system the operating system
 * @param architecture the processor's, as in the classifiers of native libraries: {@code x86_64},
 *     {@code arm64}, or Java's name for another one
 */
public record Platform(OperatingSystem system, String architecture) {
  /**
   * The platform that this process runs on.
   *
   * @return from Java's properties {@code os.name} and {@code os.arch}
   */
  public static Platform current() {
    return of(System.getProperty("os.name"), System.getProperty("os.arch"));
  }

  /**
   * The system and the processor, as Java calls them.
   *
   * @return for example {@code Linux amd64}
   */
  public static String inWords() {
    return System.getProperty("os.name") + " " + System.getProperty("os.arch");
  }

  static Platform of(String osName, String osArch) {
    String architecture =
        switch (osArch) {
          case "amd64", "x86-64" -> "x86_64";
          case "aarch64" -> "arm64";
          default -> osArch;
        };
    return new Platform(OperatingSystem.of(osName), architecture);
  }

  /** The classifier of jars with its native libraries: {@code linux-arm64} for example. */
  @Override
  public String toString() {
    return system + "-" + architecture;
  }
}
