package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

/** The jar as it is packed; runs after that, not with the other tests. */
class JarIT {
  private static final Path JAR = Path.of("target/resfuse.jar");

  @Test
  void isAModuleForThoseWhoHaveModules() {
    ModuleDescriptor module = ModuleFinder.of(JAR).find("io.resfuse").orElseThrow().descriptor();
    assertThat(module.isAutomatic()).isTrue();
    assertThat(module.packages()).contains("io.resfuse", "io.resfuse.engine", "io.resfuse.weights");
    assertThat(module.provides())
        .anySatisfy(
            provided ->
                assertThat(provided.service()).isEqualTo("io.resfuse.engine.EngineProvider"));
  }

  @Test
  void mayLoadNativeLibrariesAsAProgram() throws IOException {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      Attributes main = jar.getManifest().getMainAttributes();
      assertThat(main.getValue("Enable-Native-Access")).isEqualTo("ALL-UNNAMED");
      assertThat(main.getValue(Attributes.Name.MAIN_CLASS)).isEqualTo("io.resfuse.cli.Main");
    }
  }
}
