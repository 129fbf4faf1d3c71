package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class UserFoldersTest {
  private static final Map<String, String> XDG = Map.of("XDG_CACHE_HOME", "/x");

  @ParameterizedTest
  @EnumSource(OperatingSystem.class)
  void ownFolderGoesFirst(OperatingSystem system) {
    Map<String, String> all =
        Map.of("RESFUSE_CACHE", "/r", "XDG_CACHE_HOME", "/x", "LOCALAPPDATA", "/l");
    assertThat(UserFolders.cache(system, all, "/h")).isEqualTo(Path.of("/r"));
  }

  @ParameterizedTest
  @EnumSource(names = {"LINUX", "OTHER"})
  void unixFollowsXdg(OperatingSystem system) {
    assertThat(UserFolders.cache(system, XDG, "/h")).isEqualTo(Path.of("/x/resfuse"));
    assertThat(UserFolders.cache(system, Map.of("XDG_CACHE_HOME", "relative"), "/h"))
        .isEqualTo(Path.of("/h/.cache/resfuse"));
    assertThat(UserFolders.cache(system, Map.of("RESFUSE_CACHE", ""), "/h"))
        .isEqualTo(Path.of("/h/.cache/resfuse"));
  }

  /** What Java calls the home folder of a user who has none must not become a folder. */
  @ParameterizedTest
  @EnumSource(OperatingSystem.class)
  void withoutAHomeItIsTheTemporaryFolder(OperatingSystem system) {
    assertThat(UserFolders.cache(system, Map.of(), "?")).isEqualTo(UserFolders.ownTemporary());
    assertThat(UserFolders.cache(system, Map.of(), "")).isEqualTo(UserFolders.ownTemporary());
    assertThat(UserFolders.ownTemporary()).isAbsolute();
  }

  /** Java 17 asks the list of users, containers set HOME. */
  @ParameterizedTest
  @EnumSource(OperatingSystem.class)
  void whereJavaKnowsNoHomeTheEnvironmentDoes(OperatingSystem system) {
    Map<String, String> home = Map.of("HOME", "/h");
    assertThat(UserFolders.cache(system, home, "?"))
        .isEqualTo(UserFolders.cache(system, Map.of(), "/h"));
    assertThat(UserFolders.cache(system, home, "/java"))
        .isEqualTo(UserFolders.cache(system, Map.of(), "/java"));
    assertThat(UserFolders.cache(system, Map.of("HOME", "relative"), "?"))
        .isEqualTo(UserFolders.ownTemporary());
  }

  @Test
  void foldersForCachesNeedNoHome() {
    assertThat(UserFolders.cache(OperatingSystem.LINUX, XDG, "?")).isEqualTo(Path.of("/x/resfuse"));
    assertThat(UserFolders.cache(OperatingSystem.WINDOWS, Map.of("LOCALAPPDATA", "/l"), "?"))
        .isEqualTo(Path.of("/l/resfuse"));
  }

  @Test
  void homesAreCorrectedWhereJavaKnowsNone() {
    String before = System.getProperty("user.home");
    try {
      System.setProperty("user.home", "?");
      UserFolders.correctHome();
      String home = System.getenv("HOME");
      assertThat(System.getProperty("user.home"))
          .isEqualTo(
              home != null && home.startsWith("/") ? home : UserFolders.ownTemporary().toString());
      System.setProperty("user.home", "/elsewhere");
      UserFolders.correctHome();
      assertThat(System.getProperty("user.home")).isEqualTo("/elsewhere");
    } finally {
      System.setProperty("user.home", before);
    }
  }

  @Test
  void aUserWithoutANameHasANumber() {
    String before = System.getProperty("user.name");
    try {
      System.setProperty("user.name", "?");
      assertThat(UserFolders.ownTemporary().getFileName().toString())
          .matches("resfuse-([0-9]+|user)");
    } finally {
      System.setProperty("user.name", before);
    }
  }

  @Test
  void aRelativeFolderIsMadeAbsolute() {
    assertThat(UserFolders.cache(OperatingSystem.LINUX, Map.of("RESFUSE_CACHE", "a/../b"), "/h"))
        .isEqualTo(Path.of("b").toAbsolutePath());
  }

  @Test
  void macosHasCachesInTheLibrary() {
    assertThat(UserFolders.cache(OperatingSystem.MACOS, XDG, "/Users/h"))
        .isEqualTo(Path.of("/Users/h/Library/Caches/resfuse"));
  }

  @Test
  void windowsHasLocalApplicationData() {
    String local = "C:\\Users\\h\\AppData\\Local";
    assertThat(UserFolders.cache(OperatingSystem.WINDOWS, Map.of("LOCALAPPDATA", local), "/h"))
        .isEqualTo(Path.of(local, "resfuse"));
    assertThat(UserFolders.cache(OperatingSystem.WINDOWS, XDG, "/h"))
        .isEqualTo(Path.of("/h/AppData/Local/resfuse"));
  }
}
