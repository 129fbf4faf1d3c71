package io.resfuse.engine.cudnn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.cuda.LibraryHost;
import io.resfuse.engine.cudnn.dnn.Dnn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said where cuDNN cannot be had. Nothing native is loaded. */
class CudnnLibraryTest {
  @TempDir private Path folder;

  @Test
  void namesThePathsThatWereTried() {
    Path other = folder.resolve("there");
    assertThatThrownBy(() -> new CudnnLibrary(List.of(folder, other)).find())
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "cuDNN is not here: no libcudnn.so.9 in %s, %s; install cuDNN 9, or name its folder by"
                + " -Dresfuse.cudnn.folder=FOLDER",
            folder, other);
  }

  @Test
  void namesTheWrongMajorVersion() throws IOException {
    Path old = Files.createFile(folder.resolve("libcudnn.so.8"));
    Files.createFile(folder.resolve("libcudnn_ops.so.7"));
    CudnnLibrary library = new CudnnLibrary(List.of(folder.resolve("missing"), folder));
    assertThatThrownBy(library::find)
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("engine cudnn needs cuDNN 9, found only " + old + "; install");
    assertThat(library.probe(EngineOptions.defaults()).available()).isFalse();
  }

  @Test
  void takesTheFirstFolderThatHasIt() throws IOException {
    Path first = Files.createDirectory(folder.resolve("first"));
    Path second = Files.createDirectory(folder.resolve("second"));
    Files.createFile(second.resolve("libcudnn.so.9"));
    CudnnLibrary library = new CudnnLibrary(List.of(first, second));
    assertThat(library.find()).isEqualTo(second.resolve("libcudnn.so.9"));
    Path better = Files.createFile(first.resolve("libcudnn.so.9"));
    assertThat(library.find()).isEqualTo(better);
  }

  /** An empty file cannot be loaded, so a probe that says why there is no GPU has not tried to. */
  @Test
  void saysWhyThereIsNoGpuWithoutLoadingAnything() throws IOException {
    Files.createFile(folder.resolve("libcudnn.so.9"));
    EngineOptions options = new EngineOptions(0, "no such device");
    Availability gpu = LibraryHost.probe(options);
    assertThat(new CudnnLibrary(List.of(folder)).probe(options))
        .isEqualTo(new Availability(false, "cuDNN 9 is in " + folder + ", but " + gpu.detail()));
  }

  @Test
  void doesNotTakeSoftcudaForAGpu() throws IOException {
    Files.createFile(folder.resolve("libcudnn.so.9"));
    Availability softcuda =
        new CudnnLibrary(List.of(folder)).probe(new EngineOptions(0, "softcuda"));
    assertThat(softcuda.available()).isFalse();
    assertThat(softcuda.detail()).contains("softcuda runs PTX only");
  }

  @Test
  void saysWhatCannotBeLoaded() throws IOException {
    assumeFalse(Dnn.isLoaded(), "another test has loaded cuDNN");
    Path empty = Files.createFile(folder.resolve("libcudnn.so.9"));
    CudnnLibrary library = new CudnnLibrary(List.of(folder));
    assertThatThrownBy(library::load)
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("cuDNN cannot be loaded from " + empty + ": ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void looksWherePropertyThenEnvironmentThenSystemSay() {
    Map<String, String> environment =
        Map.of("CUDNN_PATH", "/own", "LD_LIBRARY_PATH", "/a::/b:/own/lib");
    Path lib = Path.of("/usr/lib");
    Path local = Path.of("/usr/local");
    assertThat(CudnnLibrary.folders("/mine", environment, lib, local))
        .containsExactly(Path.of("/mine"));
    assertThat(CudnnLibrary.folders("", environment, lib, local))
        .containsExactly(
            Path.of("/own/lib"),
            Path.of("/own/lib64"),
            Path.of("/a"),
            Path.of("/b"),
            Path.of("/usr/lib/x86_64-linux-gnu"),
            Path.of("/usr/lib64"),
            Path.of("/usr/local/cuda/lib64"),
            Path.of("/usr/local/lib"));
    assertThat(CudnnLibrary.folders("", Map.of(), lib, local)).hasSize(4);
  }
}
